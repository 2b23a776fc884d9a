"""A performer's boundaries: set by their own desk, held against offers and before signing."""

from collections.abc import Collection, Sequence
from dataclasses import asdict

from sqlmodel import Session, col, select

from app import clock
from app.identity.errors import NotAllowed
from app.identity.models import Organization
from app.identity.principal import Principal
from app.licensing.boundaries.models import Boundaries, BoundaryAcknowledgment
from app.licensing.contracts.models import Contract, ContractSignature
from app.licensing.document import contract as documents
from app.licensing.document import local_days
from app.licensing.document.limits import Finding, Limits, findings
from app.licensing.errors import BoundariesCrossed, BoundariesNotAcknowledged
from app.registry.models import Performer


def set_boundaries(
    session: Session, performer: Performer, limits: Limits, *, published: bool, by: Principal
) -> Boundaries:
    """Replace the performer's standing limits from now on; earlier versions are kept.

    Contracts that stand already stay as they were signed. Raises NotAllowed for anybody but the
    performer's own desk: no agent decides what a performer never does.
    """
    desk = session.get_one(Organization, performer.organization_id)
    if by.organization_id != desk.id or desk.kind != "performer":
        raise NotAllowed(
            f"the boundaries of {performer.id} are set by the performer's own desk; "
            "an agency may read them"
        )
    session.refresh(performer, with_for_update=True)
    newest = current(session, performer.id)
    boundaries = Boundaries(
        performer_id=performer.id,
        number=1 if newest is None else newest.number + 1,
        limits=limits.model_dump(mode="json"),
        published=published,
        organization_id=by.organization_id,
        api_key_id=by.api_key_id,
    )
    session.add(boundaries)
    session.flush()
    return boundaries


def current(session: Session, performer_id: str) -> Boundaries | None:
    """Return the version in force, or None where the performer never set any."""
    theirs = select(Boundaries).where(Boundaries.performer_id == performer_id)
    return session.exec(theirs.order_by(col(Boundaries.number).desc()).limit(1)).first()


def versions(
    session: Session, performer_id: str, *, before: int | None, limit: int
) -> Sequence[Boundaries]:
    """List the versions of a performer's boundaries, newest first; `before` continues a list."""
    theirs = select(Boundaries).where(Boundaries.performer_id == performer_id)
    if before is not None:
        theirs = theirs.where(Boundaries.number < before)
    return session.exec(theirs.order_by(col(Boundaries.number).desc()).limit(limit)).all()


def limits_of(boundaries: Boundaries) -> Limits:
    """Read the limits of a stored version."""
    return Limits.model_validate(boundaries.limits)


def crossed(session: Session, performer_id: str, terms: documents.Terms) -> list[Finding]:
    """Name what a document crosses of the performer's boundaries as they stand now."""
    boundaries = current(session, performer_id)
    return [] if boundaries is None else findings(terms, limits_of(boundaries))


def check_offer(
    session: Session, performer: Performer, organization_id: str, terms: documents.Contract
) -> None:
    """Let an offer through unless it asks for what the performer never does.

    The performer's own side may offer what it likes. Raises BoundariesCrossed.
    """
    if organization_id not in (performer.organization_id, performer.agent_organization_id):
        check_never(session, performer.id, terms)


def check_never(
    session: Session,
    performer_id: str,
    terms: documents.Terms,
    *,
    acknowledged: Collection[str] = (),
) -> None:
    """Refuse terms that ask for what the performer never does, but for what they acknowledged.

    Raises BoundariesCrossed.
    """
    barred = [
        each
        for each in crossed(session, performer_id, terms)
        if each.level == "never" and each.boundary not in acknowledged
    ]
    if barred:
        raise BoundariesCrossed(
            f"{barred[0].pointer}: {barred[0].message} Take it out, and offer again.",
            findings=[asdict(each) for each in barred],
        )


def acknowledge(session: Session, contract: Contract, acknowledged: Collection[str]) -> None:
    """Insist that whoever signs for the performer names every boundary the document crosses.

    What was acknowledged is kept with the version it was read from. Raises
    BoundariesNotAcknowledged with the findings.
    """
    boundaries = current(session, contract.performer_id)
    if boundaries is None:
        return
    found = findings(documents.recorded(contract.document.encode()), limits_of(boundaries))
    check_acknowledged(contract.series_id, found, acknowledged)
    if found:
        session.add(
            BoundaryAcknowledgment(
                contract_id=contract.id,
                boundaries_id=boundaries.id,
                findings=[asdict(each) for each in found],
            )
        )
        session.flush()


def check_acknowledged(
    document_id: str, found: Sequence[Finding], acknowledged: Collection[str]
) -> None:
    """Do nothing where every finding's boundary is named. Raises BoundariesNotAcknowledged."""
    missing = [each for each in found if each.boundary not in acknowledged]
    if missing:
        raise BoundariesNotAcknowledged(
            f"{document_id} crosses your boundaries: {missing[0].message} To sign it all the same, "
            "list each finding's `boundary` in `acknowledged`",
            findings=[asdict(each) for each in found],
        )


def unsigned_crossings(session: Session, contract: Contract) -> list[Finding]:
    """Name what a contract crosses, as long as the performer's side has not signed it."""
    signed = select(ContractSignature.id).where(
        ContractSignature.contract_id == contract.id, ContractSignature.role != "licensee"
    )
    if session.exec(signed.limit(1)).first() is not None:
        return []
    return crossed(session, contract.performer_id, documents.recorded(contract.document.encode()))


def consequences(
    session: Session, performer: Performer, limits: Limits, *, before: str | None, limit: int
) -> tuple[list[tuple[Contract, list[Finding]]], str | None]:
    """Say which contracts, offered or in force, would cross these limits; nothing is changed.

    Looks at `limit` contracts, newest first, and returns where to go on, if anywhere.
    """
    theirs = select(Contract).where(
        Contract.performer_id == performer.id,
        col(Contract.offered_at).is_not(None),
        col(Contract.withdrawn_at).is_(None),
        col(Contract.declined_at).is_(None),
        col(Contract.retracted_at).is_(None),
        col(Contract.replaced_at).is_(None),
    )
    if before is not None:
        theirs = theirs.where(col(Contract.id) < before)
    looked_at = session.exec(theirs.order_by(col(Contract.id).desc()).limit(limit)).all()
    now = local_days.micros(clock.now())
    crossing = []
    for contract in looked_at:
        try:
            terms = documents.recorded(contract.document.encode())
        except documents.DocumentRefused:  # changed behind our back: it permits nothing at all
            continue
        found = findings(terms, limits) if now < terms.grant.term.ends_at else []
        if found:
            crossing.append((contract, found))
    return crossing, looked_at[-1].id if len(looked_at) == limit else None
