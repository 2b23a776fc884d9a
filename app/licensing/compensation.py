"""What the performer is paid: the terms of `conformance/royalties.json`, as a contract holds them.

Rates are decimal strings, read as exact rationals; amounts are integers of minor units.
"""

from fractions import Fraction
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, model_validator

from app.licensing.terms import Name, OneOf, Part, offered, refuse
from app.money import check_currency

Decimal = Annotated[str, StringConstraints(pattern=r"^\d{1,15}(\.\d{1,15})?$")]
Minor = Annotated[int, Field(ge=0, le=10**15)]

# What each way of reckoning needs to be computable.
NEEDS = {
    "flat": ("rate_minor",),
    "per_second": ("rate_minor",),
    "per_render": ("rate_minor",),
    "per_line": ("session_minor", "lines_per_session"),
    "cpm": ("rate_minor",),
    "day_equivalent": ("pro_rata_daily_minor", "minimum_daily_minor"),
    "multiplier": ("base_minor", "multiplier"),
    "tiered_marginal": ("tiers",),
    "tiered_whole": ("tiers",),
    "revenue_share": ("share",),
    "residual_schedule": ("base_minor", "schedule"),
    "sum_flat": ("items_minor",),
    "interest": ("annual_rate",),
    "audit_trueup": ("rate_minor",),
    "buyout": (),
}


def _share(value: str) -> str:
    if Fraction(value) > 1:
        raise ValueError(f"{value} is more than the whole; write a share between 0 and 1")
    return value


Share = Annotated[Decimal, AfterValidator(_share)]
Currency = Annotated[str, AfterValidator(check_currency)]


class Payee(Part):
    """A performer's part in the pay, and their agent's part in that."""

    id: Name
    weight: Decimal
    agent: Name | None = None
    agent_rate: Share | None = None

    @model_validator(mode="after")
    def _agent_has_a_rate(self) -> Self:
        if (self.agent is None) != (self.agent_rate is None):
            raise refuse("agent_rate", "name an agent and a rate together, or neither")
        return self


class Advance(Part):
    """Money paid before use; recoupable ones swallow the first royalties of their licence."""

    amount_minor: Minor
    recoupable: bool
    licence: Name | None = None


class PensionAndHealth(Part):
    """A contribution on top of gross compensation, up to its ceiling, never commissioned."""

    rate: Share
    fund: Name
    ceiling_minor: Minor | None = None


class Withholding(Part):
    """Tax kept back from a share."""

    rate: Share
    base: Annotated[str, OneOf("gross_share", "net_share")]


class PlatformFee(Part):
    """What the platform takes, on top of the pay or out of it."""

    rate: Share
    mode: Annotated[str, OneOf("on_top", "inclusive")]


class Compensation(Part):
    """How use is paid; the model says which amounts it needs."""

    currency: Currency
    model: Annotated[str, OneOf(*NEEDS)]
    parties: Annotated[tuple[Payee, ...], Field(min_length=1, max_length=100)]
    rate_minor: Decimal | None = None
    base_minor: Decimal | None = None
    multiplier: Decimal | None = None
    session_minor: Decimal | None = None
    lines_per_session: Annotated[int, Field(ge=1)] | None = None
    pro_rata_daily_minor: Decimal | None = None
    minimum_daily_minor: Decimal | None = None
    tiers: tuple[tuple[Decimal | None, Decimal], ...] | None = None
    share: Share | None = None
    deduction_cap: Share | None = None
    schedule: tuple[Share, ...] | None = None
    items_minor: tuple[Decimal, ...] | None = None
    annual_rate: Decimal | None = None
    cost_shift_threshold: Share | None = None
    language_surcharge: Decimal | None = None
    included_languages: Annotated[int, Field(ge=0)] | None = None
    cap_minor: Minor | None = None
    scale_floor_minor: Minor | None = None
    minimum_guarantee_minor: Minor | None = None
    guarantee_mode: Annotated[str, OneOf("top_up")] | None = None
    advance: Advance | None = None
    ph: PensionAndHealth | None = None
    withholding: Withholding | None = None
    platform_fee: PlatformFee | None = None
    payout_currency: Currency | None = None
    fx: Decimal | None = None

    @model_validator(mode="after")
    def _can_be_reckoned(self, info: ValidationInfo) -> Self:
        if offered(info):
            for field in NEEDS[self.model]:
                if getattr(self, field) is None:
                    raise refuse(field, f"pay reckoned {self.model} needs {field}")
        if sum(Fraction(payee.weight) for payee in self.parties) == 0:
            raise refuse("parties", "every weight is zero, so nobody would be paid")
        if len({payee.id for payee in self.parties}) != len(self.parties):
            raise refuse("parties", "a payee is listed twice")
        return self
