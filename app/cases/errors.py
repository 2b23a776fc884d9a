"""How the room of cases says no."""

from app.errors import AppError, NotFound


class CaseNotFound(NotFound):
    """There is no such case among those the caller is a side of."""

    code = "case-not-found"


class CaseAboutNothing(NotFound):
    """The output the case would be about was never released here."""

    code = "case-about-nothing"


class CaseRefused(AppError):
    """What is asked for does not fit who asks, or what it is about."""

    status, code = 422, "case-refused"


class CaseOpenAlready(AppError):
    """The same organization has a case open about the same output, asking for the same."""

    status, code = 409, "case-open-already"


class TooManyCases(AppError):
    """Many who have no part in an output have opened cases about it, and wait to be taken up."""

    status, code = 429, "too-many-cases"


class CaseClosed(AppError):
    """The case has ended; its outcome stands."""

    status, code = 409, "case-closed"


class CaseNotYours(AppError):
    """A side of the case, but not the one that may do this."""

    status, code = 403, "case-not-yours"
