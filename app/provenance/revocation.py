"""Whether the key behind a signature had been retired when it signed: pure, by our own records."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from app.provenance.certificate_files import Revocation

State = Literal["good", "revoked-later", "revoked", "unknown"]


def of(credentials: Mapping[str, Any], revocations: Mapping[int, Revocation]) -> State:
    """Judge what `read_credentials` found.

    `revoked-later`: by a trusted time stamp the signature is older than the revocation, and stands.
    `revoked`: it is not, or nothing says how old it is. `unknown`: not ours to know; but what is
    stapled into a stranger's signature is believed when it says revoked.
    """
    if "signingCredential.ocsp.revoked" in credentials["codes"]:
        return "revoked"
    if not credentials["signer_ours"] or credentials["signer"] is None:
        return "unknown"
    said = revocations.get(int(credentials["signer"]["serial"] or 0))
    if said is None:
        return "good"
    if not credentials["time_trusted"] or credentials["signed_at"] is None:
        return "revoked"
    signed_at = datetime.fromisoformat(credentials["signed_at"])
    return "revoked-later" if signed_at < said.at else "revoked"
