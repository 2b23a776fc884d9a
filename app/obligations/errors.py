"""How this room says no."""

from app.errors import AppError


class CursorUnknown(AppError):
    """This is not where a page of obligations ended; take `next_after` of the page before."""

    status, code = 422, "cursor-unknown"
