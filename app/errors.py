"""How the platform says no: one base error, rendered as an RFC 9457 problem at the edge."""


class AppError(Exception):
    """A refusal with a status and a stable code; the detail says what happened, why, what next.

    Extra keyword arguments become extension members of the problem document (RFC 9457, 3.2).
    """

    status: int = 500
    code: str = "internal-error"

    def __init__(self, detail: str = "", **extra: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class NotFound(AppError):
    """The id is unknown, or belongs to somebody else: the answer is the same."""

    status, code = 404, "not-found"


class BadRequest(AppError):
    """The request itself cannot be understood."""

    status, code = 400, "bad-request"


class TooLarge(AppError):
    """The upload is larger than this installation accepts."""

    status, code = 413, "too-large"


class TooSlow(AppError):
    """The body did not come whole in its time; nothing of it was looked at."""

    status, code = 408, "too-slow"


class Outage(AppError):
    """Something outside does not answer: whoever asked waits, and tries again until it does."""

    status, code = 503, "outage"
    patience_s = 24 * 3600.0  # how long a stage of a story waits before that is a failed try
