"""The grant that one side signs, so that a named verifier is shown more under one contract.

Signed as it is sent, in its RFC 8785 form: nothing is filled in. Pure.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import rfc8785
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey
from pydantic import AwareDatetime, Field, ValidationInfo, model_validator

from app.licensing.document.contract import DocumentRefused, Problem, read
from app.licensing.document.disclosure import CREDIT, TERMS, USE
from app.licensing.document.parts import Name, OneOf, Part, refuse


class Verifier(Part):
    """Who is shown more: an organization registered here, or whoever holds a public key."""

    role: Annotated[str, OneOf("broadcaster", "union", "court", "other")]
    organization: Name | None = None
    jwk: dict[str, Any] | None = Field(
        default=None, description="A public key, P-256 or Ed25519 (RFC 7517)."
    )

    @model_validator(mode="after")
    def _is_one(self, _info: ValidationInfo) -> Self:
        if (self.organization is None) == (self.jwk is None):
            raise refuse("organization", "name an organization's id or a public key, one of both")
        if self.jwk is not None:
            try:
                thumbprint(self.jwk)
            except ValueError as error:
                raise refuse("jwk", str(error)) from error
        return self

    @property
    def name(self) -> str:
        """The name under which a viewer is this verifier: the id, or the key's thumbprint."""
        return self.organization or thumbprint(self.jwk or {})


class GrantDocument(Part):
    """One side's word that a verifier may see so much of what is made under a contract."""

    v: Literal[1]
    contract: Name
    side: Annotated[str, OneOf("performer", "licensee")]
    verifier: Verifier
    level: Annotated[str, OneOf(CREDIT, USE, TERMS)]
    until: AwareDatetime


def parse(document: Mapping[str, Any]) -> tuple[GrantDocument, bytes]:
    """Read a grant; return it with the bytes that are signed.

    Raises DocumentRefused with a pointer to every field that is wrong.
    """
    said = read(GrantDocument, document)
    try:
        return said, bytes(rfc8785.dumps(dict(document)))
    except (ValueError, TypeError, RecursionError) as error:
        raise DocumentRefused([Problem("", f"it has no canonical JSON: {error}")]) from error


def digest(document: bytes) -> str:
    """Return the SHA-256 of a grant's canonical form, in hex."""
    return hashlib.sha256(document).hexdigest()


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the RFC 7638 thumbprint of a public key. Raises ValueError for what is none."""
    kinds: dict[Any, type[ECKey] | type[OKPKey]] = {"P-256": ECKey, "Ed25519": OKPKey}
    if "d" in jwk:
        raise ValueError("this key has its private half in it; send the public one")
    if jwk.get("crv") not in kinds:
        raise ValueError("a verifier's key is P-256 or Ed25519")
    try:
        return str(kinds[jwk["crv"]].import_key(dict(jwk)).thumbprint())
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"the JWK cannot be read ({error}); check its members") from error
