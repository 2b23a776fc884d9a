"""Everything can be stopped from outside: by a link in a mail, by a code; resuming wants more."""

import re
from urllib.parse import urlsplit

import pytest

from app import db
from app.notices import delivery, service
from app.notices.models import Contact
from app.registry.models import Performer
from tests.http.browser import Browser
from tests.notices.mailing import an_address
from tests.people.test_recovery import printed
from tests.people.visiting import ONE_DATABASE, everything, later, refused


def paused():
    (performer,) = everything(Performer)
    return performer.paused_at is not None


def link_to(organization, person, postbox):
    """Have somebody told of something by mail, and take the link that stops everything."""
    with db.writing() as session:
        an_address(session, person, "griet@delft.example")
        service.tell(session, "statement-issued", "stm_1", organization_id=organization.id)
    delivery.send_waiting()
    return urlsplit(re.search(r"http\S+/pause/\S+", postbox.arrived[-1].get_content())[0]).path


@pytest.fixture
def people_by_name(girl, agent):
    from app.identity.models_people import Person

    return {each.name: each for each in everything(Person)}


class TestByMail:
    @pytest.mark.parametrize("who", ["Griet", "Maria"])
    @ONE_DATABASE
    def test_a_link_asks_first_and_then_stops_everything(
        self,
        served,
        scene,
        people_by_name,
        postbox,
        who,
    ):
        house = scene.desk if who == "Griet" else scene.agency
        link = link_to(house.organization, people_by_name[who], postbox)
        stranger = Browser(served)
        stranger.open(link)  # as a program does that looks for viruses
        assert not paused()
        page = stranger.send(link).text
        assert "Stopped." in page
        assert "The Girl" not in page
        assert paused()

    @ONE_DATABASE
    def test_resuming_wants_a_passkey_used_minutes_ago(
        self,
        served,
        scene,
        girl,
        people_by_name,
        postbox,
        monkeypatch,
    ):
        link = link_to(scene.desk.organization, people_by_name["Griet"], postbox)
        stranger = Browser(served)
        stranger.open(link)
        stranger.send(link)
        answer = stranger.send("/performer/resume", form_token=stranger.value("form_token"))
        assert answer.headers["location"] == "/sign-in"
        later(monkeypatch, minutes=6)
        girl.open("/performer")
        assert girl.send("/performer/resume").headers["location"] == "/confirm"
        assert paused()
        girl.confirm()
        girl.open("/performer")
        girl.send("/performer/resume")
        assert not paused()

    @ONE_DATABASE
    def test_a_forged_link_or_one_to_an_address_taken_away_stops_nothing(
        self,
        served,
        scene,
        people_by_name,
        postbox,
    ):
        link = link_to(scene.desk.organization, people_by_name["Griet"], postbox)
        stranger = Browser(served)
        (contact,) = everything(Contact)
        for forged in (link[:-2] + "__", f"/pause/{contact.id}.x", "/pause/x"):
            refused(stranger.open(forged), "stop-link-not-found")
        with db.writing() as session:
            from app import clock

            row = session.get_one(Contact, contact.id)
            row.ended_at = clock.now()
            session.add(row)
        refused(stranger.open(link), "stop-link-not-found")
        assert not paused()


class TestByCode:
    @ONE_DATABASE
    def test_stops_everything_and_the_code_is_still_good(self, served, girl, scene):
        code = printed(girl)[0]
        stranger = Browser(served)
        stranger.open("/pause")
        refused(stranger.send("/pause", code="0000"), "recovery-code-refused")
        for _ in range(2):
            page = stranger.send("/pause", code=code).text
            assert "Stopped." in page
            assert "The Girl" not in page  # who found the paper is told of nobody
        assert paused()
