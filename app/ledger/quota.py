"""How much of a contract's quota is used and held: one read, since every decision makes it."""

from decimal import Decimal

import sqlalchemy as sa
from sqlmodel import col

from app import clock
from app.ledger.models import Hold, RecordedUse
from app.ledger.posting import MICROSECONDS
from app.statements import Statement


def _used_and_reserved() -> Statement:
    held = (
        sa.select(
            sa.func.coalesce(sa.func.sum(Hold.length_us), 0).label("held_us"),
            sa.func.count(col(Hold.id)).label("held"),
        )
        .where(
            col(Hold.contract_id) == sa.bindparam("contract_id"),
            col(Hold.state) == "placed",
            col(Hold.expires_at) > sa.bindparam("now"),
        )
        .subquery()
    )
    is_render = sa.and_(
        col(RecordedUse.generation_id).is_not(None),
        col(RecordedUse.length_us) != 0,  # a refund changes no length
    )
    used = (
        sa.select(
            sa.func.coalesce(sa.func.sum(RecordedUse.length_us), 0).label("used_us"),
            sa.func.coalesce(
                sa.func.sum(
                    sa.case(
                        (sa.and_(is_render, col(RecordedUse.length_us) > 0), 1),
                        (is_render, -1),
                        else_=0,
                    )
                ),
                0,
            ).label("renders"),
        )
        .where(col(RecordedUse.contract_id) == sa.bindparam("contract_id"))
        .subquery()
    )
    return Statement(sa.select(used.c.used_us, held.c.held_us, used.c.renders, held.c.held))


_USED_AND_RESERVED = _used_and_reserved()


def used_and_reserved(
    connection: sa.Connection, contract_id: str
) -> tuple[Decimal, Decimal, int, int]:
    """Return seconds used and held, exact to a microsecond, and renders used and held.

    A render is a generation's use; one whose entry was reversed is given back, like its seconds.
    """
    row = _USED_AND_RESERVED.first(connection, contract_id=contract_id, now=clock.now())
    used_us, held_us, renders, held = row or (0, 0, 0, 0)
    return Decimal(int(used_us)) / MICROSECONDS, Decimal(int(held_us)) / MICROSECONDS, renders, held
