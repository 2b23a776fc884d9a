"""The signed document: one validated JSON object with everything the parties agree, and no more.

What the server finds out (whether signatures hold, status, death, usage, the instant) is not in it
and is refused as an unknown field. Canonical form is RFC 8785; the digest is SHA-256 over it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, Self, TypeVar, cast

import rfc8785
from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from app.ledger.terms import CompensationTerms
from app.licensing.document import terms
from app.licensing.document.disclosure import Disclosure
from app.licensing.document.grant import MAX_TERM_YEARS, Grant
from app.licensing.document.parts import RECORDED, Name, Part, offered, refuse

MAX_BYTES = 256 * 1024
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Document = TypeVar("Document", bound=Part)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a document: a JSON pointer (RFC 6901) and a sentence."""

    pointer: str
    message: str


class DocumentRefused(ValueError):
    """The document is not a contract anyone could sign; `problems` points at each field."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{p.pointer or '/'}: {p.message}" for p in problems[:5]))
        self.problems = problems


class Terms(Part):
    """What a contract says besides who the licensee is: consent, grant, and what follows."""

    v: Literal[1]
    instrument: Name
    governing: Name
    performer: terms.Performer
    representation: terms.Representation
    consent: terms.Consent
    grant: Grant
    approvals: terms.Approvals
    notice_hours: Annotated[int, Field(ge=0, le=24 * 366)]
    strike_policy: terms.StrikePolicy
    revocation: terms.Revocation
    postmortem: terms.Postmortem
    data: terms.Data
    policy: terms.PolicyPack = terms.PolicyPack()
    exclusivity: terms.Exclusivity | None = None
    compensation: CompensationTerms | None = None
    disclosure: Disclosure | None = Field(
        default=None, description="What others learn of the work; null: that it is licensed."
    )

    @model_validator(mode="after")
    def _is_released_within_reason(self, info: ValidationInfo) -> Self:
        day, start = self.disclosure and self.disclosure.release_on, self.grant.term.start
        if not day or not offered(info):
            return self
        if day < start:
            raise refuse(
                "disclosure/release_on",
                "the release comes before the term: nothing may be made by then; for what is "
                "released already, write its level in now",
            )
        if day.year - start.year > MAX_TERM_YEARS:
            years = f"a release comes within {MAX_TERM_YEARS} years"
            raise refuse("disclosure/release_on", years)
        return self

    @model_validator(mode="after")
    def _says_who_must_sign(self, info: ValidationInfo) -> Self:
        if offered(info) and self.performer.dob is None:
            raise refuse("performer/dob", "a date of birth decides who must sign; give it")
        return self


class Contract(Terms):
    """One consent contract, version 1 of the format: the terms, and between whom they are."""

    licensee: Name
    amends: terms.Amends | None = None
    paper: terms.Paper | None = None
    standing_offer: Sha256 | None = Field(
        default=None,
        description="SHA-256 of the standing offer whose terms these are, word for word: the "
        "performer signed that one. Written by the server, never by hand.",
    )

    @model_validator(mode="after")
    def _is_between_two(self, info: ValidationInfo) -> Self:
        if offered(info) and self.performer.id == self.licensee:
            raise refuse("licensee", "performer and licensee are the same party")
        if offered(info) and self.standing_offer is not None:
            raise refuse("standing_offer", "a standing offer is accepted, not offered again")
        return self


def parse(document: bytes | str | Mapping[str, Any], *, recorded: bool = False) -> Contract:
    """Read a contract, as an offer or (recorded) as what was once signed.

    Raises DocumentRefused with a pointer to every field that is wrong.
    """
    return read(Contract, document, recorded=recorded)


def read(
    kind: type[Document], document: bytes | str | Mapping[str, Any], *, recorded: bool = False
) -> Document:
    """Read a document of a kind that is signed, as `parse` does. Raises DocumentRefused."""
    try:
        text = document if isinstance(document, bytes | str) else json.dumps(dict(document))
        if len(text) > MAX_BYTES:
            raise DocumentRefused([Problem("", f"the document exceeds {MAX_BYTES} bytes")])
        return kind.model_validate_json(text, context=RECORDED if recorded else None)
    except ValidationError as error:
        raise DocumentRefused(_problems(error, text)) from error
    except (TypeError, RecursionError, OverflowError) as error:
        raise DocumentRefused([Problem("", f"the document is not JSON: {error}")]) from error


@lru_cache(maxsize=1024)
def recorded(document: bytes) -> Contract:
    """Read stored canonical bytes for a decision; the same bytes are parsed once."""
    return parse(document, recorded=True)


def canonical(document: Contract | Mapping[str, Any]) -> bytes:
    """Return the RFC 8785 bytes that are hashed, signed and stored: the fields as given."""
    contract = document if isinstance(document, Contract) else parse(document, recorded=True)
    return rfc8785.dumps(contract.model_dump(mode="json", exclude_unset=True))


def digest(document: Contract | Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical(document)).hexdigest()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document, as published at `/v1/schemas/contract`."""
    return schema_of(Contract)


def schema_of(kind: type[Part]) -> dict[str, Any]:
    """Return the JSON Schema of a kind of document that is signed."""
    schema = kind.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _problems(error: ValidationError, text: bytes | str) -> list[Problem]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    found = [_problem(dict(item), document) for item in error.errors()]
    return list(dict.fromkeys(found))


def _problem(item: dict[str, Any], document: Any) -> Problem:
    """Point at the field of the document; the steps a type's alternatives add are left out."""
    steps: list[str] = []
    place = document
    for step in item["loc"]:
        if isinstance(place, dict) and (step in place or item["type"] == "missing"):
            place = place.get(step)
        elif isinstance(place, list) and isinstance(step, int):
            place = place[step]
        else:
            continue
        steps.append(str(step))
    context = cast("dict[str, Any]", item.get("ctx") or {})
    if "field" in context:
        steps += str(context["field"]).split("/")
    escaped = (step.replace("~", "~0").replace("/", "~1") for step in steps)
    message = str(item["msg"]).removeprefix("Value error, ")
    return Problem("".join(f"/{step}" for step in escaped), message)
