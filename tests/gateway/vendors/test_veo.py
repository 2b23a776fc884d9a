"""Google Veo with every fault of the fake: the right state, one paid job, the right books."""

import pytest

from app import db
from app.gateway.generators.veo import Veo
from tests import scenes
from tests.gateway.vendors.story import Came, credentials, offer, told

MODEL = "google/veo-3.1"
PLACE = {"project": "nightglass", "location": "us-central1"}
# What each fault comes to: generation, job at the vendor, hold, jobs billed, words of the reason.
FAULTS = {
    "fine": ("rendered", "delivered", "placed", 1, ""),
    "SLOW": ("rendered", "delivered", "placed", 1, ""),
    "RATE429": ("rendered", "delivered", "placed", 1, ""),
    "BADJSON1": ("rendered", "delivered", "placed", 1, ""),
    "TRUNCATED1": ("rendered", "delivered", "placed", 1, ""),
    "ENDLESS1": ("rendered", "delivered", "placed", 1, ""),
    "LOSTREPLY": ("submitting", "unknown", "placed", 1, "it answered 503"),
    "CUTREPLY": ("submitting", "unknown", "placed", 1, "the connection broke"),
    "BADREPLY": ("submitting", "unknown", "placed", 1, "its reply was garbled"),
    "MODERATE": ("failed", "ended", "voided", 1, "moderation refused the film"),
    "HANG": ("failed", "ended", "voided", 1, "it is not finished"),
    "BADJSON": ("failed", "ended", "voided", 1, "its answer is broken"),
    "TRUNCATED": ("failed", "ended", "voided", 1, "did not come whole"),
    "ENDLESS": ("failed", "ended", "voided", 1, "did not come whole"),
}


@pytest.fixture
def veo(fake, monkeypatch):
    connector = Veo(fake.base, private=True)
    connector.film_limit_bytes, connector.poll_s = 200_000, 3000.0
    offer(monkeypatch, connector)
    return connector


@pytest.fixture
def scene(database):
    credentials("google", "key", **PLACE)
    with db.writing() as session:
        return scenes.a_scene(session, generator=MODEL, quota={"max_seconds": 1000})


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestFault:
    def test_each_ends_right_with_one_paid_job_and_a_reason(self, scene, veo, fake, pauses):
        found = {word: told(scene, fake, pauses, MODEL, word) for word in FAULTS}
        for word, (state, job, hold, paid, words) in FAULTS.items():
            assert found[word] == Came(state, job, hold, paid, found[word].reason), word
            assert words in found[word].reason, word

    @pytest.mark.parametrize(
        ("key", "words"),
        [
            ("key-401", "does not accept our credentials (401)"),
            ("key-403", "does not let our account do this (403)"),
            ("key-429", "is busy (429)"),
        ],
    )
    def test_a_key_that_is_refused_buys_nothing_and_says_so(
        self, scene, veo, fake, pauses, key, words
    ):
        credentials("google", key, **PLACE)
        found = told(scene, fake, pauses, MODEL, "refused")
        assert (found.state, found.hold, found.paid) == ("failed", "voided", 0)
        assert words in found.reason
        assert "Nothing was bought" in found.reason
        assert key not in found.reason
