"""Routes of payouts: a payee names its bank account, and sees what was sent to it."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from app import vault
from app.access import may
from app.identity.api_edge import Acting, Reading, act_refusals, fingerprint_of, read_refusals
from app.ledger.errors import PayoutNotFound
from app.ledger.models_payouts import Payout
from app.ledger.payouts import events_of, items_of
from app.payments.details import (
    KIND,
    asked_from,
    bank_account,
    named_before,
    propose_account,
)
from app.payments.errors import BankAccountRefused, PayeeMustAct, PayeeNotFound
from app.payments.models_details import PayoutDetails
from app.payments.payees import payout_for, payouts_for
from app.twofold import service as twofold
from app.twofold.errors import TooManyProposals
from app.twofold.models import TwofoldAct

router = APIRouter(prefix="/v1", tags=["payouts"])
PAYEE = "per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"


class BankAccountCreate(BaseModel):
    """Where a payee wants to be paid."""

    model_config = ConfigDict(extra="forbid")

    payee_id: str = Field(
        max_length=40, examples=[PAYEE], description="Your performer, or your own organization."
    )
    holder: str = Field(max_length=70, examples=["Griet of Delft"])
    iban: str = Field(max_length=60, examples=["NL91ABNA0417164300"])
    bic: str = Field("", max_length=20, examples=["ABNANL2A"])
    from_at: AwareDatetime | None = Field(
        None, examples=[None], description="From when on; now, if left out."
    )


class BankAccountRead(BaseModel):
    """That an account was named, and whether two people agreed to it; never the account."""

    id: str = Field(examples=["two_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    payee_id: str = Field(examples=[PAYEE])
    state: Literal["proposed", "agreed", "refused", "lapsed"] = Field(
        description="It counts once it is agreed: members of the payee agree on their account page."
    )
    from_at: datetime | None = Field(
        examples=[None], description="From when on, if not from the agreement on."
    )
    named_at: datetime
    agreed_at: datetime | None = Field(
        examples=[None],
        description="None too for an account that counts from before it took two people.",
    )


class BankAccountPage(BaseModel):
    """What was named, newest first."""

    items: list[BankAccountRead]


class PayoutRead(BaseModel):
    """One payout, and what became of it."""

    id: str = Field(examples=["pyo_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    account: str = Field(examples=[f"performer:{PAYEE}:payable"])
    currency: str = Field(examples=["EUR"])
    amount_minor: int = Field(examples=[5625])
    state: str = Field(examples=["settled"], description="sent, settled or returned.")
    changed_at: datetime
    note: str = Field(examples=[""], description="Why it came back.")


class PayoutItemRead(BaseModel):
    """What a payout pays of one journal entry; negative: what it takes back."""

    model_config = ConfigDict(from_attributes=True)

    entry_id: str = Field(examples=["jre_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    amount_minor: int = Field(examples=[5625])


class PayoutEventRead(BaseModel):
    """What became of a payout at an instant."""

    model_config = ConfigDict(from_attributes=True)

    state: str = Field(examples=["sent"])
    at: datetime
    note: str = Field(examples=[""])


class PayoutWhole(PayoutRead):
    """One payout with the entries it pays, which statements name too."""

    items: list[PayoutItemRead]
    events: list[PayoutEventRead] = Field(description="Oldest first.")


class PayoutPage(BaseModel):
    """Payouts, newest first."""

    items: list[PayoutRead]
    next_before: str | None = Field(examples=[None])


@router.post(
    "/bank-accounts",
    status_code=201,
    response_model=BankAccountRead,
    responses=act_refusals(PayeeNotFound, PayeeMustAct, BankAccountRefused, TooManyProposals),
)
@may("organization", to="money")
def name_bank_account(body: BankAccountCreate, act: Acting) -> Response:
    """Name where your side is paid: only the payee may. It counts once two people agreed to it."""

    def name(session: Session) -> tuple[int, BaseModel]:
        account = bank_account(body.holder, body.iban, body.bic)
        proposed = propose_account(
            session, act.principal, body.payee_id, account, from_at=body.from_at
        )
        return 201, _named(session, proposed)

    # A plain digest of the body would let who reads the database try account numbers.
    return act.once(vault.fingerprint(fingerprint_of(body)), name)


@router.get("/bank-accounts", responses=read_refusals())
@may("organization", to="read")
def list_bank_accounts(read: Reading) -> BankAccountPage:
    """List which accounts the caller has named, from when on: not the accounts themselves."""
    found = twofold.acts_of(read.session, read.organization_id, KIND)
    before = named_before(read.session, read.organization_id)
    return BankAccountPage(
        items=[*(_named(read.session, each) for each in found), *map(_named_alone, before)]
    )


@router.get("/payouts", responses=read_refusals())
@may("organization", to="read")
def list_payouts(
    read: Reading,
    before: Annotated[str | None, Query(max_length=40)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> PayoutPage:
    """List the payouts to the caller, and to performers of theirs."""
    found = payouts_for(read.session, read.organization_id, before=before, limit=limit)
    return PayoutPage(
        items=[_shown(read.session, payout) for payout in found],
        next_before=found[-1].id if len(found) == limit else None,
    )


@router.get("/payouts/{payout_id}", responses=read_refusals(PayoutNotFound))
@may("subject", "agent", to="read")
def read_payout(payout_id: str, read: Reading) -> PayoutWhole:
    """Show a payout, the journal entries it pays, and what became of it."""
    payout = payout_for(read.session, read.organization_id, payout_id)
    items, events = items_of(read.session, payout.id), events_of(read.session, payout.id)
    return PayoutWhole(
        **_shown(read.session, payout).model_dump(),
        items=[PayoutItemRead.model_validate(each) for each in items],
        events=[PayoutEventRead.model_validate(each) for each in events],
    )


def _named(session: Session, act: TwofoldAct) -> BankAccountRead:
    return BankAccountRead(
        id=act.id,
        payee_id=act.subject_id,
        state=twofold.state_of(session, act),
        from_at=asked_from(act),
        named_at=act.proposed_at,
        agreed_at=act.settled_at,
    )


def _named_alone(details: PayoutDetails) -> BankAccountRead:
    """Show an account that was named before it took two people."""
    return BankAccountRead(
        id=details.id,
        payee_id=details.payee_id,
        state="agreed",
        from_at=details.from_at,
        named_at=details.named_at,
        agreed_at=None,
    )


def _shown(session: Session, payout: Payout) -> PayoutRead:
    last = events_of(session, payout.id)[-1]
    return PayoutRead(
        **payout.model_dump(include={"id", "account", "currency", "amount_minor"}),
        state=last.state,
        changed_at=last.at,
        note=last.note,
    )
