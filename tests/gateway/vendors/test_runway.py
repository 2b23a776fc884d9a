"""Runway with every fault of the fake: the right state, one paid job, the right books."""

import json
from itertools import pairwise

import httpx
import pytest

from app import clock, config, db
from app.gateway.generators.errors import VendorSilent
from app.gateway.generators.runway import DOWNLOAD_HOSTS, POLL_S, Runway
from tests import scenes
from tests.gateway.vendors.story import Came, asked, credentials, offer, rendered, told
from tests.providers.fakes.core import JOBS

MODEL = "runway/gen4.5"
BAD_FILM = "does not come whole, or its link is bad"
# What each fault comes to: generation, job at the vendor, hold, jobs billed, words of the reason.
FAULTS = {
    "fine": ("rendered", "delivered", "placed", 1, ""),
    "SLOW": ("rendered", "delivered", "placed", 1, ""),
    "RATE429": ("rendered", "delivered", "placed", 1, ""),
    "BADJSON1": ("rendered", "delivered", "placed", 1, ""),
    "TRUNCATED1": ("rendered", "delivered", "placed", 1, ""),
    "ENDLESS1": ("rendered", "delivered", "placed", 1, ""),
    "EXPIRED1": ("rendered", "delivered", "placed", 1, ""),
    "REDIRECT_PRIVATE1": ("rendered", "delivered", "placed", 1, ""),
    "LOSTREPLY": ("submitting", "unknown", "placed", 1, "it answered 500"),
    "CUTREPLY": ("submitting", "unknown", "placed", 1, "the connection broke"),
    "BADREPLY": ("submitting", "unknown", "placed", 1, "its reply was garbled"),
    "MODERATE": ("failed", "ended", "voided", 1, "bills the operator 25 credits"),
    "HANG": ("failed", "ended", "voided", 1, "it is not finished"),
    "BADJSON": ("failed", "ended", "voided", 1, "its answer is broken"),
    "TRUNCATED": ("failed", "ended", "voided", 1, BAD_FILM),
    "ENDLESS": ("failed", "ended", "voided", 1, BAD_FILM),
    "EXPIRED": ("failed", "ended", "voided", 1, BAD_FILM),
    "REDIRECT_PRIVATE": ("failed", "ended", "voided", 1, BAD_FILM),
}


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
    credentials("runway", "key")
    with db.writing() as session:
        return scenes.a_scene(session, generator=MODEL, quota={"max_seconds": 1000})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestFault:
    def test_each_ends_right_with_one_paid_job_and_a_reason(self, scene, runway, fake, pauses):
        found = {word: told(scene, fake, pauses, MODEL, word) for word in FAULTS}
        for word, (state, job, hold, paid, words) in FAULTS.items():
            assert found[word] == Came(state, job, hold, paid, found[word].reason), word
            assert words in found[word].reason, word
        for seen in fake.requests():
            if seen["p"].startswith("/cdn/"):  # no credentials to a host of downloads
                assert "authorization" not in seen["h"]
            else:
                assert seen["h"]["x-runway-version"] == "2024-11-06"

    def test_a_key_that_is_refused_buys_nothing_and_says_so(self, scene, runway, fake, pauses):
        for key, words in (("key-401", "(401)"), ("key-403", "(403)"), ("key-429", "(429)")):
            credentials("runway", key)
            found = told(scene, fake, pauses, MODEL, f"refused{key[-3:]}")
            assert (found.state, found.hold, found.paid) == ("failed", "voided", 0)
            assert words in found.reason
            assert "Nothing was bought" in found.reason

    def test_a_task_is_asked_about_no_more_than_once_in_five_seconds(
        self, scene, runway, fake, pauses, monkeypatch
    ):
        runway.poll_s = 1.0
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

    def test_a_film_that_was_fetched_is_deleted_at_the_vendors(self, scene, runway, fake, pauses):
        rendered(asked(scene, MODEL, "fine", length_s="8"), pauses)
        (job,) = JOBS.values()
        assert job.cancelled  # what the fake calls a DELETE


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
    def test_leads_nowhere_else(self, data_dir, fake, tmp_path, monkeypatch, link):
        credentials("runway", "key")
        runway = Runway(fake.base, hosts=DOWNLOAD_HOSTS, private=True)
        answer = {"status": "SUCCEEDED", "output": [link]}
        monkeypatch.setattr(runway, "_task", lambda _reference: answer)
        with pytest.raises(VendorSilent):
            runway.fetch("x", tmp_path / "film")
        assert json.dumps(fake.requests()) == "[]"
