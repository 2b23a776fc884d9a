"""How a performer answers a request with other terms, or hands it to their agent."""

import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Response
from sqlmodel import Session

from app import db
from app.access import may
from app.language import _, reads
from app.licensing.contracts import handing_on, listing, service
from app.licensing.contracts.life import Act
from app.licensing.contracts.models import Contract
from app.licensing.document import contract as documents
from app.licensing.errors import ContractNotFound
from app.licensing.words.differences import Difference, differences
from app.licensing.words.plain_words import WORDS
from app.money import minor_digits
from app.problems import InvalidRequest
from app.web.pages import PageRoute, Posted, Visit, Visitor, page, see
from app.web.performer import desk_of
from app.web.performer_limits import ROWS
from app.web.seats import Seat, acting_seat, principal_of

router = APIRouter(prefix="/performer/requests", include_in_schema=False, route_class=PageRoute)
Figure = Annotated[str, Form(max_length=20)]
Ticked = Annotated[list[str], Form(max_length=100)]


@dataclass(frozen=True)
class Wish:
    """What a performer would rather have: less of what was asked, or more for it."""

    uses: str
    media: tuple[str, ...]
    purposes: tuple[str, ...]
    never: tuple[str, ...]
    end: str
    max_seconds: str
    max_seconds_per_output: str
    rate: str

    def document(self, on: Contract) -> dict[str, Any]:
        """Return the document on the table with these changes. Raises InvalidRequest."""
        document: dict[str, Any] = json.loads(on.document)
        grant = document["grant"]
        document["consent"]["uses_description"] = self.uses
        for name, kept in (("media", self.media), ("purposes", self.purposes)):
            grant[name] = [each for each in grant[name] if each in kept]
            if not grant[name]:
                raise InvalidRequest(
                    _("leave at least one use and one place; or say no to all of it")
                )
        content = grant["content"]
        content["prohibited"] = list(dict.fromkeys((*content["prohibited"], *self.never)))
        if "end" in grant["term"] and self.end:
            grant["term"]["end"] = self.end
        for name in ("max_seconds", "max_seconds_per_output"):
            said = getattr(self, name).strip()
            if said != _figure(grant["quota"].get(name)):
                grant["quota"][name] = float(_number(said)) if said else None
        paid = document.get("compensation") or {}
        if "rate_minor" in paid and self.rate.strip() != _rate(paid):
            shift = minor_digits(paid["currency"])
            paid["rate_minor"] = _plain(_number(self.rate.strip()).scaleb(shift))
        return document


def _wish(  # noqa: PLR0917 - FastAPI fills them in by name
    uses: Annotated[str, Form(max_length=4000)] = "",
    media: Ticked = [],  # noqa: B006 - FastAPI copies it
    purposes: Ticked = [],  # noqa: B006
    never: Ticked = [],  # noqa: B006
    end: Annotated[str, Form(max_length=10, pattern=r"^(\d{4}-\d\d-\d\d)?$")] = "",
    max_seconds: Figure = "",
    max_seconds_per_output: Figure = "",
    rate: Figure = "",
) -> Wish:
    words = uses.replace("\x00", "").replace("\r\n", "\n").strip()
    known = tuple(each for each in never if each in ROWS["content"])
    return Wish(
        words, tuple(media), tuple(purposes), known, end, max_seconds, max_seconds_per_output, rate
    )


Wished = Annotated[Wish, Depends(_wish)]


@router.get("/{contract_id}/counter")
@may("desk")
def show_counter(visit: Visitor, contract_id: str) -> Response:
    """Show what can be asked to be different, as it stands on the table."""
    with db.reading() as session:
        seat, contract = _asked(session, visit, contract_id)
        return _form(session, visit, seat, contract, _as_it_is(contract))


@router.post("/{contract_id}/counter")
@may("desk")
def try_or_counter(
    visit: Posted,
    contract_id: str,
    wish: Wished,
    on: Annotated[str, Form(max_length=64)] = "",
    do: Annotated[str, Form(max_length=10)] = "try",
) -> Response:
    """Say what would be different; or put it to the other side, in place of what they asked."""
    if do != "send":
        with db.reading() as session:
            seat, contract = _asked(session, visit, contract_id)
            before = documents.recorded(contract.document.encode())
            try:
                after = documents.parse(wish.document(contract))
            except documents.DocumentRefused as refused:
                return _form(session, visit, seat, contract, wish, problem=str(refused))
            found = differences(before, after, tongue=reads())
            return _form(session, visit, seat, contract, wish, found=found, is_tried=True)
    with db.writing() as session:
        seat = acting_seat(session, visit, "performer")
        _seat, contract = _asked(session, visit, contract_id)
        if on != contract.document_sha256:
            return _form(session, visit, seat, contract, wish, is_changed=True)
        service.replace_document(
            session,
            contract,
            seat.organization.id,
            wish.document(contract),
            act=Act.COUNTER,
            api_key_id=principal_of(session, seat).api_key_id,
        )
    return see(f"/performer/requests/{contract_id}")


@router.post("/{contract_id}/agent")
@may("desk")
def ask_agent(visit: Posted, contract_id: str) -> Response:
    """Ask whoever negotiates for the performer to look at it; both are told."""
    with db.writing() as session:
        seat = acting_seat(session, visit, "performer")
        _seat, contract = _asked(session, visit, contract_id)
        handing_on.ask_agent(session, contract, seat.organization.id)
    return see(f"/performer/requests/{contract_id}")


def _asked(session: Session, visit: Visit, contract_id: str) -> tuple[Seat, Contract]:
    """Return what was asked of a performer of this house. Raises ContractNotFound."""
    seat, performers = desk_of(session, visit)
    contract = service.newest_document_of(session, seat.organization.id, contract_id)
    if contract.performer_id not in {each.id for each in performers}:
        raise ContractNotFound(_("nothing was asked of you under %(id)s", id=contract_id[:64]))
    return seat, contract


def _form(
    session: Session,
    visit: Visit,
    seat: Seat,
    contract: Contract,
    wish: Wish,
    *,
    found: list[Difference] | None = None,
    is_tried: bool = False,
    is_changed: bool = False,
    problem: str = "",
) -> Response:
    terms = documents.recorded(contract.document.encode())
    return page(
        visit,
        "performer_counter.html",
        status=422 if problem else 409 if is_changed else 200,
        here="/performer",
        seat=seat,
        contract=contract,
        terms=terms,
        wish=wish,
        found=found or [],
        is_tried=is_tried,
        is_changed=is_changed,
        problem=problem,
        never=[each for each in ROWS["content"] if each not in terms.grant.content.prohibited],
        currency=terms.compensation.currency
        if terms.compensation and _as_it_is(contract).rate
        else "",
        names=listing.licensees_of(session, [contract]),
        words=WORDS,
    )


def _as_it_is(contract: Contract) -> Wish:
    document = json.loads(contract.document)
    grant, quota = document["grant"], document["grant"]["quota"]
    return Wish(
        uses=document["consent"].get("uses_description", ""),
        media=tuple(grant["media"]),
        purposes=tuple(grant["purposes"]),
        never=(),
        end=grant["term"].get("end") or "",
        max_seconds=_figure(quota.get("max_seconds")),
        max_seconds_per_output=_figure(quota.get("max_seconds_per_output")),
        rate=_rate(document.get("compensation") or {}),
    )


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _rate(paid: dict[str, Any]) -> str:
    """Say a rate in major units; nothing where there is none, or one no decimal writes out."""
    if "rate_minor" not in paid or "/" in str(paid["rate_minor"]):
        return ""
    return _plain(Decimal(paid["rate_minor"]).scaleb(-minor_digits(paid["currency"])))


def _plain(figure: Decimal) -> str:
    text = f"{figure:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _number(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        raise InvalidRequest(_("“%(text)s” is no number; write it as 12.50", text=text)) from None
    if not (found.is_finite() and 0 <= found < 10**9):
        raise InvalidRequest(_("“%(text)s” is out of reach; write a smaller figure", text=text))
    return found
