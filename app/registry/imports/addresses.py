"""How often one mail address may be asked, by whom: told apart by a keyed hash alone.

One invitation of an agency's waits for an address at a time. Who said no, or did not answer, is
left alone by every agency for REST; who was taken back, by that agency. The hash outlives the
address for that long, and is forgotten then. An agency is told of what it asked itself: a row to
somebody whom another one asked is taken in like any, and no mail of ours goes out.
"""

import hmac
from collections.abc import Iterable
from datetime import timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock, keys
from app.registry.imports.models import OPEN, RosterEntry

REST = timedelta(days=30)
ARRIVED = ("sent", "by-hand")  # as far as anybody knows


def mac_of(address: str) -> str:
    """Return what an address is told apart by: HMAC-SHA256 under the link key, in hex.

    Small and large letters count as one, and so does what stands after a plus: one mailbox.
    """
    local, _, domain = address.casefold().rpartition("@")
    mailbox = f"{local.partition('+')[0]}@{domain}"
    return hmac.digest(keys.secret("link"), f"roster:address:{mailbox}".encode(), "sha256").hex()


def waiting(session: Session, organization_id: str, macs: Iterable[str]) -> set[str]:
    """Return which of these addresses somebody who waits at this agency has."""
    found = select(RosterEntry.address_mac).where(
        RosterEntry.organization_id == organization_id,
        col(RosterEntry.address_mac).in_(_known(macs)),
        col(RosterEntry.state).in_(OPEN),
    )
    return set(session.exec(found))


def resting(session: Session, organization_id: str, macs: Iterable[str]) -> set[str]:
    """Return which of these addresses this agency asked lately itself, and may not ask now."""
    found = select(RosterEntry.address_mac).where(
        col(RosterEntry.address_mac).in_(_known(macs)),
        col(RosterEntry.ended_at) > clock.now() - REST,
        RosterEntry.organization_id == organization_id,
    )
    return set(session.exec(found))


def is_left_alone(session: Session, entry: RosterEntry) -> bool:
    """Say whether somebody said no to another agency lately, or did not answer one.

    A row that no mail went out for (without `message_id`) asked nobody, and gives no rest.
    """
    asked = select(RosterEntry.id).where(
        RosterEntry.address_mac == entry.address_mac,
        col(RosterEntry.address_mac) > "",
        col(RosterEntry.ended_at) > clock.now() - REST,
        col(RosterEntry.state).in_(("refused", "expired")),
        col(RosterEntry.organization_id) != entry.organization_id,
        sa.or_(col(RosterEntry.message_id) > "", col(RosterEntry.state) == "refused"),
    )
    return session.exec(asked.limit(1)).first() is not None


def left_by(entry: RosterEntry) -> str:
    """Return the hash that a row keeps as it ends: none where they agreed, or were never asked."""
    asked = entry.invited_at is not None and entry.mail in ARRIVED
    keeps = entry.state == "refused" or (asked and entry.state != "confirmed")
    return entry.address_mac if keeps else ""


def has_rested(session: Session) -> bool:
    """Say whether a hash is to be forgotten."""
    return session.exec(select(RosterEntry.id).where(*_rested()).limit(1)).first() is not None


def forget_rested(session: Session) -> None:
    """Forget the hashes of addresses that anybody may ask again."""
    session.execute(sa.update(RosterEntry).where(*_rested()).values(address_mac=""))


def _known(macs: Iterable[str]) -> list[str]:
    """Leave out rows of before there were hashes: nothing limits them."""
    return [mac for mac in macs if mac]


def _rested() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        col(RosterEntry.address_mac) > "",
        col(RosterEntry.ended_at) <= clock.now() - REST,
    )
