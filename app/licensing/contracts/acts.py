"""Before and after every act on a contract: its rows locked, the table asked, the event written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from app import clock
from app.identity.models import Organization
from app.licensing.contracts import history, life
from app.licensing.contracts.history import By
from app.licensing.contracts.life import Act, Actor, State
from app.licensing.contracts.models import Contract, ContractEvent
from app.licensing.errors import ActNotAllowed, ContractAlreadyWithdrawn, ContractNotFound
from app.notices import service as notices
from app.registry import mandates
from app.registry.models import Performer

TOLD = {
    Act.OFFER: "contract-offered",
    Act.AMEND: "contract-offered",
    Act.COUNTER: "contract-countered",
    Act.DECLINE: "contract-declined",
    Act.RETRACT: "contract-retracted",
    Act.SIGN: "contract-signed",
    Act.RATIFY: "contract-ratified",
    Act.SUSPEND: "contract-suspended",
    Act.RESUME: "contract-resumed",
    Act.WITHDRAW: "consent-withdrawn",
}
# Whoever may sign in the performer's place may resume; the desk of a minor signs beside a guardian,
# and does not.
RESUME = "resume"
# What a desk, and an agent registered in the performer's lifetime, can do after a death: only stop.
LATE_DESK, LATE_AGENT = frozenset({mandates.PAUSE, mandates.WITHDRAW}), frozenset({mandates.PAUSE})
# Which of a mandate's acts (`mandates.ACTS`) each act on a contract needs.
NEEDS = {
    **dict.fromkeys(
        (Act.DRAFT, Act.REVISE, Act.OFFER, Act.COUNTER, Act.DECLINE, Act.RETRACT, Act.AMEND),
        mandates.NEGOTIATE,
    ),
    **dict.fromkeys((Act.SIGN, Act.RATIFY), mandates.SIGN),
    Act.RESUME: RESUME,
    Act.SUSPEND: mandates.PAUSE,
    Act.WITHDRAW: mandates.WITHDRAW,
}
_BY_MANDATE = frozenset(Actor) - {Actor.PERFORMER, Actor.LICENSEE}
Capacities = Mapping[Actor, frozenset[str] | None]  # what a mandate allows; None: all of the role's


@dataclass(frozen=True)
class Deed:
    """One act that may be done now, under the locks of decisions; `finish` writes it down."""

    session: Session
    act: Act
    contract: Contract  # the document it is done to
    documents: Sequence[Contract]  # all of this contract, oldest first
    by: By
    at: datetime

    def finish(self, *, on: Contract | None = None, note: str = "") -> ContractEvent:
        """Write down that it was done; `on` another document than it began with."""
        changed = on or self.contract
        self.session.add_all([*self.documents, changed])
        event = history.record(self.session, changed, self.act, self.by, at=self.at, note=note)
        tell(self.session, changed, self.act, self.by.organization_id)
        return event

    @property
    def executed(self) -> Sequence[Contract]:
        """The versions both sides have signed, lowest first."""
        signed = [each for each in self.documents if each.executed_at is not None]
        return sorted(signed, key=lambda each: each.version)


def begin(
    session: Session,
    contract: Contract,
    act: Act,
    organization_id: str,
    *,
    actor: Actor | None = None,
    api_key_id: str | None = None,
) -> Deed:
    """Lock a contract and insist that this act is open to who asks, on this document, now.

    `actor` insists on one capacity, where the organization may have several. Raises ActNotAllowed,
    ContractAlreadyWithdrawn, and ContractNotFound for who is no party.
    """
    documents = lock(session, contract)
    performer = session.get_one(Performer, contract.performer_id)
    able_as = capacities(
        session, performer, contract.licensee_id, organization_id, contract_id=contract.series_id
    )
    if not able_as or not visible(contract, list(able_as)):
        raise ContractNotFound(f"no contract of yours has the id {contract.series_id}")
    at = clock.now()
    state = life.state_of(contract, at=at)
    able = [
        each
        for each in able_as
        if actor in (None, each) and may(able_as, state, act, each, contract.author_side)
    ]
    if not able:
        raise _refusal(contract, state, act, able_as)
    return Deed(session, act, contract, documents, By(organization_id, able[0], api_key_id), at)


def begin_on_whole(
    session: Session,
    contract: Contract,
    act: Act,
    organization_id: str,
    *,
    api_key_id: str | None = None,
) -> Deed:
    """Begin an act on a contract as a whole: on the version in effect, whichever was named."""
    whole = face(lock(session, contract), at=clock.now())
    return begin(session, whole, act, organization_id, api_key_id=api_key_id)


def lock(session: Session, contract: Contract) -> Sequence[Contract]:
    """Lock the performer, then every document of a contract in the order of ids, as decisions do.

    The performer first: who waits here sees the documents that were added meanwhile.
    """
    session.flush()  # what this session has changed is not to be overwritten by what it reads
    fresh = {"populate_existing": True}
    performer = select(Performer).where(Performer.id == contract.performer_id)
    session.exec(performer.with_for_update().execution_options(**fresh)).one()
    theirs = select(Contract).where(Contract.series_id == contract.series_id)
    return session.exec(
        theirs.order_by(col(Contract.id)).with_for_update().execution_options(**fresh)
    ).all()


def tell(session: Session, contract: Contract, act: Act, by: str) -> None:
    """Tell the other parties of an act, in its transaction; of a draft nobody is told."""
    if act not in TOLD or contract.offered_at is None:
        return
    performer = session.get_one(Performer, contract.performer_id)
    notices.tell_others(
        session,
        TOLD[act],
        contract.series_id,
        to=(
            performer.organization_id,
            performer.agent_organization_id,
            contract.licensee_id,
            *mandates.parties_of(session, performer.id, contract.series_id),
        ),
        by=by,
    )


def face(documents: Sequence[Contract], *, at: datetime) -> Contract:
    """Return the document that stands for the whole contract: the version in effect, or the first.

    Before anything is executed that is the newest round of version 1.
    """
    in_effect = [
        each
        for each in documents
        if each.effective_at is not None
        and each.effective_at <= at
        and (each.superseded_at is None or each.superseded_at > at)
    ]
    if in_effect:
        return max(in_effect, key=lambda each: each.version)
    first = [each for each in documents if each.version == 1]
    return max(first, key=lambda each: each.round)


def actors_of(
    session: Session,
    performer: Performer,
    licensee_id: str,
    organization_id: str,
    *,
    contract_id: str | None = None,
) -> list[Actor]:
    """Return as whom an organization may act on contracts between these two: nobody, or more."""
    return list(
        capacities(session, performer, licensee_id, organization_id, contract_id=contract_id)
    )


def capacities(
    session: Session,
    performer: Performer,
    licensee_id: str,
    organization_id: str,
    *,
    contract_id: str | None = None,
) -> Capacities:
    """Say as whom an organization may act, and in what: from what is registered, and by mandates.

    An agency that enrolled a performer is their agent: it is no desk of the performer's own.
    Without a contract's id, mandates for a single contract do not count.
    """
    found: dict[Actor, frozenset[str] | None] = {}
    if organization_id == performer.organization_id:
        desk = session.get_one(Organization, organization_id)
        if desk.kind == "performer":
            found[Actor.PERFORMER] = _desks(session, performer.id, contract_id)
        else:
            found[Actor.AGENT] = _agents(session, performer.id)
    if organization_id == performer.agent_organization_id:
        found[Actor.AGENT] = _agents(session, performer.id)
    if organization_id == licensee_id:
        found[Actor.LICENSEE] = None
        return found  # nobody deals with themselves, whatever they were given
    given = mandates.given_to(session, performer.id, organization_id, contract_id=contract_id)
    for role, allowed in given.items():
        if role in _BY_MANDATE:
            actor = Actor(role)
            own = found.get(actor, frozenset())
            signs = {RESUME} if mandates.SIGN in allowed else set()
            found[actor] = None if own is None else own | allowed | signs
    return found


def _desks(session: Session, performer_id: str, contract_id: str | None) -> frozenset[str] | None:
    """Say what the performer's desk may: all, while they live and no guardian stands there."""
    if mandates.is_dead(session, performer_id):
        return LATE_DESK
    if mandates.has_guardian(session, performer_id, contract_id=contract_id):
        return frozenset(mandates.ACTS)
    return None


def _agents(session: Session, performer_id: str) -> frozenset[str] | None:
    return LATE_AGENT if mandates.is_dead(session, performer_id) else None


def may(able_as: Capacities, state: State, act: Act, actor: Actor, author_side: str) -> bool:
    """Say whether somebody may do this now as one of what they are: by the table, and a mandate."""
    allowed = able_as[actor]
    within = allowed is None or NEEDS[act] in allowed
    return within and life.may(state, act, actor, author_side=author_side)


def open_acts(
    able_as: Capacities, state: State, author_side: str, *, waits_to_be_ratified: bool = False
) -> list[str]:
    """List what somebody may do now to a document in this state."""
    return [
        act.value
        for act in Act
        if (act is not Act.RATIFY or waits_to_be_ratified)
        and any(may(able_as, state, act, actor, author_side) for actor in able_as)
    ]


def visible(contract: Contract, actors: Sequence[Actor]) -> bool:
    """Say whether these may see a document: a draft is seen by the side that writes it."""
    return contract.offered_at is not None or any(
        life.side_of(actor) == contract.author_side for actor in actors
    )


def _refusal(
    contract: Contract, state: State, act: Act, able_as: Capacities
) -> ActNotAllowed | ContractAlreadyWithdrawn:
    if state is State.WITHDRAWN and act in (Act.WITHDRAW, Act.SIGN):
        return ContractAlreadyWithdrawn(
            f"{contract.series_id} was withdrawn at {contract.withdrawn_at}; {life.NEXT[state]}"
        )
    allowed = open_acts(able_as, state, contract.author_side)
    return ActNotAllowed(
        f"{contract.series_id}, version {contract.version}, is {state}: {life.why_not(state, act)}",
        state=state.value,
        act=act.value,
        open_acts=allowed,
    )
