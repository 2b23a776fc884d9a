"""How this room says no."""

from app.errors import AppError


class NotAUnion(AppError):
    """Only a union asks for this, about the agreements that it keeps."""

    status, code = 403, "not-a-union"
