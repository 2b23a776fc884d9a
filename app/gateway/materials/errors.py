"""How materials are refused: files that are none, and materials no scene may use."""

from app.errors import AppError, NotFound


class MaterialNotFound(AppError):
    """No material of the caller's has this id."""

    status, code = 404, "material-not-found"


class MaterialNotUsable(AppError):
    """The material may not be used now; `state` and `reason` say why, and who can change it."""

    status, code = 409, "material-not-usable"


class MaterialInUse(AppError):
    """A generation under way uses the material; it can be deleted once that has ended."""

    status, code = 409, "material-in-use"


class MaterialConsentRefused(AppError):
    """The consent is about another material, or the material needs none."""

    status, code = 422, "material-consent-refused"


class MaterialNotSupported(AppError):
    """The bytes are none of the formats that are read for this role."""

    status, code = 415, "material-not-supported"


class MaterialDamaged(AppError):
    """The file begins like a film or a recording and cannot be read to its end."""

    status, code = 422, "material-damaged"


class MaterialTooLong(AppError):
    """The film or recording is longer, or its frames larger, than is read."""

    status, code = 413, "material-too-long"


READING_ERRORS: tuple[type[AppError], ...] = (
    MaterialNotSupported,
    MaterialDamaged,
    MaterialTooLong,
)
"""What reading a film or a recording may be refused with: the sandbox passes these on."""


class ConsentLinkUnknown(NotFound):
    """No consent has this link."""

    code = "consent-link-unknown"
