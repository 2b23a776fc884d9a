"""How the gateway says no to requests no policy needs to see."""

from app.errors import AppError


class GenerationNotFound(AppError):
    """No generation of the caller's has this id."""

    status, code = 404, "generation-not-found"


class ReplicaNotFound(AppError):
    """No replica has this id."""

    status, code = 404, "replica-not-found"


class GeneratorUnavailable(AppError):
    """No generator of this installation offers the model."""

    status, code = 422, "generator-unavailable"


class JobNotOffered(AppError):
    """The generator does not do what was asked: length, size, references or line."""

    status, code = 422, "job-not-offered"


class LineRefused(AppError):
    """The line names a registered performer who is not in the scene; `phrases` are those words."""

    status, code = 403, "line-refused"


class OutputNotReleased(AppError):
    """The generation has no released output to hand out."""

    status, code = 409, "output-not-released"


class LinkExpired(AppError):
    """The download link has expired or was altered; ask for a new one."""

    status, code = 403, "link-expired"


class JobLost(AppError):
    """The generator no longer knows a job it took; the stage asks it again."""

    status, code = 502, "job-lost"


class StageOvertaken(AppError):
    """Another worker has moved the generation on meanwhile; the stage looks again."""

    status, code = 409, "stage-overtaken"


class RenderJobNotFound(AppError):
    """No job for a renderer of the caller's has this id."""

    status, code = 404, "render-job-not-found"


class RenderJobOver(AppError):
    """The job is not to be rendered any more: handed in, late, stopped, or ended."""

    status, code = 409, "render-job-over"


class RenderLicenseRefused(AppError):
    """The licence is not the one of this job that was given last."""

    status, code = 403, "render-license-refused"


class VendorJobNotFound(AppError):
    """This generation ordered nothing from a vendor."""

    status, code = 404, "vendor-job-not-found"


class VendorJobSettled(AppError):
    """It is known whether the vendor has this job; there is nothing to settle."""

    status, code = 409, "vendor-job-settled"


class PreviewNotFound(AppError):
    """No preview that the caller's side is asked about has this id."""

    status, code = 404, "preview-not-found"


class PreviewUnseen(AppError):
    """Nobody lets go what they have not opened."""

    status, code = 409, "preview-unseen"


class PreviewRefused(AppError):
    """The caller may not answer the preview in this role."""

    status, code = 403, "preview-refused"


class PreviewAnswered(AppError):
    """The preview waits for no answer: it was answered, or its time ran out."""

    status, code = 409, "preview-answered"


class PriceChanged(AppError):
    """What was shown is not what it costs by now; nothing was made."""

    status, code = 409, "price-changed"
