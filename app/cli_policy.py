"""Commands about the rules and those who may suspend them: who keeps which agreement."""

from typing import Annotated

import typer

from app import db

agreement_commands = typer.Typer(no_args_is_help=True, help="Agreements and their unions.")


@agreement_commands.command("keep")
def name_keeper(
    agreement: Annotated[str, typer.Argument(help="As contracts name it: SAG-AFTRA-TVT-2026")],
    organization_id: Annotated[str, typer.Argument(help="org_… of kind union")],
) -> None:
    """Name the union that may suspend consent under an agreement during a strike."""
    from app.identity.models import Organization
    from app.licensing import strikes

    with db.writing() as session:
        union = session.get(Organization, organization_id)
        if union is None:
            raise typer.BadParameter(f"no organization has the id {organization_id}")
        strikes.name_keeper(session, agreement, union)
    print(f"{agreement} is kept by {organization_id}")
