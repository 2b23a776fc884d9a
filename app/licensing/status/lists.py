"""The public status lists: which bits are set. Places are allotted in `contracts/places.py`.

A list says of every place in it whether that consent is over (`revocation`: withdrawn, or its term
has ended) or stopped for now (`suspension`: by a party, the performer's pause, a strike).
"""

from collections.abc import Iterator
from datetime import datetime

import rfc8785
import sqlalchemy as sa
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from app.config import settings
from app.licensing.contracts.models import Contract
from app.licensing.contracts.models_status import StatusEntry
from app.licensing.document import contract as documents
from app.licensing.document.contract import Contract as Terms
from app.licensing.status import answers, statements
from app.licensing.status.answers import Signed
from app.licensing.status.ends import ends_at, struck
from app.licensing.status.statements import LIFE
from app.licensing.strikes import service as strikes
from app.registry.models import Performer
from app.transparency import service as transparency

Where = sa.ColumnElement[bool]
_WITHDRAWN_ON_LOG = transparency.recorded_among(
    sa.select(col(StatusEntry.contract_id)).where(
        col(StatusEntry.list_number) == sa.bindparam("list_number")
    ),
    "consent-withdrawn",
)


def url_of(number: int, purpose: str) -> str:
    """Return where anybody fetches a list."""
    return f"{settings().public_url}/v1/status-lists/{number}-{purpose}"


def list_of(session: Session, number: int, purpose: str, at: datetime) -> Signed | None:
    """Return a signed status list, at most a minute old; None where there is no such list."""
    url = url_of(number, purpose)
    kept = answers.kept(url, None, at)
    if kept is not None:
        return kept
    rows = select(StatusEntry.contract_id, StatusEntry.list_index)
    places = dict(session.exec(rows.where(StatusEntry.list_number == number)).all())
    if not places:
        return None
    found = _over(session, number, at) if purpose == "revocation" else _stopped(session, number, at)
    bits = [places[contract_id] for contract_id in found]
    credential = statements.list_credential(url, settings().public_url, purpose, bits, at=at)
    return answers.sign(url, credential, statements.LIST_TYPE, about=None, until=at + LIFE)


def _over(session: Session, number: int, at: datetime) -> set[str]:
    """Find the contracts that were withdrawn, by rows or by log, and those whose term is over."""
    in_effect = _in_effect(at)
    ended = or_(
        col(Contract.withdrawn_at).is_not(None),
        sa.and_(in_effect, col(Contract.ends_at) <= at),
    )
    capped = sa.and_(
        in_effect,
        col(Contract.document).contains('"max_term_years":'),
        ~col(Contract.document).contains('"max_term_years":null'),
    )
    promised = _WITHDRAWN_ON_LOG.rows(session.connection(), list_number=number)
    by_law = _documents(session, number, capped)
    return {
        *session.exec(_listed(number).where(ended)),
        *(contract_id for (contract_id,) in promised),
        *(each for each, terms in by_law if terms is None or ends_at(terms) <= at),
    }


def _stopped(session: Session, number: int, at: datetime) -> set[str]:
    """Find the contracts that their parties suspended, a performer paused, or a strike stops."""
    stopped = sa.and_(
        _in_effect(at),
        or_(col(Contract.suspended_at).is_not(None), col(Performer.paused_at).is_not(None)),
    )
    running = [each for each in strikes.spans(strikes.confirmed(session)) if each.runs(at)]
    named: Where = sa.false()
    for strike in running:
        text = rfc8785.dumps(strike.agreement).decode()
        named = or_(named, col(Contract.document).contains(text, autoescape=True))
    by_strike = _documents(session, number, sa.and_(_in_effect(at), named))
    return {
        *session.exec(_listed(number).where(stopped)),
        *(each for each, terms in by_strike if terms is None or struck(terms, running, at)),
    }


def _listed(number: int) -> SelectOfScalar[str]:
    """Ask for the contracts of a list, by their executed versions and performers."""
    return (
        select(StatusEntry.contract_id)
        .join(Contract, col(Contract.series_id) == col(StatusEntry.contract_id))
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .where(StatusEntry.list_number == number, col(Contract.executed_at).is_not(None))
        .distinct()
    )


def _documents(session: Session, number: int, where: Where) -> Iterator[tuple[str, Terms | None]]:
    """Read the documents that have to be read; None for one that no longer can be."""
    for contract_id, text in session.exec(
        select(Contract.series_id, Contract.document)
        .join(StatusEntry, col(StatusEntry.contract_id) == col(Contract.series_id))
        .where(StatusEntry.list_number == number, where)
    ):
        try:
            yield contract_id, documents.recorded(text.encode())
        except documents.DocumentRefused:
            yield contract_id, None


def _in_effect(at: datetime) -> Where:
    """The version that stands at an instant, as `acts.face` finds it."""
    return sa.and_(
        col(Contract.effective_at) <= at,
        or_(col(Contract.superseded_at).is_(None), col(Contract.superseded_at) > at),
    )
