"""Budgets of a production: money, seconds, how many at once, in all and for each day (UTC).

Counted is what was held for what is released or under way, as it is spent day by day
(`ledger/spending.py`); what ended without a release costs nothing and counts nothing. A request
that would go beyond any limit is refused whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock
from app.errors import AppError
from app.gateway.models import UNDER_WAY, Generation
from app.gateway.models_budgets import LIMITS, Budget
from app.identity.models import Organization
from app.ledger.models import Hold, Spending
from app.licensing.contracts.models import Contract
from app.money import check_currency, format_minor


class BudgetExceeded(AppError):
    """This would go beyond a budget of yours; nothing was decided, nothing is held."""

    status, code = 409, "budget-exceeded"


class BudgetRefused(AppError):
    """There is no such thing to set a budget for, or no limit in it."""

    status, code = 400, "budget-refused"


@dataclass(frozen=True)
class Used:
    """What counts against a budget at one moment, in the units of its limits."""

    total_minor: int
    daily_minor: int
    total_seconds: int
    daily_seconds: int
    at_once: int


def set_budget(
    session: Session,
    organization_id: str,
    *,
    project: str = "",
    contract_id: str = "",
    currency: str,
    limits: Mapping[str, int],
    api_key_id: str | None = None,
) -> Budget:
    """Set the limits of a project or of a licence from now on; they replace the ones before.

    `limits` are some of LIMITS; without any there is no limit any more. Raises BudgetRefused for a
    production, a contract of theirs or a currency there is not.
    """
    if unknown := set(limits) - set(LIMITS):
        raise BudgetRefused(f"no limit is called {', '.join(sorted(unknown))}")
    if bool(project) == bool(contract_id):
        raise BudgetRefused("name a project or a contract, and not both")
    if session.get(Organization, organization_id) is None:
        raise BudgetRefused(f"no organization has the id {organization_id[:64]}")
    series_id = ""
    if contract_id:
        contract = session.get(Contract, contract_id)
        if contract is None or contract.licensee_id != organization_id:
            raise BudgetRefused(f"{organization_id} holds no contract {contract_id[:64]}")
        series_id = contract.series_id
    try:
        check_currency(currency)
    except ValueError as error:
        raise BudgetRefused(str(error)) from None
    budget = Budget(
        organization_id=organization_id,
        project=project,
        series_id=series_id,
        currency=currency,
        api_key_id=api_key_id,
    )
    for name, most in limits.items():
        setattr(budget, name, most)
    session.add(budget)
    session.flush()
    return budget


def in_force(session: Session, organization_id: str) -> list[Budget]:
    """List a production's budgets as they hold now, the newest for each project and contract."""
    theirs = select(Budget).where(Budget.organization_id == organization_id)
    newest = {
        (each.project, each.series_id): each
        for each in session.exec(theirs.order_by(col(Budget.id)))
    }
    return [each for _, each in sorted(newest.items())]


def check(
    session: Session,
    organization_id: str,
    *,
    project: str,
    series_ids: Sequence[str],
    currencies: Sequence[str],
) -> None:
    """Do nothing while what is held by now is within every budget. Raises BudgetExceeded.

    Called once the holds are placed, in their transaction. Takes the locks of the production's
    budgets, so that no two requests are counted beside each other.
    """
    theirs = select(Budget.id).where(Budget.organization_id == organization_id)
    session.exec(theirs.order_by(col(Budget.id)).with_for_update()).all()
    for budget in in_force(session, organization_id):
        if budget.project != project and budget.series_id not in series_ids:
            continue
        money = budget.total_minor is not None or budget.daily_minor is not None
        if money and set(currencies) - {budget.currency}:
            raise BudgetExceeded(
                f"the budget of {name_of(budget)} is in {budget.currency}, and this costs "
                f"{', '.join(sorted(set(currencies)))}: set it in that currency"
            )
        used = used_of(session, budget)
        for limit in LIMITS:
            most, is_ = getattr(budget, limit), getattr(used, limit)
            if most is not None and is_ > most:
                raise BudgetExceeded(
                    f"with this, {_said(budget, limit, is_)} would be used of the "
                    f"{_said(budget, limit, most)} that the budget of {name_of(budget)} allows; "
                    "have the budget changed, or wait",
                    budget_id=budget.id,
                    limit=limit,
                )


def used_of(session: Session, budget: Budget) -> Used:
    """Count what a budget has been used for."""
    (used,) = used_of_each(session, [budget])
    return used


def used_of_each(session: Session, held: Sequence[Budget]) -> list[Used]:
    """Count what each of these budgets has been used for, in their order: one query for all."""
    if not held:
        return []
    today = clock.now().date()
    rows = [
        sa.select(
            sa.literal(number).label("number"),
            *_spent(budget, today, col(Spending.amount_minor), currency=budget.currency),
            *_spent(budget, today, col(Spending.length_us)),
            _under_way(budget).label("at_once"),
        )
        for number, budget in enumerate(held)
    ]
    asked = sa.union_all(*rows) if len(rows) > 1 else rows[0]
    counted = {number: used for number, *used in session.execute(asked)}
    return [
        Used(int(total), int(daily), _seconds(total_us), _seconds(daily_us), at_once)
        for total, daily, total_us, daily_us, at_once in (counted[n] for n in range(len(held)))
    ]


def _seconds(length_us: int) -> int:
    """Return whole seconds; one that has begun counts."""
    return -(-int(length_us) // 10**6)


def _spent(
    budget: Budget, today: date, what: Any, **where: str
) -> tuple[sa.ScalarSelect[int], sa.ScalarSelect[int]]:
    """Sum what is spent for this in all, and of that today (UTC)."""
    in_all = sa.select(sa.func.coalesce(sa.func.sum(what), 0)).where(
        col(Spending.organization_id) == budget.organization_id,
        col(Spending.project) == budget.project,
        col(Spending.contract_id) == budget.series_id,
        *(getattr(Spending, name) == value for name, value in where.items()),
    )
    return in_all.scalar_subquery(), in_all.where(col(Spending.day) == today).scalar_subquery()


def _under_way(budget: Budget) -> sa.ScalarSelect[int]:
    """Count those of theirs that have not ended, and hold something for this."""
    holds = sa.exists().where(
        col(Hold.generation_id) == col(Generation.id),
        col(Hold.contract_id) == budget.series_id
        if budget.series_id
        else col(Hold.project) == budget.project,
    )
    return (
        sa.select(sa.func.count())
        .select_from(Generation)
        .where(
            col(Generation.organization_id) == budget.organization_id,
            col(Generation.state).in_(UNDER_WAY),
            holds,
        )
        .scalar_subquery()
    )


def name_of(budget: Budget) -> str:
    """Say what a budget is for."""
    return f"project {budget.project}" if budget.project else f"contract {budget.series_id}"


def _said(budget: Budget, limit: str, amount: int) -> str:
    daily = " a day" if limit.startswith("daily") else ""
    if limit.endswith("minor"):
        return format_minor(amount, budget.currency) + daily
    return f"{amount} at once" if limit == "at_once" else f"{amount} s{daily}"
