"""The catalogue: which performers want to be found; nobody is in it who did not say so."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import Select

from app import clock, vault
from app.identity.principal import Principal
from app.registry import mandates
from app.registry.errors import NotInCatalogue, PerformerNameRefused, PerformerUnknown
from app.registry.models import Performer
from app.registry.models_listing import PerformerListing
from app.registry.models_mandates import PerformerLife

ABOUT_CHARACTERS = 600


def choose_listing(
    session: Session, performer: Performer, *, listed: bool, about: str, by: Principal
) -> PerformerListing:
    """Put a performer into the catalogue, or take them out, from this commit on.

    Their name and their words are then shown to every organization, while who chose so may choose
    for them. A portrait that another showed, who no longer may, goes away. Raises
    PerformerNameRefused for words that are overlong or unprintable, LikenessErased,
    PerformerUnknown to a house that may not choose.
    """
    said = " ".join(about.split())
    if len(said) > ABOUT_CHARACTERS or not said.isprintable():
        raise PerformerNameRefused(
            f"say it in {ABOUT_CHARACTERS} printable characters or fewer; these are {len(said)}"
        )
    session.refresh(performer, with_for_update=True)
    if listed:
        vault.check_not_erased(session, performer.id)
        if not _may_choose(session, performer, by.organization_id):
            raise PerformerUnknown(
                f"{performer.id} is not yours to show: for a minor the guardian chooses; ask them"
            )
    stands = listing_of(session, performer.id)
    if stands is not None and not _counts(session, performer, stands):
        _put_away(session, stands)
        stands.listed_at = None
    elif stands is not None and stands.organization_id != by.organization_id:
        stands.listed_at = None  # another's choice begins now, by what they may now
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
    """Return what was chosen last of a performer, or None where nothing was: they are not listed.

    Whether it still counts `is_listed` says.
    """
    return session.get(PerformerListing, performer_id)


def is_listed(session: Session, performer: Performer) -> bool:
    """Say whether a performer stands in the catalogue by a choice that still counts."""
    chosen = listing_of(session, performer.id)
    return (
        chosen is not None and chosen.listed_at is not None and _counts(session, performer, chosen)
    )


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
    if listing is None or not is_listed(session, performer):
        raise NotInCatalogue("productions cannot find you: let them, then show your portrait")
    _put_away(session, listing)
    listing.portrait_object_id = vault.seal(session, performer.id, "catalogue-still", still).id
    listing.chosen_at = clock.now()
    if listing.organization_id != by.organization_id:
        listing.listed_at = listing.chosen_at
    listing.organization_id, listing.api_key_id = by.organization_id, by.api_key_id
    session.add(listing)
    session.flush()
    return listing


def hide_portrait(session: Session, performer: Performer) -> None:
    """Show no portrait of a performer from this commit on; the still opens no more, for anybody.

    Who chose to be listed stays who did: nothing counts again by this.
    """
    session.refresh(performer, with_for_update=True)
    listing = listing_of(session, performer.id)
    if listing is not None:
        _put_away(session, listing)
        listing.chosen_at = clock.now()
        session.add(listing)
        session.flush()


def _put_away(session: Session, listing: PerformerListing) -> None:
    if listing.portrait_object_id is not None:
        vault.make_unreadable(session, listing.portrait_object_id)
        listing.portrait_object_id = None


def _counts(session: Session, performer: Performer, listing: PerformerListing) -> bool:
    return _may_choose(session, performer, listing.organization_id, since=listing.listed_at)


def _may_choose(
    session: Session, performer: Performer, organization_id: str, *, since: datetime | None = None
) -> bool:
    """Say whether a house shows a performer now: an adult's own desk, or who stands in its place.

    `since` it was chosen: by the mandate of then; one that is given again brings nothing back, and
    what was chosen for a minor, in whichever house, is over on the day they come of age.
    `_to_be_found` says the same in SQL, without the mandates' seals.
    """
    if mandates.stood_since(
        session,
        performer.id,
        organization_id,
        since or clock.now(),
        roles=mandates.IN_PLACE,
        act=mandates.SIGN,
    ):
        return True
    life = mandates.life_of(session, performer.id)
    of_age = None if life is None else life.majority_on
    was_minor = of_age is not None and (since or clock.now()).date() < of_age
    return organization_id == performer.organization_id and not was_minor


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

    Left out: who has paused, is held since their enrollment, or has died, and whose guardian chose
    it who is none any more. `among` names the only ids to look at; `before` continues a list.
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
    found = session.exec(_to_be_found().where(Performer.id == performer_id)).first()
    return found if found is not None and _counts(session, *found) else None


def _to_be_found() -> Select[Performer, PerformerListing]:
    died = select(PerformerLife.performer_id).where(col(PerformerLife.died_on).is_not(None))
    of_minors = sa.exists().where(
        col(PerformerLife.performer_id) == col(Performer.id),
        col(PerformerLife.majority_on) > sa.func.date(col(PerformerListing.listed_at)),
    )
    chose = col(PerformerListing.organization_id)
    return (
        select(Performer, PerformerListing)
        .join(PerformerListing, col(PerformerListing.performer_id) == col(Performer.id))
        .where(
            col(PerformerListing.listed_at).is_not(None),
            col(Performer.paused_at).is_(None),
            col(Performer.id).not_in(died),
            sa.or_(
                sa.and_(chose == col(Performer.organization_id), ~of_minors),
                mandates.held_by(
                    chose,
                    col(Performer.id),
                    None,
                    roles=mandates.IN_PLACE,
                    act=mandates.SIGN,
                    since=col(PerformerListing.listed_at),
                ),
            ),
        )
    )
