"""How registry says no: to pictures it cannot use, and to performers it does not know."""

from app.errors import AppError, NotFound


class PerformerUnknown(NotFound):
    """No performer of the caller's has this id; others' performers look the same."""

    code = "performer-unknown"


class PerformerNameRefused(AppError):
    """The name is empty or too long."""

    status, code = 422, "performer-name-refused"


class EnrollmentHeld(AppError):
    """The performer is paused since their enrollment, until a person has looked at their face."""

    status, code = 409, "enrollment-held"


class HoldNotFound(NotFound):
    """No enrollment is held under this id."""

    code = "hold-not-found"


class HoldAnswered(AppError):
    """The hold was answered; the first answer stands."""

    status, code = 409, "hold-answered"


class AnswerMissing(AppError):
    """A hold is answered with a reason, which stays on record."""

    status, code = 422, "answer-missing"


class LiveCheckNotFound(NotFound):
    """No live check of the caller's has this id; others' look the same."""

    code = "live-check-not-found"


class LiveCheckOver(AppError):
    """A live check is answered once, within five minutes, by somebody alive."""

    status, code = 409, "live-check-over"


class NoFaceFound(AppError):
    """No face was found in the portrait."""

    status, code = 422, "no-face-found"


class SeveralFacesFound(AppError):
    """More than one face was found in the portrait; a replica is of one performer."""

    status, code = 422, "several-faces-found"


class PhotoRefused(AppError):
    """The photo is not good enough to keep; `reasons` says all that is to be done better."""

    status, code = 422, "photo-refused"

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(
            f"the photo was not kept: {', '.join(reasons)}; take it again", reasons=reasons
        )
        self.reasons = reasons


class MediumNotFound(NotFound):
    """No photo or recording of the caller's has this id; others' look the same."""

    code = "likeness-medium-not-found"


class ImageEmpty(AppError):
    """The upload holds no bytes at all."""

    status, code = 422, "image-empty"


class ImageNotSupported(AppError):
    """The bytes are not a JPEG, PNG or WebP picture, whatever the name says."""

    status, code = 415, "image-not-supported"


class ImageTooLarge(AppError):
    """The picture has more bytes or more pixels than are read."""

    status, code = 413, "image-too-large"


class ImageAnimated(AppError):
    """The file holds several frames; a portrait is a single picture."""

    status, code = 422, "image-animated"


class ImageDamaged(AppError):
    """The file begins like a picture and cannot be read to its end."""

    status, code = 422, "image-damaged"


PICTURE_ERRORS: tuple[type[AppError], ...] = (
    ImageEmpty,
    ImageNotSupported,
    ImageTooLarge,
    ImageAnimated,
    ImageDamaged,
)
"""What reading a picture may be refused with: the sandbox passes these on by their code."""


class VoiceRefused(AppError):
    """The recording is not good enough to keep; `reasons` says all that is to be done better."""

    status, code = 422, "voice-refused"

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(
            f"the recording was not kept: {', '.join(reasons)}; record it again", reasons=reasons
        )
        self.reasons = reasons


class SoundNotSupported(AppError):
    """The bytes are no recording of a kind that is read, whatever the name says."""

    status, code = 415, "sound-not-supported"


class SoundTooLong(AppError):
    """The recording is longer, or has more bytes, than is read."""

    status, code = 413, "sound-too-long"


class SoundDamaged(AppError):
    """The file begins like a recording and cannot be read to its end."""

    status, code = 422, "sound-damaged"


SOUND_ERRORS: tuple[type[AppError], ...] = (SoundNotSupported, SoundTooLong, SoundDamaged)
"""What reading a recording may be refused with: the sandbox passes these on by their code."""


class NotInCatalogue(AppError):
    """A portrait is shown beside a name in the catalogue; this name is not in it."""

    status, code = 409, "not-in-catalogue"


class DeathRefused(AppError):
    """The day of a death cannot be, or is not the one on record."""

    status, code = 409, "death-refused"


class DeathDisputed(AppError):
    """A death is on record, and somebody at the performer's own desk says that they are alive."""

    status, code = 409, "death-disputed"


class BirthRefused(AppError):
    """The date of birth cannot be, or is not the one on record."""

    status, code = 409, "birth-refused"


class IdentityRefused(AppError):
    """This does not prove who a performer is, or not by whoever says so."""

    status, code = 422, "identity-refused"


class ExternalIdRefused(AppError):
    """There is no such number of another house."""

    status, code = 422, "external-id-refused"
