"""One budget for all near-duplicates, whoever asks: so that nobody wears a mark down by asking.

Who may ask without end whether a mark is found can change a file little by little until it is not.
So files of one content, however slightly different, share `UNDERSTUDY_RATE_ALIKE`, over all
addresses. The same bytes again get the same answer and cost nothing, and so a file that many people
ask about does. Beyond it the mark is not told, and nothing else is withheld.

What was asked about is kept for as long as the rates say, as hashes, in a file of its own. Nothing
in it is evidence; deleting it forgives all.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import structlog
from limits import parse_many

from app import clock
from app.config import settings
from app.provenance import fingerprint as prints

FILE = "alike.sqlite"
CONTENTS_MOST = 1000  # told apart at once; beyond, those asked about least are forgotten
_HASHES = 8  # of a film, its first four seconds
_TABLES = (
    "CREATE TABLE IF NOT EXISTS content (id INTEGER PRIMARY KEY, medium TEXT, print TEXT)",
    "CREATE TABLE IF NOT EXISTS asked (sha256 TEXT PRIMARY KEY, content_id INTEGER, asked_at REAL)",
)
logger = structlog.get_logger()


def may_tell(fingerprint: Mapping[str, Any] | None, path: Path) -> bool:
    """Count a question about a file, and say whether it may be told if a mark is found there.

    Without a fingerprint nothing is told apart, and nothing was found either. Where the questions
    cannot be counted, the mark is not told.
    """
    rates = parse_many(settings().rate_alike) if settings().rate_alike else []
    if not rates or fingerprint is None:
        return True
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    now = clock.now().timestamp()
    try:
        with _counting() as count:
            longest = max(rate.get_expiry() for rate in rates)
            count.execute("DELETE FROM asked WHERE asked_at <= ?", [now - longest])
            if count.execute("SELECT 1 FROM asked WHERE sha256 = ?", [sha256]).fetchone():
                return True
            content = _content_like(count, fingerprint)
            for rate in rates:
                ((used,),) = count.execute(
                    "SELECT count(*) FROM asked WHERE content_id = ? AND asked_at > ?",
                    [content, now - rate.get_expiry()],
                )
                if used >= rate.amount:
                    return False
            count.execute("INSERT INTO asked VALUES (?, ?, ?)", [sha256, content, now])
            return True
    except sqlite3.Error as error:
        logger.warning("questions about near-duplicates are not counted", reason=str(error))
        return False


@contextmanager
def _counting() -> Iterator[sqlite3.Connection]:
    """The counts, held by one process at a time."""
    path = settings().data_dir / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN IMMEDIATE")
        for table in _TABLES:
            connection.execute(table)
        yield connection
        connection.execute("COMMIT")


def _content_like(count: sqlite3.Connection, fingerprint: Mapping[str, Any]) -> int:
    """The number of the content that is most like this one; a new one where none is alike."""
    short = _short(fingerprint)
    count.execute("DELETE FROM content WHERE id NOT IN (SELECT content_id FROM asked)")
    best, best_id = 0.0, None
    rows = count.execute("SELECT id, print FROM content WHERE medium = ?", [short["medium"]])
    for id_, kept in rows.fetchall():
        alike = prints.alike(short, json.loads(kept))
        if alike is not None and alike > best:
            best, best_id = alike, int(id_)
    if best_id is not None:
        return best_id
    _make_room(count)
    made = count.execute(
        "INSERT INTO content (medium, print) VALUES (?, ?)", [short["medium"], json.dumps(short)]
    )
    return int(made.lastrowid or 0)


def _make_room(count: sqlite3.Connection) -> None:
    """Forget the content asked about least, so that a flood of others frees no busy one."""
    ((held,),) = count.execute("SELECT count(*) FROM content")
    if held < CONTENTS_MOST:
        return
    ((id_,),) = count.execute(
        "SELECT content_id FROM asked GROUP BY content_id ORDER BY count(*), max(asked_at) LIMIT 1"
    )
    count.execute("DELETE FROM asked WHERE content_id = ?", [id_])
    count.execute("DELETE FROM content WHERE id = ?", [id_])


def _short(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """What near-duplicates are told by: hashes of the first pictures, or words of sound."""
    hashes = list(fingerprint["hashes"][:_HASHES])
    sound = "" if any(hashes) else fingerprint["sound"]
    return {"medium": fingerprint["medium"], "hashes": hashes, "details": [], "sound": sound}
