"""How provenance says no."""

from app.errors import AppError, Outage


class CertificateMismatch(AppError):
    """A certificate on disk does not belong to the key of the same name."""

    status, code = 500, "certificate-mismatch"


class CertificateMissing(AppError):
    """A certificate this installation needs has not been made."""

    status, code = 500, "certificate-missing"


class CertificateUnknown(AppError):
    """No certificate of this installation answers to that, or it cannot be done to it."""

    status, code = 404, "certificate-unknown"


class TimeStampUnavailable(Outage):
    """No time stamp is to be had, so nothing is signed; whoever signs waits."""

    status, code = 503, "time-stamp-unavailable"


class UnsupportedFormat(AppError):
    """The file is of a kind that cannot carry our credentials."""

    status, code = 422, "unsupported-format"


class SigningFailed(AppError):
    """The file could not be signed; nothing was released."""

    status, code = 500, "signing-failed"


class ReleaseGateClosed(AppError):
    """The signed file does not verify, so it stays in quarantine."""

    status, code = 500, "release-gate-closed"


class ManifestUnknown(AppError):
    """No manifest of this installation answers to that."""

    status, code = 404, "manifest-unknown"


class ManifestConflict(AppError):
    """The generation, or the watermark payload, already names another manifest."""

    status, code = 409, "manifest-conflict"


class SubjectRefused(AppError):
    """No certificate can state this country or organization."""

    status, code = 422, "subject-refused"
