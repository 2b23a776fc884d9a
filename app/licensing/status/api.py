"""Routes for everybody: whether one consent stands now, and the lists for who checks offline."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from app import clock, db
from app.access import PARTIES, may
from app.errors import NotFound
from app.identity.api_edge import Reading, read_refusals
from app.licensing.contracts.service import contract_of
from app.licensing.errors import ContractNotFound
from app.licensing.status import consent_status, lists
from app.licensing.status.answers import Signed
from app.licensing.status.statements import commitment
from app.problems import problems

router = APIRouter(prefix="/v1")
JOSE, JWT = "application/jose", "application/vc+jwt"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class OpeningRead(BaseModel):
    """What a party shows to prove which document a public commitment stands for."""

    salt: str = Field(examples=["9b1c0d6e3f4a5b6c7d8e9fa0b1c2d3e4"])
    document_sha256: str = Field(examples=[SHA256])
    commitment: str = Field(examples=[SHA256], description="SHA-256 of salt, a dot, and digest.")


def _public() -> Iterator[Session]:
    with db.reading() as session:
        yield session


Public = Annotated[Session, Depends(_public, scope="function")]
ContractId = Annotated[str, Path(pattern=r"^con_[0-9A-Z]{26}$")]
ListName = Annotated[str, Path(pattern=r"^[1-9][0-9]{0,5}-(revocation|suspension)$")]
IfNoneMatch = Annotated[str, Header(include_in_schema=False)]


@router.get(
    "/contracts/{contract_id}/status",
    tags=["public"],
    responses={200: {"content": {JOSE: {}}}, **problems(ContractNotFound)},
    response_class=Response,
)
@may("anyone")
def read_status(
    contract_id: ContractId, session: Public, if_none_match: IfNoneMatch = ""
) -> Response:
    """Say, signed and good for a minute, whether a consent stands now. Public.

    A compact JWS, as docs/consent-status.md describes it. What was never executed is not found, as
    an id that nobody was given.
    """
    now = clock.now()
    return _cached(consent_status.status_of(session, contract_id, now), now, JOSE, if_none_match)


@router.get(
    "/contracts/{contract_id}/commitment",
    tags=["licensing"],
    responses=read_refusals(ContractNotFound),
)
@may(*PARTIES, to="read")
def read_commitment(contract_id: str, read: Reading) -> OpeningRead:
    """Show a party of an executed contract what its public commitment stands for."""
    contract = contract_of(read.session, read.organization_id, contract_id)
    salt, document = consent_status.opening_of(read.session, contract)
    return OpeningRead(salt=salt, document_sha256=document, commitment=commitment(salt, document))


@router.get(
    "/status-lists/{list_name}",
    tags=["public"],
    responses={200: {"content": {JWT: {}}}, **problems(NotFound)},
    response_class=Response,
)
@may("anyone")
def read_status_list(
    list_name: ListName, session: Public, if_none_match: IfNoneMatch = ""
) -> Response:
    """Give a W3C Bitstring Status List, signed, at most a minute old. Public."""
    now = clock.now()
    number, purpose = list_name.split("-")
    found = lists.list_of(session, int(number), purpose, now)
    if found is None:
        raise NotFound("no contract was ever given a place in such a list")
    return _cached(found, now, JWT, if_none_match)


def _cached(answer: Signed, now: datetime, media_type: str, if_none_match: str) -> Response:
    """Let caches keep an answer for as long as it holds, and no longer."""
    seconds = max(0, int((answer.until - now).total_seconds()))
    headers = {"Cache-Control": f"public, max-age={seconds}", "ETag": answer.etag}
    if answer.etag in if_none_match:
        return Response(status_code=304, headers=headers)
    return Response(answer.text, media_type=media_type, headers=headers)
