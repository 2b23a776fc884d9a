"""What ends or stops a consent by itself: its term, a law that caps it, a strike. Pure."""

from collections.abc import Iterable
from datetime import datetime

from app.licensing.deciding.inputs import StrikeFact
from app.licensing.document import local_days
from app.licensing.document.contract import Contract


def ends_at(terms: Contract) -> datetime:
    """Return the first instant after the term, or after what a law the parties chose leaves it."""
    term, years = terms.grant.term, terms.policy.max_term_years
    ends = term.ends_at if years is None else min(term.ends_at, term.capped_at(years))
    return local_days.instant(ends)


def struck(terms: Contract, strikes: Iterable[StrikeFact], at: datetime) -> bool:
    """Whether a strike runs under one of the agreements that the contract names."""
    named = terms.strike_policy.agreements
    return any(strike.agreement in named and strike.runs(at) for strike in strikes)
