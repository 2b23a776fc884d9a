"""The strike switch: consent under a whole agreement is suspended by two keys of its union, or by
two of its people at their pages (`persons.py`).

One proposes, another confirms; from its instant on nothing new is made or released under contracts
that name the agreement, and finished work stays. What one turn did, another one lifts.

A decision takes `lock_shared` before it reads the clock; a confirmation takes the same lock alone.
So a confirmation waits until every decision under way has committed, and a decision that begins
while it commits waits for it: after the acknowledgment nothing is permitted. SQLite has one writer
at a time, and needs no lock beside it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.identity.api_keys import AT_A_PAGE
from app.identity.models import ApiKey, Organization
from app.identity.models_people import Membership
from app.identity.principal import Principal
from app.licensing.deciding.inputs import StrikeFact
from app.licensing.errors import (
    AgreementNotKept,
    ProposalLapsed,
    SecondKeyNeeded,
    StrikeInstantRefused,
    StrikeNotFound,
    StrikeSettled,
)
from app.licensing.strikes.models import AgreementKeeper, StrikeSwitch
from app.statements import Statement
from app.transparency import service as transparency

LAPSES_AFTER = timedelta(hours=24)
FURTHEST_AHEAD = timedelta(days=366)
_LOCK = 0x737472696B65  # "strike": PostgreSQL advisory lock, shared by decisions


def name_keeper(session: Session, agreement: str, union: Organization) -> AgreementKeeper:
    """Name the union that may suspend consent under an agreement; the operator's act, once.

    Raises AgreementNotKept where the organization is no union, or another one keeps it.
    """
    if union.kind != "union":
        raise AgreementNotKept(f"{union.id} is of kind {union.kind}; only a union keeps agreements")
    keeper = session.get(AgreementKeeper, agreement, with_for_update=True)
    if keeper is None:
        keeper = AgreementKeeper(agreement=agreement, organization_id=union.id)
        session.add(keeper)
        session.flush()
    if keeper.organization_id != union.id:
        raise AgreementNotKept(f"{agreement} is kept by {keeper.organization_id} already")
    return keeper


def propose_switch(
    session: Session,
    principal: Principal,
    *,
    agreement: str,
    act: str,
    takes_effect_at: datetime | None = None,
) -> StrikeSwitch:
    """Propose to suspend consent under an agreement, or to lift that: nothing happens yet.

    Lapses after a day without another key's confirmation. Raises AgreementNotKept,
    StrikeInstantRefused for an instant gone by or more than a year ahead.
    """
    keeper = session.get(AgreementKeeper, agreement)
    if keeper is None or keeper.organization_id != principal.organization_id:
        raise AgreementNotKept("you keep no agreement of this name; the operator names unions")
    at = clock.now()
    if takes_effect_at is not None and not at <= takes_effect_at <= at + FURTHEST_AHEAD:
        raise StrikeInstantRefused(
            "a strike begins or ends now or within a year, never in the past; leave the instant "
            "out for at once"
        )
    switch = StrikeSwitch(
        agreement=agreement,
        act=act,
        takes_effect_at=takes_effect_at,
        proposed_by=principal.api_key_id,
        proposed_at=at,
        lapses_at=at + LAPSES_AFTER,
    )
    session.add(switch)
    session.flush()
    return switch


def confirm_switch(session: Session, principal: Principal, switch_id: str) -> StrikeSwitch:
    """Put a proposal in force with a second key of the same union; the first confirmation stands.

    When this commits, no decision that overlooked it can commit any more. Raises StrikeNotFound,
    StrikeSettled, SecondKeyNeeded, ProposalLapsed also where who proposed it was a person and is no
    officer there any more.
    """
    switch = switch_of(session, principal.organization_id, switch_id)
    _lock_alone(session)  # not before it is known who asks: decisions wait for it
    session.refresh(switch, with_for_update=True)
    at = clock.now()
    if switch.confirmed_at is not None:
        raise StrikeSettled(f"{switch.id} was confirmed at {switch.confirmed_at}")
    if at >= switch.lapses_at:
        raise ProposalLapsed(f"{switch.id} lapsed at {switch.lapses_at}; propose it anew")
    proposer = session.get_one(ApiKey, switch.proposed_by)
    confirmer = session.get_one(ApiKey, principal.api_key_id)
    if proposer.id == confirmer.id or (_is_a_person(proposer) and proposer.name == confirmer.name):
        raise SecondKeyNeeded("you proposed this; another person's key must confirm it")
    if _is_a_person(proposer) != _is_a_person(confirmer):
        raise SecondKeyNeeded(
            "a person at a page and an API key do not make two: nobody knows whose hand holds the "
            "key; what was proposed at a page another person confirms there, and a key's another "
            "key"
        )
    if proposer.revoked_at is not None:
        raise ProposalLapsed("the key that proposed this has been revoked since; propose it anew")
    if _is_a_person(proposer) and not _acts_still(session, proposer):
        raise ProposalLapsed(
            "who proposed this acts for the house no more, and does not count as one of two; "
            "propose it anew"
        )
    switch.confirmed_by, switch.confirmed_at = principal.api_key_id, at
    switch.effective_at = max(at, switch.takes_effect_at or at)
    session.add(switch)
    transparency.record(session, "strike-switched", switch.id, evidence(switch))
    session.flush()
    return switch


def _is_a_person(key: ApiKey) -> bool:
    return key.name.endswith(AT_A_PAGE)


def _acts_still(session: Session, person: ApiKey) -> bool:
    standing = select(Membership.id).where(
        Membership.person_id == person.name.removesuffix(AT_A_PAGE),
        Membership.organization_id == person.organization_id,
        Membership.role == "union_officer",
        col(Membership.ended_at).is_(None),
    )
    return session.exec(standing.limit(1)).first() is not None


def evidence(switch: StrikeSwitch) -> dict[str, str]:
    """Return the payload of a switch's leaf: made again from its row, it opens the commitment."""
    if switch.effective_at is None:
        raise ValueError(f"{switch.id} is not in force; nothing of it is logged")
    return {
        "agreement": switch.agreement,
        "act": switch.act,
        "effective_at": switch.effective_at.isoformat(),
    }


def switch_of(session: Session, organization_id: str, switch_id: str) -> StrikeSwitch:
    """Return a switch of an agreement the caller keeps. Raises StrikeNotFound for all others."""
    switch = session.get(StrikeSwitch, switch_id)
    if switch is not None:
        keeper = session.get_one(AgreementKeeper, switch.agreement)
        if keeper.organization_id == organization_id:
            return switch
    raise StrikeNotFound(f"no strike of an agreement you keep has the id {switch_id[:64]}")


def switches_of(
    session: Session, organization_id: str, *, before: str | None = None, limit: int = 50
) -> Sequence[StrikeSwitch]:
    """List the switches of every agreement an organization keeps, newest first."""
    query = (
        select(StrikeSwitch)
        .join(AgreementKeeper, col(AgreementKeeper.agreement) == col(StrikeSwitch.agreement))
        .where(AgreementKeeper.organization_id == organization_id)
    )
    if before is not None:
        query = query.where(col(StrikeSwitch.id) < before)
    return session.exec(query.order_by(col(StrikeSwitch.id).desc()).limit(limit)).all()


_CONFIRMED = Statement(
    sa.select(sa.inspect(StrikeSwitch).local_table)
    .where(col(StrikeSwitch.effective_at).is_not(None))
    .order_by(col(StrikeSwitch.effective_at), col(StrikeSwitch.confirmed_at), col(StrikeSwitch.id))
)


def confirmed(session: Session) -> Sequence[StrikeSwitch]:
    """List every switch that was ever confirmed, in the order they take effect."""
    found = _CONFIRMED.raw(session.connection())
    return [StrikeSwitch(**row) for row in found.read()]


def spans(switches: Sequence[StrikeSwitch]) -> tuple[StrikeFact, ...]:
    """Turn switches, in the order they take effect, into strikes: each from an instant to another.

    A suspension during a strike, and a lift without one, change nothing.
    """
    running: dict[str, datetime] = {}
    found = []
    for switch in switches:
        if switch.effective_at is None:
            raise ValueError(f"{switch.id} is only proposed; it is no strike")
        if switch.act == "suspend":
            running.setdefault(switch.agreement, switch.effective_at)
        elif begun_at := running.pop(switch.agreement, None):
            found.append(StrikeFact(switch.agreement, begun_at, switch.effective_at))
    return (*found, *(StrikeFact(agreement, from_at) for agreement, from_at in running.items()))


def lock_shared(session: Session) -> None:
    """Keep confirmations waiting until this transaction ends: before a decision reads anything."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(_LOCK)))


def _lock_alone(session: Session) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
