"""How identity says no."""

from app.errors import AppError


class NotAuthenticated(AppError):
    """No API key came with the request, or it is unknown, expired or revoked."""

    status, code = 401, "not-authenticated"


class NotAllowed(AppError):
    """The caller is known, and may not do this."""

    status, code = 403, "not-allowed"


class IdempotencyKeyReused(AppError):
    """The Idempotency-Key was used before with another request."""

    status, code = 422, "idempotency-key-reused"


class SigningKeyRefused(AppError):
    """The public key cannot be used to sign contracts."""

    status, code = 422, "signing-key-refused"


class FileMissing(AppError):
    """The request carries no file under the name it must have."""

    status, code = 400, "file-missing"


class UploadMalformed(AppError):
    """The request is not a multipart form with one file that can be read."""

    status, code = 400, "upload-malformed"
