"""Decision receipts: a signed statement that a decision was made, and on which facts, verifiable
offline, which says nothing of the facts themselves to whoever was not shown them.

Each fact enters as a SHA-256 over its name, its value and 128 random bits, in the manner of
SD-JWT (RFC 9901): who holds a fact's disclosure can show that it was relied on, and nobody else
can guess it. The statement is RFC 8785 JSON, signed as a compact JWS (RFC 7515) with ES256.
"""

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

import rfc8785
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from pydantic_core import to_json

from app.licensing.deciding.decide import Decision

TYPE = "understudy-decision-receipt+jws"
SALT_BYTES = 16
MAX_BYTES = 256 * 1024
_DIGEST = re.compile(r"^[0-9a-f]{64}$")
_FIELDS = {
    "v": int,
    "generation_id": str,
    "at": str,
    "outcome": str,
    "codes": list,
    "obligations": list,
    "policy_sha256": str,
    "fact_sha256": list,
}


class ReceiptInvalid(ValueError):
    """The receipt is not one, or was not signed by this key, or was altered."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One fact with its salt: keep it with the decision's record, show it to whom it concerns."""

    salt: str
    name: str
    value: Any

    @property
    def sha256(self) -> str:
        """The digest under which the fact stands in the receipt."""
        return sha256(_triple(self.salt, self.name, self.value)).hexdigest()


def state(
    decision: Decision, *, generation_id: str, at: datetime
) -> tuple[dict[str, Any], list[bytes]]:
    """Return the statement to sign, and the disclosures to keep: one per fact, freshly salted.

    Each disclosure is the JSON of [salt, name, value]: the very bytes of its digest. `at` is the
    instant the decision read. `generation_id` may be any id the decision is known by.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at} has no UTC offset; an instant needs one")
    salts = secrets.token_hex(SALT_BYTES * len(decision.facts)).encode()
    digits = 2 * SALT_BYTES
    disclosures = [
        b'["%b"%b'
        % (
            salts[digits * number : digits * (number + 1)],
            _spelled(name, value),
        )
        for number, (name, value) in enumerate(decision.facts.items())
    ]
    statement = {
        "v": 1,
        "generation_id": generation_id,
        "at": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "outcome": decision.outcome,
        "codes": list(decision.codes),
        "obligations": sorted({*decision.standing_obligations, *decision.obligations}),
        "policy_sha256": decision.policy_digest,
        "fact_sha256": sorted([sha256(disclosure).hexdigest() for disclosure in disclosures]),
    }
    return statement, disclosures


def receipt_hash(statement: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the statement's canonical form: what a manifest's assertion names."""
    return sha256(_canonical(statement)).hexdigest()


def sign_receipt(
    statement: Mapping[str, Any], sign: Callable[[bytes], bytes], *, key_id: str | None = None
) -> str:
    """Return the statement as a compact JWS. `sign` makes a raw ES256 signature (r || s)."""
    header = {"alg": "ES256", "typ": TYPE} | ({} if key_id is None else {"kid": key_id})
    signed = f"{_encode(_canonical(header))}.{_encode(_canonical(statement))}"
    signature = sign(signed.encode("ascii"))
    if len(signature) != 64:
        raise ValueError(f"an ES256 signature has 64 bytes (r || s), not {len(signature)}")
    return f"{signed}.{_encode(signature)}"


def verify_receipt(receipt: str | bytes, public_key: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    """Return the statement of a receipt that this key signed, without asking anybody.

    Raises ReceiptInvalid saying which of the four steps failed.
    """
    # 1. It is short enough, and text.
    if len(receipt) > MAX_BYTES:
        raise ReceiptInvalid(f"a receipt has at most {MAX_BYTES} bytes")
    try:
        text = receipt.decode("ascii") if isinstance(receipt, bytes) else receipt
        token = text.strip()
        # 2. The key signed it, with the one algorithm receipts use.
        key = ECKey.import_key(
            public_key.public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        opened = jws.deserialize_compact(token, key, algorithms=["ES256"])
        # 3. It is a receipt and not something else this key signs.
        if opened.headers().get("typ") != TYPE:
            raise ReceiptInvalid("this key signed it, but it is not a decision receipt")
        # 4. It says what a receipt says, in the one canonical spelling.
        statement = json.loads(opened.payload)
        if not isinstance(statement, dict) or rfc8785.dumps(statement) != opened.payload:
            raise ReceiptInvalid("the statement is not in canonical form")
    except (JoseError, UnicodeError, RecursionError, TypeError, KeyError) as error:
        raise ReceiptInvalid(f"the receipt does not verify: {error}") from error
    except ValueError as error:
        if isinstance(error, ReceiptInvalid):
            raise
        raise ReceiptInvalid(f"the receipt cannot be read: {error}") from error
    _check_fields(statement)
    return statement


def verify_by_any(
    receipt: bytes, public_keys: Iterable[ec.EllipticCurvePublicKey]
) -> dict[str, Any]:
    """Return the statement of a receipt that one of these keys signed, as while one replaces
    another. Raises ReceiptInvalid with what the last of them said.
    """
    refused = ReceiptInvalid("there is no key to check with")
    for public_key in public_keys:
        try:
            return verify_receipt(receipt, public_key)
        except ReceiptInvalid as refusal:
            refused = refusal
    raise refused


def read_disclosures(content: bytes) -> list[Disclosure]:
    """Read disclosures as a party hands them on: a JSON list of [salt, name, value].

    Raises ReceiptInvalid.
    """
    try:
        said = json.loads(content)
        listed = [Disclosure(salt, name, value) for salt, name, value in said]
        texts = [text for each in listed for text in (each.salt, each.name)]
    except (ValueError, TypeError, RecursionError) as error:
        raise ReceiptInvalid(f"the disclosures cannot be read: {error}") from error
    if not isinstance(said, list) or not all(isinstance(text, str) for text in texts):
        raise ReceiptInvalid("a disclosure is a list of salt, name and value")
    return listed


def discloses(statement: Mapping[str, Any], disclosure: Disclosure) -> bool:
    """Whether the decision relied on exactly this fact."""
    return disclosure.sha256 in statement["fact_sha256"]


def _check_fields(statement: dict[str, Any]) -> None:
    if statement.get("v") != 1:
        raise ReceiptInvalid("this receipt has a format version that is not known here")
    wrong = [
        name
        for name, kind in _FIELDS.items()
        if not isinstance(statement.get(name), kind) or isinstance(statement[name], bool)
    ]
    if wrong or statement.keys() != _FIELDS.keys():
        raise ReceiptInvalid(f"the statement's fields are not a receipt's: {wrong}")
    digests = [statement["policy_sha256"], *statement["fact_sha256"]]
    if not all(isinstance(digest, str) and _DIGEST.match(digest) for digest in digests):
        raise ReceiptInvalid("a digest in the statement is not a SHA-256")


def _triple(salt: str, name: str, value: Any) -> bytes:
    """Write a fact as RFC 8785 would: this writer does, for what a fact is made of."""
    return to_json((salt, name, value))


def _after_salt(name: str, value: Any) -> bytes:
    """Write what follows the salt of a fact, as `_triple` does."""
    return b"," + to_json((name, _storable(value)))[1:]


# Most facts are the same from one decision to the next; the salt never is.
_often_stated = lru_cache(maxsize=16384, typed=True)(_after_salt)
_often_listed = lru_cache(maxsize=16384)(_after_salt)  # texts, which equal nothing but themselves


def _spelled(name: str, value: Any) -> bytes:
    if isinstance(value, int | str):
        return _often_stated(name, value)
    if type(value) is list and all(type(each) is str for each in value):
        return _often_listed(name, tuple(value))
    return _after_salt(name, value)


def _canonical(statement: Mapping[str, Any]) -> bytes:
    """Write a flat statement of ours as RFC 8785 would; its names are ASCII."""
    return to_json({name: statement[name] for name in sorted(statement)})


def _storable(value: Any) -> Any:
    """Return a fact as canonical JSON can hold it: integers beyond 2**53 as text."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53 - 1:
        return str(value)
    return value


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
