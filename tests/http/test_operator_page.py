"""The operator's page: for operators alone; what is settled there, the production feels."""

from datetime import timedelta

import pytest
from sqlmodel import select

from app import config, db
from app.gateway import buying
from app.gateway.generators.errors import VendorSilent
from app.gateway.models import Generation
from app.gateway.models_vendor_jobs import VendorJob
from app.identity.models_people import Membership, Person
from app.trail import OperatorAct
from tests.http.house import a_house
from tests.http.test_performer_pages import joined, shown
from tests.identity.authenticator import ORIGIN
from tests.people.arriving import an_operator
from tests.people.visiting import everything, later, refused

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]


@pytest.fixture
def house(client, served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return a_house(client)


@pytest.fixture
def olga(served, house):
    return an_operator(served)


def members_called(name):
    with db.reading() as session:
        who = select(Membership.id).join(Person, Person.id == Membership.person_id)
        return session.exec(who.where(Person.name == name)).all()


def known_for_days():
    """Have everybody who is here be known for eight days: they count where it takes two."""
    with db.writing() as session:
        for each in session.exec(select(Membership)):
            each.created_at -= timedelta(days=8)
            session.add(each)


def a_lost_job():
    """A generation whose order got no answer."""
    with db.writing() as session:
        generation = session.exec(select(Generation)).one()
        generation.state, generation.generator = "submitting", "runway/gen4"
        session.add_all(
            (generation, VendorJob(generation_id=generation.id, vendor="runway",
                                   model="runway/gen4", state="unknown", detail="cut off"))
        )  # fmt: skip
        return generation.id


class TestWhoMayLook:
    def test_only_operators_and_they_no_more_from_the_moment_they_are_removed(
        self, served, house, olga
    ):
        page = shown(olga, "/operator")
        for said in ("The rules", "The public log", "Keys, and when they end", "✓ today"):
            assert said in page
        felix = joined(served, house.scene.production.organization, "Felix")
        refused(felix.open("/operator"), "not-allowed")
        an_operator(served, "Otto")
        third = an_operator(served, "Ada")
        for each in members_called("Olga"):
            third.open("/operator/members")
            gone = third.send(f"/memberships/{each}/end", back="/operator/members")
            assert gone.headers["location"] == "/operator/members"
        for path in ("/operator", "/operator/members"):
            refused(olga.open(path), "not-allowed")


class TestLostOrders:
    def test_one_that_is_not_there_is_ended_and_its_money_let_go(self, house, olga, monkeypatch):
        house.ask()
        lost = a_lost_job()
        assert "cut off" in shown(olga, "/operator")
        olga.send(f"/operator/jobs/{lost}/absent")
        assert house.get(f"/v1/generations/{lost}").json()["state"] == "failed"
        assert "cut off" not in shown(olga, "/operator")
        (act,) = [each for each in everything(OperatorAct) if "absent" in each.words]
        assert act.stated_name.startswith("psn_")

    def test_one_that_is_there_goes_on_only_if_the_vendor_knows_it(self, house, olga, monkeypatch):
        house.ask()
        lost = a_lost_job()
        asked = []

        def settle(generation_id, reference):
            asked.append((generation_id, reference))
            raise VendorSilent("the vendor knows no such job")

        monkeypatch.setattr(buying, "settle_found", settle)
        shown(olga, "/operator")
        answer = olga.send(f"/operator/jobs/{lost}/found", reference="job-1")
        assert answer.status_code >= 400
        assert asked == [(lost, "job-1")]

    def test_nobody_else_settles_and_nobody_without_a_fresh_passkey(
        self, served, house, olga, monkeypatch
    ):
        house.ask()
        lost = a_lost_job()
        felix = joined(served, house.scene.production.organization, "Felix")
        shown(felix, "/account")
        refused(felix.send(f"/operator/jobs/{lost}/absent"), "not-allowed")
        shown(olga, "/operator")
        later(monkeypatch, minutes=6)
        assert olga.send(f"/operator/jobs/{lost}/absent").headers["location"] == "/confirm"
        with db.reading() as session:
            assert session.get_one(VendorJob, lost).state == "unknown"
