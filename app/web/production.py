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
from app.gateway import choosing, handing_out, prompts, quoting, takes
from app.gateway import service as gateway
from app.gateway import shown as work
from app.identity.service import answer_once, kept_answer
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
            tags=tuple(prompts.tags_of(self.line)),  # as they are read where it is asked for
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
        _, performer = _under(session, seat, contract_id)
        form = _Form(once, performer.id, draft)
        house = seat.organization.id
        answer = kept_answer(session.connection(), house, form.key, form.digest)
        if answer is None:
            now, _refusal, _money = _price(session, seat, performer, draft)
            if now is None or priced != price_tag(draft, now):
                return _scene(session, visit, seat, contract_id, draft, changed=True)
            answer = _make_once(session, seat, form, now)
        status, said = answer
        if status != 201:
            return _scene(session, visit, seat, contract_id, draft, denial=json.loads(said))
    return see(f"/production/films/{said}")


def price_tag(draft: Draft, priced: quoting.Priced) -> str:
    """Name what was shown of a scene: its price, whom it pays, and the contracts that set both."""
    return sha256(repr((draft, priced.parts)).encode()).hexdigest()


@dataclass(frozen=True)
class _Form:
    """One form that was shown: whoever sends it twice means one film."""

    once: str
    performer_id: str
    draft: Draft

    @property
    def key(self) -> str:
        return f"a page's form: {self.once}"

    @property
    def digest(self) -> str:
        return sha256(repr((self.performer_id, self.draft)).encode()).hexdigest()


def _make_once(
    session: Session, seat: Seat, form: _Form, priced: quoting.Priced
) -> tuple[int, str]:
    """Ask for the scene in earnest, once for each form that was shown, at the price it showed.

    Returns 201 and the film's id, or 403 and the denial as JSON. Raises PriceChanged.
    """
    draft = form.draft
    newest = registry.replicas_of(session, form.performer_id)[0]
    asked = gateway.Asked(
        (newest.id,), draft.generator, draft.line, draft.length_s, SIZE, shot=draft.shot
    )
    use = draft.use(seat.organization.id, ())

    def ask() -> tuple[int, str]:
        decision, generation = gateway.request_generation(session, seat.organization.id, asked, use)
        if generation is None:
            return 403, json.dumps(decisions.denial(decision))
        quoting.insist_held(session, generation.id, priced)
        return 201, generation.id

    by = principal_of(session, seat)
    return answer_once(session.connection(), by, form.key, form.digest, ask)


def _price(
    session: Session, seat: Seat, performer: Performer, draft: Draft
) -> tuple[quoting.Priced | None, str, list[quoting.Money]]:
    """Price a scene under the contract that would govern it: the price, or why none, and funds."""
    use = draft.use(seat.organization.id, (performer.id,))
    try:
        planned = quoting.Planned(use, draft.length_s, only_draft=bool(draft.shot))
        (priced,) = quoting.price_uses(session, seat.organization.id, [planned])
        return priced, "", quoting.money(session, seat.organization.id, [priced])
    except AppError as refused:
        return None, refused.detail, []


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
    priced, refusal, money = None, "", list[quoting.Money]()
    if draft is not None and denial is None:
        priced, refusal, money = _price(session, seat, performer, draft)
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
        price_tag=price_tag(draft, priced) if draft and priced else "",
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
                leads_to=None,
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
