"""Budgets and keys of a production at its pages: what is set counts, a secret is shown once."""

import re
from datetime import timedelta

import pytest
from sqlmodel import select

from app import clock, config, db
from app.access import ACTIONS
from app.gateway import budgets
from app.gateway.models_budgets import Budget
from app.identity import api_keys
from app.identity.models import ApiKey
from app.identity.models_people import Membership
from app.twofold import making
from app.twofold import service as twofold
from app.twofold.models import TwofoldAct
from app.web import production_house
from tests.http.browser import Browser
from tests.http.house import House, a_house, assert_problem
from tests.http.test_catalogue_pages import _queries
from tests.http.test_performer_pages import SCRIPT, joined, shown
from tests.identity.authenticator import ORIGIN
from tests.people.visiting import everything, later, refused

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
BUDGETS, KEYS = "/production/budgets", "/production/keys"


@pytest.fixture
def house(client, served, monkeypatch) -> House:
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return a_house(client)


@pytest.fixture
def felix(served, house) -> Browser:
    return joined(served, house.scene.production.organization, "Felix")


def become(house: House, **said: object) -> None:
    """Change what Felix is in the production."""
    with db.writing() as session:
        theirs = Membership.organization_id == house.scene.production.organization.id
        membership = session.exec(select(Membership).where(theirs)).one()
        for name, value in said.items():
            setattr(membership, name, value)
        session.add(membership)


def text_on(page: str) -> str:
    return re.search(r"<code>(ustk_\w+?_[\w-]+)</code>", page)[1]


def make(browser: Browser, **said: object):
    shown(browser, KEYS)
    fields = {"name": "Render farm", "days": "90", "actions": ["read", "ask"], **said}
    return browser.send(KEYS, **fields)


def agreed() -> None:
    """Have it as if two people agreed to what was proposed last: tests/people/test_twofold.py."""
    with db.writing() as session:
        act = session.exec(select(TwofoldAct).order_by(TwofoldAct.id.desc()).limit(1)).one()
        act.settled_at = clock.now()
        making.put_in_force(session, act)


class TestBudgets:
    def test_what_an_approver_sets_stops_what_goes_beyond_and_shows_what_is_used(
        self, house, felix
    ):
        assert "Nothing limits what you use." in shown(felix, BUDGETS)
        assert house.ask().status_code == 201
        answer = felix.send(BUDGETS, project="NIGHTGLASS", currency="eur", total="100.00")
        assert answer.status_code == 303, answer.text
        page = shown(felix, BUDGETS)
        assert "project NIGHTGLASS" in page
        assert "<b>62.50 EUR</b> of 100.00 EUR" in page
        assert_problem(house.ask(), 409, "budget-exceeded")
        felix.send(BUDGETS, project="NIGHTGLASS", currency="EUR")
        assert "No limit any more." in shown(felix, BUDGETS)
        assert house.ask().status_code == 201

    def test_are_an_approvers_and_of_what_there_is(self, house, felix):
        shown(felix, BUDGETS)
        for wrong in (
            {"project": "P", "total": "x"}, {"project": "P", "seconds": "-1"}, {"project": ""},
            {"project": "P", "contract_id": "con_1"}, {"contract_id": "con_of_nobody"},
            {"project": "P", "at_once": "9" * 20}, {"project": "P", "currency": "XXX"},
        ):  # fmt: skip
            answer = felix.send(BUDGETS, **{"currency": "EUR", **wrong})
            assert 400 <= answer.status_code < 500, wrong
            assert answer.headers["content-type"].startswith("text/html")
        become(house, role="production_member")
        refused(felix.send(BUDGETS, project="P", currency="EUR", total="1"), "not-allowed")
        assert "Set these limits" not in shown(felix, BUDGETS)
        assert everything(Budget) == []

    def test_take_no_more_queries_when_there_are_many(self, house, felix):
        counts = []
        for number in (1, 12):
            with db.writing() as session:
                for each in range(number):
                    budgets.set_budget(
                        session,
                        house.scene.production.organization.id,
                        project=f"P{number}-{each} {SCRIPT}",
                        currency="EUR",
                        limits={"total_minor": 100, "daily_seconds": 5},
                    )
            counts.append(_queries(lambda: shown(felix, BUDGETS)))
        assert counts[0] == counts[1]
        assert SCRIPT not in felix.page


class TestKeys:
    def test_say_what_each_may_do_as_programs_are_told_and_in_the_readers_language(
        self, house, felix
    ):
        assert production_house.ACTS == ACTIONS
        page = shown(felix, KEYS)
        assert "<b>strike</b>: propose and confirm a strike" in page
        felix.client.headers["accept-language"] = "es"
        page = shown(felix, KEYS)
        assert "<b>huelga</b>: proponer y confirmar una huelga" in page
        assert not [words for words in ACTIONS.values() if words in page]

    def test_one_that_is_made_opens_what_was_ticked_and_is_shown_once(self, house, felix):
        make(felix, name="Narrow", projects="NIGHTGLASS, HARBOUR")
        agreed()
        made = make(felix, name=f"Farm {SCRIPT}")
        assert made.status_code == 201
        assert "It opens nothing yet." in made.text
        assert SCRIPT not in made.text
        text = text_on(made.text)
        bearer = {"Authorization": f"Bearer {text}"}
        assert house.client.get("/v1/generations", headers=bearer).status_code == 401
        agreed()
        assert text not in shown(felix, KEYS)
        assert "may ask, read, for HARBOUR, NIGHTGLASS alone" in felix.page
        asked = house.client.post(
            "/v1/generations", headers=bearer | {"Idempotency-Key": "1"}, json=house.scene.body()
        )
        assert asked.status_code == 403
        key_id = re.search(r"/production/keys/(key_\w+)/revocation", felix.page)[1]
        revoked = felix.send(f"{KEYS}/{key_id}/revocation")
        assert revoked.status_code == 303
        again = house.client.get("/v1/generations", headers=bearer)
        assert again.status_code == 401, again.text
        assert "✕ revoked" in shown(felix, KEYS)

    def test_one_is_replaced_once_two_people_agreed(self, house, felix, served, monkeypatch):
        old = text_on(make(felix).text)
        agreed()
        key_id = re.search(r"/production/keys/(key_\w+)/rotation", shown(felix, KEYS))[1]
        proposed = felix.send(f"{KEYS}/{key_id}/rotation", hours="24")
        assert proposed.status_code == 201
        assert "It opens nothing yet." in proposed.text
        new = text_on(proposed.text)

        def opens(text: str) -> bool:
            headers = {"Authorization": f"Bearer {text}"}
            return house.client.get("/v1/generations", headers=headers).status_code == 200

        assert (opens(old), opens(new)) == (True, False)
        act = everything(TwofoldAct)[-1]
        later(monkeypatch, hours=80)
        with db.writing() as session:
            members = session.exec(select(Membership)).all()
            (person_id,) = {each.person_id for each in members}
            twofold.agree(session, act.id, person_id)
        later(monkeypatch, hours=80)
        with db.writing() as session:
            settled = twofold.agree(session, act.id, person_id)
            from app.twofold import rotation

            rotation.put_in_force(session, settled)
        assert (opens(old), opens(new)) == (True, True)
        later(monkeypatch, hours=25)
        assert (opens(old), opens(new)) == (False, True)

    def test_are_an_administrators_with_a_passkey_used_lately(self, house, felix, monkeypatch):
        make(felix)
        key_id = re.search(r"/production/keys/(key_\w+)/rotation", shown(felix, KEYS))[1]
        become(house, is_admin=False)
        before = everything(ApiKey)
        refused(felix.send(KEYS, name="x", days="1", actions="read"), "not-allowed")
        for act in ("rotation", "revocation"):
            refused(felix.send(f"{KEYS}/{key_id}/{act}"), "not-allowed")
        assert "Ask for this key" not in felix.client.get(KEYS).text
        become(house, is_admin=True)
        shown(felix, KEYS)
        later(monkeypatch, minutes=10)
        stale = felix.send(KEYS, name="x", days="1", actions="read")
        assert stale.headers["location"] == "/confirm"
        assert everything(ApiKey) == before

    def test_refuses_what_is_no_key_and_what_stands_for_a_person(self, house, felix):
        shown(felix, BUDGETS)
        felix.send(BUDGETS, project="P", currency="EUR", at_once="1")
        for wrong in ({"actions": []}, {"actions": "fly"}, {"name": "psn_1 at a page"}):
            assert make(felix, **wrong).status_code in (400, 409, 422), wrong
        with db.writing() as session:
            production = house.scene.production.organization.id
            (membership,) = session.exec(select(Membership)).all()
            row = api_keys.row_at_pages(session, production, membership.person_id).id
        assert "opens nothing" in shown(felix, KEYS)
        for act in ("rotation", "revocation"):
            assert felix.send(f"{KEYS}/{row}/{act}").status_code >= 400

    def test_take_no_more_queries_when_there_are_many(self, house, felix):
        counts = []
        for number in (1, 12):
            with db.writing() as session:
                for each in range(number):
                    api_keys.create_api_key(
                        session,
                        house.scene.production.organization,
                        name=f"k{each}",
                        expires_at=clock.now() + timedelta(days=1),
                    )
            counts.append(_queries(lambda: shown(felix, KEYS)))
        assert counts[0] == counts[1]
