"""The desk of this installation's auditor: its keys, its certificates, its records, one file."""

import shutil
from pathlib import Path
from typing import BinaryIO

from cryptography import x509

from app import db, sandbox
from app.audit import budget, service
from app.config import settings
from app.errors import AppError
from app.licensing.document.disclosure import STRANGER, Viewer
from app.provenance.desk import desk
from app.provenance.verify import MayTell, freely
from app.twofold import epochs


class TrustListUnreadable(AppError):
    """The list of other people's signers is no file of certificates."""

    status, code = 500, "trust-list-unreadable"


def look_at(
    path: Path,
    *,
    viewer: Viewer = STRANGER,
    trust_list: Path | None = None,
    may_tell: MayTell = freely,
) -> service.Verdict:
    """Say what a file is to this viewer, by this installation's roots, watermark key, records.

    `trust_list` takes the place of the one in the settings. Raises TrustListUnreadable.
    """
    listed = read_trust_list(trust_list or settings().c2pa_trust_list)
    with db.reading() as session:
        return service.verify_file(
            session,
            path,
            **desk().trust,
            watermark_keys=epochs.known(session),
            viewer=viewer,
            trust_list_pem=listed,
            may_tell=may_tell,
        )


def look_at_upload(upload: BinaryIO, *, viewer: Viewer = STRANGER) -> service.Verdict:
    """Give a file a path of its own (its name is a stranger's), look, and forget it.

    Whether it is marked is told as far as the budget of its near-duplicates goes.
    """
    with sandbox.private_directory() as directory:
        path = directory / "upload"
        upload.seek(0)
        with path.open("wb") as target:
            shutil.copyfileobj(upload, target, 1 << 20)
        return look_at(path, viewer=viewer, may_tell=budget.may_tell)


def read_trust_list(path: Path | None) -> str:
    """Return a PEM file of roots, such as C2PA's trust list; empty without one.

    Raises TrustListUnreadable.
    """
    if path is None:
        return ""
    try:
        text = path.read_text()
        x509.load_pem_x509_certificates(text.encode())
    except (OSError, ValueError) as error:
        raise TrustListUnreadable(
            f"{path} is no PEM file of certificates ({error}); give the list as C2PA publishes it"
        ) from None
    return text
