"""This installation's own log: publish what waits, and check what stands published."""

from dataclasses import replace
from datetime import timedelta

from sqlmodel import col, func, select

from app import clock, db, keys
from app.config import settings
from app.transparency import anchor, compare, note, sequencer, service
from app.transparency.errors import NoteRefused
from app.transparency.models import LogLeaf, LogOutbox
from app.transparency.verify import LogReport, verify_log

SEALED_WITHIN = timedelta(minutes=1)


def log_key() -> note.VerifierKey:
    """Return the public key and name anybody checks this log with."""
    return _signer().key


def publish_log() -> int:
    """Seal what changed, and sequence all that waits into the public log; return its size."""
    anchor.anchor_database(reading=db.reading, writing=db.writing)
    size = -1
    while True:
        head = sequencer.sequence(reading=db.reading, writing=db.writing, signer=_signer())
        if head.size == size:
            return size
        size = head.size


def publish_waiting() -> None:
    """Publish the log if anything waits for it; a look costs no write lock.

    What waits is a row without a leaf; a leaf that no checkpoint covers: a sequencer was killed;
    or evidence that changed without a leaf of its own, and was not sealed for a minute.
    """
    with db.reading() as session:
        unassigned = session.exec(
            select(LogOutbox.id).where(col(LogOutbox.leaf_index).is_(None)).limit(1)
        ).first()
        last_leaf = session.exec(select(func.max(LogLeaf.leaf_index))).one()
        newest = sequencer.newest_checkpoint(session)
        last_anchor = anchor.newest_anchor(session)
        unsealed = anchor.has_marks(session)
    due = last_anchor is None or clock.now() - last_anchor.anchored_at > SEALED_WITHIN
    covered = newest.size if newest else 0
    uncovered = last_leaf is not None and last_leaf >= covered
    if unassigned is not None or uncovered or (unsealed and due):
        publish_log()


def check_log(*, kept: bytes | None = None) -> LogReport:
    """Recompute the whole log from its files, and hold the whole database against it.

    `kept` is an earlier checkpoint from outside, which the log must extend: then no evidence that
    it covers can have been edited unnoticed. Raises CheckpointNotFound while the log is empty.
    """
    with db.reading() as session:
        newest = service.checkpoint_text(service.checkpoint_at(session))
    read = sequencer.published()
    report = verify_log(read, newest.encode(), log_key(), kept=kept, witnesses=witnesses())
    if not report.holds:
        return report
    with db.reading() as session:
        return replace(report, difference=compare.compare_database(session, log_key(), read=read))


def moved_since(kept: bytes) -> list[tuple[str, str]]:
    """Return table and key of each row of evidence that acts have moved since a checkpoint of ours.

    Raises NoteRefused where it is not this log's.
    """
    with db.reading() as session:
        return compare.moved_since(session, note.open_checkpoint(kept, log_key()).size)


def witnesses() -> list[note.VerifierKey]:
    """Return the public keys of those whose cosignatures this log keeps. Raises NoteRefused."""
    return [note.VerifierKey.parse(text) for text in settings().log_witnesses.split()]


def cosign_log(cosigned: bytes) -> dict[str, int]:
    """Keep the witnesses' lines of one of this log's checkpoints; return who saw it, and when.

    Lines of anybody else are passed over. Raises NoteRefused for a false line, for a checkpoint
    that is not this log's, and where no known witness signed; CheckpointNotFound.
    """
    head, signed = note.open_checkpoint(cosigned, log_key()), note.parse_note(cosigned)
    found = note.witnessed_by(signed, witnesses())
    if not found:
        raise NoteRefused("no witness of this log signed it; see UNDERSTUDY_LOG_WITNESSES")
    lines = [str(line) for line in signed.signatures if line.name in found]
    with db.writing() as session:
        kept = service.checkpoint_at(session, head.size)
        if kept.root_hash != head.root:
            raise NoteRefused(f"this log's checkpoint of {head.size} leaves has another root")
        service.add_cosignatures(session, head.size, lines, witnesses())
    return found


def _signer() -> note.Signer:
    return note.Signer.under(
        settings().log_origin, keys.public_key("log"), lambda data: keys.sign("log", data)
    )
