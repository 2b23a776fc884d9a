"""An organization's contracts, a page at a time: each once, by the document that stands for it."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, or_, select

from app import clock
from app.identity.models import Organization
from app.licensing.contracts.life import ON_THE_TABLE, PERFORMERS_SIDE, State, state_of
from app.licensing.contracts.models import Contract, ContractSignature
from app.registry import mandates
from app.registry.models import Performer
from app.registry.models_mandates import Mandate

PARTIES = tuple(actor.value for actor in PERFORMERS_SIDE)  # whose mandates make a party


def contracts_of(
    session: Session,
    organization_id: str,
    *,
    state: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[Contract]:
    """List the contracts an organization is a party of, newest first; `before` continues a list.

    As `service.contract_of` shows each; `state` keeps those that stand so now.
    """
    at = clock.now()
    desk = col(Performer.organization_id) == organization_id
    agent = col(Performer.agent_organization_id) == organization_id
    mandated = mandates.held_by(
        organization_id, col(Performer.id), col(Contract.series_id), roles=PARTIES
    )
    mine = or_(
        sa.and_(or_(desk, agent, mandated), _seen_by("performer")),
        sa.and_(col(Contract.licensee_id) == organization_id, _seen_by("licensee")),
    )
    page = (
        select(Contract)
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .where(may_be_of(organization_id), mine, is_face(at))
        .order_by(col(Contract.series_id).desc())
        .limit(limit)
    )
    if state is not None:
        page = page.where(state_sql(at) == state)
    if before is not None:
        page = page.where(col(Contract.series_id) < before)
    return session.exec(page).all()


def may_be_of(organization_id: str) -> sa.ColumnElement[bool]:
    """Keep the contracts that may be theirs, found by its own performers: not one of all others."""
    whose = sa.union_all(
        sa.select(col(Performer.id)).where(col(Performer.organization_id) == organization_id),
        sa.select(col(Performer.id)).where(col(Performer.agent_organization_id) == organization_id),
        sa.select(col(Mandate.performer_id)).where(col(Mandate.holder_id) == organization_id),
    )
    return or_(col(Contract.licensee_id) == organization_id, col(Contract.performer_id).in_(whose))


def awaiting_performer(
    session: Session, organization_id: str, *, limit: int = 50
) -> Sequence[Contract]:
    """List what a licensee put to this performer's own desk, and the desk has not signed.

    First versions and amendments alike, newest first.
    """
    signed = sa.exists().where(
        col(ContractSignature.contract_id) == col(Contract.id),
        col(ContractSignature.role) != "licensee",
    )
    page = (
        select(Contract)
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .where(
            Performer.organization_id == organization_id,
            Contract.author_side == "licensee",
            state_sql(clock.now()).in_([state.value for state in ON_THE_TABLE]),
            ~signed,
        )
    )
    return session.exec(page.order_by(col(Contract.id).desc()).limit(limit)).all()


def licensed_to(
    session: Session, organization_id: str, *, before: str | None = None, limit: int = 50
) -> list[tuple[Contract, Performer, frozenset[str]]]:
    """List a licensee's contracts with the performer and who signed what stands, newest first."""
    page = (
        select(Contract, Performer)
        .join(Performer, col(Performer.id) == col(Contract.performer_id))
        .where(
            Contract.licensee_id == organization_id,
            _seen_by("licensee"),
            is_face(clock.now()),
        )
        .order_by(col(Contract.series_id).desc())
        .limit(limit)
    )
    if before is not None:
        page = page.where(col(Contract.series_id) < before)
    found = session.exec(page).all()
    ids = [contract.id for contract, _ in found]
    signatures = session.exec(
        select(ContractSignature.contract_id, ContractSignature.role).where(
            col(ContractSignature.contract_id).in_(ids)
        )
    ).all()
    return [
        (contract, performer, frozenset(role for id_, role in signatures if id_ == contract.id))
        for contract, performer in found
    ]


def licensees_of(session: Session, contracts: Sequence[Contract]) -> dict[str, str]:
    """Return the registered names of who wants, or has, these licenses, by id."""
    ids = {contract.licensee_id for contract in contracts}
    found = session.exec(
        select(Organization.id, Organization.name).where(col(Organization.id).in_(ids))
    )
    return dict(found.all())


def state_now(contract: Contract) -> str:
    """Say where a document stands now, in one word."""
    return state_of(contract, at=clock.now()).value


def state_sql(at: datetime) -> sa.Case[str]:
    """Say in SQL where a document stands at an instant: what `life.state_of` says, in its order."""
    executed = col(Contract.executed_at).is_not(None)
    return sa.case(
        (col(Contract.withdrawn_at).is_not(None), State.WITHDRAWN.value),
        (sa.and_(executed, col(Contract.superseded_at) <= at), State.SUPERSEDED.value),
        (sa.and_(executed, col(Contract.ends_at) <= at), State.EXPIRED.value),
        (sa.and_(executed, col(Contract.suspended_at).is_not(None)), State.SUSPENDED.value),
        (executed, State.ACTIVE.value),
        (col(Contract.declined_at).is_not(None), State.DECLINED.value),
        (col(Contract.retracted_at).is_not(None), State.RETRACTED.value),
        (col(Contract.replaced_at).is_not(None), State.REPLACED.value),
        (col(Contract.offered_at).is_(None), State.DRAFT.value),
        (col(Contract.expires_at) <= at, State.LAPSED.value),
        (col(Contract.first_signed_at).is_not(None), State.SIGNED.value),
        (col(Contract.counters_id).is_not(None), State.COUNTERED.value),
        else_=State.OFFERED.value,
    )


def is_face(at: datetime) -> sa.ColumnElement[bool]:
    """As `acts.face`: the version in effect, or, before any, the newest round of the first."""
    in_effect = sa.and_(
        col(Contract.effective_at) <= at,
        or_(col(Contract.superseded_at).is_(None), col(Contract.superseded_at) > at),
    )
    first = sa.and_(
        col(Contract.executed_at).is_(None),
        col(Contract.version) == 1,
        col(Contract.replaced_at).is_(None),
    )
    return or_(in_effect, first)


def _seen_by(side: str) -> sa.ColumnElement[bool]:
    return or_(col(Contract.offered_at).is_not(None), col(Contract.author_side) == side)
