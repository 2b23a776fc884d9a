"""How acts that take two people say no."""

from app.errors import AppError


class TwofoldNotFound(AppError):
    """There is no such act under way, or it is not for whoever asks: the answer is the same."""

    status, code = 404, "twofold-not-found"


class TwofoldOver(AppError):
    """The act was done, refused or replaced, waited too long, or its API key was ended."""

    status, code = 409, "twofold-over"


class SecondPersonNeeded(AppError):
    """One person alone does not do this: a second one agrees, or three days pass."""

    status, code = 409, "second-person-needed"


class TooManyProposals(AppError):
    """Of one thing as much was proposed today as a house can look through."""

    status, code = 429, "too-many-proposals"


class MemberTooNew(AppError):
    """Whoever came in lately does not stand in for a second person."""

    status, code = 403, "member-too-new"
