"""What stands of mandates at an instant: who may act for a performer, as what, and in what.

Only rows whose seal fits count. Everybody who relies on a mandate asks here, at the moment of the
act, under the performer's lock where it acts; a signature is asked about as of its own instant.
"""

import hmac
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from app import clock, keys
from app.registry.models_mandates import Mandate, PerformerLife

NEGOTIATE, SIGN, APPROVE, PAUSE, WITHDRAW = "negotiate", "sign", "approve", "pause", "withdraw"
ACTS = (NEGOTIATE, SIGN, APPROVE, PAUSE, WITHDRAW)
# What each role can be given at most, whatever a mandate says: an agent never signs.
POWERS: dict[str, frozenset[str]] = {
    "agent": frozenset({NEGOTIATE, APPROVE, PAUSE}),
    "attorney": frozenset({NEGOTIATE, APPROVE, PAUSE, WITHDRAW}),
    "guardian": frozenset(ACTS),
    "estate_rep": frozenset(ACTS),
    "union_for_estate": frozenset(ACTS),
    "loan_out": frozenset({NEGOTIATE, SIGN}),
    "union": frozenset({APPROVE}),
    "court": frozenset({APPROVE}),
}
# What whoever cannot ask the performer declares themselves, with papers; the operator confirms it.
EVIDENCE: dict[str, tuple[str, ...]] = {
    "guardian": ("custody",),
    "estate_rep": ("death", "letters"),
    "union_for_estate": ("death", "search"),
    "court": ("order",),
}
# Of which kind who holds one is. A production holds none: it would deal with itself.
HOLDERS: dict[str, tuple[str, ...]] = {
    "agent": ("agency",),
    "attorney": ("performer", "agency"),
    "guardian": ("performer",),
    "estate_rep": ("performer",),
    "union_for_estate": ("union",),
    "loan_out": ("performer",),
    "union": ("union",),
    "court": ("performer", "union", "agency"),
}
AFTER_DEATH = frozenset({"estate_rep", "union_for_estate"})
IN_PLACE = AFTER_DEATH | {"guardian"}  # who stands in the performer's own place
MATERIAL = (
    *("id", "performer_id", "holder_id", "role", "acts", "contract_id", "starts_at", "ends_at"),
    *("document_sha256", "signature", "signing_key_id", "grantor_id", "granted_at"),
    *("confirmed_at", "revoked_at"),
)
LIFE = ("performer_id", "majority_on", "died_on")
FRESH = {"populate_existing": True}


def seal_of(what: str, names: Sequence[str], row: Mapping[str, Any]) -> str:
    """Return the seal a row has while it is as this program wrote it: HMAC-SHA256, in hex."""
    parts = [what, *(_plain(row[name]) for name in names)]
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return hmac.digest(keys.secret("evidence"), text.encode(), "sha256").hex()


def seal(row: Mandate | PerformerLife) -> None:
    """Seal a row as it is now; only who has just written or acted on it may."""
    row.seal = seal_of(*_kind_of(row), row.model_dump())


def is_whole(row: Mandate | PerformerLife) -> bool:
    """Say whether a row is as this program wrote it."""
    return hmac.compare_digest(row.seal, seal_of(*_kind_of(row), row.model_dump()))


def _kind_of(row: SQLModel) -> tuple[str, tuple[str, ...]]:
    return ("mandate", MATERIAL) if isinstance(row, Mandate) else ("performer-life", LIFE)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


def of_performers(session: Session, performer_ids: Collection[str]) -> list[Mandate]:
    """List every mandate for these performers whose seal fits, oldest first.

    As the database has them now: what this session read before it waited for a lock is no answer.
    """
    theirs = select(Mandate).where(col(Mandate.performer_id).in_(performer_ids))
    rows = session.exec(theirs.order_by(col(Mandate.id)), execution_options=FRESH)
    return [row for row in rows if is_whole(row)]


def stands(mandate: Mandate, *, at: datetime) -> bool:
    """Say whether it could be acted under at an instant: granted, confirmed, not over, not revoked.

    What is confirmed later was none before; what is revoked later was one until then. One that is
    undone is revoked as of the instant it was granted, and so was none at all.
    """
    confirmed = mandate.role not in EVIDENCE or (
        mandate.confirmed_at is not None and mandate.confirmed_at <= at
    )
    return (
        confirmed
        and mandate.granted_at <= at
        and mandate.starts_at <= at < mandate.ends_at
        and (mandate.revoked_at is None or at < mandate.revoked_at)
    )


def was_undone(
    session: Session,
    performer_id: str,
    organization_id: str,
    role: str,
    *,
    contract_id: str,
    at: datetime,
) -> bool:
    """Say whether all an organization could act by in a role at an instant was undone since.

    Such a mandate ended as of the instant it was granted: it rested on a death taken back.
    """
    theirs = [
        each
        for each in of_performers(session, [performer_id])
        if (each.holder_id, each.role) == (organization_id, role)
        and each.contract_id in (None, contract_id)
        and max(each.granted_at, each.starts_at) <= at < each.ends_at
    ]
    return bool(theirs) and all(each.revoked_at == each.granted_at for each in theirs)


def allows(mandate: Mandate, act: str, *, contract_id: str | None, at: datetime) -> bool:
    """Say whether it allows one of `ACTS` now, on this contract; None: on the performer as a whole.

    A mandate for one contract allows nothing beside it.
    """
    return (
        act in mandate.acts
        and act in POWERS[mandate.role]
        and mandate.contract_id in (None, contract_id)
        and stands(mandate, at=at)
    )


def roles_of(
    session: Session,
    performer_id: str,
    organization_id: str,
    *,
    act: str | None = None,
    contract_id: str | None = None,
    at: datetime | None = None,
) -> list[str]:
    """Name the roles in which an organization may do this for a performer; act None: anything."""
    instant = at or clock.now()
    return list(
        dict.fromkeys(
            each.role
            for each in of_performers(session, [performer_id])
            if each.holder_id == organization_id
            and any(
                allows(each, one, contract_id=contract_id, at=instant)
                for one in ([act] if act else ACTS)
            )
        )
    )


def stood_since(
    session: Session,
    performer_id: str,
    organization_id: str,
    since: datetime,
    *,
    roles: Collection[str],
    act: str,
) -> bool:
    """Say whether an organization may do this for a performer as a whole now as it could then: by
    one and the same mandate, in one of these roles. One that is given again is another."""
    at = clock.now()
    return any(
        each.holder_id == organization_id
        and each.role in roles
        and all(allows(each, act, contract_id=None, at=instant) for instant in (since, at))
        for each in of_performers(session, [performer_id])
    )


def given_to(
    session: Session, performer_id: str, organization_id: str, *, contract_id: str | None
) -> dict[str, frozenset[str]]:
    """Say in which roles an organization may act for a performer now, and what in each."""
    at = clock.now()
    found: dict[str, set[str]] = {}
    for each in of_performers(session, [performer_id]):
        if each.holder_id == organization_id:
            acts = {act for act in ACTS if allows(each, act, contract_id=contract_id, at=at)}
            if acts:
                found.setdefault(each.role, set()).update(acts)
    return {role: frozenset(acts) for role, acts in found.items()}


def holders_of(
    session: Session, performer_id: str, act: str, *, contract_id: str, at: datetime | None = None
) -> dict[str, frozenset[str]]:
    """Say which organizations may do this for a performer on a contract, by role."""
    instant = at or clock.now()
    found: dict[str, set[str]] = {}
    for each in of_performers(session, [performer_id]):
        if allows(each, act, contract_id=contract_id, at=instant):
            found.setdefault(each.role, set()).add(each.holder_id)
    return {role: frozenset(ids) for role, ids in found.items()}


def parties_of(session: Session, performer_id: str, contract_id: str) -> list[str]:
    """List who is a party of a contract by a mandate that stands now: whom to tell of it."""
    at = clock.now()
    return sorted(
        {
            each.holder_id
            for each in of_performers(session, [performer_id])
            if each.role not in ("union", "court")
            and any(allows(each, act, contract_id=contract_id, at=at) for act in ACTS)
        }
    )


def held_by(
    organization_id: Any,
    performer_id: Any,
    contract_id: Any,
    *,
    roles: Collection[str] = POWERS,
    act: str | None = None,
    since: Any = None,
) -> sa.ColumnElement[bool]:
    """Compare, in the database, with whom an organization holds a mandate for: for lists.

    `act`: such alone as allow it; `since`: such alone as stood by then, as `stood_since` has it.
    By columns alone: what is listed is asked about one by one before anything is done.
    """
    now = clock.now()
    allowing = [] if act is None else [sa.cast(col(Mandate.acts), sa.String).contains(f'"{act}"')]
    if since is not None:
        stood = (col(Mandate.starts_at), col(Mandate.granted_at))
        allowing += [
            *(each <= since for each in stood),
            sa.or_(col(Mandate.confirmed_at).is_(None), col(Mandate.confirmed_at) <= since),
        ]
    return (
        sa.exists()
        .where(
            col(Mandate.performer_id) == performer_id,
            col(Mandate.holder_id) == organization_id,
            col(Mandate.role).in_(roles),
            sa.or_(col(Mandate.contract_id).is_(None), col(Mandate.contract_id) == contract_id),
            col(Mandate.starts_at) <= now,
            col(Mandate.ends_at) > now,
            col(Mandate.revoked_at).is_(None),
            sa.or_(col(Mandate.confirmed_at).is_not(None), ~col(Mandate.role).in_(EVIDENCE)),
            *allowing,
        )
        .correlate_except(Mandate)
    )


def life_of(session: Session, performer_id: str) -> PerformerLife | None:
    """Return what is known of a performer's majority and death, as the database has it now."""
    theirs = select(PerformerLife).where(PerformerLife.performer_id == performer_id)
    return session.exec(theirs, execution_options=FRESH).first()


def is_dead(session: Session, performer_id: str) -> bool:
    """Say whether a performer's death is on record."""
    life = life_of(session, performer_id)
    return life is not None and life.died_on is not None


def has_guardian(session: Session, performer_id: str, *, contract_id: str | None = None) -> bool:
    """Say whether a guardian stands in the performer's place now, on the whole or this contract."""
    at = clock.now()
    return any(
        each.role == "guardian" and allows(each, SIGN, contract_id=contract_id, at=at)
        for each in of_performers(session, [performer_id])
    )
