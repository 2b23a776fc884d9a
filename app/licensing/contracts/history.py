"""What was done to contracts, in order: events are added, sealed, and held against the rows."""

import hmac
import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col, select

from app import keys
from app.identity.models import Organization, SigningKey
from app.licensing.contracts import evidence
from app.licensing.contracts.life import Act, Actor
from app.licensing.contracts.models import Contract, ContractEvent, ContractSignature
from app.registry import sealing
from app.registry.models import Performer
from app.statements import Raw, Statement
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


def broken(session: Session, performer_id: str) -> frozenset[str]:
    """Name a performer's contracts whose stored rows are not the ones their parties made.

    All of them, where the performer's own row is not as it was sealed.

    Reads columns, not objects: what this session has loaded or changed does not count. In a
    session without locks it needs one snapshot (`db.reading`). A withdrawal that the log was
    promised stands, whatever rows and events say.
    """
    connection = session.connection()
    read = (each.raw(connection, performer_id=performer_id) for each in _SEALED)
    return _broken(keys.secret("evidence"), evidence.CONTRACT, *read)


def _sealed() -> tuple[Statement, ...]:
    """What is read of a performer: documents beside desk, agent and pause; signatures with their
    keys, newest events, promises.

    The same rows were found whole before, or were not: they are reckoned once.
    """
    theirs = (
        col(Contract.performer_id) == sa.bindparam("performer_id"),
        col(Contract.offered_at).is_not(None),
        col(Contract.replaced_at).is_(None),
    )
    series = sa.select(col(Contract.series_id)).where(*theirs)
    later = aliased(ContractEvent)
    is_newest = ~(
        sa.select(col(later.id))
        .where(
            col(later.series_id) == ContractEvent.series_id,
            col(later.number) > ContractEvent.number,
        )
        .exists()
    )
    return (
        Statement(
            sa.select(
                *_columns(Contract, evidence.CONTRACT),
                col(Organization.id).label("desk_id"),
                col(Organization.kind).label("desk_kind"),
                col(Performer.agent_organization_id).label("agent_id"),
                col(Performer.paused_at),
                col(Performer.seal).label("performer_seal"),
            )
            .join(Performer, col(Performer.id) == col(Contract.performer_id))
            .join(Organization, col(Organization.id) == col(Performer.organization_id))
            .where(*theirs)
        ),
        Statement(
            sa.select(
                col(Contract.series_id),
                *_columns(ContractSignature, evidence.SIGNATURE),
                col(SigningKey.id).label("key_id"),
                col(SigningKey.organization_id).label("key_organization_id"),
                sa.cast(col(SigningKey.public_jwk), sa.Text).label("key_public_jwk"),
            )
            .join(Contract, col(Contract.id) == col(ContractSignature.contract_id))
            .outerjoin(SigningKey, col(SigningKey.id) == col(ContractSignature.signing_key_id))
            .where(*theirs)
        ),
        Statement(
            sa.select(*_columns(ContractEvent, (*evidence.EVENT, "evidence_sha256", "seal"))).where(
                col(ContractEvent.series_id).in_(series), is_newest
            )
        ),
        transparency.recorded_among(series, "consent-withdrawn"),
    )


@lru_cache(maxsize=2048)
def _broken(
    secret: bytes,
    _columns_sealed: tuple[str, ...],
    documents: Raw,
    signatures: Raw,
    events: Raw,
    promised: Raw,
) -> frozenset[str]:
    found: dict[str, Rows] = defaultdict(lambda: ([], [], []))
    for row in documents.read():
        found[row["series_id"]][0].append(row)
    for row in signatures.read():
        _, signed, made_with = found[row["series_id"]]
        signed.append(row)
        key = {"id": row["key_id"], "organization_id": row["key_organization_id"]}
        if key["id"] is not None and all(key["id"] != each["id"] for each in made_with):
            made_with.append({**key, "public_jwk": json.loads(row["key_public_jwk"])})
    newest_of = {event["series_id"]: event for event in events.read()}
    withdrawn = {row["subject_id"] for row in promised.read()}
    return frozenset(
        series_id
        for series_id, rows in found.items()
        if not evidence.holds(secret, newest_of.get(series_id), *rows)
        or not all(_of_a_whole_performer(secret, document) for document in rows[0])
        or (series_id in withdrawn and not _withdrawn(rows))
    )


def _of_a_whole_performer(secret: bytes, document: evidence.Row) -> bool:
    """Say whether the desk, agent and pause beside a document are as the program wrote them."""
    sealed = sealing.seal(secret, document)
    return hmac.compare_digest(sealed.encode(), document["performer_seal"].encode())


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


_SEALED = _sealed()
