"""What a planned use will cost, and whom it will pay, before anything is rendered."""

from dataclasses import dataclass

from app.ledger.books import Line, RoyaltyState
from app.ledger.royalties import post_event
from app.ledger.terms import CompensationTerms
from app.ledger.usage import UsageEvent


@dataclass(frozen=True)
class Quote:
    """A planned use, line by line; amounts as people say them: what is paid is positive."""

    currency: str
    licensee_minor: int
    payees: tuple[Line, ...]


def quote(
    terms: CompensationTerms, planned: UsageEvent, *, state: RoyaltyState | None = None
) -> Quote:
    """Return what `planned` costs the licensee and brings each payee, as it would be posted now.

    Without a state it is priced as the first use, before any advance is recouped or cap reached.
    Raises RoyaltyRefused when the terms cannot price it.
    """
    lines, _ = post_event(terms, state or RoyaltyState(), planned)
    return Quote(
        currency=terms.currency,
        licensee_minor=charged(lines),
        payees=tuple(
            Line(line.account, line.currency, -line.amount_minor)
            for line in lines
            if line.account.split(":")[0] not in {"licensee", "fx", "memo"}
        ),
    )


def charged(lines: tuple[Line, ...]) -> int:
    """Return what the licensee owes for these lines, in minor units; negative is a credit."""
    return sum(line.amount_minor for line in lines if line.account == "licensee:receivable")
