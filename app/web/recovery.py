"""Pages for who has no device at hand: stop everything, come back in, and vouch for another."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from sqlmodel import Session

from app import db
from app.access import may
from app.identity import passkeys, people, recorded, sessions
from app.identity.api_edge import limited
from app.identity.errors import NotSignedIn
from app.identity.models_people import Membership, Passkey, Person
from app.recovery import codes, pausing, service
from app.registry import live
from app.registry.models_live import LiveCheck
from app.registry.poses import Still
from app.web.live import answer_live_check, show_live_check
from app.web.pages import PageRoute, Posted, Visitor, end_present, held_secret, page, see, site
from app.web.people import PER_PAGE, Place, Proven

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Code = Annotated[str, Form(min_length=1, max_length=64)]
Held = Annotated[str, Depends(held_secret)]
STRANGERS = [limited("lookups")]


@router.get("/account/recovery")
@may("person")
def show_recovery(
    visit: Visitor, of: Annotated[str, Query(alias="house")] = "", after: Place = ""
) -> Response:
    """Show what lets this person back in, what is under way, and who waits for their word.

    `house` names the one whose members go on behind `after`.
    """
    with db.reading() as session:
        person = visit.person(session)
        houses = people.memberships_of(session, person.id)
        shown: dict[str, Any] = {
            "codes": codes.how_many_stand(session, person.id),
            "under_way": [
                (each, service.what_is_missing(session, each))
                for each in service.open_recoveries_of(session, person.id)
            ],
            "waiting": service.to_vouch_for(session, person),
            "houses": [
                (house, *_others(session, person, house.id, after if house.id == of else ""))
                for membership, house in houses
                if membership.is_admin
            ],
        }
    return page(visit, "recovery_account.html", here="/account", **shown)


def _others(
    session: Session, person: Person, house_id: str, after: str
) -> tuple[list[tuple[Membership, Person]], str | None]:
    """List a page of the other members of a house, and where it goes on."""
    found = people.members_in(session, house_id, after=after, limit=PER_PAGE)
    more = found[-1][0].id if len(found) == PER_PAGE else None
    return [each for each in found if each[1].id != person.id], more


@router.post("/account/recovery/codes")
@may("person")
def print_codes(visit: Posted) -> Response:
    """Make eight codes, shown this once; earlier ones end. Wants a passkey used minutes ago."""
    with db.writing() as session:
        person = visit.fresh(session)
        service.check_may_bind(session, person.id)  # new codes void those on the person's paper
        printed = codes.print_codes(session, person)
    return page(visit, "recovery_codes.html", status=201, codes=printed)


@router.post("/recoveries/{recovery_id}/cancellation")
@may("person")
def cancel(visit: Posted, recovery_id: str) -> Response:
    """Stop a recovery of oneself, at once."""
    with db.writing() as session:
        service.cancel(session, visit.person(session), recovery_id)
    return see("/account/recovery")


@router.post("/memberships/{membership_id}/recovery")
@may("administrator")
def begin_for_member(visit: Posted, membership_id: str) -> Response:
    """Begin a recovery for a member, as the first of two administrators."""
    with db.writing() as session:
        service.begin_by_administrator(session, visit.fresh(session), membership_id)
    return see("/account/recovery")


@router.get("/recoveries/{recovery_id}/vouch")
@may("person")
def show_vouching(visit: Visitor, recovery_id: str) -> Response:
    """Ask whoever may vouch whether they saw the person; nobody else learns that it is there."""
    with db.reading() as session:
        found, person = service.recovery_to_vouch(session, visit.person(session), recovery_id)
    return page(visit, "recovery_vouch.html", recovery=found, person=person)


@router.post("/recoveries/{recovery_id}/vouch")
@may("person")
def vouch(visit: Posted, recovery_id: str) -> Response:
    """Vouch; the second administrator is shown the link to hand over. Wants a fresh passkey."""
    with db.writing() as session:
        found, secret = service.vouch(session, visit.fresh(session), recovery_id)
        person = session.get_one(Person, found.person_id)
    link = f"{site().origin}/recovery/{secret}" if secret else ""
    return page(
        visit, "recovery_vouched.html", status=201, recovery=found, person=person, link=link
    )


@router.get("/recover")
@may("anyone")
def show_beginning(visit: Visitor) -> Response:
    """Ask for a printed code."""
    return page(visit, "recover.html")


@router.post("/recover", dependencies=STRANGERS)
@may("link")
def begin(_visit: Posted, code: Code) -> Response:
    """Begin a recovery with a printed code, and lead to the address it is completed at."""
    with db.writing() as session:
        _, secret = service.begin_by_code(session, code)
    return see(f"/recovery/{secret}")


@router.get("/recovery/{secret}", dependencies=STRANGERS)
@may("link")
def show_completion(visit: Visitor, secret: str) -> Response:
    """Say what a recovery waits for; once nothing, ask the browser for a new passkey."""
    with db.writing() as session:
        found = service.recovery_behind(session, secret)
        person = session.get_one(Person, found.person_id)
        missing = service.what_is_missing(session, found)
        can_be_checked = service.performer_to_check(session, found) is not None
        checked = live.passed_for(session, found.id)
        ceremony, options = "", "{}"
        if not missing:
            asked = passkeys.begin(session, "enroll", visit.binder, person_id=person.id)
            known = passkeys.passkeys_of(session, person.id)
            ceremony = asked.id
            options = passkeys.enrollment_options(site(), asked, name=person.name, known=known)
    return page(
        visit,
        "recovery.html",
        secret=secret,
        recovery=found,
        person=person,
        missing=missing,
        can_be_checked=can_be_checked and not checked,
        checked=checked,
        vouch_link=f"{site().origin}/recoveries/{found.id}/vouch",
        ceremony=ceremony,
        options=options,
    )


@router.post("/recovery/{secret}", dependencies=STRANGERS)
@may("link")
def complete(visit: Posted, secret: str, proof: Proven) -> Response:
    """Enroll the new passkey and sign the person in; older devices go on to work."""
    with db.writing() as session:
        found = service.recovery_behind(session, secret, lock=True)
        taken = passkeys.take(session, proof.ceremony, "enroll", visit.binder)
        passkey = service.complete(session, site(), found, taken, answer=proof.answer)
        opened = _signed_in(session, visit, passkey)
    return see("/account", secret=opened)


@router.post("/recovery/{secret}/checks", dependencies=STRANGERS)
@may("link")
def begin_check(_visit: Posted, secret: str) -> Response:
    """Ask for poses in a new order, instead of a word; five times a day."""
    with db.writing() as session:
        found = service.recovery_behind(session, secret, lock=True)
        check = service.begin_live_check(session, found)
    return see(f"/recovery/{secret}/checks/{check.id}")


@router.get("/recovery/{secret}/checks/{live_check_id}", dependencies=STRANGERS)
@may("link")
def show_check(visit: Visitor, secret: str, live_check_id: str) -> Response:
    """Ask for a still of each pose, or say how it ended."""
    with db.reading() as session:
        found = service.recovery_behind(session, secret)
        check = live.check_for(session, found.id, live_check_id)
    return show_live_check(visit, check, f"/recovery/{secret}")


@router.post("/recovery/{secret}/checks/{live_check_id}", dependencies=[limited("files")])
@may("link")
async def answer_check(
    request: Request, visit: Visitor, secret: str, live_check_id: str
) -> Response:
    """Compare the stills with the portrait, and throw them away."""
    return await answer_live_check(
        request,
        visit,
        _CheckForRecovery(secret, live_check_id),
        f"/recovery/{secret}/checks/{live_check_id}",
    )


@dataclass(frozen=True)
class _CheckForRecovery:
    """A live check by the link of a recovery."""

    secret: str
    check_id: str

    def check(self, session: Session) -> LiveCheck:
        found = service.recovery_behind(session, self.secret)
        return live.check_for(session, found.id, self.check_id)

    def keep(self, session: Session, seen: list[Still], sha256s: list[bytes], at: datetime) -> None:
        found = service.recovery_behind(session, self.secret, lock=True)
        service.answer_live_check(session, found, self.check_id, seen, sha256s, at=at)


def _signed_in(session: Session, visit: Posted, passkey: Passkey) -> str:
    end_present(session, visit)
    return sessions.sign_in(session, passkey, browser=visit.browser)[1]


@router.get("/pause")
@may("anyone", at_any_time=True)
def show_stop_by_code(visit: Visitor, secret: Held) -> Response:
    """Offer to stop everything: at once to who is signed in, to everybody with a printed code."""
    if not recorded.is_known():
        recorded.look()
    return page(visit, "stop.html", link="", stopped=None, signed_in_here=_may_stop(secret))


def _may_stop(secret: str) -> bool:
    with db.reading() as session:
        try:
            return bool(pausing.stoppable(session, pausing.person_signed_in(session, secret)))
        except NotSignedIn:
            return False


@router.post("/pause/everything")
@may("person", at_any_time=True)
def stop_signed_in(visit: Posted, secret: Held) -> Response:
    """Stop every use of every replica of who is signed in, whatever the hour is."""
    if not recorded.is_known():
        recorded.look()
    with db.writing() as session:
        names = [each.name for each in pausing.stop_signed_in(session, secret)]
    return page(visit, "stop.html", link="", stopped=bool(names), names=names)


@router.post("/pause", dependencies=STRANGERS)
@may("link", at_any_time=True)
def stop_by_code(visit: Posted, code: Code) -> Response:
    """Stop every use of every replica of who holds this code; it is not used up.

    Who found the paper is told of nobody.
    """
    with db.writing() as session:
        stopped = pausing.stop_by_code(session, code)
    return page(visit, "stop.html", link="", stopped=bool(stopped), names=[])


@router.get("/pause/{link}", dependencies=STRANGERS)
@may("link", at_any_time=True)
def show_stop(visit: Visitor, link: str) -> Response:
    """Ask whether everything is to be stopped; a program that opens every link stops nothing."""
    with db.reading() as session:
        pausing.person_behind(session, link)
    return page(visit, "stop.html", link=link, stopped=None, signed_in_here=False)


@router.post("/pause/{link}", dependencies=STRANGERS)
@may("link", at_any_time=True)
def stop(visit: Posted, link: str) -> Response:
    """Stop every use of every replica of who was sent this link. Resuming needs a passkey.

    Who reads another's mail is told of nobody.
    """
    with db.writing() as session:
        stopped = pausing.stop_by_link(session, link)
    return page(visit, "stop.html", link=link, stopped=bool(stopped), names=[])
