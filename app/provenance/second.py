"""A second opinion on a file we signed, from code that shares nothing with the first verifier.

Runs in a sandboxed child: no network there, and its telemetry is off besides.
"""

import os
from typing import Any

LIMIT_BYTES = 128 << 20  # it takes no larger files
NAME = "encypher-c2pa"


def verify_again(
    *, path: str, media_type: str, claim_root_pem: str, tsa_root_pem: str
) -> dict[str, Any]:
    """Return the second verifier's state (`Trusted`, `Valid`, `Invalid`), failures and time.

    Strict: what the specification only recommends counts too, a stapled OCSP response first of all.
    Only our roots are trusted, nothing is fetched. JSON in, JSON out.
    """
    os.environ["ENCYPHER_C2PA_TELEMETRY"] = "off"
    os.environ["ENCYPHER_C2PA_ONLINE"] = "off"
    import encypher_c2pa

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
        return {"state": "Invalid", "failures": [str(error)[:200]], "time_trusted": False}
    results = report["validation_results"]
    return {
        "state": str(report["validation_state"]),
        "failures": [str(failure["code"]) for failure in results["failure"]],
        "time_trusted": any(item["code"] == "timeStamp.trusted" for item in results["success"]),
    }
