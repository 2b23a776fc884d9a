"""Answer a case, agree on it, end it; and what its end does to the output and the books.

A case freezes what is on record, and while it is open nothing of the performers in the output is
erased and, where that was asked for, nothing the output earned is paid out. It ends when whoever
would bear what is asked accepts it, when the opener takes it back, or when the operator decides.
An end is logged as a salted commitment; what it takes down is not handed out any more.
"""

from collections.abc import Sequence
from datetime import timedelta

from sqlmodel import Session, col, select

from app import clock
from app.cases import record
from app.cases.errors import CaseClosed, CaseNotFound, CaseNotYours, CaseRefused
from app.cases.models import ASKED, OUTCOMES, Case, CaseEvent, CaseSide
from app.cases.reading import case_of, side_of
from app.gateway.models import Generation
from app.identity.principal import Principal
from app.language import _, day
from app.ledger import service as ledger
from app.ledger.models import JournalEntry, RecordedUse
from app.transparency import service as transparency

LONGEST_EXTENSION_DAYS = 90


def answer(session: Session, case_id: str, words: str, by: Principal) -> Case:
    """Put an answer, or more evidence in words, on record. Raises CaseNotFound, CaseClosed."""
    case = _locked(session, by.organization_id, case_id)
    side = side_of(session, case, by.organization_id).side
    record.happened(session, case, "answered", side, words, by=by)
    return case


def accept(session: Session, case_id: str, words: str, by: Principal) -> Case:
    """Accept what is asked; once everybody who would bear it has, it happens, in this transaction.

    Raises CaseNotFound, CaseClosed, CaseNotYours for a side that would not bear it.
    """
    case = _locked(session, by.organization_id, case_id)
    seat = side_of(session, case, by.organization_id)
    if not seat.must_accept:
        raise CaseNotYours("this is for whoever would bear what is asked; you may answer")
    record.happened(session, case, "accepted", seat.side, words, by=by)
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


def take_up(session: Session, case_id: str, *, because: str) -> Case:
    """Let a visitor's case hold what it is about from now on. Raises CaseNotFound, CaseClosed."""
    case = _locked(session, None, case_id)
    if case.holds_from is None:
        case.holds_from = clock.now()
        session.add(case)
        record.happened(session, case, "taken-up", "operator", because)
        transparency.record(session, "case-opened", case.id, record.opening_evidence(case))
    return case


def extend(session: Session, case_id: str, *, days: int, because: str) -> Case:
    """Give a case more time, from its end on. Raises CaseNotFound, CaseClosed, CaseRefused."""
    if not 1 <= days <= LONGEST_EXTENSION_DAYS:
        raise CaseRefused(f"a case is extended by 1 to {LONGEST_EXTENSION_DAYS} days at a time")
    case = _locked(session, None, case_id)
    case.decide_by += timedelta(days=days)
    session.add(case)
    record.happened(session, case, "extended", "operator", f"{days} days: {because}")
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


def _locked(session: Session, organization_id: str | None, case_id: str) -> Case:
    """Return an open case, held until this transaction ends; no organization: the operator."""
    if organization_id is not None:
        case = case_of(session, organization_id, case_id)
    elif (case := session.get(Case, case_id)) is None:  # type: ignore[assignment]
        raise CaseNotFound(f"no case has the id {case_id[:64]}")
    session.refresh(case, with_for_update=True)
    if case.closed_at is not None:
        raise CaseClosed(_("%(id)s ended on %(at)s", id=case.id, at=day(case.closed_at)))
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
    record.happened(session, case, "closed", side, words, by=by)
    case.closed_at, case.outcomes = clock.now(), outcomes
    session.add(case)
    if case.generation_id is not None:
        if "takedown" in outcomes:
            _take_down(session, case.generation_id)
        if "reversal" in outcomes:
            _reverse(session, case)
    if case.holds_from is not None:  # else the log never heard of it
        transparency.record(session, "case-closed", case.id, record.closing_evidence(case))
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
