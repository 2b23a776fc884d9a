"""Files that go to a vendor before an order, because they are too large to travel inside it."""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlmodel import select

from app import db
from app.egress import Body, EgressFailed, EgressRefused, door_to
from app.gateway.generators import wire
from app.gateway.generators.errors import OrderRefused, VendorBusy
from app.gateway.models import GenerationReplica
from app.gateway.models_vendor_copies import VendorCopy


def on_record(generation_id: str, *, vendor: str, what: str, reference: str) -> None:
    """Put down that a file leaves for a vendor, before it does, for everybody in the scene."""
    cast = select(GenerationReplica).where(GenerationReplica.generation_id == generation_id)
    with db.writing() as session:
        for member in session.exec(cast).all():
            session.add(
                VendorCopy(
                    vendor=vendor,
                    kind="upload",
                    what=f"the {what}, uploaded for an order",
                    performer_id=member.performer_id,
                    contract_id=member.contract_id,
                    generation_id=generation_id,
                    reference=reference,
                )
            )


def upload(
    ticket: Mapping[str, Any], path: Path, *, vendor: str, host: str, private: bool, named: str
) -> None:
    """Send a file to where the vendor says, once: to `host` only, without credentials.

    `ticket` has its `uploadUrl` and the `fields` that go along. Raises VendorBusy where it did not
    get there; nothing is bought by it.
    """
    fields = ticket.get("fields")
    plainly = re.compile(r"[\x20-\x7e]*")
    known = isinstance(fields, dict) and all(
        isinstance(value, str) and plainly.fullmatch(name + value) and '"' not in name
        for name, value in fields.items()
    )
    try:
        door, where = door_to(str(ticket.get("uploadUrl")), hosts=(host,), private=private)
        if not known:
            raise EgressRefused("what must go along with it is no plain text")
        body = _form(dict(fields or {}), path.read_bytes(), named)
        answer = door.ask(
            "POST",
            where,
            body=body,
            limit_bytes=wire.REPLY_LIMIT_BYTES,
            timeout_s=wire.ORDER_TIMEOUT_S,
        )
    except EgressRefused as refusal:
        raise OrderRefused(f"{vendor}'s upload was not made: {refusal.detail}") from None
    except EgressFailed:
        raise VendorBusy(f"a file did not get to {vendor} whole; nothing was ordered") from None
    if not 200 <= answer.status < 300:
        raise VendorBusy(f"{vendor} did not take a file ({answer.status}); nothing was ordered")


def _form(fields: Mapping[str, str], content: bytes, named: str) -> Body:
    edge = secrets.token_hex(16)
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    head = (
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{named}"\r\n'
        f"Content-Type: {wire.media_type(content)}\r\n\r\n"
    )
    body = "".join(parts).encode() + head.encode() + content + f"\r\n--{edge}--\r\n".encode()
    return Body(body, f"multipart/form-data; boundary={edge}")
