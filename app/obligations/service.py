"""What is owed, by whom, until when, and what proves that it was done: one list, kept nowhere.

Every line is read from where it follows: requests for approval and previews, drafts and copies at
vendors, terms of contracts, permits, closed periods, payouts, invoices and cases. Nothing here is
a second truth: what is done is seen where it was done.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlmodel import Session

from app import clock
from app.obligations import money, people, records
from app.obligations.errors import CursorUnknown
from app.obligations.rows import STATES, Asked, Obligation, Source

SOURCES: dict[str, tuple[Source, ...]] = {
    "approval": (people.approvals,),
    "preview": (people.previews,),
    "label": (records.labels,),
    "deletion": (records.drafts, records.vendor_copies, records.likeness_data),
    "report": (money.reports,),
    "payout": (money.payouts, money.balances),
    "invoice": (money.invoices,),
    "case": (people.cases,),
}


def owed(
    session: Session,
    organization_id: str | None,
    *,
    state: str = "open",
    kind: str | None = None,
    after: str | None = None,
    limit: int = 50,
    house: Session | None = None,
) -> Sequence[Obligation]:
    """List what is owed by an organization or to it, what is due first at the top.

    `state` is one word of STATES: `open`, `done` (newest first), `missed` (too late for an answer
    to count) or `lasting` (owed for as long as something is shown; no deed ends it). Without an
    organization, for the operator: everybody's. One query for each source, however much there is;
    `after` is `mark` of the last one of the page before. `house` sees every row, where `session`
    sees one organization's: whether a period was issued is read in it. Raises CursorUnknown.
    """
    if state not in STATES or (kind is not None and kind not in SOURCES):
        return []
    asked = Asked(organization_id, state, clock.now(), _from_mark(after), limit, house)
    sources = (
        SOURCES[kind] if kind is not None else [each for all_ in SOURCES.values() for each in all_]
    )
    found = [row for source in sources for row in source(session, asked)]
    found.sort(key=lambda each: (each.sort_at, each.key), reverse=asked.newest_first)
    return found[:limit]


def mark(obligation: Obligation) -> str:
    """Name the place of a line in its list: where the next page begins."""
    return f"{obligation.sort_at.astimezone(UTC):%Y%m%dT%H%M%S.%f}~{obligation.key}"


def _from_mark(text: str | None) -> tuple[datetime, str] | None:
    if text is None:
        return None
    at, _, key = text.partition("~")
    try:
        return datetime.strptime(at, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC), key
    except ValueError:
        raise CursorUnknown("this is no place in a list; take `next_after` as it stands") from None
