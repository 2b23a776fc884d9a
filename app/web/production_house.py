"""What a production lets its projects and licenses use, and the keys that act for it."""

import hashlib
import secrets
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Response
from sqlmodel import Session

from app import clock, db
from app.access import may
from app.gateway import budgets
from app.gateway.models_budgets import LIMITS, Budget
from app.identity import api_keys
from app.identity.authentication import KEY_LABEL
from app.identity.errors import ApiKeyRefused, NotAllowed
from app.identity.models import ApiKey
from app.identity.principal import Scope
from app.language import _, marked
from app.money import check_currency, format_minor, parse_minor
from app.problems import InvalidRequest
from app.recovery import service as recovery
from app.twofold import making, rotation
from app.twofold.models import TwofoldAct
from app.web.pages import PageRoute, Posted, Visit, Visitor, page, see
from app.web.seats import Seat, acting_seat, principal_of, seat_of

router = APIRouter(prefix="/production", include_in_schema=False, route_class=PageRoute)
PER_PAGE = 20
APPROVER = "production_approver"
NAMES = {
    "total_minor": marked("Money in all"),
    "daily_minor": marked("Money a day"),
    "total_seconds": marked("Seconds in all"),
    "daily_seconds": marked("Seconds a day"),
    "at_once": marked("Films under way at once"),
}
ACTS = {  # of `access.ACTIONS`, which says them to programs
    "read": marked("look at what is the organization's own"),
    "ask": marked("ask what would be decided, or cost; nothing is kept but the decision"),
    "generate": marked("ask for generations, and fetch what was released"),
    "negotiate": marked("draft, offer, counter, decline and retract; counsel's links"),
    "approve": marked("answer approvals and previews, and ask for them"),
    "sign": marked("sign contracts, offers and grants; register the keys they are signed with"),
    "dispute": marked("open cases, answer them, accept what is asked and take them back"),
    "pause": marked("pause a performer, suspend a contract"),
    "consent": marked("withdraw, resume, set boundaries, erase"),
    "likeness": marked("enroll a performer, take out what is held about one"),
    "money": marked("say where to pay, how to invoice, and what may be spent"),
    "strike": marked("propose and confirm a strike"),
    "keys": marked("make, replace and revoke API keys; no key may that does not name it"),
}
Amount = Annotated[str, Form(max_length=20)]
Text = Annotated[str, Form(max_length=120)]


@router.get("/budgets")
@may("office")
def show_budgets(visit: Visitor, start: Annotated[int, Query(ge=0, le=10**6)] = 0) -> Response:
    """List every limit that holds, and how much of it is used."""
    with db.reading() as session:
        seat = seat_of(session, visit, "production")
        held = budgets.in_force(session, seat.organization.id)
        shown = held[start : start + PER_PAGE]
        used = budgets.used_of_each(session, shown)
        return page(
            visit,
            "production_budgets.html",
            here="/production/budgets",
            seat=seat,
            may_set=seat.membership.role == APPROVER,
            budgets=[
                (budgets.name_of(each), _lines(each, is_))
                for each, is_ in zip(shown, used, strict=True)
            ],
            more=start + PER_PAGE if len(held) > start + PER_PAGE else None,
        )


def _lines(budget: Budget, used: budgets.Used) -> list[dict[str, Any]]:
    """Say of each limit that is set how much of it is used, and the part for a bar, in percent."""
    lines = []
    for name in LIMITS:
        most, is_ = getattr(budget, name), getattr(used, name)
        if most is None:
            continue
        texts = [
            format_minor(each, budget.currency) if name.endswith("minor") else f"{each}"
            for each in (is_, most)
        ]
        part = min(100, is_ * 100 // most) if most else 100
        lines.append({"name": NAMES[name], "used": texts[0], "most": texts[1], "part": part})
    return lines


@router.post("/budgets")
@may("office")
def set_budget(  # noqa: PLR0917 - FastAPI fills them in by name
    visit: Posted,
    project: Text = "",
    contract_id: Text = "",
    currency: Annotated[str, Form(pattern="^[A-Za-z]{3}$")] = "EUR",
    total: Amount = "",
    daily: Amount = "",
    seconds: Amount = "",
    daily_seconds: Amount = "",
    at_once: Amount = "",
) -> Response:
    """Set limits in place of those before, as an approver. Wants a passkey used minutes ago."""
    try:
        code = check_currency(currency.upper())
        given = {
            "total_minor": parse_minor(total.strip(), code) if total.strip() else None,
            "daily_minor": parse_minor(daily.strip(), code) if daily.strip() else None,
            **{
                name: int(text) if text.strip() else None
                for name, text in (
                    ("total_seconds", seconds),
                    ("daily_seconds", daily_seconds),
                    ("at_once", at_once),
                )
            },
        }
    except ValueError as error:
        raise InvalidRequest(
            _("%(error)s; write whole numbers, and money as 1000.00", error=error)
        ) from None
    if any(each is not None and not 0 <= each < 10**15 for each in given.values()):
        raise InvalidRequest(_("a limit is nothing or more, and no more than 10 000 000 000 000"))
    with db.writing() as session:
        recovery.check_may_bind(session, visit.fresh(session).id)
        seat = acting_seat(session, visit, "production")
        if seat.membership.role != APPROVER:
            raise NotAllowed(
                _("budgets are set by an approver of %(house)s", house=seat.organization.name)
            )
        budgets.set_budget(
            session,
            seat.organization.id,
            project=project.replace("\x00", "").strip(),
            contract_id=contract_id.strip(),
            currency=code,
            limits={name: most for name, most in given.items() if most is not None},
            api_key_id=principal_of(session, seat).api_key_id,
        )
    return see("/production/budgets")


@router.get("/keys")
@may("office")
def show_keys(
    visit: Visitor, before: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    """List the keys that act for this production: what each may, its end, its last use."""
    with db.reading() as session:
        seat = seat_of(session, visit, "production")
        found = api_keys.keys_of(session, seat.organization.id, before=before, limit=PER_PAGE)
        return page(
            visit,
            "production_keys.html",
            here="/production/budgets",
            seat=seat,
            keys=api_keys.described(session, found),
            at=clock.now(),
            actions=ACTS,
            more=found[-1].id if len(found) == PER_PAGE else None,
        )


@router.post("/keys")
@may("administrator")
def make_key(
    visit: Posted,
    name: Annotated[str, Form(min_length=1, max_length=100)],
    days: Annotated[int, Form(ge=1, le=3650)],
    actions: Annotated[list[str], Form()] = [],  # noqa: B006 - FastAPI copies it
    projects: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    """Propose a key that may no more than was ticked; it opens once two people agreed."""
    if not actions:
        raise ApiKeyRefused(_("tick at least one thing that the key may do"))
    named = [each.strip() for each in projects.replace("\x00", "").split(",") if each.strip()]
    secret = secrets.token_urlsafe(api_keys.SECRET_BYTES)
    with db.writing() as session:
        seat = _administrator(session, visit)
        proposed = making.propose_key(
            session,
            principal_of(session, seat),
            name=" ".join(name.replace("\x00", " ").split()) or "unnamed",
            secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
            scope=Scope.of(actions, named or None),
            expires_at=clock.now() + timedelta(days=days),
        )
        return _shown_once(visit, proposed, secret, replaced=None)


@router.post("/keys/{api_key_id}/rotation")
@may("administrator")
def rotate_key(
    visit: Posted, api_key_id: str, hours: Annotated[int, Form(ge=0, le=168)] = 1
) -> Response:
    """Propose a new key in the place of one; it opens once two people of the house agreed."""
    secret = secrets.token_urlsafe(api_keys.SECRET_BYTES)
    with db.writing() as session:
        seat = _administrator(session, visit)
        key = api_keys.key_of(session, seat.organization.id, api_key_id)
        proposed = rotation.propose_rotation(
            session,
            principal_of(session, seat),
            key,
            secret_sha256=hashlib.sha256(secret.encode()).hexdigest(),
            overlap=timedelta(hours=hours),
        )
        return _shown_once(visit, proposed, secret, replaced=key)


def _shown_once(
    visit: Visit, proposed: TwofoldAct, secret: str, *, replaced: ApiKey | None
) -> Response:
    """Show the text of a key that opens nothing before two people agreed to it."""
    return page(
        visit,
        "production_key.html",
        status=201,
        here="/production/budgets",
        replaced=replaced,
        proposed=proposed,
        text=f"{KEY_LABEL}_{proposed.asked['prefix']}_{secret}",
    )


@router.post("/keys/{api_key_id}/revocation")
@may("administrator")
def revoke_key(visit: Posted, api_key_id: str) -> Response:
    """End a key at once."""
    with db.writing() as session:
        seat = _administrator(session, visit)
        key = api_keys.key_of(session, seat.organization.id, api_key_id)
        if key.name.endswith(api_keys.AT_A_PAGE):
            raise ApiKeyRefused(_("this stands for a person at a page and opens nothing"))
        api_keys.revoke_api_key(session, key)
    return see("/production/keys")


def _administrator(session: Session, visit: Visit) -> Seat:
    """Return who administers this production, with a passkey used minutes ago.

    Raises NotSignedIn, NotFresh, RecoveredLately, NotAllowed.
    """
    recovery.check_may_bind(session, visit.fresh(session).id)
    seat = seat_of(session, visit, "production")
    if not seat.membership.is_admin:
        raise NotAllowed(
            _("keys are for an administrator of %(house)s; ask one", house=seat.organization.name)
        )
    return seat
