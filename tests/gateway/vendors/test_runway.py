"""Runway: how often it is asked, whom its links lead to, and what is not attested."""

import json
from itertools import pairwise

import httpx
import pytest

from app import clock, config, db
from app.gateway import progress, workbench
from app.gateway.generators.errors import VendorSilent
from app.gateway.generators.hedra import Hedra
from app.gateway.generators.runway import DOWNLOAD_HOSTS, POLL_S, Runway
from tests import scenes
from tests.gateway.vendors.story import asked, configure, offer, rendered

MODEL = "runway/gen4.5"


@pytest.fixture
def runway(fake, monkeypatch):
    host = fake.base.removeprefix("http://")
    connector = Runway(fake.base, hosts=(host,), private=True)
    connector.film_limit_bytes, connector.poll_s = 200_000, 3000.0
    connector.keeps_s = 6 * 3600.0
    offer(monkeypatch, connector)
    return connector


@pytest.fixture
def scene(database, monkeypatch):
    promise = f"{MODEL}=Enterprise agreement, section 4 (2026-10-01)"
    monkeypatch.setenv("UNDERSTUDY_MODELS_THAT_DO_NOT_TRAIN", promise)
    config.settings.cache_clear()
    configure("runway", "key")
    with db.writing() as session:
        return scenes.a_scene(session, generator=MODEL, quota={"max_seconds": 1000})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestPolling:
    def test_a_task_is_asked_about_no_more_than_once_in_five_seconds(
        self, scene, runway, fake, pauses, monkeypatch
    ):
        runway.poll_s = 1.0  # as if more than one worker were at it
        asked_at, real = [], httpx.Client.stream

        def stream(client, method, url, **options):
            if "/v1/tasks/" in str(url) and method == "GET":
                asked_at.append(clock.now())
            return real(client, method, url, **options)

        monkeypatch.setattr(httpx.Client, "stream", stream)
        rendered(asked(scene, MODEL, "BADJSON1 SLOW", length_s="8"), pauses)
        gaps = [(after - before).total_seconds() for before, after in pairwise(asked_at)]
        assert len(gaps) >= 3
        assert min(gaps) >= POLL_S


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestProgress:
    def test_is_kept_as_runway_says_it_at_each_look(self, scene, runway, fake, pauses, monkeypatch):
        kept = progress.keep
        shown = []

        def keep(generation_id, share):
            kept(generation_id, share)
            shown.append(progress.in_words(workbench.load(generation_id)))

        monkeypatch.setattr(progress, "keep", keep)
        generation_id = asked(scene, MODEL, "SLOW I hold the light.", length_s="8")
        rendered(generation_id, pauses)
        assert shown[:2] == ["rendering 50 %", "rendering 50 %"]
        assert progress.in_words(workbench.load(generation_id)) == "rendered"


class TestHedrasProgress:
    def test_is_what_its_status_says(self, monkeypatch):
        said = {"status": "IN_PROGRESS", "progress": 0.25}
        monkeypatch.setattr(Hedra, "_ask", lambda *_: said)
        assert Hedra().poll("job_12345678").progress == 0.25
        del said["progress"]
        assert Hedra().poll("job_12345678").progress is None


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestTraining:
    def test_a_model_nobody_attests_is_refused_until_the_vendor_has_promised(
        self, scene, runway, monkeypatch
    ):
        monkeypatch.delenv("UNDERSTUDY_MODELS_THAT_DO_NOT_TRAIN")
        config.settings.cache_clear()
        with db.writing() as session:
            decision, generation = scene.ask(session, generator=MODEL, length_s="8")
        assert generation is None
        assert decision.codes == ["GENERATOR_NOT_ALLOWED"]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestLink:
    """A link that the vendor's answer names is followed to Runway's hosts only."""

    @pytest.mark.parametrize(
        "link",
        [
            "http://169.254.169.254/latest/meta-data",
            "https://evil.example/film.mp4",
            "https://cloudfront.net.evil.example/film.mp4",
            "file:///etc/passwd",
            None,
        ],
    )
    def test_leads_nowhere_else(self, database, fake, tmp_path, monkeypatch, link):
        configure("runway", "key")
        runway = Runway(fake.base, hosts=DOWNLOAD_HOSTS, private=True)
        answer = {"status": "SUCCEEDED", "output": [link]}
        monkeypatch.setattr(runway, "_task", lambda _reference: answer)
        with pytest.raises(VendorSilent):
            runway.fetch("x", tmp_path / "film")
        assert json.dumps(fake.requests()) == "[]"
