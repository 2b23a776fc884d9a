"""Back in without a device: begun, vouched for by others, told on every channel, then completed.

Two ways. With a printed code, for who is alone: 72 hours must pass, and the performer's agent must
vouch, or the performer's own face be checked live against their portrait. By two administrators of
the one organization the person belongs to, who were members for seven days and of whom neither
invited the other. Neither is open to the operator: none of its commands begins, vouches for or
completes one, and a passkey is made in a browser by whoever holds the link. Whoever still has a
device stops either at once.
"""

import itertools
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from app import clock, vault
from app.identity import passkeys, people, sessions
from app.identity.errors import NotAllowed
from app.identity.models_people import Ceremony, Membership, Passkey, Person
from app.language import _, day
from app.notices import service as notices
from app.recovery import codes
from app.recovery.errors import RecoveredLately, RecoveryNotFound, RecoveryRefused
from app.recovery.models import Recovery, RecoveryVouch
from app.registry import live, mandates
from app.registry import service as registry
from app.registry.models import Performer
from app.registry.models_live import LiveCheck
from app.registry.poses import Still

DELAY = timedelta(hours=72)
LASTS = timedelta(days=30)
BINDS_NOT_FOR = timedelta(days=7)
KNOWN_FOR = timedelta(days=7)  # an administrator whose word lets somebody in
OWN_DESK = "performer"


def begin_by_code(session: Session, text: str) -> tuple[Recovery, str]:
    """Begin with a printed code, which is used up; return it with the link's secret.

    Raises CodeRefused.
    """
    code = codes.code_of(session, text, lock=True)
    code.used_at, secret = clock.now(), secrets.token_urlsafe(32)
    session.add(code)
    found = _begin(session, code.person_id, "codes", delay=DELAY)
    found.secret_sha256 = sessions.digest(secret)
    session.add(found)
    session.flush()
    return found, secret


def begin_by_administrator(session: Session, by: Person, membership_id: str) -> Recovery:
    """Begin for a member who lost every device, as one of two administrators.

    Only for who belongs to that organization alone: nobody is let into another house by this one's
    administrators. A performer at their own desk waits 72 hours all the same. Raises
    RecoveryNotFound, RecoveryRefused, RecoveredLately.
    """
    membership, none = session.get(Membership, membership_id), "nobody of yours is a member there"
    if membership is None or membership.ended_at is not None:
        raise RecoveryNotFound(none)
    try:
        organization = people.administered(session, by, membership.organization_id)
    except NotAllowed:  # whoever does not administer them learns of no member
        raise RecoveryNotFound(none) from None
    if membership.person_id == by.id:
        raise RecoveryRefused("you are signed in: add a device on your account page")
    check_may_bind(session, by.id)
    if not _belongs_only_to(session, membership.person_id, organization.id):
        raise RecoveryRefused(
            "they belong to other organizations too, whose doors are not yours to open: a second "
            "device or a printed code lets them in"
        )
    if not _known(session, by.id, organization.id, clock.now()):
        raise _too_new()
    waits = organization.kind == OWN_DESK
    found = _begin(
        session,
        membership.person_id,
        "administrators",
        delay=DELAY if waits else timedelta(0),
        organization_id=organization.id,
    )
    _keep_vouch(session, found, by, "administrator")
    return found


def vouch(session: Session, by: Person, recovery_id: str) -> tuple[Recovery, str]:
    """Say that it is them, as one who may; return it, with the link's secret where that is due.

    The second administrator is shown the link, once, to hand over in person. Raises
    RecoveryNotFound for who may not, RecoveryRefused, RecoveredLately.
    """
    found = session.get(Recovery, recovery_id, with_for_update=True, populate_existing=True)
    capacity = None if found is None else capacity_of(session, by, found)
    if found is None or capacity is None or not is_open(found):
        raise _not_found()
    if any(each.person_id == by.id for each in vouches_of(session, found)):
        raise RecoveryRefused("you have vouched already; somebody else has to")
    check_may_bind(session, by.id)
    if found.way == "administrators":
        _check_apart(session, found, by)
    _keep_vouch(session, found, by, capacity)
    _tell(session, "recovery-vouched", found)
    secret = ""
    if found.way == "administrators" and found.secret_sha256 is None:
        secret = secrets.token_urlsafe(32)
        found.secret_sha256 = sessions.digest(secret)
        session.add(found)
        session.flush()
    return found, secret


def capacity_of(session: Session, by: Person, recovery: Recovery) -> str | None:
    """Say as what somebody may vouch for a recovery, if at all; nobody does for themselves."""
    if by.id == recovery.person_id:
        return None
    theirs = people.memberships_of(session, by.id)
    if recovery.way == "administrators":
        here = recovery.organization_id
        is_admin = any(house.id == here and each.is_admin for each, house in theirs)
        return "administrator" if is_admin else None
    agencies = {each.agent_organization_id for each in _performers(session, recovery.person_id)}
    is_agent = any(each.role == "agent" and house.id in agencies for each, house in theirs)
    return "agent" if is_agent else None


def cancel(session: Session, by: Person, recovery_id: str) -> None:
    """Stop a recovery of oneself at once: who has a device needs none. Raises RecoveryNotFound."""
    found = session.get(Recovery, recovery_id, with_for_update=True, populate_existing=True)
    if found is None or found.person_id != by.id or found.completed_at is not None:
        raise _not_found()
    if found.cancelled_at is None:
        found.cancelled_at = clock.now()
        session.add(found)
        session.flush()
        _tell(session, "recovery-cancelled", found)


def recovery_behind(session: Session, secret: str, *, lock: bool = False) -> Recovery:
    """Return the recovery a link is for, while it is open. Raises RecoveryNotFound."""
    theirs = select(Recovery).where(Recovery.secret_sha256 == sessions.digest(secret))
    found = session.exec(theirs.with_for_update() if lock else theirs).first()
    if found is None or not is_open(found):
        raise _not_found()
    return found


def what_is_missing(session: Session, recovery: Recovery) -> str:
    """Say what a recovery still waits for, in words; nothing where it may be completed."""
    if recovery.way == "administrators":
        pairs = itertools.combinations(_administrators(session, recovery), 2)
        if not any(_are_apart(session, one, other) for one, other in pairs):
            return "a second administrator"
        if not _belongs_only_to(session, recovery.person_id, str(recovery.organization_id)):
            return "their belonging to that organization, and to no other"
    elif not vouches_of(session, recovery) and not live.passed_for(session, recovery.id):
        alone = performer_to_check(session, recovery) is not None
        return "somebody who vouches for you" + ", or for your face to be checked live" * alone
    if clock.now() < recovery.opens_at:
        return day(recovery.opens_at)
    return ""


def performer_to_check(session: Session, recovery: Recovery) -> Performer | None:
    """Return whose face, checked live, stands for a word: of who is alone, with a printed code.

    Nobody's where more than one performer is registered at their desk: another's face is no proof
    of this person. Nor where the likeness was erased, or a guardian or an estate stands.
    """
    theirs = _performers(session, recovery.person_id) if recovery.way == "codes" else []
    if len(theirs) != 1 or vault.is_erased(session, theirs[0].id):
        return None
    (performer,) = theirs
    in_place = mandates.is_dead(session, performer.id) or mandates.has_guardian(
        session, performer.id
    )
    return None if in_place else performer


def begin_live_check(session: Session, recovery: Recovery) -> LiveCheck:
    """Draw poses for whoever holds the link. Expects the recovery's row to be locked.

    Raises RecoveryRefused, LiveCheckOver, LikenessErased, TooManyRequests.
    """
    performer = performer_to_check(session, recovery)
    if performer is None:
        raise RecoveryRefused(
            "no face of yours alone is registered here to be checked live: ask your agent to vouch"
        )
    return live.begin(session, performer, recovery_id=recovery.id)


def answer_live_check(
    session: Session,
    recovery: Recovery,
    check_id: str,
    stills: Sequence[Still],
    sha256s: Sequence[bytes],
    *,
    at: datetime,
) -> LiveCheck:
    """Put down how a live check for a recovery ended; where it passed, tell on every channel.

    It proves nothing but to this recovery, and 72 hours pass all the same. Expects the recovery's
    row to be locked. Raises as `live.answer`, LiveCheckNotFound.
    """
    check = live.check_for(session, recovery.id, check_id)
    live.answer(session, check, stills, sha256s, at=at)
    if check.outcome == "passed":
        _tell(session, "recovery-checked-live", recovery)
    return check


def complete(
    session: Session, site: passkeys.Site, recovery: Recovery, taken: Ceremony, *, answer: str
) -> Passkey:
    """Enroll the passkey that was made in this browser; expects the recovery's row to be locked.

    What the person had before stays theirs: older devices go on to work, and can remove the new
    one. Raises RecoveryRefused, PasskeyRefused.
    """
    missing = what_is_missing(session, recovery)
    if missing or not is_open(recovery):
        raise RecoveryRefused(f"this waits for {missing or 'nothing any more: it is over'}")
    person = session.get_one(Person, recovery.person_id)
    passkey = passkeys.enroll(session, site, taken, person, answer=answer, name="After recovery")
    recovery.completed_at, recovery.passkey_id = clock.now(), passkey.id
    session.add(recovery)
    session.flush()
    _tell(session, "recovered", recovery)
    return passkey


def check_may_bind(session: Session, person_id: str) -> None:
    """Raise RecoveredLately within seven days of a recovery: it might have been a thief's.

    Asked before everything of weight: a signature, a yes, an invitation, an erasure. Whoever was
    invited by somebody recovered, since then, waits as long as they do: a thief invites themselves.
    Pausing, withdrawing and saying no ask nothing.
    """
    came_by = people.invitations_of(session, person_id)
    inviters = {each.invited_by for each in came_by if each.invited_by is not None}
    for lately in _recovered_lately(session, {person_id, *inviters}):
        own = lately.person_id == person_id
        if own or any(
            each.invited_by == lately.person_id and each.created_at >= _completed(lately)
            for each in came_by
        ):
            if own:
                raise RecoveredLately(
                    _("you came back in by a recovery; %(wait)s", wait=_until(lately))
                )
            raise RecoveredLately(
                _("whoever invited you came back in by a recovery; %(wait)s", wait=_until(lately))
            )


def check_may_end(
    session: Session, person_id: str, made_at: datetime, passkey_id: str | None = None
) -> None:
    """Raise RecoveredLately for a device or an address older than a recovery of these seven days.

    Else a thief would shut the person out. What the recovery made, older devices do end.
    """
    for lately in _recovered_lately(session, {person_id}):
        if made_at < _completed(lately) and passkey_id != lately.passkey_id:
            raise RecoveredLately(
                _(
                    "it was yours before you came back in by a recovery; %(wait)s",
                    wait=_until(lately),
                )
            )


def is_open(recovery: Recovery) -> bool:
    """Say whether a recovery is neither completed, nor cancelled, nor too old."""
    ended = recovery.completed_at or recovery.cancelled_at
    return ended is None and clock.has_been(recovery.begun_at) and clock.now() < recovery.expires_at


def open_recoveries_of(session: Session, person_id: str) -> list[Recovery]:
    """List the recoveries under way of a person, oldest first."""
    theirs = select(Recovery).where(Recovery.person_id == person_id)
    return [each for each in session.exec(theirs.order_by(col(Recovery.id))) if is_open(each)]


def to_vouch_for(session: Session, by: Person) -> list[tuple[Recovery, Person]]:
    """List what waits for this person's word as an administrator: others began it. Two queries."""
    houses = [house.id for each, house in people.memberships_of(session, by.id) if each.is_admin]
    vouched = select(RecoveryVouch.recovery_id).where(RecoveryVouch.person_id == by.id)
    theirs = session.exec(
        select(Recovery, Person)
        .join(Person, col(Person.id) == col(Recovery.person_id))
        .where(
            Recovery.way == "administrators",
            col(Recovery.organization_id).in_(houses),
            Recovery.person_id != by.id,
            col(Recovery.expires_at) > clock.now(),
            col(Recovery.completed_at).is_(None),
            col(Recovery.cancelled_at).is_(None),
            col(Recovery.id).not_in(vouched),
        )
        .order_by(col(Recovery.id))
    )
    return [(found, person) for found, person in theirs if is_open(found)]


def recovery_to_vouch(session: Session, by: Person, recovery_id: str) -> tuple[Recovery, Person]:
    """Return a recovery to who may vouch for it, and whose it is. Raises RecoveryNotFound."""
    found = session.get(Recovery, recovery_id)
    if found is None or not is_open(found) or capacity_of(session, by, found) is None:
        raise _not_found()
    return found, session.get_one(Person, found.person_id)


def vouches_of(session: Session, recovery: Recovery) -> Sequence[RecoveryVouch]:
    """List who vouched."""
    theirs = select(RecoveryVouch).where(RecoveryVouch.recovery_id == recovery.id)
    return session.exec(theirs.order_by(col(RecoveryVouch.vouched_at))).all()


def _begin(
    session: Session,
    person_id: str,
    way: str,
    *,
    delay: timedelta,
    organization_id: str | None = None,
) -> Recovery:
    at = clock.now()
    found = Recovery(
        person_id=person_id,
        way=way,
        organization_id=organization_id,
        begun_at=at,
        opens_at=at + delay,
        expires_at=at + LASTS,
    )
    session.add(found)
    session.flush()
    _tell(session, "recovery-begun", found)
    return found


def _recovered_lately(session: Session, person_ids: Collection[str]) -> Sequence[Recovery]:
    return session.exec(
        select(Recovery)
        .where(
            col(Recovery.person_id).in_(person_ids),
            col(Recovery.completed_at) > clock.now() - BINDS_NOT_FOR,
        )
        .order_by(col(Recovery.completed_at).desc())
    ).all()


def _completed(recovery: Recovery) -> datetime:
    return recovery.completed_at or recovery.begun_at


def _until(recovery: Recovery) -> str:
    return _(
        "this is open to you from %(at)s on. Pausing and withdrawing work now",
        at=day(_completed(recovery) + BINDS_NOT_FOR),
    )


def _belongs_only_to(session: Session, person_id: str, organization_id: str) -> bool:
    theirs = people.memberships_of(session, person_id)
    return {house.id for _, house in theirs} == {organization_id}


def _known(session: Session, person_id: str, organization_id: str | None, at: datetime) -> bool:
    """Say whether somebody administers a house now and was a member seven days before."""
    return any(
        house.id == organization_id and each.is_admin and each.created_at <= at - KNOWN_FOR
        for each, house in people.memberships_of(session, person_id)
    )


def _administrators(session: Session, recovery: Recovery) -> list[str]:
    """List who vouched and has, as of now, the standing that their word wants."""
    here, at = recovery.organization_id, recovery.begun_at
    vouched = [each.person_id for each in vouches_of(session, recovery)]
    return [each for each in vouched if _known(session, each, here, at)]


def _are_apart(session: Session, one: str, other: str) -> bool:
    """Say whether neither ever invited the other: who did might be both."""
    inviters = [
        {each.invited_by for each in people.invitations_of(session, person_id)}
        for person_id in (one, other)
    ]
    return other not in inviters[0] and one not in inviters[1]


def _check_apart(session: Session, recovery: Recovery, by: Person) -> None:
    if not _known(session, by.id, recovery.organization_id, recovery.begun_at):
        raise _too_new()
    earlier = _administrators(session, recovery)
    if not any(_are_apart(session, by.id, each) for each in earlier):
        raise RecoveryRefused(
            "one of you two invited the other, or who began this administers no more: another "
            "administrator vouches, or begins anew"
        )


def _too_new() -> RecoveryRefused:
    return RecoveryRefused(
        f"only administrators who were members {KNOWN_FOR.days} days before it begins let "
        "somebody back in; ask another one"
    )


def _keep_vouch(session: Session, recovery: Recovery, by: Person, capacity: str) -> None:
    session.add(RecoveryVouch(recovery_id=recovery.id, person_id=by.id, capacity=capacity))
    session.flush()


def _tell(session: Session, kind: str, recovery: Recovery) -> None:
    """Tell the person on every channel, and the agents of the performers at their desk."""
    notices.tell(session, kind, recovery.id, person_id=recovery.person_id)
    agents = {each.agent_organization_id for each in _performers(session, recovery.person_id)}
    for organization_id in sorted(filter(None, agents)):
        notices.tell(session, kind, recovery.id, organization_id=organization_id)


def _performers(session: Session, person_id: str) -> list[Performer]:
    """List the performers at whose own desk somebody is the performer."""
    return [
        performer
        for membership, house in people.memberships_of(session, person_id)
        if house.kind == OWN_DESK and membership.role == "performer"
        for performer in registry.performers_at(session, house.id)
    ]


def _not_found() -> RecoveryNotFound:
    return RecoveryNotFound("there is no such recovery under way, or it is not for you")
