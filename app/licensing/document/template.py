"""Templates of the usual deals: whole documents with named blanks to fill in.

A blank stands in the document as `{"blank": "name"}`. Filling puts the same answer wherever the
blank stands; what comes out is read as an offer, so a template filled is a document to sign.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.errors import AppError
from app.ledger.terms import exact
from app.licensing.document import contract as documents
from app.licensing.document.contract import DocumentRefused, Problem
from app.licensing.errors import ContractInvalid, TemplateNotFound
from app.money import minor_digits

FOLDER = Path(__file__).parent / "templates"


class Blank(BaseModel):
    """One thing to fill in: what it asks, of which kind, and an answer as an example."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asks: str = Field(examples=["The price of one second."])
    kind: Literal["text", "day", "list", "number", "share", "money", "yes-or-no"] = Field(
        description="money: major units as text, `12.50`; share: `0.10` is ten per cent."
    )
    example: Any = Field(examples=["12.50"])
    default: Any = Field(
        default=None, examples=[None], description="What counts where it is left out."
    )

    @property
    def required(self) -> bool:
        """Whether it must be filled in."""
        return "default" not in self.model_fields_set


class Template(BaseModel):
    """One usual deal: why it is as it is, its blanks, and the document they stand in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    about: str
    choices: tuple[str, ...]
    blanks: dict[str, Blank]
    document: dict[str, Any]

    def places(self) -> dict[str, list[str]]:
        """Return where each blank stands: JSON pointers into the document."""
        found: dict[str, list[str]] = {name: [] for name in self.blanks}
        for pointer, name in _blanks(self.document):
            found[name].append(pointer)
        return found

    def example(self) -> dict[str, Any]:
        """Return the document with every blank answered as its example shows."""
        return fill(self, {name: blank.example for name, blank in self.blanks.items()})


@cache
def templates() -> Mapping[str, Template]:
    """Return all templates by name."""
    read = (Template.model_validate_json(path.read_bytes()) for path in FOLDER.glob("*.json"))
    return {template.name: template for template in sorted(read, key=lambda each: each.name)}


def template_of(name: str) -> Template:
    """Return one template. Raises TemplateNotFound naming those there are."""
    try:
        return templates()[name]
    except KeyError:
        known = ", ".join(templates())
        raise TemplateNotFound(f"there is no template {name[:64]!r}; there are {known}") from None


def fill(template: Template, answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with its blanks filled; it may be offered as it is.

    Raises ContractInvalid, pointing into the document at each blank that is left, at each field
    whose answer does not fit; an answer to a blank there is not is named.
    """
    problems = [
        Problem("", f"this template has no blank {name[:64]!r}; leave it out")
        for name in answers
        if name not in template.blanks
    ]
    for pointer, name in _blanks(template.document):
        if answers.get(name) is None and template.blanks[name].required:
            problems.append(Problem(pointer, f"fill in {name}: {template.blanks[name].asks}"))
    if problems:
        raise _refusal(problems)
    values: dict[str, Any] = {}
    for name, blank in template.blanks.items():
        values[name] = blank.default if answers.get(name) is None else answers[name]
    for name, blank in template.blanks.items():
        if blank.kind == "money" and values[name] is not None:
            try:
                values[name] = _minor(values[name], str(values.get("currency")))
            except ValueError as error:
                problems += [Problem(at, f"{name}: {error}") for at in template.places()[name]]
    if problems:
        raise _refusal(problems)
    document: dict[str, Any] = _filled(template.document, values)
    try:
        documents.parse(document)
    except DocumentRefused as refused:
        raise _refusal(refused.problems) from refused
    return document


def _refusal(problems: list[Problem]) -> AppError:
    refused = DocumentRefused(problems)
    errors = [{"pointer": p.pointer, "message": p.message} for p in problems]
    return ContractInvalid(str(refused), errors=errors)


def _minor(amount: Any, currency: str) -> str:
    """Turn "12.50" into the minor units "1250", exactly."""
    if not isinstance(amount, str):
        raise ValueError("write an amount as text in major units, such as 12.50")
    return str(exact(amount) * 10 ** minor_digits(currency[:8]))


def _is_blank(part: Any) -> bool:
    return isinstance(part, dict) and set(part) == {"blank"}


def _blanks(part: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """List where a blank stands, and its name."""
    if _is_blank(part):
        yield at, part["blank"]
    elif isinstance(part, dict | list):
        for step, inner in part.items() if isinstance(part, dict) else enumerate(part):
            yield from _blanks(inner, f"{at}/{step}")


def _filled(part: Any, values: Mapping[str, Any]) -> Any:
    if _is_blank(part):
        return deepcopy(values[part["blank"]])
    if isinstance(part, dict):
        return {name: _filled(inner, values) for name, inner in part.items()}
    return [_filled(inner, values) for inner in part] if isinstance(part, list) else part
