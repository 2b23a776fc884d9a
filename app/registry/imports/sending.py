"""One upload of an agency's, from its first byte to its report: every step commits on its own.

Whoever is killed in between sends the same again: what was taken in is passed over.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from app import db
from app.config import settings
from app.identity.principal import Principal
from app.registry.imports import service
from app.registry.imports.photos import photos_in
from app.registry.imports.table import Bad, Row, read_table

ROWS_AT_ONCE = 100


@dataclass(frozen=True)
class BadPhoto:
    """One photo that is not taken in, by its place among all that came (from 1): why, as a code."""

    number: int
    name: str
    code: str


@dataclass
class Report:
    """What came of an upload: rows and photos, good and bad."""

    rows: int = 0
    new: int = 0
    bad: list[Bad] = field(default_factory=list)
    photos: int = 0
    photos_taken: int = 0
    photos_bad: list[BadPhoto] = field(default_factory=list)


def take(table: bytes, files: Sequence[tuple[str, BinaryIO]], *, by: Principal) -> Report:
    """Take in a table (empty: none) and photos; return what came of them. Outside transactions.

    Raises TableRefused and ArchiveRefused: what was taken in before stays.
    """
    good, bad = read_table(table) if table else ([], [])
    report = Report(rows=len(good) + len(bad), bad=bad)
    for start in range(0, len(good), ROWS_AT_ONCE):
        _take_rows(good[start : start + ROWS_AT_ONCE], report, by)
    report.bad.sort(key=lambda each: each.row.line)
    with db.reading() as session:
        known = service.known_photos(session, by.organization_id)
    for photo in photos_in(files, limit_bytes=settings().upload_limit_bytes):
        report.photos += 1
        state = known.get(photo.key)
        code = photo.code or ("" if state else "photo-unnamed")
        if code:
            report.photos_bad.append(BadPhoto(report.photos, photo.name, code))
        elif state in ("no-photo", "unfit"):
            with db.writing() as session:
                report.photos_taken += service.take_photo(session, photo, by=by) == "taken"
    return report


def _take_rows(rows: Sequence[Row], report: Report, by: Principal) -> None:
    with db.writing() as session:
        new, bad = service.take_rows(session, rows, by=by)
    report.new += new
    report.bad += bad
