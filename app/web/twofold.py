"""The pages on which a second person sees what is to be done, and agrees or refuses."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlmodel import Session, select

from app import db
from app.access import may
from app.identity import api_keys
from app.identity.models import ApiKey, Organization
from app.identity.models_people import Person
from app.language import _, date_, day, marked, money, number
from app.licensing.mandates import deaths
from app.payments import details
from app.recovery.errors import RecoveredLately
from app.registry.models import Performer
from app.registry.models_mandates import AliveWord
from app.twofold import making, rotation, service
from app.twofold.errors import MemberTooNew
from app.twofold.models import TwofoldAct
from app.vault import VaultObject
from app.web.pages import PageRoute, Posted, Visitor, page, see
from app.web.spoken import spoken

router = APIRouter(include_in_schema=False, route_class=PageRoute)
HERE = "/account/two-people"
PER_PAGE = 25
_PROJECTS = marked("For these projects alone: %(names)s.")
_CONTRACTS = marked("For these contracts alone: %(names)s.")
# What an agreement does at once; what operators agree to, the command does that asked for it.
DOES: dict[str, Callable[[Session, TwofoldAct], Any]] = {
    details.KIND: details.put_in_force,
    rotation.KIND: rotation.put_in_force,
    making.KIND: making.put_in_force,
    deaths.CORRECTION: deaths.put_in_force,
    deaths.UPHOLDING: deaths.uphold,
}
# And what a refusal does at once, beside ending it.
UNDOES: dict[str, Callable[[Session, TwofoldAct], Any]] = {deaths.CORRECTION: deaths.put_aside}


@router.get("/account/two-people")
@may("person")
def show_waiting(
    visit: Visitor, after: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    """List what waits for a second person in the houses of whoever is signed in."""
    with db.reading() as session:
        person_id = visit.person(session).id
        waiting = service.waiting_for(session, person_id, after=after, limit=PER_PAGE)
    more = waiting[-1][0].id if len(waiting) == PER_PAGE else None
    return page(visit, "twofold.html", waiting=waiting, more=more)


@router.get("/account/two-people/{act_id}")
@may("person")
def show_act(visit: Visitor, act_id: str) -> Response:
    """Show just what would be done, to who may agree; an account is unsealed for that, on record.

    Wants a passkey used minutes ago. Who may not agree reads why, and may refuse. What was agreed
    to and is not done yet is for refusing alone.
    """
    with db.writing() as session:
        person_id = visit.fresh(session).id
        act, not_yet = service.act_of(session, act_id, person_id, agreed=True), ""
        try:
            service.check_may_agree(session, act, person_id)
        except (MemberTooNew, RecoveredLately) as refusal:
            not_yet = str(refusal)
        shown: dict[str, Any] = {
            "act": act,
            "house": _house(session, act),
            "key": session.get(ApiKey, act.api_key_id) if act.api_key_id else None,
            "not_yet": not_yet,
            "lines": [] if not_yet else _in_words(session, act),
            "voices": [
                (session.get_one(Person, each.who).name, each.said_at)
                for each in service.voices_of(session, act)
            ],
        }
    return page(visit, "twofold_act.html", **shown)


@router.post("/two-people/{act_id}/agreement")
@may("person")
def agree(visit: Posted, act_id: str) -> Response:
    """Agree; the second person's word does it. Wants a passkey used minutes ago."""
    with db.writing() as session:
        act = service.agree(session, act_id, visit.fresh(session).id)
        if act.settled_at is not None and act.kind in DOES:
            DOES[act.kind](session, act)
    return see(HERE)


@router.post("/two-people/{act_id}/refusal")
@may("person")
def refuse(visit: Posted, act_id: str) -> Response:
    """Refuse, at once and for good: also what was agreed to, until it is done."""
    with db.writing() as session:
        act = service.refuse(session, act_id, visit.person(session).id)
        if act.kind in UNDOES:
            UNDOES[act.kind](session, act)
    return see(HERE)


def _house(session: Session, act: TwofoldAct) -> str:
    return session.get_one(Organization, act.organization_id).name


def _in_words(session: Session, act: TwofoldAct) -> list[str]:
    """Say what would be done, with all that a second person has to compare."""
    account = act.asked.get(service.ACCOUNT)
    by = _("Asked for on the machine, by the account %(name)s.", name=account) if account else ""
    return [*SAYS[act.kind](session, act), *([by] if by else [])]


def _account_in_words(session: Session, act: TwofoldAct) -> list[str]:
    account, from_at = details.account_to_see(session, act), details.asked_from(act)
    performer = session.get(Performer, act.subject_id)
    return [
        _(
            "%(name)s is paid at another account.",
            name=performer.name if performer else _("Your house"),
        ),
        _("Holder: %(name)s", name=account.holder),
        f"IBAN: {account.iban}",
        *([f"BIC: {account.bic}"] if account.bic else []),
        _("From %(at)s on.", at=day(from_at) if from_at else _("your agreement")),
    ]


def _rotation_in_words(session: Session, act: TwofoldAct) -> list[str]:
    key = api_keys.key_of(session, str(act.organization_id), act.subject_id)
    hours = act.asked["overlap_s"] / 3600
    return [
        _(
            "The API key %(name)s (ustk_%(old)s) is replaced by ustk_%(new)s.",
            name=key.name,
            old=key.prefix,
            new=act.asked["prefix"],
        ),
        _("The old one goes on to work for %(num)s hours.", num=number(hours)),
        _secret_in_words(act),
    ]


def _making_in_words(_session: Session, act: TwofoldAct) -> list[str]:
    asked, end = act.asked, making.ends_at(act)
    actions = asked["actions"]
    lines = [
        _(
            "A new API key is made: %(name)s (ustk_%(prefix)s).",
            name=asked["name"],
            prefix=asked["prefix"],
        ),
        _("It may do all but make keys.")
        if actions is None
        else _("It may: %(actions)s.", actions=", ".join(map(spoken, actions))),
    ]
    if asked["projects"] is not None:
        lines.append(_(_PROJECTS, names=", ".join(asked["projects"])))
    if asked["contract_ids"] is not None:
        names = ", ".join(asked["contract_ids"])
        lines.append(_(_CONTRACTS, names=names))
    lines.append(
        _("It works until somebody ends it.")
        if end is None
        else _("It works until %(at)s.", at=day(end))
    )
    return [*lines, _secret_in_words(act)]


def _operators_key_in_words(session: Session, act: TwofoldAct) -> list[str]:
    asked = act.asked
    if asked.get("series") == "watermark":
        return [
            _("From then on what is made here is marked with a new key of the watermark."),
            _("The old one is kept. Marks made with the newest three keys are still found."),
        ]
    if "series" in asked:
        return [
            _(
                "The key %(name)s of this installation is replaced by a new one, and destroyed.",
                name=asked["series"],
            )
        ]
    key = session.exec(select(ApiKey).where(ApiKey.prefix == asked["prefix"])).one()
    return [
        _(
            "The API key %(name)s (ustk_%(old)s) of %(house)s is replaced by a new one.",
            name=key.name,
            old=key.prefix,
            house=session.get_one(Organization, key.organization_id).name,
        ),
        _("The old one goes on to work for %(num)s hours.", num=number(asked["overlap_h"])),
        _("The new one is shown to whoever gives the command."),
    ]


def _operators_new_key_in_words(session: Session, act: TwofoldAct) -> list[str]:
    asked, alone = act.asked, {"projects": _PROJECTS, "contracts": _CONTRACTS}
    return [
        _(
            "A new API key is made for %(house)s: %(name)s.",
            house=session.get_one(Organization, act.subject_id).name,
            name=asked["name"],
        ),
        _("It may do all but make keys.")
        if asked["to"] is None
        else _("It may: %(actions)s.", actions=", ".join(map(spoken, asked["to"]))),
        *(_(say, names=", ".join(asked[kind])) for kind, say in alone.items() if asked[kind]),
        _("It works until somebody ends it.")
        if asked["days"] is None
        else _("It works for %(num)s days.", num=number(asked["days"])),
        _("The new one is shown to whoever gives the command."),
    ]


def _opening_in_words(session: Session, act: TwofoldAct) -> list[str]:
    asked = act.asked
    if "payouts" in asked:
        return [
            _(
                "A file for the bank (%(form)s) is written: %(num)s payouts of the order %(name)s, "
                "%(amount)s together.",
                form=asked["as"],
                num=number(asked["payouts"]),
                name=asked["order"],
                amount=money(asked["amount_minor"], asked["currency"]),
            ),
            _("It holds the bank accounts of those who are paid, for anybody to read."),
            *(
                _(
                    "A file of this order was handed out already on %(at)s as %(form)s. A bank "
                    "that takes both pays twice: agree only if you know that it does not have "
                    "that one.",
                    at=day(datetime.fromisoformat(each["at"])),
                    form=each["as"],
                )
                for each in asked.get("handed_out", [])
            ),
        ]
    return [
        _(
            "What waits under %(id)s is written into a file on the machine, to be looked at.",
            id=act.subject_id,
        ),
        *_sealed_for(session, asked.get("vault_object_id")),
    ]


def _death_in_words(session: Session, act: TwofoldAct) -> list[str]:
    asked = act.asked
    return [
        _(
            "It is put on record that %(name)s died on %(at)s. From then on nobody signs as them, "
            "and what they let others do for them is over.",
            name=session.get_one(Performer, act.subject_id).name,
            at=date_(date.fromisoformat(asked["died_on"])),
        ),
        _(
            "%(house)s acts in their place (%(role)s), until %(at)s.",
            house=session.get_one(Organization, asked["holder"]).name,
            role=spoken(asked["role"].replace("_", " ")),
            at=day(datetime.fromisoformat(asked["until"])),
        ),
        _("Look at these papers first, and compare their SHA-256:"),
        *(f"{each['kind']}: {each['sha256']}" for each in asked["papers"]),
    ]


def _correction_in_words(session: Session, act: TwofoldAct) -> list[str]:
    said_by = act.asked.get("said_by")
    return [
        _(
            "That %(name)s died on %(at)s is taken back: it was recorded in error. Whoever stands "
            "for the estate does so no longer, and every use is paused until the performer "
            "allows it.",
            name=session.get_one(Performer, act.subject_id).name,
            at=date_(date.fromisoformat(act.asked["died_on"])),
        ),
        *(
            [
                _(
                    "%(name)s, signed in with a passkey at the performer's own desk, says that "
                    "they are alive. Speak with them before you agree.",
                    name=session.get_one(Person, said_by).name,
                )
            ]
            if said_by
            else []
        ),
    ]


def _upholding_in_words(session: Session, act: TwofoldAct) -> list[str]:
    word = session.get_one(AliveWord, act.asked["word"])
    return [
        _(
            "That %(name)s died on %(at)s stays on record, though %(who)s, signed in with a "
            "passkey at the performer's own desk, says that they are alive.",
            name=session.get_one(Performer, act.subject_id).name,
            at=date_(date.fromisoformat(act.asked["died_on"])),
            who=session.get_one(Person, word.person_id).name,
        ),
        _(
            "From then on the estate signs, allows uses and erases again. Agree only if you have "
            "spoken with them, or seen who they are. While two of you have agreed to nothing, "
            "everything stays stopped."
        ),
    ]


def _sealed_for(session: Session, object_id: str | None) -> list[str]:
    sealed = session.get(VaultObject, object_id) if object_id else None
    if sealed is None:
        return []
    of: Organization | Performer | None = session.get(Organization, sealed.owner_id)
    of = of or session.get(Performer, sealed.owner_id)
    return [_("It is sealed for %(name)s.", name=of.name if of else sealed.owner_id)]


def _secret_in_words(act: TwofoldAct) -> str:
    return _("The new one's secret has the SHA-256 %(sha256)s.", sha256=act.asked["secret_sha256"])


SAYS: dict[str, Callable[[Session, TwofoldAct], list[str]]] = {
    details.KIND: _account_in_words,
    rotation.KIND: _rotation_in_words,
    making.KIND: _making_in_words,
    "operator-key-rotation": _operators_key_in_words,
    "operator-key-creation": _operators_new_key_in_words,
    "vault-access": _opening_in_words,
    deaths.RECORDING: _death_in_words,
    deaths.CORRECTION: _correction_in_words,
    deaths.UPHOLDING: _upholding_in_words,
}
