"""A second opinion on a file we signed, from code that shares nothing with the first verifier.

Runs in a sandboxed child of its own, which neither signed nor verified the file before: no network
there, and the second verifier's telemetry is off besides. What signed the file may have been taken
over by it, so this child also compares the file with the one that was to be signed.
"""

import os
from pathlib import Path
from typing import Any

from app.provenance import hardbinding, sameness

LIMIT_BYTES = 128 << 20  # it takes no larger files
NAME = "encypher-c2pa"


def verify_again(
    *, path: str, original: str, media_type: str, claim_root_pem: str, tsa_root_pem: str
) -> dict[str, Any]:
    """Return the second verifier's state (`Trusted`, `Valid`, `Invalid`), failures and time.

    Strict: what the specification only recommends counts too, a stapled OCSP response first of all.
    Only our roots are trusted, nothing is fetched. `same_media`: as the file at `original`; null
    where none is named. JSON in, JSON out.
    """
    os.environ["ENCYPHER_C2PA_TELEMETRY"] = "off"
    os.environ["ENCYPHER_C2PA_ONLINE"] = "off"
    import encypher_c2pa

    same = _same_media(path, original, media_type)
    try:
        report = encypher_c2pa.verify(
            path,
            mime_type=media_type,
            trust_pem=claim_root_pem,
            tsa_trust_pem=tsa_root_pem,
            no_default_trust=True,
            online=False,
            strict_conformance=True,
        )
    except ValueError as error:  # it could not make sense of the file at all
        failures = [str(error)[:200]]
        return {"state": "Invalid", "failures": failures, "time_trusted": False, "same_media": same}
    results = report["validation_results"]
    return {
        "state": str(report["validation_state"]),
        "failures": [str(failure["code"]) for failure in results["failure"]],
        "time_trusted": any(item["code"] == "timeStamp.trusted" for item in results["success"]),
        "label": str((report.get("manifest_report") or {}).get("active_manifest")),
        "same_media": same,
    }


def hash_again(*, path: str, original: str, media_type: str) -> dict[str, Any]:
    """The same for files beyond the second verifier: our own look at the hard binding."""
    return {
        "holds": hardbinding.holds(Path(path)),
        "same_media": _same_media(path, original, media_type),
    }


def _same_media(path: str, original: str, media_type: str) -> bool | None:
    return sameness.same_media(Path(original), Path(path), media_type) if original else None
