"""The desk of this installation's auditor: its keys, its certificates, its records, one file."""

from pathlib import Path

from app import db, keys
from app.audit import service
from app.config import settings
from app.provenance import pki


def look_at(path: Path) -> service.Verdict:
    """Say what a file is, by this installation's roots, watermark key and records."""
    certificates = settings().keys_dir
    with db.reading() as session:
        return service.verify_file(
            session,
            path,
            claim_root_pem=pki.claim_root_pem(certificates),
            tsa_root_pem=pki.tsa_root_pem(certificates),
            watermark_key=keys.secret("watermark"),
        )
