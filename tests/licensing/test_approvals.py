"""A human's yes: asked for, given, taken back, outdated, silent; and nobody's own claim."""

from datetime import timedelta

import pytest
from sqlmodel import Session, col, select

from app import clock
from app.gateway.generators import catalogue
from app.licensing.approvals import on_record as approvals_on_record
from app.licensing.approvals.asked import approvals_of, with_answers
from app.licensing.approvals.models import ApprovalAnswer, ApprovalRequest
from app.licensing.decisions import approval_requests as approvals
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision
from app.licensing.decisions.script_changes import voided_by_script_change
from app.licensing.errors import (
    AnswerRefused,
    ApprovalClosed,
    ApprovalNotFound,
    DecisionNotFound,
    NothingToAsk,
    ScriptDiffers,
)
from tests.licensing.approving import (
    HASH,
    OTHER,
    SCRIPT,
    a_scene_with_approvals,
    answer,
    approved,
    ask,
    codes,
    later,
    principal,
)
from tests.scenes import a_scene, represent


class TestUseThatNeedsAYes:
    def test_is_named_asked_answered_and_then_permitted(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer", "agent")
        decision, generation = scene.ask(session, script_hash=HASH)
        assert (decision.outcome, decision.codes) == ("needs-approval", ["APPROVAL_REQUIRED"])
        assert generation is None
        (needed,) = approvals.what_to_ask(session, decision)
        assert (needed.kind, needed.roles) == ("use", ("performer", "agent"))
        (request,) = ask(session, scene, decision)
        assert codes(session, scene) == ["APPROVAL_REQUIRED"]
        answer(session, scene, request)
        assert codes(session, scene) == ["APPROVAL_REQUIRED"]  # the agent has not answered
        assert request.outcome == "open"
        answer(session, scene, request, who="agency", role="agent")
        assert request.outcome == "approved"
        permit, generation = scene.ask(session, script_hash=HASH)
        assert permit.outcome == "permit"
        assert generation is not None
        assert approvals.what_to_ask(session, permit) == []

    def test_a_no_of_anybody_denies_it(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer", "agent")
        decision, _ = scene.ask(session, script_hash=HASH)
        (request,) = ask(session, scene, decision)
        answer(session, scene, request)
        answer(session, scene, request, "rejected", who="agency", role="agent")
        assert codes(session, scene) == ["APPROVAL_REJECTED"]
        assert request.outcome == "rejected"

    def test_after_a_no_it_may_be_asked_again_and_waits_again(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer")
        decision, _ = scene.ask(session, script_hash=HASH)
        (request,) = ask(session, scene, decision)
        answer(session, scene, request, "rejected")
        denied, _ = scene.ask(session, script_hash=HASH)
        (again,) = ask(session, scene, denied)
        assert again.id != request.id
        assert codes(session, scene) == ["APPROVAL_REQUIRED"]

    def test_a_yes_is_for_that_use_and_nothing_wider(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer")
        approved(session, scene, territories=("DE", "FR"))
        assert codes(session, scene, territories=("DE",)) == []
        for wider in (
            {"territories": ("DE", "NL")},
            {"medium": "theatrical"},
            {"length_s": "6"},
            {"modalities": ("face",), "territories": ("NL",)},
        ):
            assert codes(session, scene, **wider) == ["APPROVAL_REQUIRED"], wider

    def test_a_yes_ends_when_it_says(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene = a_scene_with_approvals(session, "performer")
        decision, _ = scene.ask(session, script_hash=HASH)
        (request,) = ask(session, scene, decision)
        answer(session, scene, request, expires_at=clock.now() + timedelta(hours=1))
        assert codes(session, scene) == []
        with later(monkeypatch, hours=2):
            assert codes(session, scene) == ["APPROVAL_EXPIRED"]
            (asked,) = with_answers(session, [request])
            assert asked.state(clock.now()) == "expired"

    def test_silence_is_a_refusal_and_closes_the_question(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene = a_scene_with_approvals(session, "performer", sla_hours=48)
        decision, _ = scene.ask(session, script_hash=HASH)
        (request,) = ask(session, scene, decision)
        with later(monkeypatch, hours=47):
            assert codes(session, scene) == ["APPROVAL_REQUIRED"]
        with later(monkeypatch, hours=48):
            denied, _ = scene.ask(session, script_hash=HASH)
            assert (denied.outcome, denied.codes) == ("deny", ["APPROVAL_TIMED_OUT"])
            with pytest.raises(ApprovalClosed):
                answer(session, scene, request)
            (again,) = ask(session, scene, denied)
            answer(session, scene, again)
            assert codes(session, scene) == []

    def test_where_the_contract_waits_no_time_runs_out(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene = a_scene_with_approvals(session, "performer", on_silence="wait")
        decision, _ = scene.ask(session, script_hash=HASH)
        (request,) = ask(session, scene, decision)
        with later(monkeypatch, hours=500):
            assert codes(session, scene) == ["APPROVAL_REQUIRED"]
            answer(session, scene, request)
            assert codes(session, scene) == []

    def test_asked_again_while_it_waits_it_is_the_same_question(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer")
        first, _ = scene.ask(session, script_hash=HASH)
        second, _ = scene.ask(session, script_hash=HASH)
        (request,) = ask(session, scene, first)
        assert ask(session, scene, first) == ask(session, scene, second) == [request]

    def test_a_question_asked_late_takes_no_yes_back(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer")
        approved(session, scene)
        session.add(
            ApprovalRequest(
                **session.exec(select(ApprovalRequest))
                .one()
                .model_dump(exclude={"id", "decision_id", "requested_at", "outcome"}),
                decision_id=scene.ask(session, script_hash=HASH)[0].id,
            )
        )
        session.flush()
        assert codes(session, scene) == []


class TestRelease:
    def _release(self, session: Session, permit: Decision) -> Decision:
        return decisions.decide_release(session, permit.id, generators=catalogue.TRAINS_ON_INPUTS)

    def test_a_yes_taken_back_before_it_stops_it(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer")
        request = approved(session, scene)
        permit, _ = scene.ask(session, script_hash=HASH)
        assert self._release(session, permit).outcome == "permit"
        answer(session, scene, request, "rejected")
        refused = self._release(session, permit)
        assert (refused.outcome, refused.codes) == ("deny", ["APPROVAL_REJECTED"])
        answer(session, scene, request)
        assert self._release(session, permit).outcome == "permit"

    def test_needs_the_approval_facts_of_that_moment(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The planted fault: a release that is decided without what humans said."""
        scene = a_scene_with_approvals(session, "performer")
        approved(session, scene)
        permit, _ = scene.ask(session, script_hash=HASH)
        monkeypatch.setattr("app.licensing.decisions.gather.approvals_on_record", lambda *_: ())
        assert self._release(session, permit).outcome == "needs-approval"


class TestScript:
    def test_another_script_needs_another_yes(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer")
        approved(session, scene)
        assert codes(session, scene, script_hash=OTHER) == ["APPROVAL_STALE_SCRIPT"]

    def test_approving_a_second_scene_leaves_the_first_approved(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer")
        approved(session, scene)
        approved(session, scene, script_hash=OTHER)
        assert codes(session, scene) == codes(session, scene, script_hash=OTHER) == []

    def test_a_change_says_first_which_approvals_it_voids(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer")
        request = approved(session, scene)
        change = {"project": "NIGHTGLASS", "old_hash": HASH, "new_hash": OTHER}
        me = scene.production.organization.id
        before = session.exec(select(ApprovalRequest)).all()
        voided, more = voided_by_script_change(session, me, **change)  # type: ignore[arg-type]
        assert [each.request.id for each in voided] == [request.id]
        assert more is None
        assert session.exec(select(ApprovalRequest)).all() == before
        assert codes(session, scene) == []
        same, _ = voided_by_script_change(
            session, me, project="NIGHTGLASS", old_hash=HASH, new_hash=HASH
        )
        assert same == []
        elsewhere, _ = voided_by_script_change(
            session, me, project="OTHER", old_hash=HASH, new_hash=OTHER
        )
        assert elsewhere == []
        approved(session, scene, script_hash=OTHER)  # read and approved too: nothing is voided
        assert voided_by_script_change(session, me, **change)[0] == []  # type: ignore[arg-type]

    def test_the_text_shown_is_the_text_that_was_hashed(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer")
        decision, _ = scene.ask(session, script_hash=HASH)
        me = scene.production.organization.id
        with pytest.raises(ScriptDiffers):
            approvals.request_approvals(session, me, decision.id, script="I drop the light.")
        (request,) = approvals.request_approvals(session, me, decision.id, script=SCRIPT)
        assert request.script == SCRIPT


class TestContent:
    def test_a_tag_the_contract_reserves_is_asked_by_name(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, content=("stunts", "crying"))
        decision, _ = scene.ask(session, tags=("stunts",))
        assert decision.codes == ["CONTENT_NEEDS_APPROVAL"]
        (request,) = ask(session, scene, decision)
        assert (request.kind, request.content_tags) == ("content", ["stunts"])
        answer(session, scene, request)
        assert scene.ask(session, tags=("stunts",))[0].outcome == "permit"
        assert scene.ask(session, tags=("crying",))[0].codes == ["CONTENT_NEEDS_APPROVAL"]

    def test_no_yes_lifts_a_prohibition(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, content=("stunts",))
        decision, _ = scene.ask(session, tags=("stunts", "nudity"))
        assert decision.outcome == "deny"
        assert approvals.what_to_ask(session, decision) == []
        with pytest.raises(NothingToAsk):
            ask(session, scene, decision)


class TestAuthority:
    @pytest.mark.parametrize(
        ("who", "role"),
        [("agency", "performer"), ("desk", "agent"), ("desk", "director"), ("desk", "union")],
    )
    def test_comes_from_what_is_registered(self, session: Session, who: str, role: str) -> None:
        scene = a_scene_with_approvals(session, "performer", "agent", "union")
        decision, _ = scene.ask(session, script_hash=HASH)
        (request,) = ask(session, scene, decision)
        with pytest.raises(AnswerRefused):
            answer(session, scene, request, who=who, role=role)
        assert session.exec(select(ApprovalAnswer)).all() == []

    def test_who_asks_cannot_answer(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer")
        decision, _ = scene.ask(session, script_hash=HASH)
        (request,) = ask(session, scene, decision)
        with pytest.raises(AnswerRefused):
            answer(session, scene, request, who="production")

    def test_lost_since_the_answer_no_longer_counts(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "agent")
        decision, _ = scene.ask(session, script_hash=HASH)
        (request,) = ask(session, scene, decision)
        answer(session, scene, request, who="agency", role="agent")
        assert codes(session, scene) == []
        represent(session, scene, None)
        assert codes(session, scene) == ["APPROVER_NOT_AUTHORISED"]

    def test_a_row_written_behind_our_back_is_no_yes(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer")
        decision, _ = scene.ask(session, script_hash=HASH)
        (request,) = ask(session, scene, decision)
        thief = principal(session, scene, "production")
        session.add(
            ApprovalAnswer(
                request_id=request.id,
                role="performer",
                organization_id=thief.organization_id,
                api_key_id=thief.api_key_id,
                status="approved",
            )
        )
        session.flush()
        assert codes(session, scene) == ["APPROVER_NOT_AUTHORISED"]

    def test_a_yes_lapses_in_the_future_and_a_no_never(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer")
        decision, _ = scene.ask(session, script_hash=HASH)
        (request,) = ask(session, scene, decision)
        with pytest.raises(AnswerRefused):
            answer(session, scene, request, expires_at=clock.now())
        later_on = clock.now() + timedelta(days=1)
        with pytest.raises(AnswerRefused):
            answer(session, scene, request, "rejected", expires_at=later_on)


class TestWhoSees:
    def test_parties_see_their_contracts_and_nobody_elses(self, session: Session) -> None:
        scene, other = (a_scene_with_approvals(session, "performer") for _ in range(2))
        decision, _ = scene.ask(session, script_hash=HASH)
        (request,) = ask(session, scene, decision)
        for who in ("desk", "agency", "production"):
            (seen,) = approvals_of(session, getattr(scene, who).organization.id, state="waiting")
            assert seen.request.id == request.id
            roles = seen.open_to(getattr(scene, who).organization.id, clock.now())
            assert roles == (["performer"] if who == "desk" else [])
            assert approvals_of(session, getattr(other, who).organization.id) == []
        with pytest.raises(ApprovalNotFound):
            answer(session, other, request)
        with pytest.raises(DecisionNotFound):
            ask(session, other, decision)

    @pytest.mark.parametrize(
        "state", ["waiting", "approved", "rejected", "timed-out", "expired", None]
    )
    def test_the_list_and_the_word_agree(
        self, session: Session, monkeypatch: pytest.MonkeyPatch, state: str | None
    ) -> None:
        scene = a_scene_with_approvals(session, "performer")
        for number, status in enumerate(("", "", "approved", "approved", "rejected")):
            decision, _ = scene.ask(session, script_hash=f"{number}")
            (request,) = ask(session, scene, decision)
            if status:
                ends = clock.now() + timedelta(hours=1) if number == 3 else None
                answer(session, scene, request, status, expires_at=ends)
            elif number == 0:
                request.answer_due_at = clock.now() + timedelta(hours=1)
                session.add(request)
        session.flush()
        with later(monkeypatch, hours=2):
            me = scene.desk.organization.id
            found = approvals_of(session, me, state=state)
            assert len(found) == (5 if state is None else 1)
            assert state is None or found[0].state(clock.now()) == state
            first = approvals_of(session, me, state=state, limit=1)
            rest = approvals_of(session, me, state=state, before=first[-1].request.id)
            assert [each.request.id for each in (*first, *rest)] == [
                each.request.id for each in found
            ]


class TestOneQuery:
    def test_contracts_that_ask_nobody_cost_none(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[object] = []
        real = approvals_on_record.approvals_on_record
        monkeypatch.setattr(
            "app.licensing.decisions.gather.approvals_on_record",
            lambda session, ids, use: asked.append(ids) or real(session, ids, use),
        )
        a_scene(session).ask(session)
        assert asked == [[]]

    def test_ids_are_those_of_the_requests_contract(self, session: Session) -> None:
        scene = a_scene_with_approvals(session, "performer")
        approved(session, scene)
        use = decisions.use_of(session.exec(select(Decision).order_by(col(Decision.id))).all()[0])
        (fact,) = approvals_on_record.approvals_on_record(session, [scene.contract.id], use)
        assert (fact.role, fact.status, fact.authority_verified) == ("performer", "approved", True)
        assert approvals_on_record.approvals_on_record(session, ["con_OTHER"], use) == ()
