"""A performer's standing limits, and what of a contract document crosses them. Pure.

Three words say how far a limit goes: `never`, `ask` (ask me), `allowed`. What is not named is
allowed. A limit grants nothing: that takes a contract.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from app.licensing.document import territories
from app.licensing.document.contract import Terms
from app.licensing.document.parts import Part, refuse
from app.licensing.document.vocabulary import word

Level = Literal["never", "ask", "allowed"]
STRICTNESS: dict[Level, int] = {"allowed": 0, "ask": 1, "never": 2}
REST = "*"


def _places(levels: dict[str, Level]) -> dict[str, Level]:
    for code in levels:
        if not territories.known(code):
            raise ValueError(f"{code!r} is not an ISO 3166 code, WORLD, EU or NORTH_AMERICA")
    return levels


def _one_spelling(levels: dict[str, Level]) -> dict[str, Level]:
    spelt = [word(name) for name in levels]
    twice = next((name for name in spelt if spelt.count(name) > 1), None)
    if twice is not None or "" in spelt:
        raise ValueError(f"{twice or 'an empty word'} stands here more than once, or says nothing")
    return levels


Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Levels = Annotated[dict[Word, Level], Field(max_length=300)]


class Limits(Part):
    """What a performer wants, without being asked: per purpose, content, place, and training."""

    v: Literal[1]
    purposes: Annotated[Levels, AfterValidator(_one_spelling)] = Field(
        default={}, description="By purpose; `*` is every purpose not named."
    )
    content: Annotated[Levels, AfterValidator(_one_spelling)] = Field(
        default={}, description="By content tag, each by name."
    )
    territories: Annotated[Levels, AfterValidator(_places)] = Field(
        default={}, description="By place or group; of places within each other the inner counts."
    )
    training: Level = Field(description="Whether models may be trained on the likeness.")

    @model_validator(mode="after")
    def _names_its_content(self) -> Self:
        if REST in self.content:
            raise refuse("content", "no contract can rule out `*`; name each content tag")
        return self


@dataclass(frozen=True, slots=True)
class Finding:
    """One limit that a document crosses.

    `pointer` is the place in the document, `boundary` the limit, both JSON pointers (RFC 6901).
    """

    pointer: str
    boundary: str
    level: Literal["never", "ask"]
    message: str


def findings(terms: Terms, limits: Limits) -> list[Finding]:
    """Name every limit of the performer's that this document crosses, in the document's order."""
    found = (
        *_purposes(terms, limits),
        *_territories(terms, limits),
        *_training(terms, limits),
        *_content(terms, limits),
    )
    return list(dict.fromkeys(found))


def level_at(limits: Limits, place: str) -> tuple[Level, str]:
    """Return the level at a place and the listed place it comes from: the innermost one."""
    for code in territories.around(place):
        if code in limits.territories:
            return limits.territories[code], code
    return "allowed", ""


def level_for(limits: Limits, purpose: str) -> tuple[Level, str]:
    """Return the level of a purpose and the listed word it comes from."""
    for name, level in limits.purposes.items():
        if name != REST and word(name) == word(purpose):
            return level, name
    return limits.purposes.get(REST, "allowed"), REST


def _purposes(terms: Terms, limits: Limits) -> Iterator[Finding]:
    for index, purpose in enumerate(terms.grant.purposes):
        level, name = level_for(limits, purpose)
        if level != "allowed":
            what = f"It licenses the purpose {purpose}"
            yield _finding(f"/grant/purposes/{index}", "purposes", name, level, what)


def _territories(terms: Terms, limits: Limits) -> Iterator[Finding]:
    """Cut the grant along every line that it or the limits draw, and look at each piece."""
    grant = terms.grant.territories
    drawn = territories.lines(grant.include, grant.exclude, limits.territories)
    for index, code in enumerate(grant.include):
        for piece in territories.pieces([code], drawn, exclude=grant.exclude):
            level, place = level_at(limits, piece)
            if level != "allowed":
                what = f"It reaches {place}" if code == place else f"{code} reaches into {place}"
                pointer = f"/grant/territories/include/{index}"
                yield _finding(pointer, "territories", place, level, what)


def _training(terms: Terms, limits: Limits) -> Iterator[Finding]:
    training = terms.grant.training
    asks_each_time = training == "with_approval" and limits.training == "ask"
    if training != "no" and limits.training != "allowed" and not asks_each_time:
        what = f"It lets models be trained ({training})"
        yield _finding("/grant/training", "training", "", limits.training, what)


def _content(terms: Terms, limits: Limits) -> Iterator[Finding]:
    """What a contract does not rule out, it permits."""
    content = terms.grant.content
    barred = {word(tag) for tag in content.prohibited}
    asked = barred | {word(tag) for tag in content.approval}
    for tag, level in limits.content.items():
        if level == "never" and word(tag) not in barred:
            what = f"It does not rule out {tag}"
            yield _finding("/grant/content/prohibited", "content", tag, level, what)
        if level == "ask" and word(tag) not in asked:
            what = f"It neither rules out {tag} nor makes it subject to approval"
            yield _finding("/grant/content/approval", "content", tag, level, what)


def _finding(pointer: str, kind: str, name: str, level: Level, what: str) -> Finding:
    escaped = name.replace("~", "~0").replace("/", "~1")
    boundary = f"/{kind}/{escaped}" if name else f"/{kind}"
    said = {"never": "never", "ask": "ask me"}[level]
    crossed: Literal["never", "ask"] = "never" if level == "never" else "ask"
    return Finding(pointer, boundary, crossed, f"{what}; the performer's standing word is: {said}.")
