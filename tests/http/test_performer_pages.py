"""The performer's pages: each button does what the service does, and another persona sees it."""

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi.routing import APIRoute

from app import clock, config, db
from app.identity.models import ApiKey
from app.identity.service import create_organization
from app.licensing.boundaries import service as boundaries
from app.licensing.contracts import service as licensing
from app.web import (
    pages,
    performer,
    performer_data,
    performer_limits,
    performer_preview,
    performer_work,
)
from tests.http.browser import Browser, first_link
from tests.http.house import a_house, an_api_key
from tests.identity.authenticator import ORIGIN
from tests.licensing import approving
from tests.payments.stories import closed, told
from tests.scenes import a_scene, offered
from tests.web.released import released

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
SCRIPT = "<script>alert(1)</script>"
ROUTES = [
    route
    for portal in (
        performer,
        performer_data,
        performer_limits,
        performer_preview,
        performer_work,
    )
    for route in portal.router.routes
    if isinstance(route, APIRoute)
]


@pytest.fixture
def served_here(served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return served


@pytest.fixture
def house(client, served_here):
    return a_house(client)


def joined(served, organization, name="Griet"):
    browser = Browser(served)
    assert browser.join(first_link(organization), name).status_code == 303
    return browser


@pytest.fixture
def griet(served_here, house):
    return joined(served_here, house.scene.desk.organization)


def shown(browser, path):
    answer = browser.open(path)
    assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
    return answer.text


def sent(browser, at, path, **fields):
    """Open a page, then send one of its forms; return where it leads."""
    shown(browser, at)
    answer = browser.send(path, **fields)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def a_film(tmp_path):
    film = tmp_path / "film.mp4"
    film.write_bytes(b"a film that was signed" * 100)
    return film


class TestHome:
    def test_says_what_is_asked_where_one_is_and_what_came_in(self, house, griet, tmp_path):
        empty = shown(griet, "/performer")
        assert "Nothing is asked of you today." in empty
        assert "Nothing yet." in empty
        with db.writing() as session:
            released(session, house.scene, a_film(tmp_path), line="I hold the light.")
            offered(
                session, house.scene, lambda document: document["grant"].update(languages=["nl"])
            )
        full = shown(griet, "/performer")
        assert "One request is waiting for you." in full
        assert "Nightglass Pictures" in full
        assert "I hold the light." in full
        assert "56.25 EUR" in full  # five seconds at 12.50, less the agent's tenth

    def test_pause_stops_the_production_and_resuming_lets_it_go_on(self, house, griet):
        assert house.ask().status_code == 201
        assert sent(griet, "/performer", "/performer/pause") == "/performer"
        refused = house.ask()
        assert refused.status_code == 403
        assert "Everything is paused." in shown(griet, "/performer")
        assert sent(griet, "/performer", "/performer/resume") == "/performer"
        assert house.ask().status_code == 201

    def test_resuming_wants_a_passkey_used_minutes_ago_and_pausing_does_not(
        self, house, griet, monkeypatch
    ):
        at = clock.now() + timedelta(minutes=6)
        monkeypatch.setattr(clock, "now", lambda: at)
        assert sent(griet, "/performer", "/performer/pause") == "/performer"
        assert sent(griet, "/performer", "/performer/resume") == "/confirm"
        assert "Everything is paused." in shown(griet, "/performer")


class TestRequest:
    def test_says_it_in_plain_words_and_what_it_brings(self, house, griet, served_here):
        with db.writing() as session:
            scene = a_scene(session, signed=False)
        mine = joined(served_here, scene.desk.organization)
        text = shown(mine, f"/performer/requests/{scene.contract.id}")
        for said in (
            "film scenes",
            "cinemas",
            "nakedness",
            "450.00 EUR",
            "50.00 EUR",
            "40 seconds",
        ):
            assert said in text
        assert f"/contracts/{scene.contract.id}/sign" in text
        assert griet.open(f"/performer/requests/{scene.contract.id}").status_code == 404

    def test_declined_here_is_declined_for_the_production_with_the_note(self, client, served_here):
        house = a_house(client, signed=False)
        griet, id_ = joined(served_here, house.scene.desk.organization), house.scene.contract.id
        at = f"/performer/requests/{id_}"
        assert sent(griet, at, f"{at}/decline", note=f"Not now. {SCRIPT}") == "/performer"
        seen = house.get(f"/v1/contracts/{id_}").json()
        assert seen["status"] == "declined"
        assert "Not now." in str(house.get(f"/v1/contracts/{id_}").json())
        assert SCRIPT not in shown(griet, at)
        assert "Decline</button>" not in shown(griet, at)

    def test_a_use_is_answered_once_in_the_persons_name(self, client, served_here):
        with db.writing() as session:
            scene = approving.a_scene_with_approvals(session, "performer")
            decision, _ = scene.ask(session, script_hash=approving.HASH)
            (asked,) = approving.ask(session, scene, decision)
        griet = joined(served_here, scene.desk.organization)
        assert "One use needs your yes." in shown(griet, "/performer")
        path = f"/performer/approvals/{asked.id}"
        assert sent(griet, "/performer", path, answer="approved") == "/performer"
        with db.writing() as session:
            keys = an_api_key(session, scene.production.organization)
            key = session.exec(sa.select(ApiKey).where(ApiKey.name.like("psn_%"))).scalar_one()
            assert key.name.endswith(" at a page")
        seen = client.get(f"/v1/approvals/{asked.id}", headers=keys).json()
        assert seen["state"] == "approved"
        assert griet.send(path, answer="whatever").status_code == 422


class TestWithdrawal:
    def test_shows_consequences_first_and_the_production_then_learns_of_it(
        self, house, griet, tmp_path
    ):
        with db.writing() as session:
            released(session, house.scene, a_film(tmp_path))
            house.scene.ask(session)
        at = f"/performer/contracts/{house.scene.contract.id}/withdrawal"
        text = shown(griet, at)
        assert "1 film stops while being made" in text
        assert "0 released films have to come down. 1 may stay." in text
        assert sent(griet, at, at) == "/performer/contracts"
        assert house.get(f"/v1/contracts/{house.scene.contract.id}").json()["status"] == "withdrawn"
        assert "REVOKED" in house.ask().json()["codes"]
        assert "withdrawn" in shown(griet, "/performer/contracts")


class TestSearchingForAFace:
    def test_is_allowed_and_ended_by_the_desk_and_off_until_then(self, house, griet):
        performer_id = house.scene.performer.id
        asked = {"performer_id": performer_id}
        assert "Nobody searches for your face." in shown(griet, "/performer/data")
        for allowed, said in (("true", "is searched for"), ("false", "Nobody searches")):
            assert (
                sent(griet, "/performer/data", "/performer/data/matching", allowed=allowed, **asked)
                == "/performer/data"
            )
            assert said in shown(griet, "/performer/data")
            read = house.get(f"/v1/performers/{performer_id}/matching", "desk").json()
            assert read["allowed"] is (allowed == "true")


class TestLimits:
    def test_are_tried_out_before_they_count_and_then_bind_the_production(self, house, griet):
        choice = {"purposes/film_scene": "never", "content/nudity": "never", "training": "never"}
        shown(griet, "/performer/limits")
        tried = griet.send("/performer/limits", do="try", **choice)
        assert "This would touch what already stands." in tried.text
        assert "film_scene" in tried.text
        with db.reading() as session:
            assert boundaries.current(session, house.scene.performer.id) is None
        assert sent(
            griet, "/performer/limits", "/performer/limits", do="save", **choice
        ).startswith("/performer/limits")
        page = shown(griet, "/performer/limits")
        assert re.search(r'name="purposes/film_scene" value="never" checked', page)
        body = {"document": _document(house, languages=["fr"])}
        assert house.post("/v1/contracts", json=body).status_code == 422

    def test_refuses_what_is_no_grid_of_ours(self, house, griet):
        for name, level in (("content/*", "never"), ("territories/XX", "ask"), ("training", "x")):
            shown(griet, "/performer/limits")
            assert griet.send("/performer/limits", do="save", **{name: level}).status_code == 422


class TestWorkAndMoney:
    def test_every_output_plays_with_its_clause_and_its_money(self, house, griet, tmp_path):
        with db.writing() as session:
            film = a_film(tmp_path)
            generation = released(session, house.scene, film, line=f"Light {SCRIPT}")
        at = f"/performer/work/{generation.id}"
        text = shown(griet, at)
        assert "56.25 EUR" in text
        assert "/compensation/rate_minor" in text
        assert "In Germany" in text
        assert SCRIPT not in text
        assert griet.open(f"{at}/film").content == film.read_bytes()
        assert "56.25 EUR" in shown(griet, "/performer/work")

    def test_earnings_are_a_chart_and_a_table_and_statements_are_kept(self, house, griet, tmp_path):
        assert "No money yet." in shown(griet, "/performer/earnings")
        with db.writing() as session:
            released(session, house.scene, a_film(tmp_path))
            statement = told(session, closed(session))["performer"]
        text = shown(griet, "/performer/earnings")
        assert text.count("<rect") == 12
        assert "56.25 EUR" in text
        for kind, begins in (("pdf", b"%PDF"), ("csv", b""), ("json", b"{")):
            answer = griet.open(f"/performer/statements/{statement.id}.{kind}")
            assert answer.content.startswith(begins)
            assert answer.headers["content-disposition"].startswith("attachment")

    def test_what_is_held_is_taken_out_and_erased_by_its_name_alone(self, house, griet):
        performer_id = house.scene.performer.id
        shown(griet, "/performer/data")
        taken = griet.send("/performer/data/export", performer_id=performer_id)
        assert taken.content[:2] == b"PK"
        path = "/performer/data/erasure"
        assert griet.send(path, performer_id=performer_id, confirm="yes").status_code >= 400
        assert (
            sent(griet, "/performer/data", path, performer_id=performer_id, confirm=performer_id)
            == "/performer/data"
        )
        assert "erased" in shown(griet, "/performer/data")
        assert "REVOKED" in house.ask().json()["codes"]


class TestWhoMay:
    def test_strangers_sign_in_first_and_other_houses_are_told_nothing(
        self, house, served_here, tmp_path
    ):
        with db.writing() as session:
            generation = released(session, house.scene, a_film(tmp_path))
            statement = told(session, closed(session))["performer"]
            other = a_scene(session, signed=False)
        ids = {
            "contract_id": house.scene.contract.id,
            "generation_id": generation.id,
            "statement_id": statement.id,
            "kind": "pdf",
            "request_id": "apr_NOBODY",
            "preview_id": "pvw_NOBODY",
        }
        jan = joined(served_here, other.desk.organization, "Jan")
        shown(jan, "/performer")
        before = _contents(house)
        for route in ROUTES:
            path = route.path.format(**ids)
            assert Browser(served_here).open(path).status_code in {303, 405}
            if path == route.path:
                continue
            if "GET" in route.methods:
                assert jan.open(path).status_code == 404, path
                assert "Nightglass" not in jan.page
            else:
                shown(jan, "/account")
                refused = jan.send(path, answer="approved", note="x")
                assert refused.status_code == 404, path
        shown(jan, "/account")
        erasing = {"performer_id": house.scene.performer.id, "confirm": house.scene.performer.id}
        for path in ("/performer/data/erasure", "/performer/data/export"):
            assert jan.send(path, **erasing).status_code == 404
        of = house.scene.performer.id
        assert jan.send("/performer/limits", do="save", of=of, training="never").status_code == 422
        assert _contents(house) == before

    def test_a_house_without_a_performer_is_led_to_where_one_is_enrolled(self, house, served_here):
        with db.writing() as session:
            empty = create_organization(session, "An empty desk", "performer")
        jan = joined(served_here, empty, "Jan")
        for path in ("/performer/limits", "/performer/catalogue"):
            answer = jan.open(path)
            assert answer.status_code == 422
            assert '<a class="act" href="/performer/enroll">Register my likeness</a>' in answer.text

    def test_a_production_has_no_business_here(self, house, served_here):
        filmer = joined(served_here, house.scene.production.organization, "Felix")
        assert filmer.open("/performer").status_code == 403
        filmer.open("/account")
        assert filmer.send("/performer/pause").status_code == 403

    def test_who_only_looks_after_a_performer_does_not_act(self, house, griet, served_here):
        shown(griet, "/account")
        path = f"/organizations/{house.scene.desk.organization.id}/invitations"
        link = re.search(r"/join/([\w-]+)", griet.send(path, role="auditor").text)[1]
        jan = Browser(served_here)
        jan.join(link, "Jan")
        assert "Pause everything" not in shown(jan, "/performer")
        shown(jan, "/account")
        assert jan.send("/performer/pause").status_code == 403
        assert house.ask().status_code == 201

    def test_no_form_here_is_without_the_guard(self, database):
        unguarded = [
            route.path
            for route in ROUTES
            if route.methods - {"GET", "HEAD"}
            and not any(each.call is pages._posted for each in route.dependant.dependencies)
        ]
        assert unguarded == []


class TestLists:
    def test_a_longer_list_takes_no_more_queries_and_a_page_weighs_little(
        self, house, griet, tmp_path
    ):
        paths = ("/performer", "/performer/work", "/performer/contracts", "/performer/earnings")

        def counted():
            asked = []
            engine = db.engine()
            note = lambda *args: asked.append(args[2])  # noqa: E731
            sa.event.listen(engine, "before_cursor_execute", note)
            found = {}
            for path in paths:
                asked.clear()
                assert len(shown(griet, path)) < 80_000
                found[path] = len(asked)
            sa.event.remove(engine, "before_cursor_execute", note)
            return found

        def more(number):
            with db.writing() as session:
                for each in range(number):
                    scene = house.scene
                    released(session, scene, a_film(tmp_path), line=f"Line {number} {each}")
                    offered(session, scene, lambda document, each=each: document["grant"].update(
                        projects=[f"P{number}-{each}"]))  # fmt: skip

        more(1)
        few = counted()
        more(5)
        assert counted() == few


def _document(house, **grant):
    with db.reading() as session:
        contract = licensing.contract_of(
            session, house.scene.desk.organization.id, house.scene.contract.id
        )
    import json

    document = json.loads(contract.document)
    document["grant"] |= grant
    return document


def _contents(house):
    with db.reading() as session:
        desk = house.scene.desk.organization.id
        contract = licensing.contract_of(session, desk, house.scene.contract.id)
        return (contract.model_dump(), boundaries.current(session, house.scene.performer.id))
