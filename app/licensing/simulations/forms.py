"""What a simulation is asked with, as JSON: a document or contract, uses, and what to suppose.

Uses come as one base and what differs: a list of differences, or axes that are crossed, or neither
and the document itself is swept. Everything supposed here is a claim; nothing signed rests on it.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from app.licensing.deciding.inputs import (
    ApprovalFact,
    ContractInForce,
    State,
    StrikeFact,
    Usage,
    UseRequest,
)
from app.licensing.document.contract import Contract
from app.licensing.document.example import DOCUMENT
from app.licensing.simulations.simulation import MOST_USES, crossed, sweep

Word = Annotated[str, StringConstraints(max_length=300)]
Words = Annotated[tuple[Word, ...], Field(max_length=300)]
Length = Annotated[Decimal, Field(ge=0, le=10**9, max_digits=18)]
Count = Annotated[int, Field(ge=0, le=10**9)]
ASKED: JsonDict = {
    "document": DOCUMENT,
    "base": {"territories": ["DE"]},
    "requests": [{}, {"territories": ["US"]}, {"tags": ["nudity"]}],
}
AXES = ("purpose", "medium", "territories", "tags")


class UseForm(BaseModel):
    """One use, or what differs in it from the base; null says that a fact is not known."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"medium": "svod"}]})

    action: Literal[
        "generate",
        "train",
        "edit_existing",
        "distribute_existing",
        "retain_model",
        "transfer_model",
        "biometric_use",
        "scan_session",
    ] = "generate"
    phase: Literal["authorize", "release_output"] = "authorize"
    at: AwareDatetime | None = Field(None, description="Default: now, or the term's beginning.")
    requester_org: Word | None = Field(None, description="Default: the licensee.")
    sublicensed_from: Word | None = None
    project: Word | None = None
    purpose: Word | None = None
    medium: Word | None = None
    territories: Words | None = None
    languages: Words | None = None
    modalities: Words | None = None
    tags: Words | None = None
    script_hash: Word | None = None
    brand_category: Word | None = None
    depicted_age: Annotated[int, Field(ge=0, le=200)] | None = None
    generator: Word | None = None
    seconds: Length | None = None
    renders: Annotated[int, Field(ge=1, le=10**9)] = 1
    realtime: bool = False
    training: bool = False
    training_scope: Word | None = None
    is_dub: bool = False
    principal_photography_start: date | None = None
    exhibit_until: AwareDatetime | None = None
    permit_issued_at: AwareDatetime | None = None
    background_count_shortfall: Count = 0
    role: Word | None = None
    edit_kind: Word | None = None
    transferee: Word | None = None
    services_at: AwareDatetime | None = None
    exemption_claim: Word | None = None

    def laid_over(self, base: UseRequest) -> UseRequest:
        """Return the base with what is stated here."""
        stated = {name: getattr(self, name) for name in self.model_fields_set}
        for name in ("at", "requester_org"):  # every use has both
            if stated.get(name) is None:
                stated.pop(name, None)
        return replace(base, **stated)


class AxesForm(BaseModel):
    """Values to cross: every combination is asked about, the last axis running fastest."""

    model_config = ConfigDict(extra="forbid")

    purpose: Annotated[tuple[Word, ...], Field(min_length=1, max_length=MOST_USES)] | None = None
    medium: Annotated[tuple[Word, ...], Field(min_length=1, max_length=MOST_USES)] | None = None
    territories: Annotated[tuple[Words, ...], Field(min_length=1, max_length=MOST_USES)] | None = (
        None
    )
    tags: Annotated[tuple[Words, ...], Field(min_length=1, max_length=MOST_USES)] | None = None

    @model_validator(mode="after")
    def _is_not_endless(self) -> "AxesForm":
        crossed(self.values())
        return self

    def values(self) -> dict[str, tuple[Any, ...]]:
        """Return the axes that are given, in the order of the table."""
        return {name: getattr(self, name) for name in AXES if getattr(self, name) is not None}


class ApprovalForm(BaseModel):
    """A human's answer, supposed."""

    model_config = ConfigDict(extra="forbid")

    role: Word = Field(examples=["performer"])
    status: Literal["approved", "rejected", "timed_out", "pending"] = "approved"
    at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    script_hash: Word | None = None
    content_tags: Words = ()
    sublicensee: Word | None = None
    transferee: Word | None = None
    training_scope: Word | None = None
    authority_verified: bool = True


class StrikeForm(BaseModel):
    """A strike, supposed."""

    model_config = ConfigDict(extra="forbid")

    agreement: Word = Field(examples=["SAG-AFTRA-TVT-2026"])
    from_at: AwareDatetime
    to_at: AwareDatetime | None = None


class UsageForm(BaseModel):
    """What was used and is reserved under the contract, supposed."""

    model_config = ConfigDict(extra="forbid")

    seconds: Length = Decimal(0)
    reserved_seconds: Length = Decimal(0)
    renders: Count = 0
    reserved_renders: Count = 0


class SupposeForm(BaseModel):
    """The state of the world, as if; what is left out is as the server knows it."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["active", "suspended"] | None = None
    withdrawn_at: AwareDatetime | None = None
    paused: bool | None = None
    unpaid_since: AwareDatetime | None = Field(
        None, description="When an invoice for its uses fell due, or will, that is not paid."
    )
    deceased_on: date | None = None
    court_approved: bool | None = None
    ratified_at: AwareDatetime | None = None
    usage: UsageForm | None = None
    approvals: Annotated[tuple[ApprovalForm, ...], Field(max_length=100)] | None = None
    strikes: Annotated[tuple[StrikeForm, ...], Field(max_length=20)] | None = None
    generators: Annotated[dict[Word, bool], Field(max_length=100)] | None = Field(
        None, description="Each generator, and whether it trains on inputs."
    )

    def of_contract(self, contract: ContractInForce) -> ContractInForce:
        """Return the contract in the supposed state."""
        names = (
            "status", "withdrawn_at", "paused", "unpaid_since", "deceased_on", "court_approved",
            "ratified_at",
        )  # fmt: skip
        stated = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if self.usage is not None:
            stated["usage"] = Usage(**dict(self.usage))
        return replace(contract, **stated)

    def of_world(self, state: State) -> State:
        """Return the world in the supposed state."""
        stated: dict[str, Any] = {}
        if self.approvals is not None:
            stated["approvals"] = tuple(ApprovalFact(**dict(each)) for each in self.approvals)
        if self.strikes is not None:
            stated["strikes"] = tuple(StrikeFact(**dict(each)) for each in self.strikes)
        if self.generators is not None:
            stated["generators"] = {**state.generators, **self.generators}
        return replace(state, **stated)


class UsesForm(BaseModel):
    """Which uses to ask about: differences, axes, or (with neither) a sweep of the document."""

    model_config = ConfigDict(extra="forbid")

    base: UseForm = Field(
        default_factory=UseForm,
        description="What all uses have in common; default: a use the document's grant names.",
    )
    requests: Annotated[tuple[UseForm, ...], Field(min_length=1, max_length=MOST_USES)] | None = (
        Field(None, description="What differs, one entry for each use.")
    )
    axes: AxesForm | None = None
    suppose: SupposeForm = Field(default_factory=SupposeForm)

    @model_validator(mode="after")
    def _asks_one_way(self) -> "UsesForm":
        if self.requests is not None and self.axes is not None:
            raise ValueError("give requests or axes, not both")
        return self

    def uses(
        self, terms: Contract, usual: UseRequest
    ) -> tuple[dict[str, tuple[Any, ...]], list[UseRequest]]:
        """Return the axes crossed, if any were, and every use to ask about in order."""
        base = self.base.laid_over(usual)
        if self.requests is not None:
            return {}, [each.laid_over(base) for each in self.requests]
        axes = sweep(terms) if self.axes is None else self.axes.values()
        return axes, [replace(base, **changes) for changes in crossed(axes)]


class SimulationCreate(UsesForm):
    """A draft, or a contract of one's own, and the uses to ask about."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ASKED]})

    document: dict[str, Any] | None = Field(
        None, examples=[DOCUMENT], description="A draft, as `/v1/schemas/contract` describes it."
    )
    contract_id: Annotated[str, Field(pattern=r"^con_[0-9A-Z]{26}$")] | None = Field(
        None, description="A contract of the caller's instead, signed or not."
    )

    @model_validator(mode="after")
    def _asks_about_one(self) -> "SimulationCreate":
        if (self.document is None) == (self.contract_id is None):
            raise ValueError("give a document or a contract_id, one of the two")
        return self
