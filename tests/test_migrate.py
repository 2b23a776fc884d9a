"""Migrations go up and down on both databases, and say what the models say."""

import psycopg
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlmodel import SQLModel

import app.models  # noqa: F401
from app import db, migrate
from app.config import settings


class TestMigrations:
    def test_describe_exactly_the_models(self, database: str) -> None:
        with db.engine().connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": False})
            differences = compare_metadata(context, SQLModel.metadata)
        assert differences == []

    def test_go_down_to_nothing_and_up_again(self, database: str) -> None:
        db.engine().dispose()
        migrate.downgrade(settings().database)
        left = set(sa.inspect(db.engine()).get_table_names()) - {"alembic_version"}
        db.engine().dispose()
        migrate.upgrade(settings().database)
        assert left == set()
        assert "generation" in sa.inspect(db.engine()).get_table_names()

    def test_both_databases_are_real(self, database: str) -> None:
        dialect = db.engine().dialect
        assert dialect.name == database
        if database == "postgresql":
            assert dialect.driver == psycopg.__name__
