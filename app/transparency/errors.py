"""How the transparency log says no."""

from app.errors import AppError


class LeafRefused(AppError):
    """Only known kinds with canonical JSON payloads enter the log, for nothing ever leaves it."""

    status, code = 422, "leaf-refused"


class LeafNotFound(AppError):
    """No leaf has this index, and nothing was recorded under this id."""

    status, code = 404, "leaf-not-found"


class LeafNotPublished(AppError):
    """The leaf is recorded, but no signed checkpoint covers it yet."""

    status, code = 409, "leaf-not-published"


class CheckpointNotFound(AppError):
    """No checkpoint was signed at this size; an empty log has none at all."""

    status, code = 404, "checkpoint-not-found"


class TileNotFound(AppError):
    """The log publishes no tile at this path; the checkpoint tells which tiles exist."""

    status, code = 404, "tile-not-found"


class TileDamaged(AppError):
    """A tile or entry bundle is not what its path promises: cut short, too long or unreadable."""

    status, code = 500, "tile-damaged"


class NoteRefused(AppError):
    """A signed note is malformed, or no key we trust has signed it."""

    status, code = 422, "note-refused"


class ProofRefused(AppError):
    """A proof does not prove what it claims."""

    status, code = 422, "proof-refused"


class WatchUnreadable(AppError):
    """What a monitor kept, or was answered, is not in the form it should have."""

    status, code = 422, "watch-unreadable"


class LogForked(AppError):
    """Signing on would contradict what the log already published; nothing was signed."""

    status, code = 500, "log-forked"
