"""The kill switch: after it was thrown nothing is permitted, sent, released or handed out."""

import threading

import pytest
from sqlmodel import Session, select
from typer.testing import CliRunner

from app import db
from app.cli import app
from app.gateway import handing_out, pipeline, service, stops
from app.gateway.errors import OutputNotReleased
from app.gateway.models import Generation
from app.gateway.stops import Stopped, StopRefused
from app.ledger.models import Hold
from app.licensing.decisions.models import Decision
from tests import scenes

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def scene(database: str) -> scenes.Scene:
    with db.writing() as session:
        return scenes.a_scene(session, quota={"max_seconds": 1000})


def _throw(kind: str, subject: str = "") -> str:
    with db.writing() as session:
        return stops.stop(session, kind, subject, reason="a leak is looked into").id


def _asked(scene: scenes.Scene, state: str = "held") -> str:
    with db.writing() as session:
        _, generation = scene.ask(session)
        assert generation is not None
        generation.state, generation.output_sha256 = state, "0" * 64
        generation.output_key = "generations/x/signed.mp4"
    return generation.id


def _ended(generation_id: str) -> tuple[str, str, list[str]]:
    with db.reading() as session:
        holds = session.exec(select(Hold.state).where(Hold.generation_id == generation_id)).all()
        generation = session.get_one(Generation, generation_id)
        return generation.state, generation.reason, list(holds)


def _each(scene: scenes.Scene) -> tuple[tuple[str, str], ...]:
    return ("installation", ""), ("vendor", "local"), ("performer", scene.performer.id)


@ONE_DATABASE
class TestStop:
    def test_refuses_new_work_before_anything_is_kept_until_it_is_lifted(self, scene) -> None:
        for kind, subject in _each(scene):
            stop_id = _throw(kind, subject)
            with pytest.raises(Stopped, match="a leak is looked into"), db.writing() as session:
                scene.ask(session)
            with db.reading() as session:
                assert session.exec(select(Decision)).all() == []
                assert session.exec(select(Hold)).all() == []
            with db.writing() as session:
                stops.lift(session, stop_id)
        assert _ended(_asked(scene))[0] == "held"

    def test_sends_nothing_releases_nothing_and_hands_nothing_out(self, scene) -> None:
        for kind, subject in _each(scene):
            waiting, finished, released = (
                _asked(scene, state) for state in ("held", "signed", "released")
            )
            stop_id = _throw(kind, subject)
            assert pipeline.render(waiting) is False
            pipeline.release(finished)
            for generation_id in (waiting, finished):
                state, reason, holds = _ended(generation_id)
                assert (state, holds) == ("refused", ["voided"])
                assert "a leak is looked into" in reason
            with db.reading() as session, pytest.raises(OutputNotReleased, match="leak"):
                handing_out.check_handing_out(session, session.get_one(Generation, released))
            with db.writing() as session:
                stops.lift(session, stop_id)
            with db.reading() as session:
                handing_out.check_handing_out(session, session.get_one(Generation, released))

    def test_of_another_vendor_or_performer_stops_nothing_here(self, scene) -> None:
        with db.writing() as session:
            other = scenes.a_scene(session)
        for kind, subject in (("vendor", "google"), ("performer", other.performer.id)):
            _throw(kind, subject)
        generation_id = _asked(scene, "signed")
        pipeline.release(generation_id)
        assert _ended(generation_id)[0] == "released"

    def test_tells_a_stranger_no_more_than_that_there_is_no_contract(self, scene) -> None:
        with db.writing() as session:
            stranger = scenes.a_scene(session)
        _throw("performer", scene.performer.id)
        with db.writing() as session:
            decision, generation = scenes.replace(scene, production=stranger.production).ask(
                session
            )
        assert generation is None
        assert "CONTRACT_NOT_FOUND" in decision.shown_codes

    def test_wants_something_to_stop_and_a_reason(self, session: Session) -> None:
        for kind, subject, reason in (
            ("installation", "local", "why"),
            ("vendor", " ", "why"),
            ("vendor", "gogle", "why"),
            ("performer", "per_nobody", "why"),
            ("planet", "earth", "why"),
            ("installation", "", " "),
        ):
            with pytest.raises(StopRefused):
                stops.stop(session, kind, subject, reason=reason)

    def test_is_thrown_listed_and_lifted_at_the_command_line(self, database: str) -> None:
        def said(*words: str) -> str:
            result = CliRunner().invoke(app, ["stop", *words], catch_exceptions=False)
            assert result.exit_code == 0, result.output
            return result.output

        stop_id = said("set", "vendor", "local", "--reason", "Terms changed.").split()[0]
        assert said("set", "vendor", "local", "--reason", "Again.").split()[0] == stop_id
        assert f"{stop_id} vendor local since " in said("list")
        assert "lifted at" in said("lift", stop_id)
        assert said("list") == ""
        with pytest.raises(StopRefused):
            said("lift", stop_id)


class TestAReleaseUnderWay:
    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
    @pytest.mark.parametrize("planted", [False, True])
    def test_is_waited_for_so_that_nothing_slips_through(
        self, scene, planted: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Planted fault: a release that takes no lock is released after the switch was thrown."""
        if planted:
            monkeypatch.setattr(stops, "lock_shared", lambda _: None)
        looked, acknowledged = threading.Event(), threading.Event()
        plain = service.what_stops

        def look_and_dawdle(session: Session, generation: Generation) -> str:
            found = plain(session, generation)
            looked.set()
            acknowledged.wait(0.5)
            return found

        monkeypatch.setattr(service, "what_stops", look_and_dawdle)
        generation_id = _asked(scene, "signed")
        thread = threading.Thread(target=pipeline.release, args=[generation_id])
        thread.start()
        assert looked.wait(20)
        _throw("installation")
        at_acknowledgment = _ended(generation_id)[0]
        acknowledged.set()
        thread.join(20)
        assert at_acknowledgment == ("signed" if planted else "released")
        assert _ended(generation_id)[0] == "released"  # planted: after the acknowledgment
