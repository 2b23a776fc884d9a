"""`understudy people`, `understudy operators`: let the first person into a house.

Nobody is enrolled from here: a passkey is made in a browser, by whoever holds the link.
"""

from typing import Annotated

import typer

from app import db
from app.config import settings

people_commands = typer.Typer(
    no_args_is_help=True, help="People: the first administrator of an organization."
)
operators_commands = typer.Typer(
    no_args_is_help=True, help="Operators: who runs this installation, each with a passkey."
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


@operators_commands.command("invite")
def invite_operator() -> None:
    """Print a link for an operator: the first, or one where no operator is left to invite another.

    Every operator there is, is told. A link printed here before is void.
    """
    from app.identity import operators
    from app.notices import service as notices

    with db.writing() as session:
        are_there = any(each.membership.ended_at is None for each in operators.operators(session))
        invitation, secret = operators.invite_from_the_machine(session)
        if are_there:
            notices.tell(
                session,
                "operator-invited",
                invitation.id,
                organization_id=invitation.organization_id,
            )
    print(f"{settings().origin}/join/{secret}")
    print(f"For one operator, once, until {invitation.expires_at:%d %B %Y}.")


@operators_commands.command("list")
def list_operators() -> None:
    """List the operators and who was one: since when, invited by whom, until when."""
    from app.identity import operators

    with db.reading() as session:
        for membership, person, inviter in operators.operators(session):
            by = inviter.name if inviter else "this machine"
            ended = f" until {membership.ended_at:%Y-%m-%d %H:%M}" if membership.ended_at else ""
            since = f"{membership.created_at:%Y-%m-%d %H:%M}"
            print(f"{person.id}  {person.name}  since {since}{ended} UTC, invited by {by}")
