"""What was done to contracts, in order: events are added, sealed, and held against the rows."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col, select

from app import keys
from app.identity.models import SigningKey
from app.licensing import evidence
from app.licensing.life import Act, Actor
from app.licensing.models import Contract, ContractEvent, ContractSignature
from app.transparency import service as transparency


@dataclass(frozen=True)
class By:
    """Who does something: an organization, as whom it acts, and the API key it called with."""

    organization_id: str
    actor: Actor
    api_key_id: str | None = None


def record(
    session: Session, contract: Contract, act: Act, by: By, *, at: datetime, note: str = ""
) -> ContractEvent:
    """Write down what was just done, sealed with everything as it stands now.

    Call it last: rows that change afterwards no longer fit the event.
    """
    session.flush()
    before = newest(session, [contract.series_id]).get(contract.series_id)
    event = ContractEvent(
        series_id=contract.series_id,
        number=1 if before is None else before["number"] + 1,
        contract_id=contract.id,
        act=act.value,
        actor=by.actor.value,
        organization_id=by.organization_id,
        api_key_id=by.api_key_id,
        at=at,
        note=note,
        previous_sha256="" if before is None else before["evidence_sha256"],
        evidence_sha256="",
        seal="",
    )
    rows = _rows(session, [contract.series_id])[contract.series_id]
    event.evidence_sha256 = evidence.digest(event.model_dump(), *rows)
    event.seal = evidence.seal(keys.secret("evidence"), event.evidence_sha256)
    session.add(event)
    session.flush()
    return event


def events_of(session: Session, series_id: str) -> Sequence[ContractEvent]:
    """List what was done to a contract, oldest first."""
    theirs = select(ContractEvent).where(ContractEvent.series_id == series_id)
    return session.exec(theirs.order_by(col(ContractEvent.number))).all()


def newest(session: Session, series_ids: Collection[str]) -> dict[str, evidence.Row]:
    """Return the newest event of each contract, as columns."""
    later = aliased(ContractEvent)
    is_newest = ~(
        sa.select(col(later.id))
        .where(
            col(later.series_id) == ContractEvent.series_id,
            col(later.number) > ContractEvent.number,
        )
        .exists()
    )
    columns = _columns(ContractEvent, (*evidence.EVENT, "evidence_sha256", "seal"))
    theirs = col(ContractEvent.series_id).in_(series_ids)
    found = session.execute(sa.select(*columns).where(theirs, is_newest))
    return {row.series_id: row._asdict() for row in found}


def broken(session: Session, series_ids: Collection[str]) -> set[str]:
    """Name the contracts whose stored rows are not the ones their parties made.

    Reads columns, not objects: what this session has loaded or changed does not count. In a
    session without locks it needs one snapshot (`db.reading`). A withdrawal that the log was
    promised stands, whatever rows and events say.
    """
    secret, events = keys.secret("evidence"), newest(session, series_ids)
    rows = _rows(session, series_ids)
    promised = transparency.recorded_subjects(session, "consent-withdrawn", series_ids)
    return {
        series_id
        for series_id in series_ids
        if not evidence.holds(secret, events.get(series_id), *rows[series_id])
        or (series_id in promised and not _withdrawn(rows[series_id]))
    }


Rows = tuple[list[evidence.Row], list[evidence.Row], list[evidence.Row]]


def _rows(session: Session, series_ids: Collection[str]) -> dict[str, Rows]:
    """Read the columns that are sealed: documents, signatures, keys, by contract."""
    found: dict[str, Rows] = defaultdict(lambda: ([], [], []))
    standing = (
        col(Contract.series_id).in_(series_ids),
        col(Contract.offered_at).is_not(None),
        col(Contract.replaced_at).is_(None),
    )
    series_by_document: dict[str, str] = {}
    for row in session.execute(sa.select(*_columns(Contract, evidence.CONTRACT)).where(*standing)):
        series_by_document[row.id] = row.series_id
        found[row.series_id][0].append(row._asdict())
    signed = sa.select(*_columns(ContractSignature, evidence.SIGNATURE)).where(
        col(ContractSignature.contract_id).in_(series_by_document)
    )
    series_by_key: dict[str, set[str]] = defaultdict(set)
    for row in session.execute(signed):
        series_id = series_by_document[row.contract_id]
        found[series_id][1].append(row._asdict())
        series_by_key[row.signing_key_id].add(series_id)
    made_with = sa.select(*_columns(SigningKey, evidence.KEY)).where(
        col(SigningKey.id).in_(series_by_key)
    )
    for row in session.execute(made_with):
        for series_id in series_by_key[row.id]:
            found[series_id][2].append(row._asdict())
    return found


def _withdrawn(rows: Rows) -> bool:
    documents, _, _ = rows
    return all(document["withdrawn_at"] is not None for document in documents)


def _columns(table: type[SQLModel], names: Sequence[str]) -> list[sa.ColumnElement[Any]]:
    return [getattr(table, name) for name in names]
