"""How a bundle says no."""

from app.errors import AppError


class BundleNotReady(AppError):
    """Something that belongs into the bundle is not there yet, or no more."""

    status, code = 409, "bundle-not-ready"


class DraftNotCleared(AppError):
    """A draft take is for the production to choose from: no pack may vouch for it to others."""

    status, code = 409, "draft-not-cleared"


class OutputUnnamed(AppError):
    """The file leads to no output of this installation, so there is nothing to bundle."""

    status, code = 404, "output-unnamed"


class BundleRefused(ValueError):
    """A bundle from anywhere does not hold; `code` names what is wrong, `member` where."""

    def __init__(self, code: str, detail: str, member: str = "") -> None:
        super().__init__(detail)
        self.code, self.detail, self.member = code, detail, member
