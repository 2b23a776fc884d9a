"""Whole stories in one process, with everything that can go wrong drawn from a seed.

The vendor loses replies, forgets where it is, and counts its jobs; a worker dies before, inside or
after any commit; another one tells the same story meanwhile and the first one wakes up in the
middle of it; the client asks again and again under one key. The clock is virtual: nobody waits.
"""

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from app import clock, commits, db, ids
from app.gateway import claims, inspect, marking, pipeline, workbench
from app.gateway.errors import JobLost, StageOvertaken
from app.gateway.generators import Capability, JobStatus, Phase, RenderJob, catalogue
from app.gateway.models import Generation
from app.identity import service as identity
from app.identity.principal import Principal
from app.ledger.models import Hold, JournalEntry
from app.provenance import service as provenance
from app.provenance.models import SignedManifest
from tests.scenes import Scene

MODEL = "vendor/still-1"
SIZE, LENGTH_S = (640, 360), "2"
LIVES = 60  # a story that needs more has lost its way


class Died(BaseException):
    """The process is killed: nothing after this line of it runs."""


class ReplyLost(ConnectionError):
    """The vendor may have heard; nobody knows."""


class Vendor:
    """Renders for nothing and at once; one job for each key it is given, as it promises."""

    name = "vendor"

    def __init__(self, fates: "Fates") -> None:
        self.fates, self.jobs = fates, Counter[str]()
        self.keeps_keys = True  # the planted fault: False buys once more each time

    def capabilities(self) -> tuple[Capability, ...]:
        return (Capability(MODEL, "video", (1, 10), frozenset({SIZE}), (1, 4), 200, True, False),)

    def submit(self, job: RenderJob) -> str:
        self.fates.may_lose("the request")
        if not (self.keeps_keys and self.jobs[job.generation_id]):
            self.jobs[job.generation_id] += 1
        self.fates.may_lose("the reference")
        return job.generation_id

    def poll(self, reference: str) -> JobStatus:
        self.fates.may_lose("the state")
        phases = [Phase.SUCCEEDED] * 6 + [Phase.RUNNING] * 3 + [Phase.UNKNOWN]
        return JobStatus(reference, self.fates.random.choice(phases), detail="it is being asked")

    def fetch(self, reference: str, to: Path) -> None:
        self.fates.may_lose("the result")
        to.write_bytes(f"the film of {reference}".encode())

    def forget(self, reference: str) -> bool:
        return True

    def cancel(self, reference: str) -> JobStatus:
        return JobStatus(reference, Phase.CANCELLED)


class Fates:
    """Decides, from its seed alone, what goes wrong next; `calm` while nothing may."""

    def __init__(self) -> None:
        self.random, self.calm, self.depth = random.Random(), True, 0
        self.now = clock.now()
        self.met: Counter[str] = Counter()
        self.other_worker = lambda: None

    def begin(self, seed: int) -> None:
        self.random = random.Random(seed)

    def strikes(self, what: str, chance: float) -> bool:
        struck = not self.calm and self.random.random() < chance
        self.met[what] += struck
        return struck

    def may_lose(self, what: str) -> None:
        if self.strikes(f"lost {what}", 0.06):
            raise ReplyLost(what)

    def may_die(self, where: str) -> None:
        if self.strikes(f"died {where}", 0.04):
            raise Died(where)

    def may_be_overtaken(self) -> None:
        """Stand still at the worst moment, while another worker tells the story to its end."""
        if self.depth == 0 and self.strikes("overtaken", 0.05):
            self.depth, told = 1, self.other_worker
            try:
                told()
            finally:
                self.depth = 0


def install(monkeypatch: pytest.MonkeyPatch, fates: Fates) -> Vendor:
    """Put the fates between this process's stages and its database, vendor and clock."""
    vendor = Vendor(fates)
    monkeypatch.setattr(catalogue, "offered", lambda: (vendor,))
    monkeypatch.setattr(catalogue, "TRAINS_ON_INPUTS", {MODEL: False})
    _make_time_virtual(monkeypatch, fates)
    _make_media_free(monkeypatch)
    sa.event.listen(db.engine(), "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
    plain = db.writing

    @contextmanager
    def writing() -> Iterator[Session]:
        fates.may_die("before a commit")
        fates.may_be_overtaken()
        with plain() as session:
            yield session
            session.flush()
            fates.may_die("inside a commit")
        fates.may_die("after a commit")

    def run(_: commits.CommitQueue, unit: commits.Unit[Any]) -> Any:
        with writing() as session:
            return unit(session)

    monkeypatch.setattr(db, "writing", writing)
    monkeypatch.setattr(commits.CommitQueue, "run", run)
    return vendor


def ask(session_scene: Scene, key: str, principal: Principal) -> str:
    """Ask for one generation as a client does: under one key, until there is an answer."""

    def act(session: Session) -> tuple[int, str]:
        decision, generation = session_scene.ask(
            session, generator=MODEL, length_s=LENGTH_S, size=SIZE
        )
        assert generation is not None, decision.codes
        return 201, generation.id

    def unit(session: Session) -> str:
        digest = sha256(b"the same request").hexdigest()
        answered = identity.answer_once(
            session.connection(), principal, key, digest, lambda: act(session)
        )
        return answered[1]

    for _ in range(LIVES):
        try:
            return commits.queue().run(unit)
        except Died:
            continue  # no answer came: the client asks again
    raise AssertionError("nobody ever answered")


def tell(generation_id: str, fates: Fates) -> None:
    """Tell a story as workers do: a killed one is followed by another, from the last note on."""
    stage, lives = 0, 0
    while stage < len(pipeline.STAGES):
        lives += 1
        assert lives < LIVES, f"{generation_id} does not come to its end"
        try:
            go_on = pipeline.STAGES[stage](generation_id)
            fates.may_die("before its note")
        except (Died, ReplyLost, JobLost, StageOvertaken):
            shutil.rmtree(workbench.work_dir(), ignore_errors=True)
            continue
        if not go_on:
            return
        stage += 1


def what_is_wrong(generation_id: str, vendor: Vendor) -> list[str]:
    """Say how this intent did not come to exactly one job, one charge and one output."""
    with db.reading() as session:
        generation = session.get_one(Generation, generation_id)
        charges = _of(session, JournalEntry, generation_id)
        outputs = _of(session, SignedManifest, generation_id)
        holds = [hold.state for hold in _of(session, Hold, generation_id)]
    found = {
        "state": (generation.state, "released"),
        "jobs": (vendor.jobs[generation_id], 1),
        "charges": (len(charges), 1),
        "outputs": ([each.file_sha256 for each in outputs], [generation.output_sha256]),
        "holds": (holds, ["captured"]),
    }
    return [f"{what}: {is_} and not {want}" for what, (is_, want) in found.items() if is_ != want]


def _of(session: Session, kind: Any, generation_id: str) -> list[Any]:
    return list(session.exec(select(kind).where(kind.generation_id == generation_id)))


def _make_time_virtual(monkeypatch: pytest.MonkeyPatch, fates: Fates) -> None:
    def now() -> datetime:
        fates.now += timedelta(milliseconds=1)
        return fates.now

    def sleep(seconds: float) -> None:
        fates.now += timedelta(seconds=seconds)

    monkeypatch.setattr(clock, "now", now)
    waits = SimpleNamespace(monotonic=lambda: now().timestamp(), sleep=sleep)
    monkeypatch.setattr(workbench, "time", waits)


def _make_media_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what films cost: looking, marking and signing, which differ at each attempt."""
    monkeypatch.setattr(inspect, "look", lambda *_, **__: (inspect.OutputFacts(), []))
    monkeypatch.setattr(inspect, "check_output", lambda *_, **__: [])
    monkeypatch.setattr(inspect, "check_voice", lambda *_, **__: [])

    def embed(source: Path, marked: Path, payload: bytes, *_: object, **__: object) -> None:
        marked.write_bytes(source.read_bytes() + payload)

    def sign_output(source: Path, signed: Path, generation_id: str, **_: Any) -> Any:
        salt = ids.new_id("salt").encode()  # as a signature does: never the same bytes twice
        signed.write_bytes(source.read_bytes() + salt)
        digest = sha256(signed.read_bytes()).hexdigest()
        size = signed.stat().st_size
        return SimpleNamespace(
            generation_id=generation_id, file=SimpleNamespace(sha256=digest, size_bytes=size)
        )

    def register(session: Session, output: Any) -> None:
        if provenance.by_generation(session, output.generation_id) is not None:
            raise AssertionError(f"{output.generation_id} has two outputs")
        session.add(
            SignedManifest(
                generation_id=output.generation_id,
                label=f"urn:c2pa:{output.file.sha256}",
                manifest_sha256=output.file.sha256,
                file_sha256=output.file.sha256,
                size_bytes=output.file.size_bytes,
                media_type="video/mp4",
                openings={},
                verified_by=[],
            )
        )

    monkeypatch.setattr(marking, "mark_output", embed)
    monkeypatch.setattr(pipeline, "desk", lambda: None)
    monkeypatch.setattr(claims, "statement", lambda _, generation, *__: generation.id)
    monkeypatch.setattr(provenance, "with_credentials", lambda *_, **__: None)
    monkeypatch.setattr(provenance, "sign_output", sign_output)
    monkeypatch.setattr(provenance, "register", register)
    monkeypatch.setattr(pipeline.publication, "publish_log", lambda: None)
