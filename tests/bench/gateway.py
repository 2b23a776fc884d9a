"""What the gateway adds to a generation, how many a minute workers finish, how long a script takes.

The generator costs nothing: a still is the portrait itself. On SQLite one worker, on PostgreSQL
(one of its own, unless the settings name one) one and two.
"""

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlmodel import col, func, select
from starlette.testclient import TestClient

from app import db, installation, jobs
from app.gateway import pipeline
from app.gateway.api_batches import LINES_MOST
from app.gateway.models import FINAL, Generation
from app.main import create_app
from app.registry import service as registry
from tests import scenes
from tests.bench.databases import a_postgresql, forget_settings
from tests.flows import instant

ELSEWHERE = ("mark", "sign")  # beside the render, which is free: these have their own figures
PATIENCE_S = 900.0


def measure(*, alone: int, queued: int, lines: int = LINES_MOST) -> dict[str, Any]:
    """Measure `alone` generations one after the other, and `queued` ones by each set of workers."""
    kept = os.environ.copy()
    with tempfile.TemporaryDirectory() as jobs_dir:
        os.environ |= {"INSTANT_FILM": "", "INSTANT_JOBS": jobs_dir}
        offered = instant.catalogue.offered
        instant.install()
        try:
            if db.engine().dialect.name != "sqlite":
                return {"postgresql": _measure(alone, queued, lines, at_once=(1, 2))}
            found = {"sqlite": _measure(alone, queued, lines, at_once=(1,))}
            with a_postgresql():
                return found | {"postgresql": _measure(alone, queued, lines, at_once=(1, 2))}
        finally:
            instant.catalogue.offered = offered
            os.environ.clear()
            os.environ.update(kept)
            forget_settings()


def measure_script(lines: int = LINES_MOST) -> dict[str, Any]:
    """Measure a script of so many lines alone, to its end, on the database that settings name."""
    installation.prepare()
    began = time.process_time()
    took_s = _script(lines)
    return {
        f"a script of {lines} lines, s": took_s,
        "processor time, s": round(time.process_time() - began, 1),
    }


def _measure(alone: int, queued: int, lines: int, *, at_once: tuple[int, ...]) -> dict[str, Any]:
    installation.prepare()
    seen = registry.inspect_portrait(scenes.PORTRAIT)
    with db.writing() as session:
        scene = instant.a_scene_of_stills(session, seen)
    return {
        "a still, ms, median": _alone(scene, alone),
        "stills a minute": {f"{n} workers": _a_minute(scene, queued, n) for n in at_once},
        f"a script of {lines} lines, s": _script(lines),
    }


def _alone(scene: scenes.Scene, several: int) -> dict[str, float]:
    """Tell one story at a time in this process, its stages noted by DBOS as in a worker."""
    took: dict[str, list[float]] = {}
    ended = threading.Event()

    def timed(stage: Callable[[str], bool]) -> Callable[[str], bool]:
        @functools.wraps(stage)
        def run(generation_id: str) -> bool:
            began = time.perf_counter()
            go_on = stage(generation_id)
            took.setdefault(stage.__name__, []).append(1000 * (time.perf_counter() - began))
            if stage is pipeline.STAGES[-1] or not go_on:
                ended.set()
            return go_on

        return run

    jobs.launch("generation", [timed(stage) for stage in pipeline.STAGES], pipeline.give_up)
    try:
        for number in range(several + 1):
            ended.clear()
            if number == 1:
                took.clear()  # the first pays for what is read once
            began = time.perf_counter()
            with db.writing() as session:
                generation_id = instant.ask_for_still(session, scene)
            asked_at, cpu = time.perf_counter(), time.process_time()
            jobs.start("generation", generation_id)
            assert ended.wait(PATIENCE_S)
            took.setdefault("request", []).append(1000 * (asked_at - began))
            whole = took.setdefault("from the queue to its end", [])
            whole.append(1000 * (time.perf_counter() - asked_at))
            took.setdefault("processor time of the worker itself", []).append(
                1000 * (time.process_time() - cpu)
            )
    finally:
        jobs.stop()
    every = zip(*(took[stage.__name__] for stage in pipeline.STAGES), strict=True)
    names = [stage.__name__ for stage in pipeline.STAGES]
    ours = [
        asked + sum(ms for name, ms in zip(names, each, strict=True) if name not in ELSEWHERE)
        for asked, each in zip(took["request"], every, strict=True)
    ]
    found = {name: round(statistics.median(each), 1) for name, each in took.items()}
    return found | {"gateway, but for render, mark and sign": round(statistics.median(ours), 1)}


def _a_minute(scene: scenes.Scene, queued: int, workers: int) -> float:
    """Let so many real workers finish what is queued; count from the first that ended."""
    with db.writing() as session:
        ids = [instant.ask_for_still(session, scene) for _ in range(queued)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.flows.living_worker"],
            env=os.environ | {"UNDERSTUDY_WORKER_ID": f"bench-{workers}-{number}"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number in range(workers)
    ]
    try:
        before = _ended(ids, 1)
        began = time.perf_counter()
        done = _ended(ids, queued)
        return round(60 * (done - before) / (time.perf_counter() - began), 1)
    finally:
        for process in running:
            process.kill()
            process.wait()


def _ended(ids: list[str], least: int) -> int:
    """Wait until so many have ended; return how many had."""
    deadline = time.monotonic() + PATIENCE_S
    chosen = col(Generation.id).in_(ids), col(Generation.state).in_(FINAL)
    while time.monotonic() < deadline:
        with db.reading() as session:
            ended = session.exec(select(func.count()).select_from(Generation).where(*chosen)).one()
        if ended >= least:
            return ended
        time.sleep(0.05)
    raise TimeoutError(f"not even {least} generations ended")


def _script(lines: int) -> float:
    """Have a script of so many lines decided, held and answered, in one request."""
    with db.writing() as session:
        scene = scenes.a_scene(session, quota={"max_seconds": None})
        key = scenes.an_api_key(session, scene.production.organization)
    body = scene.body(lines=[{"line": f"I hold it, {n}.", "length_s": "5"} for n in range(lines)])
    del body["line"], body["length_s"]
    client = TestClient(create_app())
    began = time.perf_counter()
    answer = client.post(
        "/v1/generations/batches", json=body, headers=key | {"Idempotency-Key": "script"}
    )
    took_s = time.perf_counter() - began
    statuses = {json.loads(each)["status"] for each in answer.text.splitlines()}
    assert (answer.status_code, statuses) == (201, {201}), statuses
    return round(took_s, 2)
