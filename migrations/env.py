"""Alembic runs here, offline never: migrations are tried on the real databases."""

from alembic import context
from sqlmodel import SQLModel

import app.models  # noqa: F401  every table, for autogenerate
from app.db import make_engine


def run() -> None:
    url = context.config.get_main_option("sqlalchemy.url")
    if url is None:
        raise RuntimeError("migrations are run by `understudy migrate`, which names the database")
    with make_engine(url).connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=SQLModel.metadata,
            render_as_batch=False,
            compare_type=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
