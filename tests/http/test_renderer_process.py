"""A renderer in a process of its own, over HTTP: each way it may go ends right.

One `understudy renderer`, as somebody runs it elsewhere, with a program of theirs: it returns, lies
about the length, returns another person's face, never returns, is late.
"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import uvicorn
from sqlmodel import select

from app import db
from app.gateway import pipeline, unreturned
from app.gateway.models_render_jobs import RenderJobOutside
from app.gateway.reviews import service as reviews
from app.registry import service as registry
from tests.gateway import videos
from tests.http.test_render_jobs import MODEL, a_studio, ended, later
from tests.scenes import PORTRAIT

SIZE = (640, 360)
ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1"}
PROGRAM = """
import json, pathlib, shutil, sys, time
order, here = json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(__file__).parent
assert pathlib.Path(order["references"][0]).read_bytes()[:2] == b"\\xff\\xd8"
word = order["line"].split()[0]
if word == "never":
    sys.exit(1)
while word == "late" and not (here / "go").exists():
    time.sleep(0.05)
shutil.copy(here / f"{word}.mp4", sys.argv[2])
"""


@pytest.fixture
def address(served):
    """Serve the installation on a free port of this machine."""
    options = {"log_level": "critical", "lifespan": "off", "timeout_graceful_shutdown": 1}
    server = uvicorn.Server(uvicorn.Config(served, port=0, **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


def task_of(generation_id: str) -> RenderJobOutside:
    with db.reading() as session:
        wanted = select(RenderJobOutside).where(RenderJobOutside.generation_id == generation_id)
        return session.exec(wanted).one()


def wait_for(state: str, generation_id: str) -> None:
    deadline = time.monotonic() + 200
    while task_of(generation_id).state != state:
        assert time.monotonic() < deadline, (state, task_of(generation_id))
        time.sleep(0.1)


def outcome(generation_id: str) -> tuple[str, str, str, bool]:
    """Go on with a story as a worker does: its state, its hold, why, and if a person looks."""
    if pipeline.render(generation_id):
        pipeline.examine(generation_id)
    with db.reading() as session:
        return *ended(generation_id), reviews.waits(session, generation_id)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_each_way_ends_right(client, address, monkeypatch, tmp_path: Path):
    studio = a_studio(client, monkeypatch, seen=registry.inspect_portrait(PORTRAIT))
    girl, newton = (
        videos.scene(name, size=SIZE) for name in ("girl-with-a-pearl-earring", "isaac-newton")
    )
    for name, frames in (
        ("returns", [girl] * 20),
        ("lies", [girl] * 50),
        ("another", [newton] * 20),
    ):
        (tmp_path / f"{name}.mp4").write_bytes(videos.film(frames))
    (tmp_path / "late.mp4").write_bytes((tmp_path / "returns.mp4").read_bytes())
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "key").write_text(
        studio.keys["production"]["Authorization"].removeprefix("Bearer ")
    )
    ids = {}
    for word in ("returns", "lies", "another", "never", "late"):
        asked = studio.ask(
            generator=MODEL,
            length_s="2",
            width=SIZE[0],
            height=SIZE[1],
            modalities=["face"],
            line=f"{word} they say",
        )
        assert asked.status_code == 201, asked.text
        ids[word] = asked.json()["id"]
        assert pipeline.render(ids[word]) is False
    command = [sys.executable, "-m", "app.cli", "renderer", address, str(tmp_path / "key")]
    theirs = ["--private", "--", sys.executable, str(tmp_path / "program.py")]
    said = tmp_path / "said"
    with (
        said.open("wb") as out,
        subprocess.Popen([*command, *theirs], stdout=out, env=ENVIRONMENT) as renderer,
    ):
        try:
            wait_for("taken", ids["late"])  # after all others, the one that never comes too
            later(task_of(ids["late"]).id)
            (tmp_path / "go").touch()
            deadline = time.monotonic() + 120
            while "answered 409" not in said.read_text():  # what is too late is refused
                assert time.monotonic() < deadline, said.read_text()
                time.sleep(0.1)
        finally:
            renderer.terminate()
    assert outcome(ids["returns"]) == ("inspected", "placed", "", False)
    state, hold, why, _ = outcome(ids["lies"])
    assert (state, hold) == ("quarantined", "voided")
    assert "lasts 5.00 s, and 2.00 s were asked for" in why
    state, hold, _, is_looked_at = outcome(ids["another"])  # released by nobody before that look
    assert (state, hold, is_looked_at) == ("inspected", "placed", True)
    assert task_of(ids["never"]).state == "taken"
    later(task_of(ids["never"]).id)
    for word in ("never", "late"):
        state, hold, why, _ = outcome(ids[word])
        assert (state, hold) == ("failed", "voided"), word
        assert "took it and handed nothing in" in why
    with db.reading() as session:
        assert unreturned.counted(session)[MODEL] == (2, 2)
