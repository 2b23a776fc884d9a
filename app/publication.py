"""This installation's own log: publish what waits, and check what stands published."""

from app import db, keys
from app.config import settings
from app.transparency import note, sequencer, service
from app.transparency.verify import LogReport, directory_reader, verify_log


def log_key() -> note.VerifierKey:
    """Return the public key and name anybody checks this log with."""
    return _signer().key


def publish_log() -> int:
    """Sequence everything that waits into the public log; return its size in leaves."""
    head = sequencer.sequence(reading=db.reading, writing=db.writing, signer=_signer())
    return head.size


def check_log() -> LogReport:
    """Recompute the whole log from its published files alone, against its newest checkpoint.

    Raises CheckpointNotFound while the log is empty.
    """
    with db.reading() as session:
        newest = service.checkpoint_text(service.checkpoint_at(session))
    return verify_log(directory_reader(settings().objects_dir / "log"), newest.encode(), log_key())


def _signer() -> note.Signer:
    return note.Signer.under(
        settings().log_origin, keys.public_key("log"), lambda data: keys.sign("log", data)
    )
