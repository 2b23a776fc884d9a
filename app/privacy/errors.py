"""How the room of export and erasure says no."""

from app.errors import AppError


class ErasureNotYours(AppError):
    """The performer's own desk erases them, or takes everything out; after a death the estate."""

    status, code = 403, "erasure-not-yours"


class EstateMustWait(AppError):
    """An estate erases once its mandate has stood long enough for who is alive to say so."""

    status, code = 409, "estate-must-wait"


class ErasureHeld(AppError):
    """A case is open about an output with this performer: evidence is kept until it has ended."""

    status, code = 409, "erasure-held"


class ErasureNotConfirmed(AppError):
    """Erasure is final: the request must name, a second time, whom it erases."""

    status, code = 422, "erasure-not-confirmed"


class ErasureNotFound(AppError):
    """Nobody erased this performer."""

    status, code = 404, "erasure-not-found"
