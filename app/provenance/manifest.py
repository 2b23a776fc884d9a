"""What the C2PA manifest of an output says: how it was made, from whom, and under which decision.

Nothing private goes in: references and contracts appear as salted commitments, whose salts
(`Manifest.openings`) stay with the installation and open them one at a time.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

VERSION = "0.1.0"  # of what writes manifests; stands in every claim
ALGORITHM = "org.understudy.tile.1"
CONSENT_LABEL = "org.understudy.consent"
PAYLOAD_BYTES = 8
# Eight characters of text, where the signer's second pass puts the eight payload bytes: c2pa-python
# writes text where the specification asks for bytes.
PAYLOAD_PLACEHOLDER = "USPAYLD1"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MINING_USES = (
    "cawg.ai_inference",
    "cawg.ai_generative_training",
    "cawg.ai_training",
    "cawg.data_mining",
)


@dataclass(frozen=True)
class Reference:
    """One reference portrait that went into the output; only its hash is known here."""

    sha256: str
    format: str = "image/jpeg"


@dataclass(frozen=True)
class Manifest:
    """A manifest ready to sign, and what opens its commitments (private: keep, never publish)."""

    definition: dict[str, Any]
    payload: bytes
    generation_id: str
    openings: dict[str, list[dict[str, str]]]


def commitment(digest_hex: str, salt: bytes) -> str:
    """Commit to a SHA-256 digest without revealing it: sha256(salt || digest), in hex.

    Without the 16-byte salt nobody can test a guess; with it anybody can.
    """
    return hashlib.sha256(salt + bytes.fromhex(digest_hex)).hexdigest()


def manifest(
    *,
    generation_id: str,
    payload: bytes,
    media_type: str,
    references: Sequence[Reference],
    decision_receipt_sha256: str,
    contract_sha256s: Sequence[str],
    license_status_url: str,
    generator: str,
    generator_version: str,
) -> Manifest:
    """Describe one output that an AI system rendered from reference portraits.

    `payload` is the watermark's 8 bytes; digests are lower-case hex SHA-256. Claim v2.
    """
    if len(payload) != PAYLOAD_BYTES:
        raise ValueError(f"a watermark payload has {PAYLOAD_BYTES} bytes, this one {len(payload)}")
    openings = {
        "references": [_opening(reference.sha256) for reference in references],
        "contracts": [_opening(digest) for digest in contract_sha256s],
    }
    labels = [f"reference-{number}" for number in range(1, len(references) + 1)]
    commitments = [opening["commitment"] for opening in openings["references"]]
    consent = {
        "v": 1,
        "generation": generation_id,
        "decisionReceiptSha256": decision_receipt_sha256,
        "contracts": [opening["commitment"] for opening in openings["contracts"]],
        "references": [
            {"ingredient": label, "commitment": made}
            for label, made in zip(labels, commitments, strict=True)
        ],
        "licenseStatus": license_status_url,
    }
    generator_info = {"name": "Understudy", "version": VERSION, "specVersion": "2.4.0"}
    definition = {
        "claim_version": 2,
        "title": f"Understudy output {generation_id}",
        "format": media_type,
        "claim_generator_info": [generator_info],
        "ingredients": list(map(_ingredient, labels, references)),
        "assertions": [
            _actions(labels, generator, generator_version),
            _soft_binding(),
            _training_mining(),
            {"label": CONSENT_LABEL, "created": True, "data": consent},
        ],
    }
    return Manifest(definition, payload, generation_id, openings)


def _ingredient(label: str, reference: Reference) -> dict[str, Any]:
    return {
        "title": "Reference of a performer",
        "format": reference.format,
        "relationship": "inputTo",
        "label": label,
        "instance_id": label,
        "description": "Registered reference of a performer; not shown, committed to.",
    }


def _opening(digest_hex: str) -> dict[str, str]:
    salt = secrets.token_bytes(16)
    return {
        "sha256": digest_hex,
        "salt": salt.hex(),
        "commitment": commitment(digest_hex, salt),
    }


def _actions(labels: list[str], generator: str, generator_version: str) -> dict[str, Any]:
    created: dict[str, Any] = {
        "action": "c2pa.created",
        "digitalSourceType": SOURCE_TYPES + "trainedAlgorithmicMedia",
        "softwareAgent": {"name": generator, "version": generator_version},
    }
    if labels:
        created["parameters"] = {"ingredientIds": labels}
    marked = {
        "action": "c2pa.watermarked.bound",
        "softwareAgent": {"name": "Understudy watermark", "version": VERSION},
    }
    return {
        "label": "c2pa.actions.v2",
        "created": True,
        "data": {"actions": [created, marked], "allActionsIncluded": True},
    }


def _soft_binding() -> dict[str, Any]:
    return {
        "label": "c2pa.soft-binding",
        "created": True,
        "data": {
            "alg": ALGORITHM,
            "blocks": [{"scope": {}, "value": PAYLOAD_PLACEHOLDER}],
            "pad": "",
        },
    }


def _training_mining() -> dict[str, Any]:
    entries = {use: {"use": "notAllowed"} for use in MINING_USES}
    return {"label": "cawg.training-mining", "data": {"entries": entries}}
