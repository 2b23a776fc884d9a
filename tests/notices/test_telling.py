"""What happens between parties is told to the other; deaf ears are noticed in time."""

from datetime import timedelta

from sqlmodel import select

from app import clock
from app.gateway import telling
from app.licensing.approvals import reminders
from app.licensing.contracts import service as contracts
from app.notices import delivery, duty, service
from app.notices.models import Notice, NoticeDelivery
from tests.licensing import approving
from tests.licensing.approving import answer, ask
from tests.notices.mailing import a_member
from tests.people.visiting import ONE_DATABASE
from tests.scenes import a_scene


def told(session, organization):
    said = select(Notice.kind).where(Notice.organization_id == organization.id)
    return list(session.exec(said.order_by(Notice.id)))


class TestContracts:
    @ONE_DATABASE
    def test_each_act_is_told_to_the_other_side_and_not_to_who_acts(self, session):
        scene = a_scene(session)
        desk, production = scene.desk.organization, scene.production.organization
        assert told(session, desk) == ["contract-offered", "contract-signed"]
        assert told(session, production) == ["contract-signed"]
        contracts.withdraw_contract(session, scene.contract, desk.id)
        assert told(session, production)[-1] == "consent-withdrawn"
        assert "consent-withdrawn" not in told(session, desk)

    @ONE_DATABASE
    def test_a_draft_is_told_to_nobody(self, session):
        scene = a_scene(session, signed=False)
        before = told(session, scene.desk.organization)
        document = approving_document(scene)
        production = scene.production.organization
        contracts.offer_contract(session, production.id, document, draft=True)
        assert told(session, scene.desk.organization) == before

    @ONE_DATABASE
    def test_an_offer_that_lapses_soon_is_told_once(self, session, monkeypatch):
        scene = a_scene(session, signed=False)
        production = scene.production.organization
        ends = clock.now() + timedelta(days=3)
        contracts.offer_contract(session, production.id, approving_document(scene), expires_at=ends)
        reminders.remind(session)
        assert "offer-due" not in told(session, scene.desk.organization)
        with approving.later(monkeypatch, days=2, hours=1):
            for _ in range(2):
                reminders.remind(session)
            assert told(session, scene.desk.organization).count("offer-due") == 1
            assert not reminders.is_due(session)


class TestApprovals:
    def test_the_asked_hear_it_and_are_reminded_at_half_time(self, session, monkeypatch):
        scene = approving.a_scene_with_approvals(session, "performer", sla_hours=48)
        desk, production = scene.desk.organization, scene.production.organization
        a_member(session, desk, "griet@delft.example")
        decision, _ = scene.ask(session, script_hash=approving.HASH)
        ask(session, scene, decision)
        assert told(session, desk)[-1] == "approval-requested"
        with approving.later(monkeypatch, hours=23):
            assert not reminders.is_due(session)
        with approving.later(monkeypatch, hours=25):
            reminders.remind(session)
            reminders.remind(session)
            assert told(session, desk)[-1] == "approval-due"
            assert told(session, desk).count("approval-due") == 1
            # The mail waits to be sent: it may still arrive, and nobody is alarmed.
            assert "notice-failed" not in told(session, production)

    @ONE_DATABASE
    def test_who_asks_learns_before_the_silence_that_nobody_heard(self, session, monkeypatch):
        scene = approving.a_scene_with_approvals(session, "performer", sla_hours=48)
        decision, _ = scene.ask(session, script_hash=approving.HASH)
        (request,) = ask(session, scene, decision)
        with approving.later(monkeypatch, hours=25):
            reminders.remind(session)
            alarms = select(Notice).where(Notice.kind == "notice-failed")
            (alarm,) = session.exec(alarms).all()
            assert alarm.organization_id == scene.production.organization.id
            assert alarm.subject_id == request.id
            assert clock.now() < request.answer_due_at == alarm.due_at

    @ONE_DATABASE
    def test_no_alarm_where_the_question_was_seen_and_no_reminder_of_what_was_answered(
        self, session, monkeypatch
    ):
        scene = approving.a_scene_with_approvals(session, "performer", sla_hours=48)
        person = a_member(session, scene.desk.organization)
        decision, _ = scene.ask(session, script_hash=approving.HASH)
        (request,) = ask(session, scene, decision)
        desk = scene.desk.organization
        seen = service.notices_for(session, [desk.id])
        service.note_seen(session, seen, person.id)
        with approving.later(monkeypatch, hours=25):
            reminders.remind(session)
            assert "notice-failed" not in told(session, scene.production.organization)
        scene2 = approving.a_scene_with_approvals(session, "performer", sla_hours=48)
        decision, _ = scene2.ask(session, script_hash=approving.HASH)
        (request,) = ask(session, scene2, decision)
        answer(session, scene2, request)
        with approving.later(monkeypatch, hours=25):
            assert not reminders.is_due(session)


class TestDuty:
    def test_is_met_by_evidence_alone(self):
        (tried,) = duty.duties(["c2pa_sign", "performer_notification"], {"per_1": []})
        assert not tried.met
        (told_,) = duty.duties(["performer_notification"], {"per_1": ["email: 250 OK"]})
        assert told_.met
        assert duty.duties(["c2pa_sign"], {"per_1": []}) == []

    @ONE_DATABASE
    def test_a_release_that_reached_only_the_agent_or_nobody_leaves_it_unmet(self, session):
        scene = approving.a_scene_with_approvals(session)
        desk, agency = scene.desk.organization, scene.agency.organization
        griet = a_member(session, desk, "griet@delft.example")
        agent = a_member(session, agency, role="agent")
        _, generation = scene.ask(session)
        telling.tell_of_release(session, generation)

        def met():
            return [each.met for each in telling.duties_of(session, generation)]

        assert met() == [False]
        service.note_seen(session, service.notices_for(session, [agency.id]), agent.id)
        assert met() == [False]
        (way,) = [
            row
            for row in session.exec(select(NoticeDelivery))
            if session.get(Notice, row.notice_id).kind == "released"
        ]
        delivery._settle(session, way, "failed", "550 no such reader")
        assert met() == [False]
        assert "notice-failed" in told(session, scene.production.organization)
        service.note_seen(session, service.notices_for(session, [desk.id]), griet.id)
        assert met() == [True]


def approving_document(scene):
    from app.demo import cast

    document = cast.contract_document(
        scene.performer.id,
        "The Girl",
        scene.production.organization.id,
        scene.agency.organization.id,
    )
    return document | {"notice_hours": 77}
