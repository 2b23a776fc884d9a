"""Routes of a contract's life: drafts, counter-offers, amendments, suspension."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from app.access import PARTIES, may
from app.identity.api_edge import Act, Acting, act_refusals, fingerprint_of
from app.licensing.contracts import service
from app.licensing.contracts.life import Act as LifeAct
from app.licensing.contracts.models import Contract
from app.licensing.contracts.shown import ContractRead, shown
from app.licensing.document.example import DOCUMENT
from app.licensing.errors import ActNotAllowed, BoundariesCrossed, ContractInvalid, ContractNotFound
from app.registry.errors import DeathDisputed

router = APIRouter(prefix="/v1/contracts/{contract_id}", tags=["licensing"])
NEGOTIATE = act_refusals(ContractNotFound, ActNotAllowed, ContractInvalid, BoundariesCrossed)
CHANGE = act_refusals(ContractNotFound, ActNotAllowed)
EXPIRY = Field(
    None, examples=[None], description="When the offer lapses: within 366 days, or never."
)


class OfferCreate(BaseModel):
    """How long a draft that is now offered stands."""

    model_config = ConfigDict(extra="forbid")

    expires_at: AwareDatetime | None = EXPIRY


class RevisionCreate(BaseModel):
    """The document that takes the place of a draft."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any] = Field(examples=[DOCUMENT])


class CounterCreate(BaseModel):
    """The document offered in answer to the one on the table."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any] = Field(examples=[DOCUMENT])
    expires_at: AwareDatetime | None = EXPIRY


class AmendmentCreate(BaseModel):
    """The next version of a contract in force."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any] = Field(
        examples=[DOCUMENT],
        description="The whole document. `amends` names the version it takes the place of, and is "
        "filled in where you leave it out; `amends.effective_at` says from when, if not at once.",
    )
    draft: bool = Field(False, description="Keep it to your own side until you offer it.")
    expires_at: AwareDatetime | None = EXPIRY


class Reason(BaseModel):
    """Why, in words for the other side; it stays in the contract's history."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field("", max_length=2000, examples=["The fee does not cover a second season."])


GivenReason = Annotated[Reason, Body()]
NO_REASON = Reason(note="")
WITHOUT_END = OfferCreate(expires_at=None)
Does = Callable[..., Contract]  # a verb of the service, with what the body says filled in


@router.post("/offer", status_code=201, response_model=ContractRead, responses=NEGOTIATE)
@may(*PARTIES, to="negotiate")
def offer_draft(
    contract_id: str, act: Acting, body: Annotated[OfferCreate, Body()] = WITHOUT_END
) -> Response:
    """Put your side's draft on the table."""
    offer = partial(service.offer_draft, expires_at=body.expires_at)
    return _on_the_table(contract_id, body, act, offer)


@router.post("/revision", status_code=201, response_model=ContractRead, responses=NEGOTIATE)
@may(*PARTIES, to="negotiate")
def revise_draft(contract_id: str, body: RevisionCreate, act: Acting) -> Response:
    """Put another document in the place of your side's draft; the earlier one is kept."""
    revise = partial(service.replace_document, document=body.document, act=LifeAct.REVISE)
    return _on_the_table(contract_id, body, act, revise)


@router.post("/counter", status_code=201, response_model=ContractRead, responses=NEGOTIATE)
@may(*PARTIES, to="negotiate")
def counter_offer(contract_id: str, body: CounterCreate, act: Acting) -> Response:
    """Answer the other side's offer with another document; every round is kept."""
    counter = partial(
        service.replace_document,
        document=body.document,
        act=LifeAct.COUNTER,
        expires_at=body.expires_at,
    )
    return _on_the_table(contract_id, body, act, counter)


@router.post("/decline", status_code=201, response_model=ContractRead, responses=CHANGE)
@may(*PARTIES, to="negotiate")
def decline_offer(contract_id: str, act: Acting, body: GivenReason = NO_REASON) -> Response:
    """Say no to the other side's offer, or to the amendment on the table."""
    return _on_the_table(contract_id, body, act, partial(service.decline_offer, note=body.note))


@router.post("/retract", status_code=201, response_model=ContractRead, responses=CHANGE)
@may(*PARTIES, to="negotiate")
def retract_offer(contract_id: str, act: Acting, body: GivenReason = NO_REASON) -> Response:
    """Take your side's draft or offer off the table, before both have signed it."""
    return _on_the_table(contract_id, body, act, partial(service.retract_offer, note=body.note))


@router.post("/amendment", status_code=201, response_model=ContractRead, responses=NEGOTIATE)
@may(*PARTIES, to="negotiate")
def amend_contract(contract_id: str, body: AmendmentCreate, act: Acting) -> Response:
    """Offer the next version of a contract in force; it is negotiated and signed like the first."""
    amend = partial(
        service.amend_contract,
        document=body.document,
        draft=body.draft,
        expires_at=body.expires_at,
    )
    return _on_the_whole(contract_id, body, act, amend)


@router.post("/suspend", status_code=201, response_model=ContractRead, responses=CHANGE)
@may("performer", "agent", "representative", to="pause")
def suspend_contract(contract_id: str, act: Acting, body: GivenReason = NO_REASON) -> Response:
    """Stop every use under a contract until it is resumed. The performer's side may."""
    return _on_the_whole(contract_id, body, act, partial(service.suspend_contract, note=body.note))


@router.post(
    "/resume",
    status_code=201,
    response_model=ContractRead,
    responses=act_refusals(ContractNotFound, ActNotAllowed, DeathDisputed),
)
@may("performer", "representative", to="consent")
def resume_contract(contract_id: str, act: Acting, body: GivenReason = NO_REASON) -> Response:
    """Lift a suspension. The performer may, or who signs in their place; not an agent."""
    return _on_the_whole(contract_id, body, act, partial(service.resume_contract, note=body.note))


def _on_the_table(contract_id: str, body: BaseModel, act: Act, does: Does) -> Response:
    """Do something once to what is being negotiated: the newest document the caller may see."""
    return _once(service.newest_document_of, contract_id, body, act, does)


def _on_the_whole(contract_id: str, body: BaseModel, act: Act, does: Does) -> Response:
    """Do something once to the contract as it is in force."""
    return _once(service.contract_of, contract_id, body, act, does)


def _once(
    find: Callable[[Session, str, str], Contract],
    contract_id: str,
    body: BaseModel,
    act: Act,
    does: Does,
) -> Response:
    by = act.organization_id

    def run(session: Session) -> tuple[int, BaseModel]:
        contract = find(session, by, contract_id)
        done = does(session, contract, by, api_key_id=act.principal.api_key_id)
        return 201, shown(session, done, by)

    return act.once(fingerprint_of(body), run)
