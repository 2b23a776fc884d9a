"""What a contract licenses: nothing that is not named here is."""

from datetime import UTC, date
from typing import Annotated, Self

from pydantic import AfterValidator, AwareDatetime, Field, ValidationInfo, model_validator

from app.licensing.document import local_days
from app.licensing.document.parts import (
    Amount,
    Language,
    Name,
    Names,
    OneOf,
    Part,
    SomeNames,
    Territory,
    not_empty,
    offered,
    refuse,
)

MAX_TERM_YEARS = 200


class Territories(Part):
    """Where: what is included, less what is excluded."""

    include: Annotated[tuple[Territory, ...], AfterValidator(not_empty)]
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
        last_year = (self.end_at or self.end or self.start).year
        if offered(info) and last_year - self.start.year > MAX_TERM_YEARS:
            field = "end" if self.end_at is None else "end_at"
            raise refuse(field, f"a term has at most {MAX_TERM_YEARS} years")
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
        first_day_out = local_days.next_day(self.end) if self.end_inclusive else self.end
        return local_days.midnight(first_day_out, self.tz)

    def capped_at(self, years: int) -> int:
        """The instant at which a law that allows so many years ends it, in microseconds."""
        return local_days.midnight(local_days.add_years(self.start, years), self.tz)


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
    languages: Annotated[tuple[Language, ...], AfterValidator(not_empty)]
    dubbing: Annotated[str, OneOf("no", "listed", "cba_default", "yes")]
    generators: Names
    realtime: bool
    training: Annotated[str, OneOf("no", "project_model_only", "with_approval", "yes")]
    term: Term
    quota: Quota
    sublicense: Sublicense
    content: Content
