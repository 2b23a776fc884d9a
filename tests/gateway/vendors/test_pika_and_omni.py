"""Pika by the fal queue, and Gemini Omni, with every fault of the fake: each ends right."""

import pytest

from app import config, db
from app.gateway.generators.omni import Omni
from app.gateway.generators.pika import Pika
from tests import scenes
from tests.gateway.vendors.story import Came, credentials, offer, told
from tests.providers.fakes.core import JOBS

PIKA, OMNI = "pika/scenes-2.2", "google/gemini-omni-1.2-flash"
RENDERED = ("rendered", "delivered", "placed", 1, "")
BAD_FILM = ("failed", "ended", "voided", 1, "does not come whole, or its link is bad")
BAD_ANSWER = ("failed", "ended", "voided", 1, "did not come whole, in time")
# What each fault comes to: generation, job at the vendor, hold, jobs billed, words of the reason.
BOTH = {
    **dict.fromkeys(["fine", "SLOW", "RATE429", "BADJSON1", "TRUNCATED1", "ENDLESS1"], RENDERED),
    "CUTREPLY": ("submitting", "unknown", "placed", 1, "the connection broke"),
    "BADREPLY": ("submitting", "unknown", "placed", 1, "its reply was garbled"),
    "HANG": ("failed", "ended", "voided", 1, "it is not finished"),
    "BADJSON": ("failed", "ended", "voided", 1, "its answer is broken"),
}
FAULTS = {
    PIKA: BOTH
    | {
        "LOSTREPLY": ("submitting", "unknown", "placed", 1, "it answered 504"),
        "MODERATE": ("failed", "ended", "voided", 1, "flagged by a content checker"),
        **dict.fromkeys(["EXPIRED1", "REDIRECT_PRIVATE1"], RENDERED),
        **dict.fromkeys(["TRUNCATED", "ENDLESS", "EXPIRED", "REDIRECT_PRIVATE"], BAD_FILM),
    },
    OMNI: BOTH
    | {
        "LOSTREPLY": ("submitting", "unknown", "placed", 1, "it answered 503"),
        "MODERATE": ("failed", "ended", "voided", 1, "blocked by safety filters"),
        **dict.fromkeys(["TRUNCATED", "ENDLESS"], BAD_ANSWER),
    },
}
VENDORS = {PIKA: ("pika", "10"), OMNI: ("google-ai", "8")}


@pytest.fixture(params=[PIKA, OMNI])
def model(request, fake, monkeypatch):
    host = fake.base.removeprefix("http://")
    connector = (
        Pika(fake.base, hosts=(host,), private=True)
        if request.param == PIKA
        else Omni(fake.base, private=True)
    )
    connector.film_limit_bytes, connector.poll_s = 200_000, 3000.0
    connector.keeps_s = 6 * 3600.0
    offer(monkeypatch, connector)
    return request.param


@pytest.fixture
def scene(model, database, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_MODELS_THAT_DO_NOT_TRAIN", f"{PIKA}=A letter (2026-10-01)")
    config.settings.cache_clear()
    credentials(VENDORS[model][0], "key")
    with db.writing() as session:
        return scenes.a_scene(session, generator=model, quota={"max_seconds": 1000})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestFault:
    @pytest.mark.slow
    def test_each_ends_right_with_one_paid_job_and_a_reason(self, scene, model, fake, pauses):
        vendor, length_s = VENDORS[model]
        found = {
            word: told(scene, fake, pauses, model, word, length_s=length_s)
            for word in FAULTS[model]
        }
        for word, (state, job, hold, paid, words) in FAULTS[model].items():
            assert found[word] == Came(state, job, hold, paid, found[word].reason), word
            assert words in found[word].reason, word
        for key, words in (("key-401", "(401)"), ("key-403", "(403)"), ("key-429", "(429)")):
            credentials(vendor, key)
            word = f"refused{key[-3:]}"
            came = told(scene, fake, pauses, model, word, length_s=length_s)
            assert (came.state, came.hold, came.paid) == ("failed", "voided", 0)
            assert words in came.reason
            assert "Nothing was bought" in came.reason
        for seen in fake.requests():
            if seen["p"].startswith("/cdn/"):  # no credentials to a host of downloads
                assert "authorization" not in seen["h"]
            elif model == PIKA:
                assert seen["h"]["x-fal-no-retry"] == "1"

    def test_what_was_fetched_is_deleted_where_the_vendor_has_a_call_for_it(
        self, scene, model, fake, pauses
    ):
        told(scene, fake, pauses, model, "fine", length_s=VENDORS[model][1])
        (job,) = JOBS.values()
        assert job.deleted == (model == OMNI)
