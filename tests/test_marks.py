"""What acts do to evidence leaves authentic marks, with the act or not at all."""

import json
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session, col, select

import app.models  # noqa: F401  every table
from app import clock, commits, db, installation, marks, publication
from app.anchored import TABLES
from app.identity import service as identity
from app.identity.models import ApiKey, Organization
from app.ledger.models import RoyaltyTerms
from app.ledger.receivables.models import ContractLicensee
from app.ledger.receivables.payments import ensure
from app.marks import RowMark
from app.statements import Statement, run_all, write_all
from app.transparency import service as transparency

QUICK_ON_POSTGRESQL = True


def marked(session):
    """Return what is marked, in the order of the acts."""
    session.flush()
    marks.write_out(session.connection())
    found = session.exec(select(RowMark).order_by(col(RowMark.id))).all()
    assert all(map(marks.is_authentic, found))
    lines = [line.split(" ", 3) for mark in found for line in mark.changes.split("\n")]
    return [(name, key) for name, _, _, key in lines]


def forget(session):
    session.flush()
    marks.write_out(session.connection())
    session.connection().execute(sa.delete(RowMark))


def a_key(session):
    organization = identity.create_organization(session, "Nightglass", "production")
    return organization, identity.create_api_key(session, organization, name="test")[0]


def keyed(*things):
    return [(type(thing).__table__.name, json.dumps([thing.id])) for thing in things]


class TestMarks:
    def test_what_is_new_or_changed_bears_one(self, session):
        organization, key = a_key(session)
        assert marked(session) == keyed(organization, key)
        forget(session)
        identity.revoke_api_key(session, key)
        assert marked(session) == keyed(key)

    def test_lead_from_state_to_state(self, session):
        organization, _ = a_key(session)
        states = [marks.NOT_THERE]
        for name in ("Nightglass Pictures", "Nightglass Films"):
            marked(session)
            organization.name = name
        marked(session)
        (row,) = [dict(each) for each in session.connection().execute(
            sa.select(Organization.__table__)).mappings()]  # fmt: skip
        key = marks.key_of(Organization.__table__, row)
        every = session.exec(select(RowMark).order_by(col(RowMark.id))).all()
        acts = marks.acts_of(every)["organization", key]
        now = marks.state("organization", key, row).__eq__
        assert len(acts) == 3
        assert marks.leads(acts, since=0, before=states[0], after=now)
        assert not marks.leads(acts, since=acts[0].acted_us, before=states[0], after=now)
        assert not marks.leads(acts[1:], since=0, before=states[0], after=now)
        assert not marks.leads(acts[:2], since=0, before=states[0], after=now)
        assert not marks.leads([], since=0, before=states[0], after=now)

    def test_of_json_do_not_tell_how_its_keys_were_ordered(self, data_dir):
        row = dict.fromkeys(TABLES["royalty_terms"].sealed, "")
        one, other = {"b": [{"y": 1, "x": None}], "a": ""}, {"a": "", "b": [{"x": None, "y": 1}]}
        said = {
            marks.state("royalty_terms", "k", {**row, "document": each}) for each in (one, other)
        }
        assert len(said) == 1
        assert said.pop().startswith("2:")
        edited = {**one, "b": [{"y": 1, "x": 0}]}
        states = [marks.state("royalty_terms", "k", {**row, "document": d}) for d in (one, edited)]
        assert states[0] != states[1]

    def test_of_json_written_in_order_are_those_of_what_is_read(self, data_dir):
        row = dict.fromkeys(TABLES["decision"].sealed, "")
        value = {"b": [{"y": 1.5, "x": None, "é": "\u2028"}], "a": [True, 2**40, "\n"]}
        text = marks.in_order(value)
        held = {**row, "request": value}
        assert marks.state("decision", "k", {**row, "request": marks.InOrder(text)}) == marks.state(
            "decision", "k", {**held, "request": json.loads(text)}
        )
        other = marks.InOrder(text.replace("1.5", "1.6"))
        assert marks.state("decision", "k", {**row, "request": other}) != marks.state(
            "decision", "k", held
        )

    def test_of_json_are_of_no_text_in_its_place(self, data_dir):
        row = {**dict.fromkeys(TABLES["decision"].sealed, ""), "codes": ["A"], "request": {"b": 1}}
        digest = marks.blake2b(b'["A"]', digest_size=16).hexdigest()
        said = [marks.state("decision", "k", {**row, "codes": each}) for each in (["A"], digest)]
        assert said[0] != said[1]

    def test_go_with_the_act_they_belong_to(self, session):
        session.commit()
        a_key(session)
        session.rollback()
        assert marked(session) == []

    def test_are_kept_by_a_commit(self, database):
        with db.writing() as session:
            organization, key = a_key(session)
        with db.writing() as session:
            assert marked(session) == keyed(organization, key)

    def test_of_a_savepoint_go_and_stay_with_it(self, session):
        first, _ = a_key(session)
        with session.begin_nested():
            kept, _ = a_key(session)
        with session.begin_nested() as point:
            a_key(session)
            point.rollback()
        assert {key for name, key in marked(session) if name == "organization"} == {
            json.dumps([each.id]) for each in (first, kept)
        }

    @pytest.mark.anyio
    async def test_of_a_shared_commit_are_those_of_its_units(self, database):
        def fails(session: Session) -> None:
            a_key(session)
            raise ValueError("too much")

        queue = commits.CommitQueue(db.engine())
        organization, key = await queue.commit(a_key)
        with pytest.raises(ValueError, match="too much"):
            await queue.commit(fails)
        with db.writing() as session:
            assert marked(session) == keyed(organization, key)

    def test_are_left_by_statements_of_a_session(self, session):
        _, key = a_key(session)
        forget(session)
        session.execute(
            sa.update(ApiKey).where(col(ApiKey.id) == key.id).values(revoked_at=key.created_at)
        )
        assert marked(session) == keyed(key)
        forget(session)
        session.execute(sa.insert(RoyaltyTerms).values(sha256="0" * 64, document={}))
        assert marked(session) == [("royalty_terms", f'["{"0" * 64}"]')]

    def test_are_none_where_nothing_was_written(self, session):
        organization, _ = a_key(session)
        forget(session)
        session.get_one(Organization, organization.id).kind = organization.kind
        assert marked(session) == []

    def test_are_none_where_a_row_was_there_before(self, session):
        if session.get_bind().dialect.name == "sqlite":
            session.execute(sa.text("DROP TRIGGER contract_licensee_never_replaced"))
        row = {"contract_id": "con_1", "organization_id": "org_1"}
        ensure(session, ContractLicensee, **row)
        assert len(marked(session)) == 1
        ensure(session, ContractLicensee, **row)
        keep = Statement(
            postgresql.insert(ContractLicensee)
            .values({name: sa.bindparam(name) for name in row})
            .on_conflict_do_nothing()
        )
        keep.run(session.connection(), **row)
        assert len(marked(session)) == 1
        run_all(session.connection(), keep.call(**row), keep.call(**row))
        with pytest.raises(TypeError, match="one by one"):
            write_all(session.connection(), keep.call(**row), keep.call(**row))
        assert len(marked(session)) == 1

    def test_are_left_by_a_compiled_statement_that_adds(self, session):
        every = {each: sa.bindparam(each) for each in ("sha256", "document", "stored_at")}
        add = Statement(sa.insert(RoyaltyTerms).values(every))
        rows = [
            {"sha256": each * 64, "document": {}, "stored_at": clock.now()} for each in "abcdef"
        ]
        add.run(session.connection(), **rows[0])
        run_all(session.connection(), *(add.call(**row) for row in rows[1:3]))
        write_all(session.connection(), *(add.call(**row) for row in rows[3:5]))
        write_all(session.connection(), add.call(**rows[5]))
        assert marked(session) == [("royalty_terms", f'["{each * 64}"]') for each in "abcdef"]

    @pytest.mark.parametrize("write", [sa.update, sa.delete])
    def test_are_why_a_compiled_statement_may_not_change_a_row(self, write):
        with pytest.raises(TypeError, match="through a session"):
            Statement(write(RoyaltyTerms))

    def test_are_not_left_by_the_leaf_of_an_anchor(self, session):
        transparency.record(session, "database-anchored", "anchor:1", {})
        assert marked(session) == []
        transparency.record(session, "decision", "dec_1", {})
        assert len(marked(session)) == 1

    def test_of_nobody_who_holds_the_key_are_not_authentic(self, session):
        a_key(session)
        marked(session)
        mark = session.exec(select(RowMark)).first()
        assert not marks.is_authentic(RowMark(**{**mark.model_dump(), "acted_us": 1}))
        other = mark.changes.replace("organization", "performer")
        assert not marks.is_authentic(RowMark(**{**mark.model_dump(), "changes": other}))


@pytest.fixture
def afterwards(data_dir, database, monkeypatch):
    """Put a row in an hour ahead; return what changes it twice by a right clock, elsewhere."""
    installation.prepare()
    publication.publish_log()  # or all would be taken as it is found
    with monkeypatch.context() as ahead:
        later = clock.now() + timedelta(hours=1)
        ahead.setattr(clock, "now", lambda: later)
        with db.writing() as session:
            organization, _ = a_key(session)

    def change(*, seal):
        if seal:
            publication.publish_log()
        for name in ("Nightglass Pictures", "Nightglass Films"):
            monkeypatch.setattr(marks, "_last_us", 0)  # another process knows nothing of the first
            with db.writing() as session:
                session.get_one(Organization, organization.id).name = name
        publication.publish_log()
        return publication.check_log()

    return change


class TestOfMachinesWhoseClocksDiffer:
    @pytest.mark.parametrize("seal", [False, True])
    def test_follow_each_other_all_the_same(self, afterwards, seal):
        report = afterwards(seal=seal)
        assert report.holds, report

    @pytest.mark.parametrize("seal", [False, True])
    def test_would_not_by_the_clock_alone(self, afterwards, monkeypatch, seal):
        """Planted fault."""
        monkeypatch.setattr(marks, "_newest_us", lambda _: 0)
        assert "organization" in str(afterwards(seal=seal).difference)

    def test_are_not_led_to_the_end_of_time_by_a_row_of_nobody(self, session):
        organization, _ = a_key(session)
        marked(session)
        far = {"acted_us": 2**62, "changes": "", "seal": b"x" * 32}
        session.connection().execute(sa.insert(RowMark), [far])
        organization.name = "Nightglass Films"
        session.flush()
        marks.write_out(session.connection())
        newest = session.exec(select(RowMark).order_by(col(RowMark.id).desc())).first()
        assert newest.acted_us < 2**61
