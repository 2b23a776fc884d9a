"""The desk of this installation's auditor: its keys, its certificates, its records, one file."""

from pathlib import Path

from app import db, keys
from app.audit import service
from app.licensing.document.disclosure import STRANGER, Viewer
from app.provenance.desk import desk


def look_at(path: Path, *, viewer: Viewer = STRANGER) -> service.Verdict:
    """Say what a file is to this viewer, by this installation's roots, watermark key, records."""
    with db.reading() as session:
        return service.verify_file(
            session,
            path,
            **desk().trust,
            watermark_key=keys.secret("watermark"),
            viewer=viewer,
        )
