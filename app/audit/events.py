"""Audit events: every opening of the vault, and every act of the operator, chained into the log.

An event is a row of the vault's openings or of the operator's acts, read as canonical JSON. The
worker closes what has come about into a segment, whose digest covers each event's and that of the
segment before, and promises a leaf of it. What is altered, taken out or slipped in afterwards shows
against that; until then the rows are held by their marks, like all evidence (`app/marks.py`).
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlmodel import Session, col, or_, select

from app import clock
from app.audit.models_events import AuditSegment, AuditSegmentEvent
from app.licensing.contracts.models import Contract
from app.registry.models import Performer
from app.trail import OperatorAct, OperatorActSubject
from app.transparency import service as transparency
from app.transparency.models import LogOutbox
from app.vault import VaultObject, VaultOpening

LEAF = "audit-segment"
FIRST = "0" * 64
EVERY = timedelta(minutes=1)
MOST = 10_000  # events of one segment
LATEST = timedelta(days=1)  # no transaction stays open for longer
_LOCK = 0x6175646974  # "audit": PostgreSQL advisory lock, for one close at a time


@dataclass(frozen=True)
class Event:
    """One audit event, as it is hashed and exported."""

    id: str
    at: datetime
    said: dict[str, Any]

    @property
    def sha256(self) -> str:
        """The digest of its canonical JSON (RFC 8785)."""
        return hashlib.sha256(rfc8785.dumps(self.said)).hexdigest()

    @property
    def place(self) -> str:
        """What orders events of both kinds by when they came to be."""
        return self.id.partition("_")[2]


def is_due(session: Session) -> bool:
    """Say whether there are events to close, and the last close is a minute ago."""
    last = _last(session)
    if last is not None and clock.now() - last.closed_at < EVERY:
        return False
    return bool(_unclosed(session, last, limit=1))


def close_segment(session: Session) -> AuditSegment | None:
    """Close what has come about into the next segment, and promise its leaf; None for nothing."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    last = _last(session)
    events = _unclosed(session, last, limit=MOST)
    if not events:
        return None
    segment = AuditSegment(
        number=1 if last is None else last.number + 1,
        events=len(events),
        previous_sha256=FIRST if last is None else last.sha256,
        sha256="",
    )
    segment.sha256 = _digest(segment, [each.sha256 for each in events])
    session.add(segment)
    session.flush()
    session.add_all(
        AuditSegmentEvent(event_id=each.id, segment_id=segment.id, place=place, sha256=each.sha256)
        for place, each in enumerate(events)
    )
    session.flush()
    transparency.record(session, LEAF, segment.id, _evidence(segment))
    return segment


def first_difference(session: Session) -> str | None:
    """Recompute every segment from its rows; return the first thing that is not as it was closed.

    That a leaf is in the published log, `understudy log verify` says.
    """
    previous, closed_at = FIRST, None
    for number, segment in enumerate(
        session.exec(select(AuditSegment).order_by(col(AuditSegment.number))), start=1
    ):
        if segment.number != number:
            return f"segment {number} is missing"
        if (wrong := _wrong_with(session, segment, previous)) is not None:
            return f"segment {number}: {wrong}"
        previous, closed_at = segment.sha256, segment.closed_at
    gone = session.exec(
        select(LogOutbox.subject_id).where(
            LogOutbox.kind == LEAF, col(LogOutbox.subject_id).not_in(select(AuditSegment.id))
        )
    ).first()
    if gone is not None:
        return f"segment {gone} was promised to the log, and is missing"
    if closed_at is not None:
        for left in _events(session, [], until=closed_at - LATEST, limit=1, unclosed=True):
            return f"event {left.id} is older than what was closed, and in no segment"
    return None


def _wrong_with(session: Session, segment: AuditSegment, previous: str) -> str | None:
    """Say what of one segment is not as it was closed, after the one before it."""
    placed = _placed(session, segment)
    events = {each.id: each for each in _read(session, [each.event_id for each in placed])}
    for each in placed:
        found = events.get(each.event_id)
        if found is None:
            return f"event {each.event_id} was taken out"
        if found.sha256 != each.sha256:
            return f"event {each.event_id} was altered"
    if [each.place for each in placed] != list(range(segment.events)):
        return f"it closed {segment.events} events, and has others"
    if segment.previous_sha256 != previous:
        return "it does not follow the one before"
    if segment.sha256 != _digest(segment, [each.sha256 for each in placed]):
        return "its digest is another one"
    if transparency.bears_out(session, LEAF, segment.id, _evidence(segment)) is not True:
        return "it is not what its leaf was promised for"
    return None


def exported(session: Session) -> Iterator[dict[str, Any]]:
    """Yield every event, oldest first, each with its digest and segment; then every segment."""
    closed = {each.event_id: each.segment_id for each in session.exec(select(AuditSegmentEvent))}
    for event in sorted(_events(session, []), key=lambda each: each.place):
        yield event.said | {"sha256": event.sha256, "segment": closed.get(event.id)}
    for segment in session.exec(select(AuditSegment).order_by(col(AuditSegment.number))):
        yield {
            "v": 1,
            "kind": "segment",
            "id": segment.id,
            "closed_at": _instant(segment.closed_at),
            **_evidence(segment),
        }


def events_for(
    session: Session, organization_id: str, *, before: str | None = None, limit: int = 50
) -> list[tuple[Event, AuditSegmentEvent | None]]:
    """List the events that concern an organization, newest first, each with its place if closed.

    Openings of what is sealed for it, for its performers or under its contracts, and acts of the
    operator that named any of these; what else an act named is left out, so only the digest at its
    place is over the whole. `before` is the `place` of the last one that was shown.
    """
    mine = or_(
        col(Performer.organization_id) == organization_id,
        col(Performer.agent_organization_id) == organization_id,
    )
    performers = list(session.exec(select(Performer.id).where(mine)))
    contracts = session.exec(
        select(Contract.id, Contract.series_id).where(
            or_(
                col(Contract.licensee_id) == organization_id,
                col(Contract.performer_id).in_(performers),
            )
        )
    ).all()
    ids = {organization_id, *performers, *(each for pair in contracts for each in pair)}
    payees = {f"payee:{each}" for each in (organization_id, *performers)}
    papers = {f"contract:{series_id}" for _, series_id in contracts}
    about = sorted(ids | payees | papers)
    found = _events(
        session,
        [
            col(VaultObject.owner_id).in_(about),
            col(OperatorAct.id).in_(
                select(OperatorActSubject.act_id).where(
                    col(OperatorActSubject.subject_id).in_(about)
                )
            ),
        ],
        before=before,
        limit=limit,
        newest=True,
    )
    found = sorted(found, key=lambda each: each.place, reverse=True)[:limit]
    placed = select(AuditSegmentEvent).where(
        col(AuditSegmentEvent.event_id).in_([each.id for each in found])
    )
    closed = {each.event_id: each for each in session.exec(placed)}
    return [(_narrowed(each, set(about)), closed.get(each.id)) for each in found]


def _narrowed(event: Event, to: set[str]) -> Event:
    about = [each for each in event.said["about"] if each in to]
    return replace(event, said=event.said | {"about": about})


def _unclosed(session: Session, last: AuditSegment | None, *, limit: int) -> list[Event]:
    since = None if last is None else last.closed_at - LATEST
    found = _events(session, [], since=since, limit=limit, unclosed=True)
    return sorted(found, key=lambda each: each.place)[:limit]


def _events(
    session: Session,
    narrowed: Sequence[sa.ColumnElement[bool]],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    before: str | None = None,
    limit: int | None = None,
    newest: bool = False,
    unclosed: bool = False,
) -> list[Event]:
    """Read events of both kinds; `narrowed`: one condition on openings, one on acts, or none."""

    def asked(query: Any, id_: Any, at: Any, condition: Any) -> Any:
        wheres = [
            condition,
            None if since is None else at >= since,
            None if until is None else at < until,
            None if before is None else sa.func.substr(id_, 5) < before,
            ~sa.exists().where(col(AuditSegmentEvent.event_id) == id_) if unclosed else None,
        ]
        query = query.where(*(each for each in wheres if each is not None))
        return query.order_by(id_.desc() if newest else id_).limit(limit)

    of_openings, of_acts = narrowed or (None, None)
    openings = select(VaultOpening, VaultObject).join(
        VaultObject, col(VaultObject.id) == col(VaultOpening.object_id)
    )
    opened = asked(openings, col(VaultOpening.id), col(VaultOpening.opened_at), of_openings)
    done = asked(select(OperatorAct), col(OperatorAct.id), col(OperatorAct.at), of_acts)
    return [
        *(_of_opening(*each) for each in session.exec(opened).all()),
        *_of_acts(session, session.exec(done).all()),
    ]


def _read(session: Session, ids: Sequence[str]) -> list[Event]:
    return _events(session, [col(VaultOpening.id).in_(ids), col(OperatorAct.id).in_(ids)])


def _of_opening(opening: VaultOpening, thing: VaultObject) -> Event:
    said = {
        "v": 1,
        "id": opening.id,
        "kind": "vault-opened",
        "at": _instant(opening.opened_at),
        "purpose": opening.purpose,
        "for": opening.subject_id,
        "object": thing.id,
        "holds": thing.kind,
        "about": [thing.owner_id],
    }
    return Event(opening.id, opening.opened_at, said)


def _of_acts(session: Session, acts: Sequence[OperatorAct]) -> list[Event]:
    named: dict[str, list[str]] = {each.id: [] for each in acts}
    rows = select(OperatorActSubject).where(col(OperatorActSubject.act_id).in_(named))
    for row in session.exec(rows.order_by(col(OperatorActSubject.subject_id))):
        named[row.act_id].append(row.subject_id)
    return [
        Event(
            each.id,
            each.at,
            {
                "v": 1,
                "id": each.id,
                "kind": "operator-act",
                "at": _instant(each.at),
                "command": each.words,
                "stated_name": each.stated_name,  # of the account: root can say another
                "about": named[each.id],
            },
        )
        for each in acts
    ]


def _last(session: Session) -> AuditSegment | None:
    return session.exec(select(AuditSegment).order_by(col(AuditSegment.number).desc())).first()


def _placed(session: Session, segment: AuditSegment) -> Sequence[AuditSegmentEvent]:
    theirs = select(AuditSegmentEvent).where(AuditSegmentEvent.segment_id == segment.id)
    return session.exec(theirs.order_by(col(AuditSegmentEvent.place))).all()


def _digest(segment: AuditSegment, sha256s: Sequence[str]) -> str:
    said: dict[str, Any] = {
        "v": 1,
        "number": segment.number,
        "previous_sha256": segment.previous_sha256,
        "events": list(sha256s),
    }
    return hashlib.sha256(rfc8785.dumps(said)).hexdigest()


def _evidence(segment: AuditSegment) -> dict[str, Any]:
    """Return what the leaf of a segment commits to."""
    return {
        "number": segment.number,
        "events": segment.events,
        "previous_sha256": segment.previous_sha256,
        "sha256": segment.sha256,
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
