"""Whether a contract licensed its use at an instant, in one word, for who was not there."""

from datetime import datetime
from hashlib import sha256

from app.licensing.contracts.models import Contract
from app.licensing.document import contract as documents
from app.licensing.document import local_days


def license_state(contract: Contract, *, at: datetime, permitted_at: datetime | None = None) -> str:
    """Say in one word whether this contract licensed its use at an instant.

    `licensed`, `not-executed`, `not-begun`, `expired`, `withdrawn`, or `tampered` where the stored
    document is not the one that was signed. What was permitted before (`permitted_at`) may be
    finished after a withdrawal or the term's end, where the contract says so; a notice given runs
    its days. The policies in `policies/` decide the same.
    """
    document = contract.document.encode()
    if sha256(document).hexdigest() != contract.document_sha256:
        return "tampered"
    terms = documents.recorded(document)
    term, ending, instant = terms.grant.term, terms.revocation, local_days.micros(at)
    if contract.executed_at is None or at < contract.executed_at:
        return "not-executed"
    if contract.withdrawn_at is not None and at >= contract.withdrawn_at:
        stops_at = local_days.micros(contract.withdrawn_at)
        if ending.wind_down == "notice_period":
            stops_at = local_days.add_days(stops_at, ending.notice_days, term.tz)
        in_flight = permitted_at is not None and permitted_at < contract.withdrawn_at
        if instant >= stops_at and not (in_flight and ending.wind_down == "finish_in_flight"):
            return "withdrawn"
    if instant < term.starts_at:
        return "not-begun"
    in_flight = permitted_at is not None and local_days.micros(permitted_at) < term.ends_at
    if instant >= term.ends_at and not (in_flight and ending.expiry_in_flight == "finish"):
        return "expired"
    years = terms.policy.max_term_years  # a law the parties chose may end it earlier
    if years is not None and instant < term.ends_at:
        return "licensed" if instant < term.capped_at(years) else "expired"
    return "licensed"
