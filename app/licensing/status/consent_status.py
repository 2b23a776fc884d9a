"""Live consent status: what anybody may learn of one contract by its id, signed, for a minute.

Good, suspended, withdrawn, expired, or unknown where the stored rows were changed; never why,
between whom, or on what terms. The state is read at every request, so that a withdrawal shows at
once; only the signature is kept for as long as the answer stays the same.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, select

from app.licensing.contracts import acts
from app.licensing.contracts.models import Contract
from app.licensing.contracts.models_status import StatusEntry
from app.licensing.deciding.inputs import StrikeFact
from app.licensing.decisions.gather import is_readable, tampered
from app.licensing.document import contract as documents
from app.licensing.document.contract import Contract as Terms
from app.licensing.errors import ContractNotFound
from app.licensing.status import answers, lists, statements
from app.licensing.status.answers import Signed
from app.licensing.status.ends import ends_at, struck
from app.licensing.strikes import service as strikes
from app.registry.models import Performer


class Standing(NamedTuple):
    """Where a contract stands: in one word, by which document, and until when at most."""

    word: str
    document_sha256: str | None
    changes_at: datetime | None = None


def status_of(session: Session, contract_id: str, at: datetime) -> Signed:
    """Return the signed status of an executed contract.

    Raises ContractNotFound for all other ids alike: nobody learns of drafts and offers.
    """
    entry = session.get(StatusEntry, contract_id)
    if entry is None:
        raise ContractNotFound(f"no executed contract has the id {contract_id[:64]}")
    standing = _standing(session, contract_id, at)
    kept = answers.kept(contract_id, standing, at)
    if kept is not None:
        return kept
    until = min(at + statements.LIFE, standing.changes_at or at + statements.LIFE)
    document = standing.document_sha256
    said = statements.status_statement(
        contract_id,
        standing.word,
        document_commitment=document and _commitment(entry, document),
        listed=[
            statements.list_entry(
                lists.url_of(entry.list_number, purpose), purpose, entry.list_index
            )
            for purpose in statements.PURPOSES
        ],
        at=at,
        until=until,
    )
    return answers.sign(contract_id, said, statements.STATUS_TYPE, about=standing, until=until)


def opening_of(session: Session, contract: Contract) -> tuple[str, str]:
    """Return salt and document digest: with them a party shows what a commitment stands for.

    Raises ContractNotFound before the contract is executed.
    """
    entry = session.get(StatusEntry, contract.series_id)
    if entry is None:
        raise ContractNotFound(f"{contract.series_id} is not executed; nothing is committed to")
    document = contract.document_sha256
    return statements.salt_of(entry.secret, document), document


def _commitment(entry: StatusEntry, document_sha256: str) -> str:
    return statements.commitment(statements.salt_of(entry.secret, document_sha256), document_sha256)


def _standing(session: Session, contract_id: str, at: datetime) -> Standing:
    """Say where a contract stands by the version in effect, the pause and the strikes."""
    query = select(Contract).where(Contract.series_id == contract_id)
    found = session.exec(query.order_by(col(Contract.version), col(Contract.round))).all()
    # 1. The rows are those its parties made; else nobody should rely on anything they say.
    face = acts.face(found, at=at) if any(each.version == 1 for each in found) else None
    if face is None or contract_id in tampered(session, [face]) or not is_readable(face):
        return Standing("unknown", None)
    # 2. What has ended stays ended, whatever else holds.
    terms = documents.recorded(face.document.encode())
    if face.withdrawn_at is not None:
        return Standing("withdrawn", face.document_sha256)
    if ends_at(terms) <= at:
        return Standing("expired", face.document_sha256)
    # 3. What stops it for now: the parties, the performer's pause, a strike.
    spans = strikes.spans(strikes.confirmed(session))
    paused_at = session.get_one(Performer, face.performer_id).paused_at
    stopped = face.suspended_at is not None or paused_at is not None or struck(terms, spans, at)
    changes_at = min(each for each in _turns(face, terms, spans) if each > at)
    return Standing("suspended" if stopped else "good", face.document_sha256, changes_at)


def _turns(face: Contract, terms: Terms, spans: Sequence[StrikeFact]) -> Iterator[datetime]:
    """Name the instants at which the word or the document changes by itself."""
    yield ends_at(terms)
    if face.superseded_at is not None:
        yield face.superseded_at
    for strike in spans:
        if strike.agreement in terms.strike_policy.agreements:
            yield from (each for each in (strike.from_at, strike.to_at) if each is not None)
