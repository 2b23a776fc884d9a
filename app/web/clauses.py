"""The clauses that one use rests on, as its contract says them in plain words."""

from sqlmodel import Session

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
    """Return every sentence of a contract by the pointer of the clause it says."""
    terms = documents.recorded(contract.document.encode())
    names = registered_names(session, contract)
    return {pointer: text for text, pointer in plain_language.sentences(terms, names=names)}


def allowed(said: dict[str, str]) -> list[tuple[str, str]]:
    """Pick from all sentences those a use rests on: (pointer, sentence)."""
    return [(pointer, said[pointer]) for pointer in ALLOWED if pointer in said]
