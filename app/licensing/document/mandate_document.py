"""The mandate that is signed: who may act for a performer, as what, in which acts, until when.

Signed as it is sent, in its RFC 8785 form: nothing is filled in. Pure.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

import rfc8785
from pydantic import AwareDatetime, Field

from app.licensing.document.contract import DocumentRefused, Problem, read
from app.licensing.document.parts import Name, OneOf, Part
from app.registry import mandates
from app.registry.models_mandates import ROLES

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Paper(Part):
    """A paper that bears a mandate out, by its hash."""

    kind: Annotated[str, OneOf(*dict.fromkeys(k for ks in mandates.EVIDENCE.values() for k in ks))]
    sha256: Sha256


class MandateDocument(Part):
    """One signed mandate; `died_on` where it rests on a death, papers where it needs any."""

    v: Literal[1]
    type: Literal["understudy-mandate"]
    performer: Name
    holder: Name
    role: Annotated[str, OneOf(*ROLES)]
    acts: tuple[Annotated[str, OneOf(*mandates.ACTS)], ...] = Field(min_length=1, max_length=5)
    contract: Name | None = None
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    papers: tuple[Paper, ...] = Field(default=(), max_length=10)
    died_on: date | None = None


def parse(document: Mapping[str, Any]) -> tuple[MandateDocument, bytes]:
    """Read a mandate; return it with the bytes that are signed.

    Raises DocumentRefused with a pointer to every field that is wrong.
    """
    said = read(MandateDocument, document)
    try:
        return said, bytes(rfc8785.dumps(dict(document)))
    except (ValueError, TypeError, RecursionError) as error:
        raise DocumentRefused([Problem("", f"it has no canonical JSON: {error}")]) from error
