"""Open a case: who may ask for what, about what, and what is frozen by it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session, col, func, select

from app import clock
from app.cases import record
from app.cases.errors import CaseAboutNothing, CaseOpenAlready, CaseRefused, TooManyCases
from app.cases.frozen import digest_of, freeze
from app.cases.models import Case, CaseSide
from app.cases.reading import hash_of
from app.gateway.models import Generation, GenerationReplica
from app.identity.principal import Principal
from app.licensing.contracts.models import Contract
from app.payments.parties import parties_of
from app.registry.models import Performer
from app.transparency import service as transparency

ANSWER_WITHIN = timedelta(days=3)
DECIDE_WITHIN = timedelta(days=30)
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
    return _open(session, complaint, generation, sides, "visitor", link_sha256=hash_of(secret))


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
    record.happened(session, case, "opened", side, complaint.words, by=by)
    if case.holds_from is not None:
        transparency.record(session, "case-opened", case.id, record.opening_evidence(case))
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


def _bearers(asked: str, sides: Mapping[str, str], opener: str | None) -> set[str]:
    """Say who must accept for it to happen: a reversal takes from everybody, the rest from one."""
    bear = {"production"} if asked != "reversal" else {"production", "performer"}
    return {each for each, side in sides.items() if side in bear and each != opener}


def sides_of(session: Session, generation_id: str) -> dict[str, str]:
    """Name every organization that a released output concerns, and as what; else nobody."""
    found = session.get(Generation, generation_id) if generation_id else None
    return _sides(session, found) if found is not None and found.released_at is not None else {}


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
