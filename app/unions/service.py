"""What a union learns of work under its agreements, beside its reports of use. No line of a script,
no money and no likeness is in it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from app import clock
from app.db import Instant, has_word
from app.gateway.models import Generation, GenerationReplica
from app.gateway.models_vendor_copies import VendorCopy
from app.gateway.reviews.models import Review
from app.identity.models import Organization
from app.licensing.contracts.models import Contract
from app.licensing.decisions.models import Decision
from app.licensing.decisions.service import use_of
from app.obligations.records import retention_ends
from app.unions.scope import elements, under

ENDED = "AFTER_TERM"  # why a use is refused when the contract's term is over


@dataclass(frozen=True)
class Denial:
    """A use that the rules refused: whose, by whom, in which project, and the rules by name."""

    decision_id: str
    at: datetime
    production_id: str
    performer_ids: tuple[str, ...]
    project: str
    codes: tuple[str, ...]
    receipt: str


@dataclass(frozen=True)
class Override:
    """An output that was held for a doubt, and that a person let go on, with their reason."""

    review_id: str
    at: datetime
    generation_id: str
    production_id: str
    findings: tuple[str, ...]
    answered_as: str
    reason: str


@dataclass(frozen=True)
class Breach:
    """Something of a performer's that should be gone by now and is not, as far as is on record."""

    key: str
    what: str
    performer_id: str
    contract_id: str
    due_at: datetime
    where: str
    place: str  # where the list goes on behind it


def denials(
    session: Session, union: Organization, *, before: str | None = None, limit: int = 25
) -> Sequence[Denial]:
    """List what was refused of performers under the union's agreements, newest first.

    Of a use it names those performers alone whose contract with who asked was under one of them and
    in force as it was refused, suspended or not; or had ended by its term, where that is a reason
    for the refusal. After a withdrawal nothing is said. Two queries.
    """
    asked_for = elements(session, col(Decision.request), "use", "performers")
    of_theirs = sa.and_(
        col(Contract.licensee_id) == col(Decision.organization_id),
        under(session, union),
        _signed_and_not_left(col(Decision.at)),
        sa.or_(
            col(Contract.ends_at) > col(Decision.at),
            has_word(session, col(Decision.codes), ENDED),
        ),
    )
    named = col(Contract.performer_id) == asked_for.c.value
    # In this order: the contracts of the few asked for, not those of a house (PostgreSQL keeps it).
    concerned = sa.exists(
        sa.select(1).select_from(sa.join(asked_for, Contract, named)).where(of_theirs)
    ).correlate(Decision)
    query = sa.select(Decision).where(
        col(Decision.outcome) == sa.literal_column("'deny'"),
        concerned,  # as its index says it
    )
    if before is not None:
        query = query.where(col(Decision.id) < before)
    found = session.scalars(query.order_by(col(Decision.id).desc()).limit(limit)).all()
    whose = (
        sa.select(col(Decision.id), col(Contract.performer_id))
        .select_from(Decision)
        .join(asked_for, sa.true())
        .join(Contract, named)
        .where(of_theirs, col(Decision.id).in_([each.id for each in found]))
    )
    theirs = {(decision_id, performer_id) for decision_id, performer_id in session.execute(whose)}
    return [_denial(each, theirs) for each in found]


def _signed_and_not_left(at: Any) -> sa.ColumnElement[bool]:
    superseded, withdrawn = col(Contract.superseded_at), col(Contract.withdrawn_at)
    return sa.and_(
        col(Contract.executed_at) <= at,
        sa.or_(superseded.is_(None), superseded > at),
        sa.or_(withdrawn.is_(None), withdrawn > at),
    )


def _denial(decision: Decision, theirs: Collection[tuple[str, str]]) -> Denial:
    use = use_of(decision)
    return Denial(
        decision.id, decision.at, decision.organization_id,
        tuple(each for each in use.performers if (decision.id, each) in theirs),
        use.project or "", tuple(decision.shown_codes), decision.receipt,
    )  # fmt: skip


def overrides(
    session: Session, union: Organization, *, before: str | None = None, limit: int = 25
) -> Sequence[Override]:
    """List the outputs under the union's agreements that a person let go on, newest first."""
    query = (
        sa.select(Review, col(Generation.organization_id))
        .join(Generation, col(Generation.id) == col(Review.generation_id))
        .where(col(Review.outcome) == "released", _cast_under(session, union))
    )
    if before is not None:
        query = query.where(col(Review.id) < before)
    return [
        Override(
            review.id, review.answered_at or review.opened_at, str(review.generation_id),
            production_id, tuple(review.findings), review.answered_as, review.reason,
        )
        for review, production_id in session.execute(
            query.order_by(col(Review.id).desc()).limit(limit)
        )
    ]  # fmt: skip


def _cast_under(session: Session, union: Organization) -> Any:
    return sa.exists(
        sa.select(1)
        .select_from(GenerationReplica)
        .join(Contract, col(Contract.id) == col(GenerationReplica.contract_id))
        .where(
            col(GenerationReplica.generation_id) == col(Generation.id), under(session, union)
        )
        .correlate(Generation)
    )  # fmt: skip


def breaches(
    session: Session, union: Organization, *, after: str | None = None, limit: int = 25
) -> Sequence[Breach]:
    """List what should be gone by now and is not: drafts past their day, copies at vendors past the
    day that the contract gives, or after a withdrawal. By id, the oldest first; of one draft there
    is one for each replica in it. `after` is the `place` of the last one of the page before.
    """
    at = clock.now()
    found = [*_drafts(session, union, at, after, limit), *_copies(session, union, at, after, limit)]
    return sorted(found, key=lambda each: (each.key, each.place))[:limit]


def _drafts(
    session: Session, union: Organization, at: datetime, after: str | None, limit: int
) -> list[Breach]:
    past = sa.select(col(Generation.id)).where(
        col(Generation.delete_at) <= at, col(Generation.deleted_at).is_(None)
    )
    query = (
        sa.select(Generation, GenerationReplica, col(Contract.series_id))
        .join(GenerationReplica, col(GenerationReplica.generation_id) == col(Generation.id))
        .join(Contract, col(Contract.id) == col(GenerationReplica.contract_id))
        .where(
            col(GenerationReplica.generation_id).in_(past),
            under(session, union),
        )
    )
    if after is not None:
        draft_id, _, replica_id = after.partition(":")
        query = query.where(
            (col(Generation.id) > draft_id)
            | ((col(Generation.id) == draft_id) & (col(GenerationReplica.replica_id) > replica_id))
        )
    return [
        Breach(
            each.id, "draft", member.performer_id, series_id, each.delete_at, "here",
            f"{each.id}:{member.replica_id}",
        )
        for each, member, series_id in session.execute(
            query.order_by(col(Generation.id), col(GenerationReplica.replica_id)).limit(limit)
        )
    ]  # fmt: skip


def _copies(
    session: Session, union: Organization, at: datetime, after: str | None, limit: int
) -> list[Breach]:
    ends, left = retention_ends(session), col(Contract.withdrawn_at)
    due = sa.type_coerce(
        sa.case((left.is_(None), ends), (ends.is_(None), left), (left < ends, left), else_=ends),
        Instant,
    )
    # Asked of each copy's own contract: in a join PostgreSQL may read the words of all there are.
    due_under = (
        sa.select(due)
        .where(col(Contract.id) == col(VendorCopy.contract_id), under(session, union))
        .correlate(VendorCopy)
        .scalar_subquery()
    )
    query = (
        sa.select(VendorCopy, col(Contract.series_id), due)
        .join(Contract, col(Contract.id) == col(VendorCopy.contract_id))
        .where(
            col(VendorCopy.state) != "deleted",
            sa.type_coerce(due_under, Instant) <= sa.literal(at, Instant),
        )
    )
    if after is not None:
        query = query.where(col(VendorCopy.id) > after.partition(":")[0])
    return [
        Breach(copy.id, "vendor-copy", copy.performer_id, series_id, due_at, copy.vendor, copy.id)
        for copy, series_id, due_at in session.execute(
            query.order_by(col(VendorCopy.id)).limit(limit)
        )
    ]
