"""Whoever edits the database past the program is found, by anybody with one checkpoint."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from app import anchored, clock, db, marks, publication
from app.anchored import TABLES
from app.config import settings
from app.marks import RowMark
from app.registry.models import Performer
from app.transparency import compare
from app.transparency.models import LogCheckpoint, LogLeaf, LogOutbox
from app.transparency.models_anchor import DatabaseAnchor, RowSeal
from tests.transparency.every_kind import a_row_of_every_kind
from tests.transparency.superuser import (
    Superuser,
    anchor_in,
    another,
    another_key,
    edits_unseen,
    model_of,
    seen,
    tables,
    unseen,
)

LOG_TABLES = ("log_outbox", "log_leaf", "log_checkpoint", "row_seal", "row_mark", "database_anchor")
# Not evidence, and not compared with anything: when a row of the log was written down.
FREE = {
    ("log_checkpoint", "created_at"),
    ("log_checkpoint", "cosignatures"),
    ("row_mark", "id"),  # the only one that waits
    ("log_outbox", "salt"),  # of other leaves than the anchors'
}


@pytest.fixture
def look(sealed: str) -> Iterator[Session]:
    with Session(db.engine(), expire_on_commit=False) as session:
        yield session
        session.rollback()
        if sealed == "sqlite":
            session.connection().execute(sa.text("PRAGMA ignore_check_constraints = OFF"))


def an_act_waits(session: Session) -> Superuser:
    """Leave one act unsealed, and return somebody who may do anything."""
    session.exec(sa.select(Performer)).scalars().one().paused_at = clock.now()
    session.flush()
    marks.write_out(session.connection())
    assert compare.compare_database(session, publication.log_key()) is None
    return Superuser(session)


class TestSuperuser:
    def test_no_field_of_any_evidence_can_be_edited_unnoticed(self, look):
        left_out = {
            f"{name}.{column}" for name, rules in TABLES.items() for column in rules.left_out
        } - {"log_outbox.leaf_index"}
        assert set(edits_unseen(look)) == left_out

    def test_nor_any_field_of_the_log_itself(self, look):
        superuser = an_act_waits(look)
        assert {
            (table.name, column.name)
            for table in tables(LOG_TABLES)
            for row in superuser.rows(table)[:3]
            for column in table.c
            if unseen(
                look,
                lambda t, r, c, to: superuser.edit(t, r, **{c.name: to}),
                table, row, column, another(row[column.name], column),
            )
        } <= FREE  # fmt: skip

    def test_no_row_can_be_taken_away_or_put_in_unnoticed(self, look):
        superuser = an_act_waits(look)
        for table in tables({*TABLES, *LOG_TABLES}):
            # The newest checkpoint is noted down again from what is published.
            row = superuser.rows(table)[0 if table.name == "log_checkpoint" else -1]
            assert not unseen(look, superuser.delete, table, row), f"{table.name}: deleted"
        for table in tables():
            row = superuser.rows(table)[0]
            copy = {**row, **another_key(table, row)}
            assert not unseen(look, superuser.insert, table, copy), f"{table.name}: inserted"

    def test_nor_can_two_rows_change_places(self, look):
        superuser = Superuser(look)
        swapped = 0
        for table in tables():
            one, two, *_ = [*superuser.rows(table), None, None]
            if two is None:
                continue
            for column in (each.name for each in table.c):
                if column in table.primary_key or one[column] == two[column]:
                    continue
                if column in TABLES[table.name].left_out:
                    continue

                def swap(table, name=column, one=one, two=two):
                    superuser.edit(table, one, **{name: two[name]})
                    superuser.edit(table, two, **{name: one[name]})

                assert not unseen(look, swap, table), f"{table.name}.{column}"
                swapped += 1
        assert swapped > 20

    def test_nor_can_a_mark_be_forged_for_it(self, look):
        superuser = Superuser(look)
        tried = 0
        for table in tables():
            row, rules = superuser.rows(table)[0], TABLES[table.name]
            copy = {**row, **another_key(table, row)}
            deeds = [lambda t, copy=copy: superuser.insert(t, copy)]
            deeds += [
                lambda t, row=row, name=name: superuser.edit(
                    t, row, **{name: another(row[name], t.c[name])}
                )
                for name in (*rules.once, *rules.moving)
            ]
            for deed in deeds:

                def forge(table, deed=deed, row=row):
                    deed(table)
                    superuser.forge_mark(table, row)

                def and_wait(table, forge=forge):
                    forge(table)
                    anchor_in(look)

                assert not unseen(look, forge, table), table.name
                assert not unseen(look, and_wait, table), table.name
                tried += 1
        assert tried > 80

    def test_nor_does_the_next_act_on_the_row_hide_it(self, look):
        superuser = Superuser(look)
        tried = 0
        for table in tables(name for name, rules in TABLES.items() if rules.moving):
            row = superuser.rows(table)[0]
            names = TABLES[table.name].moving + TABLES[table.name].once
            for name in names:

                def edit_and_act(table, row=row, name=name, names=names):
                    superuser.edit(table, row, **{name: another(row[name], table.c[name])})
                    key = [row[column.name] for column in table.primary_key]
                    thing = look.get(model_of(table), key, populate_existing=True)
                    for each in names:
                        if each != name:
                            setattr(thing, each, another(row[each], table.c[each]))
                    if len(names) > 1:
                        assert anchor_in(look)

                assert not unseen(look, edit_and_act, table), f"{table.name}.{name}"
                tried += 1
        assert tried > 20

    def test_nor_can_a_row_be_put_back_by_a_mark_of_the_past(self, look):
        superuser = Superuser(look)
        (performers,) = tables(["performer"])
        one = superuser.rows(performers)[0]
        performer = look.get_one(Performer, one["id"])
        moments = [clock.now(), None, clock.now()]  # paused, resumed, paused
        kept = []
        for moment in moments:
            performer.paused_at = moment
            look.flush()
            marks.write_out(look.connection())
            kept.append(look.exec(sa.select(RowMark)).scalars().all()[-1].model_dump())
            assert anchor_in(look)
        assert compare.compare_database(look, publication.log_key()) is None
        performer.paused_at = None
        assert anchor_in(look)

        def pause_again(table):
            superuser.edit(table, one, paused_at=moments[2])
            look.connection().execute(sa.insert(RowMark).values(**kept[2]))

        assert not unseen(look, pause_again, performers)

        def and_wait(table):
            pause_again(table)
            anchor_in(look)

        assert not unseen(look, and_wait, performers)


class TestWhoHoldsTheKeysAsWell:
    def test_a_row_put_in_with_a_mark_may_not_be_older_than_an_anchor(self, look):
        superuser = Superuser(look)
        look.connection().execute(
            sa.update(DatabaseAnchor).values(anchored_at=clock.now())
        )  # as the leaf says; the rows of this test are younger than five minutes
        for table in tables(
            name for name, rules in TABLES.items() if rules.born and ">" not in rules.born
        ):
            row = superuser.rows(table)[0]
            born = TABLES[table.name].born
            copy = {**row, **another_key(table, row), born: clock.now() - timedelta(minutes=6)}

            def forge(table=table, copy=copy):
                superuser.insert(table, copy)
                superuser.mark(table, copy)

            found = []
            with look.begin_nested() as point:
                look.connection()
                forge()
                found = list(compare._evidence(look, [table.name]))
                point.rollback()
            assert any("claims to be of" in each.detail for each in found), table.name

    def test_a_mark_excuses_no_edit_of_what_is_fixed(self, look):
        superuser = Superuser(look)
        (contract,) = tables(["contract"])
        row = superuser.rows(contract)[0]

        def edit(contract):
            superuser.edit(contract, row, document="{}")
            superuser.mark(contract, row, row)
            anchor_in(look)

        assert not unseen(look, edit, contract)

    def test_nor_an_edit_of_what_an_act_writes_once(self, look):
        superuser = Superuser(look)
        tried = 0
        for table in tables():
            for name in TABLES[table.name].once:
                column, row = table.c[name], superuser.rows(table)[0]
                with look.begin_nested() as point:
                    look.connection()
                    if row[name] is None:  # an act writes it, and it is sealed
                        was, row = row, {**row, name: another(None, column)}
                        superuser.edit(table, row, **{name: row[name]})
                        superuser.mark(table, row, was)
                        anchor_in(look)
                    for value in (another(row[name], column), None):

                        def edit(table=table, row=row, name=name, value=value):
                            superuser.edit(table, row, **{name: value})
                            superuser.mark(table, row, row)
                            anchor_in(look)

                        found = seen(look, edit, table)
                        assert "after it was sealed" in found, f"{table.name}.{name}: {found}"
                        tried += 1
                    point.rollback()
        assert tried > 50

    def test_may_move_on_what_acts_move_and_no_further(self, look):
        # What docs/transparency.md says is not found: it cannot be told from an act of today.
        superuser = Superuser(look)
        (performers,) = tables(["performer"])
        row = superuser.rows(performers)[0]

        def pause(table):
            superuser.edit(table, row, paused_at=clock.now())
            superuser.mark(table, row, row)
            anchor_in(look)

        assert unseen(look, pause, performers)


class TestPlantedFaults:
    def test_a_column_left_out_of_the_seals_is_noticed_by_these_tests(self, database, monkeypatch):
        rules = TABLES["decision"]
        fixed = tuple(name for name in rules.fixed if name != "request")
        monkeypatch.setitem(TABLES, "decision", replace(rules, fixed=fixed))
        with db.writing() as session:
            a_row_of_every_kind(session)
        publication.publish_log()
        with Session(db.engine(), expire_on_commit=False) as session:
            assert list(edits_unseen(session, ["decision"])) == ["decision.request"]
            session.rollback()

    def test_and_so_is_a_whole_table(self, look, monkeypatch):
        monkeypatch.delitem(TABLES, "replica")
        assert len([*edits_unseen(look, ["replica"])]) == len(tables(["replica"])[0].c)

    def test_and_so_are_marks_without_the_states_of_rows(self, look, monkeypatch):
        monkeypatch.setattr(marks, "leads", lambda acts, **_: bool(acts))
        with pytest.raises(AssertionError):
            TestSuperuser().test_nor_does_the_next_act_on_the_row_hide_it(look)


class TestKeptCheckpoint:
    def test_finds_an_operator_who_edits_seals_and_logs_everything_anew(self, sealed):
        kept = (settings().objects_dir / "log/checkpoints/000000000001").read_bytes()
        assert publication.check_log(kept=kept).holds
        with db.writing() as session:
            superuser = Superuser(session)
            (decision,) = tables(["decision"])
            superuser.edit(decision, superuser.rows(decision)[0], outcome="permit", codes=["X"])
            for model in (LogCheckpoint, LogLeaf, RowSeal, DatabaseAnchor):
                session.connection().execute(sa.delete(model))
            session.connection().execute(
                sa.delete(LogOutbox).where(LogOutbox.kind == anchored.OWN_LEAF)
            )
            session.connection().execute(sa.update(LogOutbox).values(leaf_index=None))
        shutil.rmtree(settings().objects_dir / "log")
        publication.publish_log()
        assert publication.check_log().holds  # sound in itself
        report = publication.check_log(kept=kept)
        assert not report.holds
        assert report.difference.where == "kept checkpoint"
