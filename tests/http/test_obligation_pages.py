"""What is owed, at the page and over HTTP: the same list, to each side its own."""

import pytest

from app import config, db
from app.language import clock_of
from app.web import clocks
from app.web.pages import ZONE_COOKIE
from tests.http.browser import Browser
from tests.http.house import a_house
from tests.http.test_performer_pages import joined, shown
from tests.identity.authenticator import ORIGIN
from tests.licensing import approving
from tests.people.visiting import later
from tests.scenes import PORTRAIT, an_api_key
from tests.web.released import released

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]


@pytest.fixture
def served_here(served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return served


class TestWhatIsOwed:
    def test_an_answer_of_the_performer_is_seen_as_done_by_the_production(
        self, client, served_here, monkeypatch
    ):
        with db.writing() as session:
            scene = approving.a_scene_with_approvals(session, "performer")
            decision, _ = scene.ask(session, script_hash=approving.HASH)
            (request,) = approving.ask(session, scene, decision)
            key = an_api_key(session, scene.production.organization)
        griet = joined(served_here, scene.desk.organization)
        felix = joined(served_here, scene.production.organization, "Felix")
        for browser in (griet, felix):
            page = shown(browser, "/obligations")
            assert "Nothing is overdue." in page
            assert "An answer: may this be made?" in page
            assert "By the performer." in page
        zone = clocks.clock_of(scene.contract)
        for here, beside in ((zone, False), ("Asia/Tokyo", True)):  # beside where it differs
            griet.client.cookies.set(ZONE_COOKIE, here)
            assert (f" {clock_of(zone)})" in shown(griet, "/obligations")) is beside
        (item,) = client.get("/v1/obligations", headers=key).json()["items"]
        assert item["key"] == request.id
        griet.open("/performer")
        griet.send(f"/performer/approvals/{request.id}", answer="approved")
        assert "Nothing is owed." in shown(felix, "/obligations")
        assert "Proof:" in shown(felix, "/obligations?state=done")
        done = client.get("/v1/obligations?state=done", headers=key).json()["items"]
        assert [each["proof"][:4] for each in done] == ["apa_"]

    def test_what_is_late_is_said_first(self, client, served_here, monkeypatch):
        with db.writing() as session:
            house = a_house(client)
            _, draft = house.scene.ask(session)
            draft.is_draft, draft.delete_at = True, approving.clock.now()
            session.add(draft)
        felix = joined(served_here, house.scene.production.organization, "Felix")
        later(monkeypatch, minutes=1)
        page = shown(felix, "/obligations")
        assert "1 on this page is overdue." in page
        assert "✕ overdue since" in page

    def test_a_house_of_others_is_refused_and_nobody_is_sent_to_sign_in(self, client, served_here):
        house = a_house(client)
        with db.writing() as session:
            released(session, house.scene, PORTRAIT)
        griet = joined(served_here, house.scene.desk.organization)
        assert "A label that people see" in shown(griet, "/obligations?state=lasting")
        other = house.scene.production.organization.id
        assert griet.open(f"/obligations?house={other}").status_code == 403
        assert griet.open("/obligations?after=nonsense").status_code == 422
        assert Browser(served_here).open("/obligations").headers["location"] == "/sign-in"
        answer = house.get("/v1/obligations?after=nonsense")
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor-unknown")

    def test_a_list_is_paged_by_its_marks(self, client):
        house = a_house(client)
        with db.writing() as session:
            for number in range(3):
                released(session, house.scene, PORTRAIT, line=f"Line {number}.")
        seen, after = [], ""
        for _ in range(3):
            page = house.get(f"/v1/obligations?state=lasting&limit=1{after}").json()
            seen += [each["key"] for each in page["items"]]
            after = f"&after={page['next_after']}"
        assert len(set(seen)) == 3
