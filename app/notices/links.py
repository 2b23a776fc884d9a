"""Links in mails: what they hold follows from an id and the link key, so that none is stored."""

import hmac
from base64 import urlsafe_b64encode

from app import keys


def sealed(purpose: str, id_: str) -> str:
    """Return what a link for this purpose holds: the id, and 256 bits only this house can make."""
    mac = hmac.digest(keys.secret("link"), f"notices:{purpose}:{id_}".encode(), "sha256")
    return f"{id_}.{urlsafe_b64encode(mac).decode().rstrip('=')}"


def opened(purpose: str, text: str) -> str | None:
    """Return the id that a link holds, or None where this house did not make it."""
    id_ = text.partition(".")[0]
    made = sealed(purpose, id_)
    return id_ if hmac.compare_digest(made.encode(), text.encode(errors="replace")) else None
