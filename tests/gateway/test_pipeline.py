"""The stages of a generation, where something goes wrong between them."""

import dataclasses
import shutil
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from app import clock, config, db, jobs
from app.demo import cast
from app.gateway import pipeline, workbench
from app.gateway.errors import GeneratorUnavailable, StageOvertaken
from app.gateway.generators import JobStatus, Phase, catalogue
from app.gateway.models import Generation
from app.ledger.check import check
from app.ledger.models import Hold, JournalEntry
from app.licensing.contracts import service as licensing
from app.provenance import outside_time, sign
from app.provenance import service as provenance
from app.provenance.finish import superboxes
from tests import scenes
from tests.provenance import making
from tests.provenance.outside import an_outside_authority


@pytest.fixture
def scene(database: str) -> scenes.Scene:
    with db.writing() as session:
        return scenes.a_scene(session, quota={"max_seconds": 1000})


def _asked(scene: scenes.Scene, state: str = "signed", **facts: Any) -> str:
    """Have a generation permitted and held, standing where the stage under test finds it."""
    with db.writing() as session:
        decision, generation = scene.ask(session)
        assert generation is not None, decision.codes
        generation.state, generation.output_sha256 = state, "0" * 64
        for name, value in facts.items():
            setattr(generation, name, value)
    return generation.id


def _ended(generation_id: str) -> tuple[str, list[str]]:
    """Return the state of a generation and those of its holds."""
    with db.reading() as session:
        holds = session.exec(select(Hold).where(Hold.generation_id == generation_id)).all()
        return session.get_one(Generation, generation_id).state, [hold.state for hold in holds]


class TestStageThatWasOvertaken:
    """A worker that stood still while another one took its story over wakes up again."""

    def test_leaves_a_released_generation_as_it_was_released(
        self, scene: scenes.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = tmp_path / "rendered.mp4"
        source.write_bytes(b"what the generator returned")
        generation_id = _asked(scene, "inspected")
        _, key = workbench.keep(generation_id, "rendered", source)
        with db.writing() as session:
            session.get_one(Generation, generation_id).rendered_key = key

        def embed_while_another_releases(
            given: Path, marked: Path, *_: object, **__: object
        ) -> None:
            shutil.copyfile(given, marked)
            with db.writing() as session:
                session.get_one(Generation, generation_id).state = "signed"
            pipeline.release(generation_id)

        monkeypatch.setattr(pipeline.marking, "mark_output", embed_while_another_releases)
        with pytest.raises(StageOvertaken):
            pipeline.mark(generation_id)
        assert _ended(generation_id) == ("released", ["captured"])
        assert pipeline.mark(generation_id) is False  # looked at again: the story has ended


class TestReleaseGate:
    def test_what_does_not_verify_after_signing_stays_in_quarantine_with_the_reason(
        self, scene: scenes.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        making.an_authority(config.settings().keys_dir)
        generation_id = _asked(scene, "marked")
        source = making.make_media(tmp_path / "marked.mp4")
        with db.writing() as session:
            _, key = workbench.keep(generation_id, "marked", source)
            marked = session.get_one(Generation, generation_id)
            marked.marked_key = marked.rendered_key = key
        monkeypatch.setattr(sign, "finish_manifest", lambda written, *_, **__: written)
        assert pipeline.sign(generation_id) is False
        assert _ended(generation_id) == ("quarantined", ["voided"])
        assert "does not verify after signing" in workbench.load(generation_id).reason
        assert workbench.load(generation_id).output_key is None


class TestGiveUp:
    def test_ends_what_no_generator_offers_any_more(
        self, scene: scenes.Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        generation_id = _asked(scene, "held")
        monkeypatch.setenv("UNDERSTUDY_LOCAL_GENERATOR", "false")
        config.settings.cache_clear()
        with pytest.raises(GeneratorUnavailable):
            pipeline.render(generation_id)
        assert pipeline.give_up(generation_id, "render") is False
        assert _ended(generation_id) == ("failed", ["voided"])

    def test_takes_nothing_back_that_was_released_and_paid(self, scene: scenes.Scene) -> None:
        generation_id = _asked(scene)
        pipeline.release(generation_id)
        assert pipeline.give_up(generation_id, "publish") is False
        assert _ended(generation_id) == ("released", ["captured"])


class _Endless:
    """A generator whose job never ends."""

    name = "endless"

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.forgotten: list[str] = []

    def submit(self, job: object) -> str:
        return "job_1"

    def poll(self, reference: str) -> JobStatus:
        return JobStatus(reference, Phase.RUNNING)

    def cancel(self, reference: str) -> JobStatus:
        self.cancelled.append(reference)
        return JobStatus(reference, Phase.CANCELLED)

    def forget(self, reference: str) -> bool:
        self.forgotten.append(reference)
        return True


class TestRender:
    def test_a_job_that_never_ends_is_cancelled_forgotten_and_not_charged(
        self, scene: scenes.Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        endless, generation_id = _Endless(), _asked(scene, "held")
        capability = catalogue.find("local/puppet-1")[1]
        monkeypatch.setattr(catalogue, "find", lambda _model: (endless, capability))
        monkeypatch.setattr(workbench, "RENDER_LIMIT_S", 0.3)
        assert pipeline.render(generation_id) is False
        assert _ended(generation_id) == ("failed", ["voided"])
        assert (endless.cancelled, endless.forgotten) == (["job_1"], ["job_1"])


class TestRelease:
    def test_uses_that_reach_a_dearer_tier_meanwhile_are_paid_and_not_lost(
        self, database: str
    ) -> None:
        with db.writing() as session:
            scene = _priced(
                session, {"model": "tiered_marginal", "tiers": [["6", "100"], [None, "900"]]}
            )
        first, second = _asked(scene), _asked(scene)  # five seconds each, held at the same price
        for generation_id in (second, first):
            pipeline.release(generation_id)
            assert _ended(generation_id) == ("released", ["captured"])
        with db.reading() as session:
            assert check(session).ok
            held = [hold.amount_minor for hold in session.exec(select(Hold)).all()]
        assert sum(held) == 6 * 100 + 4 * 900

    def test_a_hold_that_ran_out_releases_nothing_and_charges_nothing(
        self, scene: scenes.Scene
    ) -> None:
        generation_id = _asked(scene)
        with db.writing() as session:
            hold = session.exec(select(Hold)).one()
            hold.expires_at = clock.now() - timedelta(microseconds=1)
            session.add(hold)
        pipeline.release(generation_id)
        assert _ended(generation_id) == ("refused", ["voided"])
        with db.reading() as session:
            assert (
                session.get_one(Generation, generation_id).reason == "its hold ran out; ask again"
            )
            assert session.exec(select(JournalEntry)).all() == []


def _priced(session: Session, compensation: dict[str, Any]) -> scenes.Scene:
    """Return a scene under a contract with other pay."""
    scene = scenes.a_scene(session, signed=False)
    document = cast.contract_document(
        scene.performer.id,
        "The Girl",
        scene.production.organization.id,
        scene.agency.organization.id,
    )
    parties = document["compensation"]["parties"]
    document["compensation"] = {"currency": "EUR", "parties": parties, **compensation}
    contract = licensing.offer_contract(session, scene.production.organization.id, document)
    priced = dataclasses.replace(scene, contract=contract)
    scenes.sign(session, priced)
    return priced


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestGeneratorsOwnCredentials:
    def test_are_kept_as_an_ingredient(self, scene: scenes.Scene, tmp_path: Path) -> None:
        authority = making.an_authority(config.settings().keys_dir)
        generation_id = _asked(scene, "marked")
        source = making.make_media(tmp_path / "marked.mp4")
        theirs = making.signed(authority, source, tmp_path / "rendered.mp4")
        with db.writing() as session:
            marked = session.get_one(Generation, generation_id)
            _, marked.marked_key = workbench.keep(generation_id, "marked", source)
            _, marked.rendered_key = workbench.keep(
                generation_id, "rendered", tmp_path / "rendered.mp4"
            )
        assert pipeline.sign(generation_id)
        with db.reading() as session:
            kept = provenance.by_generation(session, generation_id)
            assert kept is not None
            ours = provenance.manifest_bytes(kept)
        label = provenance.manifest_label(theirs.manifest_bytes)
        assert label != kept.label
        assert f"/c2pa/{label}" in {box.path for box in superboxes(ours)}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestTimeStampAuthorityThatIsDown:
    def test_makes_signing_wait_and_loses_nothing(
        self, scene: scenes.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        authority = making.an_authority(config.settings().keys_dir)
        generation_id = _asked(scene, "marked")
        source = making.make_media(tmp_path / "marked.mp4")
        with db.writing() as session:
            _, key = workbench.keep(generation_id, "marked", source)
            marked = session.get_one(Generation, generation_id)
            marked.marked_key = marked.rendered_key = key
        (tmp_path / "roots.pem").write_text(authority.roots["tsa_root_pem"])
        monkeypatch.setattr(jobs, "OUTAGE_WAIT_S", 0.05)
        given_up: list[str] = []
        with an_outside_authority(authority) as outside:
            outside.mood = "down"
            monkeypatch.setenv("UNDERSTUDY_TSA_URL", outside.url)
            monkeypatch.setenv("UNDERSTUDY_TSA_ROOTS", str(tmp_path / "roots.pem"))
            config.settings.cache_clear()
            tries = _counted(monkeypatch)
            jobs.launch(
                "generation", [pipeline.sign], lambda *words: bool(given_up.append(words[0]))
            )
            try:
                jobs.start("generation", generation_id)
                _until(lambda: len(tries) > 5)  # more than the tries a failing stage has
                assert _ended(generation_id) == ("marked", ["placed"])
                outside.mood = "fine"
                _until(lambda: _ended(generation_id)[0] == "signed")
            finally:
                jobs.stop()
        assert (given_up, _ended(generation_id)[1]) == ([], ["placed"])


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    tries: list[bool] = []
    real = outside_time.ask

    def ask(*args: Any, **options: Any) -> bytes:
        tries.append(True)
        return real(*args, **options)

    monkeypatch.setattr(outside_time, "ask", ask)
    return tries


def _until(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
