"""A signature in ink before a witness: who has no device that can sign, signs on paper.

The paper is the contract as a PDF, which bears the document's SHA-256 on every page; it is attached
beside the contract, and nobody here opens it. What is checked is the witness: an organization that
is no party and not the performer's agent signs, with a registered key, a statement that they saw
the signature under that hash. It counts for less than a device, and a contract may refuse it. Pure.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.licensing.errors import SignatureRefused

WITNESS = "witness"
_FIRST = '{"jws":'  # canonical JSON has its members in order; a passkey's begins with another


class Statement(BaseModel):
    """What a witness signs."""

    model_config = ConfigDict(extra="forbid")

    v: Literal[1]
    type: Literal["understudy-ink-signature"]
    contract_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    paper_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    role: str = Field(max_length=40)
    organization: str = Field(max_length=64)
    signer: str = Field(min_length=1, max_length=200)
    signed_on: date


def is_ink(text: str) -> bool:
    """Say whether a kept signature is one in ink."""
    return text.startswith(_FIRST)


def pack(said: Mapping[str, Any], jws: str) -> str:
    """Put a witness's statement and its JWS into the text that is kept. Raises SignatureRefused."""
    read(said)
    return rfc8785.dumps({"v": 1, "type": "ink", "statement": dict(said), "jws": jws}).decode()


def unpack(text: str) -> tuple[Statement, bytes, str]:
    """Return the statement, the bytes that the witness signed, and the JWS. As `pack`."""
    try:
        kept = json.loads(text)
        said, jws = kept["statement"], str(kept["jws"])
        return read(said), bytes(rfc8785.dumps(said)), jws
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SignatureRefused(f"the signature in ink cannot be read: {error}") from None


def read(said: Mapping[str, Any]) -> Statement:
    """Read a witness's statement. Raises SignatureRefused."""
    try:
        return Statement.model_validate_json(json.dumps(dict(said)))
    except (ValidationError, ValueError, TypeError, RecursionError) as error:
        raise SignatureRefused(f"this is no witness's statement: {error}") from None


def insist(document: bytes, said: Statement, *, role: str) -> None:
    """Insist that a statement is about this document and this role. Raises SignatureRefused."""
    if said.contract_sha256 != hashlib.sha256(document).hexdigest():
        raise SignatureRefused("the witness saw a signature under another document's hash")
    if said.role != role:
        raise SignatureRefused(f"the witness saw a signature as {said.role}, not as {role}")
