"""A union's evidence as one archive: what it was told and may know, each file with its SHA-256.

The same state makes the same bytes, but for the instant it was made at. `SHA256SUMS` checks it
without this program: `sha256sum -c SHA256SUMS`.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import rfc8785
from sqlmodel import Session, col, select

from app import clock
from app.identity.models import Organization
from app.licensing.strikes import service as strikes
from app.payments.models import IssuedStatement
from app.unions import service
from app.unions.scope import agreements_of

MOST = 1000  # of each kind, the newest
ABOUT = """What this union was told, and may know, of work under its agreements.

usage/*.json      its reports of use, byte for byte as they were issued (RFC 8785)
strikes.json      every turn of the strike switch
denials.json      uses that the rules refused, each with its signed receipt
overrides.json    outputs that were held for a doubt and that a person let go on
breaches.json     what should be gone by now and is not, as far as is on record
manifest.json     every file above with its length and SHA-256; `complete` says of a kind whether
                  all there was is inside, or the newest thousand

Check it: sha256sum -c SHA256SUMS. Receipts are checked with the installation's published keys:
docs/verify-without-us.md.
"""


def evidence(session: Session, union: Organization) -> bytes:
    """Return the archive (zip) of what is on record at this moment."""
    at = clock.now()
    reports = session.exec(
        select(IssuedStatement)
        .where(IssuedStatement.kind == "usage", IssuedStatement.party_id == union.id)
        .order_by(col(IssuedStatement.id).desc())
        .limit(MOST)
    ).all()
    listed: dict[str, Sequence[Any]] = {
        "strikes": [
            each.model_dump() | {"state": each.state(at)}
            for each in strikes.switches_of(session, union.id, limit=MOST)
        ],
        "denials": _rows(service.denials, session, union),
        "overrides": _rows(service.overrides, session, union),
        "breaches": _rows(service.breaches, session, union),
    }
    files = {"README.txt": ABOUT.encode()}
    files |= {f"usage/{each.id}.json": each.document.encode() for each in reports}
    files |= {f"{name}.json": rfc8785.dumps(_plain(list(rows))) for name, rows in listed.items()}
    listed["usage"] = reports
    files["manifest.json"] = rfc8785.dumps(
        {
            "v": 1,
            "union": {"id": union.id, "name": union.name},
            "agreements": agreements_of(session, union),
            "made_at": at.isoformat(),
            "complete": {name: len(rows) < MOST for name, rows in listed.items()},
            "files": [
                {"path": path, "size_bytes": len(content), "sha256": _sha256(content)}
                for path, content in sorted(files.items())
            ],
        }
    )
    sums = "".join(f"{_sha256(files[path])}  {path}\n" for path in sorted(files))
    return _archive(files | {"SHA256SUMS": sums.encode()})


def _rows(
    ask: Callable[..., Sequence[Any]], session: Session, union: Organization
) -> list[dict[str, Any]]:
    return [asdict(each) for each in ask(session, union, limit=MOST)]


def _plain(value: Any) -> Any:
    """Write instants as text, all the way down."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _archive(files: dict[str, bytes]) -> bytes:
    """Pack files, sorted, with one date for all: 1 January 1980, the first that zip knows."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            archive.writestr(zipfile.ZipInfo(path), files[path], zipfile.ZIP_DEFLATED)
    return packed.getvalue()
