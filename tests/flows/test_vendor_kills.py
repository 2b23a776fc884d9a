"""A worker killed (SIGKILL) while it buys: the vendor, which counts, bills one job for each intent.

Whatever is killed when: one vendor job, one charge, one output. The vendor is the fake over HTTP,
the worker a real process with the connector, the pipeline, the sandbox and the signature.
"""

import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from sqlmodel import select

from app import config, db, installation
from app.gateway import service
from app.gateway.generators import catalogue
from app.gateway.generators.hedra import CAPABILITY
from app.gateway.models import FINAL, STATES, Generation
from app.ledger.check import check
from app.ledger.models import Hold, JournalEntry
from app.provenance.models import SignedManifest
from app.registry.service import Portrait
from tests import scenes
from tests.gateway.vendors import story
from tests.providers.fakes import core
from tests.providers.fakes import hedra as vendor
from tests.providers.running import Fake, a_fake

Start = Callable[..., subprocess.Popen[bytes]]
RUNS = int(os.environ.get("VENDOR_KILL_RUNS", "20"))
SEED = int(os.environ.get("VENDOR_KILL_SEED", "1"))
LENGTH_S, SIZE, PER_SECOND = 1, (1280, 720), 4
# The vendor has taken the order, and its answer is on the way; or the generation has come so far.
MOMENTS = ("ordered", "held", "rendering", "rendered", "inspected", "marked", "signed")
pytestmark = [
    pytest.mark.xdist_group("flows"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


@pytest.fixture(scope="module")
def large_film(film: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A second of the puppet's film, as large as the vendor makes them, in a few pictures."""
    path = tmp_path_factory.mktemp("large") / "film.mp4"
    with av.open(str(film)) as small, av.open(str(path), "w") as large:
        picture, sound = small.streams.video[0], small.streams.audio[0]
        every = round(float(picture.average_rate or 24) / PER_SECOND)
        copy = large.add_stream("libx264", rate=PER_SECOND)
        copy.width, copy.height, copy.pix_fmt = *SIZE, "yuv420p"
        track, taken = large.add_stream_from_template(sound), 0
        for packet in small.demux(picture, sound):
            if packet.stream is sound:
                if packet.dts is not None and packet.dts * packet.time_base < LENGTH_S:
                    packet.stream = track
                    large.mux(packet)
                continue
            for frame in packet.decode():
                if _index(frame, picture) % every == 0 and taken < LENGTH_S * PER_SECOND:
                    scaled = frame.reformat(width=SIZE[0], height=SIZE[1])
                    scaled.pts, scaled.time_base = taken, Fraction(1, PER_SECOND)
                    taken += 1
                    large.mux(copy.encode(scaled))
        large.mux(copy.encode(None))
    return path.read_bytes()


def _index(frame: Any, picture: Any) -> int:
    return round(float(frame.pts * picture.time_base * picture.average_rate))


class House:
    """An installation with one production, a vendor that counts, and a worker to be killed."""

    def __init__(self, start: Start, fake: Fake, seen: Portrait, directory: Path) -> None:
        self._start, self.fake, self.kills = start, fake, Counter[str]()
        self.worker: subprocess.Popen[bytes] | None = None
        self.ordered = threading.Event()  # the vendor has a paid order, and nobody was answered
        installation.prepare()
        story.configure("hedra", "key")
        with db.writing() as session:
            self.scene = self._scene(session, seen)
            self.materials = story.materials_for(
                session, self.scene, CAPABILITY, directory, length_s=LENGTH_S, size=SIZE
            )

    @staticmethod
    def _scene(session: Any, seen: Portrait) -> scenes.Scene:
        def change(document: dict[str, Any]) -> None:
            document["grant"] |= {"generators": [CAPABILITY.model], "quota": {"max_seconds": 1000}}

        first = scenes.a_scene(session, generator=CAPABILITY.model, seen=seen, signed=False)
        scene = scenes.offered(session, first, change)
        scenes.sign(session, scene)
        return scene

    def ask(self, word: str) -> str:
        self.ordered.clear()
        return story.asked(
            self.scene, CAPABILITY.model, f"{word} I hold the light.", length_s=str(LENGTH_S),
            size=SIZE, materials=self.materials,
        )  # fmt: skip

    def live(self) -> None:
        """Have a worker alive."""
        if self.worker is None:
            self.worker = self._start("tests.flows.buying_worker")

    def kill(self) -> None:
        """Kill it, as the kernel does."""
        assert self.worker is not None
        self.worker.kill()
        said, _ = self.worker.communicate()
        assert self.worker.returncode == -9, said.decode()[-3000:]
        self.worker = None

    def kill_at(self, moment: str, generation_id: str, later_s: float) -> None:
        """Kill it once the story has come so far, and a little later."""
        self.live()
        if moment == "ordered":
            _until(lambda: self.ordered.is_set() or _is_past("submitting", generation_id), 120)
        else:
            _until(lambda: _is_past(moment, generation_id), 120)
            time.sleep(later_s)
        self.kills[f"{moment}: {_state(generation_id)}"] += 1
        self.kill()

    def what_is_wrong(self, generation_id: str, word: str) -> list[str]:
        """Say how this intent did not come to one job, one charge and one output."""
        with db.reading() as session:
            generation = session.get_one(Generation, generation_id)
            charges, outputs, holds = (
                session.exec(select(kind).where(kind.generation_id == generation_id)).all()
                for kind in (JournalEntry, SignedManifest, Hold)
            )
            balanced = check(session).ok
        found = {
            "state": (generation.state, "released"),
            "jobs": (self.fake.paid(word), 1),
            "charges": (len(charges), 1),
            "outputs": ([each.file_sha256 for each in outputs], [generation.output_sha256]),
            "holds": ([each.state for each in holds], ["captured"]),
            "books": (balanced, True),
        }
        return [
            f"{what}: {is_} and not {want} {generation.reason}"
            for what, (is_, want) in found.items()
            if is_ != want
        ]


@pytest.fixture
def house(
    database: str,
    start: Start,
    seen: Portrait,
    large_film: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[House]:
    for name, said in (
        ("UNDERSTUDY_VENDOR_PRICES", f"{CAPABILITY.model}=0.10 USD per film, 2026-11-20, a test"),
        ("UNDERSTUDY_MODELS_THAT_DO_NOT_TRAIN", f"{CAPABILITY.model}=A letter (2026-10-01)"),
    ):
        monkeypatch.setenv(name, said)
    config.settings.cache_clear()
    core.reset()
    monkeypatch.setattr(core, "MP4", large_film)
    monkeypatch.setattr(service, "SEEN_FIRST", {})
    with a_fake() as fake:
        monkeypatch.setenv("FAKE", fake.base)
        from tests.flows import buying_worker

        monkeypatch.setattr(buying_worker, "BASE", fake.base)
        connector = buying_worker.connector()
        monkeypatch.setattr(catalogue, "offered", lambda: (connector,))
        found = House(start, fake, seen, tmp_path)
        plain = vendor.create

        def slow_to_answer(*words: Any, **more: Any) -> Any:
            answer = plain(*words, **more)  # from here on it would be billed
            found.ordered.set()
            time.sleep(0.5)
            return answer

        monkeypatch.setattr(vendor, "create", slow_to_answer)
        yield found
        if found.worker is not None:
            found.kill()


def _play(house: House, seed: int) -> list[str]:
    """Play one intent from its request to its end, with one to three kills; say what is wrong."""
    fates, word = random.Random(seed), f"TAKE{seed}"
    generation_id = house.ask(word)
    moments = sorted(fates.sample(MOMENTS, fates.randint(1, 3)), key=MOMENTS.index)
    for moment in moments:
        house.kill_at(moment, generation_id, fates.uniform(0, 1.0))
    house.live()
    _until(lambda: _state(generation_id) in FINAL, 600)
    return house.what_is_wrong(generation_id, word)


@pytest.mark.exhaustive
@pytest.mark.timeout(2 * 3600)
class TestTwentyRuns:
    def test_each_intent_comes_to_one_job_one_charge_and_one_output(self, house: House) -> None:
        for seed in range(SEED, SEED + RUNS):
            assert _play(house, seed) == [], f"seed {seed}"
            print(f"seed {seed}: {house.kills.total()} kills so far", flush=True)
        print(f"{RUNS} runs from seed {SEED}: {dict(house.kills)}")
        assert sum(each.provider == "hedra" for each in core.JOBS.values()) == RUNS


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestAWorkerKilledWhileItsOrderIsAnswered:
    def test_pays_once_and_releases_once(self, house: House) -> None:
        generation_id = house.ask("ONCE")
        house.kill_at("ordered", generation_id, 0)
        assert (house.fake.paid("ONCE"), _state(generation_id)) == (1, "submitting")
        house.live()
        _until(lambda: _state(generation_id) in FINAL, 240)
        assert house.what_is_wrong(generation_id, "ONCE") == []

    def test_pays_twice_at_a_vendor_that_does_not_keep_its_keys_and_that_is_seen(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Forgetful(dict[str, str]):
            def __contains__(self, key: object) -> bool:
                return False

        monkeypatch.setattr(vendor, "IDEMPOTENCY", Forgetful())  # the planted fault
        generation_id = house.ask("TWICE")
        house.kill_at("ordered", generation_id, 0)
        house.live()
        _until(lambda: _is_past("submitting", generation_id), 120)
        assert any("jobs: 2" in each for each in house.what_is_wrong(generation_id, "TWICE"))


def _state(generation_id: str) -> str:
    with db.reading() as session:
        return session.get_one(Generation, generation_id).state


def _is_past(state: str, generation_id: str) -> bool:
    """Whether a story has come as far as a state; of `submitting`: further."""
    least = STATES.index(state) + (state == "submitting")
    return STATES.index(_state(generation_id)) >= least


def _until(happened: Callable[[], bool], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
