"""Reading an agency's table: every row is good, or bad for a reason with its line. No I/O.

CSV in UTF-8 (a byte order mark does not matter) or in UTF-16 as Excel writes its Unicode text;
parted by commas, semicolons or tabs, whichever the first line has. Four columns, in any order.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.notices.contacts import ADDRESS
from app.registry.imports.errors import TableRefused

COLUMNS = ("reference", "name", "email", "photo")
MOST_BYTES = 4 << 20
MOST_ROWS = 5000
MOST_COLUMNS = 64
REFERENCE_CHARACTERS, NAME_CHARACTERS, PHOTO_CHARACTERS = 64, 200, 200


@dataclass(frozen=True)
class Row:
    """One performer as the agency's table has them; `line` counts from 1, the header's."""

    line: int
    reference: str
    name: str
    email: str
    photo: str


@dataclass(frozen=True)
class Bad:
    """One row that is not taken in: where, which column, and why, as a code."""

    row: Row
    column: str
    code: str


def read_table(content: bytes) -> tuple[list[Row], list[Bad]]:
    """Return the good rows and the bad ones, each in the order of their lines.

    A row is bad once, for the first reason found. Raises TableRefused for what is no such table.
    """
    if len(content) > MOST_BYTES:
        raise TableRefused(f"a table ends at {MOST_BYTES >> 20} MB; send it in several")
    text = _text(content)
    good: list[Row] = []
    bad: list[Bad] = []
    seen: dict[str, set[str]] = {"reference": set(), "email": set(), "photo": set()}
    for row, width in _rows(text):
        if len(good) + len(bad) >= MOST_ROWS:
            raise TableRefused(f"a table has {MOST_ROWS} rows at most; send it in several")
        wrong = ("reference", "cells") if width != 0 else _wrong(row, seen)
        if wrong is not None:
            bad.append(Bad(row, *wrong))
            continue
        good.append(row)
        for column, key in _keys(row).items():
            seen[column].add(key)
    if not good and not bad:
        raise TableRefused("the table has a first line and no row below it; add one per performer")
    return good, bad


def photo_key(name: str) -> str:
    """Return a photo's name as compared: without folders, case, or ways to write an accent."""
    base = name.replace("\\", "/").rpartition("/")[2]
    return unicodedata.normalize("NFC", base.strip()).casefold()


def _text(content: bytes) -> str:
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        at = content[: error.start].count(b"\n") + 1
        raise TableRefused(
            f"line {at} is not UTF-8, and in another encoding a name may come out wrong; in Excel "
            "choose `Save as`, then `CSV UTF-8`"
        ) from None


def _rows(text: str) -> Iterator[tuple[Row, int]]:
    """Give each row that is not empty, and by how many cells it differs from the first line."""
    first = text.partition("\n")[0]
    parted_by = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=parted_by, strict=True)
    try:
        header = [cell.strip().casefold() for cell in next(reader, [])]
        places = _places(header)
        width = max(places.values()) + 1
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                padded = [" ".join(cell.split()) for cell in cells[:width]] + [""] * width
                said = {column: padded[place] for column, place in places.items()}
                yield Row(line, **said), len(cells) - len(header)
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableRefused(
            f"the table cannot be read at line {reader.line_num} ({error}); a quote there may be "
            "opened and not closed"
        ) from None


def _places(header: Sequence[str]) -> dict[str, int]:
    if len(header) > MOST_COLUMNS:
        raise TableRefused(
            f"the first line has {len(header)} columns, and a table {MOST_COLUMNS} at most; only "
            f"{', '.join(COLUMNS)} are read, leave the others out"
        )
    missing = [column for column in COLUMNS if header.count(column) != 1]
    if missing:
        raise TableRefused(
            f"the first line names each of the columns {', '.join(COLUMNS)} once; look at "
            f"{', '.join(missing)}"
        )
    return {column: header.index(column) for column in COLUMNS}


def _wrong(row: Row, seen: dict[str, set[str]]) -> tuple[str, str] | None:
    """Say which column of a row is wrong and why, or nothing."""
    most = {"reference": REFERENCE_CHARACTERS, "name": NAME_CHARACTERS, "photo": PHOTO_CHARACTERS}
    for column in COLUMNS:
        cell = getattr(row, column)
        if not cell:
            return column, "empty"
        if len(cell) > most.get(column, len(cell)):
            return column, "too-long"
        if not cell.isprintable():
            return column, "unprintable"
    if not ADDRESS.fullmatch(row.email):
        return "email", "no-address"
    for column, key in _keys(row).items():
        if key in seen[column]:
            return column, "twice"
    return None


def _keys(row: Row) -> dict[str, str]:
    """Return what of a row no other row may have too."""
    return {
        "reference": row.reference,
        "email": row.email.casefold(),
        "photo": photo_key(row.photo),
    }
