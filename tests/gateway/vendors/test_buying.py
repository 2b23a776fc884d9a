"""One paid job for one generation, whatever happens between the intent and the reply."""

import base64
from datetime import timedelta

import httpx
import pytest
from sqlmodel import select
from typer.testing import CliRunner

from app import cli, db, keys
from app.gateway import pipeline, service
from app.gateway.errors import GeneratorUnavailable, JobNotOffered
from app.gateway.generators import wire
from app.gateway.generators.errors import NotSubmitted, VendorBusy, VendorSilent
from app.gateway.generators.veo import Veo
from app.gateway.models import Generation
from app.ledger import service as ledger
from app.ledger.models import Hold
from app.licensing.contracts import service as contracts
from app.licensing.contracts.models import Contract
from tests import scenes
from tests.gateway.vendors.story import asked, came, credentials, offer, rendered
from tests.providers.fakes.core import JOBS

GOOGLE = "google"
MODEL = "google/veo-3.1"
PLACE = {"project": "nightglass", "location": "us-central1"}


@pytest.fixture
def veo(fake, monkeypatch):
    connector = Veo(fake.base, private=True)
    connector.film_limit_bytes = 200_000
    offer(monkeypatch, connector)
    return connector


@pytest.fixture
def scene(database):
    configure()
    with db.writing() as session:
        return scenes.a_scene(session, generator=MODEL, quota={"max_seconds": 1000})


def configure():
    credentials(GOOGLE, "key", **PLACE)


def say(*words):
    return CliRunner().invoke(cli.app, ["generators", "jobs", *words])


def waiting(generation_id):
    with db.reading() as session:
        return [chapter for id_, chapter in service.waiting(session) if id_ == generation_id]


class TestLostJob:
    """The vendor took the order and nobody heard it; on both databases."""

    def test_keeps_its_hold_until_a_person_finds_it_and_is_then_the_same_job(
        self, scene, veo, fake, pauses
    ):
        generation_id = asked(scene, MODEL, "LOSTREPLY once", length_s="8")
        for _ in range(3):
            assert pipeline.render(generation_id) is False
        with db.reading() as session:
            assert "Your hold stays" in session.get_one(Generation, generation_id).reason
        pauses.append(timedelta(days=60).total_seconds())  # a hold lasts two days otherwise
        with db.writing() as session:
            ledger.expire_holds(session)
        found = came(generation_id, fake, "LOSTREPLY")
        assert (found.state, found.job, found.hold) == ("submitting", "unknown", "placed")
        assert generation_id in say("list").output
        assert waiting(generation_id) == [""]  # the story told already; the queue knows it
        (job,) = JOBS.values()
        place = f"projects/{PLACE['project']}/locations/{PLACE['location']}"
        name = f"{place}/publishers/google/models/veo-3.1-generate-001/operations/{job.id}"
        with pytest.raises(VendorSilent):  # what the vendor does not know is not taken
            raise say("found", generation_id, f"{name}0").exception
        assert say("found", generation_id, name).exit_code == 0
        assert waiting(generation_id) == ["settled"]
        assert pipeline.render(generation_id) is True
        found = came(generation_id, fake, "LOSTREPLY")
        assert (found.state, found.job, found.paid) == ("rendered", "delivered", 1)
        assert found.reason == ""


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestIntent:
    def test_a_crash_before_the_reply_never_orders_again(self, scene, veo, fake, monkeypatch):
        generation_id = asked(scene, MODEL, "crashed", length_s="8")
        real = veo.submit

        def submit_and_die(job):
            real(job)
            raise KeyboardInterrupt

        monkeypatch.setattr(veo, "submit", submit_and_die)
        with pytest.raises(KeyboardInterrupt):
            pipeline.render(generation_id)
        monkeypatch.setattr(veo, "submit", real)
        assert pipeline.render(generation_id) is False
        found = came(generation_id, fake, "crashed")
        assert (found.state, found.job, found.paid) == ("submitting", "unknown", 1)
        assert "stopped before the reply" in found.reason
        # A person looked, and the vendor has no such job.
        assert say("absent", generation_id).exit_code == 0
        found = came(generation_id, fake, "crashed")
        assert (found.state, found.job, found.hold) == ("failed", "ended", "voided")
        assert say("list").output == ""
        assert say("absent", generation_id).exit_code == 1

    def test_a_crash_after_the_name_is_kept_goes_on_with_that_job(
        self, scene, veo, fake, pauses, monkeypatch
    ):
        generation_id = asked(scene, MODEL, "named", length_s="8")

        def die(_reference):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(veo, "poll", die)
            with pytest.raises(KeyboardInterrupt):
                pipeline.render(generation_id)
        keys.drop_vendor_credentials(GOOGLE)  # renewed by the operator, just then
        monkeypatch.setattr(wire, "pause", lambda s: (pauses.append(s), configure()))
        rendered(generation_id, pauses)
        found = came(generation_id, fake, "named")
        assert (found.state, found.job, found.paid) == ("rendered", "delivered", 1)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestBeforeMoneyIsHeld:
    @pytest.mark.parametrize(
        "changes",
        [
            {"length_s": "5"},
            {"length_s": "8", "size": (640, 360)},
            {"length_s": "8", "line": "x" * 301},
        ],
    )
    def test_what_the_model_does_not_do_is_refused(self, scene, veo, changes):
        with db.writing() as session, pytest.raises(JobNotOffered):
            scene.ask(session, generator=MODEL, **changes)
        with db.reading() as session:
            assert session.exec(select(Hold)).all() == []

    def test_a_vendor_without_credentials_is_refused_and_says_what_to_do(self, scene, veo):
        keys.drop_vendor_credentials(GOOGLE)
        with db.writing() as session, pytest.raises(GeneratorUnavailable, match="credentials set"):
            scene.ask(session, generator=MODEL, length_s="8")

    def test_sora_is_refused_with_the_day_it_was_shut_down(self, scene, veo):
        with db.writing() as session, pytest.raises(GeneratorUnavailable, match="24 September"):
            scene.ask(session, generator="openai/sora-2", length_s="8")


@pytest.fixture
def sent(monkeypatch):
    """Everything that goes through the only door out: to whom, with which headers and content."""
    told = []
    real = httpx.Client.stream

    def stream(client, method, url, *, content=None, headers, **options):
        told.append((headers["Host"], dict(headers), content or b""))
        return real(client, method, url, content=content, headers=headers, **options)

    monkeypatch.setattr(httpx.Client, "stream", stream)
    return told


def strangers(sent, host):
    """Name whoever but `host` was sent anything at all: a byte would be one too many."""
    return {to for to, headers, content in sent if to != host and content}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestLikeness:
    """No byte of it leaves, except to the host of the model that the contract names."""

    def test_goes_to_the_host_of_the_model_and_nowhere_else(self, scene, veo, fake, pauses, sent):
        for line in ("fine", "RATE429", "LOSTREPLY", "MODERATE"):
            rendered(asked(scene, MODEL, line, length_s="8"), pauses)
        host = fake.base.removeprefix("http://")
        assert strangers(sent, host) == set()
        portrait = base64.b64encode(scenes.PORTRAIT.read_bytes())
        assert sum(portrait in content for _, _, content in sent) == 5  # one was busy first

    def test_a_connector_that_falls_back_on_another_host_is_noticed(
        self, scene, fake, pauses, sent, monkeypatch
    ):
        # The planted fault: where its own vendor is busy, it asks another one.
        class Faithless(Veo):
            def submit(self, job):
                try:
                    return super().submit(job)
                except NotSubmitted:
                    wire._breakers.clear()
                    return Veo("http://localhost:" + fake.base.rpartition(":")[2],
                               private=True).submit(job)  # fmt: skip

        offer(monkeypatch, Faithless(fake.base, private=True))
        rendered(asked(scene, MODEL, "RATE429", length_s="8"), [])
        assert strangers(sent, fake.base.removeprefix("http://")) != set()


class TestBreaker:
    def test_orders_nothing_for_a_minute_after_five_failures_and_then_tries(self, pauses):
        breaker = wire.Breaker()
        for _ in range(4):
            breaker.failed()
        breaker.check("it")
        breaker.failed()
        with pytest.raises(VendorBusy):
            breaker.check("it")
        pauses.append(60.1)
        breaker.check("it")
        breaker.failed()  # the trial fails as well
        with pytest.raises(VendorBusy):
            breaker.check("it")
        pauses.append(60.1)
        breaker.worked()
        breaker.failed()
        breaker.check("it")

    def test_is_one_for_each_vendor_and_model(self):
        assert wire.breaker("v", "a") is wire.breaker("v", "a")
        assert wire.breaker("v", "a") is not wire.breaker("v", "b")


class TestPatience:
    def test_grows_and_is_never_the_same_for_everybody(self):
        for turn in range(4):
            waits = {wire._patience_s(turn) for _ in range(20)}
            assert len(waits) > 1
            assert all(0.25 * 2**turn <= wait <= 0.5 * 2**turn for wait in waits)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestConsentBeforeTheOrder:
    """What would not be released is not bought, and no portrait leaves for it."""

    def withdraw(self, scene):
        with db.writing() as session:
            contract = session.get_one(Contract, scene.contract.id)
            contracts.withdraw_contract(session, contract, scene.desk.organization.id)

    def test_withdrawn_while_it_waited_for_a_worker(self, scene, veo, fake, pauses):
        generation_id = asked(scene, MODEL, "I waited.", length_s="8")
        self.withdraw(scene)
        rendered(generation_id, pauses)
        found = came(generation_id, fake, "waited")
        assert (found.state, found.hold, found.paid) == ("refused", "voided", 0)
        assert "REVOKED" in found.reason

    def test_withdrawn_while_the_vendor_was_busy(self, scene, veo, fake, pauses, monkeypatch):
        def busy(job):
            self.withdraw(scene)
            raise VendorBusy("too many orders")

        generation_id = asked(scene, MODEL, "I was put off.", length_s="8")
        with monkeypatch.context() as first:
            first.setattr(veo, "submit", busy, raising=False)
            with pytest.raises(VendorBusy):
                pipeline.render(generation_id)
        pipeline.render(generation_id)
        found = came(generation_id, fake, "put off")
        assert (found.hold, found.paid) == ("voided", 0)
        assert "REVOKED" in found.reason

    def test_a_vendor_without_credentials_stops_no_film_that_is_made(self, scene, monkeypatch):
        generation_id = asked(scene, MODEL, "Credentials go.", length_s="8")

        def forget(reference):
            raise VendorBusy("no credentials")

        monkeypatch.setattr(Veo, "forget", lambda self, reference: forget(reference))
        with db.writing() as session:
            session.get_one(Generation, generation_id).state = "rendered"
        assert pipeline.render(generation_id) is True
