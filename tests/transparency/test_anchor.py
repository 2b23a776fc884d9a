"""Anchoring seals what changed, once, at a cost of what changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel, select
from typer.testing import CliRunner

from app import cli, clock, db, marks, publication
from app.anchored import TABLES
from app.identity import service as identity
from app.identity.models import Organization, SigningKey
from app.ledger import holds
from app.registry.models import Performer
from app.transparency import anchor, compare, seals, service
from app.transparency.models_anchor import DatabaseAnchor, RowSeal
from tests.scenes import a_scene
from tests.transparency.superuser import anchor_in


def long_ago(hours: int) -> datetime:
    return clock.now() - timedelta(hours=hours)


@contextmanager
def asked_of(engine: sa.Engine) -> Iterator[list[tuple[str, Any]]]:
    asked: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, *_):
        asked.append((statement, parameters))

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def scans(asked: list[tuple[str, Any]]) -> list[str]:
    """Name the tables that would be read from end to end (SQLite); marks are what waits."""
    steps = [
        step[-1]
        for statement, parameters in asked
        if statement.startswith(("SELECT", "DELETE"))
        for step in _explained(statement, parameters)
    ]
    read = {step.split()[1] for step in steps if step.startswith("SCAN ") and "USING" not in step}
    return sorted(read & ({*SQLModel.metadata.tables} - {"row_mark"}))


def _explained(statement: str, parameters: Any) -> list[Any]:
    with db.engine().connect() as connection:
        return list(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))


class TestAnchorDatabase:
    def test_seals_what_is_new_and_nothing_else(self, sealed):
        with db.writing() as session:
            before = anchor.newest_anchor(session)
            service.record(session, "decision", "dec_last", {})
            assert anchor_in(session)
            made = anchor.newest_anchor(session)
            assert (made.number, made.seals) == (before.number + 1, before.seals + 1)
            assert not anchor_in(session)
            assert not anchor.has_marks(session)

    def test_costs_no_more_however_much_is_sealed_already(self, sealed, monkeypatch):
        looked_at, look_at = [], seals.rows_by_key

        def rows_by_key(*given):
            for each in look_at(*given):
                looked_at.append(each)
                yield each

        monkeypatch.setattr(seals, "rows_by_key", rows_by_key)
        costs = []
        for sealed_before in (0, 1, 200):
            with db.writing() as session:
                for number in range(sealed_before):
                    service.record(session, "decision", f"dec_{number}", {})
            publication.publish_log()
            with db.writing() as session:
                service.record(session, "decision", "dec_last", {})
            looked_at.clear()
            with asked_of(db.engine()) as asked:
                anchor.anchor_database(reading=db.reading, writing=db.writing)
            costs.append((len(asked), len(looked_at)))
            if sealed == "sqlite":
                assert not scans(asked)
        assert len(set(costs)) == 1

    def test_says_which_rows_an_act_has_moved_since_a_checkpoint(self, sealed, tmp_path):
        with db.writing() as session:
            moving, staying = (
                identity.create_organization(session, name, "production").id for name in "ab"
            )
        publication.publish_log()
        with db.reading() as session:
            kept = service.checkpoint_text(service.checkpoint_at(session)).encode()
        assert publication.moved_since(kept) == []
        with db.writing() as session:
            session.get_one(Organization, moving).name = "another"
            identity.create_organization(session, "later", "production")
        found = [("organization", f'["{moving}"]')]
        assert publication.moved_since(kept) == found, "by its mark"
        publication.publish_log()
        assert publication.moved_since(kept) == found, "by its seal"
        (tmp_path / "kept").write_bytes(kept)
        asked = ["log", "verify", "--kept", str(tmp_path / "kept"), "--moved"]
        said = CliRunner().invoke(cli.app, asked)
        assert f"moved since: organization {found[0][1]}" in said.stdout
        assert said.exit_code == 0, said.stdout
        assert staying not in said.stdout

    def test_lets_others_write_between_two_anchors_and_seals_all(self, sealed):
        with db.writing() as session:
            before = anchor.newest_anchor(session)
            session.connection().execute(sa.update(DatabaseAnchor).values(anchored_at=long_ago(2)))
        desks = [Organization(name=f"Desk {number}", kind="production") for number in range(11)]
        for desk in desks:  # they waited for an hour: no anchor says they were not there
            desk.created_at = long_ago(1)
            with db.writing() as session:
                session.add(desk)
        assert anchor.anchor_database(reading=db.reading, writing=db.writing, limit=3) == 11
        with db.reading() as session:
            assert anchor.newest_anchor(session).number == before.number + 4
            assert anchor.reckon(session) is None
            assert not list(compare._evidence(session))

    def test_takes_more_where_a_row_has_moved_on_meanwhile(self, sealed):
        with db.writing() as session:
            somebody = identity.create_organization(session, "Nightglass", "production")
        for number in range(8):
            with db.writing() as session:
                session.get_one(Organization, somebody.id).name = f"Nightglass {number}"
        anchor.anchor_database(reading=db.reading, writing=db.writing, limit=3)
        publication.publish_log()
        assert publication.check_log().holds

    def test_who_anchors_second_anchors_nothing_twice(self, sealed):
        with db.writing() as session:
            identity.create_organization(session, "Nightglass", "production")
        with db.reading() as session:
            one, two = anchor.reckon(session), anchor.reckon(session)
        with db.writing() as session:
            assert anchor.write(session, one)
        with db.writing() as session:
            assert not anchor.write(session, two)
        publication.publish_log()
        assert publication.check_log().holds

    def test_what_changes_while_it_is_reckoned_is_sealed_by_the_next(self, sealed):
        with db.writing() as session:
            somebody = identity.create_organization(session, "Nightglass", "production")
        with db.reading() as session:
            reckoned = anchor.reckon(session)
        with db.writing() as session:
            session.get_one(Organization, somebody.id).name = "Nightglass Pictures"
        with db.writing() as session:
            assert anchor.write(session, reckoned)
        publication.publish_log()
        assert publication.check_log().holds
        with db.reading() as session:
            assert not anchor.has_marks(session)

    @pytest.mark.parametrize("sealed_before", [True, False])
    @pytest.mark.parametrize("edited", [True, False])
    def test_states_of_the_first_version_are_gone_on_from(
        self, sealed, monkeypatch, sealed_before, edited
    ):
        with monkeypatch.context() as before, db.writing() as session:
            before.setattr(marks, "state", marks._first_state)
            agency = identity.create_organization(session, "Nightglass", "production")
            key = SigningKey(organization_id=agency.id, algorithm="Ed25519", public_jwk={"x": "1"})
            session.add(key)
            session.flush()
            marks.write_out(session.connection())
        if sealed_before:
            with monkeypatch.context() as before:
                before.setattr(marks, "state", marks._first_state)
                publication.publish_log()
        if edited:
            with db.engine().begin() as superuser:
                superuser.execute(sa.update(SigningKey).values(revoked_at=long_ago(1)))
        with db.writing() as session:
            session.get_one(SigningKey, key.id).revoked_at = clock.now()
        assert publication.check_log().holds != edited
        publication.publish_log()
        assert publication.check_log().holds != edited

    def test_a_recorded_change_is_another_seal_under_the_same_salt(self, sealed):
        from app.licensing.contracts.models import Contract

        with db.writing() as session:
            contract = session.exec(sa.select(Contract)).scalars().first()
            contract.withdrawn_at = clock.now()
        assert publication.check_log().holds  # the mark says that an act did it
        publication.publish_log()
        assert publication.check_log().holds
        with db.reading() as session:
            key = marks.row_key([contract.id])
            (found,) = seals.sealed_rows(session, "contract", [key])
            first, second = found[2]
            assert first.salt == second.salt
            assert first.moving != second.moving
            assert {*second.settled.split()} - {*first.settled.split()} == {"withdrawn_at"}

    def test_a_hold_that_lasts_longer_for_a_preview_is_no_edit(self, database):
        with db.writing() as session:
            _, generation = a_scene(session).ask(session)
        publication.publish_log()
        with db.writing() as session:
            holds.keep_holds(session, generation.id, until=clock.now() + timedelta(days=9))
        publication.publish_log()
        assert publication.check_log().holds

    def test_a_table_given_another_shape_is_sealed_anew(self, sealed, monkeypatch):
        def rename(name):
            with db.writing() as session:
                session.exec(select(Performer)).one().name = name

        rename("Before")  # and this act still waits when the shape changes
        rules = TABLES["performer"]
        moved = replace(rules, fixed=rules.fixed[:-1], moving=(*rules.moving, rules.fixed[-1]))
        monkeypatch.setitem(TABLES, "performer", moved)
        rename("After")
        assert publication.check_log().holds
        with db.writing() as session:
            assert anchor_in(session)
            assert not anchor_in(session)
        publication.publish_log()
        assert publication.check_log().holds

    def test_a_new_table_is_sealed_as_it_is_found(self, sealed, monkeypatch):
        with db.writing() as session:
            rules = TABLES["replica"]
            monkeypatch.delitem(TABLES, "replica")
            anchor_in(session)
        publication.publish_log()
        assert publication.check_log().holds
        monkeypatch.setitem(TABLES, "replica", rules)
        assert publication.check_log().holds
        publication.publish_log()
        assert publication.check_log().holds

    @pytest.mark.parametrize("edit", ["name = 'Forged'", None])
    def test_what_was_edited_or_taken_away_while_it_waited_is_found(self, sealed, edit):
        with db.writing() as session:
            somebody = identity.create_organization(session, "Nightglass", "production")
        do = f"UPDATE organization SET {edit}" if edit else "DELETE FROM organization"
        with db.writing() as session:
            session.connection().execute(sa.text(f"{do} WHERE id = '{somebody.id}'"))
        for _ in range(2):
            found = publication.check_log().difference
            assert (found.where, somebody.id in found.detail) == ("organization", True)
            publication.publish_log()

    def test_a_digest_is_the_same_on_both_databases(self, sealed):
        with db.writing() as session:
            table = seals.table_of("decision")
            key, row = next(seals.rows_by_key(session, "decision"))
            shape = seals.present_shapes()["decision"]
            plain = {column.name: row[column.name] for column in table.c}
            plain |= {
                "at": datetime.fromisoformat("2026-11-27T07:00:00.120000+00:00"),
                "codes": ["é", "b"],
            }
            plain |= {"id": "dec_same"}
            session.connection().execute(sa.insert(table).values(**plain))
            (held,) = seals.rows_by_key(session, "decision", ['["dec_same"]'])
            seal = session.exec(select(RowSeal).where(RowSeal.row_key == key)).one()
            assert seals.digests(held[1], seal, shape) == seals.digests(plain, seal, shape)
            session.rollback()


class TestPublish:
    def test_a_change_without_a_leaf_is_sealed_within_a_minute(self, sealed, monkeypatch):
        with db.writing() as session:
            performer = session.exec(sa.select(Performer)).scalars().first()
            performer.paused_at = clock.now()
        with db.reading() as session:
            newest = anchor.newest_anchor(session)
            before, soon = newest.number, newest.anchored_at + timedelta(seconds=30)
        with monkeypatch.context() as early:  # whenever this machine comes to it
            early.setattr(clock, "now", lambda: soon)
            publication.publish_waiting()
        with db.reading() as session:
            assert anchor.newest_anchor(session).number == before
        later = clock.now() + timedelta(seconds=61)
        monkeypatch.setattr(clock, "now", lambda: later)
        publication.publish_waiting()
        publication.publish_waiting()
        with db.reading() as session:
            assert anchor.newest_anchor(session).number == before + 1
            assert not anchor.has_marks(session)


def test_an_anchor_without_its_salt_is_not_opened(sealed):
    with db.writing() as session:
        service.erase_salts(session, "anchor:1")
    report = publication.check_log()
    assert (report.holds, report.difference.where) == (False, "database_anchor")
