"""What is owed follows from what is on record, to each side its own, and is proven when done."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from app import clock
from app.gateway.models_vendor_copies import VendorCopy
from app.identity import service as identity
from app.licensing.decisions.models import Decision
from app.obligations import service
from app.obligations.errors import CursorUnknown
from tests.licensing import approving
from tests.payments.stories import a_story, closed, told
from tests.scenes import PORTRAIT, a_scene
from tests.web.released import released


def owed(session, who=None, **asked):
    return service.owed(session, who and who.id, **asked)


def kinds(found):
    return [(each.kind, each.what) for each in found]


class TestWhatPeopleOwe:
    def test_an_approval_is_owed_until_its_answer_which_proves_it(self, session, monkeypatch):
        scene = approving.a_scene_with_approvals(session, "performer")
        decision, _ = scene.ask(session, script_hash=approving.HASH)
        (request,) = approving.ask(session, scene, decision)
        for side in (scene.desk, scene.production, scene.agency):
            (one,) = owed(session, side.organization, kind="approval")
            assert (one.key, one.owed_by, one.due_at) == (
                request.id, ("performer",), request.answer_due_at,
            )  # fmt: skip
        with approving.later(monkeypatch, hours=49):
            assert owed(session, scene.desk.organization, kind="approval") == []
            (missed,) = owed(session, scene.desk.organization, kind="approval", state="missed")
            assert missed.key == request.id
        approving.answer(session, scene, request)
        assert owed(session, scene.desk.organization, kind="approval") == []
        (done,) = owed(session, scene.production.organization, kind="approval", state="done")
        assert done.done_at is not None
        assert (done.proof or "").startswith("apa_")

    def test_a_stranger_sees_nothing_and_the_operator_all(self, session):
        scene = approving.a_scene_with_approvals(session, "performer")
        decision, _ = scene.ask(session, script_hash=approving.HASH)
        approving.ask(session, scene, decision)
        for kind in ("performer", "agency", "production", "union"):
            stranger = identity.create_organization(session, "Stranger", kind)
            for state in ("open", "done", "missed", "lasting"):
                assert owed(session, stranger, state=state) == []
        assert kinds(owed(session)) == [("approval", "use")]


class TestWhatIsOwedOfFiles:
    def test_a_label_lasts_where_the_permit_obliged_to_it_and_ends_when_taken_down(self, session):
        scene = a_scene(session)
        film = released(session, scene, PORTRAIT)
        for side in (scene.desk, scene.production):
            (label,) = owed(session, side.organization, state="lasting")
            assert (label.kind, label.key, label.owed_by) == ("label", film.id, ("licensee",))
        film.taken_down_at = clock.now()
        session.flush()
        assert owed(session, scene.production.organization, state="lasting") == []

    def test_no_label_where_the_use_stays_out_of_the_union(self, session):
        scene = a_scene(session, territories={"include": ["US"], "exclude": []})
        film = released(session, scene, PORTRAIT, territories=("US",))
        permit = session.get_one(Decision, film.decision_id)
        assert "eu_art50_deepfake_label" not in permit.obligations
        assert owed(session, scene.production.organization, state="lasting") == []

    def test_a_draft_is_owed_its_deletion_and_its_being_gone_proves_it(self, session):
        scene = a_scene(session)
        _, generation = scene.ask(session)
        generation.is_draft, generation.delete_at = True, clock.now() + timedelta(days=30)
        session.flush()
        (one,) = owed(session, scene.desk.organization, kind="deletion")
        assert (one.what, one.key, one.due_at) == ("draft", generation.id, generation.delete_at)
        generation.deleted_at = clock.now()
        session.flush()
        assert owed(session, scene.desk.organization, kind="deletion") == []
        (done,) = owed(session, scene.production.organization, kind="deletion", state="done")
        assert done.done_at == generation.deleted_at

    def test_a_copy_at_a_vendor_counts_once_it_had_to_go(self, session):
        scene = a_scene(session)
        copy = VendorCopy(
            vendor="runway",
            kind="job",
            what="portraits",
            performer_id=scene.performer.id,
            contract_id=scene.contract.id,
        )
        session.add(copy)
        session.flush()
        assert owed(session, scene.desk.organization, kind="deletion") == []
        copy.state = "asked"
        session.flush()
        (one,) = owed(session, scene.desk.organization, kind="deletion")
        assert (one.what, one.owed_by, one.due_at) == ("vendor-copy", ("runway",), None)
        copy.state, copy.confirmed_at = "deleted", clock.now()
        session.flush()
        (done,) = owed(session, scene.desk.organization, kind="deletion", state="done")
        assert done.proof == copy.id

    def test_likeness_data_is_due_when_its_contract_says_so_in_its_own_zone(
        self, session, monkeypatch
    ):
        scene = a_scene(session)
        assert owed(session, scene.desk.organization, kind="deletion") == []
        over = scene.contract.ends_at - clock.now() + timedelta(days=1)
        with approving.later(monkeypatch, seconds=over.total_seconds()):
            (one,) = owed(session, scene.desk.organization, kind="deletion")
            assert one.what == "likeness-data"
            kept = one.due_at - scene.contract.ends_at
            assert timedelta(days=90, hours=-1) <= kept <= timedelta(days=90, hours=1)
            assert abs(one.sort_at - one.due_at) <= timedelta(hours=1)
        with approving.later(monkeypatch, seconds=(over + timedelta(days=91)).total_seconds()):
            assert owed(session, scene.desk.organization, kind="deletion") == []
            (rest,) = owed(session, scene.production.organization, state="lasting")
            assert rest.key == scene.contract.id


class TestWhatIsOwedInMoney:
    def test_what_was_earned_is_owed_and_a_union_its_report(self, session):
        story = a_story(session)
        story.use(session)
        desk = story.scene.desk.organization
        (balance,) = owed(session, desk)
        assert (balance.kind, balance.what, balance.currency) == ("payout", "balance", "EUR")
        assert balance.amount_minor > 0
        assert balance.performer_id == story.scene.performer.id
        assert owed(session, story.scene.production.organization) == []
        period = closed(session)
        (report,) = owed(session, story.union)
        assert (report.kind, report.due_at) == ("report", period.ends_at)
        issued = told(session, period)["usage"]
        assert owed(session, story.union) == []
        (done,) = owed(session, story.union, state="done")
        assert done.proof == issued.id
        assert owed(session, desk, kind="report", state="done") == []


class TestTheList:
    def test_goes_on_where_a_page_ended_without_a_line_lost_or_twice(self, session):
        scene = a_scene(session)
        at = clock.now() + timedelta(days=1)
        for number in range(7):
            _, generation = scene.ask(session, line=f"Line {number}.")
            generation.is_draft, generation.delete_at = True, at + timedelta(hours=number // 3)
        session.flush()
        seen, after = [], None
        while True:
            page = owed(session, scene.desk.organization, after=after, limit=2)
            seen += [each.key for each in page]
            if len(page) < 2:
                break
            after = service.mark(page[-1])
        everything = [each.key for each in owed(session, scene.desk.organization)]
        assert seen == everything
        assert len(set(seen)) == 7
        with pytest.raises(CursorUnknown):
            owed(session, scene.desk.organization, after="'; DROP")

    def test_asks_no_more_questions_however_much_there_is(self, session):
        scene = a_scene(session)
        few = asked(session, lambda: owed(session, scene.desk.organization))
        for number in range(6):
            _, generation = scene.ask(session, line=f"Line {number}.")
            generation.is_draft, generation.delete_at = True, clock.now()
        session.flush()
        assert asked(session, lambda: owed(session, scene.desk.organization)) == few


def asked(session, act):
    """Count the statements that an act sends."""
    said = []

    def note(_connection, _cursor, statement, *_):
        said.append(statement)

    sa.event.listen(session.get_bind(), "before_cursor_execute", note)
    try:
        act()
    finally:
        sa.event.remove(session.get_bind(), "before_cursor_execute", note)
    return len(said)
