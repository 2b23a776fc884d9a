"""Check a bundle from anywhere in numbered steps: no server, no database, no keys of ours.

Every step says its own thing and goes on where it can, so that all that is wrong is named. A bundle
of which one step does not hold is not believed at all.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, TypeVar

from app.audit.bundle import container as names
from app.audit.bundle import making, token
from app.audit.bundle.container import Bundle
from app.audit.bundle.errors import BundleRefused
from app.errors import AppError
from app.licensing.decisions import receipt
from app.licensing.status import published_keys
from app.provenance import signature
from app.provenance.certificate_files import Revocation
from app.provenance.signature import Parts, SignatureUnsound
from app.transparency import leaf, note, proof

Source = Literal["given", "bundle"]
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Anchors:
    """What the reader trusts from elsewhere; what is None is taken from the bundle, and said."""

    claim_root_pem: str | None = None
    time_roots_pem: str | None = None
    keys: bytes | None = None  # PEM, or the JWK Set of /v1/keys
    log_key: str | None = None
    witnesses: str | None = None


@dataclass(frozen=True)
class Step:
    """What one step found."""

    number: int
    name: str
    state: Literal["holds", "fails", "not-reached"]
    code: str = ""
    member: str = ""
    detail: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON, without what it does not say."""
        said = {"step": self.number, "name": self.name, "state": self.state}
        more = {"code": self.code, "member": self.member, "detail": self.detail}
        return said | {name: value for name, value in more.items() if value}


@dataclass
class Checked:
    """What the steps established; only to be relied on where `holds`."""

    path: Path
    given: Anchors
    steps: list[Step] = field(default_factory=list)
    bundle: Bundle | None = None
    anchors: dict[str, Source] = field(default_factory=dict)
    said: token.Statement | None = None
    parts: Parts | None = None
    signed_at: datetime | None = None
    revocations: dict[int, Revocation] = field(default_factory=dict)
    log: dict[str, Any] = field(default_factory=dict)
    receipts: Literal["hold", "withheld"] = "withheld"

    @property
    def holds(self) -> bool:
        """Whether every step held."""
        return all(step.state == "holds" for step in self.steps)

    @property
    def claim_root_pem(self) -> str:
        return self.given.claim_root_pem or _need(self.bundle)[names.CLAIM_ROOT].decode()

    @property
    def time_roots_pem(self) -> str:
        return self.given.time_roots_pem or _need(self.bundle)[names.TIME_ROOTS].decode()

    @property
    def keys(self) -> bytes:
        return self.given.keys or _need(self.bundle)[names.KEYS]

    @property
    def log_key(self) -> str:
        return self.given.log_key or _need(self.bundle)[names.LOG_KEY].decode()

    @property
    def witnesses(self) -> str:
        return self.given.witnesses or _need(self.bundle).small.get(names.WITNESSES, b"").decode()


class _NotReached(Exception):
    """An earlier step did not give what this one stands on. Never leaves this file."""


def check(path: Path, given: Anchors) -> Checked:
    """Check a bundle; never raises over its bytes."""
    checked = Checked(path, given)
    for number, (name, step) in enumerate(STEPS, 1):
        checked.steps.append(_taken(number, name, step, checked))
    return checked


def _taken(number: int, name: str, step: Callable[[Checked], None], checked: Checked) -> Step:
    try:
        step(checked)
    except _NotReached:
        return Step(number, name, "not-reached")
    except BundleRefused as refusal:
        return Step(number, name, "fails", refusal.code, refusal.member, refusal.detail)
    except SignatureUnsound as refusal:
        return Step(number, name, "fails", f"{name}-unsound", "", str(refusal))
    except (AppError, ValueError, LookupError, TypeError, RecursionError) as error:
        detail = f"it does not say what it should ({type(error).__name__}: {str(error)[:120]})"
        return Step(number, name, "fails", f"{name}-unsound", "", detail)
    return Step(number, name, "holds")


# --- 1. The zip: names from a closed list, plain stored members, sizes as they say. ---


def _container(checked: Checked) -> None:
    checked.bundle = names.read(checked.path)


# --- 2. The index names every member, with its very SHA-256 and size. ---


def _index(checked: Checked) -> None:
    bundle = _need(checked.bundle)
    said = json.loads(bundle[names.INDEX])
    if said.get("v") != 1 or said.get("format") != "understudy-bundle":
        raise BundleRefused("version-unknown", "the index is not of version 1", names.INDEX)
    listed = {each["name"]: each for each in said["members"]}
    there = set(bundle.sha256s) - {names.INDEX}
    for name in sorted(there ^ set(listed)):
        code = "member-missing" if name in listed else "member-unlisted"
        raise BundleRefused(code, f"{name} is in only one of zip and index", str(name))
    for name in sorted(there):
        if listed[name]["sha256"] != bundle.sha256s[name]:
            raise BundleRefused("member-changed", f"{name} is not what the index names", name)


# --- 3. Which keys and roots count: the reader's own, else those that came along. ---


def _anchors(checked: Checked) -> None:
    _need(checked.bundle)
    chosen: dict[str, str | bytes | None] = {
        "claim_root": checked.given.claim_root_pem,
        "time_roots": checked.given.time_roots_pem,
        "keys": checked.given.keys,
        "log_key": checked.given.log_key,
        "witnesses": checked.given.witnesses,
    }
    checked.anchors = {
        name: "bundle" if value is None else "given" for name, value in chosen.items()
    }
    published_keys.keys_in(checked.keys, "status")
    note.VerifierKey.parse(checked.log_key.strip())


# --- 4. The license state is signed, over exactly these members; the index follows from it. ---


def _license(checked: Checked) -> None:
    bundle = _need(checked.bundle)
    keys = published_keys.keys_in(checked.keys, "status")
    said = token.verified(bundle[names.LICENSE], keys)
    if said.members_sha256 != token.members_digest(bundle.sha256s):
        raise BundleRefused(
            "member-swapped", "a member is not the one this license state was signed over"
        )
    if bundle[names.INDEX] != making.index(said, bundle.sha256s, bundle.sizes):
        raise BundleRefused("index-unsound", "the index says something else", names.INDEX)
    checked.said = said


# --- 5. The manifest is the one that was signed for, about this output. ---


def _manifest(checked: Checked) -> None:
    bundle, said = _need(checked.bundle), _need(checked.said)
    store = bundle[names.MANIFEST]
    parts = signature.parts_of(store)
    stated = (sha256(store).hexdigest(), parts.label, str(parts.consent.get("generation")))
    if stated != (said.manifest_sha256, said.manifest, said.generation_id):
        raise BundleRefused("manifest-swapped", "it is another output's manifest", names.MANIFEST)
    if bundle[names.CONTRACTS] != making.contracts(parts.consent):
        raise BundleRefused(
            "contracts-swapped", "they are not the manifest's commitments", names.CONTRACTS
        )
    checked.parts = parts


# --- 6. Signature, chain, time stamp and both OCSP answers hold; the rest spells them out. ---


def _certificates(checked: Checked) -> None:
    bundle, said, parts = _need(checked.bundle), _need(checked.said), _need(checked.parts)
    for name, content in making.from_manifest(parts).items():
        if bundle[name] != content:
            raise BundleRefused("not-as-in-manifest", f"the manifest holds another {name}", name)
    signature.hold_signature(parts, checked.claim_root_pem)
    checked.signed_at = signature.stamped_at(parts, checked.time_roots_pem)
    signature.hold_chain(parts.chain, checked.claim_root_pem, checked.signed_at)
    leaf_, issuer = parts.chain[:2]
    if signature.status_of(parts.staple, leaf_, issuer, checked.signed_at) is not None:
        raise BundleRefused(
            "certificate-revoked", "it was revoked when it signed", names.OCSP_SIGNED
        )
    if said.signer.serial != str(leaf_.serial_number):
        raise BundleRefused("license-unsound", "it is about another signer", names.LICENSE)
    found = []
    if said.signer.revoked_at is not None:
        found.append(Revocation(said.signer.revoked_at, said.signer.reason))
    if names.OCSP_NOW in bundle.small:
        now = signature.status_of(bundle[names.OCSP_NOW], leaf_, issuer, said.as_of)
        found += [now] if now is not None else []
    if found:
        earliest = min(found, key=lambda each: each.at)
        checked.revocations = {leaf_.serial_number: earliest}


# --- 7. Release and decisions are leaves of the log that the checkpoint signs. ---


def _log(checked: Checked) -> None:
    bundle, said, parts = _need(checked.bundle), _need(checked.said), _need(checked.parts)
    key = note.VerifierKey.parse(checked.log_key.strip())
    opened = {
        name: _leaf(bundle, name, kind, key)
        for name, kind in (
            (names.RELEASED_LEAF, leaf.LeafKind.OUTPUT_RELEASED),
            (names.PERMIT_LEAF, leaf.LeafKind.DECISION),
            (names.RELEASE_LEAF, leaf.LeafKind.DECISION),
        )
    }
    released, permit = opened[names.RELEASED_LEAF], opened[names.PERMIT_LEAF]
    if released != (said.generation_id, {"sha256": said.file_sha256}):
        raise BundleRefused("leaf-swapped", "it is another output's leaf", names.RELEASED_LEAF)
    if permit[1] != {"receipt": parts.consent["decisionReceiptSha256"]}:
        raise BundleRefused("leaf-swapped", "the manifest names another", names.PERMIT_LEAF)
    signed = note.parse_note(bundle[names.CHECKPOINT])
    witnesses = [note.VerifierKey.parse(text) for text in checked.witnesses.split()]
    checked.log = {
        "state": "logged",
        "leaf_index": json.loads(bundle[names.RELEASED_LEAF])["proof"]["leaf_index"],
        "size": note.parse_checkpoint(signed.text).size,
        "witnesses": sorted(note.witnessed_by(signed, witnesses)),
    }


def _leaf(
    bundle: Bundle, name: str, kind: leaf.LeafKind, key: note.VerifierKey
) -> tuple[str, dict[str, Any]]:
    """Return what a leaf was opened to: its subject and payload."""
    try:
        said = json.loads(bundle[name])
        document, opening = said["proof"], said["opening"]
        proof.verify_proof(json.dumps(document), key)
        if document["type"] != "inclusion" or document["checkpoint"].encode() != bundle.small.get(
            names.CHECKPOINT
        ):
            raise BundleRefused("leaf-unsound", "it leads to another checkpoint", name)
        subject, payload = str(opening["subject"]), dict(opening["payload"])
        salt = bytes.fromhex(opening["salt"])
        found = leaf.open_leaf(document["entry"].encode(), subject, payload, salt=salt)
    except BundleRefused:
        raise
    except (AppError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BundleRefused("leaf-unsound", f"it proves nothing: {error}", name) from None
    if found.kind is not kind:
        raise BundleRefused("leaf-unsound", f"it is a leaf of the kind {found.kind}", name)
    return subject, payload


# --- 8. The receipts are signed, and those that the leaves commit to. ---


def _receipts(checked: Checked) -> None:
    bundle = _need(checked.bundle)
    _need(checked.log or None)
    if names.PERMIT not in bundle.small and names.RELEASE not in bundle.small:
        return
    keys = published_keys.keys_in(checked.keys, "receipt")
    for name, logged in (
        (names.PERMIT, names.PERMIT_LEAF),
        (names.RELEASE, names.RELEASE_LEAF),
    ):
        try:
            said = receipt.verify_by_any(bundle[name], keys)
        except receipt.ReceiptInvalid as refusal:
            raise BundleRefused("receipt-unsound", str(refusal), name) from None
        opening = json.loads(bundle[logged])["opening"]
        committed = (opening["subject"], opening["payload"]["receipt"], "permit")
        if committed != (said["generation_id"], receipt.receipt_hash(said), said["outcome"]):
            raise BundleRefused("receipt-swapped", "the log holds another decision", name)
    checked.receipts = "hold"


# --- 9. The file that came along is the one that was released. ---


def _file(checked: Checked) -> None:
    bundle, said = _need(checked.bundle), _need(checked.said)
    _need(checked.log or None)
    if bundle.file is not None and bundle.sha256s[bundle.file] != said.file_sha256:
        raise BundleRefused(
            "file-swapped", "it is not the file whose release is in the log", bundle.file
        )


STEPS: tuple[tuple[str, Callable[[Checked], None]], ...] = (
    ("container", _container),
    ("index", _index),
    ("anchors", _anchors),
    ("license", _license),
    ("manifest", _manifest),
    ("certificates", _certificates),
    ("log", _log),
    ("receipts", _receipts),
    ("file", _file),
)


def _need(value: Thing | None) -> Thing:
    if value is None:
        raise _NotReached
    return value
