"""Places in the public status lists: one for each executed contract, anywhere in its list."""

import secrets

from sqlmodel import Session, col, func, select

from app.licensing.contracts.models_status import PLACES, StatusEntry


def allot(session: Session, contract_id: str) -> StatusEntry:
    """Give an executed contract its place, at random, once; amendments keep it.

    A list takes in half of what it holds, so that a free place is soon found.
    """
    entry = session.get(StatusEntry, contract_id)
    if entry is not None:
        return entry
    newest, taken = session.exec(
        select(StatusEntry.list_number, func.count())
        .group_by(col(StatusEntry.list_number))
        .order_by(col(StatusEntry.list_number).desc())
        .limit(1)
    ).first() or (1, 0)
    number = newest if taken < PLACES // 2 else newest + 1
    while True:
        index = secrets.randbelow(PLACES)
        place = select(StatusEntry).where(
            StatusEntry.list_number == number, StatusEntry.list_index == index
        )
        if session.exec(place).first() is None:
            break
    entry = StatusEntry(
        contract_id=contract_id,
        list_number=number,
        list_index=index,
        secret=secrets.token_hex(16),
    )
    session.add(entry)
    session.flush()
    return entry
