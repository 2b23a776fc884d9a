"""The catalogue: who asked to be found is found, and a license is one passkey away."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session, select

from app import clock, config, db
from app.identity import service as identity
from app.identity.models import SigningKey
from app.identity.models_people import Membership
from app.identity.principal import Principal
from app.licensing.contracts import service as licensing
from app.licensing.contracts.models import Contract
from app.licensing.standing import standing_document
from app.licensing.standing.models import StandingOffer
from app.registry import listing
from app.registry.models import Performer
from tests.http.browser import Browser
from tests.http.house import House, a_house, a_standing_offer, assert_problem
from tests.http.test_performer_pages import SCRIPT, joined, shown
from tests.identity.authenticator import ORIGIN
from tests.people.visiting import refused

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
PRODUCTIONS = {"kinds": ["production"]}
ABOUT = "Period drama, Dutch and English."
TERMS = {
    "born_on": "1990-05-04",
    "rate": "12.50",
    "least": "50.00",
    "total": "1000.00",
    "currency": "eur",
    "seconds": "60",
    "times": "2",
    "territories": "EU, US",
    "languages": "en",
    "generator": "local/puppet-1",
    "tz": "Europe/Amsterdam",
}


@pytest.fixture
def served_here(served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return served


@pytest.fixture
def house(client, served_here) -> House:
    """A performer and a production without a contract between them."""
    return a_house(client, signed=False)


@pytest.fixture
def griet(served_here, house) -> Browser:
    return joined(served_here, house.scene.desk.organization)


@pytest.fixture
def felix(served_here, house) -> Browser:
    return joined(served_here, house.scene.production.organization, "Felix")


def choose(browser: Browser, house: House, *, listed: bool = True, about: str = ABOUT) -> None:
    shown(browser, "/performer/catalogue")
    said = {"listed": "true" if listed else "false", "about": about}
    answer = browser.send("/performer/catalogue", performer_id=house.scene.performer.id, **said)
    assert answer.status_code == 303, answer.text


def drafted(browser: Browser, house: House, **changes: str) -> str:
    """Fill in the performer's form; return where the draft is read."""
    shown(browser, "/performer/catalogue")
    until = (clock.now() + timedelta(days=90)).date().isoformat()
    fields = {**TERMS, "performer_id": house.scene.performer.id, "until": until, **changes}
    answer = browser.send("/performer/offers", **fields)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def sign(browser: Browser, path: str) -> Any:
    shown(browser, path)
    return browser.prove(path, browser.device.get(browser.options()))


class TestBeingFound:
    def test_is_the_performers_choice_and_nobody_elses(self, house, griet, felix):
        assert "Nobody finds you here." in shown(griet, "/performer/catalogue")
        assert "Nobody is in the catalogue yet." in shown(felix, "/production/catalogue")
        theirs = f"/production/catalogue/{house.scene.performer.id}"
        refused(felix.open(theirs), "performer-unknown")
        path = f"/v1/performers/{house.scene.performer.id}/listing"
        for who in ("production", "agency"):
            assert_problem(house.post(path, who, json={"listed": True}), 404, "performer-unknown")
        choose(griet, house, about=f"{ABOUT} {SCRIPT}")
        assert "Productions can find you." in shown(griet, "/performer/catalogue")
        page = shown(felix, "/production/catalogue")
        assert "The Girl" in page
        assert ABOUT in page
        assert SCRIPT not in page
        assert ABOUT in shown(felix, theirs)
        assert house.get(path, "desk").json()["listed"] is True
        choose(griet, house, listed=False)
        assert "The Girl" not in shown(felix, "/production/catalogue")
        assert house.get("/v1/catalogue", "stranger").json()["items"] == []

    def test_takes_no_more_queries_for_more_performers(self, house, felix):
        counts = []
        for more in (1, 12):
            with db.writing() as session:
                _list_more(session, house, more)
            offer = a_standing_offer(house, licensees=PRODUCTIONS, closes_at=_in_days(20 + more))
            assert offer
            counts.append(_queries(lambda: shown(felix, "/production/catalogue?medium=")))
        assert counts[0] == counts[1]


class TestLicenseInMinutes:
    def test_from_a_performers_words_to_a_scene(self, house, griet, felix):
        choose(griet, house)
        draft = drafted(griet, house)
        theirs = draft.replace("/performer/", "/production/")
        refused(felix.open(theirs), "standing-offer-not-found")
        assert sign(griet, draft).status_code == 303
        page = shown(felix, "/production/catalogue?medium=svod&territory=US")
        assert "12.50 EUR" in page
        assert theirs in page
        signed = sign(felix, theirs)
        assert signed.status_code == 303, signed.text
        scene = signed.headers["location"]
        assert "What shall The Girl say?" in shown(felix, scene)
        priced = felix.send(
            scene, line="I hold the light.", length_s="5", project="NIGHTGLASS",
            purpose="film_scene", medium="svod", territories="US", language="en",
            generator="local/puppet-1", once=felix.value("once"),
        )  # fmt: skip
        assert "Yes, you could." in priced.text
        assert "You have this license." in shown(felix, theirs)
        assert "1 accepted so far." in shown(griet, draft)
        assert "Nightglass Pictures" in shown(griet, "/performer/contracts")

    def test_holds_for_who_checks_it_offline(self, house, griet, felix):
        choose(griet, house)
        draft = drafted(griet, house)
        sign(griet, draft)
        sign(felix, draft.replace("/performer/", "/production/"))
        with db.reading() as session:
            (contract,) = session.exec(
                select(Contract).where(Contract.document.contains("standing_offer"))
            )
            offer = session.exec(select(StandingOffer)).one()
            signed = {each.role: each for each in licensing.signatures_of(session, contract)}
            jwks = {
                role: session.get_one(SigningKey, each.signing_key_id).public_jwk
                for role, each in signed.items()
            }
            texts = {role: each.jws for role, each in signed.items()}
            both = contract.document.encode(), offer.document.encode()
        assert standing_document.holds(*both, texts, jwks)
        altered = offer.document.replace('"executions":2', '"executions":9')
        assert not standing_document.holds(both[0], altered.encode(), texts, jwks)
        swapped = {"performer": texts["licensee"], "licensee": texts["performer"]}
        assert not standing_document.holds(*both, swapped, jwks)

    def test_one_word_changed_behind_our_back_and_every_use_is_denied(self, house, griet, felix):
        choose(griet, house)
        draft = drafted(griet, house)
        sign(griet, draft)
        sign(felix, draft.replace("/performer/", "/production/"))
        ask = {"territories": ["US"], "medium": "svod"}
        assert house.ask(**ask).status_code == 201
        with db.writing() as session:
            offer = session.exec(select(StandingOffer)).one()
            offer.document = offer.document.replace('"executions":2', '"executions":9')
        assert_problem(house.ask(**ask), 403, "generation-denied")

    def test_is_an_approvers_act(self, house, griet, felix, served_here):
        choose(griet, house)
        draft = drafted(griet, house)
        sign(griet, draft)
        at = draft.replace("/performer/", "/production/")
        shown(felix, at)
        answer = felix.device.get(felix.options())
        with db.writing() as session:
            for each in session.exec(select(Membership)):
                if each.organization_id == house.scene.production.organization.id:
                    each.role = "production_member"
        refused(felix.prove(at, answer), "not-allowed")
        assert "Signing is for one of its approvers." in shown(felix, at)

    def test_ends_when_it_is_taken_back(self, house, griet, felix):
        choose(griet, house)
        draft = drafted(griet, house)
        sign(griet, draft)
        at = draft.replace("/performer/", "/production/")
        shown(felix, at)
        answer = felix.device.get(felix.options())
        ceremony, token = felix.value("ceremony"), felix.page
        shown(griet, draft)
        assert griet.send(f"{draft}/retraction").status_code == 303
        felix.page = token
        late = felix.send(at, ceremony=ceremony, answer=json.dumps(answer))
        refused(late, "standing-offer-not-found")
        refused(felix.open(at), "standing-offer-not-found")
        assert "12.50 EUR" not in shown(felix, "/production/catalogue")

    def test_refuses_terms_that_do_not_fit_in_words(self, house, griet):
        for wrong in (
            {"rate": "x"}, {"total": "1.234"}, {"currency": "XXX"}, {"times": "0"},
            {"territories": "NOWHERE"}, {"languages": "klingon-x"}, {"until": "2020-01-01"},
            {"tz": "Mars/Base"}, {"born_on": "yesterday"},
        ):  # fmt: skip
            shown(griet, "/performer/catalogue")
            until = _in_days(90)[:10]
            fields = {"performer_id": house.scene.performer.id, "until": until, **TERMS, **wrong}
            answer = griet.send("/performer/offers", **fields)
            assert 400 <= answer.status_code < 500, wrong
            assert answer.headers["content-type"].startswith("text/html"), wrong


def _in_days(days: int) -> str:
    return (clock.now() + timedelta(days=days)).isoformat()


def _list_more(session: Session, house: House, count: int) -> None:
    desk = house.scene.desk.organization
    key, _ = identity.create_api_key(session, desk, name="test")
    by = Principal(desk.id, "performer", key.id)
    for number in range(count):
        performer = Performer(organization_id=desk.id, name=f"Performer {count}-{number}")
        session.add(performer)
        session.flush()
        listing.choose_listing(session, performer, listed=True, about="", by=by)


def _queries(act: Any) -> int:
    seen: list[str] = []

    def note(*arguments: Any) -> None:
        seen.append(arguments[2])

    event.listen(db.engine(), "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(db.engine(), "before_cursor_execute", note)
    return len(seen)
