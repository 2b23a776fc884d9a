"""`understudy api-key`: keys are shown once, stored as a hash, limited, replaced and ended."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from sqlmodel import Session, select

from app import clock, db, trail

if TYPE_CHECKING:
    from app.identity.models import ApiKey

key_commands = typer.Typer(no_args_is_help=True, help="API keys: shown once, stored as a hash.")
OrganizationId = Annotated[str, typer.Argument(help="org_…")]
Prefix = Annotated[str, typer.Argument(help="The 8 characters after ustk_")]


@key_commands.command("create")
def create_api_key(
    organization_id: OrganizationId,
    *,
    name: Annotated[str, typer.Option(help="What the key is for.")] = "default",
    to: Annotated[
        list[str] | None,
        typer.Option(help="What it may be used for, as in docs/access.md; repeat it for more."),
    ] = None,
    project: Annotated[list[str] | None, typer.Option(help="For these projects only.")] = None,
    contract: Annotated[list[str] | None, typer.Option(help="For these contracts only.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="It expires after so many.")] = None,
) -> None:
    """Make an API key for an organization. It is shown this once.

    Two operators agree at their pages, then the command does it; whose key it is, is told. While no
    two operators count yet, whoever owns the machine does it alone: that is said, and on record.
    """
    from app.identity import api_keys
    from app.identity.models import Organization
    from app.identity.principal import Scope
    from app.notices import service as notices
    from app.twofold import operators

    scope = Scope.of(to or None, project or None, contract or None)
    with db.reading() as session:
        if session.get(Organization, organization_id) is None:
            raise typer.BadParameter(f"no organization has the id {organization_id}")
        api_keys.check_may_keep(session, organization_id, name=name, scope=scope)
        by_two = operators.two_count(session)

    def make(session: Session) -> str:
        organization = session.get_one(Organization, organization_id)
        end = clock.now() + timedelta(days=days) if days else None
        made = api_keys.create_api_key(
            session, organization, name=name, scope=scope, expires_at=end
        )
        return made[1]

    if by_two:
        asked = {"name": name, "to": to, "projects": project, "contracts": contract, "days": days}
        print(
            operators.by_two(
                "operator-key-creation", organization_id, asked, make, whose=organization_id
            )
        )
        return
    with db.writing() as session:
        trail.note_act(session, "api-key create by one alone", [organization_id])
        text = make(session)
        notices.tell(session, "key-made-alone", organization_id, organization_id=organization_id)
    typer.echo(
        "made by one alone, which is on record: no two operators count here yet, who would agree "
        "to it (`understudy operators invite`)",
        err=True,
    )
    print(text)


@key_commands.command("list")
def list_api_keys(organization_id: OrganizationId) -> None:
    """List the keys of an organization: what they may, when they end, when they were last used."""
    from app.identity import api_keys

    with db.reading() as session:
        for key in api_keys.keys_of(session, organization_id, limit=1000):
            scope, used = api_keys.scope_of(session, key), api_keys.last_used_at(session, key)
            ends = key.revoked_at or api_keys.ends_at(session, key)
            limits = (scope.actions, scope.projects, scope.contract_ids)
            said = "; ".join(", ".join(sorted(each)) for each in limits if each is not None)
            print(f"ustk_{key.prefix}  {key.name}  {said or 'all but keys'}")
            print(f"  ends {ends or 'never'}, last used {used or 'never'}")


@key_commands.command("rotate")
def rotate_api_key(
    prefix: Prefix,
    overlap_h: Annotated[int, typer.Option(min=0, max=168, help="How long both work.")] = 24,
) -> None:
    """Put a new key in the place of one; both work until the overlap is over. Shown this once.

    Two operators agree at their pages, then the command does it; whose key it is, is told.
    """
    import hashlib
    import secrets

    from app.identity import api_keys
    from app.twofold import operators

    secret = secrets.token_urlsafe(api_keys.SECRET_BYTES)
    with db.reading() as session:
        whose = _key(session, prefix).organization_id

    def rotate(session: Session) -> str:
        new = api_keys.rotate(
            session,
            _key(session, prefix),
            secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
            overlap=timedelta(hours=overlap_h),
        )
        return api_keys.text_of(new, secret)

    asked = {"prefix": prefix, "overlap_h": overlap_h}
    print(operators.by_two("operator-key-rotation", prefix, asked, rotate, whose=whose))


@key_commands.command("revoke")
def revoke_api_key(prefix: Prefix) -> None:
    """End an API key at once."""
    from app.identity import api_keys

    with db.writing() as session:
        api_keys.revoke_api_key(session, _key(session, prefix))
    print(f"ustk_{prefix} is revoked")


def _key(session: Session, prefix: str) -> "ApiKey":
    from app.identity.models import ApiKey

    key = session.exec(select(ApiKey).where(ApiKey.prefix == prefix)).first()
    if key is None:
        raise typer.BadParameter(f"no API key begins with ustk_{prefix}")
    return key
