"""What the C2PA manifest of an output says: how it was made, from whom, and under which decision.

Nothing private goes in: references and contracts appear as salted commitments, whose salts
(`Manifest.openings`) stay with the installation and open them one at a time.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VERSION = "0.1.0"  # of what writes manifests; stands in every claim
ALGORITHM = "org.understudy.tile.1"
CONSENT_LABEL = "org.understudy.consent"
PAYLOAD_BYTES = 8
# Eight characters of text, where the signer's second pass puts the eight payload bytes: c2pa-python
# writes text where the specification asks for bytes.
PAYLOAD_PLACEHOLDER = "USPAYLD1"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
NAMESPACES = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
}
FOOTAGE, PARENT, RENDERING = "footage", "parent", "rendering"  # what actions call these ingredients
MINING_USES = (
    "cawg.ai_inference",
    "cawg.ai_generative_training",
    "cawg.ai_training",
    "cawg.data_mining",
)


@dataclass(frozen=True)
class Reference:
    """One reference portrait that went into the output; only its hash is known here.

    `material`, where it is no portrait, names what it was: a production supplied it for the scene.
    """

    sha256: str
    format: str = "image/jpeg"
    material: str = ""


@dataclass(frozen=True)
class Source:
    """A file that went into the output, whose own credentials, where it has any, go in with it."""

    path: Path
    media_type: str


@dataclass(frozen=True)
class Manifest:
    """A manifest ready to sign, and what opens its commitments (private: keep, never publish).

    `sources` are read while signing: each with what the manifest says of it.
    """

    definition: dict[str, Any]
    payload: bytes
    generation_id: str
    openings: dict[str, list[dict[str, str]]]
    sources: tuple[tuple[dict[str, Any], Source], ...] = ()


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
    footage: Source | None = None,
    rendering: Source | None = None,
    parent: Source | None = None,
    derived_from: tuple[str, str] | None = None,
    draft: bool = False,
) -> Manifest:
    """Describe one output that an AI system rendered from reference portraits.

    `payload` is the watermark's 8 bytes; digests are lower-case hex SHA-256. `footage` is what was
    altered, where something was: the output's parent. `rendering` is what the generator handed
    over, where that carries credentials of its own. `parent` is an output of ours that this one
    derives from: a take, what was remixed, extended or edited; `derived_from` is its generation,
    and how. A `draft` says so. Claim v2.
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
        **({"draft": True} if draft else {}),
        **(
            {"derivedFrom": dict(zip(("generation", "relation"), derived_from, strict=True))}
            if derived_from is not None
            else {}
        ),
    }
    generator_info = {"name": "Understudy", "version": VERSION, "specVersion": "2.4.0"}
    sources = _sources(footage, rendering, parent)
    inputs = labels + [said["label"] for said, _ in sources if said["relationship"] == "inputTo"]
    agent = {"name": generator, "version": generator_version}
    definition = {
        "claim_version": 2,
        "title": f"Understudy {'draft' if draft else 'output'} {generation_id}",
        "format": media_type,
        "claim_generator_info": [generator_info],
        "ingredients": list(map(_ingredient, labels, references)),
        "assertions": [
            _actions(inputs, agent, _opened(footage, parent), altered=footage is not None),
            _soft_binding(),
            _training_mining(),
            _metadata(generation_id, license_status_url, altered=footage is not None),
            {"label": CONSENT_LABEL, "created": True, "data": consent},
        ],
    }
    return Manifest(definition, payload, generation_id, openings, sources)


def _ingredient(label: str, reference: Reference) -> dict[str, Any]:
    portrait = "Registered reference of a performer; not shown, committed to."
    supplied = "What a production supplied for the scene; not shown, committed to."
    return {
        "title": reference.material or "Reference of a performer",
        "format": reference.format,
        "relationship": "inputTo",
        "label": label,
        "instance_id": label,
        "description": supplied if reference.material else portrait,
    }


def _opening(digest_hex: str) -> dict[str, str]:
    salt = secrets.token_bytes(16)
    return {
        "sha256": digest_hex,
        "salt": salt.hex(),
        "commitment": commitment(digest_hex, salt),
    }


def _opened(footage: Source | None, parent: Source | None) -> str:
    """Name the one ingredient that this output is an edited version of, or nothing."""
    if footage is not None:
        return FOOTAGE
    return PARENT if parent is not None else ""


def _sources(
    footage: Source | None, rendering: Source | None, parent: Source | None
) -> tuple[tuple[dict[str, Any], Source], ...]:
    """What the manifest says of each file that is read into it."""
    found = []
    if footage is not None:
        said = {"title": "Footage that was altered", "relationship": "parentOf"}
        found.append((said | _named(FOOTAGE), footage))
    if parent is not None:  # a manifest has one parent; footage that was altered comes first
        relationship = "parentOf" if footage is None else "inputTo"
        said = {"title": "The output this one derives from", "relationship": relationship}
        found.append((said | _named(PARENT), parent))
    if rendering is not None:
        said = {"title": "What the generator returned", "relationship": "inputTo"}
        found.append((said | _named(RENDERING), rendering))
    return tuple(found)


def _named(label: str) -> dict[str, str]:
    return {"label": label, "instance_id": label}


def _actions(
    inputs: list[str], agent: dict[str, str], opened: str, *, altered: bool
) -> dict[str, Any]:
    """Created anew, or opened and edited; then marked."""
    kind = "compositeWithTrainedAlgorithmicMedia" if altered else "trainedAlgorithmicMedia"
    made: dict[str, Any] = {
        "action": "c2pa.edited" if opened else "c2pa.created",
        "digitalSourceType": SOURCE_TYPES + kind,
        "softwareAgent": agent,
    }
    if inputs:
        made["parameters"] = {"ingredientIds": inputs}
    first = {"action": "c2pa.opened", "parameters": {"ingredientIds": [opened]}}
    marked = {
        "action": "c2pa.watermarked.bound",
        "softwareAgent": {"name": "Understudy watermark", "version": VERSION},
    }
    return {
        "label": "c2pa.actions.v2",
        "created": True,
        "data": {
            "actions": [*([first] if opened else []), made, marked],
            "allActionsIncluded": True,
        },
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


def _metadata(generation_id: str, license_status_url: str, *, altered: bool) -> dict[str, Any]:
    """What tools that read metadata show: how it came to be, and where to ask about its license."""
    kind = "compositeWithTrainedAlgorithmicMedia" if altered else "trainedAlgorithmicMedia"
    return {
        "label": "cawg.metadata",
        "kind": "Json",
        "data": {
            "@context": NAMESPACES,
            "dc:identifier": generation_id,
            "Iptc4xmpExt:DigitalSourceType": SOURCE_TYPES + kind,
            "xmpRights:WebStatement": license_status_url,
        },
    }
