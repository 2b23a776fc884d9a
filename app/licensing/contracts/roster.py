"""Whom an agency represents, and what is asked of them: lists that cost the same however long."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from app import clock
from app.identity.models import Organization
from app.licensing.contracts.life import ON_THE_TABLE
from app.licensing.contracts.listing import state_sql
from app.licensing.contracts.models import Contract, ContractSignature
from app.registry.models import Performer

SHOWS = ("all", "waiting", "paused")


@dataclass(frozen=True)
class Represented:
    """A performer with how many requests wait for their side, and how many contracts stand."""

    performer: Performer
    waiting: int
    in_force: int


@dataclass(frozen=True)
class Request:
    """What a production put to a performer's side, and who it is between."""

    contract: Contract
    performer: Performer
    asked_by: str


def represented(
    session: Session,
    agency_id: str,
    *,
    name: str = "",
    show: str = "all",
    after: str | None = None,
    limit: int = 50,
) -> Sequence[Represented]:
    """List whom an agency represents, by id, oldest first; `after` continues a list. One query.

    `name` is any part of a name, in any case; `show` keeps those for whom something waits, or who
    are paused.
    """
    at = clock.now()
    theirs = col(Contract.performer_id) == col(Performer.id)
    waiting = _count(theirs, *_on_the_table())
    in_force = _count(theirs, state_sql(at) == "active")
    page = sa.select(Performer, waiting, in_force).where(_of(agency_id))
    if name:
        page = page.where(col(Performer.name).icontains(name, autoescape=True))
    if show == "waiting":
        page = page.where(waiting > 0)
    if show == "paused":
        page = page.where(col(Performer.paused_at).is_not(None))
    if after is not None:
        page = page.where(col(Performer.id) > after)
    found = session.execute(page.order_by(col(Performer.id)).limit(limit))
    return [Represented(*row) for row in found]


def requests_to(
    session: Session, agency_id: str, *, place: str | None = None, limit: int = 50
) -> Sequence[Request]:
    """List what waits for the side of anybody an agency represents, what lapses first at the top.

    `place` is the id of the last one of the page before. One query more for it.
    """
    # Asked of each that waits, in order, so that a page is full long before a roster is read.
    whose = aliased(Performer)
    theirs = sa.exists().where(col(whose.id) == col(Contract.performer_id), _of(agency_id, whose))
    page = (
        sa.select(Contract, Performer, col(Organization.name))
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .join(Organization, col(Organization.id) == col(Contract.licensee_id))
        .where(theirs, *_on_the_table())
    )
    last = session.get(Contract, place) if place is not None else None
    if last is not None and last.expires_at is None:
        page = page.where(col(Contract.expires_at).is_(None), col(Contract.id) > last.id)
    elif last is not None:
        page = page.where(
            col(Contract.expires_at).is_(None)
            | (col(Contract.expires_at) > last.expires_at)
            | ((col(Contract.expires_at) == last.expires_at) & (col(Contract.id) > last.id))
        )
    found = session.execute(
        page.order_by(col(Contract.expires_at).asc().nulls_last(), col(Contract.id)).limit(limit)
    )
    return [Request(*row) for row in found]


def request_to(session: Session, agency_id: str, contract_id: str) -> Contract | None:
    """Return one request that waits for somebody an agency represents, by the document's id."""
    one = (
        select(Contract)
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .where(Contract.id == contract_id, _of(agency_id), *_on_the_table())
    )
    return session.exec(one).first()


def _of(agency_id: str, whose: type[Performer] = Performer) -> sa.ColumnElement[bool]:
    return sa.or_(
        col(whose.agent_organization_id) == agency_id,
        col(whose.organization_id) == agency_id,
    )


def _on_the_table() -> tuple[sa.ColumnElement[bool], ...]:
    """What a licensee offered and nobody of the performer's side has signed."""
    signed = sa.exists().where(
        col(ContractSignature.contract_id) == col(Contract.id),
        col(ContractSignature.role) != "licensee",
    )
    states = [state.value for state in ON_THE_TABLE]
    return (
        # By columns alone, as the index of what waits says it (`models.ON_THE_TABLE`).
        col(Contract.offered_at).is_not(None),
        col(Contract.executed_at).is_(None),
        col(Contract.declined_at).is_(None),
        col(Contract.retracted_at).is_(None),
        col(Contract.replaced_at).is_(None),
        col(Contract.author_side) == "licensee",
        state_sql(clock.now()).in_(states),
        ~signed,
    )


def _count(*which: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    counted = sa.select(sa.func.count()).select_from(Contract).where(*which)
    return counted.correlate(Performer).scalar_subquery()
