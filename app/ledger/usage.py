"""What happened under the terms: uses, reports, settlements, corrections."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from app.ledger.terms import Currency, Decimal, Natural, Number, PartyId, Strict, exact


class UsageEvent(Strict):
    """One thing that happened under the terms: a use, a report, a settlement, or a correction.

    Quantities the model does not price are kept with the event and cost nothing.
    """

    id: str | None = Field(default=None, max_length=120, description="Posted once per id.")
    licence: PartyId | None = None
    # a use
    seconds: Number | None = None
    renders: Natural | None = None
    lines: Natural | None = None
    days: Number | None = None
    count: Natural | None = None
    languages: Natural | None = None
    realtime: bool | None = None
    # a use that is a take of a shot: a draft, or the one that was chosen
    shot: PartyId | None = None
    draft: Literal[True] | None = None
    chosen: Literal[True] | None = None
    # a report
    impressions: Natural | None = None
    gross_receipts_minor: Number | None = None
    deductions_minor: Number | None = None
    # a settlement
    advance: Literal[True] | None = None
    period_end: Literal[True] | None = None
    principal_minor: Number | None = None
    days_late: Natural | None = None
    reported_seconds: Number | None = None
    actual_seconds: Number | None = None
    audit_cost_minor: Number | None = None
    # a vendor's bill for a render that was stopped
    stopped_cost_minor: Natural | None = None
    cost_currency: Currency | None = None
    vendor: PartyId | None = None
    # a correction of the event with this number, counted from 0
    reverse: Natural | None = None
    refund_of: Natural | None = None
    amount_minor: Annotated[int, Field(ge=1, le=10**15)] | None = None
    # the rate of the day, where the terms do not fix one
    fx: Decimal | None = None
    fx_on: str | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        acts = [
            self.advance,
            self.period_end,
            self.principal_minor,
            self.actual_seconds,
            self.stopped_cost_minor,
            self.reverse,
            self.refund_of,
        ]
        if sum(act is not None for act in acts) > 1:
            raise ValueError("an event is one thing: split advances, period ends and corrections")
        pairs = (
            (self.refund_of, self.amount_minor, "refund_of and amount_minor"),
            (self.principal_minor, self.days_late, "principal_minor and days_late"),
            (self.actual_seconds, self.reported_seconds, "actual_seconds and reported_seconds"),
        )
        bill = (self.stopped_cost_minor, self.cost_currency, self.vendor)
        if len({part is None for part in bill}) > 1:
            raise ValueError("stopped_cost_minor, cost_currency and vendor come together")
        for one, other, names in pairs:
            if (one is None) != (other is None):
                raise ValueError(f"{names} come together")
        is_take = (self.draft is not None) + (self.chosen is not None)
        if is_take != (self.shot is not None):
            raise ValueError("a take names its shot, and is either a draft or the chosen one")
        if is_take and any(act is not None for act in acts):
            raise ValueError("a take is a use; settle and correct by events of their own")
        if self.fx is not None and exact(self.fx) == 0:
            raise ValueError("fx is zero, which would convert everything to nothing")
        if self.fx_on is not None:
            date.fromisoformat(self.fx_on)
        return self
