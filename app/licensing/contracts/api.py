"""Routes about contracts."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from app.access import PARTIES, may
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.licensing.contracts import life, service
from app.licensing.contracts.listing import contracts_of
from app.licensing.contracts.shown import (
    ContractPage,
    ContractRead,
    ContractWhole,
    shown,
    shown_whole,
)
from app.licensing.document import contract as documents
from app.licensing.document.example import DOCUMENT
from app.licensing.errors import (
    ActNotAllowed,
    AlreadySigned,
    BoundariesCrossed,
    BoundariesNotAcknowledged,
    ContractAlreadyWithdrawn,
    ContractInvalid,
    ContractNotFound,
    PaperMissing,
    SignatureRefused,
)
from app.problems import shows
from app.registry.errors import DeathDisputed

router = APIRouter(prefix="/v1", tags=["licensing"])
SIGNING_REFUSED = (
    ContractNotFound,
    AlreadySigned,
    ActNotAllowed,
    ContractAlreadyWithdrawn,
    SignatureRefused,
    BoundariesNotAcknowledged,
    PaperMissing,
    DeathDisputed,
)


class ContractCreate(BaseModel):
    """A contract document, offered by one of its two parties."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any] = Field(
        description="The terms, as `/v1/schemas/contract` describes them.",
        examples=[DOCUMENT],
    )
    draft: bool = Field(False, description="Keep it to your own side until you offer it.")
    expires_at: AwareDatetime | None = Field(
        None, examples=[None], description="When the offer lapses: within 366 days, or never."
    )


class SignatureCreate(BaseModel):
    """A detached JWS over the contract's canonical bytes, made on the signer's own device."""

    model_config = ConfigDict(extra="forbid")

    role: Literal[
        "performer",
        "licensee",
        "guardian",
        "estate_rep",
        "union_for_estate",
        "loan_out",
        "ratification",
    ] = Field(
        examples=["performer"],
        description="Yours by what is registered, or by a mandate that stands; `ratification` is "
        "the yes of a performer, now of age, to what was signed for them as a minor.",
    )
    jws: str = Field(
        max_length=4096,
        examples=["eyJhbGciOiJFUzI1NiIsImtpZCI6InNpZ18wMUpEIiwicm9sZSI6InBlcmZvcm1lciJ9..MEUCIQ"],
        description="RFC 7515 appendix F; its header names `alg`, `kid` and `role`.",
    )
    acknowledged: list[Annotated[str, Field(max_length=400)]] = Field(
        default=[],
        max_length=1000,
        examples=[["/content/nudity"]],
        description="Of the performer's side: the `boundary` of every finding in `crosses`.",
    )


class InkCreate(BaseModel):
    """A signature in ink on the contract's PDF, as its witness saw it. See docs/paper.md."""

    model_config = ConfigDict(extra="forbid")

    statement: dict[str, Any] = Field(
        examples=[
            {
                "v": 1,
                "type": "understudy-ink-signature",
                "contract_sha256": "0" * 64,
                "paper_sha256": "1" * 64,
                "role": "performer",
                "organization": "org_01JD3Z6N8Q4C0R2T5V7X9Y1B3D",
                "signer": "Griet of Delft",
                "signed_on": "2026-11-27",
            }
        ]
    )
    jws: str = Field(
        max_length=4096,
        examples=["eyJhbGciOiJFUzI1NiJ9..c2lnbmF0dXJl"],
        description="The witness's detached JWS over the statement's RFC 8785 form; `role` in its "
        "header is `witness`, `kid` a key registered for the witness.",
    )
    acknowledged: list[Annotated[str, Field(max_length=400)]] = Field(
        default=[], max_length=1000, examples=[["/content/nudity"]]
    )


@router.get(
    "/schemas/contract",
    tags=["public"],
    responses=shows({"title": "Contract", "type": "object", "required": ["v", "instrument"]}),
)
@may("anyone")
def read_contract_schema() -> dict[str, Any]:
    """Give the JSON Schema of the contract document. Public."""
    return documents.json_schema()


@router.post(
    "/contracts",
    status_code=201,
    response_model=ContractRead,
    responses=act_refusals(ContractInvalid, BoundariesCrossed),
)
@may("organization", to="negotiate")
def offer_contract(body: ContractCreate, act: Acting) -> Response:
    """Put a contract document between a performer and a licensee; the caller is one of them."""

    def offer(session: Session) -> tuple[int, BaseModel]:
        contract = service.offer_contract(
            session,
            act.organization_id,
            body.document,
            draft=body.draft,
            expires_at=body.expires_at,
            api_key_id=act.principal.api_key_id,
        )
        return 201, shown(session, contract, act.organization_id)

    return act.once(fingerprint_of(body), offer)


@router.get("/contracts", responses=read_refusals())
@may("organization", to="read")
def list_contracts(
    read: Reading,
    state: life.State | None = None,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ContractPage:
    """List the contracts the caller is a party of, newest first; `state` keeps those in it now."""
    found = contracts_of(
        read.session, read.organization_id, state=state, before=before, limit=limit
    )
    return ContractPage(
        items=[shown(read.session, contract, read.organization_id) for contract in found],
        next_before=found[-1].series_id if len(found) == limit else None,
    )


@router.get("/contracts/{contract_id}", responses=read_refusals(ContractNotFound))
@may(*PARTIES, to="read")
def read_contract(contract_id: str, read: Reading) -> ContractWhole:
    """Show one contract of the caller's: where it stands, its versions, rounds and history."""
    contract = service.contract_of(read.session, read.organization_id, contract_id)
    return shown_whole(read.session, contract, read.organization_id)


@router.get(
    "/contracts/{contract_id}/document",
    responses={**shows(DOCUMENT), **read_refusals(ContractNotFound)},
    response_class=Response,
)
@may(*PARTIES, to="read")
def read_document(
    contract_id: str,
    read: Reading,
    version: Annotated[int | None, Query(ge=1, le=10_000)] = None,
    round_: Annotated[int | None, Query(alias="round", ge=1, le=10_000)] = None,
) -> Response:
    """Give the canonical bytes (RFC 8785) that both parties sign.

    Of the version in effect, or of what is on the table before there is one; name a version for
    another (its newest round, unless you name that too).
    """
    contract = service.document_of(
        read.session, read.organization_id, contract_id, version=version, round_=round_
    )
    return Response(contract.document, media_type="application/json")


@router.post(
    "/contracts/{contract_id}/signatures",
    status_code=201,
    response_model=ContractRead,
    responses=act_refusals(*SIGNING_REFUSED),
)
@may("performer", "licensee", "representative", to="sign")
def sign_contract(contract_id: str, body: SignatureCreate, act: Acting) -> Response:
    """Sign what is on the table; the second party's signature executes it."""

    def sign(session: Session) -> tuple[int, BaseModel]:
        ratifies = body.role == service.RATIFICATION
        find = service.contract_of if ratifies else service.newest_document_of
        contract = find(session, act.organization_id, contract_id)
        service.sign_contract(
            session,
            contract,
            act.organization_id,
            role=body.role,
            jws=body.jws,
            acknowledged=body.acknowledged,
            api_key_id=act.principal.api_key_id,
        )
        return 201, shown(session, contract, act.organization_id)

    return act.once(fingerprint_of(body), sign)


@router.post(
    "/contracts/{contract_id}/ink-signatures",
    status_code=201,
    response_model=ContractRead,
    responses=act_refusals(*SIGNING_REFUSED),
)
@may("performer", "licensee", "representative", to="sign")
def sign_contract_in_ink(contract_id: str, body: InkCreate, act: Acting) -> Response:
    """Hand in your signature on paper, as a witness saw it; a contract may refuse such ones."""

    def sign(session: Session) -> tuple[int, BaseModel]:
        contract = service.newest_document_of(session, act.organization_id, contract_id)
        service.sign_in_ink(
            session,
            contract,
            act.organization_id,
            statement=body.statement,
            jws=body.jws,
            acknowledged=body.acknowledged,
            api_key_id=act.principal.api_key_id,
        )
        return 201, shown(session, contract, act.organization_id)

    return act.once(fingerprint_of(body), sign)


@router.post(
    "/contracts/{contract_id}/withdrawal",
    status_code=201,
    response_model=ContractRead,
    responses=act_refusals(ContractNotFound, ActNotAllowed, ContractAlreadyWithdrawn),
)
@may("performer", "representative", to="consent")
def withdraw_contract(contract_id: str, act: Acting) -> Response:
    """Withdraw consent at once, with all versions. The performer may, and whom they let."""

    def withdraw(session: Session) -> tuple[int, BaseModel]:
        contract = service.contract_of(session, act.organization_id, contract_id)
        contract = service.withdraw_contract(
            session, contract, act.organization_id, api_key_id=act.principal.api_key_id
        )
        return 201, shown(session, contract, act.organization_id)

    return act.once(contract_id.encode(), withdraw)
