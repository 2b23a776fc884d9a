"""A clearance pack put together: one zip for a distributor or an insurer, safe to pass on.

In it is what strangers may know of an output, and for a reader who was granted more, as much as
that: nothing here is read from a contract but through `disclosed`. Receipts name codes and
obligations, which follow from terms, so they are for readers who may see the terms.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import rfc8785
from sqlmodel import Session

from app import clock, keys
from app.audit import records
from app.audit.bundle import making, token
from app.audit.bundle.errors import DraftNotCleared
from app.audit.clearance import facts as clearance
from app.audit.clearance import paper
from app.licensing.boundaries.preferences import key_id

TYPE = "understudy-clearance+jws"
README, FACTS, SIGNED, PAPER, BUNDLE = (
    "README.txt", "clearance.json", "clearance.jws", "ai-use-disclosure.pdf", "bundle.zip",
)  # fmt: skip
PERMIT, RELEASE = "receipts/permit.jws", "receipts/release.jws"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content makes the same file
SAYS = {
    README: "this page",
    FACTS: "what is known of the output, for programs (canonical JSON)",
    SIGNED: "the same, signed by the installation that released it (JWS, ES256)",
    PAPER: "how AI was used, for people; the same facts inside",
    BUNDLE: "what proves it: manifest, certificates, log proofs; no server needed to check",
    PERMIT: "receipt of the decision that permitted it (JWS)",
    RELEASE: "receipt of the decision that released it (JWS)",
}


@dataclass(frozen=True)
class Pack:
    """A pack's members but the bundle, and the bundle as it will be written."""

    members: Mapping[str, bytes]
    bundle: making.Made


def make(session: Session, generation_id: str, *, reader: str = "") -> Pack:
    """Gather a pack about a released output, as of now, for whoever is handed it.

    With `reader`, the id of an organization, as much as the contracts let that one see. Raises
    NotFound for what was never released, BundleNotReady while the log does not cover it,
    DraftNotCleared for a draft take, which nobody may distribute.
    """
    if records.is_draft(session, generation_id):
        raise DraftNotCleared(
            f"{generation_id} is a draft take; choose it, and clear the film made of it"
        )
    bundle = making.make(session, generation_id, audience="stranger")
    proven, at = making.proven_of(session, generation_id), clock.now()
    said = clearance.facts_of(session, generation_id, proven.manifest, reader=reader, at=at)
    document = rfc8785.dumps(said)
    members = {
        FACTS: document,
        SIGNED: _signed(document),
        PAPER: paper.as_pdf(said, document.decode(), at=at),
    }
    if clearance.tells_terms(said):
        members[PERMIT] = proven.permit.receipt.encode()
        members[RELEASE] = proven.release.receipt.encode()
    members[README] = _readme(generation_id, token.text_of(at), members).encode()
    return Pack(members, bundle)


def write(pack: Pack, target: BinaryIO, *, work: Path) -> None:
    """Write the zip; the bundle in it passes through `work`, a private directory."""
    inner = work / "bundle.zip"
    with inner.open("w+b") as file:
        making.write(pack.bundle, file, work=work)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name in sorted(pack.members):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), pack.members[name])
        archive.writestr(zipfile.ZipInfo(BUNDLE, EPOCH), inner.read_bytes())


def _signed(document: bytes) -> bytes:
    """Sign the facts with the key of license states, whose public half the bundle holds too."""
    key = making.STATUS_KEY
    signed = token.compact(
        document, lambda data: keys.sign(key, data), key_id=key_id(key), typ=TYPE
    )
    return signed.encode()


def _readme(generation_id: str, made_at: str, members: Mapping[str, bytes]) -> str:
    listed = "\n".join(f"  {name:<24} {SAYS[name]}" for name in sorted({*members, README, BUNDLE}))
    return f"""\
Clearance for one output of a digital replica: {generation_id}
Put together at {made_at}.

{listed}

Check the file you were given with it, without a server:

  understudy verify FILE --offline bundle.zip

The same SHA-256 stands in the PDF, in clearance.json, and under the proofs. The public key of
clearance.jws is in bundle.zip, anchors/keys.json; get it elsewhere too, from /v1/keys.
"""
