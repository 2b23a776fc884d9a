"""The auditor's desk: a file comes in, a verdict goes out, with the records beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session

from app import clock
from app.audit import original, records, verdict
from app.audit.disclosed import UNTOLD, disclosed
from app.errors import NotFound
from app.licensing.document.disclosure import STRANGER, Viewer
from app.provenance import service as provenance
from app.provenance import verify
from app.provenance.certificate_files import Revocation
from app.provenance.repository import Recorded

LicenseState = Callable[[Session, str, datetime], str]
UNSEEN = frozenset({"not-released", "not-on-record"})
LogInclusion = Callable[[Session, str], dict[str, Any]]


@dataclass(frozen=True)
class Verdict:
    """One word, one sentence, what to do next, and the findings all rest on (JSON values)."""

    verdict: verdict.Word
    sentence: str
    findings: dict[str, Any]
    next_step: str


def verify_file(
    session: Session,
    path: Path,
    *,
    claim_root_pem: str,
    tsa_root_pem: str,
    watermark_keys: Mapping[int, bytes],
    revocations: Mapping[int, Revocation],
    trust_list_pem: str = "",
    license_state: LicenseState = records.license_state,
    log_inclusion: LogInclusion = records.log_inclusion,
    viewer: Viewer = STRANGER,
    may_tell: verify.MayTell = verify.freely,
) -> Verdict:
    """Say what a file is, and whether its output was licensed when made and is now.

    Everybody learns: the verdict, integrity, signer, time, mark, likeness, license validity then
    and now, and whether the release is in the log. Titles, names, terms and reasons are told as far
    as its contracts let this viewer see them; so is a still of the released original, beside a file
    that was recovered. Raises nothing over the file's bytes; raises
    SandboxUnavailable.
    """
    found = verify.verify(
        Recorded(session),
        path,
        claim_root_pem=claim_root_pem,
        tsa_root_pem=tsa_root_pem,
        watermark_keys=watermark_keys,
        revocations=revocations,
        trust_list_pem=trust_list_pem,
        may_tell=may_tell,
    )
    judged = verdict.judge(found)
    findings = {**found.as_json(), "license": None, "log": None, "draft": False}
    findings |= {"disclosed": dict(UNTOLD), "released_original": None}
    sentence = judged.sentence
    if found.manifest is not None:
        made_at = datetime.fromisoformat(found.manifest.signed_at)
        generation_id = found.manifest.generation_id
        state = license_then_and_now(session, generation_id, made_at, license_state=license_state)
        findings["license"] = state
        findings["log"] = log_inclusion(session, generation_id)
        told = findings["disclosed"] = disclosed(session, generation_id, viewer=viewer)
        if judged.word == "recovered":
            level = told["level"]
            findings["released_original"] = original.beside(session, generation_id, level=level)
        then, now = (state[name].replace("-", " ") for name in ("when_made", "now"))
        sentence += f" The output it names: {then} when made, {now} now."
        findings["draft"] = records.is_draft(session, generation_id)
        if findings["draft"]:
            sentence += (
                " It is a draft: a take with a slate, made for the production to choose from, and"
                " never released for distribution."
            )
    return Verdict(judged.word, sentence, findings, judged.next_step)


def license_of(
    session: Session, generation_id: str, *, viewer: Viewer = STRANGER
) -> dict[str, Any]:
    """Say of a released output whether it was licensed when made, and is now.

    And what else its contracts let this viewer see. Raises NotFound.
    """
    manifest = provenance.by_generation(session, generation_id)
    if manifest is None or records.license_state(session, generation_id, clock.now()) in UNSEEN:
        raise NotFound("no output of this installation was released under this id")
    return {
        **license_then_and_now(session, generation_id, manifest.signed_at),
        "disclosed": disclosed(session, generation_id, viewer=viewer),
    }


def license_then_and_now(
    session: Session,
    generation_id: str,
    made_at: datetime,
    *,
    license_state: LicenseState = records.license_state,
) -> dict[str, str]:
    """Return the two words a stranger may have: `when_made` and `now`."""
    return {
        "when_made": _for_a_stranger(license_state(session, generation_id, made_at)),
        "now": _for_a_stranger(license_state(session, generation_id, clock.now())),
    }


def _for_a_stranger(state: str) -> str:
    """Whether it was licensed, and not why not: the reason is between the parties."""
    return state if state in {"licensed", *UNSEEN} else "not-licensed"
