"""Other terms and one's agent, asked for at the request's page; the other persona reads it."""

import json

import pytest

from app import db
from app.licensing.contracts.models import Contract
from app.notices.models import Notice
from tests.http.house import a_house
from tests.http.test_performer_pages import SCRIPT, joined, sent, served_here, shown  # noqa: F401
from tests.people.visiting import everything
from tests.scenes import represent

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]


@pytest.fixture
def asked(client, served_here):  # noqa: F811
    """A house with one request on the table, and the address of its page."""
    house = a_house(client, signed=False)
    return house, f"/performer/requests/{house.scene.contract.id}"


def wish(**changes):
    return {
        "uses": "My face and voice may speak scene 41 as scripted, and nothing else.",
        "purposes": "film_scene",
        "media": "svod",
        "never": "graphic_violence",
        "end": "2026-12-24",
        "max_seconds": "40",
        "max_seconds_per_output": "5",
        "rate": "15.50",
        **changes,
    }


class TestOtherTerms:
    def test_are_shown_before_they_are_sent_and_read_by_the_production(self, asked, served_here):  # noqa: F811
        house, at = asked
        griet = joined(served_here, house.scene.desk.organization)
        felix = joined(served_here, house.scene.production.organization, "Felix")
        shown(griet, f"{at}/counter")
        assert 'value="12.5"' in griet.page
        said = wish(on=griet.value("on"))
        tried = griet.send(f"{at}/counter", **said)
        assert "This is what would be different." in tried.text
        for pointer in ("/compensation/rate_minor", "/grant/media", "/grant/term/end"):
            assert pointer in tried.text
        assert house.get(f"/v1/contracts/{house.scene.contract.id}").json()["status"] == "offered"
        griet.page = tried.text
        assert griet.send(f"{at}/counter", do="send", **said).headers["location"] == at
        seen = house.get(f"/v1/contracts/{house.scene.contract.id}").json()
        assert seen["status"] == "countered"
        document = json.loads(max(everything(Contract), key=lambda each: each.round).document)
        assert document["compensation"]["rate_minor"] == "1550"
        assert document["grant"]["media"] == ["svod"]
        assert document["grant"]["quota"]["max_seconds_per_output"] == 5
        assert "graphic_violence" in document["grant"]["content"]["prohibited"]
        assert "waits for you" in shown(felix, "/production")
        assert "and nothing else" in shown(felix, f"/contracts/{house.scene.contract.id}/sign")
        again = griet.send(f"{at}/counter", do="send", **said)
        assert again.status_code == 409  # of the same form nothing is sent twice

    @pytest.mark.parametrize(
        "changes",
        [{"media": "web"}, {"rate": "-1"}, {"rate": "1e400"}, {"rate": "NaN"}, {"uses": ""},
         {"end": "2020-01-01"}, {"max_seconds": "many"}],
    )  # fmt: skip
    def test_that_mean_nothing_are_refused_in_words(self, asked, served_here, changes):  # noqa: F811
        house, at = asked
        griet = joined(served_here, house.scene.desk.organization)
        shown(griet, f"{at}/counter")
        for do in ("try", "send"):
            answer = griet.send(f"{at}/counter", **wish(on=griet.value("on"), do=do, **changes))
            assert answer.status_code == 422, (do, answer.text)
        assert house.get(f"/v1/contracts/{house.scene.contract.id}").json()["status"] == "offered"

    def test_are_text_whatever_they_say_and_nobody_elses_business(self, asked, served_here):  # noqa: F811
        house, at = asked
        griet = joined(served_here, house.scene.desk.organization)
        stranger = joined(served_here, a_house(house.client).scene.desk.organization)
        shown(griet, f"{at}/counter")
        tried = griet.send(f"{at}/counter", **wish(uses=SCRIPT))
        assert SCRIPT not in tried.text
        for path in (f"{at}/counter", at):
            assert stranger.open(path).status_code == 404
        shown(stranger, "/performer")
        for path in (f"{at}/counter", f"{at}/agent"):
            assert stranger.send(path, do="send", **wish()).status_code == 404


class TestAgent:
    def test_is_asked_once_reads_it_and_the_performer_sees_that(self, asked, served_here):  # noqa: F811
        house, at = asked
        scene = house.scene
        with db.writing() as session:
            represent(session, scene, scene.agency.organization)
        griet = joined(served_here, scene.desk.organization)
        maria = joined(served_here, scene.agency.organization, "Maria")
        for _ in range(2):
            shown(griet, at)
            assert griet.send(f"{at}/agent").headers["location"] == at
        told = [each for each in everything(Notice) if each.kind.startswith("agent-")]
        assert {(each.kind, each.organization_id) for each in told} == {
            ("agent-asked", scene.agency.organization.id),
            ("agent-was-asked", scene.desk.organization.id),
        }
        assert len(told) == 2
        assert "Nobody there has opened it yet." in shown(griet, at)
        assert "asks you to look" in shown(maria, "/notices")
        assert "scene 41" in shown(maria, f"/contracts/{scene.contract.id}/sign")
        assert "✓ read" in shown(griet, at)
        felix = joined(served_here, scene.production.organization, "Felix")
        assert "asks you to look" not in shown(felix, "/notices")

    def test_where_there_is_none_nobody_is_asked(self, asked, served_here):  # noqa: F811
        house, at = asked
        griet = joined(served_here, house.scene.desk.organization)
        assert "Ask my agent" not in shown(griet, at)
        assert griet.send(f"{at}/agent").status_code == 409
        sent(griet, at, f"{at}/decline")
        assert griet.send(f"{at}/agent").status_code == 409
