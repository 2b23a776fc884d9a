"""What commands ask of an Understudy server elsewhere, with an API key of whoever calls them."""

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from app.egress import Body, Door, EgressFailed

JSON_LIMIT_BYTES = 4 << 20
UPLOAD_S = 600.0
Server = Annotated[str, typer.Argument(help="https://… of the Understudy server.")]
Private = Annotated[bool, typer.Option(help="The server is on this machine or a private network.")]


class CallRefused(EgressFailed):
    """The server was reached and said no: asking again changes nothing."""

    status, code = 502, "call-refused"


def call(
    door: Door,
    key: str,
    method: str,
    path: str,
    body: Body | None = None,
    *,
    intent: str = "",
) -> dict[str, Any]:
    """Ask the server and return its answer; `intent` is the Idempotency-Key, else a new one.

    Raises CallRefused where it says no for good, with its own words; EgressFailed otherwise.
    """
    answer = door.ask(
        method,
        path,
        body=body,
        headers={
            "Authorization": f"Bearer {key}",
            "Idempotency-Key": intent or secrets.token_hex(16),
        },
        limit_bytes=JSON_LIMIT_BYTES,
        timeout_s=UPLOAD_S,
    )
    try:
        said = json.loads(answer.body)
    except ValueError:
        said = None
    if isinstance(said, dict) and answer.status < 300:
        return said
    why = said.get("detail") if isinstance(said, dict) else "it gave no reason"
    refused = CallRefused if 400 <= answer.status < 500 and answer.status != 429 else EgressFailed
    raise refused(f"the server answered {answer.status}: {why}")


def form(fields: Mapping[str, str], files: Sequence[tuple[str, str, str, bytes]] = ()) -> Body:
    """Lay out a form as browsers do; a file is its field, name, media type and content."""
    edge = secrets.token_hex(16)
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields.items()
    ]
    for field, name, media_type, content in files:
        said = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
        head = (
            f'--{edge}\r\nContent-Disposition: form-data; name="{field}"; filename="{said}"\r\n'
            f"Content-Type: {media_type}\r\n\r\n"
        )
        parts += [head.encode(), content, b"\r\n"]
    return Body(
        b"".join([*parts, f"--{edge}--\r\n".encode()]), f"multipart/form-data; boundary={edge}"
    )
