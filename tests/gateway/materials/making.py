"""Materials for tests: rows without reading, and files that can be read."""

import io
import math
import struct
import wave
from pathlib import Path
from typing import Any

import rfc8785
from sqlmodel import Session

from app import clock
from app.demo.cast import Party
from app.gateway.materials import consents, service
from app.gateway.materials.models import Material, Role
from app.identity.principal import Principal
from app.licensing.contracts.signatures import sign_detached
from tests.scenes import Scene

TYPES = {
    "first_frame": "image/jpeg",
    "footage": "video/mp4",
    "driving": "video/mp4",
    "voice": "audio/wav",
}


def found(role: Role, content: bytes, *, length_ms: int = 5000, **more: object) -> service.Read:
    """What the sandboxed reader would say of an upload, without reading it."""
    still = role == "first_frame"
    said: dict[str, object] = {
        "media_type": TYPES[role],
        "size_bytes": len(content),
        "sha256": "0" * 64,
        "width": None if role == "voice" else 1280,
        "height": None if role == "voice" else 720,
        "length_ms": None if still else length_ms,
        "facts": {"faces": 0},
        "templates": (),
    }
    return service.Read(**(said | more))  # type: ignore[arg-type]


def a_material(
    session: Session,
    scene: Scene,
    api_key_id: str,
    role: Role = "first_frame",
    *,
    content: bytes = b"a picture",
    state: str = "usable",
    directory: Path,
    **more: object,
) -> Material:
    """Have the scene's production send a material, and put it into a state."""
    path = directory / "sent"
    path.write_bytes(content)
    principal = Principal(scene.production.organization.id, "production", api_key_id)
    material = service.take_in(session, principal, role, path, found(role, content, **more))
    material.state = state
    material.checked_at = None if state == "checking" else clock.now()
    session.flush()
    return material


def declared(
    scene: Scene, material: Material, *, party: Party | None = None, **changes: Any
) -> tuple[consents.Declaration, str]:
    """A declaration that a stranger agreed, and its signature: by the production, or by `party`."""
    lent = "drive a replica" if material.role == "driving" else "lend the voice"
    said = consents.Declaration(
        v=1,
        material_id=changes.pop("material_id", material.id),
        commitment=material.commitment,
        person="Pieter of Delft",
        agreed_to=changes.pop("agreed_to", lent),
        proof_sha256="0" * 64,
    )
    party = party or scene.production
    signed = bytes(rfc8785.dumps(said.model_dump()))
    return said, sign_detached(
        signed, party.key, key_id=party.registered.id, role=consents.DECLARANT
    )


def a_recording(seconds: float = 1.0, *, hertz: float = 220.0, rate: int = 16_000) -> bytes:
    """A tone as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        tone = (math.sin(2 * math.pi * hertz * n / rate) for n in range(int(seconds * rate)))
        file.writeframes(b"".join(struct.pack("<h", int(each * 12_000)) for each in tone))
    return buffer.getvalue()
