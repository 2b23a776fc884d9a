"""Who wants to be found, at what price; and a licence in minutes, with one passkey."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from sqlmodel import Session

from app import clock, db
from app.access import may
from app.identity.errors import NotAllowed
from app.identity.models_people import Passkey, Person
from app.language import _
from app.licensing.contracts import signing
from app.licensing.errors import StandingOfferNotFound
from app.licensing.standing import acceptance, catalogue, standing_document
from app.licensing.standing import service as standing
from app.licensing.standing.models import StandingOffer
from app.licensing.words import plain_language
from app.licensing.words.plain_words import WORDS
from app.registry import listing
from app.registry.errors import PerformerUnknown
from app.registry.models import Performer
from app.web.clauses import worded
from app.web.pages import PageRoute, Posted, Visitor, page, see, site
from app.web.people import Proven
from app.web.production import MEDIA, PURPOSES
from app.web.seats import Seat, acting_seat, principal_of, seat_of
from app.web.signing import asked_to_sign, keep_signed

router = APIRouter(prefix="/production", include_in_schema=False, route_class=PageRoute)
PER_PAGE = 20
APPROVER = "production_approver"
Before = Annotated[str | None, Query(max_length=40)]
Word = Annotated[str, Query(max_length=120)]


def _search(
    purpose: Word = "", medium: Word = "", territory: Word = "", language: Word = ""
) -> catalogue.Search:
    return catalogue.Search(
        purpose.strip(), medium.strip(), territory.strip().upper(), language.strip()
    )


Asked = Annotated[catalogue.Search, Depends(_search)]


@router.get("/catalogue")
@may("office")
def show_catalogue(visit: Visitor, asked: Asked, before: Before = None) -> Response:
    """List performers who want to be found, by what they allow in advance."""
    with db.reading() as session:
        seat = seat_of(session, visit, "production")
        found = catalogue.search(session, seat.principal, asked, before=before, limit=PER_PAGE)
        shown: dict[str, Any] = {
            "seat": seat,
            "asked": asked,
            "found": [(each, _cards(each.offers)) for each in found],
            "more": found[-1].performer.id if len(found) == PER_PAGE else None,
            "words": WORDS,
            "media": MEDIA,
            "purposes": PURPOSES,
        }
    return page(visit, "production_catalogue.html", here="/production/catalogue", **shown)


@router.get("/catalogue/{performer_id}")
@may("office")
def show_performer(visit: Visitor, performer_id: str, before: Before = None) -> Response:
    """Show one performer of the catalogue, with every offer this production could accept."""
    with db.reading() as session:
        seat = seat_of(session, visit, "production")
        found = listing.listed_performer(session, performer_id)
        if found is None:
            raise PerformerUnknown(
                _("nobody in the catalogue has the id %(id)s", id=performer_id[:64])
            )
        performer, listed = found
        offers = standing.open_offers(
            session, seat.principal, performer_id=performer.id, before=before, limit=PER_PAGE
        )
        shown: dict[str, Any] = {
            "seat": seat,
            "performer": performer,
            "listing": listed,
            "cards": _cards(offers),
            "more": offers[-1].id if len(offers) == PER_PAGE else None,
            "words": WORDS,
        }
    return page(visit, "production_performer.html", here="/production/catalogue", **shown)


def _cards(offers: Any) -> list[tuple[StandingOffer, Any, list[str]]]:
    """Set each offer beside its terms, and its rates in plain words."""
    return [(each, standing.terms_of(each), catalogue.rates(each)) for each in offers]


@router.get("/offers/{standing_offer_id}")
@may("office")
def show_offer(visit: Visitor, standing_offer_id: str) -> Response:
    """Show the contract that accepting makes, in plain words, and ask an approver's passkey."""
    with db.writing() as session:
        seat = seat_of(session, visit, "production")
        offer = _offer(session, seat, standing_offer_id)
        said = worded(lambda tongue: _sections(seat, offer, tongue))
        performer = session.get_one(Performer, offer.performer_id)
        state = "paused" if performer.paused_at is not None else offer.status(clock.now())
        mine = standing.contract_of(session, offer, seat.organization.id)
        asks: dict[str, Any] = {"ceremony": "", "options": "{}"}
        if seat.membership.role == APPROVER and state == "open" and mine is None:
            about = signing.statement_of(
                acceptance.contract_to_sign(offer, seat.principal),
                said["sections"],
                tongue=said["tongue"],
                role="licensee",
                organization_id=seat.organization.id,
                person_id=seat.person.id,
                origin=site().origin,
            )
            asks = asked_to_sign(session, visit, seat.person, about)
        return page(
            visit,
            "production_offer.html",
            here="/production/catalogue",
            seat=seat,
            offer=offer,
            state=state,
            performer=performer,
            mine=mine,
            rates=catalogue.rates(offer),
            **said,
            **asks,
        )


@router.post("/offers/{standing_offer_id}")
@may("office")
def accept_offer(visit: Posted, standing_offer_id: str, proof: Proven) -> Response:
    """Accept with an approver's passkey: the contract is in force, and a scene can be planned."""

    def accepts(session: Session) -> tuple[Seat, StandingOffer]:
        seat = acting_seat(session, visit, "production")
        offer = _offer(session, seat, standing_offer_id)
        if seat.membership.role != APPROVER:
            raise NotAllowed(
                _(
                    "a license is taken by an approver of %(house)s; ask one of them",
                    house=seat.organization.name,
                )
            )
        return seat, offer

    def accept(session: Session, _person: Person, used: Passkey, about: str) -> str:
        seat, offer = accepts(session)
        contract = acceptance.accept_offer(
            session,
            offer,
            principal_of(session, seat),
            made=lambda text: signing.signature_over(
                session,
                used,
                text,
                organization_id=seat.organization.id,
                role="licensee",
                about=about,
                answer=proof.answer,
            ),
        )
        return contract.series_id

    return see(f"/production/contracts/{keep_signed(visit, proof, accept, first=accepts)}/scene")


def _offer(session: Session, seat: Seat, offer_id: str) -> StandingOffer:
    """Return an offer that is signed and made to this production. Raises StandingOfferNotFound."""
    offer = standing.offer_of(session, seat.principal, offer_id)
    if offer.signed_at is None:
        raise StandingOfferNotFound(
            _("no standing offer open to you has the id %(id)s", id=offer_id[:64])
        )
    return offer


def _sections(seat: Seat, offer: StandingOffer, tongue: str) -> list[plain_language.Section]:
    text = acceptance.contract_to_sign(offer, seat.principal)
    names = {seat.organization.id: seat.organization.name}
    terms = standing_document.as_contract(text)
    return plain_language.sections(terms, names=names, tongue=tongue)
