"""Commands about budgets: what a production lets a project, or a licence, use."""

from typing import Annotated

import typer

from app import db
from app.money import format_minor, parse_minor

budget_commands = typer.Typer(
    no_args_is_help=True, help="Budgets: money, seconds and how many at once."
)


@budget_commands.command("set")
def set_budget(  # noqa: PLR0917 -- options, all of them named
    organization_id: Annotated[str, typer.Argument(help="The production, org_…")],
    project: Annotated[str, typer.Option(help="The project, as requests name it.")] = "",
    contract: Annotated[str, typer.Option(help="Or the contract, con_…")] = "",
    currency: Annotated[str, typer.Option(help="ISO 4217, as EUR.")] = "EUR",
    total: Annotated[str | None, typer.Option(help="Money in all, as 1000.00.")] = None,
    daily: Annotated[str | None, typer.Option(help="Money a day (UTC).")] = None,
    seconds: Annotated[int | None, typer.Option(help="Seconds in all.")] = None,
    daily_seconds: Annotated[int | None, typer.Option(help="Seconds a day (UTC).")] = None,
    at_once: Annotated[int | None, typer.Option(help="Generations under way at once.")] = None,
) -> None:
    """Set the limits from now on, in place of those before; none given lifts them all."""
    from app.gateway import budgets

    given = {
        "total_minor": None if total is None else parse_minor(total, currency),
        "daily_minor": None if daily is None else parse_minor(daily, currency),
        "total_seconds": seconds,
        "daily_seconds": daily_seconds,
        "at_once": at_once,
    }
    with db.writing() as session:
        budget = budgets.set_budget(
            session,
            organization_id,
            project=project,
            contract_id=contract,
            currency=currency,
            limits={name: most for name, most in given.items() if most is not None},
        )
    print(budget.id)


@budget_commands.command("list")
def list_budgets(
    organization_id: Annotated[str, typer.Argument(help="The production, org_…")],
) -> None:
    """List a production's budgets, and what is used of each."""
    from app.gateway import budgets
    from app.gateway.models_budgets import LIMITS

    with db.reading() as session:
        for budget in budgets.in_force(session, organization_id):
            used = budgets.used_of(session, budget)
            print(f"{budget.id} {budgets.name_of(budget)}")
            for limit in LIMITS:
                most = getattr(budget, limit)
                if most is None:
                    continue
                amounts = [getattr(used, limit), most]
                if limit.endswith("minor"):
                    amounts = [format_minor(each, budget.currency) for each in amounts]
                name = limit.replace("_minor", "").replace("_", " ")
                print(f"  {name}: {amounts[0]} of {amounts[1]}")
