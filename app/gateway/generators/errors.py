"""How a generator says no, and above all whether anything was bought."""

from app.errors import AppError, Outage


class NotSubmitted(AppError):
    """The generator certainly took nothing on: nothing is owed, and a retry is safe."""

    status, code = 502, "generation-not-submitted"


class OrderRefused(NotSubmitted):
    """The vendor will not do this job as it was ordered; asking the same again is no use."""


class VendorBusy(NotSubmitted, Outage):
    """The vendor took nothing on just now; the same order may be placed a little later."""

    status, code = 502, "generation-not-submitted"


class VendorSilent(AppError):
    """A question that buys nothing got no usable answer; it may be asked again at any time."""

    status, code = 502, "vendor-silent"


class MaybeSubmitted(AppError):
    """The reply was lost: a job may be running and may cost money. Never retried blindly."""

    status, code = 502, "generation-maybe-submitted"


class ResultNotReady(AppError):
    """There is no finished result to fetch under this reference."""

    status, code = 409, "result-not-ready"
