"""Routes about money: the schema anyone may read, and the books of a contract for its parties."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlmodel import Session, col, select

from app.access import PARTIES, may
from app.errors import AppError
from app.identity.api_edge import Reading, read_refusals
from app.ledger import service
from app.ledger.models import JournalEntry, RecordedUse
from app.ledger.posting import lines_of
from app.ledger.terms import CompensationTerms
from app.ledger.usage import UsageEvent
from app.problems import shows

# (session, organization id, contract id): raises unless the organization is a party of it.
PartyCheck = Callable[[Session, str, str], object]

router = APIRouter(prefix="/v1", tags=["ledger"])
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class LineRead(BaseModel):
    """One line: debit positive, credit negative, in minor units."""

    account: str = Field(examples=["performer:per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D:payable"])
    currency: str = Field(examples=["EUR"])
    amount_minor: int = Field(examples=[-1080])


class EntryRead(BaseModel):
    """A journal entry, what it was posted for, and the terms that set its price."""

    id: str = Field(examples=["jre_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    posted_at: datetime
    generation_id: str | None = Field(examples=["gen_01JD3Z6N8Q4C0R2T5V7X9Y1B3D"])
    number: int = Field(
        examples=[0], description="Which event of the contract this is, counted from 0."
    )
    event: dict[str, Any] = Field(examples=[{"seconds": "9"}])
    corrects_number: int | None = Field(
        examples=[None], description="The event it reverses or refunds."
    )
    note: str = Field(examples=[""])
    terms_sha256: str = Field(
        examples=[SHA256], description="Digest of the compensation terms (RFC 8785)."
    )
    digest: str = Field(
        examples=[SHA256],
        description="Digest of the entry, as the transparency log commits to it.",
    )
    lines: list[LineRead]


class BalanceRead(BaseModel):
    """The sum of all lines of one account under one contract."""

    account: str = Field(examples=["performer:per_01JD3Z6N8Q4C0R2T5V7X9Y1B3D:payable"])
    currency: str = Field(examples=["EUR"])
    balance_minor: int = Field(
        examples=[-5625], description="Debit positive: what is owed to somebody is negative."
    )


@router.get(
    "/schemas/compensation",
    tags=["public"],
    responses=shows({"terms": {"type": "object"}, "event": {"type": "object"}}),
)
@may("anyone")
def read_compensation_schema() -> dict[str, Any]:
    """Give the JSON Schemas of compensation terms and of usage events. Public."""
    return {
        "terms": CompensationTerms.model_json_schema(),
        "event": UsageEvent.model_json_schema(),
    }


def books(check_party: PartyCheck, *refusals: type[AppError]) -> APIRouter:
    """Return the routes over the books of a contract, open to whom `check_party` lets pass.

    `refusals` are the errors `check_party` raises, for the documentation.
    """
    routes = APIRouter(prefix="/v1/contracts/{contract_id}", tags=["ledger"])

    @routes.get("/entries", responses=read_refusals(*refusals))
    @may(*PARTIES, to="read")
    def list_entries(
        contract_id: str,
        read: Reading,
        after: Annotated[
            int, Query(ge=-1, lt=1 << 31, description="List events after this number.")
        ] = -1,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> list[EntryRead]:
        """List the journal entries of a contract in the order of its events."""
        check_party(read.session, read.organization_id, contract_id)
        return _entries(read.session, contract_id, after=after, limit=limit)

    @routes.get("/balances", responses=read_refusals(*refusals))
    @may(*PARTIES, to="read")
    def list_balances(contract_id: str, read: Reading) -> list[BalanceRead]:
        """Sum every account under a contract, from its postings alone."""
        check_party(read.session, read.organization_id, contract_id)
        sums = service.balances(read.session, contract_id=contract_id)
        return [
            BalanceRead(account=account, currency=currency, balance_minor=balance)
            for (account, currency), balance in sums.items()
        ]

    return routes


def _entries(session: Session, contract_id: str, *, after: int, limit: int) -> list[EntryRead]:
    rows = session.exec(
        select(JournalEntry, RecordedUse)
        .join(RecordedUse, col(RecordedUse.id) == JournalEntry.usage_event_id)
        .where(JournalEntry.contract_id == contract_id, RecordedUse.number > after)
        .order_by(col(RecordedUse.number))
        .limit(limit)
    )
    return [
        EntryRead(
            id=entry.id,
            posted_at=entry.posted_at,
            generation_id=entry.generation_id,
            number=use.number,
            event=use.event,
            corrects_number=use.corrects_number,
            note=use.note,
            terms_sha256=use.terms_sha256,
            digest=entry.digest,
            lines=[
                LineRead(account=x.account, currency=x.currency, amount_minor=x.amount_minor)
                for x in lines_of(session, entry.id)
            ],
        )
        for entry, use in rows
    ]
