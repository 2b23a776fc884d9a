"""Postings that a test can recognize again, and the faults that a test plants."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from sqlmodel import Session

from app.commits import Unit
from app.ledger import posting
from app.ledger.terms import CompensationTerms
from tests.ledger.factories import event_of, terms_of

CONTRACTS = 7  # few, so that postings queue behind each other


def number_of(key: str) -> int:
    return int(key.rsplit("-", 1)[1])


def seconds_of(key: str) -> int:
    """How long the use under this key is; so that its entry is known beforehand."""
    return 1 + number_of(key) % 90


@cache
def terms_for(performer: str) -> CompensationTerms:
    return terms_of(parties=[{"id": performer, "agent": "AG1", "agent_rate": "0.10"}])


def post(key: str, *, contracts: int = CONTRACTS, performer: str = "P1") -> Unit[str]:
    """Post one use under this key, as a unit of work; it returns the entry's id."""

    def unit(session: Session) -> str:
        entry = posting.post_usage(
            session,
            f"con_{number_of(key) % contracts}",
            terms=terms_for(performer),
            event=event_of(seconds=str(seconds_of(key))),
            key=key,
            note=key,
        )
        assert entry is not None
        return entry.id

    return unit


# --- planted faults ----------------------------------------------------------------------------


def hasty() -> None:
    """Acknowledge before the commit, which comes a little later."""
    from tests.bench.server import acknowledge_before_committing

    acknowledge_before_committing()


def forgetful() -> None:
    """Forget under which key something was posted, so that it is posted again."""
    honest = posting.post_usage

    def forgetting(*positional: Any, key: str, **named: Any) -> Any:
        return honest(*positional, key=f"{key} {secrets.token_hex(8)}", **named)

    posting.post_usage = forgetting


def lopsided() -> None:
    """Post one unit too many to the performer; whoever plants it drops the database's guards."""
    honest: Callable[..., Any] = posting.post_event

    def tilted(*positional: Any) -> Any:
        (first, second, *rest), after = honest(*positional)
        return (first, replace(second, amount_minor=second.amount_minor + 1), *rest), after

    posting.post_event = tilted
    posting.check_balanced = lambda _lines: None


FAULTS: dict[str, Callable[[], None]] = {
    "hasty": hasty,
    "forgetful": forgetful,
    "lopsided": lopsided,
}
