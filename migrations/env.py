"""Alembic runs here, offline never: migrations are tried on the real databases."""

from alembic import context
from alembic.script import ScriptDirectory
from sqlmodel import SQLModel

import app.models  # noqa: F401  every table, for autogenerate
from app import tenancy
from app.db import Instant, Json, make_engine


def render(kind: str, thing: object, _context: object) -> str | bool:
    """Write our own column types as the plain types they stand for."""
    if kind == "type" and isinstance(thing, Instant):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(thing, Json):
        return 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'
    return False


def run() -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    if url is None:
        raise RuntimeError("migrations are run by `understudy migrate`, which names the database")
    engine = make_engine(url)
    with engine.begin() as connection:  # all of it, or nothing
        context.configure(
            connection=connection,
            target_metadata=SQLModel.metadata,
            render_as_batch=False,
            compare_type=True,
            transactional_ddl=True,
            render_item=render,
        )
        with context.begin_transaction():
            tenancy.lift(connection)
            context.run_migrations()
            newest = ScriptDirectory.from_config(context.config).get_current_head()
            if context.get_context().get_current_revision() == newest:
                tenancy.lay(connection)
    engine.dispose()


run()
