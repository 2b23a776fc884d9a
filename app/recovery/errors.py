"""How recovery says no."""

from app.errors import AppError


class CodeRefused(AppError):
    """This is no code that can be used: unknown, used or replaced, the answer is the same."""

    status, code = 403, "recovery-code-refused"


class RecoveryNotFound(AppError):
    """There is no such recovery, or it is not for whoever asks: the answer is the same."""

    status, code = 404, "recovery-not-found"


class RecoveryRefused(AppError):
    """This recovery cannot be begun, vouched for or completed, or not yet."""

    status, code = 409, "recovery-refused"


class RecoveredLately(AppError):
    """Who came back in by a recovery does nothing of weight for seven days."""

    status, code = 403, "recovered-lately"


class StopLinkNotFound(AppError):
    """The link is unknown or its address was taken away: the answer is the same."""

    status, code = 404, "stop-link-not-found"
