"""Every certificate that took another's place, on the public log.

Certificates are files: renewed while a worker signs, rotated at the command line. So the worker
looks here, and a rotation that nobody was told of is on record within moments all the same.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from sqlmodel import Session

from app.provenance import certificate_files
from app.provenance.certificate_files import Issued
from app.transparency import service as transparency

KIND = "key-rotated"


def unrecorded(session: Session, directory: Path) -> Sequence[Issued]:
    """List the certificates that came after another of their series and have no leaf yet."""
    return [
        each
        for each in certificate_files.every(directory)
        if each.number > 1 and not transparency.leaves_of(session, subject_of(each))
    ]


def record(session: Session, directory: Path) -> int:
    """Promise a leaf for each of them; return how many.

    Two workers that look at the same moment may promise two of one.
    """
    found = unrecorded(session, directory)
    for each in found:
        transparency.record(session, KIND, subject_of(each), evidence(each))
    return len(found)


def subject_of(issued: Issued) -> str:
    """Return the SHA-256 of the certificate, DER: what anybody who holds it can name it by."""
    return issued.certificate.fingerprint(hashes.SHA256()).hex()


def evidence(issued: Issued) -> dict[str, Any]:
    """Return what the leaf commits to."""
    return {"certificate": subject_of(issued), "purpose": issued.purpose, "number": issued.number}
