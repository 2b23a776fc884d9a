"""What a payee is owed now, and what each part of it waits for; it adds up to the minor unit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from app.ledger import service as ledger
from app.ledger.payables import open_lines


@dataclass(frozen=True)
class Due:
    """What one account is owed in one currency, in minor units: the four parts sum to `owed`.

    `ready` goes with the next order of payouts, once an account is named. `unfunded` waits until
    the production's money is here, `held` for a case. `later` is of no closed period yet, or waits
    until what was taken back is earned again: negative where more was taken back than is owed.
    """

    account: str
    currency: str
    owed_minor: int
    ready_minor: int
    unfunded_minor: int
    held_minor: int

    @property
    def later_minor(self) -> int:
        return self.owed_minor - self.ready_minor - self.unfunded_minor - self.held_minor


def due_to(session: Session, accounts: Sequence[str], held: Collection[str]) -> list[Due]:
    """Say for each account and currency what is owed and what it waits for, as an order would.

    `held` names the entries that wait for a case. Where nothing is owed nothing is said.
    """
    owed = {
        key: -minor
        for account in accounts
        for key, minor in ledger.balances(session, account=account).items()
        if minor
    }
    lines = {
        currency: open_lines(session, currency, accounts=accounts)
        for currency in sorted({currency for _account, currency in owed})
    }
    found = []
    for (account, currency), minor in sorted(owed.items()):
        mine = lines[currency].get(account, [])
        free = [line for line in mine if line.entry_id not in held]
        found.append(
            Due(
                account=account,
                currency=currency,
                owed_minor=minor,
                # What was taken back is set off first: an order pays the rest, or nothing.
                ready_minor=max(0, sum(line.amount_minor for line in free if line.funded)),
                unfunded_minor=sum(line.amount_minor for line in free if not line.funded),
                held_minor=sum(line.amount_minor for line in mine if line.entry_id in held),
            )
        )
    return found
