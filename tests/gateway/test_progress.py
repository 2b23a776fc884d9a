"""What a generator says of its progress is kept and shown; of whoever says nothing, nothing is."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli, db
from app.gateway import api, api_events, pipeline, progress, workbench
from app.gateway.generators import JobStatus, Phase
from app.gateway.generators.wire import share
from app.gateway.models import Generation
from app.identity import service as identity
from app.identity.principal import Principal
from tests import scenes

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def _rendering(session) -> tuple[scenes.Scene, Generation]:
    scene = scenes.a_scene(session)
    _, generation = scene.ask(session)
    assert generation is not None
    generation.state = "rendering"
    return scene, generation


class TestKeep:
    def test_stands_in_the_answer_the_stream_and_the_operators_list(self, database: str) -> None:
        with db.writing() as session:
            scene, generation = _rendering(session)
            house = scene.production.organization
            key, _ = identity.create_api_key(session, house, name="test")
            who = Principal(house.id, house.kind, key.id)
        progress.keep(generation.id, 0.409)
        stands = workbench.load(generation.id)
        assert api._read(stands).progress_percent == 40
        told = api_events._look(who, generation.id)
        assert told is not None
        assert told.progress_percent == 40
        listed = CliRunner().invoke(cli.app, ["generators", "under-way"]).output
        assert f"{generation.id}  local/puppet-1  rendering 40 %  waits for the generator" in listed

    def test_is_of_a_render_under_way_and_says_nothing_where_nothing_was_said(
        self, database: str
    ) -> None:
        with db.writing() as session:
            _, generation = _rendering(session)
        progress.keep(generation.id, None)
        assert progress.in_words(workbench.load(generation.id)) == "rendering"
        progress.keep(generation.id, 1.0)
        with db.writing() as session:
            session.get_one(Generation, generation.id).state = "rendered"
        progress.keep(generation.id, 0.5)  # a worker that lags behind
        stands = workbench.load(generation.id)
        assert (stands.progress_percent, progress.of(stands)) == (100, None)


class TestALocalRender:
    def test_is_told_as_it_goes(
        self, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shares, told = iter([0.1, 0.4, None]), []

        class Slow:
            def poll(self, reference: str) -> JobStatus:
                done = next(shares)
                phase = Phase.SUCCEEDED if done is None else Phase.RUNNING
                return JobStatus(reference, phase, progress=done)

            def fetch(self, reference: str, to: Path) -> None:
                to.write_bytes(b"film")

        monkeypatch.setattr(workbench, "SAY_EVERY_S", 0.0)
        monkeypatch.setattr(workbench, "POLL_S", 0.0)
        monkeypatch.setattr(progress, "keep", lambda _, said: told.append(said))
        assert pipeline._collect(Slow(), "gen_1", "job", tmp_path / "film.mp4") == ""  # type: ignore[arg-type]
        assert told == [0.1, 0.4]


class TestAVendor:
    def test_that_says_something_else_is_taken_to_say_nothing(self, database: str) -> None:
        assert [share(said) for said in (0, 0.5, 1, True, "0.5", None, -1, 40, float("nan"))] == [
            0.0, 0.5, 1.0, None, None, None, None, None, None,
        ]  # fmt: skip
