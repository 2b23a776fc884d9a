"""Which contracts are under a union's agreements, said in the database and by the signed document.

As `payments.parties` says it for reports: the agreement that governs, those of its strike policy,
or the union by its own id as who represents the performer.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session, col, select

from app.identity.models import Organization
from app.licensing.contracts.models import Contract
from app.licensing.strikes.models import AgreementKeeper
from app.unions.errors import NotAUnion


def union_of(session: Session, organization_id: str) -> Organization:
    """Return a union. Raises NotAUnion for every other organization alike."""
    found = session.get(Organization, organization_id)
    if found is None or found.kind != "union":
        raise NotAUnion("this is for unions, about the agreements they keep")
    return found


def agreements_of(session: Session, union: Organization) -> list[str]:
    """Name the agreements a union keeps."""
    kept = select(AgreementKeeper.agreement).where(AgreementKeeper.organization_id == union.id)
    return list(session.exec(kept.order_by(col(AgreementKeeper.agreement))))


def under(session: Session, union: Organization) -> sa.ColumnElement[bool]:
    """Whether `Contract` is a signed document under one of the union's agreements."""
    kept = agreements_of(session, union)
    document: Any = col(Contract.document)
    listed = elements(session, document, "strike_policy", "agreements")
    return sa.and_(
        col(Contract.executed_at).is_not(None),
        sa.or_(
            text_in(session, document, "governing").in_(kept),
            text_in(session, document, "representation", "union") == union.id,
            sa.exists(sa.select(1).select_from(listed).where(listed.c.value.in_(kept))),
        ),
    )


def text_in(session: Session, document: Any, *path: str) -> Any:
    """Read one text out of JSON, in the database."""
    if session.get_bind().dialect.name == "postgresql":
        return sa.cast(document, JSONB)[list(path)].astext
    return sa.func.json_extract(document, "$." + ".".join(path))


def elements(session: Session, document: Any, *path: str) -> Any:
    """Read the texts of a list out of JSON, in the database: a table with one column, `value`."""
    if session.get_bind().dialect.name == "postgresql":
        inside = sa.cast(document, JSONB)[list(path)]
        return sa.func.jsonb_array_elements_text(inside).table_valued("value")
    return sa.func.json_each(document, "$." + ".".join(path)).table_valued("value")
