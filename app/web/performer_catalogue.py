"""Do I want to be found, and on what terms may anybody fitting have a license at once?"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Response
from sqlmodel import Session

from app import clock, db
from app.access import may
from app.gateway.generators import catalogue as models
from app.identity.errors import NotAllowed
from app.identity.models_people import Passkey, Person
from app.language import _, marked
from app.licensing.boundaries import service as boundaries
from app.licensing.contracts import signatories, signing
from app.licensing.errors import StandingOfferNotFound
from app.licensing.standing import catalogue, standing_document, stated
from app.licensing.standing import service as standing
from app.licensing.standing.models import StandingOffer
from app.licensing.words import plain_language
from app.recovery import service as recovery
from app.registry import listing, mandates
from app.registry import service as registry
from app.registry.errors import PerformerUnknown
from app.registry.models import Performer
from app.web.clauses import worded
from app.web.pages import PageRoute, Posted, Visit, Visitor, page, see, site
from app.web.people import Proven
from app.web.performer import nobody_enrolled
from app.web.seats import Seat, acting_seat, principal_of, seat_of, seats_of
from app.web.signing import asked_to_sign, keep_signed

router = APIRouter(prefix="/performer", include_in_schema=False, route_class=PageRoute)
PER_PAGE = 20
ANYBODY = marked("whoever accepts it")
PerformerId = Annotated[str, Form(max_length=40)]
Word = Annotated[str, Form(min_length=1, max_length=200)]


@router.get("/catalogue")
@may("desk")
def show_listing(
    visit: Visitor,
    of: Annotated[str | None, Query(max_length=40)] = None,
    before: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """Say whether I am in the catalogue, what it says of me, and my terms for everybody."""
    with db.reading() as session:
        seat, performer = _performer(session, visit, of)
        chosen = listing.listing_of(session, performer.id)
        offers = standing.offers_of(session, performer, before=before, limit=PER_PAGE)
        shown: dict[str, Any] = {
            "seat": seat,
            "writes": _writes(seat),
            "performer": performer,
            "listed": listing.is_listed(session, performer),
            "pictured": chosen is not None and chosen.portrait_object_id is not None,
            "about": chosen.about if chosen else "",
            "longest": listing.ABOUT_CHARACTERS,
            "offers": [
                (each, each.status(clock.now()), standing.terms_of(each), catalogue.rates(each))
                for each in offers
            ],
            "more": offers[-1].id if len(offers) == PER_PAGE else None,
            "generators": [
                each["model"] for each in models.listing() if each["state"] == "available"
            ],
            "a_year_on": clock.now().date() + timedelta(days=365),
        }
    return page(visit, "performer_catalogue.html", here="/performer/catalogue", **shown)


@router.post("/catalogue")
@may("desk")
def choose_listing(
    visit: Posted,
    performer_id: PerformerId,
    listed: Annotated[bool, Form()] = False,
    about: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Stand in the catalogue from now on, or no longer."""
    with db.writing() as session:
        if listed:
            recovery.check_may_bind(session, visit.person(session).id)
        seat = acting_seat(session, visit, "performer")
        performer = registry.performer_in_place(
            session, seat.organization.id, performer_id, stops=not listed
        )
        by = principal_of(session, seat)
        said = about.replace("\x00", " ")
        listing.choose_listing(session, performer, listed=listed, about=said, by=by)
    return see(f"/performer/catalogue?of={performer.id}")


def _stated(  # noqa: PLR0917 - FastAPI fills them in by name
    born_on: Annotated[date, Form()],
    rate: Word,
    least: Word,
    total: Word,
    currency: Word,
    seconds: Annotated[int, Form(ge=1, le=10**6)],
    times: Annotated[int, Form(ge=1, le=10**6)],
    territories: Word,
    languages: Word,
    generator: Word,
    tz: Word,
    until: Annotated[date, Form()],
    shown_first: Annotated[bool, Form()] = False,
    takes: Annotated[bool, Form()] = False,
) -> stated.Stated:
    return stated.Stated(
        born_on=born_on,
        rate=rate.strip(),
        least=least.strip(),
        total=total.strip(),
        currency=currency.strip().upper(),
        seconds=seconds,
        times=times,
        territories=tuple(territories.replace(",", " ").upper().split()),
        languages=tuple(languages.replace(",", " ").split()),
        generator=generator.strip(),
        tz=tz.strip(),
        until=until,
        shown_first=shown_first,
        takes=takes,
    )


Stated = Annotated[stated.Stated, Depends(_stated)]


@router.post("/offers")
@may("desk")
def draft_offer(visit: Posted, performer_id: PerformerId, said: Stated) -> Response:
    """Draft terms for every production; nobody sees them before I have signed."""
    with db.writing() as session:
        seat = seat_of(session, visit, "performer")
        if not _writes(seat):
            raise NotAllowed(_("terms are written by the performer, a guardian or an estate"))
        performer = next((each for each in _theirs(session, seat) if each.id == performer_id), None)
        if performer is None:
            raise PerformerUnknown(_("no performer of yours has the id %(id)s", id=performer_id))
        document = stated.offer_from(
            said, performer_id=performer.id, name=performer.name, today=clock.now().date()
        )
        offer = standing.draft_offer(session, seat.organization.id, document)
    return see(f"/performer/offers/{offer.id}")


@router.get("/offers/{standing_offer_id}")
@may("desk")
def show_offer(visit: Visitor, standing_offer_id: str) -> Response:
    """Read an offer in plain words; sign it in advance, or take it back."""
    with db.writing() as session:
        seat, offer, role = _at_table(session, visit, standing_offer_id)
        said = worded(lambda tongue: _sections(seat, offer, tongue))
        state = offer.status(clock.now())
        asks: dict[str, Any] = {"ceremony": "", "options": "{}"}
        crossed: Sequence[Any] = ()
        if state == "draft" and role is not None:
            about = signing.statement_of(
                offer.document.encode(),
                said["sections"],
                tongue=said["tongue"],
                role=role,
                organization_id=seat.organization.id,
                person_id=seat.person.id,
                origin=site().origin,
            )
            asks = asked_to_sign(session, visit, seat.person, about)
            crossed = boundaries.crossed(session, offer.performer_id, standing.terms_of(offer))
        return page(
            visit,
            "performer_offer.html",
            here="/performer/catalogue",
            seat=seat,
            offer=offer,
            role=role,
            may_take_back=_writes(seat),
            caps=standing.document_of(offer).caps,
            currency=standing.currency_of(offer),
            state=state,
            rates=catalogue.rates(offer),
            **said,
            crossed=crossed,
            **asks,
        )


@router.post("/offers/{standing_offer_id}")
@may("desk")
def sign_offer(
    visit: Posted,
    standing_offer_id: str,
    proof: Proven,
    acknowledged: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Sign in advance with a passkey: from now on whoever fits may accept."""

    def signs(session: Session) -> tuple[Seat, StandingOffer, str]:
        seat, offer, role = _at_table(session, visit, standing_offer_id)
        if role is None:
            raise NotAllowed(
                _("an adult signs themselves; for a minor a guardian, after a death an estate")
            )
        return seat, offer, role

    def sign(session: Session, _person: Person, used: Passkey, about: str) -> None:
        seat, offer, role = signs(session)
        standing.sign_offer(
            session,
            offer,
            seat.organization.id,
            role=role,
            made=lambda text: signing.signature_over(
                session,
                used,
                text,
                organization_id=seat.organization.id,
                role=role,
                about=about,
                answer=proof.answer,
            ),
            acknowledged=acknowledged,
        )

    keep_signed(visit, proof, sign, first=signs)
    return see(f"/performer/offers/{standing_offer_id}")


@router.post("/offers/{standing_offer_id}/retraction")
@may("desk")
def retract_offer(visit: Posted, standing_offer_id: str) -> Response:
    """Let nobody accept it any more, at once; contracts made from it stay."""
    with db.writing() as session:
        seat, offer, _role = _at_table(session, visit, standing_offer_id)
        if not _writes(seat):
            raise NotAllowed(_("terms are taken back by the performer, a guardian or an estate"))
        standing.retract_offer(session, offer)
    return see(f"/performer/catalogue?of={offer.performer_id}")


def _writes(seat: Seat) -> bool:
    """Whether somebody writes terms, and takes them back: one who could sign such, of any house."""
    return any(seat.membership.role in signing.SIGNS[role] for role in signatories.IN_ADVANCE)


def _theirs(session: Session, seat: Seat) -> list[Performer]:
    """List for whom terms are written here: the house's own, and in whose place it signs."""
    return registry.performers_in_place(session, seat.organization.id)


def _at_table(
    session: Session, visit: Visit, offer_id: str
) -> tuple[Seat, StandingOffer, str | None]:
    """Return where somebody sits at an offer, and in which role they sign it; None where in none.

    From memberships and from what is registered. Raises StandingOfferNotFound, NotSignedIn.
    """
    looking: tuple[Seat, StandingOffer, str | None] | None = None
    for seat in seats_of(session, visit):
        if seat.organization.kind != "performer":
            continue
        try:
            offer = standing.offer_of(session, seat.principal, offer_id, own=True)
        except StandingOfferNotFound:
            continue
        role = _signs_as(session, seat, offer)
        if role is not None:
            return seat, offer, role
        looking = looking or (seat, offer, None)
    if looking is None:
        raise StandingOfferNotFound(_("no terms of yours have the id %(id)s", id=offer_id[:64]))
    return looking


def _signs_as(session: Session, seat: Seat, offer: StandingOffer) -> str | None:
    performer = session.get_one(Performer, offer.performer_id)
    life, terms = mandates.life_of(session, performer.id), standing.terms_of(offer)
    for role in signatories.IN_ADVANCE:
        if (
            seat.membership.role in signing.SIGNS[role]
            and signatories.holds(session, performer, seat.organization.id, role)
            and signatories.why_not_in_advance(terms, life, role, clock.now()) is None
        ):
            return role
    return None


def _sections(seat: Seat, offer: StandingOffer, tongue: str) -> list[plain_language.Section]:
    text = standing_document.contract_from(offer.document.encode(), ANYBODY)
    names = {seat.organization.id: seat.organization.name}
    terms = standing_document.as_contract(text)
    return plain_language.sections(terms, names=names, tongue=tongue)


def _performer(session: Session, visit: Visit, of: str | None) -> tuple[Seat, Performer]:
    seat = seat_of(session, visit, "performer")
    found = [each for each in _theirs(session, seat) if of in (None, each.id)]
    if not found:
        raise nobody_enrolled(seat)
    return seat, found[0]
