"""The still of a performer that the catalogue may show: made of the newest reference picture."""

import base64
import binascii
from pathlib import Path

from sqlmodel import Session

from app import sandbox, vault
from app.registry import service
from app.registry.errors import PICTURE_ERRORS
from app.registry.models import Performer

MOST_BYTES = 1 << 20


def take_out(
    session: Session,
    performer: Performer,
    to: Path,
    *,
    purpose: vault.Purpose = "catalogue",
    viewer_id: str = "",
) -> None:
    """Decrypt the picture their newest replica was made from into `to`; the opening is on record.

    For whoever `viewer_id` names: the performer, where nobody else is named.

    Raises what `vault.open_to` raises.
    """
    newest = service.replicas_of(session, performer.id)[0]
    medium = service.references_of(session, newest.id)[0]
    vault.open_to(
        session,
        medium.vault_object_id,
        to,
        purpose=purpose,
        subject_id=viewer_id or performer.id,
    )


def make_still(picture: Path) -> bytes:
    """Make a small JPEG of a picture, in the sandbox, with nothing beside its pixels.

    Call it outside transactions. Raises any of `errors.PICTURE_ERRORS`, what `sandbox.run` raises.
    """
    said = sandbox.run(
        "app.registry.faces:still_of",
        {"path": str(picture.resolve())},
        wall_s=service.READ_WALL_S,
        cpu_s=service.READ_CPU_S,
        memory_bytes=service.READ_MEMORY_BYTES,
        reads=[picture],
        refusals=PICTURE_ERRORS,
    )
    try:
        still = base64.b64decode(said["jpeg"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        still = b""
    if not still.startswith(b"\xff\xd8\xff") or len(still) > MOST_BYTES:
        raise sandbox.SandboxCrashed(
            "the process that read the picture gave no sensible answer", reason="answer"
        )
    return still


def open_still(session: Session, object_id: str, *, viewer_id: str) -> bytes:
    """Return the still that a listing names, for this viewer; the opening is on record."""
    return vault.open_bytes(session, object_id, purpose="catalogue", subject_id=viewer_id)
