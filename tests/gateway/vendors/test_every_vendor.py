"""Every vendor of the catalogue with every fault of the fake, so that none can be left out.

Each fault ends right: the generation's state, the vendor's job, the hold, one paid job, and words
that say what happened. A vendor without a row in `AT_FAKE` fails here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from app import config, db
from app.gateway.generators import Capability, Connector, catalogue
from app.gateway.generators.eleven import Eleven
from app.gateway.generators.hedra import Hedra
from app.gateway.generators.omni import Omni
from app.gateway.generators.pika import Pika
from app.gateway.generators.runway import Runway
from app.gateway.generators.veo import Veo
from tests.gateway.vendors import test_voice
from tests.gateway.vendors.story import Came, a_scene, configure, materials_for, offer, told
from tests.providers import fakes
from tests.providers.fakes import core

RENDERED = ("rendered", "delivered", "placed", 1, "")
CURED = ("fine", "SLOW", "RATE429", "BADJSON1", "TRUNCATED1", "ENDLESS1")
CURED_LINKS = ("EXPIRED1", "REDIRECT_PRIVATE1")
LINKS = ("EXPIRED", "REDIRECT_PRIVATE")
KEYS = (("key-401", "(401)"), ("key-403", "(403)"), ("key-429", "(429)"))
SHORT = ("fine", "LOSTREPLY", "MODERATE", "TRUNCATED")  # for a vendor's further models


@dataclass(frozen=True)
class AtFake:
    """How a vendor is spoken to at its fake, and what is its own in how things go wrong there."""

    make: Callable[..., Connector]
    lost: int  # the status of a lost reply
    moderated: str  # words of the reason
    by_link: bool  # whether the result comes by a link, or inside an answer
    credentials: dict[str, str] = field(default_factory=dict)
    header: dict[str, str] = field(default_factory=dict)  # goes with every request but downloads
    deletes: str = ""  # what the fake notes where a finished job is deleted
    # What comes to another end than with the others: where the same key is the same job, or the
    # reply is the result and the vendor keeps a history.
    own: dict[str, tuple[str, str, str, int, str]] = field(default_factory=dict)


AT_FAKE = {
    "google": AtFake(
        Veo, 503, "moderation refused the film", by_link=False,
        credentials={"project": "nightglass", "location": "us-central1"},
    ),
    "google-ai": AtFake(Omni, 503, "blocked by safety filters", by_link=False, deletes="deleted"),
    "runway": AtFake(
        Runway, 500, "bills the operator 25 credits", by_link=True,
        header={"x-runway-version": "2024-11-06"}, deletes="cancelled",
    ),
    "pika": AtFake(
        Pika, 504, "flagged by a content checker", by_link=True, header={"x-fal-no-retry": "1"}
    ),
    "hedra": AtFake(
        lambda base, **more: Hedra(f"{base}/hedra", **more),
        503, "moderation refused the film", by_link=True,
        own=dict.fromkeys(("LOSTREPLY", "CUTREPLY", "BADREPLY"), RENDERED),
    ),
    "elevenlabs": AtFake(
        Eleven, 500, "content policy", by_link=False, deletes="deleted",
        own={
            **dict.fromkeys(
                ("LOSTREPLY", "CUTREPLY", "BADREPLY", "BADJSON", "HANG", "EXPIRED", "EXPIRED1",
                 "REDIRECT_PRIVATE", "REDIRECT_PRIVATE1"), RENDERED
            ),
            "MODERATE": ("failed", "not-ordered", "voided", 0, "Nothing was bought"),
            **dict.fromkeys(
                ("TRUNCATED", "ENDLESS"),
                ("failed", "ended", "voided", 1, "result does not come whole"),
            ),
            "CUTREPLY NOHISTORY": ("submitting", "unknown", "placed", 1, "the connection broke"),
        },
    ),
}  # fmt: skip


ELSEWHERE = {  # faults of what is no order
    "VERIFY": test_voice.test_a_voice_that_wants_its_owner_at_the_vendors_is_refused_and_deleted
}


def expected(at: AtFake) -> dict[str, tuple[str, str, str, int, str]]:
    """Say what each fault comes to: generation, job, hold, jobs billed, words of the reason."""
    ended = ("failed", "ended", "voided", 1)
    doubt = ("submitting", "unknown", "placed", 1)
    bad = "does not come whole, or its link is bad" if at.by_link else "did not come whole, in time"
    return {
        **dict.fromkeys((*CURED, *(CURED_LINKS if at.by_link else ())), RENDERED),
        "LOSTREPLY": (*doubt, f"it answered {at.lost}"),
        "CUTREPLY": (*doubt, "the connection broke"),
        "BADREPLY": (*doubt, "its reply was garbled"),
        "MODERATE": (*ended, at.moderated),
        "HANG": (*ended, "it is not finished"),
        "BADJSON": (*ended, "its answer is broken"),
        **dict.fromkeys(("TRUNCATED", "ENDLESS", *(LINKS if at.by_link else ())), (*ended, bad)),
        **at.own,
    }


def models() -> list[object]:
    """Return every model of every vendor; the first of each meets every fault."""
    return [
        pytest.param(
            (vendor.name, capability, number == 0),
            id=capability.model,
        )
        for vendor in catalogue.VENDORS
        for number, capability in enumerate(vendor.capabilities())
        if capability.references != (0, 0)  # nobody can be cast in what it makes: never ordered
    ]


@pytest.fixture(params=models())
def asked(request: pytest.FixtureRequest) -> tuple[str, Capability, bool]:
    found: tuple[str, Capability, bool] = request.param
    return found


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_each_fault_ends_right_with_one_paid_job_and_a_reason(
    asked, database, fake, pauses, monkeypatch, tmp_path
):
    vendor, capability, is_first = asked
    at = AT_FAKE[vendor]
    connector = at.make(fake.base, hosts=(fake.base.removeprefix("http://"),), private=True)
    connector.film_limit_bytes, connector.poll_s = 200_000, 3000.0
    connector.keeps_s, connector.timeout_s = 6 * 3600.0, 4.0
    offer(monkeypatch, connector)
    monkeypatch.setenv(
        "UNDERSTUDY_MODELS_THAT_DO_NOT_TRAIN", f"{capability.model}=A letter (2026-10-01)"
    )
    config.settings.cache_clear()
    hosts, real = set(), httpx.Client.stream

    def stream(client, method, url, *, headers, **options):
        hosts.add(headers["Host"])
        return real(client, method, url, headers=headers, **options)

    monkeypatch.setattr(httpx.Client, "stream", stream)
    configure(vendor, "key", **at.credentials)
    with db.writing() as session:
        scene = a_scene(session, capability)
        materials = materials_for(session, scene, capability, tmp_path)

    def tell(word: str) -> Came:
        monkeypatch.setattr(core, "WORDLESS", f"{word} {capability.model}")
        return told(scene, fake, pauses, capability, word, materials=materials)

    wanted = expected(at)
    found = {word: tell(word) for word in (wanted if is_first else SHORT)}
    for word, came in found.items():
        state, job, hold, paid, words = wanted[word]
        assert came == Came(state, job, hold, paid, came.reason), word
        assert words in came.reason, word
    finished = next(job for job in core.JOBS.values() if "fine" in job.prompt)
    assert not at.deletes or getattr(finished, at.deletes)
    for key, words in KEYS if is_first else ():
        configure(vendor, key, **at.credentials)
        came = tell(f"refused{key[-3:]}")
        assert (came.state, came.hold, came.paid) == ("failed", "voided", 0), key
        assert words in came.reason
        assert "Nothing was bought" in came.reason
        assert key not in came.reason
    assert hosts == {fake.base.removeprefix("http://")}  # no byte goes anywhere else
    for seen in fake.requests():
        if seen["p"].startswith("/cdn/"):  # no credentials to a host of downloads
            assert not {"authorization", "x-goog-api-key", "xi-api-key"} & set(seen["h"])
        else:
            assert at.header.items() <= seen["h"].items()


def test_every_fault_of_the_fake_is_among_them():
    code = "".join(each.read_text() for each in Path(fakes.__path__[0]).glob("*.py"))
    words = set(re.findall(r'(?:flag|hit|once)\([^()]*?"([A-Z_]{4,}[0-9]*)"', code))
    told_of = set(ELSEWHERE) | {
        word.removesuffix("1")
        for at in AT_FAKE.values()
        for words_of_one in expected(at)
        for word in words_of_one.split()
    }
    assert words, "the fake's code names its faults in another way"
    assert words - told_of == set()
