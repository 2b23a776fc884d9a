"""The clauses of contracts in plain words, in the language of who reads them."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from app.language import SOURCE, reads
from app.licensing.contracts.models import Contract
from app.licensing.contracts.names import registered_names
from app.licensing.document import contract as documents
from app.licensing.words import plain_language

ALLOWED = (
    "/grant/projects",
    "/grant/purposes",
    "/grant/media",
    "/grant/territories",
    "/grant/term",
    "/grant/content/prohibited",
)


def said_by(session: Session, contract: Contract) -> dict[str, str]:
    """Return every sentence of a contract, as the reader reads it, by the pointer of its clause."""
    terms = documents.recorded(contract.document.encode())
    names = registered_names(session, contract)
    said = plain_language.sentences(terms, names=names, tongue=reads())
    return {pointer: text for text, pointer in said}


def worded(sections: Callable[[str], list[plain_language.Section]]) -> dict[str, Any]:
    """Say a document in the reader's language, for `_sections.html`, and in English beside it."""
    tongue = reads()
    english = [] if tongue == SOURCE else sections(SOURCE)
    return {"sections": sections(tongue), "tongue": tongue, "english": english}


def allowed(said: dict[str, str]) -> list[tuple[str, str]]:
    """Pick from all sentences those a use rests on: (pointer, sentence)."""
    return [(pointer, said[pointer]) for pointer in ALLOWED if pointer in said]
