"""A person's signature over a document: what an authenticator asserts of a statement about it.

A passkey signs a challenge of 32 bytes, and nothing says beside it in which role, or what the
person was shown. So what is hashed into the challenge is a statement, in canonical JSON (RFC 8785):
the SHA-256 of the document, that of the plain words on the screen and the language they are in, the
role, the organization, the person. Pure: no database, no settings; whoever has the document and the
public key can check it.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.language import SOURCE
from app.licensing.errors import SignatureRefused

STATEMENT = "understudy-contract-signature"
KIND = "webauthn"
PRESENT, VERIFIED, BACKUP_ELIGIBLE, BACKED_UP = 0x01, 0x04, 0x08, 0x10
# What a statement says, by its version: the first ones were read in English, and did not say so.
_FIRST = frozenset(
    "v type contract_sha256 words_sha256 role organization person origin nonce".split()
)
SAYS = {1: _FIRST, 2: _FIRST | {"language"}}
HOLDS = frozenset("v type statement words authenticator_data client_data_json signature".split())
UNREADABLE = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
_BASE64 = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


@dataclass(frozen=True)
class Asserted:
    """What a signature that holds says: who, as what, where, shown which words, on which device."""

    role: str
    organization_id: str
    person_id: str
    origin: str
    words: str
    language: str
    user_verified: bool
    backup_eligible: bool
    backed_up: bool


def statement(
    document: bytes,
    words: str,
    *,
    language: str,
    role: str,
    organization_id: str,
    person_id: str,
    origin: str,
    nonce: str,
) -> dict[str, Any]:
    """Say what a signature will mean; `nonce` makes each challenge another one."""
    return {
        "v": 2,
        "type": STATEMENT,
        "contract_sha256": hashlib.sha256(document).hexdigest(),
        "words_sha256": hashlib.sha256(words.encode()).hexdigest(),
        "language": language,
        "role": role,
        "organization": organization_id,
        "person": person_id,
        "origin": origin,
        "nonce": nonce,
    }


def challenge(said: Mapping[str, Any]) -> bytes:
    """Return the challenge that stands for a statement: SHA-256 of its canonical JSON."""
    return hashlib.sha256(rfc8785.dumps(dict(said))).digest()


def pack(said: Mapping[str, Any], words: str, answer: str) -> str:
    """Put a statement, the words and the authenticator's answer into the text that is kept."""
    response = json.loads(answer)["response"]
    return rfc8785.dumps(
        {
            "v": 1,
            "type": KIND,
            "statement": dict(said),
            "words": words,
            "authenticator_data": response["authenticatorData"],
            "client_data_json": response["clientDataJSON"],
            "signature": response["signature"],
        }
    ).decode()


def is_assertion(text: str) -> bool:
    """Say whether a kept signature is a passkey's, not a JWS."""
    return text.startswith('{"authenticator_data":')


def check(document: bytes, text: str, public_jwk: Mapping[str, Any], *, role: str) -> Asserted:
    """Verify a passkey's signature over canonical bytes, in a role.

    Raises SignatureRefused naming what differs.
    """
    try:
        kept = json.loads(text)
        said, words = kept["statement"], kept["words"]
        data, client_bytes, signature = (
            _bytes(kept[name]) for name in ("authenticator_data", "client_data_json", "signature")
        )
        client = json.loads(client_bytes)
        # 1. The statement is one of ours, complete, about this document, in this role.
        _same("format", (kept["v"], kept["type"], set(kept)), (1, KIND, HOLDS))
        _same("statement", (said["type"], set(said)), (STATEMENT, SAYS.get(said["v"])))
        _same("document", said["contract_sha256"], hashlib.sha256(document).hexdigest())
        _same("role", said["role"], role)
        # 2. The words are those whose hash was signed, in the language that was signed with it.
        _same("words shown", said["words_sha256"], hashlib.sha256(words.encode()).hexdigest())
        # 3. The browser was asked for exactly this statement, on the page it was made for.
        _same("kind of answer", client["type"], "webauthn.get")
        _same("challenge", _bytes(client["challenge"]), challenge(said))
        _same("origin", client["origin"], said["origin"])
        _same("frame", client.get("crossOrigin", False), False)
        # 4. The authenticator answered for that host, to a person it had verified.
        host = urlsplit(said["origin"]).hostname or ""
        _same("relying party", data[:32], hashlib.sha256(host.encode()).digest())
        flags = data[32]
        _same("presence and verification", flags & (PRESENT | VERIFIED), PRESENT | VERIFIED)
        # 5. The key made the signature.
        _verify(public_jwk, signature, data + hashlib.sha256(client_bytes).digest())
    except SignatureRefused:
        raise
    except InvalidSignature:
        raise SignatureRefused("the passkey's signature does not verify") from None
    except (*UNREADABLE, JoseError) as error:
        raise SignatureRefused(f"the passkey's signature cannot be read: {error}") from None
    return Asserted(
        role=role,
        organization_id=said["organization"],
        person_id=said["person"],
        origin=said["origin"],
        words=words,
        language=said.get("language", SOURCE),
        user_verified=True,
        backup_eligible=bool(flags & BACKUP_ELIGIBLE),
        backed_up=bool(flags & BACKED_UP),
    )


def _same(name: str, found: object, expected: object) -> None:
    if found != expected:
        raise SignatureRefused(f"the {name} differs: this is not what the passkey signed")


def _bytes(text: str) -> bytes:
    if not _BASE64.fullmatch(text):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _verify(public_jwk: Mapping[str, Any], signature: bytes, signed: bytes) -> None:
    """Raise InvalidSignature, unless the key made the signature as WebAuthn has it."""
    kinds: dict[str, Any] = {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}
    key = kinds[public_jwk["kty"]].import_key(dict(public_jwk)).public_key
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, signed)
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    else:
        raise InvalidSignature
