"""Party profiles: what a party says of itself for invoices, from a day on; never edited."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from sqlmodel import Session, col, select

from app import clock
from app.ledger.errors import ProfileMissing, ProfileRefused
from app.ledger.receivables.models import OPERATOR, PartyProfile
from app.ledger.receivables.references import is_iban
from app.ledger.receivables.tax import EU

Rate = Annotated[Decimal, Field(ge=0, lt=1, max_digits=9, decimal_places=8)]
Text = Annotated[str, Field(min_length=1, max_length=200)]


class ProfileInput(BaseModel):
    """What a party says of itself, from a day on. Rates are portions of one: `0.21` is 21 %."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    valid_from: date = Field(examples=["2026-12-01"])
    name: Text = Field(examples=["Nightglass Pictures B.V."])
    address: Annotated[list[Text], Field(min_length=1, max_length=6)] = Field(
        examples=[["Oude Delft 1", "2611 BA Delft"]]
    )
    country: str = Field(pattern="^[A-Z]{2}$", examples=["NL"], description="ISO 3166-1.")
    vat_id: str | None = Field(
        default=None, pattern="^[A-Z]{2}[A-Z0-9]{2,13}$", examples=["NL123456789B01"]
    )
    vat_rate: Rate | None = Field(
        default=None, examples=["0.21"], description="What the party charges at home."
    )
    withholding_rate: Rate | None = Field(
        default=None, examples=["0.15"], description="What is kept back from what it earns."
    )
    iban: str | None = Field(
        default=None, examples=[None], description="Of the operator, who is paid by invoice."
    )
    due_days: int = Field(default=30, ge=0, le=365)

    @field_validator("iban")
    @classmethod
    def _has_check_digits(cls, iban: str | None) -> str | None:
        if iban is not None and not is_iban(iban):
            raise ValueError("this is no IBAN: its check digits do not fit; write it unspaced")
        return iban

    @model_validator(mode="after")
    def _is_registered_at_home(self) -> "ProfileInput":
        prefix = "EL" if self.country == "GR" else self.country
        if self.country in EU and self.vat_id and not self.vat_id.startswith(prefix):
            raise ValueError(f"a VAT id of {self.country} begins with {prefix}")
        if self.vat_rate is not None and self.vat_id is None:
            raise ValueError("who charges VAT has a VAT id; give it, or leave the rate out")
        return self


def set_profile(
    session: Session, party_id: str, given: ProfileInput, *, api_key_id: str | None = None
) -> PartyProfile:
    """Record what a party says of itself from a day on; what it said before stays for its days.

    A profile may begin today or later: earlier days have been invoiced by the one that held then.
    The very first may begin earlier. Only the operator's names an account: it is printed on
    invoices, and a payee's is nobody else's business. Raises ProfileRefused.
    """
    if given.iban is not None and party_id != OPERATOR:
        raise ProfileRefused(
            "a profile is printed on invoices and names no account but the operator's; say where "
            "you are paid with POST /v1/bank-accounts, which keeps it sealed"
        )
    said = profiles_of(session, party_id)
    if said and given.valid_from < clock.now().date():
        raise ProfileRefused(
            f"{party_id} has a profile for {given.valid_from} already; "
            "a new one begins today or later"
        )
    profile = PartyProfile(
        party_id=party_id,
        number=len(said) + 1,
        api_key_id=api_key_id,
        **given.model_dump(exclude={"vat_rate", "withholding_rate"}),
        vat_rate=_text(given.vat_rate),
        withholding_rate=_text(given.withholding_rate),
    )
    session.add(profile)
    session.flush()
    return profile


def profiles_of(session: Session, party_id: str) -> Sequence[PartyProfile]:
    """List what a party has said of itself, in the order it did."""
    return session.exec(
        select(PartyProfile)
        .where(PartyProfile.party_id == party_id)
        .order_by(col(PartyProfile.number))
    ).all()


def profile_on(session: Session, party_id: str, day: date) -> PartyProfile:
    """Return the profile that holds on a day. Raises ProfileMissing."""
    profile = session.exec(
        select(PartyProfile)
        .where(PartyProfile.party_id == party_id, PartyProfile.valid_from <= day)
        .order_by(col(PartyProfile.number).desc())
        .limit(1)
    ).first()
    if profile is None:
        raise ProfileMissing(
            f"{party_id} has no profile for {day}; it records one with POST "
            f"/v1/parties/{party_id}/profiles, the operator with `understudy party set {party_id}`"
        )
    return profile


def _text(rate: Decimal | None) -> str | None:
    return None if rate is None else format(rate.normalize(), "f")
