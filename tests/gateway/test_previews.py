"""Before a release somebody of the performer's side looks, where the contract wants it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from app import clock, db
from app.gateway import handing_out, inspect, pipeline, previews, service
from app.gateway.errors import PreviewAnswered, PreviewNotFound, PreviewRefused, PreviewUnseen
from app.gateway.models import Generation
from app.gateway.models_previews import Preview, PreviewLink
from app.identity import service as identity
from app.identity.principal import Principal
from app.ledger.models import Hold, JournalEntry
from app.licensing.decisions.models import Decision
from app.worker import _end_silent_previews
from tests import scenes
from tests.licensing.approving import principal

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
CONTENT = {
    "prohibited": ["nudity", "smoking"],
    "approval": [],
    "blocked_brand_categories": [],
    "preview_waived": False,
}


@pytest.fixture
def scene(database: str) -> scenes.Scene:
    with db.writing() as session:
        return scenes.a_scene(session, quota={"max_seconds": 1000}, content=CONTENT)


def _signed(scene: scenes.Scene, **facts: Any) -> str:
    """Have a generation permitted, and standing where it is marked and signed."""
    with db.writing() as session:
        decision, generation = scene.ask(session)
        assert generation is not None, decision.codes
        generation.state, generation.output_sha256 = "signed", "0" * 64
        generation.output_key = "generations/none"
        for name, value in facts.items():
            setattr(generation, name, value)
    return generation.id


def _asked(scene: scenes.Scene) -> tuple[str, str]:
    """Have a preview asked for; return its generation's id and its own."""
    generation_id = _signed(scene)
    assert pipeline.preview(generation_id) is False
    with db.reading() as session:
        preview = session.exec(select(Preview).where(Preview.generation_id == generation_id)).one()
    return generation_id, preview.id


def open_preview(session: Session, who: Principal, preview_id: str) -> None:
    previews.note_opened(session, previews.issue_link(session, who, preview_id).id)


def _answer(scene: scenes.Scene, preview_id: str, **answer: Any) -> None:
    with db.writing() as session:
        who = principal(session, scene, "desk")
        open_preview(session, who, preview_id)
        previews.answer_preview(
            session, who, preview_id, role="performer", **{"let_go": True, **answer}
        )


def _ended(generation_id: str) -> tuple[str, list[str]]:
    with db.reading() as session:
        holds = session.exec(select(Hold).where(Hold.generation_id == generation_id)).all()
        return session.get_one(Generation, generation_id).state, [hold.state for hold in holds]


@contextmanager
def _later(monkeypatch: pytest.MonkeyPatch, span: timedelta) -> Iterator[None]:
    now = clock.now
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: now() + span)
        yield


class TestPreview:
    def test_let_go_is_released_and_paid(self, scene: scenes.Scene) -> None:
        generation_id, preview_id = _asked(scene)
        assert _ended(generation_id) == ("awaiting-preview", ["placed"])
        assert pipeline.release(generation_id) is False  # and it waits: nothing is released
        _answer(scene, preview_id)
        assert _ended(generation_id) == ("previewed", ["placed"])
        assert pipeline.preview(generation_id) is True
        pipeline.release(generation_id)
        assert _ended(generation_id) == ("released", ["captured"])

    def test_refused_ends_it_with_the_reason_and_costs_nothing(self, scene: scenes.Scene) -> None:
        generation_id, preview_id = _asked(scene)
        _answer(scene, preview_id, let_go=False, reason="The hand looks wrong.")
        assert _ended(generation_id) == ("refused", ["voided"])
        with db.reading() as session:
            generation = session.get_one(Generation, generation_id)
            assert generation.reason.endswith("The hand looks wrong.")
            assert session.exec(select(JournalEntry)).all() == []
        pipeline.release(generation_id)
        assert _ended(generation_id) == ("refused", ["voided"])

    def test_nobody_lets_go_what_they_have_not_opened(self, scene: scenes.Scene) -> None:
        generation_id, preview_id = _asked(scene)
        with db.writing() as session:
            who = principal(session, scene, "desk")
            previews.issue_link(session, who, preview_id)  # a link is not a look
            with pytest.raises(PreviewUnseen, match="open the file itself"):
                previews.answer_preview(session, who, preview_id, role="performer", let_go=True)
        assert _ended(generation_id)[0] == "awaiting-preview"

    def test_who_has_not_opened_it_may_say_no(self, scene: scenes.Scene) -> None:
        generation_id, preview_id = _asked(scene)
        with db.writing() as session:
            who = principal(session, scene, "desk")
            previews.answer_preview(session, who, preview_id, role="performer", let_go=False)
        assert _ended(generation_id) == ("refused", ["voided"])

    def test_one_does_not_look_for_another(self, scene: scenes.Scene) -> None:
        with db.writing() as session:
            scenes.represent(session, scene, scene.agency.organization)
        _, preview_id = _asked(scene)
        with db.writing() as session:
            desk, agency = (principal(session, scene, who) for who in ("desk", "agency"))
            open_preview(session, agency, preview_id)
            with pytest.raises(PreviewUnseen):
                previews.answer_preview(session, desk, preview_id, role="performer", let_go=True)
            for role in ("performer", "agent"):  # this contract does not ask the agent
                with pytest.raises(PreviewRefused):
                    previews.answer_preview(session, agency, preview_id, role=role, let_go=True)

    def test_silence_refuses_and_costs_nothing(
        self, scene: scenes.Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        generation_id, preview_id = _asked(scene)
        with _later(monkeypatch, timedelta(hours=47)):
            _end_silent_previews()
            assert _ended(generation_id) == ("awaiting-preview", ["placed"])
        with _later(monkeypatch, timedelta(hours=48)):
            with pytest.raises(PreviewAnswered):
                _answer(scene, preview_id)
            _end_silent_previews()
            assert _ended(generation_id) == ("refused", ["voided"])
        with db.reading() as session:
            assert session.get_one(Generation, generation_id).reason == previews.SILENCE

    def test_the_hold_outlives_the_last_moment_to_answer(
        self, scene: scenes.Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def patient(document: dict[str, Any]) -> None:
            document["approvals"]["sla_hours"] = 24 * 14
            document["grant"]["content"] = CONTENT

        with db.writing() as session:
            scene = scenes.offered(session, scenes.a_scene(session, signed=False), patient)
            scenes.sign(session, scene)
        generation_id, preview_id = _asked(scene)
        with _later(monkeypatch, timedelta(days=13, hours=23, minutes=59)):
            _answer(scene, preview_id)
        with _later(monkeypatch, timedelta(days=14, minutes=30)):
            pipeline.release(generation_id)
        assert _ended(generation_id) == ("released", ["captured"])

    @ONE_DATABASE
    def test_a_withdrawal_while_it_waits_wins(self, scene: scenes.Scene) -> None:
        from app.licensing.contracts import service as licensing

        generation_id, preview_id = _asked(scene)
        with db.writing() as session:
            contract = session.get_one(type(scene.contract), scene.contract.id)
            licensing.withdraw_contract(session, contract, scene.desk.organization.id)
        _answer(scene, preview_id)
        pipeline.release(generation_id)
        assert _ended(generation_id) == ("refused", ["voided"])

    @ONE_DATABASE
    def test_waived_or_with_nothing_prohibited_is_not_asked_for(self, database: str) -> None:
        for content in (CONTENT | {"preview_waived": True}, CONTENT | {"prohibited": []}):
            with db.writing() as session:
                scene = scenes.a_scene(session, content=content)
            generation_id = _signed(scene)
            assert pipeline.preview(generation_id) is True
            pipeline.release(generation_id)
            assert _ended(generation_id) == ("released", ["captured"])

    @ONE_DATABASE
    def test_left_out_of_the_story_nothing_is_released(self, scene: scenes.Scene) -> None:
        """The planted fault: a pipeline that forgot the stage."""
        generation_id = _signed(scene)
        pipeline.release(generation_id)
        assert _ended(generation_id) == ("refused", ["voided"])

    @ONE_DATABASE
    def test_what_waits_is_taken_up_again_once_it_is_answered(self, scene: scenes.Scene) -> None:
        generation_id, preview_id = _asked(scene)
        with db.reading() as session:
            assert service.waiting(session) == []
        _answer(scene, preview_id)
        with db.reading() as session:
            assert service.waiting(session) == [(generation_id, "previewed")]

    @ONE_DATABASE
    def test_is_answered_once(self, scene: scenes.Scene) -> None:
        _, preview_id = _asked(scene)
        _answer(scene, preview_id)
        with pytest.raises(PreviewAnswered):
            _answer(scene, preview_id, let_go=False)

    @ONE_DATABASE
    def test_is_nobody_elses_and_not_the_productions(self, scene: scenes.Scene) -> None:
        _, preview_id = _asked(scene)
        with db.writing() as session:
            stranger = identity.create_organization(session, "Strangers", "performer")
            for organization in (stranger, scene.production.organization):
                assert previews.previews_of(session, organization.id) == []
                with pytest.raises(PreviewNotFound):
                    previews.preview_of(session, organization.id, preview_id)
            (mine,) = previews.previews_of(session, scene.desk.organization.id, waiting=True)
            assert (mine.preview.id, mine.prohibited) == (preview_id, ["nudity", "smoking"])
            assert session.exec(select(PreviewLink)).all() == []


class TestContentFoundAfterThePermit:
    def _release_codes(self, generation_id: str) -> list[str]:
        with db.reading() as session:
            released = select(Decision).where(
                Decision.generation_id == generation_id, Decision.phase == "release_output"
            )
            return session.exec(released).one().codes

    def test_by_the_human_who_looked_stops_the_release(self, scene: scenes.Scene) -> None:
        generation_id, preview_id = _asked(scene)
        _answer(scene, preview_id, content_tags=["Smoking"])
        pipeline.release(generation_id)
        assert self._release_codes(generation_id) == ["CONTENT_PROHIBITED"]
        assert _ended(generation_id) == ("refused", ["voided"])

    def test_by_inspection_stops_the_release(self, database: str) -> None:
        content = CONTENT | {"prohibited": [inspect.OTHER_PEOPLE], "preview_waived": True}
        with db.writing() as session:
            scene = scenes.a_scene(session, content=content)
        generation_id = _signed(scene, found_tags=[inspect.OTHER_PEOPLE])
        assert pipeline.preview(generation_id) is True
        pipeline.release(generation_id)
        assert self._release_codes(generation_id) == ["CONTENT_PROHIBITED"]
        assert _ended(generation_id) == ("refused", ["voided"])

    @ONE_DATABASE
    def test_that_nothing_forbids_is_kept_and_released(self, scene: scenes.Scene) -> None:
        generation_id, preview_id = _asked(scene)
        _answer(scene, preview_id, content_tags=["rain"])
        pipeline.release(generation_id)
        assert _ended(generation_id) == ("released", ["captured"])
        with db.reading() as session:
            generation = session.get_one(Generation, generation_id)
            assert generation.found_tags == ["rain"]
            handing_out.check_handing_out(session, generation)


class TestWhatInspectionFinds:
    @staticmethod
    def _facts(*at_s: float) -> inspect.OutputFacts:
        faces = [inspect.SampledFace(at_s=at, box=(0, 0, 9, 9), distance=0.1) for at in at_s]
        return inspect.OutputFacts(frame_count=50, faces=faces)

    def test_more_faces_in_one_frame_than_performers_are_other_people(self) -> None:
        assert inspect.content_tags(self._facts(0.0, 1.0, 2.0), people=1) == []
        assert inspect.content_tags(self._facts(0.0, 1.0, 1.0), people=1) == ["other_people"]
        assert inspect.content_tags(self._facts(1.0, 1.0), people=2) == []
        assert inspect.content_tags(self._facts(), people=1) == []
