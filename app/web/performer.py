"""The performer's pages: what is asked of me, where am I right now, what did I earn; and stop."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session

from app import clock, db, vault
from app.access import may
from app.gateway import shown as work
from app.gateway.withdrawal import consequences
from app.language import _
from app.ledger import earnings
from app.ledger import service as ledger
from app.ledger.errors import RoyaltyRefused
from app.ledger.quotes import quote
from app.ledger.usage import UsageEvent
from app.licensing.approvals.asked import approvals_of
from app.licensing.boundaries import service as boundaries
from app.licensing.contracts import handing_on, listing, ratification, service, signing
from app.licensing.contracts.models import Contract
from app.licensing.decisions import approval_requests
from app.licensing.document import contract as documents
from app.licensing.errors import ContractNotFound
from app.licensing.mandates import deaths
from app.licensing.mandates import service as mandating
from app.licensing.words.plain_language import Section
from app.licensing.words.plain_words import WORDS
from app.problems import InvalidRequest
from app.recovery import service as recovery
from app.registry import lives, mandates
from app.registry import service as registry
from app.registry.errors import PerformerUnknown
from app.registry.models import Performer
from app.web.clauses import worded
from app.web.clocks import clock_of, clocks_of
from app.web.pages import PageRoute, Posted, Visit, Visitor, page, see
from app.web.seats import Seat, acting_seat, principal_of, seat_of

router = APIRouter(prefix="/performer", include_in_schema=False, route_class=PageRoute)
LATELY = 6  # outputs on the first page
WAITING = 20
ContractId = str


def desk_of(session: Session, visit: Visit) -> tuple[Seat, list[Performer]]:
    """Return who is here, and the performers of that house: as a rule themselves alone."""
    seat = seat_of(session, visit, "performer")
    return seat, list(registry.performers_at(session, seat.organization.id))


def may_enroll(seat: Seat) -> bool:
    """Say whether who sits there registers a likeness: their own, a child's, or for an estate."""
    return seat.membership.role in ("performer", "guardian", "estate")


def nobody_enrolled(seat: Seat) -> InvalidRequest:
    """Say that a house has no performer yet, and lead who may act to where one is enrolled."""
    why = _("no performer is registered in this house yet; enroll one first")
    if not may_enroll(seat):
        return InvalidRequest(why)
    mine = _("Register my likeness") if seat.may_act else _("Register a likeness")
    return InvalidRequest(why, leads_to=("/performer/enroll", mine))


def _living(session: Session, performers: list[Performer]) -> list[Performer]:
    """Leave out whose likeness was erased: that stays paused for ever."""
    return [each for each in performers if not vault.is_erased(session, each.id)]


@router.get("")
@may("desk")
def show_home(visit: Visitor) -> Response:
    """Answer three questions: what is asked of me, where am I now, what did I earn."""
    with db.reading() as session:
        seat, performers = desk_of(session, visit)
        living, at = _living(session, performers), clock.now()
        free = [each for each in living if not registry.is_held(session, each)]
        asked = listing.awaiting_performer(session, seat.organization.id, limit=WAITING)
        to_ratify = ratification.awaiting(session, seat.organization.id)
        waiting = approvals_of(session, seat.organization.id, state="waiting", limit=WAITING)
        approvals = [each for each in waiting if each.open_to(seat.organization.id, at)]
        shown: dict[str, Any] = {
            "seat": seat,
            "may_enroll": may_enroll(seat),
            "performers": performers,
            "living": free,
            "paused": [] if any(each.paused_at is None for each in free) else free,
            "resumes": any(_is_decided_here(session, each) for each in free),
            "dead": [_held_dead(session, each) for each in living
                     if mandates.is_dead(session, each.id)],
            "held": [registry.why_held(session, each) for each in living if each not in free],
            "asked": _with_terms(asked),
            "to_ratify": _with_terms(to_ratify),
            "approvals": approvals,
            "clocks": clocks_of(session, {each.request.contract_id for each in approvals}),
            "looks": work.outputs_of(
                session, _ids(performers), state="awaiting-preview", limit=WAITING
            ),
            "names": listing.licensees_of(session, [*asked, *to_ratify]),
            "words": WORDS,
            "outputs": work.outputs_of(session, _ids(performers), limit=LATELY),
            "earned": _earned(session, performers),
        }  # fmt: skip
    return page(visit, "performer_home.html", here="/performer", **shown)


def _held_dead(session: Session, performer: Performer) -> dict[str, Any]:
    """Say since when a performer is held to be dead, and whether somebody here objected."""
    life = mandates.life_of(session, performer.id)
    return {
        "name": performer.name,
        "died_on": life.died_on if life else None,
        "disputed": lives.is_disputed(session, performer.id),
        "asked": deaths.is_asked(session, performer.id),
    }


def _with_terms(contracts: Sequence[Contract]) -> list[tuple[Contract, documents.Contract]]:
    return [(each, documents.recorded(each.document.encode())) for each in contracts]


def _ids(performers: list[Performer]) -> list[str]:
    return [each.id for each in performers]


def _earned(session: Session, performers: list[Performer]) -> list[dict[str, Any]]:
    """Sum what the last twelve months brought, and what of all is not paid out yet, by currency."""
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    since = today - timedelta(days=365)
    earned: dict[str, int] = {}
    owed: dict[str, int] = {}
    for performer in performers:
        account = f"performer:{performer.id}:payable"
        for month in earnings.by_month(session, account, since=since):
            earned[month.currency] = earned.get(month.currency, 0) + month.amount_minor
        for (_account, currency), minor in ledger.balances(session, account=account).items():
            owed[currency] = owed.get(currency, 0) - minor
    return [
        {"currency": code, "earned": earned.get(code, 0), "owed": owed.get(code, 0)}
        for code in sorted({*earned, *owed})
    ]


@router.post("/pause")
@may("desk")
def pause_everything(visit: Posted) -> Response:
    """Stop every new use of every replica of this house at once, as `POST …/pause` does."""
    with db.writing() as session:
        for performer in _themselves(session, visit):
            registry.pause(session, performer)
    return see("/performer")


@router.post("/alive")
@may("desk")
def say_alive(visit: Posted) -> Response:
    """Say that one lives though a death is on record: every use stops, and operators are asked.

    Wants a passkey used minutes ago: it is evidence of who lives.
    """
    with db.writing() as session:
        person_id = visit.fresh(session).id
        for each in _themselves(session, visit):
            performer = mandating.lock(session, each.id)
            if mandates.is_dead(session, performer.id):
                deaths.object_to(session, performer, person_id)
    return see("/performer")


@router.post("/resume")
@may("desk")
def resume_everything(visit: Posted) -> Response:
    """Allow uses again, as far as the contracts do. Wants a passkey used minutes ago."""
    with db.writing() as session:
        recovery.check_may_bind(session, visit.fresh(session).id)
        everybody = _living(session, _themselves(session, visit))
        free = [each for each in everybody if not registry.is_held(session, each)]
        mine = [each for each in free if _is_decided_here(session, each)]
        for each in mine or free:  # of nobody else's; where all are, why not is said
            house = each.organization_id
            registry.resume(session, registry.performer_in_place_locked(session, house, each.id))
    return see("/performer")


def _is_decided_here(session: Session, performer: Performer) -> bool:
    """Say whether no guardian and no estate decides in a performer's place."""
    try:
        registry.performer_in_place(session, performer.organization_id, performer.id)
    except PerformerUnknown:
        return False
    return True


def _themselves(session: Session, visit: Visit) -> list[Performer]:
    acting_seat(session, visit, "performer")
    return sorted(desk_of(session, visit)[1], key=lambda each: each.id)  # the order of locks


@router.get("/requests/{contract_id}")
@may("desk")
def show_request(visit: Visitor, contract_id: ContractId) -> Response:
    """Say in plain words what is asked, what is not allowed, and what it brings."""
    with db.reading() as session:
        seat, performers = desk_of(session, visit)
        contract = service.newest_document_of(session, seat.organization.id, contract_id)
        if contract.performer_id not in _ids(performers):
            raise ContractNotFound(_("nothing was asked of you under %(id)s", id=contract_id[:64]))
        terms = documents.recorded(contract.document.encode())
        said = worded(lambda tongue: signing.sections(session, contract, tongue=tongue))
        shown: dict[str, Any] = {
            "seat": seat,
            "contract": contract,
            "terms": terms,
            "words": WORDS,
            "state": listing.state_now(contract),
            "signed": {each.role for each in service.signatures_of(session, contract)},
            "names": listing.licensees_of(session, [contract]),
            **said,
            "places": _sentence(said["sections"], "/grant/territories"),
            "brings": _brings(contract, terms),
            "crossed": boundaries.unsigned_crossings(session, contract),
            "agents": handing_on.agents_of(session, contract),
            "agents_asked": handing_on.asked_of(session, contract),
        }
    return page(visit, "performer_request.html", here="/performer", **shown)


def _sentence(said: list[Section], pointer: str) -> str:
    return next((text for each in said for text, field in each.sentences if field == pointer), "")


def _brings(contract: Contract, terms: documents.Contract) -> dict[str, Any] | None:
    """Price the largest use the contract allows in one piece, after agent and withholding."""
    quota = terms.grant.quota
    seconds = quota.max_seconds or quota.max_seconds_per_output
    if terms.compensation is None or seconds is None:
        return None
    event = UsageEvent(
        seconds=str(seconds), renders=1, count=1, languages=1, realtime=terms.grant.realtime
    )
    try:
        priced = quote(terms.compensation, event)
    except (RoyaltyRefused, ValueError):
        return None
    mine = f"performer:{contract.performer_id}:payable"
    return {
        "seconds": seconds,
        "yours": [(each.currency, each.amount_minor) for each in priced.payees
                  if each.account == mine],
        "agent": [(each.currency, each.amount_minor) for each in priced.payees
                  if each.account.startswith("agent:")],
        "they_pay": (priced.currency, priced.licensee_minor),
    }  # fmt: skip


@router.post("/requests/{contract_id}/decline")
@may("desk")
def decline(
    visit: Posted, contract_id: ContractId, note: Annotated[str, Form(max_length=2000)] = ""
) -> Response:
    """Say no to what is on the table; the other side reads the note."""
    with db.writing() as session:
        seat = acting_seat(session, visit, "performer")
        contract = service.newest_document_of(session, seat.organization.id, contract_id)
        service.decline_offer(
            session,
            contract,
            seat.organization.id,
            note=note.replace("\x00", "").strip(),
            api_key_id=principal_of(session, seat).api_key_id,
        )
    return see("/performer")


@router.post("/approvals/{request_id}")
@may("desk")
def answer(
    visit: Posted,
    request_id: str,
    answer: Annotated[str, Form(pattern="^(approved|rejected)$")],
) -> Response:
    """Say yes or no to one use, as the performer, through the service of the API."""
    with db.writing() as session:
        seat = acting_seat(session, visit, "performer")
        if answer == "approved":
            recovery.check_may_bind(session, seat.person.id)
        approval_requests.answer_approval(
            session, principal_of(session, seat), request_id, role="performer", status=answer
        )
    return see("/performer")


@router.get("/contracts")
@may("desk")
def show_contracts(
    visit: Visitor, before: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    """List what was agreed, newest first, with the way out of each."""
    with db.reading() as session:
        seat, _performers = desk_of(session, visit)
        found = listing.contracts_of(session, seat.organization.id, before=before, limit=25)
        shown: dict[str, Any] = {
            "seat": seat,
            "contracts": [
                (each, listing.state_now(each), documents.recorded(each.document.encode()))
                for each in found
            ],
            "names": listing.licensees_of(session, found),
            "more": found[-1].series_id if len(found) == 25 else None,
        }
    return page(visit, "performer_contracts.html", here="/performer/contracts", **shown)


@router.get("/contracts/{contract_id}/withdrawal")
@may("desk")
def show_withdrawal(visit: Visitor, contract_id: ContractId) -> Response:
    """Say what a withdrawal would do, before anybody withdraws."""
    with db.reading() as session:
        seat, _performers = desk_of(session, visit)
        found = consequences(session, seat.organization.id, contract_id, limit=50)
        names = listing.licensees_of(session, [found.contract])
    return page(
        visit, "performer_withdrawal.html", here="/performer/contracts", seat=seat, names=names,
        found=found, tz=clock_of(found.contract),
    )  # fmt: skip


@router.post("/contracts/{contract_id}/withdrawal")
@may("desk")
def withdraw(visit: Posted, contract_id: ContractId) -> Response:
    """Withdraw consent from this instant on. Wants a passkey used minutes ago."""
    with db.writing() as session:
        visit.fresh(session)
        seat = acting_seat(session, visit, "performer")
        contract = service.contract_of(session, seat.organization.id, contract_id)
        service.withdraw_contract(
            session,
            contract,
            seat.organization.id,
            api_key_id=principal_of(session, seat).api_key_id,
        )
    return see("/performer/contracts")
