"""Ask the rules without locks and without a record: what would be decided, or may be shown, now.

Nothing is permitted by it and nothing is made. Every permit comes from `decisions`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from app import clock
from app.licensing.contracts.models import Contract
from app.licensing.deciding.decide import Decision as Answer
from app.licensing.deciding.decide import decide
from app.licensing.deciding.inputs import ContractInForce, State, UseRequest
from app.licensing.deciding.release import decide_release
from app.licensing.decisions import guard, rulebook
from app.licensing.decisions import service as decisions
from app.licensing.decisions.gather import (
    Version,
    in_force,
    is_readable,
    may_govern,
    of_performers,
    state_of,
    tampered,
)
from app.licensing.decisions.models import Decision
from app.licensing.strikes import service as strikes


@dataclass(frozen=True)
class Look:
    """What the rules said, and the facts they were asked with."""

    answer: Answer
    contracts: Sequence[ContractInForce]
    state: State


class Known:
    """What one snapshot says of these performers' contracts: read once, asked about often.

    `suppose` stands another row in for a contract's, to ask "what if".
    """

    def __init__(
        self,
        session: Session,
        performers: Collection[str],
        *,
        suppose: Callable[[Contract], Contract] = lambda contract: contract,
    ) -> None:
        found = [suppose(each) for each in session.exec(of_performers(performers))]
        broken = tampered(session, found)
        self._session = session
        self.readable = [contract for contract in found if is_readable(contract)]
        self.is_whole = not broken and len(self.readable) == len(found)
        self.switches = strikes.confirmed(session)
        self._in_force: dict[str, ContractInForce] = {}

    def in_force(self, under: Collection[Version | str] | None) -> list[ContractInForce]:
        """State what is known of the versions that may govern."""
        return [
            self._in_force.get(each.id)
            or self._in_force.setdefault(each.id, in_force(self._session, each))
            for each in self.readable
            if may_govern(each, under)
        ]


def look(
    session: Session,
    use: UseRequest,
    *,
    generators: Mapping[str, bool],
    under: Collection[Version | str] | None = None,
    permitted_by: Decision | None = None,
    known: Known | None = None,
) -> Look:
    """Ask about a use at the instant it names. A contract that was tampered with is a denial.

    `under` names the only contracts that may govern; `permitted_by` the permit whose rules are
    held to, as at a release; `known` is what is known of the use's performers, if it was read.
    """
    known = known or Known(session, use.performers)
    contracts, switches = known.in_force(under), known.switches
    state = state_of(
        session, known.readable, contracts, use, generators=generators, switches=switches
    )
    today = rulebook.today()
    if trouble := guard.trouble(session):
        answer = decisions.refused(trouble)
    elif permitted_by is None:
        answer = decide(today, contracts, state, use)
    else:
        pinned = rulebook.by_digest(permitted_by.policy_digest)
        answer = decide_release(pinned, today, contracts, state, use)
    if not known.is_whole:
        answer = decisions.beside_tampered(answer)
    return Look(answer, contracts, state)


def showing_of(permit: Decision, *, at: datetime, found_tags: Collection[str] = ()) -> UseRequest:
    """Return the use that showing finished work is, at an instant."""
    use = decisions.release_of(permit, found_tags=found_tags)
    return replace(decisions.use_of(permit), action="distribute_existing", at=at, tags=use.tags)


def may_hand_out(
    session: Session,
    decision_id: str,
    *,
    generators: Mapping[str, bool],
    found_tags: Collection[str] = (),
) -> bool:
    """Say whether finished work may still be handed out, by the contracts that permitted it.

    Asks the policies about distributing it now: a withdrawal or an ended term may have made its
    removal due. Nothing is locked or recorded; nothing is made by it.
    """
    permit = session.get_one(Decision, decision_id)
    use = showing_of(permit, at=clock.now(), found_tags=found_tags)
    under = decisions.governed_by(permit)
    return look(session, use, generators=generators, under=under).answer.permitted
