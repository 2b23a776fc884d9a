"""The watermark's keys, as many epochs of them as are on record: two operators agreed to each.

Files of keys can be lost where the rows are not: a directory restored from an older backup, a host
to which nobody copied the newest. What is left is then not the key in force, and is not taken for
it. A database restored from an older backup says less than the files do, and the files count.
"""

from sqlmodel import Session, col, select

from app import db, keys, trail
from app.config import settings
from app.twofold.models import TwofoldAct

KIND = "operator-key-rotation"


def newest(session: Session) -> int:
    """Return the newest epoch on record; 1 where none was begun."""
    begun = select(TwofoldAct.asked).where(
        TwofoldAct.subject_id == keys.WATERMARK,
        TwofoldAct.kind == KIND,
        col(TwofoldAct.done_at).is_not(None),
    )
    return max((asked.get("epoch", 1) for asked in session.exec(begun)), default=1)


def secret(session: Session) -> bytes:
    """Return the key that new outputs are marked with. Raises KeyMissing."""
    return keys.secret(keys.WATERMARK, newest(session))


def known(session: Session) -> dict[int, bytes]:
    """Return the keys under which marks are looked for, newest first. Raises KeyMissing."""
    return keys.epochs(keys.WATERMARK, newest(session))


def on_record() -> int:
    """Return the newest epoch on record for a command, which may run where no database is."""
    file = db.file_of(settings().database)
    if file is not None and not file.exists():
        return 1
    with db.reading() as session:
        return newest(session) if trail.is_kept(session) else 1
