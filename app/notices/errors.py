"""How notices say no."""

from app.errors import AppError


class ContactRefused(AppError):
    """There can be no such address, or not now."""

    status, code = 422, "contact-refused"


class ContactNotFound(AppError):
    """The link is unknown, too old or taken back: the answer is the same."""

    status, code = 404, "contact-not-found"
