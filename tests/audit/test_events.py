"""Openings of the vault and the operator's acts are chained; whatever is changed later is found."""

import json
import os
import pwd
import sys
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select

from app import cli, clock, db, trail, vault
from app.audit import events
from app.audit.models_events import AuditSegment
from app.identity import service as identity
from app.registry import service as registry
from app.trail import OperatorAct
from tests.people.visiting import ONE_DATABASE, everything, later
from tests.scenes import a_scene, represent

GONE = """DELETE FROM audit_segment_event WHERE segment_id IN
(SELECT id FROM audit_segment WHERE number = 2); DELETE FROM audit_segment WHERE number = 2;
DELETE FROM vault_opening WHERE subject_id = 'psn_3'"""


@pytest.fixture
def scene(database):
    """A scene whose template was opened twice, and two closed segments."""
    with db.writing() as session:
        scene = a_scene(session, signed=False)
        represent(session, scene, scene.agency.organization)
        for subject in ("psn_1", "psn_2"):
            look(session, scene, subject)
        trail.note_act(session, "stop set", ["stop", "set", "performer", scene.performer.id])
        events.close_segment(session)
        look(session, scene, "psn_3")
        events.close_segment(session)
    return scene


def look(session, scene, subject):
    (medium,) = registry.references_of(session, scene.replica.id)
    vault.open_bytes(
        session, medium.template_object_id, purpose="owner-viewing", subject_id=subject
    )


def difference():
    with db.reading() as session:
        return events.first_difference(session)


class TestTheChain:
    def test_holds_as_it_was_closed(self, scene):
        assert difference() is None
        first, second = everything(AuditSegment)
        assert (first.events, second.events) == (3, 1)
        assert second.previous_sha256 == first.sha256
        with db.writing() as session:
            assert events.close_segment(session) is None  # nothing is closed twice

    @pytest.mark.parametrize(
        ("fault", "found"),
        [
            ("UPDATE vault_opening SET purpose = 'export' WHERE subject_id = 'psn_1'", "altered"),
            ("UPDATE vault_opening SET subject_id = 'psn_9' WHERE subject_id = 'psn_2'", "altered"),
            ("UPDATE operator_act SET stated_name = 'nobody'", "altered"),
            ("DELETE FROM operator_act_subject", "altered"),
            ("DELETE FROM vault_opening WHERE subject_id = 'psn_3'", "taken out"),
            ("UPDATE audit_segment SET previous_sha256 = 'f' WHERE number = 2", "does not follow"),
            ("UPDATE audit_segment SET sha256 = 'f' WHERE number = 2", "digest"),
            (GONE, "promised to the log"),
            ("UPDATE audit_segment_event SET place = place + 1", "has others"),
        ],
    )
    @ONE_DATABASE
    def test_a_planted_fault_is_named(self, scene, fault, found):
        with db.writing() as session:
            for statement in fault.split(";"):
                session.execute(sa.text(statement))
        assert found in difference()

    @ONE_DATABASE
    def test_a_chain_that_was_reckoned_anew_does_not_match_its_leaf(self, scene):
        """Who can write the database can reckon the chain again, and not what was promised."""
        with db.writing() as session:
            session.execute(sa.text("UPDATE vault_opening SET purpose = 'export'"))
            previous = events.FIRST
            for segment in session.exec(select(AuditSegment).order_by(AuditSegment.number)):
                segment.previous_sha256 = previous
                placed = events._placed(session, segment)
                read = {e.id: e for e in events._read(session, [p.event_id for p in placed])}
                for each in placed:
                    each.sha256 = read[each.event_id].sha256
                    session.add(each)
                segment.sha256 = events._digest(segment, [each.sha256 for each in placed])
                previous = segment.sha256
                session.add(segment)
        assert "leaf" in difference()

    @ONE_DATABASE
    def test_an_event_slipped_in_behind_what_was_closed_is_named(self, scene, monkeypatch):
        with db.writing() as session:
            look(session, scene, "psn_late")
            session.execute(
                sa.text("UPDATE vault_opening SET opened_at = :at WHERE subject_id = 'psn_late'"),
                {"at": (clock.now() - timedelta(days=2)).replace(tzinfo=None).isoformat(" ")},
            )
        assert "in no segment" in difference()

    @ONE_DATABASE
    def test_is_closed_by_the_worker_once_a_minute_at_most(self, scene, monkeypatch):
        with db.writing() as session:
            look(session, scene, "psn_4")
        with db.reading() as session:
            assert not events.is_due(session)
        later(monkeypatch, minutes=2)
        with db.writing() as session:
            assert events.is_due(session)
            events.close_segment(session)
            assert not events.is_due(session)


class TestWhoSeesWhat:
    def test_whose_likeness_it_is_and_their_agent_and_nobody_else(self, scene):
        with db.writing() as session:
            stranger = identity.create_organization(session, "Strangers", "production")
        with db.reading() as session:
            for party in (scene.desk.organization, scene.agency.organization):
                found = events.events_for(session, party.id)
                read = [each.said["for"] for each, _ in found if "for" in each.said]
                assert read == ["psn_3", "psn_2", "psn_1"]
                assert [e.said["command"] for e, _ in found if "command" in e.said] == ["stop set"]
                assert all(segment_id for _, segment_id in found)
            assert events.events_for(session, stranger.id) == []
            assert all(
                "for" not in each.said
                for each, _ in events.events_for(session, scene.production.organization.id)
            )

    @ONE_DATABASE
    def test_a_page_goes_on_where_the_last_one_ended(self, scene):
        with db.reading() as session:
            desk = scene.desk.organization.id
            whole = [each.id for each, _ in events.events_for(session, desk)]
            pages, before = [], None
            while page := events.events_for(session, desk, before=before, limit=2):
                pages += [each.id for each, _ in page]
                before = page[-1][0].place
        assert pages == whole

    @ONE_DATABASE
    def test_an_export_has_every_event_and_segment(self, scene):
        with db.reading() as session:
            lines = list(events.exported(session))
        assert [each["kind"] for each in lines].count("segment") == 2
        assert len(lines) == 6
        assert all(each["segment"] for each in lines if each["kind"] != "segment")


class TestTheOperator:
    @pytest.fixture
    def run(self, database, monkeypatch, capsys):
        def run(*arguments):
            monkeypatch.setattr(sys, "argv", ["understudy", *arguments])
            with pytest.raises(SystemExit) as ended:
                cli.main()
            return ended.value.code, capsys.readouterr()

        return run

    @ONE_DATABASE
    def test_each_command_is_put_down_with_whose_account_it_ran_under(self, run, monkeypatch):
        monkeypatch.setenv("LOGNAME", "vermeer")  # anybody may write that
        monkeypatch.delenv("SUDO_USER", raising=False)
        code, said = run("organization", "create", "A secret name", "--kind", "union")
        assert code == 0
        code, _ = run("people", "invite", said.out.strip())
        assert code == 0
        first, second = everything(OperatorAct)
        assert (first.words, first.stated_name) == (
            "organization create",
            pwd.getpwuid(os.getuid()).pw_name,
        )
        assert second.words == "people invite"
        with db.reading() as session:
            exported = json.dumps(list(events.exported(session)))
        assert said.out.strip() in exported
        assert "secret" not in exported

    @ONE_DATABASE
    def test_one_that_fails_was_put_down_before(self, run):
        code, _ = run("people", "invite", "org_00000000000000000000000000")
        assert code != 0
        assert [each.words for each in everything(OperatorAct)] == ["people invite"]

    @ONE_DATABASE
    def test_nothing_is_done_that_cannot_be_put_down(self, run, monkeypatch):
        def full(*_):
            raise sa.exc.OperationalError("INSERT", {}, Exception("disk full"))

        monkeypatch.setattr(trail, "note_act", full)
        code, said = run("organization", "create", "Nobody", "--kind", "union")
        assert code == 1
        assert "act-not-noted" in said.err
        from app.identity.models import Organization

        assert everything(Organization) == []

    @ONE_DATABASE
    def test_what_does_nothing_here_is_not(self, run):
        run("verify", "--help")
        run("watermark")
        assert everything(OperatorAct) == []


def test_an_operator_is_who_the_kernel_says_and_for_root_who_is_behind_sudo(monkeypatch):
    """Planted faults: any other name that the environment holds."""
    own = pwd.getpwuid(os.getuid()).pw_name
    for variable in ("SUDO_USER", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "somebody-else")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert trail.operator_name() == own
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert trail.operator_name() == "somebody-else"
    monkeypatch.delenv("SUDO_USER")
    assert trail.operator_name() == own
