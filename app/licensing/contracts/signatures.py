"""A party's signature over a contract: a detached JWS, a passkey's assertion, or ink and a witness.

A JWS is made by a system; its header says in which role it signs. What a person's passkey asserts
is checked in `assertions.py`, what a witness saw in `ink.py`.
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey

from app.licensing.contracts import assertions, ink
from app.licensing.errors import SignatureRefused

ALGORITHMS = ("ES256", "EdDSA", "Ed25519")
# "role" is a header of ours; RFC 7515 lets private names stand beside the registered ones.
_REGISTRY = jws.JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
PartyKey = ECKey | OKPKey
CONTRACT_BYTES = (
    "this contract's canonical bytes; sign the bytes of GET /v1/contracts/{id}/document"
)


def sign_detached(document: bytes, key: PartyKey, *, key_id: str, role: str) -> str:
    """Sign canonical contract bytes on the party's own device; `key` never reaches the server."""
    algorithm = "ES256" if isinstance(key, ECKey) else "Ed25519"
    header = {"alg": algorithm, "kid": key_id, "role": role}
    whole = jws.serialize_compact(header, document, key, registry=_REGISTRY)
    head, _, signature = whole.split(".")
    return f"{head}..{signature}"


def check_signature(
    document: bytes,
    text: str,
    public_jwk: Mapping[str, Any],
    *,
    key_id: str,
    organization_id: str,
    role: str,
) -> None:
    """Verify a kept signature of any kind over the canonical bytes.

    A JWS names the key, which is an organization's; an assertion names the organization itself; of
    ink the key is the witness's.
    Raises SignatureRefused.
    """
    if assertions.is_assertion(text):
        asserted = assertions.check(document, text, public_jwk, role=role)
        if asserted.organization_id != organization_id:
            raise SignatureRefused("the passkey signed for another organization")
    elif ink.is_ink(text):
        said, signed, jws = ink.unpack(text)
        ink.insist(document, said, role=role)
        check_detached(
            signed, jws, public_jwk, key_id=key_id, role=ink.WITNESS, of="the witness's statement"
        )
    else:
        check_detached(document, text, public_jwk, key_id=key_id, role=role)


def check_detached(
    document: bytes,
    text: str,
    public_jwk: Mapping[str, Any],
    *,
    key_id: str,
    role: str,
    of: str = CONTRACT_BYTES,
) -> None:
    """Verify a detached JWS over the canonical bytes, its key id and its role.

    Raises SignatureRefused naming what differs. The role is part of what is signed, so that a
    signature given as one party cannot be passed off as another's.
    """
    parts = text.split(".")
    if len(parts) != 3 or parts[1]:
        raise SignatureRefused("send a detached JWS: header, two dots, signature (RFC 7515, F)")
    payload = base64.urlsafe_b64encode(document).rstrip(b"=").decode()
    try:
        key = _public(public_jwk)
        found = jws.deserialize_compact(f"{parts[0]}.{payload}.{parts[2]}", key, registry=_REGISTRY)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise SignatureRefused(
            f"the signature does not verify over {of} with the registered key"
        ) from error
    header = found.headers()
    for name, expected in (("kid", key_id), ("role", role)):
        if header.get(name) != expected:
            raise SignatureRefused(
                f"the JWS header says {name}={header.get(name)!r}, expected {expected!r}"
            )


def algorithm_of(text: str) -> str:
    """Return the algorithm a signature that was checked once says it was made with."""
    if assertions.is_assertion(text):
        return "passkey (WebAuthn)"
    if ink.is_ink(text):
        return "ink, before a witness"
    return str(_header(text)["alg"])


def role_of(text: str) -> str:
    """Return in which role a signature that was checked once says it was given."""
    if assertions.is_assertion(text):
        return str(json.loads(text)["statement"]["role"])
    return str(_header(text)["role"])


def _header(text: str) -> dict[str, Any]:
    head = text.split(".", maxsplit=1)[0]
    return dict(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))))


def key_id_of(text: str) -> str:
    """Return which key a detached JWS says it was made with. Raises SignatureRefused."""
    try:
        key_id = str(_header(text)["kid"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SignatureRefused("the JWS header is unreadable or names no key (kid)") from error
    if not _KEY_ID.fullmatch(key_id):  # base64 hides what no other text of a request may hold
        raise SignatureRefused("the JWS names a key (kid) that is none of ours: `sig_…`")
    return key_id


def _public(public_jwk: Mapping[str, Any]) -> PartyKey:
    jwk = dict(public_jwk)
    return ECKey.import_key(jwk) if jwk["kty"] == "EC" else OKPKey.import_key(jwk)
