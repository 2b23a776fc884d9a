"""What a file is, by a bundle alone: the findings and the words of the auditor's desk, offline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import sandbox
from app.audit import verdict
from app.audit.bundle import token
from app.audit.bundle.checking import Anchors, Checked, check
from app.audit.disclosed import UNTOLD
from app.audit.service import Verdict
from app.provenance import fingerprint as prints
from app.provenance import service as provenance
from app.provenance import verify
from app.provenance.models import SignedManifest
from app.provenance.verify import Findings


@dataclass(frozen=True)
class _OneOutput:
    """The repository that a bundle is: one output, and how it looks where its file came along."""

    kept: SignedManifest | None
    fingerprint: Mapping[str, Any] | None

    def by_file(self, file_sha256: str) -> SignedManifest | None:
        return self.kept if self.kept and self.kept.file_sha256 == file_sha256 else None

    def by_traces(self, labels: Sequence[str], ids: Sequence[str]) -> SignedManifest | None:
        kept = self.kept
        return kept if kept and (kept.label in labels or kept.generation_id in ids) else None

    def by_payload(self, _payload_hex: str) -> SignedManifest | None:
        return None  # nobody looks for a mark without the installation's key

    def fingerprint_of(self, _kept: SignedManifest) -> Mapping[str, Any] | None:
        return self.fingerprint

    def nearest(
        self, fingerprint: Mapping[str, Any], apart_from: str | None
    ) -> tuple[SignedManifest, float] | None:
        if self.kept is None or self.fingerprint is None or self.kept.id == apart_from:
            return None
        alike = prints.alike(fingerprint, self.fingerprint)
        return None if alike is None else (self.kept, alike)


def verify_offline(
    path: Path, bundle: Path, given: Anchors, *, trust_list_pem: str = ""
) -> Verdict:
    """Say what a file is, by a bundle and the reader's own anchors.

    Where a step of the bundle does not hold nothing in it is believed: the word is never more than
    `unknown-origin`. The mark is not looked for, so no file is `recovered`, `transplanted` or
    `not-ours` here: what carries no credentials is of unknown origin, however alike it looks.
    """
    checked = check(bundle, given)
    found = verify.verify(
        _repository(checked),
        path,
        claim_root_pem=_root(checked, given.claim_root_pem, "claim_root_pem"),
        tsa_root_pem=_root(checked, given.time_roots_pem, "time_roots_pem"),
        watermark_keys={},
        revocations=checked.revocations if checked.holds else {},
        trust_list_pem=trust_list_pem,
    )
    judged = _judge(found, checked)
    findings = {
        **found.as_json(),
        "license": None,
        "log": None,
        "disclosed": dict(UNTOLD),
        "anchors": checked.anchors,
        "bundle": {"holds": checked.holds, "steps": [step.as_json() for step in checked.steps]},
    }
    sentence = judged.sentence
    if checked.holds and checked.said is not None:
        findings["bundle"] |= {"about": checked.said.generation_id, "receipts": checked.receipts}
        if checked.parts is not None and "derivedFrom" in checked.parts.consent:
            findings["bundle"]["derived_from"] = dict(checked.parts.consent["derivedFrom"])
        if found.manifest is not None:
            words = checked.said.license
            as_of = token.text_of(checked.said.as_of)
            findings["license"] = {**words.model_dump(), "as_of": as_of}
            findings["log"] = checked.log
            then, now = (word.replace("-", " ") for word in (words.when_made, words.now))
            sentence += f" The output it names: {then} when made, {now} as of {as_of}."
        sentence += _trust(checked)
    return Verdict(judged.word, sentence, findings, judged.next_step)


def _repository(checked: Checked) -> _OneOutput:
    if not checked.holds or checked.said is None or checked.signed_at is None:
        return _OneOutput(None, None)
    said = checked.said
    kept = SignedManifest(
        id=said.manifest,
        generation_id=said.generation_id,
        label=said.manifest,
        manifest_sha256=said.manifest_sha256,
        file_sha256=said.file_sha256,
        size_bytes=1,
        media_type="",
        openings={},
        verified_by=[],
        signed_at=checked.signed_at,
    )
    return _OneOutput(kept, _fingerprint(checked))


def _fingerprint(checked: Checked) -> Mapping[str, Any] | None:
    """How the bundle's own file looks and sounds, where it has one."""
    bundle = checked.bundle
    if bundle is None or bundle.file is None:
        return None
    with sandbox.private_directory() as directory:
        return provenance.fingerprint_file(bundle.extract_file(directory / "file"))


def _root(checked: Checked, given: str | None, name: str) -> str:
    """The reader's own root; the bundle's only where the whole bundle holds."""
    return given or (str(getattr(checked, name)) if checked.holds else "")


def _judge(found: Findings, checked: Checked) -> verdict.Judgment:
    if not checked.holds:
        wrong = ", ".join(step.code for step in checked.steps if step.state == "fails")
        word: verdict.Word = "unknown-origin" if found.readable else "unreadable"
        return verdict.Judgment(
            word,
            f"The bundle does not hold ({wrong}), so nothing in it is believed, and nothing is said"
            " of where the file comes from.",
        )
    if found.manifest is None and found.signer_ours:
        about = "" if checked.said is None else checked.said.generation_id
        state = "verify" if found.credentials == "valid" else "do not verify"
        return verdict.Judgment(
            "unknown-origin",
            f"Its credentials {state} under the same root, but this bundle is about another output"
            f" ({about}). Ask for the bundle of that file.",
        )
    return verdict.judge(found)


def _trust(checked: Checked) -> str:
    own = [name for name, source in checked.anchors.items() if source == "bundle"]
    if not own:
        return " All roots and keys were yours."
    return (
        f" Believed because the bundle says so: {', '.join(own)}. Whoever made up the bundle could"
        " have made those up; get them elsewhere and give them."
    )
