"""The auditor's desk: a file comes in, a verdict goes out, with the records beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session

from app import clock
from app.audit import records, verdict
from app.provenance import verify

LicenseState = Callable[[Session, str, datetime], str]
LogInclusion = Callable[[Session, str], dict[str, Any]]


@dataclass(frozen=True)
class Verdict:
    """One word, one sentence, and the findings both rest on (JSON values)."""

    verdict: verdict.Word
    sentence: str
    findings: dict[str, Any]


def verify_file(
    session: Session,
    path: Path,
    *,
    claim_root_pem: str,
    tsa_root_pem: str,
    watermark_key: bytes,
    license_state: LicenseState = records.license_state,
    log_inclusion: LogInclusion = records.log_inclusion,
) -> Verdict:
    """Say what a file is, and whether its output was licensed when made and is now.

    A stranger learns: the verdict, integrity, signer, time, mark, likeness, license validity then
    and now, and whether the release is in the log. No title, name, terms or reason. Raises nothing
    over the file's bytes; raises SandboxUnavailable.
    """
    found = verify.verify(
        session,
        path,
        claim_root_pem=claim_root_pem,
        tsa_root_pem=tsa_root_pem,
        watermark_key=watermark_key,
    )
    judged = verdict.judge(found)
    findings = {**found.as_json(), "license": None, "log": None}
    sentence = judged.sentence
    if found.manifest is not None:
        made_at = datetime.fromisoformat(found.manifest.signed_at)
        then, now = (
            _for_a_stranger(license_state(session, found.manifest.generation_id, at))
            for at in (made_at, clock.now())
        )
        findings["license"] = {"when_made": then, "now": now}
        findings["log"] = log_inclusion(session, found.manifest.generation_id)
        sentence += f" The output it names: {then} when made, {now} now."
    return Verdict(judged.word, sentence, findings)


def _for_a_stranger(state: str) -> str:
    """Whether it was licensed, and not why not: the reason is between the parties."""
    return state if state in {"licensed", "not-released", "not-on-record"} else "not-licensed"
