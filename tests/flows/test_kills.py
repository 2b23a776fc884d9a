"""A worker that dies at any commit loses nothing, repeats nothing, and charges once."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from app import db, installation, publication
from app.gateway import pipeline
from app.gateway.models import STATES, Generation
from app.ledger.check import check
from app.ledger.models import JournalEntry
from app.registry.service import Portrait
from tests.flows import instant
from tests.flows.durable import contents
from tests.scenes import Scene, a_scene

Start = Callable[..., subprocess.Popen[bytes]]
pytestmark = pytest.mark.xdist_group("flows")
# The longest story there is: somebody of the performer's side looks before the release.
TO_BE_SEEN = {"prohibited": ["nudity"], "approval": [], "blocked_brand_categories": []}


def _a_permitted_generation(seen: Portrait) -> tuple[Scene, str]:
    installation.prepare()
    with db.writing() as session:
        scene = a_scene(session, seen=seen, generator=instant.MODEL, content=TO_BE_SEEN)
        _, generation = scene.ask(
            session, generator=instant.MODEL, length_s=instant.LENGTH_S, size=instant.SIZE
        )
    assert generation is not None
    return scene, generation.id


def _run(start: Start, *words: str) -> int:
    process = start("tests.flows.dying_worker", *words)
    try:
        said, _ = process.communicate(timeout=200)
    finally:
        process.kill()
    assert process.returncode in {0, -signal.SIGKILL}, said.decode()[-3000:]
    return process.returncode


def _notes(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _durable() -> dict[str, Any]:
    db.engine().dispose()
    with db.reading() as session:
        return contents(session)


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestDyingAtEveryCommit:
    def test_each_commit_is_durable_needed_and_enough_to_go_on_from(
        self,
        data_dir: Path,
        tmp_path: Path,
        seen: Portrait,
        instant_generator: instant.InstantGenerator,
        start: Start,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("NOTES", str(tmp_path / "undisturbed"))
        _a_permitted_generation(seen)
        assert _run(start) == 0
        # A commit that changes nothing is none; with any other taken out, the comparison of what
        # was promised and what is durable, below, would fail: what others see before it differs.
        undisturbed = [
            note for note in _notes(tmp_path / "undisturbed") if note["without"] != note["promised"]
        ]
        stages = {stage.__name__ for stage in pipeline.STAGES}
        assert {note["stage"] for note in undisturbed} == {*stages, "somebody_answers"}
        # Every step of the story is a commit of its own, and every opening of the vault is kept.
        states = [note["promised"]["states"][0][1] for note in undisturbed]
        assert list(dict.fromkeys(states)) == list(STATES[1 : STATES.index("released") + 1])
        assert undisturbed[-1]["promised"]["counts"]["vault_opening"] == 2

        _, generation_id = _a_permitted_generation(seen)
        for number, note in enumerate(undisturbed):
            monkeypatch.setenv("NOTES", str(tmp_path / str(number)))
            died = _run(start, note["stage"], str(note["commit"]))
            assert died == -signal.SIGKILL
            promised = _notes(tmp_path / str(number))[-1]["promised"]
            assert _durable() == promised, f"{note['stage']}, commit {note['commit']}"
        monkeypatch.setenv("NOTES", str(tmp_path / "last"))
        assert _run(start) == 0

        with db.reading() as session:
            generation = session.get_one(Generation, generation_id)
            assert generation.state == "released", generation.reason
            entries = session.exec(
                select(JournalEntry).where(JournalEntry.generation_id == generation_id)
            ).all()
            assert len(entries) == 1
            assert check(session).ok
        assert publication.check_log().holds


@pytest.mark.timeout(600)
class TestKillInTheMiddleOfTheRender:
    def test_a_restart_finishes_the_same_generation_with_one_entry(
        self, data_dir: Path, seen: Portrait, start: Start, tmp_path: Path
    ) -> None:
        installation.prepare()
        with db.writing() as session:
            scene = a_scene(session, seen=seen)
            _, generation = scene.ask(session, length_s="3")
        assert generation is not None
        worker = start("app.cli", "worker")
        render = data_dir / "renders" / generation.id
        _until((render / "progress").exists, 60)
        _until(lambda: _state(generation.id) == "rendering", 20)  # the worker heard of it too
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        with db.reading() as session:
            assert session.get_one(Generation, generation.id).state == "rendering"
        _until(lambda: not _is_running(render), 20)
        work = data_dir / "work" / "worker-1"
        left = [path for path in work.rglob("*") if path.is_file()]
        again = start("app.cli", "worker")
        try:
            _until(lambda: _state(generation.id) in {"released", "failed", "quarantined"}, 150)
            _until(lambda: not any(path.exists() for path in left), 20)
        finally:
            again.kill()
            again.wait()
        with db.reading() as session:
            assert session.get_one(Generation, generation.id).state == "released"
            entries = session.exec(select(JournalEntry)).all()
        assert [entry.generation_id for entry in entries] == [generation.id]


def _state(generation_id: str) -> str:
    with db.reading() as session:
        return session.get_one(Generation, generation_id).state


def _is_running(folder: Path) -> bool:
    """Whether any process still works in a render's folder."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in (process / "cmdline").read_text():
                return True
        except OSError:
            continue
    return False


def _until(happened: Callable[[], bool], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
