"""A renderer outside: it returns, is late, lies, never returns; each ends right."""

import hashlib
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from app import cli, cli_renderer, config, db, storage
from app.egress import Answer
from app.gateway import pipeline, rendering, service, unreturned
from app.gateway.generators import catalogue
from app.gateway.models import Generation
from app.gateway.models_render_jobs import RenderJobOutside
from app.gateway.reviews import answering
from app.gateway.reviews import service as reviews
from app.ledger.models import Hold
from app.notices.models import Notice
from app.registry import service as registry
from app.vault import VaultOpening
from tests.gateway import videos
from tests.http.house import House, a_house, assert_problem
from tests.scenes import PORTRAIT

MODEL = "renderer/nightglass-vfx"
FILM = (Path(__file__).parents[1] / "providers" / "sample.mp4").read_bytes()
SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def studio(client, monkeypatch) -> House:
    """A house whose contract names a renderer, and a production that is one."""
    return a_studio(client, monkeypatch)


def a_studio(client, monkeypatch, **scene) -> House:
    house = a_house(client, generators=[MODEL], **scene)
    organization_id = house.scene.production.organization.id
    monkeypatch.setenv("UNDERSTUDY_RENDERERS", f"nightglass-vfx={organization_id}")
    promise = f"{MODEL}=Our own house rules (2026-11-01)"
    monkeypatch.setenv("UNDERSTUDY_MODELS_THAT_DO_NOT_TRAIN", promise)
    config.settings.cache_clear()
    return house


def sent_out(house: House) -> tuple[str, str]:
    """Have a generation permitted and put before the renderer; the job and the generation."""
    asked = house.ask(generator=MODEL, length_s="2", width=640, height=360, modalities=["face"])
    assert asked.status_code == 201, asked.text
    generation_id = asked.json()["id"]
    assert pipeline.render(generation_id) is False  # the story rests; no worker waits
    item = house.get("/v1/render-jobs").json()["items"][-1]
    assert chapters(generation_id) == [""]
    return item["id"], generation_id


def chapters(generation_id: str) -> list[str]:
    with db.reading() as session:
        return [chapter for id_, chapter in service.waiting(session) if id_ == generation_id]


def ended(generation_id: str) -> tuple[str, str, str]:
    with db.reading() as session:
        generation = session.get_one(Generation, generation_id)
        hold = session.exec(select(Hold).where(Hold.generation_id == generation_id)).one()
        return generation.state, hold.state, generation.reason


def told() -> list[tuple[str, str]]:
    """Do as the worker's postman does, and list what renderers were told."""
    with db.writing() as session:
        if unreturned.is_due(session):
            unreturned.remind(session)
    with db.reading() as session:
        said = session.exec(select(Notice).order_by(Notice.id)).all()
    return [(each.kind, each.subject_id) for each in said if each.kind.startswith("render-job")]


def later(job_id: str) -> None:
    """Let the time of a job run out."""
    with db.writing() as session:
        job = session.get_one(RenderJobOutside, job_id)
        job.due_at -= timedelta(days=2)
        session.add(job)


def hand_in(house: House, job_id: str, license_: str, film: bytes = FILM, who: str = "production"):
    form = {"data": {"license": license_}, "files": {"film": ("film.mp4", film)}}
    return house.post(f"/v1/render-jobs/{job_id}/results", who, **form)


@SQLITE
class TestRenderer:
    def test_takes_a_job_opens_its_references_and_hands_in_what_is_inspected_like_any_other(
        self, studio
    ):
        job_id, generation_id = sent_out(studio)
        with db.reading() as session:  # nothing is opened for a job that nobody has taken
            assert session.exec(select(VaultOpening)).all() == []
        taken = studio.post(f"/v1/render-jobs/{job_id}/licenses").json()
        (link,) = taken["references"]
        picture = studio.client.get(link)
        assert picture.status_code == 200
        assert picture.content[:2] == b"\xff\xd8"
        with db.reading() as session:
            (opening,) = session.exec(select(VaultOpening)).all()
        assert (opening.purpose, opening.subject_id) == ("render", generation_id)
        assert hand_in(studio, job_id, taken["license"]).status_code == 201
        assert studio.get("/v1/render-jobs").json()["items"] == []
        assert chapters(generation_id) == ["returned"]
        assert pipeline.render(generation_id) is True
        assert ended(generation_id)[:2] == ("rendered", "placed")
        # What it hands in is nobody's face: the same inspection as any generator's.
        assert pipeline.examine(generation_id) is True
        with db.reading() as session:
            (review,) = reviews.waiting(session)
        assert "no face" in review.findings[0]

    def test_that_lies_about_the_length_is_found_out(self, studio):
        asked = studio.ask(generator=MODEL, length_s="5", width=640, height=360).json()
        assert pipeline.render(asked["id"]) is False
        (item,) = studio.get("/v1/render-jobs").json()["items"]
        taken = studio.post(f"/v1/render-jobs/{item['id']}/licenses").json()
        assert hand_in(studio, item["id"], taken["license"]).status_code == 201
        assert pipeline.render(asked["id"])
        assert pipeline.examine(asked["id"]) is False
        assert "5.00 s were asked for" in ended(asked["id"])[2]

    def test_that_returns_another_persons_face_goes_to_nobody_before_a_person_looked(
        self, client, monkeypatch
    ):
        girl = registry.inspect_portrait(PORTRAIT)
        studio = a_studio(client, monkeypatch, seen=girl)
        for name, is_her in (("girl-with-a-pearl-earring", True), ("isaac-newton", False)):
            job_id, generation_id = sent_out(studio)
            license_ = studio.post(f"/v1/render-jobs/{job_id}/licenses").json()["license"]
            film = videos.film([videos.scene(name, size=(640, 360))] * 20)
            assert hand_in(studio, job_id, license_, film).status_code == 201
            assert pipeline.render(generation_id)
            assert pipeline.examine(generation_id) is True
            assert ended(generation_id)[:2] == ("inspected", "placed")
            with db.reading() as session:
                assert reviews.waits(session, generation_id) is not is_her
        with db.writing() as session:
            (review,) = reviews.waiting(session)
            session.get_one(Generation, generation_id).state = "signed"
        assert "the nearest face is" in review.findings[0]
        # Its contract wants no look, and yet it waits; refused, it costs nothing.
        for _ in range(2):
            assert pipeline.preview(generation_id) is False
            pipeline.release(generation_id)
            assert ended(generation_id)[:2] == ("awaiting-preview", "placed")
        with db.writing() as session:
            answering.answer(session, review.id, let_go=False, reason="this is Isaac Newton")
        assert ended(generation_id)[:2] == ("refused", "voided")

    def test_without_its_licence_or_too_late_leaves_no_film_lying(self, studio):
        job_id, generation_id = sent_out(studio)
        license_ = studio.post(f"/v1/render-jobs/{job_id}/licenses").json()["license"]
        assert_problem(hand_in(studio, job_id, "0" * 64), 403, "render-license-refused")
        later(job_id)
        assert_problem(hand_in(studio, job_id, license_), 409, "render-job-over")
        kept = rendering.key_of_film(generation_id, hashlib.sha256(FILM).digest())
        assert not storage.exists(kept)

    def test_that_is_late_or_never_comes_back_costs_nothing_and_is_counted(self, studio):
        for taken_before in (True, False):
            job_id, generation_id = sent_out(studio)
            license_ = "0" * 64
            if taken_before:
                license_ = studio.post(f"/v1/render-jobs/{job_id}/licenses").json()["license"]
            later(job_id)
            assert_problem(hand_in(studio, job_id, license_), 409, "render-job-over")
            assert chapters(generation_id) == ["late"]
            assert pipeline.render(generation_id) is False
            state, hold, reason = ended(generation_id)
            assert (state, hold) == ("failed", "voided")
            assert ("took it and handed nothing in" in reason) == taken_before
        said = CliRunner().invoke(cli.app, ["generators", "renderers"]).output
        assert f"{MODEL}  never handed in: 1 of 1" in said
        (listed,) = (each for each in catalogue.listing() if each["model"] == MODEL)
        assert listed["evidence"].endswith("never handed in: 1 of 1 jobs that were due")

    def test_is_asked_at_half_time_and_told_at_the_end_and_each_once(self, studio):
        taken, untaken, stopped = (sent_out(studio) for _ in range(3))
        for job_id, _ in (taken, stopped):
            studio.post(f"/v1/render-jobs/{job_id}/licenses")
        assert told() == []
        for job_id, _ in (taken, untaken, stopped):
            with db.writing() as session:
                session.get_one(RenderJobOutside, job_id).created_at -= timedelta(days=2)
        wanted = [("render-job-due", id_) for id_, _ in (taken, untaken, stopped)]
        assert told() == told() == wanted
        with db.writing() as session:  # a withdrawal: nobody is to hand that in
            session.get_one(Generation, stopped[1]).state = "refused"
        for job_id, _ in (taken, untaken, stopped):
            later(job_id)
        assert told() == told() == [*wanted, ("render-job-lost", taken[0])]
        with db.reading() as session:
            assert unreturned.counted(session) == {MODEL: (1, 1)}

    def test_whose_job_was_taken_again_holds_a_licence_for_nothing(self, studio):
        job_id, _ = sent_out(studio)
        first, second = (studio.post(f"/v1/render-jobs/{job_id}/licenses").json() for _ in range(2))
        assert studio.client.get(first["references"][0]).status_code == 403
        assert_problem(hand_in(studio, job_id, first["license"]), 403, "render-license-refused")
        assert hand_in(studio, job_id, second["license"]).status_code == 201
        assert_problem(hand_in(studio, job_id, second["license"]), 409, "render-job-over")

    def test_link_opens_for_a_minute_and_only_what_it_names(self, studio, monkeypatch):
        job_id, generation_id = sent_out(studio)
        (link,) = studio.post(f"/v1/render-jobs/{job_id}/licenses").json()["references"]
        for altered in (
            link[:-1] + ("0" if link[-1] != "0" else "1"),
            link.replace("medium=", "medium=x"),
            link.replace("expires=", "expires=9"),
        ):
            assert_problem(studio.client.get(altered), 403, "link-expired")
        assert studio.client.get(link).status_code == 200
        contract = f"/v1/contracts/{studio.scene.contract.id}"
        assert studio.post(f"{contract}/withdrawal", "desk").is_success
        assert "would not be released" in studio.client.get(link).text
        assert studio.post(f"/v1/render-jobs/{job_id}/licenses").status_code == 409
        with db.writing() as session:  # an end: nothing opens any more
            session.get_one(Generation, generation_id).state = "refused"
        assert_problem(studio.client.get(link), 409, "render-job-over")

    def test_without_a_promise_not_to_train_is_refused_by_the_contract(self, studio, monkeypatch):
        monkeypatch.delenv("UNDERSTUDY_MODELS_THAT_DO_NOT_TRAIN")
        config.settings.cache_clear()
        refused = studio.ask(generator=MODEL, length_s="2", width=640, height=360)
        assert refused.status_code == 403
        assert "GENERATOR_NOT_ALLOWED" in refused.text


class _Wire:
    """The client's door, to a server in this process."""

    def __init__(self, house: House) -> None:
        self._house = house

    def ask(self, method, path, *, body, headers, limit_bytes, timeout_s):
        more = {} if body is None else {"Content-Type": body.media_type}
        answer = self._house.client.request(
            method, f"/{path}", headers=headers | more, content=body and body.content
        )
        return Answer(answer.status_code, dict(answer.headers), answer.content)

    def save(self, path, to, *, limit_bytes, timeout_s):
        to.write_bytes(self._house.client.get(f"/{path}").content)


@SQLITE
class TestClient:
    def test_has_a_program_of_its_own_render_and_keeps_no_portrait(self, studio, tmp_path):
        _, generation_id = sent_out(studio)
        program, seen = tmp_path / "program.py", tmp_path / "seen"
        program.write_text(
            "import json, pathlib, shutil, sys\n"
            "order = json.load(open(sys.argv[1]))\n"
            "picture = pathlib.Path(order['references'][0])\n"
            f"pathlib.Path({str(seen)!r}).write_text(f'{{picture}} {{picture.stat().st_size}}')\n"
            f"shutil.copy({str(Path(__file__).parents[1] / 'providers' / 'sample.mp4')!r}, "
            "sys.argv[2])\n"
        )
        key = studio.keys["production"]["Authorization"].removeprefix("Bearer ")
        command = [sys.executable, str(program)]
        assert cli_renderer.render_next(_Wire(studio), key, command)
        where, size = seen.read_text().split()
        assert int(size) > 1000
        assert not Path(where).exists()
        assert pipeline.render(generation_id) is True
        assert not cli_renderer.render_next(_Wire(studio), key, command)  # nothing waits
