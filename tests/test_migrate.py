"""Migrations go up and down on both databases, and say what the models say."""

import shutil

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlmodel import SQLModel, select

import app.models  # noqa: F401
from app import db, migrate, tenancy, vault
from app.config import settings
from app.identity import operators, people
from app.identity import service as identity
from app.identity.models import ApiKey, Organization
from app.identity.models_people import Person
from app.ledger import service as ledger
from app.ledger.check import check
from app.licensing.contracts.models import Contract
from app.licensing.contracts.service import signatures_of
from app.transparency.models import LogLeaf, LogOutbox
from tests.scenes import a_scene

WHOSE = """
app/tenancy.py must say of every table whose its rows are. Of {}: put each in OWNED (who sees a row,
by which columns), OPEN (why whoever has a key may see it) or CLOSED (why no request that looks ever
needs it). On PostgreSQL a GET cannot read a table that is in none.
"""


def test_every_table_says_whose_its_rows_are() -> None:
    found = tenancy.unclassed(SQLModel.metadata.tables)
    assert not found, WHOSE.format(", ".join(sorted(found)))
    assert tenancy.unclassed({**SQLModel.metadata.tables, "new": 1}) == {"new"}


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

    def test_contracts_of_before_they_had_a_life_stay_and_permit_nothing(
        self, database: str
    ) -> None:
        with db.writing() as session:
            scene = a_scene(session)
            promised = session.exec(select(LogOutbox)).first()
            assert promised is not None
            session.add(
                LogLeaf(leaf_index=0, outbox_id=promised.id, entry=b"x", leaf_hash=b"0" * 32)
            )
        db.engine().dispose()
        for _ in range(2):
            migrate.downgrade(settings().database, "20261127_0745")
            db.engine().dispose()
            migrate.upgrade(settings().database)
        with db.writing() as session:
            contract = session.get_one(Contract, scene.contract.id)
            assert (contract.series_id, contract.version, contract.round) == (contract.id, 1, 1)
            assert contract.executed_at == contract.effective_at == scene.contract.executed_at
            assert len(signatures_of(session, contract)) == 2
            assert "CONTRACT_TAMPERED" in scene.ask(session)[0].codes

    def test_performers_keys_move_into_a_store_of_their_own_and_back(self, database: str) -> None:
        with db.writing() as session:
            thing = vault.seal(session, "per_1", "portrait", b"a likeness")
            vault.seal(session, "per_2", "portrait", b"another")
            vault.erase_owner(session, "per_2")
            vault.finish_erasure(session, "per_2")
        db.engine().dispose()
        migrate.downgrade(settings().database, "20261127_1340")
        shutil.rmtree(settings().performer_keys_dir)
        db.engine().dispose()
        migrate.upgrade(settings().database)
        with db.writing() as session:
            opened = vault.open_bytes(session, thing.id, purpose="export", subject_id="per_1")
            assert opened == b"a likeness"
            with pytest.raises(vault.LikenessErased):
                vault.seal(session, "per_2", "portrait", b"another")
        db.engine().dispose()

    def test_both_databases_are_real(self, database: str) -> None:
        dialect = db.engine().dialect
        assert dialect.name == database
        if database == "postgresql":
            assert dialect.driver == psycopg.__name__

    def test_the_kind_union_comes_and_goes_and_everybody_stays(self, database: str) -> None:
        db.engine().dispose()
        migrate.downgrade(settings().database, "20261127_0700")
        somebody = Organization(name="Nightglass", kind="production")
        with db.engine().begin() as connection:  # past the session: its marks have no table yet
            connection.execute(sa.insert(Organization).values(**somebody.model_dump()))
            key = ApiKey(
                organization_id=somebody.id, name="test", prefix="12345678", secret_sha256="0" * 64
            )
            connection.execute(sa.insert(ApiKey).values(**key.model_dump()))
        db.engine().dispose()
        migrate.upgrade(settings().database)
        with db.writing() as session:
            union = identity.create_organization(session, "Actors united", "union")
            assert session.get_one(ApiKey, key.id).organization_id == somebody.id
        db.engine().dispose()
        migrate.downgrade(settings().database, "20261127_0700")
        with db.engine().connect() as connection:
            kept = connection.execute(
                sa.text("SELECT id, name, kind FROM organization ORDER BY id")
            )
            assert [tuple(row) for row in kept] == [
                (somebody.id, "Nightglass", "production"),
                (union.id, "Actors united", "agency"),
            ]
        another = Organization(name="Another", kind="union")
        with pytest.raises(sa.exc.IntegrityError), db.engine().begin() as connection:
            connection.execute(sa.insert(Organization).values(**another.model_dump()))

    def test_what_is_spent_is_counted_of_what_was_held_before(self, database: str) -> None:
        with db.writing() as session:
            scene = a_scene(session, quota={"max_seconds": 1000}, projects=["*"])
            for project in ("NIGHTGLASS", "NIGHTGLASS", "DAYGLASS"):
                _decision, generation = scene.ask(session, project=project)
                assert generation is not None
            ledger.void_hold(session, generation.id, reason="a test")
        rows = [sa.text(f"SELECT * FROM {each} ORDER BY 1, 2, 3") for each in ("hold", "spending")]
        with db.engine().connect() as connection:
            before = [connection.execute(each).mappings().all() for each in rows]
        db.engine().dispose()
        migrate.downgrade(settings().database, "20261128_1440")
        migrate.upgrade(settings().database)
        with db.engine().connect() as connection:
            holds, spent = [connection.execute(each).mappings().all() for each in rows]
        assert [dict(each) for each in holds] == [dict(each) for each in before[0]]
        assert [dict(each) for each in spent] == [
            dict(each) for each in before[1] if each["amount_minor"]
        ]
        with db.reading() as session:
            assert check(session).ok

    def test_operators_come_and_go_and_stay_on_record_as_who_looks(self, database: str) -> None:
        with db.writing() as session:
            ada = Person(name="Ada")
            session.add(ada)
            session.flush()
            invitation, _ = operators.invite_from_the_machine(session)
            seat = people.join(session, invitation, ada)
        db.engine().dispose()
        migrate.downgrade(settings().database, "20261128_1330")
        rows = sa.text("SELECT m.role, i.role, o.kind FROM membership m JOIN invitation i"
                       " ON i.id = m.invitation_id JOIN organization o"
                       " ON o.id = m.organization_id WHERE m.id = :id")  # fmt: skip
        with db.engine().connect() as connection:
            (row,) = connection.execute(rows, {"id": seat.id}).all()
            assert tuple(row) == ("auditor", "auditor", "agency")
        db.engine().dispose()
        migrate.upgrade(settings().database)
        with db.writing() as session:
            assert operators.house_of(session) is None
            assert not operators.is_operator(session, ada.id)
            operators.invite_from_the_machine(session)
