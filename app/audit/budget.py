"""One budget for all near-duplicates, whoever asks: so that nobody wears a mark down by asking.

Who may ask without end whether a mark is found can change a file little by little until it is not.
So files of one content, however slightly different, share `UNDERSTUDY_RATE_ALIKE`, over all
addresses. The same bytes again get the same answer and cost nothing, and so a file that many people
ask about does. Beyond it the mark is not told, and nothing else is withheld.

What was asked about is kept for as long as the rates say, as hashes, in a file of its own. Nothing
in it is evidence; deleting it forgives all. The file is locked to count, not to compare: that
takes up to a few seconds, and nobody waits for it.
"""

import base64
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import structlog
from limits import parse_many

from app import clock
from app.config import settings
from app.provenance import fingerprint as prints

FILE = "alike.sqlite"
CONTENTS_MOST = 1000  # told apart at once; beyond, those asked about least are forgotten
_HASHES = 256  # kept of a film, spread over it: all of two minutes
_LOOKED_FOR = 64  # of those, in each film that is kept
_PIECES, _PIECE = 4, 128  # of sound, spread over what is not silent: 6 s each
_SHARE = 0.25  # of either film's hashes that the other has too, in whatever order
_PIECE_ALIKE = 0.4  # 64 words at their best place: strangers come to 0.3, near-duplicates to 0.6
_TABLES = (
    """CREATE TABLE IF NOT EXISTS contents
    (id INTEGER PRIMARY KEY AUTOINCREMENT, medium TEXT, print TEXT)""",
    """CREATE TABLE IF NOT EXISTS questions
    (sha256 TEXT PRIMARY KEY, content_id INTEGER, asked_at REAL)""",
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
    longest = max(rate.get_expiry() for rate in rates)
    short = _short(fingerprint)
    try:
        with _counts() as counts:
            if _was_asked(counts, sha256, now - longest):
                return True
            newest, alike = _alike(counts, short, 0)
            with _alone(counts):
                counts.execute("DELETE FROM questions WHERE asked_at <= ?", [now - longest])
                if _was_asked(counts, sha256, now - longest):
                    return True
                contents = _still_kept(counts, alike + _alike(counts, short, newest)[1])
                for rate in rates:
                    if _used(counts, contents, now - rate.get_expiry()) >= rate.amount:
                        return False
                content = contents[0] if contents else _new_content(counts, short)
                counts.execute("INSERT INTO questions VALUES (?, ?, ?)", [sha256, content, now])
                return True
    except sqlite3.Error as error:
        logger.warning("questions about near-duplicates are not counted", reason=str(error))
        return False


@dataclass(frozen=True)
class _Print:
    """What near-duplicates are told by: hashes [n, 4] of pictures, and pieces of sound."""

    medium: str
    hashes: npt.NDArray[np.uint64]
    sound: list[npt.NDArray[np.uint32]]


@contextmanager
def _counts() -> Iterator[sqlite3.Connection]:
    """The counts, not held: others read and count meanwhile."""
    path = settings().data_dir / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as counts:
        counts.execute("PRAGMA synchronous=OFF")
        for table in _TABLES:
            counts.execute(table)
        yield counts


@contextmanager
def _alone(counts: sqlite3.Connection) -> Iterator[None]:
    """Hold the counts against all others: for counting only, never for comparing many."""
    counts.execute("BEGIN IMMEDIATE")
    yield
    counts.execute("COMMIT")


def _was_asked(counts: sqlite3.Connection, sha256: str, since: float) -> bool:
    sql = "SELECT 1 FROM questions WHERE sha256 = ? AND asked_at > ?"
    return counts.execute(sql, [sha256, since]).fetchone() is not None


def _alike(counts: sqlite3.Connection, short: _Print, after: int) -> tuple[int, list[int]]:
    """The newest content there is, and those after the given one that are like this."""
    rows = counts.execute(
        "SELECT id, print FROM contents WHERE medium = ? AND id > ? ORDER BY id",
        [short.medium, after],
    ).fetchall()
    found = [int(id_) for id_, kept in rows if _is_alike(short, _read(short.medium, kept))]
    return (int(rows[-1][0]) if rows else after), found


def _still_kept(counts: sqlite3.Connection, ids: list[int]) -> list[int]:
    """Those of them that are asked about still; all others are forgotten."""
    counts.execute("DELETE FROM contents WHERE id NOT IN (SELECT content_id FROM questions)")
    kept = {int(id_) for (id_,) in counts.execute("SELECT id FROM contents")}
    return [id_ for id_ in ids if id_ in kept]


def _used(counts: sqlite3.Connection, contents: list[int], since: float) -> int:
    """How many questions were asked about any of these: a mixture spends from all it is made of."""
    rows = counts.execute(
        "SELECT count(*) FROM questions WHERE asked_at > ? "
        "AND content_id IN (SELECT value FROM json_each(?))",
        [since, json.dumps(contents)],
    )
    return int(rows.fetchone()[0])


def _new_content(counts: sqlite3.Connection, short: _Print) -> int:
    _make_room(counts)
    made = counts.execute(
        "INSERT INTO contents (medium, print) VALUES (?, ?)", [short.medium, _written(short)]
    )
    return int(made.lastrowid or 0)


def _make_room(counts: sqlite3.Connection) -> None:
    """Forget the content asked about least, so that a flood of others frees no busy one."""
    ((held,),) = counts.execute("SELECT count(*) FROM contents")
    if held < CONTENTS_MOST:
        return
    ((id_,),) = counts.execute(
        "SELECT content_id FROM questions GROUP BY content_id "
        "ORDER BY count(*), max(asked_at) LIMIT 1"
    )
    counts.execute("DELETE FROM questions WHERE content_id = ?", [id_])
    counts.execute("DELETE FROM contents WHERE id = ?", [id_])


def _short(fingerprint: Mapping[str, Any]) -> _Print:
    """Take hashes that are known and sound that is not silent, spread over the whole of both."""
    known = [text for text in fingerprint["hashes"] if text]
    every = np.frombuffer(bytes.fromhex("".join(known)), "<u8").reshape(-1, 4)
    words = np.frombuffer(base64.b64decode(fingerprint["sound"]), "<u4")
    loud = words[words != 0]
    starts = sorted(set(np.linspace(0, max(0, len(loud) - _PIECE), _PIECES).astype(int).tolist()))
    enough = len(loud) >= prints.ENOUGH_SOUND
    sound = [loud[start : start + _PIECE] for start in starts] if enough else []
    return _Print(fingerprint["medium"], _spread(every, _HASHES), sound)


def _spread(hashes: npt.NDArray[np.uint64], most: int) -> npt.NDArray[np.uint64]:
    places = np.linspace(0, len(hashes) - 1, min(most, len(hashes))).round().astype(int)
    return np.take(hashes, places, axis=0)


def _written(short: _Print) -> str:
    sound = [base64.b64encode(piece.tobytes()).decode() for piece in short.sound]
    return json.dumps({"hashes": short.hashes.tobytes().hex(), "sound": sound})


def _read(medium: str, written: str) -> _Print:
    kept = json.loads(written)
    hashes = np.frombuffer(bytes.fromhex(kept["hashes"]), "<u8").reshape(-1, 4)
    sound = [np.frombuffer(base64.b64decode(piece), "<u4") for piece in kept["sound"]]
    return _Print(medium, hashes, sound)


def _is_alike(a: _Print, b: _Print) -> bool:
    """Say whether two share pictures or sound; all that have nothing to tell them by are alike."""
    nothing = [not len(one.hashes) and not one.sound for one in (a, b)]
    return all(nothing) or _share_pictures(a.hashes, b.hashes) or _share_sound(a.sound, b.sound)


def _share_pictures(a: npt.NDArray[np.uint64], b: npt.NDArray[np.uint64]) -> bool:
    """Whether a quarter of either's hashes are close to one of the other's, some mirrored."""
    if not len(a) or not len(b):
        return False
    a = _spread(a, _LOOKED_FOR)
    most = 128 * (1 - prints.ALIKE)  # bits that differ in one picture, as `prints` has it
    mirror = np.frombuffer(bytes([prints.MIRROR] * 8), "<u8")
    close = np.zeros((len(a), len(b)), bool)
    for rows in (a, a ^ mirror):
        distance = np.zeros(close.shape, np.uint16)
        for word in range(4):
            distance += np.bitwise_count(rows[:, None, word] ^ b[None, :, word])
        close |= distance <= most
    return any(close.any(axis=axis).mean() >= _SHARE for axis in (0, 1))


def _share_sound(a: list[npt.NDArray[np.uint32]], b: list[npt.NDArray[np.uint32]]) -> bool:
    """Whether the middle of a piece of one is found in any piece of the other."""
    if not a or not b:
        return False
    half = prints.ENOUGH_SOUND // 2
    middles = np.stack([piece[len(piece) // 2 - half : len(piece) // 2 + half] for piece in a])
    for piece in b:
        places = np.lib.stride_tricks.sliding_window_view(piece, 2 * half)
        wrong = np.bitwise_count(places ^ middles[:, None]).sum(axis=2, dtype=np.uint16)
        if 1 - 2 * int(wrong.min()) / (32 * 2 * half) >= _PIECE_ALIKE:
            return True
    return False
