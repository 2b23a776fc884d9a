"""Whether the books are right, and whether they are the ones that the public log holds."""

from dataclasses import replace

from app import db, publication
from app.ledger.check import LedgerCheck, check
from app.transparency.errors import CheckpointNotFound


def check_books() -> tuple[LedgerCheck, bool]:
    """Reckon the books again, then hold every row of evidence against the log, if there is one.

    The first finds what does not follow from terms and events; the second, terms and events that
    were rewritten together with all that follows. Also says whether there was a log to ask: there
    is none before the first checkpoint.
    """
    with db.reading() as session:
        found = check(session)
    if not found.ok:
        return found, False
    try:
        report = publication.check_log()
    except CheckpointNotFound:
        return found, False
    if report.difference is None:
        return found, True
    detail = f"{report.difference.where}: {report.difference.detail}"
    return replace(found, first_difference=detail), True
