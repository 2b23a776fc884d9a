"""What is asked of a performer, handed on to their agent: both are told of it, and nobody else."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import Session, col, select

from app import clock
from app.identity.models import Organization
from app.licensing.contracts import acts, life
from app.licensing.contracts.life import ON_THE_TABLE, Actor
from app.licensing.contracts.models import Contract
from app.licensing.errors import ActNotAllowed, AgentMissing, ContractNotFound
from app.notices import service as notices
from app.notices.models import Notice
from app.registry import mandates
from app.registry.models import Performer

AS_AGENT = (Actor.AGENT, Actor.ATTORNEY)


class Asked(NamedTuple):
    """One agency that was asked, by which notice, and whether somebody there has seen it."""

    agency: Organization
    notice: Notice
    is_seen: bool


def agents_of(session: Session, contract: Contract) -> Sequence[Organization]:
    """List who may negotiate this contract for the performer now, as agent or attorney, by name."""
    performer = session.get_one(Performer, contract.performer_id)
    held = mandates.holders_of(
        session, performer.id, mandates.NEGOTIATE, contract_id=contract.series_id
    )
    ids = {performer.agent_organization_id} | {each for ids in held.values() for each in ids}
    ids -= {None, performer.organization_id, contract.licensee_id}
    found = session.exec(
        select(Organization).where(col(Organization.id).in_(ids)).order_by(col(Organization.name))
    )
    return [each for each in found if _negotiates(session, contract, performer, each.id)]


def _negotiates(session: Session, contract: Contract, performer: Performer, id_: str) -> bool:
    able_as = acts.capacities(
        session, performer, contract.licensee_id, id_, contract_id=contract.series_id
    )
    return any(
        actor in AS_AGENT and (allowed is None or mandates.NEGOTIATE in allowed)
        for actor, allowed in able_as.items()
    )


def ask_agent(session: Session, contract: Contract, organization_id: str) -> Sequence[Organization]:
    """Ask the performer's agents to look at what is on the table; the desk is told that they were.

    It binds nobody and changes nothing of the contract; who asks twice is heard once. Raises
    ActNotAllowed where nothing waits for the performer, AgentMissing where nobody may negotiate,
    ContractNotFound for who is not the performer's own desk.
    """
    acts.lock(session, contract)
    performer = session.get_one(Performer, contract.performer_id)
    if organization_id != performer.organization_id:
        raise ContractNotFound(f"nothing was asked of you under {contract.series_id}")
    state = life.state_of(contract, at=clock.now())
    if state not in ON_THE_TABLE or contract.author_side != "licensee":
        raise ActNotAllowed(
            f"nothing of {contract.series_id} waits for an answer of yours, so there is nothing to "
            "ask an agent about",
            state=state.value,
        )
    agents = agents_of(session, contract)
    if not agents:
        raise AgentMissing(
            "nobody is registered as your agent, and nobody holds a mandate of yours to negotiate; "
            "answer yourself, or give somebody a mandate first"
        )
    for agency in agents:
        for told, kind in ((agency.id, "agent-asked"), (organization_id, "agent-was-asked")):
            notices.tell(
                session,
                kind,
                contract.series_id,
                organization_id=told,
                alarms_id=organization_id,
                due_at=contract.expires_at,
                once=_once(contract, agency.id, kind),
            )
    return agents


def hand_on(session: Session, contract: Contract, organization_id: str) -> None:
    """Hand what is on the table on to the performer's own desk, as an agent: it is told, and reads.

    It binds nobody; who hands on twice is heard once. Raises ContractNotFound for who does not
    negotiate for the performer, ActNotAllowed where nothing waits.
    """
    acts.lock(session, contract)
    performer = session.get_one(Performer, contract.performer_id)
    if organization_id not in {each.id for each in agents_of(session, contract)}:
        raise ContractNotFound(f"you do not negotiate {contract.series_id} for its performer")
    state = life.state_of(contract, at=clock.now())
    if state not in ON_THE_TABLE or contract.author_side != "licensee":
        raise ActNotAllowed(
            f"nothing of {contract.series_id} waits for an answer: look at it again",
            state=state.value,
        )
    notices.tell(
        session,
        "offer-handed-on",
        contract.series_id,
        organization_id=performer.organization_id,
        alarms_id=organization_id,
        due_at=contract.expires_at,
        once=f"offer-handed-on:{contract.id}:{organization_id}",
    )


def asked_of(session: Session, contract: Contract) -> list[Asked]:
    """List which of the agents of today were asked about this document, and who has seen it."""
    agents = {
        _once(contract, each.id, "agent-asked"): each for each in agents_of(session, contract)
    }
    told = session.exec(
        select(Notice).where(col(Notice.once).in_(agents)).order_by(col(Notice.id))
    ).all()
    seen = notices.seen_of(session, told)
    return [Asked(agents[each.once or ""], each, bool(seen[each.id])) for each in told]


def _once(contract: Contract, agency_id: str, kind: str) -> str:
    return f"{kind}:{contract.id}:{agency_id}"
