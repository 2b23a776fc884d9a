"""The production's pages: who may be used today and who not, one scene asked for, and its films."""

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Response
from sqlmodel import Session

from app import clock, db
from app.access import may
from app.config import settings
from app.errors import AppError
from app.gateway import choosing, handing_out, quoting, takes
from app.gateway import service as gateway
from app.gateway import shown as work
from app.identity.service import answer_once
from app.language import _
from app.licensing.contracts import listing, service
from app.licensing.contracts.models import Contract
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions import service as decisions
from app.licensing.document import contract as documents
from app.licensing.errors import ContractNotFound
from app.licensing.words.plain_words import WORDS
from app.registry import service as registry
from app.registry.models import Performer
from app.web.board import light
from app.web.pages import PageRoute, Posted, Visit, Visitor, page, see
from app.web.seats import Seat, acting_seat, principal_of, seat_of

router = APIRouter(prefix="/production", include_in_schema=False, route_class=PageRoute)
PER_PAGE = 20
SIZE = (1280, 720)
Before = Annotated[str | None, Query(max_length=40)]
Word = Annotated[str, Form(min_length=1, max_length=120)]


@dataclass(frozen=True)
class Draft:
    """One scene as it was typed in: what is said, how long, for what, where."""

    line: str = ""
    length_s: Decimal = Decimal(5)
    project: str = ""
    purpose: str = ""
    medium: str = ""
    territories: str = ""
    language: str = ""
    generator: str = ""
    shot: str = ""  # the name of a shot that this is a draft take of

    @property
    def places(self) -> tuple[str, ...]:
        """The places, as codes."""
        return tuple(self.territories.replace(",", " ").upper().split())

    def use(self, organization_id: str, performers: tuple[str, ...]) -> UseRequest:
        """Return what the rules are asked."""
        return UseRequest(
            action="generate",
            requester_org=organization_id,
            performers=performers,
            at=clock.now(),
            project=self.project,
            purpose=self.purpose,
            medium=self.medium,
            territories=self.places,
            languages=(self.language,),
            modalities=("face", "voice"),
            tags=(),
            generator=self.generator,
            seconds=self.length_s,
        )


def _draft(  # noqa: PLR0917 - FastAPI fills them in by name
    line: Annotated[str, Form(min_length=1, max_length=1000)],
    length_s: Annotated[Decimal, Form(ge=0, le=3600, decimal_places=3)],
    project: Word,
    purpose: Word,
    medium: Word,
    territories: Annotated[str, Form(min_length=2, max_length=900, pattern=r"^[A-Za-z_,\- ]+$")],
    language: Word,
    generator: Word,
    shot: Annotated[str, Form(max_length=120)] = "",
) -> Draft:
    said = (line, project, purpose, medium, language, generator, shot)
    line, project, purpose, medium, language, generator, shot = (
        text.replace("\x00", " ").strip() for text in said
    )
    return Draft(line, length_s, project, purpose, medium, territories, language, generator, shot)


Drafted = Annotated[Draft, Depends(_draft)]


@router.get("")
@may("office")
def show_board(visit: Visitor, before: Before = None) -> Response:
    """Show every performer under contract: usable, waiting or stopped, why, and who can help."""
    with db.reading() as session:
        seat = seat_of(session, visit, "production")
        found = listing.licensed_to(session, seat.organization.id, before=before, limit=PER_PAGE)
        at = clock.now()
        shown: dict[str, Any] = {
            "seat": seat,
            "board": [
                (contract, performer, light(contract, performer, signed, at=at),
                 documents.recorded(contract.document.encode()))
                for contract, performer, signed in found
            ],
            "words": WORDS,
            "more": found[-1][0].series_id if len(found) == PER_PAGE else None,
        }  # fmt: skip
    return page(visit, "production_board.html", here="/production", **shown)


@router.get("/contracts/{contract_id}/scene")
@may("office")
def show_scene(visit: Visitor, contract_id: str) -> Response:
    """Ask what the scene is: with what the contract allows filled in."""
    with db.reading() as session:
        seat = seat_of(session, visit, "production")
        return _scene(session, visit, seat, contract_id, None)


@router.post("/contracts/{contract_id}/scene")
@may("office")
def ask_or_price(  # noqa: PLR0917 - FastAPI fills them in by name
    visit: Posted,
    contract_id: str,
    draft: Drafted,
    once: Annotated[str, Form(min_length=10, max_length=64, pattern=r"^[\w-]+$")],
    do: Annotated[str, Form(max_length=10)] = "try",
    priced: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Price the scene and say whether the rules would allow it; or ask for it in earnest."""
    if do != "make":
        with db.reading() as session:
            seat = seat_of(session, visit, "production")
            return _scene(session, visit, seat, contract_id, draft)
    with db.writing() as session:
        seat = acting_seat(session, visit, "production")
        contract, performer = _under(session, seat, contract_id)
        if priced != price_tag(contract, draft):
            return _scene(session, visit, seat, contract_id, draft, changed=True)
        status, said = _make_once(session, seat, performer, draft, once)
        if status != 201:
            return _scene(session, visit, seat, contract_id, draft, denial=json.loads(said))
    return see(f"/production/films/{said}")


def price_tag(contract: Contract, draft: Draft) -> str:
    """Name the scene that a price was shown of, under the terms of that moment."""
    return sha256(repr((contract.id, draft)).encode()).hexdigest()


def _make_once(
    session: Session, seat: Seat, performer: Performer, draft: Draft, once: str
) -> tuple[int, str]:
    """Ask for the scene in earnest, once for each form that was shown.

    Returns 201 and the film's id, or 403 and the denial as JSON.
    """
    newest = registry.replicas_of(session, performer.id)[0]
    asked = gateway.Asked(
        (newest.id,), draft.generator, draft.line, draft.length_s, SIZE, shot=draft.shot
    )
    use = draft.use(seat.organization.id, ())

    def ask() -> tuple[int, str]:
        decision, generation = gateway.request_generation(session, seat.organization.id, asked, use)
        if generation is not None:
            return 201, generation.id
        return 403, json.dumps(decisions.denial(decision))

    digest = sha256(repr((performer.id, draft)).encode()).hexdigest()
    by, key = principal_of(session, seat), f"a page's form: {once}"
    return answer_once(session.connection(), by, key, digest, ask)


def _scene(
    session: Session,
    visit: Visit,
    seat: Seat,
    contract_id: str,
    draft: Draft | None,
    *,
    denial: dict[str, Any] | None = None,
    changed: bool = False,
) -> Response:
    contract, performer = _under(session, seat, contract_id)
    terms = documents.recorded(contract.document.encode())
    grant, agreed = terms.grant, terms.compensation and terms.compensation.takes
    priced, money, refusal = None, [], ""
    if draft is not None and denial is None:
        use = draft.use(seat.organization.id, (performer.id,))
        try:
            planned = quoting.Planned(use, draft.length_s, only_draft=bool(draft.shot))
            (priced,) = quoting.price_uses(session, seat.organization.id, [planned])
            money = quoting.money(session, seat.organization.id, [priced])
        except AppError as refused:
            refusal = refused.detail
    return page(
        visit,
        "production_scene.html",
        status=403 if denial else 200,
        here="/production",
        seat=seat,
        contract=contract,
        performer=performer,
        terms=terms,
        takes=agreed,
        draft_percent=f"{float(agreed.draft_rate) * 100:g}" if agreed else "",
        words=WORDS,
        media=tuple(dict.fromkeys((*grant.media, *MEDIA))),
        purposes=tuple(dict.fromkeys((*grant.purposes, *PURPOSES))),
        draft=draft or Draft(
            project=grant.projects[0],
            purpose=grant.purposes[0],
            medium=grant.media[0],
            territories=", ".join(grant.territories.include),
            language=grant.languages[0],
            generator=grant.generators[0] if grant.generators else "",
        ),
        once=secrets.token_urlsafe(16),
        priced=priced,
        money=money,
        refusal=refusal,
        denial=denial,
        changed=changed,
        price_tag=price_tag(contract, draft) if draft else "",
    )  # fmt: skip


MEDIA = ("theatrical", "svod", "avod", "broadcast", "social", "web")
PURPOSES = ("film_scene", "trailer", "advertising", "dubbing")


def _under(session: Session, seat: Seat, contract_id: str) -> tuple[Contract, Performer]:
    """Return a contract this production is the licensee of. Raises ContractNotFound."""
    contract = service.contract_of(session, seat.organization.id, contract_id)
    if contract.licensee_id != seat.organization.id:
        raise ContractNotFound(_("no license of yours has the id %(id)s", id=contract_id[:64]))
    return contract, session.get_one(Performer, contract.performer_id)


@router.get("/films")
@may("office")
def show_films(visit: Visitor, before: Before = None) -> Response:
    """List what was asked for, how far it is, and, where it is released, the file."""
    with db.reading() as session:
        seat = seat_of(session, visit, "production")
        found = work.asked_by(session, seat.organization.id, before=before, limit=PER_PAGE)
        shown: dict[str, Any] = {
            "seat": seat,
            "films": found,
            "chosen": takes.chosen_in(session, [each.generation.shot_id for each in found]),
            "gone": takes.is_gone,
            "words": WORDS,
            "more": found[-1].generation.id if len(found) == PER_PAGE else None,
        }
    return page(visit, "production_films.html", here="/production/films", **shown)


@router.post("/films/{generation_id}/selection")
@may("office")
def choose(visit: Posted, generation_id: str) -> Response:
    """Choose a take: its shot's price once, less the credit for drafts; nothing is rendered."""
    with db.writing() as session:
        seat = acting_seat(session, visit, "production")
        draft = gateway.generation_of(session, seat.organization.id, generation_id)
        decision, chosen = choosing.choose_take(session, draft)
        if chosen is None:
            denial = decisions.denial(decision)
            return page(
                visit,
                "refused.html",
                status=403,
                here="/production/films",
                seat=seat,
                kind="",
                detail=_("Nothing was chosen.") + f" {denial['detail']}".removesuffix("."),
                code=", ".join(denial["codes"]),
            )
    return see("/production/films")


@router.get("/films/{generation_id}/download")
@may("office")
def download(visit: Visitor, generation_id: str) -> Response:
    """Send the browser to a link that lasts a minute, after a fresh check."""
    with db.reading() as session:
        seat = acting_seat(session, visit, "production")
        generation = gateway.generation_of(session, seat.organization.id, generation_id)
        handing_out.check_handing_out(session, generation)
        until = clock.now() + timedelta(seconds=settings().download_link_s)
        return see(handing_out.download_link(generation, expires_at=until))
