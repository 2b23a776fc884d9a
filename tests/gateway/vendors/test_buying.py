"""One paid job for one generation, whatever happens between the intent and the reply."""

import threading
from datetime import timedelta

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from app import cli, db
from app.gateway import pipeline, resting, service
from app.gateway.errors import GeneratorUnavailable, JobNotOffered
from app.gateway.generators import wire
from app.gateway.generators.errors import MaybeSubmitted, VendorBusy, VendorSilent
from app.gateway.generators.veo import Veo
from app.gateway.models import Generation
from app.ledger import service as ledger
from app.ledger.models import Hold
from app.licensing.contracts import service as contracts
from app.licensing.contracts.models import Contract
from app.vault import VaultOpening
from tests import scenes
from tests.gateway.vendors.story import (
    asked,
    at_rest,
    came,
    configure,
    offer,
    rendered,
    unconfigure,
)
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
    configure_google()
    with db.writing() as session:
        return scenes.a_scene(session, generator=MODEL, quota={"max_seconds": 1000})


def configure_google():
    configure(GOOGLE, "key", **PLACE)


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
        unconfigure(GOOGLE)  # renewed by the operator, just then
        assert pipeline.render(generation_id) is False
        assert at_rest(generation_id)  # nobody can ask now; the job is not given up for that
        configure_google()
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
        unconfigure(GOOGLE)
        with db.writing() as session, pytest.raises(GeneratorUnavailable, match="credentials set"):
            scene.ask(session, generator=MODEL, length_s="8")

    def test_sora_is_refused_with_the_day_it_was_shut_down(self, scene, veo):
        with db.writing() as session, pytest.raises(GeneratorUnavailable, match="24 September"):
            scene.ask(session, generator="openai/sora-2", length_s="8")


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

    def test_withdrawn_while_nobody_knew_whether_it_was_ordered(
        self, scene, veo, fake, monkeypatch
    ):
        sent = []

        def lose(job):
            sent.append(job)
            raise MaybeSubmitted("the reply is lost")

        monkeypatch.setattr(veo, "idempotent", True, raising=False)
        monkeypatch.setattr(veo, "submit", lose, raising=False)
        generation_id = asked(scene, MODEL, "I was lost.", length_s="8")
        with pytest.raises(VendorBusy):
            pipeline.render(generation_id)
        before = len(openings())
        self.withdraw(scene)
        assert pipeline.render(generation_id) is False
        # Not sent again, not even under the same key; nothing is opened; a person settles it.
        assert (len(sent), len(openings())) == (1, before)
        found = came(generation_id, fake, "lost")
        assert (found.state, found.job, found.hold) == ("submitting", "unknown", "placed")
        assert "REVOKED" in found.reason

    def test_a_vendor_without_credentials_stops_no_film_that_is_made(self, scene, monkeypatch):
        generation_id = asked(scene, MODEL, "Credentials go.", length_s="8")

        def forget(reference):
            raise VendorBusy("no credentials")

        monkeypatch.setattr(Veo, "forget", lambda self, reference: forget(reference))
        with db.writing() as session:
            session.get_one(Generation, generation_id).state = "rendered"
        assert pipeline.render(generation_id) is True


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestRest:
    """While a vendor renders no worker waits; the rounds ask, and take the story up again."""

    def test_a_hundred_running_jobs_take_no_slot_and_are_each_asked_about_when_due(
        self, scene, veo, fake, pauses, monkeypatch
    ):
        veo.poll_s = 10.0
        ids = [asked(scene, MODEL, f"HANG {n}", length_s="8") for n in range(3)]
        for generation_id in ids:
            assert pipeline.render(generation_id) is False  # the stage ends: the slot is free
            assert pipeline.render(generation_id) is False  # as after a takeover: nothing is bought
        portraits = [opened for opened in openings() if opened.purpose == "render"]
        assert len(portraits) == len(ids)  # none is opened again for a job that was sent
        with db.reading() as session:
            assert resting.due(session) == []
        pauses.append(10.1)
        with db.reading() as session:
            assert {id_ for id_, _ in resting.due(session)} == set(ids)
        asked_about = []
        real = veo.poll
        monkeypatch.setattr(veo, "poll", lambda ref: (asked_about.append(ref), real(ref))[1])
        for _ in range(3):  # three workers make their rounds at once
            for generation_id in ids:
                resting.look_in(generation_id)
        assert len(asked_about) == len(ids)
        assert all(waiting(generation_id) == [""] for generation_id in ids)

    def test_what_has_ended_is_another_chapter_and_a_worker_that_died_asking_holds_up_nothing(
        self, scene, veo, fake, pauses, monkeypatch
    ):
        generation_id = asked(scene, MODEL, "SLOW", length_s="8")
        assert pipeline.render(generation_id) is False
        pauses.append(veo.poll_s)

        def die(_reference):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(veo, "poll", die)
            with pytest.raises(KeyboardInterrupt):
                resting.look_in(generation_id)
        with db.reading() as session:
            assert resting.due(session) == []  # it may still be asking
        pauses.append(resting.ASKING.total_seconds())
        resting.look_in(generation_id)
        assert at_rest(generation_id)
        pauses.append(veo.poll_s)
        resting.look_in(generation_id)
        assert not at_rest(generation_id)
        assert waiting(generation_id) == ["asked-1"]
        assert pipeline.render(generation_id) is True

    def test_a_worker_makes_the_rounds_and_a_silent_vendor_holds_up_no_other(
        self, scene, veo, fake, pauses, monkeypatch
    ):
        hanging, fine = threading.Event(), threading.Event()
        monkeypatch.setattr(resting, "due", lambda _session: [("one", "slow"), ("two", "quick")])
        monkeypatch.setattr(
            resting, "look_in", lambda id_: hanging.wait(20) if id_ == "one" else fine.set()
        )
        rounds = resting.Rounds()
        rounds.go()
        rounds.go()
        assert fine.wait(20)
        hanging.set()
        rounds.stop()


def openings():
    with db.reading() as session:
        return session.exec(select(VaultOpening)).all()
