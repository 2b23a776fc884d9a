"""Entries that no use made: each comes from one row, and can be reckoned again from it.

A source is written `kind:id`, as `invoice:inv_…`. `check.SOURCES` says of every kind how.
"""

from collections.abc import Iterable

from sqlmodel import Session, select

from app.ledger import rows
from app.ledger.books import Line, check_balanced
from app.ledger.models import JournalEntry
from app.ledger.posting import write_entry


def post_source(
    session: Session, kind: str, id_: str, lines: Iterable[Line], *, contract_id: str | None = None
) -> JournalEntry:
    """Post the entry of one row; posting it again returns the first entry.

    Raises EntryUnbalanced. The row itself is flushed before.
    """
    source = f"{kind}:{id_}"
    first = session.exec(select(JournalEntry).where(JournalEntry.source == source)).first()
    if first is not None:
        return first
    lines = tuple(lines)
    check_balanced(lines)  # here, and in the database when the seal is set
    entry = rows.new_entry(source=source, contract_id=contract_id)
    write_entry(session, entry, lines)
    return entry
