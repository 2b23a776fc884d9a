"""How payments say no."""

from app.errors import NotFound


class StatementNotFound(NotFound):
    """The statement does not exist, or is not for the caller: the answer is the same."""

    code = "statement-not-found"
