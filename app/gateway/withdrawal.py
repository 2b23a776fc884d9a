"""What a withdrawal would do, asked of the rules before it is made; nothing is changed by asking.

Every answer is the rules' own, put to them as if consent had been withdrawn at the snapshot: what
is promised here is what happens then, as far as nothing else changes in between.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.gateway.generators import catalogue
from app.gateway.models import UNDER_WAY, Generation, GenerationReplica
from app.ledger import service as ledger
from app.licensing.contracts import acts
from app.licensing.contracts.models import Contract
from app.licensing.contracts.service import contract_of
from app.licensing.deciding import contract_facts
from app.licensing.deciding.facts import NEVER
from app.licensing.deciding.inputs import ContractInForce, ExclusiveFact, UseRequest
from app.licensing.decisions import service as decisions
from app.licensing.decisions.gather import Version
from app.licensing.decisions.looking import Known, Look, look, showing_of
from app.licensing.decisions.models import Decision
from app.licensing.document import local_days
from app.licensing.errors import ContractAlreadyWithdrawn, ContractNotFound
from app.registry.models import Performer


@dataclass(frozen=True)
class InFlight:
    """A generation that has not ended: whether it could still be released, and how long."""

    generation: Generation
    finishes: bool
    until_at: datetime | None  # null: as long as it takes; only where it finishes
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Finished:
    """A released output, and from when it may no longer be shown; null: it stays."""

    generation: Generation
    comes_down_at: datetime | None


@dataclass(frozen=True)
class Consequences:
    """What would happen if consent were withdrawn at `snapshot_at`."""

    contract: Contract
    snapshot_at: datetime
    new_uses_end_at: datetime
    in_flight: Sequence[InFlight]
    outputs: Sequence[Finished]
    freed: Sequence[ExclusiveFact]
    voided: Sequence[tuple[str, int, Decimal]]  # currency, minor units, seconds


def consequences(
    session: Session,
    organization_id: str,
    contract_id: str,
    *,
    before: str | None = None,
    limit: int = 50,
) -> Consequences:
    """Say what stops, what finishes, what comes down and when, what is freed and what is voided.

    For the performer's side only. All that is in flight is listed; of the outputs `limit`, newest
    first, `before` an id. Raises ContractNotFound, ContractAlreadyWithdrawn.
    """
    contract = contract_of(session, organization_id, contract_id)
    performer = session.get_one(Performer, contract.performer_id)
    mandated = acts.actors_of(
        session, performer, contract.licensee_id, organization_id, contract_id=contract.series_id
    )
    if not mandated or organization_id == contract.licensee_id:
        raise ContractNotFound(f"{contract.series_id} is not a contract in which you gave consent")
    if contract.withdrawn_at is not None:
        raise ContractAlreadyWithdrawn(
            f"{contract.series_id} was withdrawn at {contract.withdrawn_at}"
        )
    ask = _Hypothesis(session, contract, clock.now())
    in_flight = [ask.of_unfinished(*each) for each in _permitted(session, contract, done=False)]
    page = _permitted(session, contract, done=True, before=before, limit=limit)
    stops = [each.generation.id for each in in_flight if not each.finishes]
    return Consequences(
        contract=contract,
        snapshot_at=ask.at,
        new_uses_end_at=ask.end_of_new_uses(),
        in_flight=in_flight,
        outputs=[ask.of_output(*each) for each in page],
        freed=ask.freed(),
        voided=ledger.held_for(session, stops, contract.series_id),
    )


class _Hypothesis:
    """One contract as if it were withdrawn at one instant, put to the rules."""

    def __init__(self, session: Session, contract: Contract, at: datetime) -> None:
        self._session, self._contract, self.at = session, contract, at
        self._known: dict[tuple[str, ...], Known] = {}
        # The least there is to ask: whatever else is missing, the rules say what is withdrawn.
        self._new_use = UseRequest(
            action="generate",
            requester_org=contract.licensee_id,
            performers=(contract.performer_id,),
            at=at,
        )
        versions = self._look(self._new_use, under={contract.series_id}).contracts
        self._turns = self._turning_points(versions)

    def of_unfinished(self, generation: Generation, permit: Decision) -> InFlight:
        """Ask whether it could be released right after, and until when."""
        use = decisions.release_of(permit, found_tags=generation.found_tags)
        answers = [
            (at, self._look(replace(use, at=at), permit=permit).answer) for at in self._turns
        ]
        finishes = answers[0][1].permitted
        ends = (at for at, answer in answers if not answer.permitted)
        until_at = next(ends, None) if finishes else None
        return InFlight(generation, finishes, until_at, answers[0][1].codes)

    def of_output(self, generation: Generation, permit: Decision) -> Finished:
        """Ask from when it may no longer be shown."""
        for at in self._turns:
            use = showing_of(permit, at=at, found_tags=generation.found_tags)
            if not self._look(use, under=decisions.governed_by(permit)).answer.permitted:
                return Finished(generation, at)
        return Finished(generation, None)

    def end_of_new_uses(self) -> datetime:
        """Ask from when every new use is refused as withdrawn; at once where none was executed."""
        for at in self._turns:
            answer = self._look(
                replace(self._new_use, at=at), under={self._contract.series_id}
            ).answer
            if "REVOKED" in answer.codes or not answer.governing:
                return at
        raise ValueError(f"the rules never end uses under {self._contract.series_id}; a defect")

    def freed(self) -> list[ExclusiveFact]:
        """Name the promises of exclusivity that would end earlier than they do now."""
        now = look(self._session, self._new_use, generators={}, under=()).state.exclusives
        then = self._look(self._new_use, under=()).state.exclusives
        return [later for earlier, later in zip(now, then, strict=True) if earlier != later]

    def _look(
        self, use: UseRequest, *, under: Collection[Version | str] | None = None,
        permit: Decision | None = None,
    ) -> Look:  # fmt: skip
        return look(
            self._session,
            use,
            generators=catalogue.TRAINS_ON_INPUTS,
            under=under if permit is None else decisions.governed_by(permit),
            permitted_by=permit,
            known=self._known_of(use.performers),
        )

    def _known_of(self, performers: tuple[str, ...]) -> Known:
        if performers not in self._known:
            known = Known(self._session, performers, suppose=self._withdrawn)
            self._known[performers] = known
        return self._known[performers]

    def _withdrawn(self, contract: Contract) -> Contract:
        """Return a row of the contract as a withdrawal would leave it, in no session."""
        if contract.series_id != self._contract.series_id:
            return contract
        return Contract(**contract.model_dump() | {"withdrawn_at": self.at})

    def _turning_points(self, versions: Sequence[ContractInForce]) -> list[datetime]:
        """List the instants from the snapshot on at which an answer may change."""
        names = ("notice_ends_at", "removal_due_at", "ends_at", "cap_ends_at")
        endings = [contract_facts.ending_facts(version) for version in versions]
        later = {ending[name] for ending in endings for name in names}
        instants = [local_days.instant(at) for at in sorted(later) if at < NEVER]
        return [self.at, *(at for at in instants if at > self.at)]


def _permitted(
    session: Session,
    contract: Contract,
    *,
    done: bool,
    before: str | None = None,
    limit: int | None = None,
) -> Sequence[tuple[Generation, Decision]]:
    """List what was permitted under a contract and is released, or has not ended yet."""
    versions = select(Contract.id).where(Contract.series_id == contract.series_id)
    under = col(GenerationReplica.contract_id).in_(session.exec(versions).all())
    of_mine = col(GenerationReplica.generation_id) == col(Generation.id)
    if done:  # by theirs in order; what is under way, by its state: few, whoever's
        place = col(GenerationReplica.generation_id)
        mine = (
            select(GenerationReplica.generation_id)
            .join(Generation, of_mine)
            .where(under, Generation.state == "released")
            .distinct()
        )
    else:
        place = col(Generation.id)
        mine = select(Generation.id).where(
            col(Generation.state).in_(UNDER_WAY), sa.exists().where(of_mine, under)
        )
    if before is not None:
        mine = mine.where(place < before)
    ids = session.exec(mine.order_by(place.desc()).limit(limit)).all()
    query = (
        select(Generation, Decision)
        .join(Decision, col(Decision.id) == col(Generation.decision_id))
        .where(col(Generation.id).in_(ids))
    )
    return session.exec(query.order_by(col(Generation.id).desc())).all()
