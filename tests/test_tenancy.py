"""On PostgreSQL an organization that looks sees its own rows, by whatever SQL it asks."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import ProgrammingError
from sqlmodel import SQLModel

import app.models  # noqa: F401  every table
from app import clock, db, tenancy
from app.identity import service as identity
from app.licensing.standing import service as standing
from app.licensing.standing.models import StandingOffer
from tests.licensing.standing_offers import accepted, an_open_offer, another
from tests.scenes import a_scene
from tests.transparency.every_kind import a_row_of_every_kind

QUICK_ON_POSTGRESQL = True

ON_POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)
# Rows of what is no evidence, which that story does not leave.
MORE = """
INSERT INTO answer SELECT id, 'k', '0', 200, '', :at FROM organization WHERE name LIKE 'N%';
INSERT INTO api_key_use SELECT id, :at FROM api_key;
INSERT INTO document_series SELECT id, 'INV', 1 FROM performer;
INSERT INTO open_invoice SELECT i.id, c.licensee_id, 'USD', 1, :at FROM invoice i, contract c;
INSERT INTO open_invoice_contract SELECT c.id, i.id, :at FROM invoice i, contract c;
INSERT INTO render_job (id, generation_id, organization_id, state, licenses, created_at, due_at)
SELECT 'rjb_1', id, organization_id, 'waiting', 0, :at, :at FROM generation
"""


def counted(organization_id: str) -> dict[str, int | None]:
    """How many rows of each table an organization sees by raw SQL; None where it may not look."""
    found: dict[str, int | None] = {}
    with db.reading() as session:
        tenancy.enter(session, organization_id)
        for name in SQLModel.metadata.tables:
            try:
                with session.begin_nested():
                    found[name] = session.scalar(sa.text(f"SELECT count(*) FROM {name}"))
            except ProgrammingError:
                found[name] = None
    return found


@ON_POSTGRESQL
class TestRowsOfEveryTable:
    @pytest.fixture
    def seen(self, database: str) -> dict[str, Any]:
        with db.writing() as session:
            scene = a_row_of_every_kind(session)
            session.flush()
            for statement in MORE.split(";"):
                session.execute(sa.text(statement), {"at": clock.now()})
            stranger = identity.create_organization(session, "Strangers", "production")
        with db.reading() as session:
            everything = {
                name: session.scalar(sa.text(f"SELECT count(*) FROM {name}"))
                for name in SQLModel.metadata.tables
            }
        sides = (scene.desk, scene.production, scene.agency)
        return {
            "house": everything,
            "stranger": counted(stranger.id),
            "sides": [counted(side.organization.id) for side in sides],
        }

    def test_are_seen_by_those_they_are_of_and_by_no_stranger(self, seen):
        for name in tenancy.OWNED:
            assert seen["house"][name], f"tests/transparency/every_kind.py leaves no row of {name}"
            assert seen["stranger"][name] == 0, name
            assert any(each[name] for each in seen["sides"]), f"nobody sees {name}"
        for name in tenancy.CLOSED:
            assert {each[name] for each in (seen["stranger"], *seen["sides"])} == {None}, name

    def test_a_table_without_its_policy_is_found(self, database):
        with db.writing() as session:
            a_row_of_every_kind(session)
            stranger = identity.create_organization(session, "Strangers", "production")
            session.execute(sa.text("ALTER TABLE contract DISABLE ROW LEVEL SECURITY"))
        assert counted(stranger.id)["contract"] == 1

    def test_are_written_by_nobody_who_only_looks_and_the_house_is_shut_out_of_none(self, database):
        with db.writing() as session:
            desk = identity.create_organization(session, "The desk", "performer")
        with db.writing() as session:
            tenancy.enter(session, desk.id)
            assert session.scalar(sa.text("SELECT current_user")) == tenancy.ROLE
            with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
                session.execute(sa.text("UPDATE performer SET name = 'x'"))
        with db.reading() as session:  # the next transaction is the house's again
            assert session.scalar(sa.text("SELECT current_user")) != tenancy.ROLE


@ON_POSTGRESQL
def test_an_offer_that_was_taken_back_is_seen_by_who_holds_a_contract_from_it(database):
    with db.writing() as session:
        scene = a_scene(session, signed=False)
        offer, other = an_open_offer(session, scene), another(session)
        accepted(session, offer, scene.production)
    seen = [counted(each.organization.id)["standing_offer"] for each in (scene.production, other)]
    assert seen == [1, 1]
    with db.writing() as session:
        standing.retract_offer(session, session.get_one(StandingOffer, offer.id))
    seen = [counted(each.organization.id)["standing_offer"] for each in (scene.production, other)]
    assert seen == [1, 0]
