"""What left for a vendor is recorded before it leaves, and gone once the vendor confirms it."""

import json
from datetime import timedelta

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from sqlmodel import select
from typer.testing import CliRunner

from app import cli, clock, db, keys, vault
from app.gateway import vendor_copies
from app.gateway.generators import catalogue
from app.gateway.generators.omni import Omni
from app.gateway.models import Generation
from app.gateway.models_vendor_copies import VendorCopy
from app.identity import service as identity
from app.identity.principal import Principal
from app.licensing.contracts import service as contracts
from app.licensing.contracts.models import Contract
from app.privacy import erasure
from app.registry.models import Performer
from tests import scenes
from tests.gateway.vendors.story import asked, configure, offer, rendered
from tests.providers.fakes import core

MODEL = "google/gemini-omni-1.2-flash"


@pytest.fixture
def omni(fake, monkeypatch):
    connector = Omni(fake.base, private=True)
    connector.film_limit_bytes = 200_000
    offer(monkeypatch, connector)
    return connector


@pytest.fixture
def scene(database):
    configure("google-ai", "key")
    with db.writing() as session:
        return scenes.a_scene(session, generator=MODEL, quota={"max_seconds": 1000})


def copies():
    with db.reading() as session:
        return session.exec(select(VendorCopy).order_by(VendorCopy.id)).all()


def a_voice(scene, reference="voice_1", vendor="google-ai"):
    with db.writing() as session:
        return vendor_copies.sent(
            session,
            vendor=vendor,
            kind="voice",
            what="a clone of the voice",
            performer_id=scene.performer.id,
            contract_id=scene.contract.id,
            reference=reference,
        )


class TestJob:
    def test_is_recorded_before_the_call_and_gone_once_the_film_is_here(
        self, scene, omni, fake, pauses
    ):
        generation_id = asked(scene, MODEL, "kept", length_s="8")
        rendered(generation_id, pauses)
        (copy,) = copies()
        assert (copy.vendor, copy.kind, copy.generation_id) == ("google-ai", "job", generation_id)
        assert (copy.state, copy.performer_id) == ("deleted", scene.performer.id)
        assert all(job.deleted for job in core.JOBS.values())

    def test_of_which_nobody_can_tell_is_named_without_a_reference(self, scene, omni, fake, pauses):
        rendered(asked(scene, MODEL, "CUTREPLY", length_s="8"), pauses)
        (copy,) = copies()
        assert (copy.reference, copy.state) == (None, "kept")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestDeletion:
    def test_is_asked_again_until_the_vendor_confirms(self, scene, omni, fake, pauses, monkeypatch):
        with monkeypatch.context() as deaf:
            deaf.setattr(omni, "forget", lambda reference: False)
            rendered(asked(scene, MODEL, "stubborn", length_s="8"), pauses)
        configure("google-ai", "key-403")
        assert vendor_copies.delete_due() == 0
        (copy,) = copies()
        assert (copy.state, copy.tries) == ("asked", 1)
        assert "(403)" in copy.detail
        assert vendor_copies.delete_due() == 0
        assert copies()[0].tries == 1  # not before its turn
        configure("google-ai", "key")
        pauses.append(61.0)
        assert vendor_copies.delete_due() == 1
        assert copies()[0].state == "deleted"
        assert all(job.deleted for job in core.JOBS.values())

    def test_of_what_the_vendor_knows_no_more_is_done(self, scene, omni, fake, pauses, monkeypatch):
        with monkeypatch.context() as deaf:
            deaf.setattr(omni, "forget", lambda reference: False)
            rendered(asked(scene, MODEL, "lost", length_s="8"), pauses)
        core.JOBS.clear()
        assert vendor_copies.delete_due() == 1
        assert "knows it no more" in copies()[0].detail

    def test_that_is_never_confirmed_is_left_to_a_person(self, scene, omni, fake, pauses):
        a_voice(scene)
        withdraw(scene)
        for _ in range(vendor_copies.TRIES):
            configure("google-ai", "key-403")
            omni.delete = lambda kind, reference: omni._ask("DELETE", reference)
            assert vendor_copies.delete_due() == 0
            pauses.append(timedelta(days=1).total_seconds())
        (copy,) = copies()
        assert (copy.state, copy.tries) == ("unconfirmed", vendor_copies.TRIES)
        listed = CliRunner().invoke(cli.app, ["generators", "copies", "list"]).output
        assert copy.id in listed
        done = ["generators", "copies", "confirm", copy.id, "--note", "Letter of 1 December"]
        assert CliRunner().invoke(cli.app, done).exit_code == 0
        assert copies()[0].state == "deleted"


def withdraw(scene):
    with db.writing() as session:
        contract = session.get_one(Contract, scene.contract.id)
        key, _ = identity.create_api_key(session, scene.desk.organization, name="desk")
        contracts.withdraw_contract(
            session, contract, scene.desk.organization.id, api_key_id=key.id
        )


class Keeper:
    """A vendor that keeps voices, and what it was asked to delete."""

    name = "keeper"

    def __init__(self):
        self.asked = []

    def capabilities(self):
        return ()

    def delete(self, kind, reference):
        self.asked.append((kind, reference))
        return True


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestConsent:
    def test_withdrawn_has_a_voice_deleted_once_nothing_is_being_made(
        self, scene, omni, fake, monkeypatch
    ):
        keeper = Keeper()
        monkeypatch.setattr(catalogue, "offered", lambda: (omni, keeper))
        a_voice(scene, vendor="keeper")
        assert vendor_copies.delete_due() == 0
        flying = asked(scene, MODEL, "flying", length_s="8")
        withdraw(scene)
        assert vendor_copies.delete_due() == 0
        with db.writing() as session:
            session.get_one(Generation, flying).state = "failed"
        assert vendor_copies.delete_due() == 1
        assert keeper.asked == [("voice", "voice_1")]

    def test_erased_names_in_the_certificate_what_nobody_confirmed(
        self, scene, omni, fake, pauses, monkeypatch
    ):
        keeper = Keeper()
        monkeypatch.setattr(catalogue, "offered", lambda: (omni, keeper))
        a_voice(scene, "deleted", vendor="keeper")
        a_voice(scene, "remains", vendor="nobody-knows")
        with db.writing() as session:
            performer = session.get_one(Performer, scene.performer.id)
            key, _ = identity.create_api_key(session, scene.desk.organization, name="desk")
            by = Principal(scene.desk.organization.id, "performer", key.id)
            made = erasure.erase(session, performer, by=by, confirmed=performer.id)
        with db.writing() as session:
            vault.finish_erasure(session, scene.performer.id)
        assert vendor_copies.delete_due() == 1
        with db.reading() as session:
            text = erasure.certificate(session, made)
        key = ECKey.import_key(keys.public_pem("status").decode())
        said = json.loads(jws.deserialize_compact(text, key, algorithms=["ES256"]).payload)
        (left,) = said["vendor_copies"]
        assert (left["vendor"], left["reference"]) == ("nobody-knows", "remains")
        assert left["state"] == "unconfirmed"
        assert said["vendor_copies_as_of"] <= clock.now().isoformat().replace("+00:00", "Z")
