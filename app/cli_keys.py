"""`understudy keys`: the certificates of this installation and the keys they name."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from app import clock, keys
from app.cli_check import AsJson
from app.config import settings
from app.provenance import certificate_files, pki
from app.provenance.subjects import name_organization

keys_commands = typer.Typer(
    no_args_is_help=True, help="Certificates, and the keys that sign files and time stamps."
)


@keys_commands.command("init")
def init_keys(
    organization: Annotated[
        str, typer.Option(help="Who signs: the O of every certificate made from now on.")
    ] = "",
    country: Annotated[str, typer.Option(help="Their country, ISO 3166, two letters.")] = "",
) -> None:
    """Make the keys, secrets and certificates that are missing. `understudy setup` does it too.

    Root keys go to UNDERSTUDY_ROOT_KEYS_DIRECTORY: a medium that you then take away. Certificates
    that there are keep the name they have: `understudy keys rotate` makes a signer of the new one.
    """
    from app import installation

    if organization or country:
        name_organization(settings().keys_dir, country=country, organization=organization)
    print(", ".join(installation.prepare_keys()) or "nothing was missing")
    print(f"Take the root keys away, and keep two copies: {settings().root_keys_dir}")


@keys_commands.command("signer")
def give_signer(
    organization_id: Annotated[str, typer.Argument(help="org_…")],
    organization: Annotated[
        str, typer.Option(help="What its certificates state as O; else this installation's name.")
    ] = "",
    country: Annotated[str, typer.Option(help="Its country, ISO 3166, two letters.")] = "",
) -> None:
    """Give an organization a leaf of its own: what is made for it is signed with that from now on.

    Whoever compares two such files sees that one organization had them made: ask it first. To end
    it, revoke its certificate for cessationOfOperation.
    """
    from app import db
    from app.identity.models import Organization

    with db.reading() as session:
        if session.get(Organization, organization_id) is None:
            raise typer.BadParameter(f"no organization has the id {organization_id}")
    if organization or country:
        name_organization(
            settings().keys_dir, country=country, organization=organization, signer=organization_id
        )
    name = pki.give_signer(settings().keys_dir, organization_id, ocsp_url=settings().ocsp_url)
    print(f"in force: {name}")


@keys_commands.command("rotate")
def rotate_key(
    series: Annotated[
        str, typer.Argument(help="claim, claim@org_…, ocsp, tsa, claim-ca, ..., or watermark")
    ] = "claim",
) -> None:
    """Make a new key and certificate. The old key is destroyed; what it signed stays good.

    The watermark's key has no certificate, and its old ones are kept: marks under the newest three
    are found (docs/operations.md). Two operators agree at their pages, then the command does it
    (docs/people.md). A key of a certificate that was stolen is revoked instead, which takes one and
    makes a new one.
    """
    from app.twofold import epochs, operators

    asked: dict[str, Any] = {"series": series}
    recorded = epochs.on_record() if series == keys.WATERMARK else 1
    if series == keys.WATERMARK:
        asked["epoch"] = keys.next_epoch(series, recorded)

    def rotate(_: object = None) -> None:
        if series == keys.WATERMARK:
            print(_begun(keys.begin_epoch(series, recorded)))
            return
        made = pki.rotate(settings().keys_dir, series, ocsp_url=settings().ocsp_url)
        print(f"in force: {', '.join(made)}")

    if certificate_files.every(settings().keys_dir):
        operators.by_two(epochs.KIND, series, asked, rotate)
    else:  # there is nothing here yet that anybody could lose
        rotate()


def _begun(epoch: int) -> str:
    """What a new epoch of the watermark's key changes."""
    found = ", ".join(str(each) for each in keys.epochs(keys.WATERMARK, epoch))
    said = f"in force: epoch {epoch} of the watermark's key; marks are looked for under {found}"
    if (lost := epoch - keys.EPOCHS_TRIED) > 0:
        said += f"; those of epoch {lost} are not found any more"
    return said


@keys_commands.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List every certificate ever made here: its serial, how long it lasts, and its state."""
    rows = [_row(each) for each in certificate_files.every(settings().keys_dir)]
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{row['name']:<16} {row['state']:<12} until {row['ends_at'][:10]}  {row['key']}")
        print(f"{'':<16} serial {row['serial']}")
        print(f"{'':<16} {row['subject']}")


@keys_commands.command("revoke")
def revoke_certificate(
    serial: Annotated[str, typer.Argument(help="As `understudy keys list` prints it.")],
    reason: Annotated[str, typer.Option(help=", ".join(pki.REASONS[1:]))] = "keyCompromise",
    since: Annotated[
        datetime | None, typer.Option(help="What it signed from here on is not believed; now.")
    ] = None,
) -> None:
    """Revoke a signer's certificate: files that its time stamp shows to be older stay good."""
    if reason not in pki.REASONS[1:]:
        raise typer.BadParameter(f"choose one of {', '.join(pki.REASONS[1:])}")
    at = clock.now() if since is None else since.replace(tzinfo=since.tzinfo or UTC)
    try:
        number = int(serial, 16)
    except ValueError:
        raise typer.BadParameter("a serial is a hexadecimal number") from None
    revoked = pki.revoke(settings().keys_dir, number, reason=reason, at=at)
    print(f"{revoked.name} is revoked: what it signed since {at.isoformat()} is not believed")
    made = pki.create_missing(settings().keys_dir, ocsp_url=settings().ocsp_url)
    print(f"in force: {', '.join(made) or 'as before'}")


def _row(each: certificate_files.Issued) -> dict[str, str]:
    at = "" if each.revocation is None else each.revocation.at.isoformat()
    expired = each.certificate.not_valid_after_utc <= clock.now()
    state = "expired" if expired else "in force"
    if each.revocation is not None:
        state = "superseded" if each.revocation.reason == pki.SUPERSEDED else "revoked"
    return {
        "name": each.name,
        "serial": f"{each.certificate.serial_number:x}",
        "subject": each.certificate.subject.rfc4514_string(),
        "starts_at": each.certificate.not_valid_before_utc.isoformat(),
        "ends_at": each.certificate.not_valid_after_utc.isoformat(),
        "state": state,
        "since": at,
        "key": "key here" if keys.is_here(each.name) else "key not here",
    }
