"""What a contract says besides its grant: who, how they agreed, and what follows."""

from datetime import date
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from app.config import settings
from app.licensing.document.packs import known_packs
from app.licensing.document.parts import (
    Days,
    Name,
    Names,
    OneOf,
    Part,
    SomeNames,
    Territory,
    Years,
    not_empty,
    offered,
    refuse,
)
from app.licensing.document.vocabulary import IDENTITY_LEVELS


class Performer(Part):
    """Whose likeness this is. The date of birth decides what a minor's contract needs."""

    id: Name
    name: Name
    dob: date | None


class Representation(Part):
    """Who stood beside the performer: union, counsel, agent."""

    union: Name | None = None
    counsel: bool = False
    agent: Name | None = None


class Consent(Part):
    """The consent itself: what it says, and that it is not buried in other terms."""

    clear_and_conspicuous: bool
    separately_signed: bool
    uses_description: Annotated[str, StringConstraints(max_length=20_000)]

    @model_validator(mode="after")
    def _means_something(self, info: ValidationInfo) -> Self:
        if offered(info) and not self.uses_description.strip():
            raise refuse("uses_description", "describe the intended uses in a sentence or more")
        if offered(info) and not self.clear_and_conspicuous:
            raise refuse("clear_and_conspicuous", "consent must be clear and conspicuous")
        if offered(info) and not self.separately_signed:
            raise refuse("separately_signed", "consent must be signed separately")
        return self


class Approvals(Part):
    """Whether each use needs a yes, whose, within how long, and what silence means."""

    per_use: bool
    required: Names
    on_silence: Annotated[str, OneOf("deny", "wait")]
    sla_hours: Annotated[int, Field(ge=0, le=24 * 366)]

    @model_validator(mode="after")
    def _asks_somebody(self, info: ValidationInfo) -> Self:
        if offered(info) and self.per_use and not self.required:
            raise refuse("required", "approval per use needs at least one role to give it")
        return self


class StrikePolicy(Part):
    """The agreements whose strikes suspend this consent."""

    agreements: Names = ()


class Revocation(Part):
    """What happens on withdrawal, and to work in flight when the term ends."""

    wind_down: Annotated[str, OneOf("stop_now", "finish_in_flight", "notice_period")]
    notice_days: Days
    existing_outputs: Annotated[str, OneOf("keep", "remove")]
    removal_days: Days
    expiry_in_flight: Annotated[str, OneOf("stop", "finish")]

    @model_validator(mode="after")
    def _gives_notice(self, info: ValidationInfo) -> Self:
        if offered(info) and (self.wind_down == "notice_period") != (self.notice_days > 0):
            raise refuse("notice_days", "give notice days exactly when wind_down is notice_period")
        return self


class Postmortem(Part):
    """What death changes, and for how many years rights last after it."""

    mode: Annotated[str, OneOf("continue", "terminate", "estate_reapproval")]
    rights_years: Years | None = None


class Data(Part):
    """How likeness data is kept: until when, for whom, in what form."""

    delete_after_term_days: Days | None = None
    access: Name | None = None
    encrypted: bool = True


class PolicyPack(Part):
    """Rules of a statute or an agreement that the parties opted into; packs by their names."""

    max_term_years: Years | None = None
    minor_court_approval: bool = False
    packs: Names = ()
    performer_identity: Annotated[str, OneOf(*IDENTITY_LEVELS)] | None = Field(
        default=None, description="How far it must be proven who the performer is, to use this."
    )
    ink: Annotated[str, OneOf("accepted", "refused")] | None = Field(
        default=None, description="Whether a party may sign in ink before a witness; null: it may."
    )

    @model_validator(mode="after")
    def _names_packs_on_file(self, info: ValidationInfo) -> Self:
        for number, name in enumerate(self.packs if offered(info) else ()):
            if name not in known_packs(settings().policies_dir):
                known = ", ".join(sorted(known_packs(settings().policies_dir)))
                raise refuse(f"packs/{number}", f"no pack is called {name!r}; there are {known}")
        return self


class Exclusivity(Part):
    """What the licensee alone may do. No category: the whole person; null: everywhere."""

    category: Name | None = None
    territories: Annotated[tuple[Territory, ...], AfterValidator(not_empty)] | None = None
    media: SomeNames | None = None
    holdback_days: Days = 0


class Paper(Part):
    """The signed paper whose terms this document states: whoever signs the document names it."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    signed_on: date


class Amends(Part):
    """Which version this document takes the place of, and from when: at once, or later."""

    contract: Name
    document_sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    effective_at: AwareDatetime | None = None
