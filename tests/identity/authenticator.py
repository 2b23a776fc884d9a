"""An authenticator in software: what a phone does with a passkey, and what a thief would try."""

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

ORIGIN = "https://understudy.test"
PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One device with one passkey; `counts` is False for those that are synced."""

    counts: bool = True
    flags: int = PRESENT | VERIFIED
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    count: int = 0
    user: bytes = b""

    @property
    def id(self) -> bytes:
        point = self.key.public_key().public_numbers()
        return hashlib.sha256(point.x.to_bytes(32, "big")).digest()

    def create(self, options: dict[str, Any], *, origin: str = ORIGIN) -> dict[str, Any]:
        """Answer navigator.credentials.create()."""
        self.user = unb64(options["user"]["id"])
        point = self.key.public_key().public_numbers()
        cose = {
            1: 2,
            3: -7,
            -1: 1,
            -2: point.x.to_bytes(32, "big"),
            -3: point.y.to_bytes(32, "big"),
        }
        attested = bytes(16) + struct.pack(">H", len(self.id)) + self.id + cbor2.dumps(cose)
        data = self._data(options["rp"]["id"], ATTESTED) + attested
        client = _client("webauthn.create", options["challenge"], origin)
        made = {"fmt": "none", "attStmt": {}, "authData": data}
        return self._said(clientDataJSON=b64(client), attestationObject=b64(cbor2.dumps(made)))

    def get(self, options: dict[str, Any], *, origin: str = ORIGIN) -> dict[str, Any]:
        """Answer navigator.credentials.get()."""
        data = self._data(options["rpId"])
        client = _client("webauthn.get", options["challenge"], origin)
        signed = data + hashlib.sha256(client).digest()
        return self._said(
            clientDataJSON=b64(client),
            authenticatorData=b64(data),
            signature=b64(self.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
            userHandle=b64(self.user),
        )

    def _data(self, rp_id: str, more: int = 0) -> bytes:
        self.count += self.counts
        return hashlib.sha256(rp_id.encode()).digest() + struct.pack(
            ">BI", self.flags | more, self.count
        )

    def _said(self, **response: str) -> dict[str, Any]:
        return {
            "id": b64(self.id),
            "rawId": b64(self.id),
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }


def _client(kind: str, challenge: str, origin: str) -> bytes:
    said = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False}
    return json.dumps(said).encode()
