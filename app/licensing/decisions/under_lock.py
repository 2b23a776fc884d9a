"""What the server knows of performers now, under their locks: read once for all who ask about them.

It holds for the transaction that read it, and for whoever changes none of it in there. Nothing is
kept for the next one.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from app import clock
from app.licensing.contracts.models import Contract
from app.licensing.deciding.inputs import ContractInForce
from app.licensing.decisions import guard
from app.licensing.decisions.gather import (
    Version,
    in_force,
    is_readable,
    lock_contracts,
    may_govern,
    tampered,
)
from app.licensing.strikes import service as strikes


class UnderLock:
    """Every contract of these performers, every switch that was turned, and this instant.

    The instant is read once the locks are held: who waited for a withdrawal is decided after it.
    """

    def __init__(self, session: Session, performers: Iterable[str]) -> None:
        strikes.lock_shared(session)
        self._session = session
        self._contracts = lock_contracts(session, sorted(set(performers)))
        self.switches = strikes.confirmed(session)
        self._at = clock.now()
        self.trouble = guard.trouble(session)
        self.broken = tampered(session, self._contracts)
        self._readable = {each.id for each in self._contracts if is_readable(each)}
        self._facts: dict[str, ContractInForce] = {}

    def contracts(self, performers: Collection[str]) -> list[Contract]:
        """Return the documents of some of these performers, by performer and id."""
        return [each for each in self._contracts if each.performer_id in performers]

    def readable(self, contracts: Iterable[Contract]) -> list[Contract]:
        """Return those whose stored document still is a contract."""
        return [each for each in contracts if each.id in self._readable]

    def facts(
        self, contracts: Iterable[Contract], under: Collection[Version | str] | None
    ) -> list[ContractInForce]:
        """State each version that may govern, with whether its rows are as their parties left them.

        `under` names the only ones that may.
        """
        return [self._fact(each) for each in contracts if may_govern(each, under)]

    def _fact(self, contract: Contract) -> ContractInForce:
        found = self._facts.get(contract.id)
        if found is None:
            fact = in_force(self._session, contract)
            found = replace(fact, intact=fact.intact and fact.id not in self.broken)
            self._facts[contract.id] = found
        return found

    def present(self, contracts: Sequence[Contract]) -> datetime:
        """Return this instant, and none before what was already done: clocks of machines differ."""
        withdrawn = [each.withdrawn_at for each in contracts if each.withdrawn_at is not None]
        switched = [each.confirmed_at for each in self.switches if each.confirmed_at is not None]
        return max([self._at, *withdrawn, *switched])
