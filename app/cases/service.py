"""Open a case, answer it, agree on it, end it; and what its end does to the output and the books.

A case freezes what is on record, and while it is open nothing of the performers in the output is
erased and, where that was asked for, nothing the output earned is paid out. It ends when whoever
would bear what is asked accepts it, when the opener takes it back, or when the operator decides.
An end is logged as a salted commitment; what it takes down is not handed out any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from sqlmodel import Session, col, func, or_, select

from app import clock
from app.cases.errors import (
    CaseAboutNothing,
    CaseClosed,
    CaseNotFound,
    CaseNotYours,
    CaseOpenAlready,
    CaseRefused,
    TooManyCases,
)
from app.cases.frozen import digest_of, freeze
from app.cases.models import ASKED, OUTCOMES, Case, CaseEvent, CaseSide
from app.gateway.models import Generation, GenerationReplica
from app.identity.principal import Principal
from app.ledger import service as ledger
from app.ledger.models import JournalEntry, RecordedUse
from app.licensing.contracts.models import Contract
from app.notices import service as notices
from app.payments.parties import parties_of
from app.registry.models import Performer
from app.transparency import service as transparency

ANSWER_WITHIN = timedelta(days=3)
DECIDE_WITHIN = timedelta(days=30)
LONGEST_EXTENSION_DAYS = 90
VISITORS_MOST, VISITORS_WITHIN = 20, timedelta(days=7)  # about one thing


@dataclass(frozen=True)
class Complaint:
    """What somebody says is wrong, about an output, a file, or both, and what is to be done."""

    ground: str
    asked: str
    words: str
    generation_id: str = ""
    file_sha256: str = ""
    hold_payouts: bool = False


@dataclass(frozen=True)
class Shown:
    """What one side is shown of a case: what was frozen, and what was said."""

    evidence: dict[str, Any]
    events: Sequence[CaseEvent]


# --- Opening ---


def open_case(session: Session, complaint: Complaint, by: Principal) -> Case:
    """Open a case for an organization: as a side of the output, or as a visitor.

    Raises CaseAboutNothing where the output was never released, CaseRefused where the request does
    not fit, CaseOpenAlready.
    """
    generation = _about(session, complaint)
    sides = _sides(session, generation) if generation is not None else {}
    side = sides.get(by.organization_id, "visitor")
    if side == "visitor":
        _insist_on_few(session, generation, complaint)
    if generation is not None:
        _insist_first(session, generation, complaint, by.organization_id)
    return _open(session, complaint, generation, sides | {by.organization_id: side}, side, by=by)


def open_for_visitor(session: Session, complaint: Complaint, *, secret: str) -> Case:
    """Open a case for whoever holds `secret`: it is all they have, and follows the case.

    It holds nothing, tells nobody and is not in the log until the operator has taken it up. Raises
    as `open_case`, and TooManyCases where many about the same wait to be taken up.
    """
    generation = _about(session, complaint)
    _insist_on_few(session, generation, complaint)
    sides = _sides(session, generation) if generation is not None else {}
    return _open(session, complaint, generation, sides, "visitor", link_sha256=_hash(secret))


def _open(
    session: Session,
    complaint: Complaint,
    generation: Generation | None,
    sides: Mapping[str, str],
    side: str,
    *,
    by: Principal | None = None,
    link_sha256: str | None = None,
) -> Case:
    opener = by.organization_id if by is not None else None
    _check(complaint, generation, side)
    at = clock.now()
    frozen = freeze(session, generation, complaint.file_sha256 or None)
    case = Case(
        generation_id=generation.id if generation else None,
        file_sha256=complaint.file_sha256 or None,
        ground=complaint.ground,
        asked=complaint.asked,
        words=complaint.words,
        side=side,
        organization_id=opener,
        api_key_id=by.api_key_id if by else None,
        link_sha256=link_sha256,
        holds_payouts=complaint.hold_payouts,
        evidence=frozen,
        evidence_sha256=digest_of(frozen),
        opened_at=at,
        answer_by=at + ANSWER_WITHIN,
        decide_by=at + DECIDE_WITHIN,
        holds_from=at if side != "visitor" else None,
    )
    session.add(case)
    session.flush()
    bearers = _bearers(complaint.asked, sides, opener)
    session.add_all(
        CaseSide(case_id=case.id, organization_id=each, side=what, must_accept=each in bearers)
        for each, what in sides.items()
    )
    session.flush()
    _happened(session, case, "opened", side, complaint.words, by=by)
    if case.holds_from is not None:
        transparency.record(session, "case-opened", case.id, opening_evidence(case))
    session.flush()
    return case


def _about(session: Session, complaint: Complaint) -> Generation | None:
    """Return the released output a complaint is about, by its id or by its file's digest."""
    if complaint.generation_id:
        found = session.get(Generation, complaint.generation_id)
        if found is None or found.released_at is None:
            raise CaseAboutNothing("no output of this installation was released under this id")
        return found
    released = select(Generation).where(
        Generation.output_sha256 == complaint.file_sha256, col(Generation.released_at).is_not(None)
    )
    return session.exec(released).first() if complaint.file_sha256 else None


def _check(complaint: Complaint, generation: Generation | None, side: str) -> None:
    if not (complaint.generation_id or complaint.file_sha256):
        raise CaseRefused("say what it is about: an output's id, or the SHA-256 of a file")
    if side == "visitor" and (complaint.hold_payouts or complaint.asked == "reversal"):
        raise CaseRefused("only who has a part in the output may hold or turn back its money")
    if generation is None and (complaint.hold_payouts or complaint.asked == "reversal"):
        raise CaseRefused("no output of ours is known by this file, so there is no money of it")


def _insist_first(
    session: Session, generation: Generation, complaint: Complaint, organization_id: str
) -> None:
    session.refresh(generation, with_for_update=True)  # one case at a time about one output
    again = select(Case.id).where(
        Case.generation_id == generation.id,
        Case.organization_id == organization_id,
        Case.asked == complaint.asked,
        col(Case.closed_at).is_(None),
    )
    if (open_one := session.exec(again).first()) is not None:
        raise CaseOpenAlready(f"{open_one} asks for the same and is open; add to it instead")


def sides_of(session: Session, generation_id: str) -> dict[str, str]:
    """Name every organization that a released output concerns, and as what; else nobody."""
    found = session.get(Generation, generation_id) if generation_id else None
    return _sides(session, found) if found is not None and found.released_at is not None else {}


def _insist_on_few(session: Session, generation: Generation | None, complaint: Complaint) -> None:
    """Take only so many about one thing from those who have no part in it. Raises TooManyCases."""
    about = (
        col(Case.generation_id) == generation.id
        if generation is not None
        else col(Case.file_sha256) == complaint.file_sha256
    )
    waiting = select(func.count()).where(
        about, col(Case.side) == "visitor", col(Case.holds_from).is_(None)
    )
    since = col(Case.opened_at) > clock.now() - VISITORS_WITHIN
    if session.exec(waiting.where(since)).one() >= VISITORS_MOST:
        raise TooManyCases(
            "others have said so already, and somebody will look; nothing is gained by one more"
        )


def _sides(session: Session, generation: Generation) -> dict[str, str]:
    """Name every organization an output concerns, and as what."""
    theirs = (
        select(Performer, Contract.series_id)
        .join(GenerationReplica, col(GenerationReplica.performer_id) == col(Performer.id))
        .join(Contract, col(Contract.id) == col(GenerationReplica.contract_id))
        .where(GenerationReplica.generation_id == generation.id)
    )
    found = session.exec(theirs).all()
    _, unions = parties_of(session, {series_id for _, series_id in found})
    sides = dict.fromkeys(unions, "union")
    for performer, _ in found:
        sides[performer.organization_id] = "performer"
        if performer.agent_organization_id is not None:
            sides[performer.agent_organization_id] = "performer"
    return sides | {generation.organization_id: "production"}


def _bearers(asked: str, sides: Mapping[str, str], opener: str | None) -> set[str]:
    """Say who must accept for it to happen: a reversal takes from everybody, the rest from one."""
    bear = {"production"} if asked != "reversal" else {"production", "performer"}
    return {each for each, side in sides.items() if side in bear and each != opener}


# --- What may be read ---


def case_of(session: Session, organization_id: str, case_id: str) -> Case:
    """Return a case to a side of it. Raises CaseNotFound for all others alike."""
    case = session.get(Case, case_id)
    if case is None or session.get(CaseSide, (case_id, organization_id)) is None:
        raise CaseNotFound(f"no case you are a side of has the id {case_id[:64]}")
    return case


def case_behind(session: Session, secret: str) -> Case:
    """Return the case whose visitor was given this secret. Raises CaseNotFound."""
    found = session.exec(select(Case).where(Case.link_sha256 == _hash(secret))).first()
    if found is None:
        raise CaseNotFound("this link opens no case; look whether all of it was copied")
    return found


def cases_of(
    session: Session, organization_id: str, *, before: str | None = None, limit: int = 50
) -> Sequence[Case]:
    """List the cases an organization is a side of, newest first."""
    query = (
        select(Case)
        .join(CaseSide, col(CaseSide.case_id) == col(Case.id))
        .where(CaseSide.organization_id == organization_id)
    )
    if before is not None:
        query = query.where(col(Case.id) < before)
    return session.exec(query.order_by(col(Case.id).desc()).limit(limit)).all()


def open_cases(session: Session) -> Sequence[Case]:
    """List every open case, the one that is due first at the top: for the operator."""
    still = select(Case).where(col(Case.closed_at).is_(None))
    return session.exec(still.order_by(col(Case.decide_by), col(Case.id))).all()


def events_of(session: Session, case_id: str) -> Sequence[CaseEvent]:
    """List what happened in a case, oldest first."""
    theirs = select(CaseEvent).where(CaseEvent.case_id == case_id)
    return session.exec(theirs.order_by(col(CaseEvent.number))).all()


def shown_to(session: Session, case: Case, side: str, organization_id: str | None) -> Shown:
    """Return what of a case a side is shown: who has no part in the output, the operator's words
    and its own, and of what was frozen the digest alone.

    A performer's side sees what was frozen of its own contracts, and not of another's in the scene.
    """
    events = events_of(session, case.id)
    if side == "visitor":
        own = [
            each
            for each in events
            if each.side == "operator"
            or (each.side == "visitor" and each.organization_id == organization_id)
        ]
        return Shown({}, own)
    if side != "performer" or case.evidence.get("output") is None:
        return Shown(case.evidence, events)
    theirs = set(session.exec(_series_of(case.generation_id or "", organization_id or "")))
    mine = select(JournalEntry.id).where(
        JournalEntry.generation_id == case.generation_id, col(JournalEntry.contract_id).in_(theirs)
    )
    entries = set(session.exec(mine))
    return Shown(
        case.evidence
        | {
            "contracts": [row for row in case.evidence["contracts"] if row[0] in theirs],
            "entries": [row for row in case.evidence["entries"] if row[0] in entries],
        },
        events,
    )


def _series_of(generation_id: str, organization_id: str) -> Any:
    """Select the contracts behind an output whose performer's side an organization is."""
    return (
        select(Contract.series_id)
        .join(GenerationReplica, col(GenerationReplica.contract_id) == col(Contract.id))
        .join(Performer, col(Performer.id) == col(GenerationReplica.performer_id))
        .where(
            GenerationReplica.generation_id == generation_id,
            or_(
                col(Performer.organization_id) == organization_id,
                col(Performer.agent_organization_id) == organization_id,
            ),
        )
    )


def side_of(session: Session, case: Case, organization_id: str) -> CaseSide:
    """Return as what an organization sees a case it may see."""
    return session.get_one(CaseSide, (case.id, organization_id))


def state_of(case: Case, at: datetime) -> str:
    """Say where a case stands: waiting, open, overdue or closed."""
    if case.closed_at is not None:
        return "closed"
    if case.holds_from is None:
        return "waiting"
    return "overdue" if at >= case.decide_by else "open"


# --- What its sides do ---


def answer(session: Session, case_id: str, words: str, by: Principal) -> Case:
    """Put an answer, or more evidence in words, on record. Raises CaseNotFound, CaseClosed."""
    case = _locked(session, by.organization_id, case_id)
    side = side_of(session, case, by.organization_id).side
    _happened(session, case, "answered", side, words, by=by)
    return case


def accept(session: Session, case_id: str, words: str, by: Principal) -> Case:
    """Accept what is asked; once everybody who would bear it has, it happens, in this transaction.

    Raises CaseNotFound, CaseClosed, CaseNotYours for a side that would not bear it.
    """
    case = _locked(session, by.organization_id, case_id)
    seat = side_of(session, case, by.organization_id)
    if not seat.must_accept:
        raise CaseNotYours("this is for whoever would bear what is asked; you may answer")
    _happened(session, case, "accepted", seat.side, words, by=by)
    bearers = select(CaseSide.organization_id).where(
        CaseSide.case_id == case.id, col(CaseSide.must_accept)
    )
    accepted = select(CaseEvent.organization_id).where(
        CaseEvent.case_id == case.id, CaseEvent.kind == "accepted"
    )
    if set(session.exec(bearers)) <= set(session.exec(accepted)):
        _close(session, case, [case.asked], seat.side, "accepted by everybody it touches", by=by)
    return case


def take_back(session: Session, case_id: str, words: str, by: Principal) -> Case:
    """End a case as its opener. Raises CaseNotFound, CaseClosed, CaseNotYours."""
    case = _locked(session, by.organization_id, case_id)
    if case.organization_id != by.organization_id:
        raise CaseNotYours("only who opened a case takes it back; you may answer")
    _close(session, case, ["withdrawn"], case.side, words, by=by)
    return case


# --- What the operator does ---


def take_up(session: Session, case_id: str, *, because: str) -> Case:
    """Let a visitor's case hold what it is about from now on. Raises CaseNotFound, CaseClosed."""
    case = _locked(session, None, case_id)
    if case.holds_from is None:
        case.holds_from = clock.now()
        session.add(case)
        _happened(session, case, "taken-up", "operator", because)
        transparency.record(session, "case-opened", case.id, opening_evidence(case))
    return case


def extend(session: Session, case_id: str, *, days: int, because: str) -> Case:
    """Give a case more time, from its end on. Raises CaseNotFound, CaseClosed, CaseRefused."""
    if not 1 <= days <= LONGEST_EXTENSION_DAYS:
        raise CaseRefused(f"a case is extended by 1 to {LONGEST_EXTENSION_DAYS} days at a time")
    case = _locked(session, None, case_id)
    case.decide_by += timedelta(days=days)
    session.add(case)
    _happened(session, case, "extended", "operator", f"{days} days: {because}")
    return case


def decide(session: Session, case_id: str, outcomes: Sequence[str], *, because: str) -> Case:
    """End a case with what comes of it, and do that. Raises CaseNotFound, CaseClosed, CaseRefused.

    A take-down and a reversal are done in this transaction; a correction is in `because`.
    """
    case = _locked(session, None, case_id)
    unknown = sorted(set(outcomes) - (set(OUTCOMES) - {"withdrawn"}))
    if unknown or not outcomes or len(set(outcomes)) < len(outcomes):
        raise CaseRefused(f"name each outcome once: {', '.join(OUTCOMES[:-1])}")
    if not because.strip():
        raise CaseRefused("say why: both sides read it")
    if len(outcomes) > 1 and not set(outcomes) <= set(ASKED):
        raise CaseRefused("settled and dismissed stand alone")
    if case.generation_id is None and set(outcomes) & {"takedown", "reversal"}:
        raise CaseRefused("no output of ours is known by this file; there is nothing to take down")
    _close(session, case, list(outcomes), "operator", because)
    return case


# --- What an open case holds, for the rooms above ---


def holding(session: Session, performer_id: str) -> Sequence[str]:
    """Name the open cases for which nothing of a performer may be erased yet."""
    theirs = (
        select(Case.id)
        .join(GenerationReplica, col(GenerationReplica.generation_id) == col(Case.generation_id))
        .where(
            GenerationReplica.performer_id == performer_id,
            col(Case.closed_at).is_(None),
            col(Case.holds_from).is_not(None),
        )
    )
    return session.exec(theirs.distinct().order_by(col(Case.id))).all()


def held_entries(session: Session) -> dict[str, str]:
    """Say which journal entries are not to be paid out now, and for which case."""
    held = (
        select(JournalEntry.id, Case.id)
        .join(Case, col(Case.generation_id) == col(JournalEntry.generation_id))
        .where(col(Case.holds_payouts), col(Case.closed_at).is_(None))
    )
    return dict(session.exec(held).all())


# --- On record ---


def opening_evidence(case: Case) -> dict[str, Any]:
    """Return the payload of the leaf that says a case was opened."""
    return {
        "about": case.generation_id or case.file_sha256,
        "asked": case.asked,
        "evidence": case.evidence_sha256,
        "ground": case.ground,
        "side": case.side,
    }


def closing_evidence(case: Case) -> dict[str, Any]:
    """Return the payload of the leaf that says what came of a case."""
    return {
        "about": case.generation_id or case.file_sha256,
        "evidence": case.evidence_sha256,
        "outcomes": list(case.outcomes),
    }


def _locked(session: Session, organization_id: str | None, case_id: str) -> Case:
    """Return an open case, held until this transaction ends; no organization: the operator."""
    if organization_id is not None:
        case = case_of(session, organization_id, case_id)
    elif (case := session.get(Case, case_id)) is None:  # type: ignore[assignment]
        raise CaseNotFound(f"no case has the id {case_id[:64]}")
    session.refresh(case, with_for_update=True)
    if case.closed_at is not None:
        raise CaseClosed(f"{case.id} ended at {case.closed_at:%Y-%m-%d %H:%M} UTC")
    return case


def _close(
    session: Session,
    case: Case,
    outcomes: list[str],
    side: str,
    words: str,
    *,
    by: Principal | None = None,
) -> None:
    _happened(session, case, "closed", side, words, by=by)
    case.closed_at, case.outcomes = clock.now(), outcomes
    session.add(case)
    if case.generation_id is not None:
        if "takedown" in outcomes:
            _take_down(session, case.generation_id)
        if "reversal" in outcomes:
            _reverse(session, case)
    if case.holds_from is not None:  # else the log never heard of it
        transparency.record(session, "case-closed", case.id, closing_evidence(case))
    session.flush()


def _take_down(session: Session, generation_id: str) -> None:
    generation = session.get_one(Generation, generation_id, with_for_update=True)
    if generation.taken_down_at is None:
        generation.taken_down_at = clock.now()
        session.add(generation)


def _reverse(session: Session, case: Case) -> None:
    charged = (
        select(JournalEntry)
        .join(RecordedUse, col(RecordedUse.id) == col(JournalEntry.usage_event_id))
        .where(
            JournalEntry.generation_id == case.generation_id,
            col(RecordedUse.corrects_number).is_(None),
        )
    )
    for entry in session.exec(charged.order_by(col(JournalEntry.contract_id))).all():
        ledger.reverse_entry(session, entry, reason=case.id)


def _happened(
    session: Session,
    case: Case,
    kind: str,
    side: str,
    words: str,
    *,
    by: Principal | None = None,
) -> None:
    number = len(events_of(session, case.id)) + 1
    session.add(
        CaseEvent(
            case_id=case.id,
            number=number,
            kind=kind,
            side=side,
            organization_id=by.organization_id if by else None,
            api_key_id=by.api_key_id if by else None,
            words=words,
        )
    )
    session.flush()
    if case.holds_from is None:
        return  # a visitor's, which the operator has not taken up: it troubles nobody
    told = {"opened": "case-opened", "taken-up": "case-opened", "closed": "case-closed"}.get(
        kind, "case-answered"
    )
    sides = session.exec(select(CaseSide.organization_id).where(CaseSide.case_id == case.id)).all()
    for each in sorted(set(sides) - {by.organization_id if by else ""}):
        notices.tell(session, told, case.id, organization_id=each)


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
