"""The signed heart of a bundle: was the output licensed, is it now, and of which members.

A compact JWS (ES256) by the key whose purpose is `status`, over RFC 8785 JSON, as consent statuses
are. It names no contract: two outputs under one contract cannot be linked by it.
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Literal

import rfc8785
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from app.audit.bundle.container import INDEX, LICENSE
from app.audit.bundle.errors import BundleRefused

TYPE = "understudy-license-state+jws"
Word = Literal["licensed", "not-licensed", "not-released", "not-on-record"]
Sha256 = Field(pattern=r"^[0-9a-f]{64}$")


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LicenseState(_Said):
    """Licensed or not: two words, and never why."""

    when_made: Word
    now: Word


class SignerState(_Said):
    """Whether the certificate that signed the file was revoked or replaced since, and from when."""

    serial: str = Field(pattern=r"^[0-9]{1,60}$")
    revoked_at: AwareDatetime | None
    reason: str = Field(max_length=40)


class Statement(_Said):
    """What is signed."""

    v: Literal[1]
    generation_id: str = Field(pattern=r"^gen_[0-9A-Z]{26}$")
    manifest: str = Field(max_length=100)
    manifest_sha256: str = Sha256
    file_sha256: str = Sha256
    audience: Literal["party", "performer", "stranger"]
    as_of: AwareDatetime
    license: LicenseState
    signer: SignerState
    members_sha256: str = Sha256


def members_digest(sha256s: Mapping[str, str]) -> str:
    """Return the digest over all members but the token itself and the index, which names it."""
    named = {name: digest for name, digest in sha256s.items() if name not in {INDEX, LICENSE}}
    return sha256(rfc8785.dumps(named)).hexdigest()


def sign(said: Statement, by: Callable[[bytes], bytes], *, key_id: str) -> str:
    """Return the token; `by` makes a raw ES256 signature."""
    return compact(rfc8785.dumps(said.model_dump(mode="json")), by, key_id=key_id, typ=TYPE)


def compact(payload: bytes, by: Callable[[bytes], bytes], *, key_id: str, typ: str) -> str:
    """Return a compact JWS over a payload; `typ` says what it is, so it passes for no other."""
    header = rfc8785.dumps({"alg": "ES256", "kid": key_id, "typ": typ})
    text = f"{_encode(header)}.{_encode(payload)}"
    return f"{text}.{_encode(by(text.encode('ascii')))}"


def verified(text: bytes, public_keys: list[ec.EllipticCurvePublicKey]) -> Statement:
    """Return what one of these keys signed. Raises BundleRefused."""
    if text != b".".join(map(_spelled, text.split(b"."))):
        raise BundleRefused("license-unsound", "the license state is not in its one form", LICENSE)
    refusal = "there is no key to check with"
    for public_key in public_keys:
        pem = public_key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        try:
            opened = jws.deserialize_compact(text, ECKey.import_key(pem), algorithms=["ES256"])
            said = Statement.model_validate(json.loads(opened.payload))
        except (JoseError, ValidationError, ValueError, TypeError, RecursionError) as error:
            refusal = str(error).partition("\n")[0]
            continue
        if opened.headers().get("typ") != TYPE:
            raise BundleRefused("license-unsound", "the key signed it as something else", LICENSE)
        return said
    raise BundleRefused("license-unsound", f"the license state is not signed: {refusal}", LICENSE)


def text_of(instant: datetime) -> str:
    """Spell an instant as JSON here does."""
    return instant.isoformat().replace("+00:00", "Z")


def _spelled(part: bytes) -> bytes:
    """Spell base64url as it is written here: some of its last bits mean nothing."""
    try:
        raw = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except ValueError:
        return b""
    return _encode(raw).encode("ascii")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
