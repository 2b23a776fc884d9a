"""Routes of counsel: links made by a party, opened by whoever holds one, without an account."""

import hashlib
import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import clock, db
from app.access import PARTIES, may
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.identity.errors import IdempotencyKeyReused
from app.licensing.contracts import counsel, life, service
from app.licensing.contracts.models_counsel import CounselLink
from app.licensing.contracts.names import registered_names
from app.licensing.contracts.shown import CONTRACT_ID, SHA256, ChangeRead, changes
from app.licensing.document import contract as documents
from app.licensing.document.example import DOCUMENT
from app.licensing.errors import (
    ContractNotFound,
    CounselLimitReached,
    CounselLinkNotFound,
    CounselLinkRefused,
    NegotiationOver,
    PointerUnknown,
)
from app.licensing.words import plain_language
from app.licensing.words.api_words import SectionRead, told
from app.problems import problems

router = APIRouter(prefix="/v1", tags=["counsel"])
SECRET = "ustc_" + SHA256
LINK_ID = "cnl_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"


class CounselLinkCreate(BaseModel):
    """Whom a link is for, how long it stands, who sees what is said through it."""

    model_config = ConfigDict(extra="forbid")

    counsel: str = Field(min_length=1, max_length=200, examples=["M. Okafor, for the performer"])
    shared: bool = Field(False, description="Let both sides see the comments, not yours alone.")
    expires_at: AwareDatetime | None = Field(
        None, examples=[None], description="Within 90 days; left out, 14 days from now."
    )


class CounselLinkRead(BaseModel):
    """A link, without what opens it."""

    model_config = ConfigDict(from_attributes=True)

    id: str = Field(examples=[LINK_ID])
    contract_id: str = Field(
        validation_alias=AliasChoices("series_id", "contract_id"), examples=[CONTRACT_ID]
    )
    version: int = Field(examples=[1])
    counsel: str = Field(examples=["M. Okafor, for the performer"])
    shared: bool = Field(examples=[False])
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = Field(examples=[None])


class CounselLinkMade(CounselLinkRead):
    """A link, with the address that opens it: whoever has it can read and comment."""

    link: str = Field(examples=[f"/v1/counsel/{SECRET}"])


class CounselLinkPage(BaseModel):
    """Links, newest first; `next_before` continues the list."""

    items: list[CounselLinkRead]
    next_before: str | None = Field(examples=[None])


class CommentCreate(BaseModel):
    """What counsel says of one field of one round."""

    model_config = ConfigDict(extra="forbid")

    round: int = Field(ge=1, le=10_000, examples=[1])
    pointer: str = Field(
        max_length=1000,
        examples=["/grant/territories"],
        description="RFC 6901; empty for the whole document.",
    )
    text: str = Field(min_length=1, max_length=4000, examples=["Leave out Japan."])


class CommentRead(BaseModel):
    """What counsel said, of which field, in which round."""

    id: str = Field(examples=["cmt_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    counsel: str = Field(examples=["M. Okafor, for the performer"])
    version: int = Field(examples=[1])
    round: int = Field(examples=[1])
    pointer: str = Field(examples=["/grant/territories"])
    text: str = Field(examples=["Leave out Japan."])
    created_at: datetime


class CommentPage(BaseModel):
    """Comments, newest first; `next_before` continues the list."""

    items: list[CommentRead]
    next_before: str | None = Field(examples=[None])


class NegotiationRead(BaseModel):
    """What counsel sees of a negotiation: its newest round, what that changed, what was said."""

    version: int = Field(examples=[1])
    round: int = Field(examples=[2])
    status: life.State = Field(examples=["countered"])
    author_side: str = Field(examples=["licensee"])
    offer_expires_at: datetime | None = Field(examples=[None])
    link_expires_at: datetime
    document: dict[str, Any] = Field(examples=[DOCUMENT])
    document_sha256: str = Field(examples=[SHA256])
    plain_language: list[SectionRead]
    changes: list[ChangeRead] = Field(description="Against the round before.")
    comments: list[CommentRead] = Field(description="Made through this link, oldest first.")


@router.post(
    "/contracts/{contract_id}/counsel-links",
    status_code=201,
    response_model=CounselLinkMade,
    responses=act_refusals(ContractNotFound, CounselLinkRefused, CounselLimitReached),
)
@may(*PARTIES, to="negotiate")
def make_counsel_link(contract_id: str, body: CounselLinkCreate, act: Acting) -> Response:
    """Make a link with which counsel reads and comments on what is being negotiated."""

    def make(session: Session) -> tuple[int, BaseModel]:
        contract = service.newest_document_of(session, act.organization_id, contract_id)
        link = counsel.make_link(
            session,
            contract,
            act.organization_id,
            counsel=body.counsel,
            shared=body.shared,
            expires_at=body.expires_at,
            api_key_id=act.principal.api_key_id,
        )
        return 201, CounselLinkRead.model_validate(link)

    # What opens the link is added to the kept answer each time: it is stored nowhere.
    kept = json.loads(bytes(act.once(fingerprint_of(body), make).body))
    link = CounselLinkMade(**kept, link=f"/v1/counsel/{counsel.secret_of(kept['id'])}")
    return Response(link.model_dump_json(by_alias=True), 201, media_type="application/json")


@router.get("/contracts/{contract_id}/counsel-links", responses=read_refusals(ContractNotFound))
@may(*PARTIES, to="read")
def list_counsel_links(
    contract_id: str,
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> CounselLinkPage:
    """List the links your side has made to a contract, newest first."""
    contract = service.newest_document_of(read.session, read.organization_id, contract_id)
    found = counsel.links_of(
        read.session, contract, read.organization_id, before=before, limit=limit
    )
    return CounselLinkPage(
        items=[CounselLinkRead.model_validate(link) for link in found],
        next_before=found[-1].id if len(found) == limit else None,
    )


@router.post(
    "/counsel-links/{link_id}/revocation",
    status_code=201,
    response_model=CounselLinkRead,
    responses=act_refusals(CounselLinkNotFound),
)
@may(*PARTIES, to="negotiate")
def revoke_counsel_link(link_id: str, act: Acting) -> Response:
    """Close a link of your side's at once; what was said through it stays."""

    def revoke(session: Session) -> tuple[int, BaseModel]:
        link = counsel.link_of(session, act.organization_id, link_id)
        return 201, CounselLinkRead.model_validate(counsel.revoke_link(session, link))

    return act.once(b"", revoke)


@router.get("/contracts/{contract_id}/comments", responses=read_refusals(ContractNotFound))
@may(*PARTIES, to="read")
def list_comments(
    contract_id: str,
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> CommentPage:
    """List what counsel said of a contract: your own, and what was shared with both sides."""
    contract = service.newest_document_of(read.session, read.organization_id, contract_id)
    found = counsel.comments_on(
        read.session, contract, read.organization_id, before=before, limit=limit
    )
    return CommentPage(
        items=[_comment(said) for said in found],
        next_before=found[-1][0].id if len(found) == limit else None,
    )


@router.get("/counsel/{secret}", responses=problems(CounselLinkNotFound))
@may("link")
def read_negotiation(secret: str) -> NegotiationRead:
    """Show what a link opens. Needs no key: the link is one."""
    with db.reading() as session:
        return _negotiation(session, counsel.open_link(session, secret))


@router.post(
    "/counsel/{secret}/comments",
    status_code=201,
    responses=problems(
        CounselLinkNotFound,
        CounselLimitReached,
        NegotiationOver,
        PointerUnknown,
        IdempotencyKeyReused,
    ),
)
@may("link")
def comment_on_negotiation(
    secret: str,
    body: CommentCreate,
    idempotency_key: Annotated[
        str,
        Header(
            min_length=1,
            max_length=128,
            description="A new random text per comment; the same one says it once.",
            examples=["2f1c7a52-9a0e-4c6f-8b7e-1f2f6f3f9c11"],
        ),
    ],
) -> CommentRead:
    """Say something of one field. Needs no key: the link is one. Once per Idempotency-Key."""
    fingerprint = fingerprint_of(body)
    with db.writing() as session:
        link = counsel.open_link(session, secret)
        said = counsel.comment(
            session,
            link,
            round_=body.round,
            pointer=body.pointer,
            text=body.text,
            idempotency_key=idempotency_key,
            request_sha256=hashlib.sha256(fingerprint).hexdigest(),
        )
        return CommentRead(
            **said.model_dump(include=set(CommentRead.model_fields)),
            counsel=link.counsel,
            version=link.version,
            round=body.round,
        )


def _negotiation(session: Session, link: CounselLink) -> NegotiationRead:
    rounds = counsel.rounds_seen(session, link)
    newest = rounds[-1]
    terms = documents.recorded(newest.document.encode())
    names = registered_names(session, newest)
    return NegotiationRead(
        **newest.model_dump(include={"version", "round", "author_side", "document_sha256"}),
        status=life.state_of(newest, at=clock.now()),
        offer_expires_at=newest.expires_at,
        link_expires_at=link.expires_at,
        document=json.loads(newest.document),
        plain_language=told(plain_language.sections(terms, names=names)),
        changes=changes(rounds[-2] if len(rounds) > 1 else None, newest),
        comments=[_comment(said) for said in counsel.comments_through(session, link)],
    )


def _comment(said: counsel.Said) -> CommentRead:
    comment, link, document = said
    return CommentRead(
        **comment.model_dump(include=set(CommentRead.model_fields)),
        counsel=link.counsel,
        version=document.version,
        round=document.round,
    )
