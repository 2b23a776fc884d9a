"""The parts of a contract document, each refusing what cannot be meant.

Two levels. *Offered* (the default) is how a document is read before anyone may offer or sign it:
words, codes, zones and combinations must all make sense. *Recorded* is how a stored document is
read when a use is decided: where a defect has a reason code of its own (an empty description, an
unknown territory, a word without meaning), the document is accepted and the policies deny.
Unknown fields, wrong types and negative amounts are refused at both levels.
"""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError, core_schema

from app.licensing import languages, local_days, territories

RECORDED = {"level": "recorded"}

Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Amount = Annotated[int | float, Field(ge=0, le=10**9, allow_inf_nan=False)]
Days = Annotated[int, Field(ge=0, le=366 * 100)]
Years = Annotated[int, Field(ge=1, le=200)]


def offered(info: ValidationInfo) -> bool:
    """Whether the document is read as an offer, with every word checked."""
    return not (info.context and info.context.get("level") == "recorded")


def refuse(field: str, message: str) -> PydanticCustomError:
    """Return a refusal that points at one field of the part under validation."""
    return PydanticCustomError("terms", "{message}", {"field": field, "message": message})


class OneOf:
    """Annotate a field that means something only for these words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def _check(self, value: str, info: ValidationInfo) -> str:
        if offered(info) and value not in self.words:
            known = ", ".join(self.words)
            raise ValueError(f"{value!r} has no meaning here; write one of {known}")
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.with_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "enum": list(self.words)}


def _each(known: Any, what: str) -> AfterValidator:
    def check(value: str, info: ValidationInfo) -> str:
        if offered(info) and not known(value):
            raise ValueError(f"{value!r} is not {what}")
        return value

    return AfterValidator(check)


def _no_repeats(values: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
    if offered(info) and len(set(values)) != len(values):
        raise ValueError("an entry is listed twice; list each once")
    return values


def _not_empty(values: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
    if offered(info) and not values:
        raise ValueError("the list is empty, so nothing could ever be permitted; name at least one")
    return values


Territory = Annotated[
    Name, _each(territories.known, "an ISO 3166 code, WORLD, EU or NORTH_AMERICA")
]
Language = Annotated[
    Name, _each(lambda tag: tag == "*" or languages.known(tag), "a BCP 47 language range")
]
Names = Annotated[tuple[Name, ...], Field(max_length=500), AfterValidator(_no_repeats)]
SomeNames = Annotated[Names, AfterValidator(_not_empty)]


class Part(BaseModel):
    """A part of the document: frozen, without unknown fields, without coercion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


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


class Territories(Part):
    """Where: what is included, less what is excluded."""

    include: Annotated[tuple[Territory, ...], AfterValidator(_not_empty)]
    exclude: tuple[Territory, ...] = ()


class Term(Part):
    """When: days in the contract's own zone, or an exact end; half-open once resolved."""

    start: date
    end: date | None = None
    end_inclusive: bool = True
    end_at: AwareDatetime | None = None
    tz: Name

    @model_validator(mode="after")
    def _ends_after_it_starts(self, info: ValidationInfo) -> Self:
        try:
            local_days.zone(self.tz)
        except ValueError as error:
            raise refuse("tz", str(error)) from error
        if self.end is None and self.end_at is None:
            raise refuse("end", "a term needs an end: a day (end) or an instant (end_at)")
        if offered(info) and self.end is not None and self.end_at is not None:
            raise refuse("end_at", "a term has one end: either end or end_at")
        if offered(info) and self.ends_at <= self.starts_at:
            raise refuse(
                "end" if self.end_at is None else "end_at", "the term ends before it starts"
            )
        return self

    @property
    def starts_at(self) -> int:
        """The first instant of the term, in microseconds since 1970."""
        return local_days.midnight(self.start, self.tz)

    @property
    def ends_at(self) -> int:
        """The first instant after the term, in microseconds since 1970."""
        if self.end_at is not None:
            return local_days.micros(self.end_at.astimezone(UTC))
        if self.end is None:
            raise ValueError("a term needs an end")
        first_day_out = datetime.combine(self.end, datetime.min.time(), UTC)
        days = 1 if self.end_inclusive else 0
        return local_days.midnight(date.fromordinal(first_day_out.toordinal() + days), self.tz)


class Quota(Part):
    """How much: null is without limit."""

    max_seconds: Amount | None = None
    max_renders: Annotated[int, Field(ge=0, le=10**9)] | None = None
    max_seconds_per_output: Amount | None = None


class Sublicense(Part):
    """Whether the licensee may let others use the licence."""

    mode: Annotated[str, OneOf("no", "listed", "with_approval", "yes")]
    listed: Names = ()

    @model_validator(mode="after")
    def _lists_somebody(self, info: ValidationInfo) -> Self:
        if offered(info) and (self.mode == "listed") != bool(self.listed):
            raise refuse("listed", "name sublicensees exactly when mode is listed")
        return self


class Content(Part):
    """What may never be shown, what needs a yes, and which brands are barred.

    Where anything is prohibited, a person views a marked preview before release unless
    `preview_waived`.
    """

    prohibited: Names = ()
    approval: Names = ()
    blocked_brand_categories: Names = ()
    preview_waived: bool = False

    @model_validator(mode="after")
    def _says_one_thing(self, info: ValidationInfo) -> Self:
        both = sorted(set(self.prohibited) & set(self.approval))
        if offered(info) and both:
            raise refuse("approval", f"{both[0]} is both prohibited and subject to approval")
        return self


class Grant(Part):
    """What is licensed; nothing that is not named here is."""

    projects: SomeNames
    purposes: SomeNames
    media: SomeNames
    modalities: SomeNames
    territories: Territories
    languages: Annotated[tuple[Language, ...], AfterValidator(_not_empty)]
    dubbing: Annotated[str, OneOf("no", "listed", "cba_default", "yes")]
    generators: Names
    realtime: bool
    training: Annotated[str, OneOf("no", "project_model_only", "with_approval", "yes")]
    term: Term
    quota: Quota
    sublicense: Sublicense
    content: Content


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
    """Rules of a statute that the parties opted into."""

    max_term_years: Years | None = None
    minor_court_approval: bool = False


class Exclusivity(Part):
    """What the licensee alone may do. No category: the whole person; null: everywhere."""

    category: Name | None = None
    territories: Annotated[tuple[Territory, ...], AfterValidator(_not_empty)] | None = None
    media: SomeNames | None = None
    holdback_days: Days = 0
