"""What a commit makes durable: the contents of every table, in short."""

from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, select

import app.models  # noqa: F401  every table
from app.gateway.models import Generation


def contents(session: Session) -> dict[str, Any]:
    """Count every table's rows, and say how far every generation is: what a commit changes."""
    counts = {
        name: session.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        for name, table in sorted(SQLModel.metadata.tables.items())
        if name != "api_key_use"  # noted by the way, whatever was asked
    }
    states = [[g.id, g.state, g.job_reference] for g in session.exec(select(Generation))]
    return {"counts": counts, "states": sorted(states)}
