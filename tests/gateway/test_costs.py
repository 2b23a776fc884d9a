"""A render that was stopped after a vendor was paid: booked as the contract says, reversibly."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import get_args, get_type_hints

import pytest
from sqlmodel import select

from app import db
from app.gateway import costs, pipeline
from app.gateway.generators import Price, catalogue
from app.gateway.models import Generation
from app.gateway.models_vendor_jobs import VendorJob
from app.identity import service as identity
from app.ledger import service as ledger
from app.ledger.check import check
from app.ledger.models import Hold, JournalEntry
from app.ledger.splits import half_up
from app.licensing.contracts import service as contracts
from app.licensing.contracts.models import Contract
from app.notices.models import Notice
from app.registry import service as registry
from app.registry.models import Performer
from tests import scenes

# 5 s at 0.41 USD: 2.05, of which half is 1.03 and 1.02.
PRICE = Price("second", "0.41", "USD", date(2026, 11, 27), "a list")
ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def a_scene(share):
    def agree(document):
        if share is not None:
            document["compensation"]["stopped_share"] = share

    with db.writing() as session:
        scene = scenes.offered(session, scenes.a_scene(session, signed=False), agree)
        scenes.sign(session, scene)
    return scene


@pytest.fixture(autouse=True)
def priced(monkeypatch):
    monkeypatch.setattr(costs.catalogue, "price_of", lambda model: PRICE)


def rendered(scene, *, bought=True):
    """Have a film stand signed, that a vendor delivered and bills."""
    with db.writing() as session:
        _, generation = scene.ask(session)
        assert generation is not None
        generation.state, generation.output_sha256 = "signed", "0" * 64
        if bought:
            job = VendorJob(
                generation_id=generation.id, vendor="google", model="m", state="delivered",
                reference="op_1",
            )  # fmt: skip
            session.add(job)
    return generation.id


def withdraw(scene):
    with db.writing() as session:
        key, _ = identity.create_api_key(session, scene.desk.organization, name="desk")
        contract = session.get_one(Contract, scene.contract.id)
        contracts.withdraw_contract(
            session, contract, scene.desk.organization.id, api_key_id=key.id
        )


def pause(scene):
    with db.writing() as session:
        registry.pause(session, session.get_one(Performer, scene.performer.id))


def lose_hold(scene):
    with db.writing() as session:
        for hold in session.exec(select(Hold)):
            ledger.void_hold(session, hold.generation_id, reason="lost")


def booked():
    with db.reading() as session:
        found = check(session)
        assert found.ok, found.first_difference
        return {account: minor for (account, _), minor in ledger.balances(session).items() if minor}


@pytest.mark.parametrize("stop", [withdraw, pause, lose_hold])
def test_a_stopped_render_is_shared_as_the_contract_says_and_both_sides_are_told(database, stop):
    scene = a_scene("0.5")
    generation_id = rendered(scene)
    stop(scene)
    pipeline.release(generation_id)
    pipeline.release(generation_id)
    assert booked() == {
        "licensee:receivable": 103,
        "platform:stopped_renders": 102,
        "vendor:google:payable": -205,
    }
    with db.reading() as session:
        generation = session.get_one(Generation, generation_id)
        assert (generation.state, generation.released_at) == ("refused", None)
        used = ledger.used_and_unpaid(session.connection(), scene.contract.series_id)
        told = session.exec(select(Notice).where(Notice.kind == "render-stopped")).all()
    assert (used.seconds, used.renders) == (0, 0)
    sides = {scene.desk.organization.id, scene.production.organization.id}
    assert {each.organization_id for each in told} == sides


def test_every_price_in_the_catalogue_reckons_a_bill():
    film = Generation(
        organization_id="org_1", decision_id="dec_1", generator="m", line="x" * 1000,
        length_ms=1000, request={},
    )  # fmt: skip
    priced = [
        (capability.model, capability.price)
        for generator in catalogue.offered()
        for capability in generator.capabilities()
        if capability.price is not None
    ]
    units = set(get_args(get_type_hints(Price)["unit"]))
    assert {price.unit for _, price in priced} <= units
    for unit in units:  # what one of anything costs, at 0.41 USD
        assert costs.bill_of(replace(PRICE, unit=unit), film) == 41
    for model, price in priced:
        assert costs.bill_of(price, film) == half_up(Fraction(price.amount) * 100), model


@ONE_DATABASE
class TestBill:
    @pytest.mark.parametrize(("share", "licensee", "platform"), [("1", 205, 0), ("0", 0, 205)])
    def test_is_the_licensees_or_the_platforms_and_can_be_reversed(
        self, database, share, licensee, platform
    ):
        scene = a_scene(share)
        generation_id = rendered(scene)
        withdraw(scene)
        pipeline.release(generation_id)
        wanted = {"licensee:receivable": licensee, "platform:stopped_renders": platform}
        assert booked() == {k: v for k, v in wanted.items() if v} | {"vendor:google:payable": -205}
        with db.writing() as session:
            entry = session.exec(select(JournalEntry)).one()
            ledger.reverse_entry(session, entry, reason="the vendor billed nothing")
        assert booked() == {}

    def test_is_nobodys_where_nothing_was_bought_or_the_contract_does_not_say(self, database):
        for share, bought in (("1", False), (None, True)):
            scene = a_scene(share)
            generation_id = rendered(scene, bought=bought)
            withdraw(scene)
            pipeline.release(generation_id)
        assert booked() == {}

    def test_is_not_asked_of_a_render_that_was_released(self, database):
        scene = a_scene("1")
        pipeline.release(rendered(scene))
        assert "vendor:google:payable" not in booked()
