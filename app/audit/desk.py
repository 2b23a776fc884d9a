"""The desk of this installation's auditor: its keys, its certificates, its records, one file."""

from pathlib import Path

from app import db, keys
from app.audit import service
from app.provenance.desk import desk


def look_at(path: Path) -> service.Verdict:
    """Say what a file is, by this installation's roots, watermark key and records."""
    with db.reading() as session:
        return service.verify_file(
            session, path, **desk().trust, watermark_key=keys.secret("watermark")
        )
