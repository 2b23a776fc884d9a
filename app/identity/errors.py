"""How identity says no."""

from app.errors import AppError


class NotAuthenticated(AppError):
    """No API key came with the request, or it is unknown, expired or revoked."""

    status, code = 401, "not-authenticated"


class NotAllowed(AppError):
    """The caller is known, and may not do this."""

    status, code = 403, "not-allowed"


class BeyondScope(AppError):
    """The API key is for less than this: for other actions, projects or contracts."""

    status, code = 403, "beyond-scope"


class ApiKeyNotFound(AppError):
    """The caller's organization has no such API key."""

    status, code = 404, "api-key-not-found"


class ApiKeyRefused(AppError):
    """There can be no such API key."""

    status, code = 422, "api-key-refused"


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


class InvitationNotFound(AppError):
    """The link is unknown, used, taken back or too old: the answer is the same."""

    status, code = 404, "invitation-not-found"


class InvitationRefused(AppError):
    """This invitation cannot be made, or not by whoever asks."""

    status, code = 409, "invitation-refused"


class CeremonyRefused(AppError):
    """The challenge is unknown, answered, too old, or was shown in another browser."""

    status, code = 409, "ceremony-refused"


class PasskeyRefused(AppError):
    """What the authenticator answered does not prove who is there."""

    status, code = 403, "passkey-refused"


class PasskeyCloned(PasskeyRefused):
    """The passkey counted less than before: there is a copy of it, and none is trusted any more."""

    code = "passkey-cloned"


class PasskeyNotFound(AppError):
    """The caller has no such passkey."""

    status, code = 404, "passkey-not-found"


class LastOne(AppError):
    """It is the last one; without it nobody could get in."""

    status, code = 409, "last-one"


class ZoneUnknown(AppError):
    """No clock goes by this time zone."""

    status, code = 422, "zone-unknown"


class NotSignedIn(AppError):
    """Nobody is signed in in this browser, or not any more."""

    status, code = 401, "not-signed-in"


class PasskeyNeeded(NotSignedIn):
    """Signed in by a studio's own sign-in, which opens that studio's pages and nothing else."""

    code = "passkey-needed"


class ProviderNotFound(AppError):
    """No studio's own sign-in is at this address, or not any more."""

    status, code = 404, "sign-in-provider-not-found"


class ProviderRefused(AppError):
    """A provider, or what it answered, is not to be believed."""

    status, code = 403, "sign-in-provider-refused"


class ProviderNotReached(AppError):
    """A provider does not answer, or not as one."""

    status, code = 502, "sign-in-provider-not-reached"


class NotFresh(AppError):
    """The act needs the person to prove again that they are there."""

    status, code = 403, "not-fresh"


class FormRefused(AppError):
    """The form was not sent from a page of ours, in this browser."""

    status, code = 403, "form-refused"


class ClockInDoubt(AppError):
    """The clock of this server cannot be believed: nothing that may have ended is opened by it."""

    status, code = 503, "clock-in-doubt"
