"""Taking in what an agency sent: rows, then photos, each once however often it is sent.

Nobody is registered here. A row that waits is a name, a sealed address and a photo in the vault
under a key of its own, until the person says yes or no, or nobody does in time.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from app import clock, vault, vault_text
from app.config import settings
from app.identity.models import Organization
from app.identity.principal import Principal
from app.notices import links
from app.registry.imports import addresses
from app.registry.imports.errors import EntryNotFound, EntryOver
from app.registry.imports.models import GONE, OPEN, RosterEntry
from app.registry.imports.photos import Photo
from app.registry.imports.table import Bad, Row, photo_key

KEEPS = timedelta(days=30)  # what nobody was invited by
INVITES = timedelta(days=14)
MOST_OPEN = 10_000  # of one agency
LINK, ADDRESS = "roster", "email"


def take_rows(session: Session, rows: Sequence[Row], *, by: Principal) -> tuple[int, list[Bad]]:
    """Write down whom an agency wants to bring in; return how many are new, and what cannot be.

    What was sent before and says the same is passed over. A photo belongs to one row that waits:
    a second row with its name is bad, also in another table; so is a row whose address waits, or
    rests (addresses.py). One transaction for all of `rows`.
    """
    _lock(session, by.organization_id)
    theirs = _standing(session, by.organization_id, [row.reference for row in rows])
    photos = _named(session, by.organization_id, [photo_key(row.photo) for row in rows])
    macs = {row.reference: addresses.mac_of(row.email) for row in rows}
    waits = addresses.waiting(session, by.organization_id, macs.values())
    rests = addresses.resting(session, by.organization_id, macs.values())
    room = MOST_OPEN - _open(session, by.organization_id)
    new, bad = 0, []
    for row in rows:
        found = theirs.get(row.reference)
        if found is not None:
            if (code := _differs(found, row)) is not None:
                bad.append(Bad(row, *code))
        elif photo_key(row.photo) in photos:
            bad.append(Bad(row, "photo", "twice"))
        elif macs[row.reference] in waits:
            bad.append(Bad(row, "email", "waits"))
        elif macs[row.reference] in rests:
            bad.append(Bad(row, "email", "asked-lately"))
        elif new >= room:
            bad.append(Bad(row, "reference", "full"))
        else:
            new += 1
            photos.add(photo_key(row.photo))
            waits.add(macs[row.reference])
            session.add(_entry(row, macs[row.reference], by))
    session.flush()
    return new, bad


def take_photo(session: Session, photo: Photo, *, by: Principal) -> str:
    """Seal a photo for the row that names it; return `taken`, or `unnamed` where none waits for it.

    A row whose first photo was no use takes another; one that has its photo keeps it.
    """
    _lock(session, by.organization_id)
    waits = select(RosterEntry).where(
        RosterEntry.organization_id == by.organization_id,
        RosterEntry.photo == photo.key,
        col(RosterEntry.state).in_(("no-photo", "unfit")),
    )
    entry = session.exec(waits.order_by(col(RosterEntry.id)).with_for_update()).first()
    if entry is None:
        return "unnamed"
    entry.portrait_object_id = vault.seal(session, entry.id, "portrait", photo.content).id
    entry.state, entry.reason = "received", ""
    session.add(entry)
    session.flush()
    return "taken"


def known_photos(session: Session, organization_id: str) -> dict[str, str]:
    """Return every photo that rows of an agency name and that may come, with the row's state."""
    found = select(RosterEntry.photo, RosterEntry.state).where(
        RosterEntry.organization_id == organization_id, col(RosterEntry.state).in_(OPEN)
    )
    return dict(session.exec(found).all())


def entries_of(
    session: Session,
    organization_id: str,
    *,
    states: Sequence[str],
    mail: str | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Sequence[RosterEntry]:
    """List an agency's rows in these states, oldest first; `after` continues a list.

    With `mail`, those only whose link is there.
    """
    page = select(RosterEntry).where(
        RosterEntry.organization_id == organization_id, col(RosterEntry.state).in_(states)
    )
    if mail is not None:
        page = page.where(RosterEntry.mail == mail)
    if after is not None:
        page = page.where(col(RosterEntry.id) > after)
    return session.exec(page.order_by(col(RosterEntry.id)).limit(limit)).all()


def counts_of(session: Session, organization_id: str) -> Mapping[str, int]:
    """Count an agency's rows by state."""
    counted = (
        sa.select(col(RosterEntry.state), sa.func.count())
        .where(col(RosterEntry.organization_id) == organization_id)
        .group_by(col(RosterEntry.state))
    )
    return {row[0]: row[1] for row in session.execute(counted)}


def address_of(entry: RosterEntry) -> str:
    """Open the mail address of a row that waits."""
    return vault_text.open_text(entry.id, ADDRESS, entry.address)


def link_of(entry: RosterEntry) -> str:
    """Return the address at which somebody says whether it is them, and whether they agree."""
    return f"{settings().origin}/enrollments/{links.sealed(LINK, entry.id)}"


def entry_behind(session: Session, link: str, *, lock: bool = False) -> RosterEntry:
    """Return the row a link was made for, while it may be answered. Raises EntryOver."""
    id_ = links.opened(LINK, link)
    found = None if id_ is None else session.get(RosterEntry, id_, with_for_update=lock)
    if found is None or found.state != "invited" or clock.now() >= found.expires_at:
        raise EntryOver("this link is used up, too old or unknown; ask the agency for a new one")
    return found


def take_back(session: Session, organization_id: str, entry_id: str) -> RosterEntry:
    """End a row of an agency's that waits: its link opens nothing from this commit on.

    Raises EntryNotFound, also for what has ended.
    """
    entry = session.get(RosterEntry, entry_id, with_for_update=True)
    if entry is None or entry.organization_id != organization_id or entry.state not in OPEN:
        raise EntryNotFound(f"nobody of yours waits under {entry_id[:64]}")
    return end(session, entry, "taken-back")


def end(session: Session, entry: RosterEntry, state: str) -> RosterEntry:
    """End a locked row: its photo opens no more, and name and address are forgotten.

    The worker destroys key and ciphertext after the commit. That an address was asked is known by
    a keyed hash for as long as it rests.
    """
    entry.state, entry.ended_at = state, clock.now()
    entry.address_mac = addresses.left_by(entry)
    entry.name = entry.address = entry.photo = entry.reason = entry.mail_reply = ""
    entry.mail = "" if entry.mail == "waiting" else entry.mail
    if entry.portrait_object_id is not None:
        vault.erase_owner(session, entry.id)
    session.add(entry)
    session.flush()
    return entry


def end_late(session: Session) -> int:
    """End every row that nobody answered in time; return how many."""
    late = session.exec(_late().with_for_update()).all()
    for entry in late:
        end(session, entry, "expired")
    return len(late)


def has_late(session: Session) -> bool:
    """Say whether a row waits for longer than it may."""
    return session.exec(_late()).first() is not None


def _late() -> SelectOfScalar[RosterEntry]:
    return (
        select(RosterEntry)
        .where(col(RosterEntry.state).in_(OPEN), RosterEntry.expires_at <= clock.now())
        .order_by(col(RosterEntry.id))
        .limit(100)
    )


def _entry(row: Row, mac: str, by: Principal) -> RosterEntry:
    entry = RosterEntry(
        organization_id=by.organization_id,
        api_key_id=by.api_key_id,
        reference=row.reference,
        name=row.name,
        address="",
        address_mac=mac,
        photo=photo_key(row.photo),
        expires_at=clock.now() + KEEPS,
    )
    entry.address = vault_text.seal_text(entry.id, ADDRESS, row.email)
    return entry


def _differs(entry: RosterEntry, row: Row) -> tuple[str, str] | None:
    """Say where a row says something else than the one that stands under its reference."""
    if entry.state == "refused":
        return "reference", "said-no"
    if entry.state == "confirmed":
        return None
    if entry.name != row.name:
        return "name", "differs"
    if address_of(entry).casefold() != row.email.casefold():
        return "email", "differs"
    return ("photo", "differs") if entry.photo != photo_key(row.photo) else None


def _standing(
    session: Session, organization_id: str, references: Sequence[str]
) -> dict[str, RosterEntry]:
    found = select(RosterEntry).where(
        RosterEntry.organization_id == organization_id,
        col(RosterEntry.reference).in_(references),
        col(RosterEntry.state).not_in(GONE),
    )
    return {each.reference: each for each in session.exec(found)}


def _named(session: Session, organization_id: str, photos: Sequence[str]) -> set[str]:
    """Return which of these photos a row that waits has already."""
    found = select(RosterEntry.photo).where(
        RosterEntry.organization_id == organization_id,
        col(RosterEntry.photo).in_(photos),
        col(RosterEntry.state).in_(OPEN),
    )
    return set(session.exec(found))


def _open(session: Session, organization_id: str) -> int:
    counted = sa.select(sa.func.count()).where(
        col(RosterEntry.organization_id) == organization_id, col(RosterEntry.state).in_(OPEN)
    )
    return int(session.execute(counted).scalar_one())


def _lock(session: Session, organization_id: str) -> None:
    """Have two at one agency's table wait for each other."""
    one = sa.select(col(Organization.id)).where(col(Organization.id) == organization_id)
    session.execute(one.with_for_update())
