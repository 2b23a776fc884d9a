"""`understudy sign-in`: studios' own sign-in. It lists, tries and ends them; houses name them."""

from typing import Annotated

import typer

from app import db

provider_commands = typer.Typer(
    no_args_is_help=True, help="Studios' own sign-in: list, try, end. Administrators name it."
)


@provider_commands.command("list")
def list_providers(organization_id: Annotated[str, typer.Argument(help="org_…")]) -> None:
    """List the providers a production named, and since when; the newest first."""
    from app.studios import service

    with db.reading() as session:
        for each in service.named_in(session, organization_id):
            until = f", ended {each.ended_at}" if each.ended_at else ""
            print(f"{each.id}  {each.issuer}  as {each.client_id}  since {each.named_at}{until}")


@provider_commands.command("try")
def try_provider(issuer: Annotated[str, typer.Argument(help="https://…")]) -> None:
    """Ask an issuer what it is, as this server would; nothing is kept."""
    from app.studios import oidc

    found = oidc.discover(issuer)
    for name, value in vars(found).items():
        print(f"{name}: {value}")


@provider_commands.command("end")
def end_provider(provider_id: Annotated[str, typer.Argument(help="idp_…")]) -> None:
    """End a studio's sign-in at once: whoever came in by it is out. The house is told."""
    from app.studios import service

    with db.writing() as session:
        service.end_provider(session, service.provider_of(session, provider_id))
    print(f"{provider_id} is ended")
