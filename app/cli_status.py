"""The command with which a stranger checks a consent status, or a status list, offline."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

statuses = typer.Typer(no_args_is_help=True)
Readable = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


@statuses.command("verify-status")
def verify_status(
    file: Readable,
    key: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="PEM, or the JWK Set of /v1/keys.")
    ],
    contract: Annotated[
        str | None,
        typer.Option(help="The contract that was asked about; others are refused."),
    ] = None,
    index: Annotated[
        int | None, typer.Option(help="In a status list: the place the contract was given.")
    ] = None,
    at: Annotated[
        datetime | None, typer.Option(help="UTC instant to judge by; default: now.")
    ] = None,
) -> None:
    """Check a consent status or a status list offline, and print what it states.

    Exits with 1 where the signature does not hold, the status has run out, or consent does not
    stand.
    """
    from datetime import UTC

    from app import clock
    from app.licensing.status import statements
    from app.licensing.status.published_keys import KeyFileInvalid

    try:
        kind, said = _verified(file.read_text("utf-8", errors="replace"), key.read_bytes())
        stands = _stands(kind, said, contract, index)
    except (statements.StatusInvalid, KeyFileInvalid) as refusal:
        print(f"not to be relied on: {refusal}", file=sys.stderr)
        raise typer.Exit(1) from None
    now = clock.now() if at is None else at.replace(tzinfo=UTC)
    is_fresh = statements.fresh(kind, said, now)
    print(json.dumps({"stands": stands, "fresh": is_fresh, **_shown(kind, said)}, indent=2))
    if not (is_fresh and stands):
        raise typer.Exit(1)


def _verified(text: str, key_file: bytes) -> tuple[str, dict[str, Any]]:
    from app.licensing.status import published_keys
    from app.licensing.status import statements as status_statements

    refused: Exception | None = None
    for public_key in published_keys.keys_in(key_file, "status"):
        try:
            return status_statements.verified(text, public_key)
        except status_statements.StatusInvalid as error:
            refused = error
    raise refused or status_statements.StatusInvalid("there is no key to check with")


def _stands(kind: str, said: dict[str, Any], contract: str | None, index: int | None) -> bool:
    from app.licensing.status import statements as status_statements

    if kind == status_statements.STATUS_TYPE:
        if contract not in (None, said["contract_id"]):
            raise status_statements.StatusInvalid(f"it is about {said['contract_id']}")
        return bool(said["status"] == "good")
    if index is None:
        raise typer.BadParameter("a list is asked about one place: give --index")
    return not status_statements.bit(said["credentialSubject"]["encodedList"], index)


def _shown(kind: str, said: dict[str, Any]) -> dict[str, Any]:
    from app.licensing.status import statements as status_statements

    if kind == status_statements.STATUS_TYPE:
        return said
    subject = {k: v for k, v in said["credentialSubject"].items() if k != "encodedList"}
    return {**said, "credentialSubject": subject}
