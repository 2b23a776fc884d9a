"""A standing offer: terms a performer signs in advance, for whoever fits the description. Pure.

The performer signs the canonical form (RFC 8785) of the offer, as they would a contract. A contract
made from it is its terms, word for word, with the licensee filled in and the offer's SHA-256
beside it; the licensee signs that. `holds` checks the two documents and both signatures with
nothing but two public keys.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import rfc8785
from pydantic import AwareDatetime, Field, ValidationInfo, model_validator

from app.identity.models import ORGANIZATION_KINDS
from app.licensing.contracts import assertions, signatories
from app.licensing.contracts.signatures import check_detached, key_id_of
from app.licensing.document import contract as contracts
from app.licensing.document import local_days
from app.licensing.document.contract import Contract, Terms, read
from app.licensing.document.parts import Name, Names, OneOf, Part, offered, refuse
from app.licensing.errors import SignatureRefused

Kinds = Annotated[tuple[Annotated[Name, OneOf(*ORGANIZATION_KINDS)], ...], Field(max_length=10)]


class Licensees(Part):
    """Who may accept: every organization of these kinds, or the ones listed by id."""

    kinds: Kinds = ()
    listed: Names = ()

    @model_validator(mode="after")
    def _says_one_of_two(self, info: ValidationInfo) -> Self:
        if offered(info) and bool(self.kinds) == bool(self.listed):
            raise refuse("kinds", "say who may accept: either kinds of organizations, or a list")
        return self


class Caps(Part):
    """How often it may be accepted, and the most that all its contracts together may cost.

    What they cost is what licensees were charged, less what they were given back, and what is held
    for uses under way, in minor units of the currency of the compensation.
    """

    executions: Annotated[int, Field(ge=1, le=10**6)]
    fees_minor: Annotated[int, Field(ge=1, le=10**15)]


class StandingOffer(Part):
    """One standing offer, version 1 of the format: terms, for whom, how far, until when."""

    v: Literal[1]
    type: Literal["standing-offer"]
    terms: Terms
    licensees: Licensees
    caps: Caps
    closes_at: AwareDatetime

    @model_validator(mode="after")
    def _can_be_accepted_by_several(self, info: ValidationInfo) -> Self:
        if not offered(info):
            return self
        if self.terms.compensation is None:
            raise refuse("terms/compensation", "say what a use pays: nobody is there to ask")
        if self.terms.exclusivity is not None and self.caps.executions > 1:
            raise refuse("terms/exclusivity", "what several may accept is exclusive to nobody")
        if local_days.micros(self.closes_at) > self.terms.grant.term.ends_at:
            raise refuse("closes_at", "it closes after its own term has ended; close it before")
        return self


def parse(document: bytes | str | Mapping[str, Any], *, recorded: bool = False) -> StandingOffer:
    """Read a standing offer before it is signed, or (recorded) as it is stored.

    Raises DocumentRefused with a pointer to every field that is wrong.
    """
    return read(StandingOffer, document, recorded=recorded)


def canonical(offer: StandingOffer) -> bytes:
    """Return the RFC 8785 bytes that the performer signs: the fields as given."""
    return rfc8785.dumps(offer.model_dump(mode="json", exclude_unset=True))


def contract_from(offer: bytes, licensee: str) -> bytes:
    """Return the canonical contract that this licensee signs to accept a canonical offer."""
    terms = json.loads(offer)["terms"]
    return rfc8785.dumps({**terms, "licensee": licensee, "standing_offer": sha256(offer)})


def as_contract(document: bytes) -> Contract:
    """Read a contract made from an offer."""
    return contracts.recorded(document)


def found_by(offer: StandingOffer) -> str:
    """Return the words that a search finds an offer by, each between two spaces."""
    grant = offer.terms.grant
    said = [
        *(f"for:{each}" for each in grant.purposes),
        *(f"on:{each}" for each in grant.media),
        *(f"in:{each}" for each in grant.territories.include),
        *(f"not-in:{each}" for each in grant.territories.exclude),
        *(f"speaks:{each}" for each in grant.languages),
    ]
    return " ".join(("", *said, ""))


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document, as published at `/v1/schemas/standing-offer`."""
    return contracts.schema_of(StandingOffer)


def admits(offer: StandingOffer, *, licensee: str, kind: str) -> bool:
    """Say whether an organization is one of those the offer is made to."""
    return licensee in offer.licensees.listed or kind in offer.licensees.kinds


def is_of(contract: bytes, offer: bytes) -> bool:
    """Say whether a contract is exactly this offer's terms with some licensee it may have.

    What kind of organization a licensee is stands in no document: `admits` asks that besides.
    """
    said = json.loads(contract)
    licensee, listed = said.get("licensee"), json.loads(offer)["licensees"].get("listed") or ()
    if not isinstance(licensee, str) or contract != contract_from(offer, licensee):
        return False
    return not listed or licensee in listed


def holds(
    contract: bytes,
    offer: bytes,
    signatures: Mapping[str, str],
    public_jwks: Mapping[str, Mapping[str, Any]],
) -> bool:
    """Check a contract made from a standing offer, offline: documents, signatures, public keys.

    `signatures` and `public_jwks` are by role: one of `signatories.IN_ADVANCE` over the offer, the
    licensee's over the contract; each a JWS, or what a passkey asserted. A licensee's passkey
    signed for the licensee; for whom the other did, stands in its statement and in no document
    here. Whether a guardian's or an estate's role was theirs stands in the mandate.
    """
    in_advance = [role for role in signatures if role in signatories.IN_ADVANCE]
    if len(in_advance) != 1:
        return False
    try:
        for role, document in ((in_advance[0], offer), ("licensee", contract)):
            text, jwk = signatures[role], public_jwks[role]
            if assertions.is_assertion(text):
                asserted = assertions.check(document, text, jwk, role=role)
                if role == "licensee" and asserted.organization_id != json.loads(contract)[role]:
                    return False
            else:
                check_detached(document, text, jwk, key_id=key_id_of(text), role=role)
    except (SignatureRefused, KeyError):
        return False
    return is_of(contract, offer)


def sha256(document: bytes) -> str:
    """Return the digest by which a canonical document is named, in hex."""
    return hashlib.sha256(document).hexdigest()
