"""One film's page: how far it is as it comes, who can move it on, and a pack to pass on."""

import json
import re

import pytest

from app import config, db
from app.audit.clearance import packing
from app.gateway import events
from app.gateway.models import Generation
from app.identity.models_people import Membership
from app.web import film as film_pages
from tests.http.house import a_house
from tests.http.test_performer_pages import SCRIPT, a_film, joined, shown
from tests.identity.authenticator import ORIGIN
from tests.people.visiting import everything, refused
from tests.web.released import released

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]


@pytest.fixture
def house(client, served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    monkeypatch.setattr(events, "LONGEST_S", 0)  # a stream ends with what it has told at once
    return a_house(client)


@pytest.fixture
def felix(served, house):
    return joined(served, house.scene.production.organization, "Felix")


@pytest.fixture
def asked(house):
    """The id of a film that was asked for, with markup in its line."""
    return house.ask(line=f"I hold {SCRIPT} the light.").json()["id"]


def put(generation_id, **fields):
    with db.writing() as session:
        generation = session.get_one(Generation, generation_id)
        for name, value in fields.items():
            setattr(generation, name, value)
        session.add(generation)


def told(browser, path, **headers):
    """Read a stream: the id, the name and the content of each event."""
    answer = browser.client.get(f"{path}/events", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = re.findall(r"id: (.*)\nevent: (.*)\ndata: (.*)\n\n", answer.text)
    return [(id_, name, json.loads(data)) for id_, name, data in found]


class TestProgress:
    def test_says_where_it_stands_and_who_can_move_it_on_with_scripts_and_without(
        self, felix, asked
    ):
        at = f"/production/films/{asked}"
        page = shown(felix, at)
        assert "Waits for a worker of this installation." in page
        assert '<noscript><meta http-equiv="refresh"' in page
        assert SCRIPT not in page
        answer = felix.open(at)
        assert answer.headers["content-security-policy"].endswith("connect-src 'self'")
        put(asked, state="rendering", progress_percent=40)
        assert "Made by the generator, 40 %" in shown(felix, at)
        put(asked, state="awaiting-preview", progress_percent=None)
        assert "the performer&#39;s side, who look before the release" in shown(felix, at)
        put(asked, state="quarantined", reason="Another face than the licensed one.")
        page = shown(felix, at)
        assert "✕ held back" in page
        assert "Another face than the licensed one." in page
        assert "the operator, who looks at what was found" in page
        assert "progress.js" not in page
        assert "http-equiv" not in page

    def test_streams_what_the_page_shows_and_nothing_twice(self, felix, asked):
        at = f"/production/films/{asked}"
        put(asked, state="rendering", progress_percent=40)
        ((id_, name, said),) = told(felix, at)
        assert (id_, name, said["over"]) == ("rendering 40", "rendering", False)
        assert said["html"].strip() in shown(felix, at)
        assert told(felix, at, **{"Last-Event-ID": id_}) == []
        put(asked, state="refused", reason=SCRIPT, progress_percent=None)
        ((_, name, said),) = told(felix, at)
        assert (name, said["over"]) == ("refused", True)
        assert SCRIPT not in said["html"]
        assert set(film_pages.STATES) == set(events.WAITS_FOR)
        assert f'data-states="{" ".join(film_pages.STATES)}"' in film_page_of(felix, asked)

    def test_is_told_to_nobody_else_and_ends_with_the_session(self, served, house, felix, asked):
        griet = joined(served, house.scene.desk.organization)
        at = f"/production/films/{asked}"
        refused(griet.client.get(at), "not-allowed")
        refused(griet.client.get(f"{at}/events"), "not-allowed")
        for each in everything(Membership):
            if each.organization_id == house.scene.production.organization.id:
                with db.writing() as session:
                    session.get_one(Membership, each.id).ended_at = each.created_at
        refused(felix.client.get(f"{at}/events"), "not-allowed")
        assert film_pages._look(_visit_of(felix), asked) is None


class TestClearance:
    def test_is_offered_once_it_can_be_made_and_is_what_the_service_packs(
        self, house, felix, asked, tmp_path, monkeypatch
    ):
        with db.writing() as session:
            generation = released(session, house.scene, a_film(tmp_path), line="A line.")
        at = f"/production/films/{generation.id}"
        page = shown(felix, at)
        assert "as soon as the release is in the public log" in page
        logged = {"state": "logged", "record": "x", "leaf_index": 1}
        monkeypatch.setattr(film_pages.records, "log_inclusion", lambda *_: logged)
        assert "Download the clearance pack" in shown(felix, at)
        made = []
        pack = packing.Pack({"README.txt": b"for whoever is handed it"}, None)
        monkeypatch.setattr(packing, "make", lambda _, id_: made.append(id_) or pack)
        monkeypatch.setattr(packing, "write", lambda pack, to, work: to.write(b"a zip"))
        answer = felix.client.get(f"{at}/clearance")
        assert (answer.status_code, answer.content, made) == (200, b"a zip", [generation.id])
        assert "clearance.zip" in answer.headers["content-disposition"]

    def test_of_what_was_not_released_there_is_none(self, felix, asked):
        at = f"/production/films/{asked}"
        assert "clearance" not in shown(felix, at)
        refused(felix.open(f"{at}/clearance"), "not-found")


def film_page_of(browser, generation_id):
    put(generation_id, state="held", reason="")
    return shown(browser, f"/production/films/{generation_id}")


def _visit_of(browser):
    from app.web.pages import SESSION_COOKIE, Visit

    secret = browser.client.cookies[SESSION_COOKIE]
    return Visit(**{**dict.fromkeys(Visit.__dataclass_fields__, ""), "secret": secret})
