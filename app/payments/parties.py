"""Who gets a statement of a period, and of which lines."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, or_, select

from app.identity.models import Organization
from app.ledger.models_periods import Period
from app.ledger.statements import Scope, accounts_in
from app.licensing.contracts.models import Contract
from app.licensing.document import contract as documents
from app.licensing.strikes.models import AgreementKeeper
from app.payments.models import IssuedStatement
from app.registry.models import Performer

RECEIVABLE = "licensee:receivable"


@dataclass(frozen=True, slots=True)
class Recipient:
    """A party that has lines in a period: which kind of statement, and over what.

    `owed` is +1 where a debit is what the statement counts up, -1 where a credit is.
    """

    kind: str
    party_id: str
    scope: Scope
    owed: int = -1


def recipients(session: Session, period: Period) -> Iterator[Recipient]:
    """Yield who gets a statement of a period: payees, productions that pay, unions."""
    posted = accounts_in(session, period)
    for account in sorted({account for account, _ in posted}):
        kind, _, owner = account.removesuffix(":payable").partition(":")
        if kind in ("performer", "agent") and account.endswith(":payable"):
            yield Recipient(kind, owner, Scope((account,)))
    licensees, unions = parties_of(session, {each for _, each in posted if each is not None})
    for licensee_id, contract_ids in sorted(licensees.items()):
        yield Recipient("production", licensee_id, Scope((RECEIVABLE,), contract_ids), owed=1)
    funds = sorted({account for account, _ in posted if account.startswith("fund:")})
    for union_id, contract_ids in sorted(unions.items()):
        if any(each in contract_ids for account, each in posted if account in funds):
            yield Recipient("union", union_id, Scope(funds, contract_ids))


def reports(session: Session, period: Period) -> Iterator[tuple[str, str, set[str]]]:
    """Yield which union is told of which production's uses, and under which contracts."""
    posted = accounts_in(session, period)
    licensees, unions = parties_of(session, {each for _, each in posted if each is not None})
    for union_id, theirs in sorted(unions.items()):
        for licensee_id, contract_ids in sorted(licensees.items()):
            if theirs & contract_ids:
                yield union_id, licensee_id, theirs & contract_ids


def parties_of(
    session: Session, contract_ids: Collection[str]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return the contracts of each licensee, and those under an agreement of each union."""
    licensees: dict[str, set[str]] = defaultdict(set)
    unions: dict[str, set[str]] = defaultdict(set)
    registered = set(session.exec(select(Organization.id).where(Organization.kind == "union")))
    keepers = {keeper.agreement: keeper.organization_id
               for keeper in session.exec(select(AgreementKeeper))}  # fmt: skip
    executed = select(Contract).where(
        col(Contract.series_id).in_(contract_ids), col(Contract.executed_at).is_not(None)
    )
    for contract in session.exec(executed):
        licensees[contract.licensee_id].add(contract.series_id)
        for union_id in _unions_of(contract, keepers, registered):
            unions[union_id].add(contract.series_id)
    return licensees, unions


def _unions_of(contract: Contract, keepers: dict[str, str], registered: set[str]) -> set[str]:
    """Name the unions a contract is under: by an agreement they keep, or by their own id."""
    terms = documents.recorded(contract.document.encode())
    agreements = (terms.governing, *terms.strike_policy.agreements)
    found = {keepers[agreement] for agreement in agreements if agreement in keepers}
    return found | ({terms.representation.union or ""} & registered)


def performers_of(session: Session, contract_ids: Collection[str]) -> dict[str, str]:
    """Return whose replica each contract is about."""
    theirs = select(Contract.series_id, Contract.performer_id).where(
        col(Contract.series_id).in_(contract_ids)
    )
    return dict(session.exec(theirs).all())


def seen_by(organization_id: str) -> sa.ColumnElement[bool]:
    """Return the condition under which an organization may read a statement.

    A performer's statement is for the desk that enrolled them and for their registered agent;
    every other is for the party it names.
    """
    theirs = select(Performer.id).where(
        or_(
            Performer.organization_id == organization_id,
            Performer.agent_organization_id == organization_id,
        )
    )
    return or_(
        (col(IssuedStatement.kind) == "performer") & col(IssuedStatement.party_id).in_(theirs),
        (col(IssuedStatement.kind) != "performer")
        & (col(IssuedStatement.party_id) == organization_id),
    )


def readers_of(session: Session, kind: str, party_id: str) -> list[str]:
    """Return which organizations read a party's statement, and are told of it; as `seen_by`."""
    if kind != "performer":
        return [party_id] if session.get(Organization, party_id) is not None else []
    performer = session.get(Performer, party_id)
    if performer is None:
        return []
    return list(filter(None, (performer.organization_id, performer.agent_organization_id)))
