"""What the worker does for an import: look at photos, invite, send the links, forget in time.

Each photo is looked at in the sandbox, outside any transaction, and settled by one commit. Whoever
is killed in between looks again; nobody is invited twice.
"""

import re
from datetime import timedelta

import structlog
from sqlmodel import Session, col, select

from app import clock, db, egress_mail, sandbox, vault
from app.egress_mail import Mail, MailFailed, MailRefused
from app.errors import AppError
from app.identity.models import Organization
from app.registry import service as registry
from app.registry.errors import PICTURE_ERRORS, NoFaceFound, SeveralFacesFound
from app.registry.imports import addresses, service
from app.registry.imports.models import RosterEntry

# What the photo is refused for; anything else (no sandbox, a full disk) is tried again.
UNFIT: tuple[type[AppError], ...] = (
    *PICTURE_ERRORS,
    NoFaceFound,
    SeveralFacesFound,
    sandbox.SandboxTimeout,
    sandbox.SandboxMemory,
    sandbox.SandboxCrashed,
)
BACKOFF = tuple(timedelta(minutes=each) for each in (1, 5, 15, 60, 240, 720))
CODES = re.compile(r"\d{3}(?: \d\.\d{1,3}\.\d{1,3})?(?= |$)")
CLAIMED_FOR = timedelta(minutes=1)
AT_ONCE = 20
SUBJECT = "Is this you? An agency wants to register you"
TEXT = """\
{agency} wants to represent you on Understudy, where performers license digital replicas of
themselves, and gave us a photo that it says is of you.

Nothing happens unless you say yes. Look at it, and say yes or no, here:
{link}

Until {until} (UTC). If you say no, or nothing, the photo and this address are destroyed.
"""
logger = structlog.get_logger()


def check_next(passed: set[str] | None = None) -> bool:
    """Look at the photo that waits longest and is not in `passed`; return whether there is one.

    A photo that cannot be looked at (its key or ciphertext is altered, or not there) is put into
    `passed`, and nothing is decided: the others do not wait until the operator brings it back.
    Without a sandbox none is looked at. Raises SandboxUnavailable; without `passed`, everything.
    """
    with db.reading() as session:
        waits = select(RosterEntry.id).where(RosterEntry.state == "received")
        oldest = session.exec(waits.order_by(col(RosterEntry.id)).limit(len(passed or ()) + 1))
        entry_id = next((each for each in oldest if each not in (passed or ())), None)
    if entry_id is None:
        return False
    try:
        _check(entry_id)
    except sandbox.SandboxUnavailable:
        raise
    except AppError as refusal:
        if passed is None:
            raise
        passed.add(entry_id)
        logger.exception("roster-photo-passed-over", entry=entry_id, code=refusal.code)
    return True


def _check(entry_id: str) -> None:
    with sandbox.private_directory() as directory:
        path = directory / "portrait"
        # 1. Taken out of the vault, on record.
        with db.writing() as session:
            entry = session.get_one(RosterEntry, entry_id)
            object_id = entry.portrait_object_id
            if entry.state != "received" or object_id is None:
                return
            vault.open_to(session, object_id, path, purpose="enrollment", subject_id=entry_id)
        # 2. Looked at by the child that reads portraits, as at any enrollment.
        try:
            media_type, reason = registry.inspect_portrait(path).media_type, ""
        except UNFIT as refusal:
            media_type, reason = "", refusal.code
    # 3. Settled, where it is still the photo that was looked at.
    with db.writing() as session:
        entry = session.get_one(RosterEntry, entry_id, with_for_update=True, populate_existing=True)
        if entry.state == "received" and entry.portrait_object_id == object_id:
            _settle(session, entry, media_type, reason)


def _settle(session: Session, entry: RosterEntry, media_type: str, reason: str) -> None:
    if not reason and addresses.resting(session, entry.organization_id, [entry.address_mac]):
        reason = "asked-lately"  # while the photo was awaited
    if reason:
        vault.make_unreadable(session, entry.portrait_object_id or "")
        entry.state, entry.reason = "unfit", reason
    else:
        entry.state, entry.media_type, entry.invited_at = "invited", media_type, clock.now()
        entry.expires_at = clock.now() + service.INVITES
        entry.mail = "waiting" if egress_mail.is_open() else "by-hand"
        entry.mail_next_at, entry.message_id = clock.now(), egress_mail.new_message_id()
    session.add(entry)
    session.flush()


def end_late() -> None:
    """Forget whoever did not answer in time, and the hashes of addresses that have rested."""
    with db.reading() as session:
        due = service.has_late(session) or addresses.has_rested(session)
    if due:
        with db.writing() as session:
            service.end_late(session)
            addresses.forget_rested(session)


def send_waiting() -> int:
    """Send the links that are due; return how many were handed over. For a thread that may wait."""
    with db.reading() as session:
        due = session.exec(
            select(RosterEntry.id)
            .where(RosterEntry.mail == "waiting", RosterEntry.mail_next_at <= clock.now())
            .order_by(col(RosterEntry.mail_next_at))
            .limit(AT_ONCE)
        ).all()
    return sum(_send(entry_id) for entry_id in due)


def _send(entry_id: str) -> bool:
    # 1. Claim it, so that no other worker sends it meanwhile.
    with db.writing() as session:
        mail = _claim(session, entry_id)
    if mail is None:
        return False
    # 2. Hand it over, outside any transaction.
    try:
        reply, ended = egress_mail.send(mail), "sent"
    except MailRefused as refusal:
        reply, ended = refusal.detail, "failed"
    except MailFailed as failure:
        reply, ended = failure.detail, "waiting"
    # 3. Keep what was said.
    with db.writing() as session:
        entry = session.get_one(RosterEntry, entry_id, with_for_update=True)
        if entry.mail == "waiting":
            _keep(session, entry, ended, reply)
    return ended == "sent"


def _claim(session: Session, entry_id: str) -> Mail | None:
    entry = session.get(RosterEntry, entry_id, with_for_update=True)
    if entry is None or entry.mail != "waiting" or entry.mail_next_at > clock.now():
        return None
    if addresses.is_left_alone(session, entry):
        _keep_unsent(session, entry)
        return None
    entry.mail_attempts += 1
    entry.mail_next_at = clock.now() + CLAIMED_FOR
    session.add(entry)
    session.flush()
    text = TEXT.format(
        agency=session.get_one(Organization, entry.organization_id).name,
        link=service.link_of(entry),
        until=f"{entry.expires_at:%Y-%m-%d %H:%M}",
    )
    return Mail(service.address_of(entry), SUBJECT, text, entry.message_id)


def _keep_unsent(session: Session, entry: RosterEntry) -> None:
    """Have a row stand as if its mail were out: its agency learns of nobody whom others asked."""
    entry.mail, entry.message_id = "sent", ""
    session.add(entry)
    session.flush()
    logger.info("roster-mail", entry=entry.id, state="left-alone", attempts=0)


def _keep(session: Session, entry: RosterEntry, ended: str, reply: str) -> None:
    if ended == "waiting" and entry.mail_attempts > len(BACKOFF):
        ended = "failed"
    elif ended == "waiting":
        entry.mail_next_at = clock.now() + BACKOFF[entry.mail_attempts - 1]
    entry.mail, entry.mail_reply = ended, _without_words(reply)
    session.add(entry)
    session.flush()
    logger.info("roster-mail", entry=entry.id, state=ended, attempts=entry.mail_attempts)


def _without_words(reply: str) -> str:
    """Keep the codes of a server's answer (RFC 5321, RFC 3463): its words may name the reader."""
    codes = CODES.match(reply)
    return codes[0] if codes else reply[: egress_mail.REPLY_CHARS]
