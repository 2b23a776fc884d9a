"""What a contract pays: the compensation terms both sides sign.

Amounts ending in `_minor` are minor units of `currency`; decimals and ratios are text and are read
as exact rationals, never as floats. The conformance suite `royalties.json` uses this same schema.
"""

import re
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.money import check_currency

PAYMENT_GRACE_DAYS = 14  # where a contract says nothing
_NUMBER = r"^[0-9]{1,18}(\.[0-9]{1,15}|/[0-9]{1,9})?$"


@lru_cache(maxsize=4096)
def exact(value: int | str) -> Fraction:
    """Read "12.5", "1/3" or 12 as an exact rational. Raises ValueError on anything else."""
    if isinstance(value, str) and not re.fullmatch(_NUMBER, value):
        raise ValueError(f"{value!r} is not a decimal or a ratio; write 12.5 or 1/3")
    try:
        return Fraction(value)
    except ZeroDivisionError:
        raise ValueError(f"{value!r} divides by zero") from None


def _readable(value: str) -> str:
    exact(value)
    return value


def _at_most_one(value: int | str) -> int | str:
    if exact(value) > 1:
        raise ValueError(f"{value!r} is more than the whole; write 10 % as 0.10")
    return value


Decimal = Annotated[str, Field(pattern=_NUMBER, max_length=35), AfterValidator(_readable)]
Natural = Annotated[int, Field(ge=0, le=10**15)]
Number = Natural | Decimal
Share = Annotated[Number, AfterValidator(_at_most_one)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$"), AfterValidator(check_currency)]
PartyId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,80}$")]

Model = Literal[
    "audit_trueup",
    "buyout",
    "cpm",
    "day_equivalent",
    "flat",
    "interest",
    "multiplier",
    "per_line",
    "per_render",
    "per_second",
    "residual_schedule",
    "revenue_share",
    "sum_flat",
    "tiered_marginal",
    "tiered_whole",
]

# What sets the price in each model: one of the listed groups, whole, and nothing of another model.
RATES: Mapping[Model, tuple[frozenset[str], ...]] = {
    "audit_trueup": (frozenset({"rate_minor", "cost_shift_threshold"}),),
    "buyout": (frozenset(),),
    "cpm": (frozenset({"rate_minor"}),),
    "day_equivalent": (frozenset({"pro_rata_daily_minor", "minimum_daily_minor"}),),
    "flat": (frozenset({"rate_minor"}),),
    "interest": (frozenset({"annual_rate"}),),
    "multiplier": (frozenset({"base_minor", "multiplier"}),),
    "per_line": (frozenset({"rate_minor"}), frozenset({"session_minor", "lines_per_session"})),
    "per_render": (frozenset({"rate_minor"}),),
    "per_second": (frozenset({"rate_minor"}),),
    "residual_schedule": (frozenset({"base_minor", "schedule"}),),
    "revenue_share": (frozenset({"share"}),),
    "sum_flat": (frozenset({"items_minor"}),),
    "tiered_marginal": (frozenset({"tiers"}),),
    "tiered_whole": (frozenset({"tiers"}),),
}
_RATE_FIELDS = frozenset().union(*(group for groups in RATES.values() for group in groups)) - {
    "annual_rate",  # late interest and audits may come on top of any model
    "cost_shift_threshold",
}


class Strict(BaseModel):
    """What is signed or recorded: no unknown field, no silent conversion, no edit."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Withholding(Strict):
    """Tax kept back from a performer: of the gross share, or of what is left after commission."""

    rate: Share
    base: Literal["gross_share", "net_share"] = "gross_share"


class Party(Strict):
    """One performer (or who is paid for one), the weight of the share, and the agent on it."""

    id: PartyId
    weight: Number = "1"
    agent: PartyId | None = None
    agent_rate: Share | None = None
    withholding: Withholding | None = Field(
        default=None, description="Stands before the withholding of the whole terms."
    )

    @model_validator(mode="after")
    def _agent_and_rate_together(self) -> Self:
        if (self.agent is None) != (self.agent_rate is None):
            raise ValueError(f"{self.id}: an agent and an agent_rate come together")
        return self


class PensionAndHealth(Strict):
    """Contributions on top of gross compensation, to a fund, up to a ceiling per performer."""

    rate: Share
    fund: PartyId
    ceiling_minor: Number | None = Field(
        default=None,
        description="Gross compensation of each performer under the terms that still contributes.",
    )


class Advance(Strict):
    """Money paid ahead; a recoupable one is earned back before more is paid, in its own licence."""

    amount_minor: Number
    recoupable: bool = True
    licence: PartyId | None = None


class PlatformFee(Strict):
    """The platform's fee: on top of gross, or taken out of it."""

    rate: Share
    mode: Literal["on_top", "inclusive"]


class Takes(Strict):
    """Several takes of one shot: each is a draft at a part of the price, until one is chosen."""

    max_takes: Annotated[int, Field(ge=1, le=100)] = Field(description="Takes of one shot.")
    draft_rate: Share = Field(description="What a draft costs, as a part of the use's price.")
    draft_credit: Share = Field(
        description="How much of what its drafts cost is taken off the price of a shot's chosen "
        "take; never more than that price."
    )
    draft_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        description="Days after which a draft is deleted."
    )


Tier = Annotated[list[Number | None], Field(min_length=2, max_length=2)]


class CompensationTerms(Strict):
    """How every use is paid, to whom and in which currency; part of the signed contract.

    Exactly the fields that set the price in `model` are required, and those of another model are
    refused, so that nothing is signed that would not be applied.
    """

    currency: Currency
    model: Model
    parties: Annotated[list[Party], Field(min_length=1, max_length=100)]

    rate_minor: Number | None = Field(
        default=None, description="Per second, render, line, use, or 1,000 impressions."
    )
    base_minor: Number | None = None
    multiplier: Number | None = None
    session_minor: Number | None = None
    lines_per_session: Annotated[int, Field(ge=1)] | None = None
    pro_rata_daily_minor: Number | None = None
    minimum_daily_minor: Number | None = None
    items_minor: Annotated[list[Number], Field(min_length=1)] | None = None
    schedule: Annotated[list[Number], Field(min_length=1)] | None = Field(
        default=None, description="Portion of base_minor for each use in turn; the last repeats."
    )
    tiers: Annotated[list[Tier], Field(min_length=1)] | None = Field(
        default=None, description="[up to and including this volume, rate_minor]; the last: null."
    )
    share: Share | None = None
    deduction_cap: Share | None = Field(
        default=None, description="Deductions never exceed this portion of gross receipts."
    )
    annual_rate: Number | None = Field(
        default=None, description="Simple late interest, actual days over 365."
    )
    payment_grace_days: Annotated[int, Field(ge=0, le=365)] | None = Field(
        default=None,
        description="Days after an invoice's due date until who has not paid it may make nothing "
        f"more under the contract. Default: {PAYMENT_GRACE_DAYS}.",
    )
    cost_shift_threshold: Share | None = Field(
        default=None, description="Audit costs shift when under-reporting is more than this."
    )

    language_surcharge: Number | None = None
    included_languages: Annotated[int, Field(ge=0)] | None = None
    realtime_multiplier: Number | None = Field(
        default=None, description="Multiplies what a real-time use costs."
    )
    floor_minor: Number | None = Field(default=None, description="The least one use costs.")
    cap_minor: Number | None = Field(default=None, description="The most all uses cost together.")
    minimum_guarantee_minor: Number | None = Field(
        default=None, description="What each period earns at least; topped up at its end."
    )
    guarantee_mode: Literal["top_up"] | None = None
    advance: Advance | None = None
    takes: Takes | None = Field(
        default=None, description="Null: each generation is a use at the full price."
    )
    stopped_share: Share | None = Field(
        default=None,
        description="How much of a vendor's bill the licensee bears for a render that a "
        "withdrawal, a suspension, a pause, a strike or a lost hold stops; the platform bears the "
        "rest, the performer's side never any. Null: it stays the platform's, outside these books.",
    )
    scale_floor_minor: Number | None = Field(
        default=None, description="Commission never takes a share below this."
    )
    ph: PensionAndHealth | None = None
    platform_fee: PlatformFee | None = None
    withholding: Withholding | None = None
    payout_currency: Currency | None = None
    fx: Decimal | None = Field(
        default=None, description="One major unit of currency in major units of payout_currency."
    )
    fx_on: str | None = Field(default=None, description="The day of the rate, YYYY-MM-DD.")

    @model_validator(mode="after")
    def _priced_by_its_model(self) -> Self:
        given = {name for name in _RATE_FIELDS if getattr(self, name) is not None}
        groups = RATES[self.model]
        named = {name for name in self.model_fields_set if getattr(self, name) is not None}
        if not any(group <= named and given <= group for group in groups):
            wanted = " or ".join(", ".join(sorted(group)) or "no rate" for group in groups)
            raise ValueError(
                f"{self.model} is priced by {wanted}; these terms give {sorted(given) or 'none'}"
            )
        if self.deduction_cap is not None and self.model != "revenue_share":
            raise ValueError(f"deduction_cap belongs to revenue_share, not to {self.model}")
        if self.model == "buyout" and self.floor_minor is not None:
            raise ValueError("a buy-out has paid for every use; it has no floor_minor")
        return self

    @model_validator(mode="after")
    def _tiers_rise(self) -> Self:
        if self.tiers is None:
            return self
        if any(rate is None for _, rate in self.tiers) or self.tiers[-1][0] is not None:
            raise ValueError("each tier is [up to, rate_minor], and the last is [null, rate_minor]")
        bounds = [upto for upto, _ in self.tiers[:-1]]
        if None in bounds:
            raise ValueError("only the last tier is open: [null, rate_minor]")
        values = [exact(upto) for upto in bounds if upto is not None]
        if values != sorted(set(values)) or 0 in values:
            raise ValueError("tiers rise: each ends above the one before it")
        return self

    @model_validator(mode="after")
    def _parties_can_share(self) -> Self:
        ids = [party.id for party in self.parties]
        if len(set(ids)) != len(ids):
            raise ValueError("each party is listed once; add the weights instead")
        if not any(exact(party.weight) for party in self.parties):
            raise ValueError("at least one party has a weight above zero")
        return self

    @model_validator(mode="after")
    def _options_are_whole(self) -> Self:
        if self.guarantee_mode is not None and self.minimum_guarantee_minor is None:
            raise ValueError("guarantee_mode says how; minimum_guarantee_minor must say how much")
        guarantee, cap = self.minimum_guarantee_minor, self.cap_minor
        if guarantee is not None and cap is not None and exact(guarantee) > exact(cap):
            raise ValueError("the guarantee is above the cap, so it could never be paid")
        if self.included_languages is not None and self.language_surcharge is None:
            raise ValueError("included_languages needs the language_surcharge for the others")
        if self.fx is not None and self.payout_currency is None:
            raise ValueError("fx needs the payout_currency it converts to")
        if self.payout_currency == self.currency and exact(self.fx or 1) != 1:
            raise ValueError("payout_currency is the currency itself; leave fx out")
        if self.fx is not None and exact(self.fx) == 0:
            raise ValueError("fx is zero, which would convert everything to nothing")
        if self.fx_on is not None:
            date.fromisoformat(self.fx_on)
        return self
