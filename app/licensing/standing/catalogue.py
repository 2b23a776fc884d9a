"""The catalogue: performers who want to be found, by what they allow in advance, and at what price.

An offer is found by the words of its own grant, kept beside it when it is drafted. That serves the
search alone: what is licensed stands in the document, and the rules read nothing else.
"""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.identity.principal import Principal
from app.licensing.document import territories
from app.licensing.standing import service as standing
from app.licensing.standing.models import StandingOffer
from app.licensing.words.plain_money import about_money
from app.registry import listing
from app.registry.models import Performer
from app.registry.models_listing import PerformerListing

SHOWN_OFFERS = 3  # beside each performer in the list; their page has them all


class Search(NamedTuple):
    """What an offer must allow; whatever is empty is not asked for."""

    purpose: str = ""
    medium: str = ""
    territory: str = ""
    language: str = ""


class Found(NamedTuple):
    """One performer of the catalogue, and the newest offers the asker could accept."""

    performer: Performer
    listing: PerformerListing
    offers: Sequence[StandingOffer]


def search(
    session: Session, by: Principal, asked: Search, *, before: str | None, limit: int
) -> list[Found]:
    """List who wants to be found, newest performer first; `before` continues the list.

    With anything asked for, only who has an open offer to this organization that allows all of it.
    """
    allowing = None
    if any(asked):
        allowing = standing.open_to(by, sa.select(col(StandingOffer.performer_id))).where(
            *_allows(asked)
        )
    found = listing.listed_performers(session, among=allowing, before=before, limit=limit)
    offers = _newest_offers(session, by, [performer.id for performer, _ in found], asked)
    return [
        Found(performer, listed, [each for each in offers if each.performer_id == performer.id])
        for performer, listed in found
    ]


def rates(offer: StandingOffer) -> list[str]:
    """Say in plain words what a use costs under an offer: the price, and what bounds it."""
    terms = standing.terms_of(offer)
    if terms.compensation is None:
        return []
    return [
        text
        for text, pointer in about_money(terms.compensation, {})
        if not pointer.startswith(("/compensation/parties", "/compensation/ph"))
        and pointer not in ("/compensation/currency", "/compensation/model")
    ]


def _allows(asked: Search) -> list[sa.ColumnElement[bool]]:
    """Say in SQL that an offer allows all that is asked for; a place nobody knows, none allows."""
    wanted = []
    if asked.purpose:
        wanted.append(_says(f"for:{asked.purpose}"))
    if asked.medium:
        wanted.append(_says(f"on:{asked.medium}"))
    if asked.territory:
        around = territories.around(asked.territory)
        wanted.append(sa.or_(sa.false(), *(_says(f"in:{each}") for each in around)))
        wanted += [sa.not_(_says(f"not-in:{each}")) for each in around]
    if asked.language:
        parts = asked.language.split("-")
        ranges = ("*", *("-".join(parts[: at + 1]) for at in range(len(parts))))
        wanted.append(sa.or_(*(_says(f"speaks:{each}") for each in ranges)))
    return wanted


def _says(word: str) -> sa.ColumnElement[bool]:
    return col(StandingOffer.found_by).contains(f" {word} ", autoescape=True)


def _newest_offers(
    session: Session, by: Principal, performer_ids: Sequence[str], asked: Search
) -> Sequence[StandingOffer]:
    """Read the newest open offers of each of these performers, in one query, newest first."""
    number = sa.func.row_number().over(
        partition_by=col(StandingOffer.performer_id), order_by=col(StandingOffer.id).desc()
    )
    numbered = (
        standing.open_to(by, sa.select(col(StandingOffer.id), number.label("number")))
        .where(col(StandingOffer.performer_id).in_(performer_ids), *_allows(asked))
        .subquery()
    )
    newest = select(numbered.c.id).where(numbered.c.number <= SHOWN_OFFERS)
    return session.exec(
        select(StandingOffer)
        .where(col(StandingOffer.id).in_(newest))
        .order_by(col(StandingOffer.id).desc())
    ).all()
