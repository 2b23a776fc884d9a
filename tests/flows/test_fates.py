"""One vendor job, one charge and one output for each intent, whatever goes wrong in between."""

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from sqlmodel import select

from app import db
from app.gateway import pipeline, workbench
from app.gateway.models import Generation
from app.identity import service as identity
from app.identity.principal import Principal
from app.ledger.check import check
from app.ledger.receivables.credit import approve_credit
from tests.flows import fates as playing
from tests.flows.fates import Fates, Vendor
from tests.scenes import Scene, a_scene

SEEDS = int(os.environ.get("FATE_SEEDS", "1000"))
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


class Stage:
    """A production with enough money, and the fates that play with it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fates = Fates()
        self.vendor: Vendor = playing.install(monkeypatch, self.fates)
        with db.writing() as session:
            self.scene: Scene = a_scene(
                session, generator=playing.MODEL, quota={"max_seconds": 10**6}
            )
            production = self.scene.production.organization
            approve_credit(session, production.id, currency="EUR", amount_minor=10**9)
            key, _ = identity.create_api_key(session, production, name="test")
            self.principal = Principal(production.id, production.kind, key.id)

    def play(self, seed: int) -> list[str]:
        """Play one intent from request to release; say what went wrong with it."""
        self.fates.begin(seed)
        self.fates.calm = False
        try:
            answers = {
                playing.ask(self.scene, f"intent {seed}", self.principal)
                for _ in range(self.fates.random.randint(1, 3))
            }
            assert len(answers) == 1, f"one key was answered with {answers}"
            (generation_id,) = answers
            self.fates.other_worker = lambda: playing.tell(generation_id, self.fates)
            for _ in range(self.fates.random.randint(1, 2)):  # a story is queued twice, too
                playing.tell(generation_id, self.fates)
        except Exception as trouble:  # noqa: BLE001 - a planted fault may show itself as any
            return [f"{type(trouble).__name__}: {trouble}"]
        finally:
            self.fates.calm = True
        return playing.what_is_wrong(generation_id, self.vendor)


@pytest.fixture
def stage(database: str, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def _play(stage: Stage, seeds: int) -> None:
    for seed in range(seeds):
        assert stage.play(seed) == [], f"seed {seed}; what it met: {dict(stage.fates.met)}"
    with db.reading() as session:
        assert check(session).ok
        states = Counter(session.exec(select(Generation.state)).all())
    assert states == {"released": seeds}
    assert stage.vendor.jobs.total() == seeds
    print(f"{seeds} seeds met {dict(stage.fates.met)}")


class TestEachIntent:
    def test_comes_to_one_job_one_charge_and_one_output(self, stage: Stage) -> None:
        _play(stage, 8)

    @pytest.mark.exhaustive
    @pytest.mark.timeout(7200)
    def test_comes_to_one_of_each_over_1000_seeds(self, stage: Stage) -> None:
        _play(stage, SEEDS)
        assert all(count > SEEDS / 100 for count in stage.fates.met.values())


class TestPlantedFaults:
    """Each is found within a few seeds; the search is not blind."""

    def test_a_vendor_that_does_not_keep_its_keys_is_noticed(self, stage: Stage) -> None:
        stage.vendor.keeps_keys = False
        assert any("jobs: 2" in wrong for seed in range(60) for wrong in stage.play(seed))

    def test_a_stage_that_does_not_look_at_the_state_is_noticed(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain = workbench.locked
        monkeypatch.setattr(pipeline, "locked", lambda session, id_, *states: plain(session, id_))
        assert any(stage.play(seed) for seed in range(60))

    def test_a_client_that_takes_a_new_key_each_time_is_noticed(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain = playing.identity.answer_once
        keys: Iterator[int] = iter(range(10**6))
        monkeypatch.setattr(
            playing.identity,
            "answer_once",
            lambda connection, who, key, *rest: plain(connection, who, f"{next(keys)}", *rest),
        )
        assert any("one key was answered" in wrong for s in range(60) for wrong in stage.play(s))
