"""The catalogue: which performers want to be found; nobody is in it who did not say so."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from app import clock, vault
from app.identity.principal import Principal
from app.registry.errors import NotInCatalogue, PerformerNameRefused
from app.registry.models import Performer
from app.registry.models_listing import PerformerListing
from app.registry.models_mandates import PerformerLife

ABOUT_CHARACTERS = 600


def choose_listing(
    session: Session, performer: Performer, *, listed: bool, about: str, by: Principal
) -> PerformerListing:
    """Put a performer into the catalogue, or take them out, from this commit on.

    Their name and their words are then shown to every organization. Raises PerformerNameRefused
    for words that are overlong or unprintable, LikenessErased.
    """
    said = " ".join(about.split())
    if len(said) > ABOUT_CHARACTERS or not said.isprintable():
        raise PerformerNameRefused(
            f"say it in {ABOUT_CHARACTERS} printable characters or fewer; these are {len(said)}"
        )
    session.refresh(performer, with_for_update=True)
    if listed:
        vault.check_not_erased(session, performer.id)
    stands = listing_of(session, performer.id)
    listing = stands or PerformerListing(
        performer_id=performer.id,
        about=said,
        organization_id=by.organization_id,
        api_key_id=by.api_key_id,
    )
    at = clock.now()
    listing.about, listing.chosen_at = said, at
    listing.organization_id, listing.api_key_id = by.organization_id, by.api_key_id
    listing.listed_at = (listing.listed_at or at) if listed else None
    if not listed:
        _put_away(session, listing)
    session.add(listing)
    session.flush()
    return listing


def listing_of(session: Session, performer_id: str) -> PerformerListing | None:
    """Return what a performer chose last, or None where they never did: they are not listed."""
    return session.get(PerformerListing, performer_id)


def show_portrait(
    session: Session, performer: Performer, still: bytes, *, by: Principal
) -> PerformerListing:
    """Show this still of a performer in the catalogue from this commit on, instead of any before.

    It is a copy of its own, sealed in the vault under the performer's key. Raises NotInCatalogue,
    LikenessErased.
    """
    session.refresh(performer, with_for_update=True)
    vault.check_not_erased(session, performer.id)
    listing = listing_of(session, performer.id)
    if listing is None or listing.listed_at is None:
        raise NotInCatalogue("productions cannot find you: let them, then show your portrait")
    _put_away(session, listing)
    listing.portrait_object_id = vault.seal(session, performer.id, "catalogue-still", still).id
    return _chosen(session, listing, by)


def hide_portrait(session: Session, performer: Performer, *, by: Principal) -> None:
    """Show no portrait of a performer from this commit on; the still opens no more, for anybody."""
    session.refresh(performer, with_for_update=True)
    listing = listing_of(session, performer.id)
    if listing is not None:
        _put_away(session, listing)
        _chosen(session, listing, by)


def _put_away(session: Session, listing: PerformerListing) -> None:
    if listing.portrait_object_id is not None:
        vault.make_unreadable(session, listing.portrait_object_id)
        listing.portrait_object_id = None


def _chosen(session: Session, listing: PerformerListing, by: Principal) -> PerformerListing:
    listing.chosen_at = clock.now()
    listing.organization_id, listing.api_key_id = by.organization_id, by.api_key_id
    session.add(listing)
    session.flush()
    return listing


def forget_listing(session: Session, performer_id: str) -> None:
    """Take a performer who is erased out of the catalogue, and their words with them."""
    listing = listing_of(session, performer_id)
    if listing is not None:
        listing.about, listing.listed_at, listing.portrait_object_id = "", None, None
        session.add(listing)
        session.flush()


def listed_performers(
    session: Session,
    *,
    among: sa.Select[Any] | None = None,
    before: str | None,
    limit: int,
) -> Sequence[tuple[Performer, PerformerListing]]:
    """List who wants to be found and may be used at all, newest performer first.

    Left out: who has paused, is held since their enrollment, or has died. `among` names the only
    ids to look at; `before` continues a list.
    """
    found = _to_be_found()
    if among is not None:
        found = found.where(col(Performer.id).in_(among))
    if before is not None:
        found = found.where(col(Performer.id) < before)
    return session.exec(found.order_by(col(Performer.id).desc()).limit(limit)).all()


def listed_performer(
    session: Session, performer_id: str
) -> tuple[Performer, PerformerListing] | None:
    """Return one performer whom the catalogue shows now; None for all others alike."""
    return session.exec(_to_be_found().where(Performer.id == performer_id)).first()


def _to_be_found() -> Select[Performer, PerformerListing]:
    died = select(PerformerLife.performer_id).where(col(PerformerLife.died_on).is_not(None))
    return (
        select(Performer, PerformerListing)
        .join(PerformerListing, col(PerformerListing.performer_id) == col(Performer.id))
        .where(
            col(PerformerListing.listed_at).is_not(None),
            col(Performer.paused_at).is_(None),
            col(Performer.id).not_in(died),
        )
    )
