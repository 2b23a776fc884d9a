"""`understudy people`: let the first person into an organization. Nobody is enrolled from here."""

from typing import Annotated

import typer

from app import db
from app.config import settings

people_commands = typer.Typer(
    no_args_is_help=True, help="People: the first administrator of an organization."
)


@people_commands.command("invite")
def invite_first(organization_id: Annotated[str, typer.Argument(help="org_…")]) -> None:
    """Print a link for the first administrator of an organization; later ones they invite."""
    from app.identity import people
    from app.identity.models import Organization

    with db.writing() as session:
        organization = session.get(Organization, organization_id)
        if organization is None:
            raise typer.BadParameter(f"no organization has the id {organization_id}")
        invitation, secret = people.invite_first(session, organization)
    print(f"{settings().origin}/join/{secret}")
    print(f"For one person of {organization.name}, once, until {invitation.expires_at:%d %B %Y}.")
