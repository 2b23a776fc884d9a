"""Consent status in two signed forms that anybody checks offline: one contract's, and a list.

One contract's answer is a compact JWS over RFC 8785 JSON, good for a minute, in the manner of OCSP
(RFC 6960). A list is a W3C Bitstring Status List v1.0 credential, secured as a JWT (VC-JOSE-COSE).
Pure: no database, no clock; the key is the caller's.
"""

import base64
import gzip
import hashlib
import hmac
import io
import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from app.licensing.contracts.models_status import PLACES

STATUS_TYPE = "understudy-consent-status+jws"
LIST_TYPE = "vc+jwt"
STATUSES = ("good", "suspended", "withdrawn", "expired", "unknown")
PURPOSES = ("revocation", "suspension")
LIST_BITS = PLACES
LIFE = timedelta(seconds=60)
MAX_BYTES = 512 * 1024
Sign = Callable[[bytes], bytes]


class StatusInvalid(ValueError):
    """The text is no status of this key's, or it was altered; the message names the step."""


def salt_of(secret: str, document_sha256: str) -> str:
    """Return the salt of one document: shown, it opens no other document of the contract."""
    return hmac.new(secret.encode(), document_sha256.encode(), hashlib.sha256).hexdigest()


def commitment(salt: str, document_sha256: str) -> str:
    """Return what stands for a document in public: who has salt and document can check it."""
    return hashlib.sha256(f"{salt}.{document_sha256}".encode()).hexdigest()


def status_statement(
    contract_id: str,
    status: str,
    *,
    document_commitment: str | None,
    listed: Sequence[Mapping[str, str]],
    at: datetime,
    until: datetime,
) -> dict[str, Any]:
    """Return what is signed about one contract: no terms, no names, no reason.

    Without a commitment, where nobody can say which document stands.
    """
    return {
        "v": 1,
        "contract_id": contract_id,
        "commitment": document_commitment,
        "status": status,
        "this_update": _text(at),
        "next_update": _text(until),
        "status_lists": [dict(each) for each in listed],
    }


def list_entry(url: str, purpose: str, index: int) -> dict[str, str]:
    """Name a contract's place in a list, as the specification does in a credential's status."""
    return {
        "type": "BitstringStatusListEntry",
        "statusPurpose": purpose,
        "statusListIndex": str(index),
        "statusListCredential": url,
    }


def list_credential(
    url: str, issuer: str, purpose: str, indexes: Iterable[int], *, at: datetime
) -> dict[str, Any]:
    """Return a status list as a credential; `indexes` are those whose bit is set."""
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "id": url,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer,
        "validFrom": _text(at),
        "validUntil": _text(at + LIFE),
        "credentialSubject": {
            "id": f"{url}#list",
            "type": "BitstringStatusList",
            "statusPurpose": purpose,
            "ttl": int(LIFE.total_seconds() * 1000),
            "encodedList": encode_bits(indexes),
        },
    }


def encode_bits(indexes: Iterable[int]) -> str:
    """Return the bits as the specification has them: the first is the leftmost; GZIP; base64url."""
    bits = bytearray(LIST_BITS // 8)
    for index in indexes:
        bits[index // 8] |= 0x80 >> index % 8
    return "u" + _encode(gzip.compress(bytes(bits), mtime=0))


def bit(encoded: str, index: int) -> bool:
    """Return the bit of one index. Raises StatusInvalid where the list has none."""
    try:
        if not encoded.startswith("u"):
            raise StatusInvalid("the list is not multibase base64url")
        packed = base64.urlsafe_b64decode(encoded[1:] + "=" * (-len(encoded[1:]) % 4))
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            bits = file.read(LIST_BITS // 8 + 1)  # never more, whatever it says it holds
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise StatusInvalid(f"the list cannot be unpacked: {error}") from error
    if len(bits) != LIST_BITS // 8 or not 0 <= index < LIST_BITS:
        raise StatusInvalid(f"the list has {LIST_BITS} places, and none is {index}")
    return bool(bits[index // 8] & 0x80 >> index % 8)


def signed(said: Mapping[str, Any], sign: Sign, *, kind: str, key_id: str) -> str:
    """Return a compact JWS (ES256) over the canonical form; `sign` makes raw signatures."""
    header = rfc8785.dumps({"alg": "ES256", "kid": key_id, "typ": kind})
    text = f"{_encode(header)}.{_encode(rfc8785.dumps(dict(said)))}"
    return f"{text}.{_encode(sign(text.encode('ascii')))}"


def verified(text: str, public_key: ec.EllipticCurvePublicKey) -> tuple[str, dict[str, Any]]:
    """Return the kind and the content of a status or a list that this key signed.

    Raises StatusInvalid saying which of the four steps failed. Whether it is still fresh is
    another question: `fresh`.
    """
    # 1. It is short enough.
    if len(text) > MAX_BYTES:
        raise StatusInvalid(f"step 1, size: a status has at most {MAX_BYTES} bytes")
    try:
        # 2. The key signed it.
        pem = public_key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        opened = jws.deserialize_compact(text.strip(), ECKey.import_key(pem), algorithms=["ES256"])
        # 3. It is a status or a status list, and nothing else that this key may sign.
        kind = opened.headers().get("typ")
        if kind not in (STATUS_TYPE, LIST_TYPE):
            raise StatusInvalid("step 3, type: this key signed it, but it is no status")
        # 4. It says what a status says.
        said = json.loads(opened.payload)
        _check_fields(kind, said)
    except StatusInvalid:
        raise
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise StatusInvalid(f"step 2, signature: {error}") from error
    return kind, said


def fresh(kind: str, said: Mapping[str, Any], at: datetime) -> bool:
    """Whether it says something about this instant: it was made before, and has not run out."""
    names = ("this_update", "next_update") if kind == STATUS_TYPE else ("validFrom", "validUntil")
    begins, ends = (datetime.fromisoformat(said[name]) for name in names)
    return bool(begins <= at < ends)


def _check_fields(kind: str, said: Any) -> None:
    try:
        if kind == STATUS_TYPE:
            right = said["v"] == 1 and said["status"] in STATUSES and said["contract_id"]
            instants = (said["this_update"], said["next_update"])
        else:
            subject = said["credentialSubject"]
            right = subject["statusPurpose"] in PURPOSES and isinstance(subject["encodedList"], str)
            instants = (said["validFrom"], said["validUntil"])
        zoned = all(datetime.fromisoformat(each).tzinfo is not None for each in instants)
    except (KeyError, TypeError, ValueError) as error:
        raise StatusInvalid(f"step 4, content: {error!r}") from error
    if not (right and zoned):
        raise StatusInvalid("step 4, content: a field does not say what a status says")


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
