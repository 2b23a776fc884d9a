"""How the auditor's desk says no."""

from app.errors import AppError


class FileMissing(AppError):
    """The request carries no file to look at."""

    status, code = 400, "file-missing"


class UploadMalformed(AppError):
    """The request is not a multipart form that can be read."""

    status, code = 400, "upload-malformed"
