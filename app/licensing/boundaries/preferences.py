"""What a performer published of their boundaries, in three machine-readable forms.

A signed JSON statement (detached JWS over its RFC 8785 bytes, checked offline with the key of
`/v1/keys`), an RSL 1.0 document, and the entries of a CAWG training and data mining assertion
(version 1.1). None of them grants anything: a use takes a contract.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

import rfc8785
from cryptography.hazmat.primitives import serialization
from joserfc.jwk import ECKey, OKPKey
from sqlmodel import Session

from app import keys
from app.config import settings
from app.licensing.boundaries import service as boundaries
from app.licensing.boundaries.models import Boundaries
from app.licensing.document import territories
from app.licensing.document.limits import Level, Limits, level_at, level_for
from app.licensing.errors import PreferencesNotFound

TYPE = "understudy-preferences+jws"
RSL_NAMESPACE = "https://rslstandard.org/rsl"
# What strangers check offline; a purpose that signs something public belongs here.
PUBLIC_PURPOSES = ("receipt", "preferences", "status")
CAWG_USES: Mapping[Level, str] = {
    "never": "notAllowed",
    "ask": "constrained",
    "allowed": "allowed",
}


def published(session: Session, performer_id: str) -> Boundaries:
    """Return the boundaries a performer shows to everybody.

    Raises PreferencesNotFound alike for unknown performers and those who publish nothing.
    """
    found = boundaries.current(session, performer_id)
    if found is None or not found.published:
        raise PreferencesNotFound(f"no preferences are published under {performer_id[:64]}")
    return found


def statement(found: Boundaries) -> dict[str, Any]:
    """Say what is published, in the words of the performer and in those of CAWG."""
    limits = boundaries.limits_of(found)
    return {
        "v": 1,
        "performer_id": found.performer_id,
        "version": found.number,
        "set_at": found.set_at.isoformat().replace("+00:00", "Z"),
        "limits": found.limits,
        "cawg.training-mining": training_mining(limits, found.performer_id),
    }


def signed(said: Mapping[str, Any], sign: Callable[[bytes], bytes], *, key_id: str) -> str:
    """Return a detached JWS (ES256) over the statement's canonical form."""
    header = rfc8785.dumps({"alg": "ES256", "kid": key_id, "typ": TYPE})
    head, body = _encode(header), _encode(rfc8785.dumps(dict(said)))
    return f"{head}..{_encode(sign(f'{head}.{body}'.encode('ascii')))}"


def training_mining(limits: Limits, performer_id: str) -> dict[str, Any]:
    """Return the entries of a `cawg.training-mining` assertion for media of this performer.

    Training is what the performer says of it. Mining is at most constrained, since they were not
    asked about it; inference too, since every generation takes a contract.
    """
    generation, _ = level_for(limits, "*")
    levels: dict[str, Level] = {
        "cawg.ai_generative_training": limits.training,
        "cawg.ai_inference": "never" if generation == "never" else "ask",
        "cawg.ai_training": limits.training,
        "cawg.data_mining": "never" if limits.training == "never" else "ask",
    }
    where = f"By contract only, ask at {settings().public_url}/v1/performers/{performer_id}"
    entries: dict[str, dict[str, str]] = {}
    for name, level in levels.items():
        entries[name] = {"use": CAWG_USES[level]}
        if level == "ask":
            entries[name]["constraint_info"] = where
    return {"entries": entries}


def rsl(limits: Limits, performer_id: str) -> bytes:
    """Return an RSL 1.0 document about what this installation shows of the performer.

    RSL has no word for "ask me", so that is prohibited like never: a contract lifts it. Places
    are countries; what a limit says of a part of one is in the JSON only.
    """
    root = ET.Element("rsl", xmlns=RSL_NAMESPACE)
    url = f"{settings().public_url}/v1/performers/{performer_id}"
    license_ = ET.SubElement(ET.SubElement(root, "content", url=url), "license")
    may_train = limits.training == "allowed"
    if may_train:
        ET.SubElement(license_, "permits", type="usage").text = "ai-train"
    prohibited = ["ai-input"] if may_train else ["ai-train", "ai-input"]
    ET.SubElement(license_, "prohibits", type="usage").text = " ".join(prohibited)
    nowhere = [code for code in territories.countries() if level_at(limits, code)[0] == "never"]
    if nowhere:
        ET.SubElement(license_, "prohibits", type="geo").text = " ".join(nowhere)
    return (
        b'<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode").encode()
    )


def published_keys() -> list[dict[str, Any]]:
    """Return the public keys that strangers check statements with, as JWKs (RFC 7517).

    `kid` is the key's thumbprint (RFC 7638), `purpose` what it signs and nothing else.
    """
    return [{**_jwk(purpose), "purpose": purpose} for purpose in PUBLIC_PURPOSES]


def key_id(purpose: str) -> str:
    """Return the id under which a purpose's public key is published."""
    return str(_jwk(purpose)["kid"])


def _jwk(purpose: str) -> dict[str, Any]:
    pem = keys.public_key(purpose).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = ECKey.import_key(pem) if keys.SIGNING[purpose] == "P-256" else OKPKey.import_key(pem)
    algorithm = "ES256" if isinstance(key, ECKey) else "Ed25519"
    public = key.as_dict(private=False)
    return {**public, "kid": key.thumbprint(), "use": "sig", "alg": algorithm}


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
