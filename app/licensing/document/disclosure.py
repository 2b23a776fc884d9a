"""What others may learn of a finished work: the contract's term, and the one rule that obeys it.

Four levels, each with all of the one before. `license`: that it is a licensed replica, whether
the license held then and holds now, integrity, and nothing else. `credit`: also who the performer
and the licensee are, and the project. `use`: also what was made, where it may be shown, the words
spoken, and why a license does not hold. `terms`: also the contracts themselves.

Whatever tells anybody of an output asks `told` first, with every contract behind that output. Pure:
no database, no clock.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Self

from pydantic import Field, ValidationInfo, model_validator

from app.licensing.document import local_days
from app.licensing.document.parts import OneOf, Part, offered, refuse

LICENSE, CREDIT, USE, TERMS = LEVELS = ("license", "credit", "use", "terms")
DEFAULT = LICENSE  # of a contract that says nothing
# Every fact that can be told, and the least level that tells it.
FACTS: Mapping[str, str] = {
    "performers": CREDIT,
    "licensees": CREDIT,
    "project": CREDIT,
    "use": USE,
    "reasons": USE,
    "contracts": TERMS,
}
GRANTORS: Mapping[str, tuple[str, ...]] = {
    "performer": ("performer",),
    "licensee": ("licensee",),
    "either": ("performer", "licensee"),
    "both": ("performer", "licensee"),
}
ToAnybody = Annotated[str, OneOf(LICENSE, CREDIT, USE)]


def rank(level: str) -> int:
    """Order the levels; a word without meaning tells no more than the default."""
    return LEVELS.index(level) if level in LEVELS else 0


class Disclosure(Part):
    """What strangers learn before and after a release, and how much a named verifier may."""

    now: ToAnybody = Field(default=DEFAULT, description="What anybody learns until the release.")
    release_on: date | None = Field(
        default=None, description="The day of the release, in the zone of the term."
    )
    after_release: ToAnybody | None = Field(
        default=None,
        description="What anybody learns from the start of that day; null: the same as before.",
    )
    granted_by: Annotated[str, OneOf(*GRANTORS)] = Field(
        default="both", description="Whose signature shows a named verifier more."
    )
    verifiers: Annotated[str, OneOf(*LEVELS)] = Field(
        default=TERMS, description="The most that a named verifier may be shown."
    )

    @model_validator(mode="after")
    def _only_ever_opens(self, info: ValidationInfo) -> Self:
        if not offered(info):
            return self
        if self.release_on is not None and self.after_release is None:
            raise refuse("after_release", "say what anybody learns after that day")
        after = self.after_release or self.now
        if rank(after) < rank(self.now):
            said = f"what was told cannot be untold: after the release at least {self.now}"
            raise refuse("after_release", said)
        if rank(self.verifiers) < rank(after):
            said = f"a named verifier may be shown no less than anybody, which is {after}"
            raise refuse("verifiers", said)
        return self

    def to_anybody(self, at: datetime, *, tz: str) -> str:
        """Return the level of a stranger at an instant."""
        if self.release_on is None or self.after_release is None:
            return self.now
        released = local_days.micros(at) >= local_days.midnight(self.release_on, tz)
        return self.after_release if released else self.now


@dataclass(frozen=True, slots=True)
class Granted:
    """One side's signed word that a named verifier is shown more, from an instant to another.

    `verifier` is an organization's id, or the thumbprint of a public key (RFC 7638).
    """

    side: str
    verifier: str
    level: str
    starts_at: datetime
    ends_at: datetime

    def holds(self, at: datetime) -> bool:
        """Whether it is in force at an instant."""
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True, slots=True)
class Agreed:
    """One contract behind an output: what it says of this, between whom, who was granted more.

    `disclosure` is null where the contract is silent; `sound` false where its stored rows are not
    those that were signed. Of a withdrawn contract strangers learn the default again.
    """

    disclosure: Disclosure | None
    tz: str
    parties: frozenset[str]
    withdrawn: bool = False
    sound: bool = True
    grants: tuple[Granted, ...] = ()


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: the organization whose API key it is, the thumbprints of keys they hold."""

    names: frozenset[str] = frozenset()


STRANGER = Viewer()
SILENT = Disclosure()


def told(
    agreed: Sequence[Agreed], viewer: Viewer, at: datetime, facts: Mapping[str, Callable[[], Any]]
) -> dict[str, Any]:
    """Return what a viewer may see of an output at an instant: the level, and those facts.

    `agreed` is every contract behind the output; the strictest counts, and without any nothing is
    told. `facts` are read only where they are told. Raises KeyError for a fact that `FACTS` does
    not place: nobody has said who may see it.
    """
    level = level_for(agreed, viewer, at)
    seen = {name: rank(FACTS[name]) <= rank(level) for name in facts}
    return {"level": level, **{name: read() for name, read in facts.items() if seen[name]}}


def level_for(agreed: Sequence[Agreed], viewer: Viewer, at: datetime) -> str:
    """Return the level of a viewer: the lowest that any contract behind the output gives."""
    return min((_by(each, viewer, at) for each in agreed), key=rank, default=DEFAULT)


def _by(contract: Agreed, viewer: Viewer, at: datetime) -> str:
    if not contract.sound:
        return DEFAULT  # what was changed behind its parties' backs speaks for nobody
    if contract.parties & viewer.names:
        return TERMS
    says = contract.disclosure or SILENT
    anybody = DEFAULT if contract.withdrawn else says.to_anybody(at, tz=contract.tz)
    granted = min(_granted(contract, says, viewer, at), says.verifiers, key=rank)
    return LEVELS[max(rank(anybody), rank(granted))]


def _granted(contract: Agreed, says: Disclosure, viewer: Viewer, at: datetime) -> str:
    """Return what was granted, by whom the contract lets grant: where both must, what both did."""
    by_side = [
        max(
            (
                each.level
                for each in contract.grants
                if each.side == side and each.verifier in viewer.names and each.holds(at)
            ),
            key=rank,
            default=DEFAULT,
        )
        for side in GRANTORS.get(says.granted_by, ())
    ]
    choose = min if says.granted_by == "both" else max
    return choose(by_side, key=rank, default=DEFAULT)
