"""The database itself keeps the manifest repository: whatever program talks to it."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from app import config, db, migrate
from app.provenance import softbinding
from app.provenance.models import SignedManifest, SoftBinding

QUICK_ON_POSTGRESQL = True

REPOSITORY = ["signed_manifest", "soft_binding"]
BEFORE = "20261127_1753"
FREE = {  # columns that a replacement could change without breaking a reference
    "signed_manifest": {"generation_id", "label", "manifest_sha256", "file_sha256"},
    "soft_binding": {"algorithm", "value"},
}


@pytest.fixture
def kept(session: Session) -> Iterator[SignedManifest]:
    """A manifest on record, with both of its bindings."""
    manifest = SignedManifest(
        generation_id="gen_1",
        label="urn:c2pa:1",
        manifest_sha256="aa" * 32,
        file_sha256="bb" * 32,
        size_bytes=1,
        media_type="image/png",
        openings={},
        verified_by=[],
    )
    session.add(manifest)
    session.flush()
    softbinding.bind_payload(session, manifest, b"payload!")
    softbinding.bind_fingerprint(session, manifest, {"medium": "image"})
    session.commit()
    yield manifest
    session.rollback()


def refusal_of(session: Session, statement: str) -> str:
    """What the database answers; the transaction goes on as if it had not been asked."""
    try:
        with session.begin_nested() as savepoint:
            session.execute(sa.text(statement))
            savepoint.rollback()
    except DBAPIError as error:
        return str(error)
    return "accepted"


@pytest.mark.usefixtures("kept")
class TestTheRepositoryOnlyGrows:
    def test_nothing_is_updated_or_deleted(self, session):
        for statement in (
            "UPDATE signed_manifest SET generation_id = 'gen_2'",
            "DELETE FROM signed_manifest",
            "UPDATE soft_binding SET value = 'another'",
            "DELETE FROM soft_binding",
        ):
            assert "append-only" in refusal_of(session, statement), statement

    def test_nothing_is_truncated_or_replaced(self, session, database):
        for table in REPOSITORY:
            if database == "postgresql":
                assert "append-only" in refusal_of(session, f"TRUNCATE {table} CASCADE")
                continue
            session.commit()
            with db.engine().connect() as connection:
                connection.exec_driver_sql("PRAGMA recursive_triggers = OFF")
                with pytest.raises(DBAPIError, match="append-only"):
                    connection.execute(
                        sa.text(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
                    )
                connection.rollback()
                connection.exec_driver_sql("PRAGMA recursive_triggers = ON")

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_no_replacement_hides_behind_another_id(self, session, kept):
        """A row that is the same by any unique rule would push the old one out."""
        binding = session.exec(select(SoftBinding).where(SoftBinding.kind == "watermark")).one()
        for row, rules in (
            (kept, ["generation_id", "label", "manifest_sha256", "file_sha256"]),
            (binding, ["manifest_id kind", "kind algorithm value"]),
        ):
            table = type(row).__table__
            old = session.execute(sa.select(table).where(table.c.id == row.id)).mappings().one()
            for rule in rules:
                changed = {"id", *FREE[table.name]} - set(rule.split())
                values = {**old, **dict.fromkeys(changed, "f" * 64)}
                statement = sa.insert(table).prefix_with("OR REPLACE").values(values)
                with pytest.raises(DBAPIError, match="append-only"), session.begin_nested():
                    session.execute(statement)

    def test_the_same_statements_pass_where_the_triggers_are_gone(self, session):
        """The tests above can fail: without this migration every edit goes through."""
        session.commit()
        db.engine().dispose()
        migrate.downgrade(config.settings().database, BEFORE)
        assert refusal_of(session, "UPDATE soft_binding SET value = 'another'") == "accepted"
        assert refusal_of(session, "DELETE FROM soft_binding") == "accepted"
