"""Put a bundle together from this installation's records."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlmodel import Session, col, select

from app import clock, keys, publication, storage
from app.audit import service
from app.audit.bundle import audience as audiences
from app.audit.bundle import container as names
from app.audit.bundle import readme, token
from app.audit.bundle.audience import Audience
from app.audit.bundle.errors import BundleNotReady
from app.errors import NotFound
from app.gateway import handing_out
from app.gateway import service as gateway
from app.gateway.errors import GenerationNotFound, OutputNotReleased
from app.gateway.models import Generation
from app.licensing.boundaries.preferences import key_id, published_keys
from app.licensing.contracts.models import Contract
from app.licensing.decisions.models import Decision
from app.licensing.disclosures.on_record import parties_of
from app.provenance import ocsp, pki, signature
from app.provenance import service as provenance
from app.provenance.desk import desk
from app.provenance.errors import CertificateMissing
from app.provenance.models import SignedManifest
from app.transparency import service as transparency
from app.transparency.errors import CheckpointNotFound, LeafNotFound, LeafNotPublished
from app.transparency.leaf import LeafKind

STATUS_KEY = "status"
SUFFIXES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
}


@dataclass(frozen=True)
class Made:
    """A bundle's members, and the object that is its file where it has one."""

    members: Mapping[str, bytes]
    file_key: str | None
    file_name: str


@dataclass(frozen=True)
class Proven:
    """The output, and what was recorded of it."""

    generation: Generation
    manifest: SignedManifest
    permit: Decision
    release: Decision


def audience_of(session: Session, generation_id: str, organization_id: str) -> Audience:
    """Say as whom an organization is given a bundle: as the licensee, or as the performer's side.

    Of several performers in an output none learns by its receipts what another agreed: their side
    is a party to every contract behind it, or is not. Raises GenerationNotFound for all others.
    """
    try:
        gateway.generation_of(session, organization_id, generation_id)
    except GenerationNotFound:
        cast = gateway.cast_of(session, generation_id)
        contracts = [session.get(Contract, member.contract_id) for member in cast]
        agreed = [  # what the database does not show them is another's
            each is not None and organization_id in parties_of(session, each) for each in contracts
        ]
        if not agreed or not all(agreed):
            raise
        return "performer"
    return "party"


def make(session: Session, generation_id: str, *, audience: Audience) -> Made:
    """Gather what proves a released output, for an audience, as of now.

    Raises NotFound for what was never released, BundleNotReady while the log does not cover it.
    """
    now = clock.now()
    words = service.license_of(session, generation_id)  # NotFound comes first, for everybody
    proven = proven_of(session, generation_id)
    store = provenance.manifest_bytes(proven.manifest)
    parts = signature.parts_of(store)
    left_out = audiences.withheld(audience, handed_out=_handed_out(session, proven.generation))
    members = {
        names.MANIFEST: store,
        names.CONTRACTS: contracts(parts.consent),
        names.PERMIT: proven.permit.receipt.encode(),
        names.RELEASE: proven.release.receipt.encode(),
        **_log(session, proven),
        **_certificates(parts),
        **_anchors(),
    }
    file_name = f"file/output.{SUFFIXES[proven.manifest.media_type]}"
    gone = {name for what in left_out for name in audiences.members_of(what)}
    members = {name: content for name, content in members.items() if name not in gone}
    has_file = file_name not in gone
    all_names = {*members, names.README, names.INDEX, names.LICENSE, *([file_name] * has_file)}
    at = token.text_of(now)
    members[names.README] = readme.text(generation_id, at, sorted(all_names), left_out).encode()
    sha256s = {name: sha256(content).hexdigest() for name, content in members.items()}
    if has_file:
        sha256s[file_name] = proven.manifest.file_sha256
    said = token.Statement(
        v=1,
        generation_id=generation_id,
        manifest=proven.manifest.label,
        manifest_sha256=proven.manifest.manifest_sha256,
        file_sha256=proven.manifest.file_sha256,
        audience=audience,
        as_of=now,
        license=token.LicenseState(when_made=words["when_made"], now=words["now"]),
        signer=_signer_state(parts.chain[0]),
        members_sha256=token.members_digest(sha256s),
    )
    members[names.LICENSE] = token.sign(
        said, lambda data: keys.sign(STATUS_KEY, data), key_id=key_id(STATUS_KEY)
    ).encode()
    sha256s[names.LICENSE] = sha256(members[names.LICENSE]).hexdigest()
    sizes = {name: len(content) for name, content in members.items()}
    if has_file:
        sizes[file_name] = proven.manifest.size_bytes
    members[names.INDEX] = index(said, sha256s, sizes)
    return Made(members, proven.generation.output_key if has_file else None, file_name)


def write(made: Made, target: BinaryIO, *, work: Path) -> None:
    """Write the zip; its file passes through `work`, a private directory."""
    file = None
    if made.file_key is not None:
        storage.fetch(made.file_key, work / "file")
        file = (made.file_name, work / "file")
    names.write(target, made.members, file)


def index(said: token.Statement, sha256s: Mapping[str, str], sizes: Mapping[str, int]) -> bytes:
    """Return the machine-readable list of members: all of it follows from token and members."""
    listed: list[Any] = [
        {"name": name, "sha256": digest, "size_bytes": sizes[name], "says": readme.SAYS[name]}
        for name, digest in sorted(sha256s.items())
        if name != names.INDEX
    ]
    whole: dict[str, Any] = {
        "v": 1,
        "format": "understudy-bundle",
        "generation_id": said.generation_id,
        "audience": said.audience,
        "as_of": token.text_of(said.as_of),
        "members": listed,
    }
    return bytes(rfc8785.dumps(whole))


def proven_of(session: Session, generation_id: str) -> Proven:
    """Return a released output with what was recorded of it. Raises NotFound."""
    generation = session.get_one(Generation, generation_id)
    manifest = provenance.by_generation(session, generation_id)
    released = session.exec(
        select(Decision)
        .where(
            Decision.generation_id == generation_id,
            Decision.phase == "release_output",
            Decision.outcome == "permit",
        )
        .order_by(col(Decision.at).desc(), col(Decision.id).desc())
    ).first()
    if manifest is None or released is None:
        raise NotFound("no output of this installation was released under this id")
    permit = session.get_one(Decision, generation.decision_id)
    return Proven(generation, manifest, permit, released)


def _handed_out(session: Session, generation: Generation) -> bool:
    try:
        handing_out.check_handing_out(session, generation)
    except OutputNotReleased:
        return False
    return True


def contracts(consent: Mapping[str, Any]) -> bytes:
    """The manifest's own commitments: nothing else is said of a contract."""
    return bytes(rfc8785.dumps({"v": 1, "commitments": list(consent["contracts"])}))


def _log(session: Session, proven: Proven) -> dict[str, bytes]:
    """The three leaves, opened and proved under one checkpoint: the newest."""
    output = {"sha256": proven.manifest.file_sha256}
    try:
        checkpoint = transparency.checkpoint_at(session)
        found = {
            names.RELEASED_LEAF: _leaf(
                session, LeafKind.OUTPUT_RELEASED, proven.generation.id, output, checkpoint.size
            )
        }
        for name, decision in (
            (names.PERMIT_LEAF, proven.permit),
            (names.RELEASE_LEAF, proven.release),
        ):
            payload = {"receipt": decision.receipt_sha256}
            found[name] = _leaf(session, LeafKind.DECISION, decision.id, payload, checkpoint.size)
    except (CheckpointNotFound, LeafNotFound, LeafNotPublished):
        raise BundleNotReady(
            f"the public log does not cover the release of {proven.generation.id} yet; a worker"
            " publishes it within a minute: try again then"
        ) from None
    return found | {names.CHECKPOINT: transparency.checkpoint_text(checkpoint).encode()}


def _leaf(
    session: Session, kind: LeafKind, subject_id: str, payload: dict[str, Any], size: int
) -> bytes:
    promised = next(
        (row for row, _ in transparency.leaves_of(session, subject_id) if row.kind == kind), None
    )
    if promised is None:
        raise LeafNotFound(f"nothing of the kind {kind} was recorded about {subject_id}")
    opening = transparency.opening(session, promised.id)
    if opening["salt"] is None:
        raise BundleNotReady(
            f"the salt of the leaf about {subject_id} was erased with its performer's data: nobody"
            " can show any more what the log holds, so no bundle is made"
        )
    proof = transparency.inclusion_proof(session, promised.id, size=size)
    opened = {"subject": subject_id, "salt": opening["salt"], "payload": payload}
    return bytes(rfc8785.dumps({"v": 1, "opening": opened, "proof": proof.to_json()}))


def _certificates(parts: signature.Parts) -> dict[str, bytes]:
    found = from_manifest(parts)
    # Where its CA was replaced nobody answers any more; the token says what is on record.
    with suppress(CertificateMissing):
        found[names.OCSP_NOW] = ocsp.about(desk().certificates, parts.chain[0].serial_number)
    return found


def from_manifest(parts: signature.Parts) -> dict[str, bytes]:
    """Return the members that only spell out what the manifest holds, for other people's tools."""
    return {
        names.SIGNER: pem_of(parts.chain[:1]),
        names.ISSUERS: pem_of(parts.chain[1:]),
        names.TIME_CHAIN: pem_of(signature.time_chain(parts)),
        names.TIME_TOKEN: parts.token,
        names.OCSP_SIGNED: parts.staple,
        names.SIGNED: parts.signed,
        names.SIGNATURE: parts.signature,
        names.STAMPED: parts.stamped,
    }


def pem_of(certificates: Sequence[x509.Certificate]) -> bytes:
    """Spell certificates as PEM, one after the other."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def _anchors() -> dict[str, bytes]:
    roots = desk().roots
    witnesses = "".join(f"{each}\n" for each in publication.witnesses())
    found = {
        names.CLAIM_ROOT: roots["claim_root_pem"].encode(),
        names.TIME_ROOTS: roots["tsa_root_pem"].encode(),
        names.KEYS: json.dumps({"keys": published_keys()}, sort_keys=True).encode(),
        names.LOG_KEY: f"{publication.log_key()}\n".encode(),
    }
    return found | ({names.WITNESSES: witnesses.encode()} if witnesses else {})


def _signer_state(leaf: x509.Certificate) -> token.SignerState:
    said = pki.revocations(desk().certificates).get(leaf.serial_number)
    at: datetime | None = None if said is None else said.at
    return token.SignerState(
        serial=str(leaf.serial_number), revoked_at=at, reason="" if said is None else said.reason
    )
