"""A performer has their face checked live at the pages; and, alone, comes back in by it."""

import pytest
from sqlmodel import select

from app import db
from app.registry import identities, live
from app.registry.models import Performer
from app.registry.models_live import LiveCheck
from tests.http.browser import OURS, Browser
from tests.http.deeds import blank_stills
from tests.people.test_recovery import begun, come_in, kinds, printed
from tests.people.visiting import ONE_DATABASE, everything, later, refused
from tests.registry.test_live import in_order

HERE = "/performer/identity"


@pytest.fixture
def seen(monkeypatch):
    """Have the sandbox see what was asked for; what it really sees is tried in tests/registry."""
    template = [0.1] * 128

    def look(paths):
        assert all(path.stat().st_size for path in paths)
        with db.reading() as session:
            (check,) = session.exec(select(LiveCheck).where(LiveCheck.outcome == "asked"))
            return in_order(check.poses)

    monkeypatch.setattr(live, "look", look)
    monkeypatch.setattr(live.service, "open_template", lambda *_, **__: template)


def begins(browser, scene):
    browser.open(HERE)
    made = browser.send(f"{HERE}/checks", performer_id=scene.performer.id)
    assert made.status_code == 303, made.text
    return made.headers["location"]


def sends(browser, path, *, headers=OURS, **fields):
    browser.open(path)
    said = {"form_token": browser.value("form_token"), **fields}
    return browser.client.post(path, data=said, files=blank_stills(), headers=headers)


def level(scene):
    with db.reading() as session:
        return identities.level_of(session, scene.performer.id)


class TestAtThePages:
    def test_five_pictures_of_five_poses_prove_the_level(self, scene, girl, seen):
        path = begins(girl, scene)
        asked = girl.open(path).text
        assert asked.count('capture="user"') == 5
        assert "<script" not in asked
        assert sends(girl, path).headers["location"] == path
        assert "✓ checked live" in girl.open(path).text
        assert "Your face was checked live" in girl.open(HERE).text
        assert level(scene) == identities.HERE.index("live")

    @ONE_DATABASE
    def test_pictures_of_nobody_prove_nothing_and_say_why(self, scene, girl):
        path = begins(girl, scene)
        assert sends(girl, path).status_code == 303
        assert girl.open(path).text.count("no face was found") == 5
        assert level(scene) == 0

    @ONE_DATABASE
    def test_nobody_elses_check_is_answered_or_seen(self, served, scene, girl, agent, seen):
        path = begins(girl, scene)
        refused(agent.open(path), "not-allowed")
        agent.open("/account")
        agent.page = f'name="form_token" value="{agent.value("form_token")}"'
        fields = {"form_token": agent.value("form_token")}
        refused(
            agent.client.post(path, data=fields, files=blank_stills(), headers=OURS), "not-allowed"
        )
        stranger = Browser(served)
        stranger.open("/sign-in")
        answer = stranger.client.post(path, data=fields, files=blank_stills(), headers=OURS)
        assert answer.headers["location"] == "/sign-in"
        assert everything(LiveCheck)[0].outcome == "asked"

    @pytest.mark.parametrize(
        ("headers", "fields"),
        [
            (OURS | {"Origin": "https://evil.example"}, {}),
            (OURS | {"Sec-Fetch-Site": "cross-site"}, {}),
            ({}, {}),
            (OURS, {"form_token": "0" * 64}),
            (OURS, {"form_token": "é"}),
        ],
    )
    @ONE_DATABASE
    def test_no_stills_go_through_from_elsewhere(self, scene, girl, seen, headers, fields):
        path = begins(girl, scene)
        refused(sends(girl, path, headers=headers, **fields), "form-refused")
        assert everything(LiveCheck)[0].outcome == "asked"

    @ONE_DATABASE
    def test_it_wants_a_passkey_used_minutes_ago(self, scene, girl, monkeypatch):
        later(monkeypatch, minutes=6)
        girl.open(HERE)
        made = girl.send(f"{HERE}/checks", performer_id=scene.performer.id)
        assert made.headers["location"] == "/confirm"
        assert everything(LiveCheck) == []


def alone(served, girl):
    """Lose every device, and begin with a printed code; the link's address."""
    phone, path, _ = begun(served, printed(girl)[0])
    return phone, path


class TestComeBackIn:
    def test_a_face_checked_live_stands_for_a_word_and_72_hours_pass_all_the_same(
        self, served, scene, girl, seen, monkeypatch
    ):
        phone, path = alone(served, girl)
        phone.open(path)
        check = phone.send(f"{path}/checks").headers["location"]
        assert sends(phone, check).headers["location"] == check
        assert "✓ checked live" in phone.open(check).text
        assert "recovery-checked-live" in kinds()
        assert level(scene) == 0  # whoever holds a link proves nothing but to this recovery
        assert "This waits for" in phone.open(path).text
        later(monkeypatch, hours=73)
        assert "Make a passkey on this device" in phone.open(path).text

    @ONE_DATABASE
    def test_without_it_and_without_a_word_72_hours_are_not_enough(
        self, served, scene, girl, monkeypatch
    ):
        phone, path = alone(served, girl)
        phone.open(path)
        check = phone.send(f"{path}/checks").headers["location"]
        assert sends(phone, check).status_code == 303  # of nobody: it fails
        later(monkeypatch, hours=73)
        assert "This waits for somebody who vouches" in phone.open(path).text

    @ONE_DATABASE
    def test_it_is_for_who_is_the_one_performer_of_a_desk(self, served, scene, girl):
        phone, path = alone(served, girl)
        phone.open(path)
        with db.writing() as session:
            session.add(Performer(organization_id=scene.desk.organization.id, name="Another"))
        before = phone.page
        assert "checked live" not in phone.open(path).text
        phone.page = before
        refused(phone.send(f"{path}/checks"), "recovery-refused")

    @ONE_DATABASE
    def test_a_check_of_another_recovery_is_none(self, served, scene, girl, seen):
        (one, two, *_) = printed(girl)
        (first, path, _), (second, other, _) = begun(served, one), begun(served, two)
        first.open(path)
        check = first.send(f"{path}/checks").headers["location"].rpartition("/")[2]
        refused(second.open(f"{other}/checks/{check}"), "live-check-not-found")

    @ONE_DATABASE
    def test_whoever_came_back_lately_has_no_face_checked(
        self, served, scene, girl, seen, monkeypatch
    ):
        phone, path = alone(served, girl)
        phone.open(path)
        sends(phone, phone.send(f"{path}/checks").headers["location"])
        later(monkeypatch, hours=73)
        come_in(phone, path)
        phone.open(HERE)
        made = phone.send(f"{HERE}/checks", performer_id=scene.performer.id)
        refused(made, "recovered-lately")
