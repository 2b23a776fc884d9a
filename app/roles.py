"""A PostgreSQL role for the application that may add to the books and never change them.

Triggers refuse changes whoever asks; whoever owns the tables can drop the triggers. The server and
the worker need not own anything: they run as a role that has no right to UPDATE, DELETE or TRUNCATE
what is append-only, nor to alter a table. The owner keeps setting up and migrating.
"""

import re

import sqlalchemy as sa

from app import db, tenancy
from app.errors import AppError

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
# Tables whose migration made them append-only: their trigger is named for it.
_APPEND_ONLY = sa.text(
    "SELECT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
    " WHERE c.relnamespace = current_schema()::regnamespace"
    " AND t.tgname = c.relname || '_append_only' ORDER BY 1"
)
_CALLED = "ledger_begin, ledger_write"  # whoever may call them does no more than they might
_TOO_MIGHTY = sa.text(
    "SELECT rolsuper OR pg_has_role(rolname, current_user, 'MEMBER') FROM pg_roles"
    " WHERE rolname = :role"
)


class RoleNotPossible(AppError):
    """The role cannot be limited: nothing was granted."""

    status, code = 409, "role-not-possible"


def limit(role: str) -> list[str]:
    """Give `role` what the application needs and nothing more; return what it can only add to.

    Makes the role, without a password, where it is missing. Run it as the owner of the tables,
    again after every migration: a new table is closed to the role until then. Raises
    RoleNotPossible on SQLite, and where the role is the owner, one of its members or a superuser.
    """
    engine = db.engine()
    if engine.dialect.name != "postgresql":
        raise RoleNotPossible("SQLite has no roles; there the triggers alone keep the books")
    if not _NAME.fullmatch(role):
        raise RoleNotPossible(f"{role!r} is no plain name; use small letters, digits and _")
    with engine.begin() as connection:
        mighty = connection.execute(_TOO_MIGHTY, {"role": role}).scalar()
        if mighty is None:
            connection.execute(sa.text(f"CREATE ROLE {role} LOGIN"))
        elif mighty:
            raise RoleNotPossible(f"{role} is a superuser or owns the tables; name another role")
        only_grow = list(connection.execute(_APPEND_ONLY).scalars())
        schema = connection.execute(sa.text("SELECT quote_ident(current_schema())")).scalar_one()
        for statement in (
            f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role}",
            f"REVOKE ALL ON SCHEMA {schema} FROM {role}",
            f"GRANT USAGE ON SCHEMA {schema} TO {role}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
            f"GRANT EXECUTE ON FUNCTION {_CALLED} TO {role}",
            f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
            *(f"REVOKE UPDATE, DELETE ON {table} FROM {role}" for table in only_grow),
            f"GRANT {tenancy.ROLE} TO {role}",  # to look as one organization does
            f"CREATE SCHEMA IF NOT EXISTS dbos AUTHORIZATION {role}",  # its jobs are its own
        ):
            connection.execute(sa.text(statement))
    return only_grow
