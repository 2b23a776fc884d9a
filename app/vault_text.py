"""Short texts at rest: an address or a number, sealed in its own column.

AES-256-GCM under a key derived from the installation's root key for one owner and one kind of text,
so that no sealed text stands in for another. Whoever erases a text empties its column.
"""

import base64
import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app import keys
from app.errors import AppError

_NONCE_BYTES = 12


class TextAltered(AppError):
    """A sealed text does not open: it, its owner or the root key is not the one it had."""

    status, code = 500, "sealed-text-altered"


def seal_text(owner_id: str, kind: str, text: str) -> str:
    """Return the text sealed for its owner, as base64; twice the same text looks different."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = _key(owner_id, kind).encrypt(nonce, text.encode(), None)
    return base64.b64encode(nonce + sealed).decode()


def open_text(owner_id: str, kind: str, sealed: str) -> str:
    """Return what was sealed. Raises TextAltered."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        opened = _key(owner_id, kind).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None)
        return opened.decode()
    except (InvalidTag, ValueError):
        raise TextAltered(
            f"what is sealed for {owner_id} as {kind} is not what was sealed"
        ) from None


def _key(owner_id: str, kind: str) -> AESGCM:
    label = json.dumps(["understudy-vault", 1, "text", owner_id, kind]).encode()
    return AESGCM(
        HKDF(hashes.SHA256(), 32, salt=None, info=label).derive(keys.secret("vault-root"))
    )
