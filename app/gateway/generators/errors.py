"""How a generator says no, and above all whether anything was bought."""

from app.errors import AppError


class NotSubmitted(AppError):
    """The generator certainly took nothing on: nothing is owed, and a retry is safe."""

    status, code = 502, "generation-not-submitted"


class MaybeSubmitted(AppError):
    """The reply was lost: a job may be running and may cost money. Never retried blindly."""

    status, code = 502, "generation-maybe-submitted"


class ResultNotReady(AppError):
    """There is no finished result to fetch under this reference."""

    status, code = 409, "result-not-ready"
