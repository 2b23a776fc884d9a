"""The production's pages: what they say of a scene is what happens, and the performer sees it."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi.routing import APIRoute
from sqlmodel import select

from app import clock, config, db
from app.gateway import quoting
from app.gateway.models import Generation
from app.ledger import service as ledger
from app.ledger.models import Hold
from app.licensing.contracts import service as licensing
from app.registry import service as registry
from app.registry.models import Performer
from app.web import pages, production
from tests.http.browser import Browser
from tests.http.house import a_house, rows
from tests.http.test_performer_pages import SCRIPT, a_film, joined, shown
from tests.identity.authenticator import ORIGIN
from tests.scenes import a_scene, offered, sign, with_takes
from tests.web.released import released

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
ROUTES = [route for route in production.router.routes if isinstance(route, APIRoute)]
SCENE = {
    "line": "I hold the light.",
    "length_s": "5",
    "project": "NIGHTGLASS",
    "purpose": "film_scene",
    "medium": "svod",
    "territories": "DE, FR",
    "language": "en",
    "generator": "local/puppet-1",
}


@pytest.fixture
def served_here(served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return served


@pytest.fixture
def house(client, served_here):
    return a_house(client)


@pytest.fixture
def felix(served_here, house):
    return joined(served_here, house.scene.production.organization, "Felix")


@pytest.fixture
def at(house):
    return f"/production/contracts/{house.scene.contract.id}/scene"


def form(browser, at, **changes):
    """Fill in the form of a scene as it was last shown."""
    return browser.send(at, **{**SCENE, "once": browser.value("once"), **changes})


def tag(browser, at, **changes):
    """Have a scene priced, and return what the page names the price by."""
    return re.search(r'name="priced" value="([0-9a-f]*)"', form(browser, at, **changes).text)[1]


def twice_the_rate(document):
    document["compensation"]["rate_minor"] = "2500"


class TestBoard:
    def test_says_with_a_light_who_can_be_used_and_who_can_help(self, house, felix):
        assert "Everybody on this page can be used." in shown(felix, "/production")
        with db.writing() as session:
            other = {"projects": ["HARBOUR"]}
            offered(session, house.scene, lambda document: document["grant"].update(other))
        board = shown(felix, "/production")
        assert "1 of 2 on this page can be used today." in board
        assert "The performer has not signed." in board
        with db.writing() as session:
            registry.pause(session, session.get_one(Performer, house.scene.performer.id))
        assert "Only the performer can go on." in shown(felix, "/production")
        with db.writing() as session:
            contract = session.merge(house.scene.contract)
            licensing.withdraw_contract(session, contract, house.scene.desk.organization.id)
        assert "✕ withdrawn" in shown(felix, "/production")

    def test_teaches_where_it_is_empty(self, served_here):
        with db.writing() as session:
            stranger = a_scene(session, signed=False).desk.organization
            from app.identity import service as identity

            house = identity.create_organization(session, "New Films", "production")
        assert stranger is not None
        felix = joined(served_here, house, "Felix")
        assert "Nobody is under contract yet." in shown(felix, "/production")
        assert "You have asked for nothing yet." in shown(felix, "/production/films")


class TestScene:
    def test_is_priced_and_judged_before_anything_is_kept(self, house, felix, at):
        shown(felix, at)
        before = rows()
        yes = form(felix, at).text
        assert "Yes, you could." in yes
        assert "62.50 EUR" in yes
        assert "56.25 EUR" in yes
        no = form(felix, at, medium="social", territories="US").text
        assert "No, not like this." in no
        assert "TERRITORY_NOT_LICENSED" in no
        assert "Make it</button>" not in no
        assert SCRIPT not in form(felix, at, line=SCRIPT).text
        assert rows() == before

    def test_is_made_once_however_often_the_button_is_pressed(self, house, felix, at, served_here):
        shown(felix, at)
        once, priced = felix.value("once"), tag(felix, at)
        led = {
            form(felix, at, do="make", once=once, priced=priced).headers["location"]
            for _ in range(2)
        }
        (film,) = house.get("/v1/generations").json()["items"]
        assert film["line"] == SCENE["line"]
        assert led == {f"/production/films/{film['id']}"}
        assert "? being made" in shown(felix, "/production/films")
        griet = joined(served_here, house.scene.desk.organization)
        assert SCENE["line"] in shown(griet, "/performer")

    def test_is_not_made_where_it_is_not_what_was_priced(self, house, felix, at):
        shown(felix, at)
        priced, before = tag(felix, at), rows()
        for changed in ({"length_s": "6"}, {"line": "Other words."}, {"priced": ""}):
            answer = form(felix, at, **{"do": "make", "priced": priced, **changed})
            assert "so nothing was made" in answer.text, changed
            assert "Make it</button>" in answer.text
        assert "75.00 EUR" in form(felix, at, do="make", priced=priced, length_s="6").text
        assert rows() == before

    def test_denied_is_on_record_and_said_with_what_would_help(self, house, felix, at):
        shown(felix, at)
        priced, before = tag(felix, at, territories="US"), rows()
        denied = form(felix, at, do="make", territories="US", priced=priced)
        assert denied.status_code == 403
        assert "Not permitted, so nothing was made." in denied.text
        assert "TERRITORY_NOT_LICENSED" in denied.text
        after = rows()["counts"]
        assert after["decision"] == before["counts"]["decision"] + 1
        assert house.get("/v1/generations").json()["items"] == []

    def test_of_a_shot_is_a_draft_at_the_draft_rate_where_the_contract_agrees_takes(
        self, house, felix, at, served_here
    ):
        assert 'name="shot"' not in shown(felix, at)  # this contract agrees no takes
        with db.writing() as session:
            scene = with_takes(session)
        ida = joined(served_here, scene.production.organization, "Ida")
        there = f"/production/contracts/{scene.contract.id}/scene"
        assert "25&nbsp;% of the price" in shown(ida, there)
        whole = form(ida, there).text
        draft = form(ida, there, shot="12 A").text
        assert ("62.50 EUR" in whole, "15.63 EUR" in draft) == (True, True)
        assert "one draft take of 12 A" in draft
        priced, once = tag(ida, there, shot="12 A"), ida.value("once")
        changed = form(ida, there, do="make", once=once, priced=priced)  # the film, not the draft
        assert "so nothing was made" in changed.text
        assert form(ida, there, do="make", once=once, priced=priced, shot="12 A").status_code == 303
        with db.reading() as session:
            made = session.exec(select(Generation)).one()
            assert (made.is_draft, made.take, made.state) == (True, 1, "held")
            assert session.exec(select(Hold)).one().amount_minor == 1563

    def test_pressed_again_is_the_same_film_though_its_price_moved_meanwhile(
        self, house, felix, at, monkeypatch
    ):
        shown(felix, at)
        once, priced = felix.value("once"), tag(felix, at)
        led = form(felix, at, do="make", once=once, priced=priced).headers["location"]
        dearer = quoting.Priced([quoting.Part("con_other", "per_1", "EUR", 99, 99)], "permit")
        monkeypatch.setattr(quoting, "price_uses", lambda *_: [dearer])
        again = form(felix, at, do="make", once=once, priced=priced)
        assert again.headers["location"] == led
        assert len(house.get("/v1/generations").json()["items"]) == 1

    def test_is_made_only_at_the_price_of_the_contract_that_governs(self, house, felix, at):
        shown(felix, at)
        assert "governs this scene" not in form(felix, at).text
        with db.writing() as session:
            dearer = offered(session, house.scene, twice_the_rate)
            sign(session, dearer)
        there = at.replace(house.scene.contract.series_id, dearer.contract.series_id)
        said = form(felix, there).text
        assert f'governs this scene and sets its price: <a href="{at}">' in said
        assert ("62.50 EUR" in said, "125.00 EUR" in said) == (True, False)
        priced = tag(felix, there)
        with db.writing() as session:
            contract = session.merge(house.scene.contract)
            licensing.withdraw_contract(session, contract, house.scene.desk.organization.id)
        before = rows()
        answer = form(felix, there, do="make", priced=priced).text
        assert ("so nothing was made" in answer, "125.00 EUR" in answer) == (True, True)
        assert rows() == before
        assert form(felix, there, do="make", priced=tag(felix, there)).status_code == 303
        with db.reading() as session:
            hold = session.exec(select(Hold)).one()
            assert (hold.contract_id, hold.amount_minor) == (dearer.contract.series_id, 12500)

    def test_is_not_made_where_something_else_is_held_than_was_shown(
        self, house, felix, at, monkeypatch
    ):
        shown(felix, at)
        priced, before = tag(felix, at), rows()
        # Between the price and the decision, on a database where two write at once.
        monkeypatch.setattr(ledger, "amount_to_hold", lambda *_, **__: 1)
        answer = form(felix, at, do="make", priced=priced)
        assert (answer.status_code, "price-changed" in answer.text) == (409, True)
        assert rows() == before

    def test_of_a_shot_posted_by_hand_is_priced_where_this_contract_agrees_no_takes(
        self, felix, at, monkeypatch
    ):
        elsewhere = quoting.Priced([quoting.Part("ctr_other", "prf_1", "EUR", 1563)], "permit")
        monkeypatch.setattr(quoting, "price_uses", lambda *_: [elsewhere])  # another governs
        shown(felix, at)
        priced = form(felix, at, shot="12 A")
        assert (priced.status_code, "15.63 EUR" in priced.text) == (200, True)

    def test_refuses_what_is_no_scene_in_words(self, felix, at):
        shown(felix, at)
        for wrong in (
            {"length_s": "x"},
            {"length_s": "-1"},
            {"line": ""},
            {"territories": "<b>"},
            {"once": ""},
        ):
            answer = form(felix, at, **wrong)
            assert 400 <= answer.status_code < 500, wrong
            assert answer.headers["content-type"].startswith("text/html")
        nobodys = tag(felix, at, generator="nobody/1")
        assert form(felix, at, generator="nobody/1", priced=nobodys, do="make").status_code == 422


class TestFilms:
    def test_a_released_film_is_fetched_by_a_link_of_a_minute(self, house, felix, tmp_path):
        film = a_film(tmp_path)
        with db.writing() as session:
            generation = released(session, house.scene, film)
        assert "✓ released" in shown(felix, "/production/films")
        link = felix.open(f"/production/films/{generation.id}/download").headers["location"]
        assert link.startswith("/v1/downloads/")
        assert felix.open(link).content == film.read_bytes()

    def test_a_draft_is_named_and_can_be_chosen(self, house, felix, tmp_path):
        film = a_film(tmp_path)
        with db.writing() as session:
            draft = released(session, house.scene, film)
            draft.is_draft, draft.take, draft.shot_id = True, 3, "sht_1"
            draft.delete_at = clock.now() + timedelta(days=30)
        films = shown(felix, "/production/films")
        assert "? a draft" in films
        assert "take 3" in films
        assert f"/production/films/{draft.id}/selection" in films

    def test_a_longer_list_takes_no_more_queries(self, house, felix, tmp_path):
        def counted():
            asked = []
            note = lambda *args: asked.append(args[2])  # noqa: E731
            sa.event.listen(db.engine(), "before_cursor_execute", note)
            found = {}
            for path in ("/production", "/production/films"):
                asked.clear()
                assert len(shown(felix, path)) < 80_000
                found[path] = len(asked)
            sa.event.remove(db.engine(), "before_cursor_execute", note)
            return found

        def more(number):
            with db.writing() as session:
                for each in range(number):
                    name = {"projects": [f"P{number}-{each}"]}
                    released(session, house.scene, a_film(tmp_path), line=f"L{number} {each}")
                    offered(session, house.scene, lambda d, name=name: d["grant"].update(name))

        more(1)
        few = counted()
        more(4)
        assert counted() == few


class TestWhoMay:
    def test_other_houses_are_told_nothing_and_performers_have_no_business_here(
        self, house, served_here, tmp_path
    ):
        with db.writing() as session:
            generation = released(session, house.scene, a_film(tmp_path))
            other = a_scene(session)
        ids = {"contract_id": house.scene.contract.id, "generation_id": generation.id}
        rival = joined(served_here, other.production.organization, "Rival")
        griet = joined(served_here, house.scene.desk.organization)
        mine = f"/production/contracts/{other.contract.id}/scene"
        before = rows()
        for route in ROUTES:
            path = route.path.format(**ids)
            assert Browser(served_here).open(path).status_code in {303, 405}
            assert griet.open(path).status_code in {403, 405}
            if path != route.path and "GET" in route.methods:
                assert rival.open(path).status_code == 404, path
                assert "The Girl" not in rival.page
        shown(rival, mine)
        at = f"/production/contracts/{house.scene.contract.id}/scene"
        assert form(rival, at, do="make").status_code == 404
        assert form(rival, at).status_code == 404
        assert rows() == before

    def test_an_auditor_of_the_production_looks_and_makes_nothing(
        self, house, felix, at, served_here
    ):
        shown(felix, "/account")
        path = f"/organizations/{house.scene.production.organization.id}/invitations"
        link = re.search(r"/join/([\w-]+)", felix.send(path, role="auditor").text)[1]
        jan = Browser(served_here)
        jan.join(link, "Jan")
        shown(jan, at)
        assert "Yes, you could." in form(jan, at).text
        assert form(jan, at, do="make").status_code == 403
        assert house.get("/v1/generations").json()["items"] == []

    def test_no_form_here_is_without_the_guard(self, database):
        unguarded = [
            route.path
            for route in ROUTES
            if route.methods - {"GET", "HEAD"}
            and not any(each.call is pages._posted for each in route.dependant.dependencies)
        ]
        assert unguarded == []
