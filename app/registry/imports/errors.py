"""How an import says no to a whole file, and an invitation to who opens it too late."""

from app.errors import AppError, NotFound


class TableRefused(AppError):
    """The table cannot be read as a whole; nothing of it was taken in."""

    status, code = 422, "table-refused"


class ArchiveRefused(AppError):
    """The archive of photos cannot be read as a whole; nothing of it was taken in."""

    status, code = 422, "archive-refused"


class EntryNotFound(NotFound):
    """Nobody who waits at this agency has this id; others' look the same."""

    code = "entry-not-found"


class EntryOver(NotFound):
    """This link is used up, too old or unknown; ask the agency that sent it."""

    code = "entry-over"
