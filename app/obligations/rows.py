"""One line of what is owed, and what every source of such lines is asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from app.db import Instant
from app.gateway.models import Generation, GenerationReplica
from app.licensing.contracts import listing
from app.licensing.contracts.models import Contract
from app.registry import mandates
from app.registry.models import Performer

STATES = ("open", "done", "missed", "lasting")
NO_DAY = datetime(9999, 1, 1, tzinfo=UTC)  # where what has no day stands: behind all that has one


@dataclass(frozen=True)
class Obligation:
    """One thing owed: what, about what, by whom, until when; done when, and what proves it.

    `key` is the id of what it follows from, `proof` the id of what shows that it was done.
    `owed_by` is a role of the contract, or the operator, the licensee, the bank, a vendor.
    """

    kind: str
    what: str
    key: str
    owed_by: tuple[str, ...]
    due_at: datetime | None
    sort_at: datetime
    done_at: datetime | None = None
    proof: str | None = None
    contract_id: str | None = None
    performer_id: str | None = None
    currency: str | None = None
    amount_minor: int | None = None


@dataclass(frozen=True)
class Asked:
    """For whom, in which state, as of when, from which place in the list on, how many."""

    organization_id: str | None
    state: str
    at: datetime
    after: tuple[datetime, str] | None
    limit: int
    house: Session | None = None  # sees every row, where the session asked in sees one's own

    @property
    def newest_first(self) -> bool:
        """Whether the list runs backwards."""
        return self.state in ("done", "missed")

    def page(self, query: Any, sort_at: Any, key: Any) -> Any:
        """Cut a page out of a query: behind the place asked for, in the order of the list."""
        if self.after is not None:
            at, last = self.after
            here = sa.literal(at, Instant)
            query = query.where(
                (sort_at < here) | ((sort_at == here) & (key < last))
                if self.newest_first
                else (sort_at > here) | ((sort_at == here) & (key > last))
            )
        order = (sort_at.desc(), key.desc()) if self.newest_first else (sort_at, key)
        return query.order_by(*order).limit(self.limit)

    def parties(self) -> sa.ColumnElement[bool]:
        """Whether they are a party to `Contract`, joined with its `Performer`."""
        me = self.organization_id
        if me is None:
            return sa.true()
        return sa.and_(
            listing.may_be_of(me),
            sa.or_(
                col(Contract.licensee_id) == me,
                self.side(),
                mandates.held_by(me, col(Performer.id), col(Contract.series_id)),
            ),
        )

    def side(self) -> sa.ColumnElement[bool]:
        """Whether they are the desk or the registered agent of `Performer`."""
        me = self.organization_id
        if me is None:
            return sa.true()
        return sa.or_(
            col(Performer.organization_id) == me, col(Performer.agent_organization_id) == me
        )

    def in_output(self) -> sa.ColumnElement[bool]:
        """Whether they asked for `Generation`, or somebody of theirs is in it."""
        if self.organization_id is None:
            return sa.true()
        cast = (
            sa.exists()
            .where(
                col(GenerationReplica.generation_id) == col(Generation.id),
                col(GenerationReplica.performer_id) == col(Performer.id),
                self.side(),
            )
            .correlate(Generation)
        )
        return sa.or_(col(Generation.organization_id) == self.organization_id, cast)


Source = Callable[[Session, Asked], Sequence[Obligation]]


def or_no_day(at: Any) -> Any:
    """Sort by an instant; without one, last."""
    return sa.func.coalesce(at, sa.literal(NO_DAY, Instant), type_=Instant)
