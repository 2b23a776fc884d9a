"""Outputs as people are shown them: what was said, in which project, for whom, how far it is."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session, col, select

from app.gateway import progress
from app.gateway.errors import GenerationNotFound
from app.gateway.models import UNDER_WAY, Generation, GenerationReplica
from app.identity.models import Organization
from app.licensing.deciding.inputs import UseRequest
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision

ENDED_BADLY = ("refused", "quarantined", "failed")


@dataclass(frozen=True)
class Shown:
    """One generation with the use that was permitted, and who asked for it."""

    generation: Generation
    use: UseRequest
    asked_by: str
    contract_id: str
    performer_id: str

    @property
    def percent(self) -> int | None:
        """How far its render is, where the generator says so."""
        return progress.of(self.generation)

    @property
    def seconds(self) -> str:
        """Its length, for people."""
        return f"{self.generation.length_ms / 1000:g}"


def outputs_of(
    session: Session,
    performer_ids: Collection[str],
    *,
    state: str | None = None,
    before: str | None = None,
    limit: int = 25,
) -> list[Shown]:
    """List where these performers are, newest first: released or being made; what failed is not.

    One query, whatever the length; of one `state` only, where it is named. `before` is the last id
    of the page before.
    """
    of_interest = col(Generation.state).not_in(ENDED_BADLY)
    page = _shown().where(
        col(GenerationReplica.performer_id).in_(performer_ids),
        of_interest if state is None else col(Generation.state) == state,
    )
    # Of all, by theirs in order; of one state, by those that are in it: few, as a rule.
    place = col(GenerationReplica.generation_id) if state is None else col(Generation.id)
    if before is not None:
        page = page.where(place < before)
    found = session.execute(page.order_by(place.desc()).limit(limit))
    return [_read(*row) for row in found]


def output_of(session: Session, performer_ids: Collection[str], generation_id: str) -> Shown:
    """Return one output these performers are in. Raises GenerationNotFound for all others alike."""
    wanted = _shown().where(
        col(Generation.id) == generation_id, col(GenerationReplica.performer_id).in_(performer_ids)
    )
    found = session.execute(wanted.limit(1)).first()
    if found is None:
        raise GenerationNotFound(f"no output with you in it has the id {generation_id[:64]}")
    return _read(*found)


def asked_by(
    session: Session, organization_id: str, *, before: str | None = None, limit: int = 25
) -> list[Shown]:
    """List what a production asked for, newest first, however it ended; one line for each cast."""
    page = _shown().where(col(Generation.organization_id) == organization_id)
    if before is not None:
        page = page.where(col(Generation.id) < before)
    found = session.execute(page.order_by(col(Generation.id).desc()).limit(limit))
    return [_read(*row) for row in found]


def under_way(session: Session, *, limit: int = 500) -> Sequence[Generation]:
    """List everybody's generations that have not ended, oldest first: for the operator."""
    going = select(Generation).where(col(Generation.state).in_(UNDER_WAY))
    return session.exec(going.order_by(col(Generation.id)).limit(limit)).all()


def _shown() -> sa.Select[Generation, Decision, str, GenerationReplica]:
    return (
        sa.select(Generation, Decision, col(Organization.name), GenerationReplica)
        .join(GenerationReplica, col(GenerationReplica.generation_id) == col(Generation.id))
        .join(Decision, col(Decision.id) == col(Generation.decision_id))
        .join(Organization, col(Organization.id) == col(Generation.organization_id))
    )


def _read(
    generation: Generation, decision: Decision, name: str, member: GenerationReplica
) -> Shown:
    use = decisions.use_of(decision)
    return Shown(generation, use, name, member.contract_id, member.performer_id)
