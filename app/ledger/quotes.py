"""What planned uses will cost, and whom they will pay, before anything is rendered."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.ledger.books import Line, RoyaltyState, merge
from app.ledger.royalties import post_event
from app.ledger.terms import CompensationTerms
from app.ledger.usage import UsageEvent


@dataclass(frozen=True)
class Quote:
    """Planned uses, line by line; amounts as people say them: what is paid is positive.

    `hold_minor` is what would be held before the first of them is rendered.
    """

    currency: str
    licensee_minor: int
    payees: tuple[Line, ...]
    hold_minor: int


def quote(
    terms: CompensationTerms, planned: UsageEvent, *, state: RoyaltyState | None = None
) -> Quote:
    """Return what `planned` costs the licensee and brings each payee, as it would be posted now.

    Without a state it is priced as the first use, before any advance is recouped or cap reached.
    Raises RoyaltyRefused when the terms cannot price it.
    """
    answer, _ = quote_plan(terms, [planned], state=state or RoyaltyState())
    return answer


def quote_plan(
    terms: CompensationTerms, plan: Iterable[UsageEvent], *, state: RoyaltyState
) -> tuple[Quote, RoyaltyState]:
    """Return what these uses come to, each priced after the one before, and the state after them.

    Raises RoyaltyRefused when the terms cannot price one of them.
    """
    lines: list[Line] = []
    hold_minor = 0
    for planned in plan:
        posted, after = post_event(terms, state, planned)
        first, _ = post_event(terms, RoyaltyState(), planned)
        # Other uses may recoup the advance or leave room under the cap before this is captured.
        hold_minor += max(0, charged(posted), charged(first))
        lines += posted
        state = after
    summed = merge(lines)
    payees = tuple(
        Line(line.account, line.currency, -line.amount_minor)
        for line in summed
        if line.account.split(":")[0] not in {"licensee", "fx", "memo"}
    )
    return Quote(terms.currency, charged(summed), payees, hold_minor), state


def charged(lines: tuple[Line, ...]) -> int:
    """Return what the licensee owes for these lines, in minor units; negative is a credit."""
    return sum(line.amount_minor for line in lines if line.account == "licensee:receivable")
