"""Acts that take two people: proposed by anybody entitled, done once a second person agreed.

A key that proposes is no person. Two people agree who were members seven days before, each with
a passkey used minutes ago. Where a house has only one such person, they agree twice: at once, and
again after three days in which everybody of the house was told and could refuse. Operators are a
house like others, for whom the command line proposes.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlmodel import Session, col, select

from app import clock, trail
from app.identity import api_keys, operators
from app.identity.models import OPERATORS, ApiKey, Organization
from app.identity.models_people import Membership
from app.language import _, day
from app.notices import service as notices
from app.recovery.errors import RecoveredLately
from app.recovery.service import check_may_bind
from app.transparency import service as transparency
from app.twofold.errors import (
    MemberTooNew,
    SecondPersonNeeded,
    TooManyProposals,
    TwofoldNotFound,
    TwofoldOver,
)
from app.twofold.models import State, TwofoldAct, TwofoldVoice

ALONE_FOR = timedelta(hours=72)
KNOWN_FOR = timedelta(days=7)
LAPSES_AFTER = timedelta(days=14)
MOST_A_DAY = 5  # proposals about one thing: each is told to everybody of the house
ACCOUNT = "account"  # by which a command was given that asks; it is nobody's word
LOOK_ONLY = ("auditor", "production_member")


def propose(
    session: Session,
    kind: str,
    subject_id: str,
    asked: dict[str, Any],
    *,
    organization_id: str | None,
    api_key_id: str | None = None,
) -> TwofoldAct:
    """Put down what is to be done; it takes the place of what was proposed of the same thing.

    Everybody of the house is told. Nothing happens yet. Raises TooManyProposals.
    """
    at = clock.now()
    if organization_id is not None:
        _check_not_too_many(session, organization_id, kind, subject_id, at)
    for earlier in _open(session, organization_id, kind=kind, subject_id=subject_id):
        session.refresh(earlier, with_for_update=True)  # it may have been agreed to meanwhile
        if earlier.state(at) == "proposed":
            earlier.refused_at = at
            session.add(earlier)
    act = TwofoldAct(
        organization_id=organization_id,
        kind=kind,
        subject_id=subject_id,
        asked=asked,
        api_key_id=api_key_id,
        proposed_at=at,
        lapses_at=at + LAPSES_AFTER,
    )
    session.add(act)
    session.flush()
    if organization_id is not None:
        notices.tell(session, "twofold-proposed", act.id, organization_id=organization_id)
    return act


def agree(session: Session, act_id: str, person_id: str) -> TwofoldAct:
    """Agree to an act of one's house; settled once that makes two people, or three days passed.

    Expects the person to have been verified minutes ago. Raises TwofoldNotFound, TwofoldOver,
    MemberTooNew, SecondPersonNeeded where the same person agrees again too early, RecoveredLately.
    """
    act = act_of(session, act_id, person_id, lock=True)
    check_may_agree(session, act, person_id)
    known = _known(session, act)
    others = known - {person_id}
    _note(session, act, person_id, "agree")
    return _say(session, act, person_id, counted=known & _members(session, act), others=others)


def check_may_agree(session: Session, act: TwofoldAct, person_id: str) -> None:
    """Do nothing for who counts: known for seven days, or nobody else was of the house since.

    Raises MemberTooNew, RecoveredLately: such a one sees no account either, and may refuse.
    """
    check_may_bind(session, person_id)
    if person_id not in _known(session, act) and _since(session, act) != {person_id}:
        raise MemberTooNew(
            f"only who was a member {KNOWN_FOR.days} days before it was proposed counts as one of "
            "two; ask somebody else of your house, or have it proposed anew once you were"
        )


def may_agree(session: Session, act: TwofoldAct, person_id: str) -> bool:
    """Say whether a person's word would count; as `check_may_agree`."""
    try:
        check_may_agree(session, act, person_id)
    except (MemberTooNew, RecoveredLately):
        return False
    return True


def _say(
    session: Session,
    act: TwofoldAct,
    who: str,
    *,
    counted: Collection[str],
    others: Collection[str],
) -> TwofoldAct:
    voices = {each.who: each.said_at for each in voices_of(session, act)}
    again = who in voices
    if not again:
        session.add(TwofoldVoice(act_id=act.id, who=who, said_at=clock.now()))
        session.flush()
        voices[who] = clock.now()
    if is_settled(voices, who, counted=counted, others=others, at=clock.now()):
        act.settled_at = clock.now()
        session.add(act)
        session.flush()
        transparency.record(session, "twofold-agreed", act.id, evidence(act, sorted(voices)))
        if act.organization_id is not None:
            notices.tell(session, "twofold-agreed", act.id, organization_id=act.organization_id)
    elif again:
        until = voices[who] + ALONE_FOR
        raise SecondPersonNeeded(
            _("you agreed already; somebody else of your house has to")
            if others
            else _(
                "you agreed already, and are alone here: agree again from %(at)s on", at=day(until)
            )
        )
    return act


def is_settled(
    voices: Mapping[str, datetime],
    who: str,
    *,
    counted: Collection[str],
    others: Collection[str],
    at: datetime,
) -> bool:
    """Say whether it takes nobody more: two who count, or one without others, three days on. Pure.

    `others` could agree beside `who`, or could until lately: whoever removes them is not alone.
    """
    if len(set(voices) & set(counted)) >= 2:
        return True
    return not others and at >= voices[who] + ALONE_FOR


def refuse(session: Session, act_id: str, person_id: str) -> TwofoldAct:
    """Refuse an act of one's house, at once and for good: agreed to or not, until it is done.

    Under the lock that whoever does it holds: one of the two comes first, and the other is told so.
    What was in the log as agreed to, is there as refused. Raises TwofoldNotFound, TwofoldOver.
    """
    act = act_of(session, act_id, person_id, lock=True, agreed=True)
    act.refused_at = clock.now()
    session.add(act)
    session.flush()
    if act.settled_at is not None:
        voices = [each.who for each in voices_of(session, act)]
        transparency.record(session, "twofold-refused", act.id, evidence(act, sorted(voices)))
    _note(session, act, person_id, "refuse")
    notices.tell(session, "twofold-refused", act.id, organization_id=act.organization_id)
    return act


def act_of(
    session: Session, act_id: str, person_id: str, *, lock: bool = False, agreed: bool = False
) -> TwofoldAct:
    """Return an act under way of a house this person acts for. Raises TwofoldNotFound, TwofoldOver.

    Who only looks there is told nothing of it. `agreed`: also one that is agreed to and not done.
    """
    act = session.get(TwofoldAct, act_id, with_for_update=lock, populate_existing=lock)
    if act is None or person_id not in _members(session, act):
        raise TwofoldNotFound("nothing of that kind waits for you")
    state = state_of(session, act)
    if state != "proposed" and not (agreed and state == "agreed" and act.done_at is None):
        ended = "done" if act.done_at is not None else state
        said = "has lapsed" if state == "lapsed" else f"was {ended} already"
        raise TwofoldOver(f"this {said}; have it proposed anew if it is wanted")
    return act


def waiting_for(
    session: Session, person_id: str, *, after: str | None = None, limit: int = 25
) -> Sequence[tuple[TwofoldAct, str]]:
    """List what waits for this person's word, oldest first, each with the name of its house: also
    what was agreed to and is not done, which anybody may refuse still.

    One query: what a key proposed that has ended since does not wait (`state_of`).
    """
    houses = select(Membership.organization_id).where(
        Membership.person_id == person_id,
        col(Membership.ended_at).is_(None),
        col(Membership.role).not_in(LOOK_ONLY),
    )
    at = clock.now()
    query = (
        select(TwofoldAct, Organization.name)
        .join(Organization, col(Organization.id) == col(TwofoldAct.organization_id))
        .outerjoin(ApiKey, col(ApiKey.id) == col(TwofoldAct.api_key_id))
        .where(
            col(TwofoldAct.organization_id).in_(houses),
            _is_undone(at),
            sa.or_(col(TwofoldAct.api_key_id).is_(None), api_keys.standing(at)),
        )
    )
    if after is not None:
        query = query.where(col(TwofoldAct.id) > after)
    return session.exec(query.order_by(col(TwofoldAct.id)).limit(limit)).all()


def state_of(session: Session, act: TwofoldAct) -> State:
    """Say where an act stands now: what a key proposed lapses when that key is ended."""
    state = act.state(clock.now())
    if state != "proposed" or act.api_key_id is None:
        return state
    key = session.get_one(ApiKey, act.api_key_id)
    return state if api_keys.is_standing(session, key) else "lapsed"


def acts_of(session: Session, organization_id: str, kind: str) -> Sequence[TwofoldAct]:
    """List what a house proposed of a kind, newest first."""
    theirs = select(TwofoldAct).where(
        TwofoldAct.organization_id == organization_id, TwofoldAct.kind == kind
    )
    return session.exec(theirs.order_by(col(TwofoldAct.id).desc()).limit(200)).all()


def note_done(session: Session, act: TwofoldAct) -> None:
    """Put down that what was agreed is done; a defect where it was not agreed, done or refused.

    Expects its lock, and that it was read behind it (`undone`, `act_of`).
    """
    if act.settled_at is None or act.done_at is not None or act.refused_at is not None:
        raise ValueError(f"{act.id} is {act.state(clock.now())}: it is not to be done")
    act.done_at = clock.now()
    session.add(act)
    session.flush()


def voices_of(session: Session, act: TwofoldAct) -> Sequence[TwofoldVoice]:
    """List who agreed, first to last."""
    theirs = select(TwofoldVoice).where(TwofoldVoice.act_id == act.id)
    return session.exec(theirs.order_by(col(TwofoldVoice.said_at))).all()


def undone(
    session: Session,
    organization_id: str,
    kind: str,
    subject_id: str,
    asked: dict[str, Any],
    *,
    lock: bool = True,
) -> TwofoldAct | None:
    """Return what a house last proposed of just this and nobody did yet, agreed to or not.

    It is locked for who is about to do it; who only looks says so.
    The account on the host that asked first is on record, and makes no difference. Whether what
    was agreed to is to be done yet, says `holds`.
    """
    theirs = select(TwofoldAct).where(
        TwofoldAct.organization_id == organization_id,
        TwofoldAct.kind == kind,
        TwofoldAct.subject_id == subject_id,
        col(TwofoldAct.refused_at).is_(None),
        col(TwofoldAct.done_at).is_(None),
        TwofoldAct.lapses_at > clock.now(),
    )
    newest = theirs.order_by(col(TwofoldAct.id).desc())
    newest = newest.with_for_update() if lock else newest
    found = session.exec(newest, execution_options={"populate_existing": True})
    this = asked | {ACCOUNT: None}
    return next((each for each in found if each.asked | {ACCOUNT: None} == this), None)


def holds(session: Session, act: TwofoldAct) -> bool:
    """Say whether those whose words settled an act act for its house still, so that it may be done.

    Two who counted, or whoever was alone: the word of somebody who was removed since is none.
    """
    said = {each.who for each in voices_of(session, act)} & _members(session, act)
    known = _known(session, act)
    return len(said & known) >= 2 or any(not known - {who} for who in said)


def evidence(act: TwofoldAct, voices: Sequence[str]) -> dict[str, Any]:
    """Return the payload of the leaf of an act that was agreed to."""
    return {
        "act": act.kind,
        "subject": act.subject_id,
        "asked_sha256": hashlib.sha256(rfc8785.dumps(act.asked)).hexdigest(),
        "voices": list(voices),
    }


def _note(session: Session, act: TwofoldAct, person_id: str, what: str) -> None:
    """Put down what an operator says to an act: each of their acts is an audit event."""
    if session.get_one(Organization, act.organization_id).kind == OPERATORS:
        trail.note_act(session, f"two-people {what}", [act.id], name=person_id + api_keys.AT_A_PAGE)


def _check_not_too_many(
    session: Session, organization_id: str, kind: str, subject_id: str, at: datetime
) -> None:
    today = sa.select(sa.func.count()).where(
        col(TwofoldAct.organization_id) == organization_id,
        col(TwofoldAct.kind) == kind,
        col(TwofoldAct.subject_id) == subject_id,
        col(TwofoldAct.proposed_at) > at - timedelta(days=1),
    )
    if (session.scalar(today) or 0) >= MOST_A_DAY:
        raise TooManyProposals(
            f"this was proposed {MOST_A_DAY} times within a day, and each time everybody of the "
            "house was told; propose it again tomorrow"
        )


def _open(
    session: Session, organization_id: str | None, *, kind: str, subject_id: str
) -> Sequence[TwofoldAct]:
    query = select(TwofoldAct).where(
        TwofoldAct.organization_id == organization_id,
        TwofoldAct.kind == kind,
        TwofoldAct.subject_id == subject_id,
        col(TwofoldAct.settled_at).is_(None),
        _is_undone(clock.now()),
    )
    return session.exec(query.order_by(col(TwofoldAct.id))).all()


def _is_undone(at: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(
        col(TwofoldAct.done_at).is_(None),
        col(TwofoldAct.refused_at).is_(None),
        col(TwofoldAct.lapses_at) > at,
    )


def _memberships(session: Session, organization_id: str | None) -> Sequence[Membership]:
    return session.exec(
        select(Membership).where(
            Membership.organization_id == organization_id,
            col(Membership.role).not_in(LOOK_ONLY),
        )
    ).all()


def _members(session: Session, act: TwofoldAct) -> set[str]:
    """Return who acts for the house now."""
    theirs = _memberships(session, act.organization_id)
    return {each.person_id for each in theirs if each.ended_at is None}


def _since(session: Session, act: TwofoldAct) -> set[str]:
    """Return who acts for the house now, or did at any time from seven days before on."""
    since = act.proposed_at - KNOWN_FOR
    return {
        each.person_id
        for each in _memberships(session, act.organization_id)
        if each.ended_at is None or each.ended_at > since
    }


def _known(session: Session, act: TwofoldAct) -> set[str]:
    return known(session, str(act.organization_id), act.proposed_at)


def known(session: Session, organization_id: str, at: datetime) -> set[str]:
    """Return who counts for what is proposed to a house at an instant.

    Who acted for it seven days before, and did not leave before that; and of operators those who
    founded the house (`operators.founders`), by whom nobody else could be taken in yet.
    """
    since = at - KNOWN_FOR
    founders = operators.founders(session, organization_id)
    return {
        each.person_id
        for each in _memberships(session, organization_id)
        if (each.created_at <= since or (each.id in founders and each.created_at <= at))
        and (each.ended_at is None or each.ended_at > since)
    }
