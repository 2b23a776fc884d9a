"""A performer is enrolled at a page: once, with their word, from a form of ours."""

import pytest

from app import db
from app.identity import people
from app.identity import service as identity
from app.identity.models_people import Person
from app.licensing.mandates import giving
from app.registry import service as registry
from app.registry.errors import NoFaceFound, SeveralFacesFound
from app.registry.models import Performer
from app.registry.models_mandates import PerformerLife
from tests.http.browser import OURS, Browser
from tests.people.arriving import joined
from tests.people.visiting import ONE_DATABASE, everything, later, refused
from tests.scenes import PORTRAIT, a_portrait_seen

AT = "/performer/enroll"
pytestmark = ONE_DATABASE


@pytest.fixture
def seen(monkeypatch):
    """Have the sandbox see one face; what it really sees is tried in tests/registry."""
    monkeypatch.setattr(registry, "inspect_portrait", a_portrait_seen)


def send(browser, *, headers=OURS, picture=b"\xff\xd8 a picture", again=False, **fields):
    if not again:
        browser.open(AT)
    said = {
        "form_token": browser.value("form_token"),
        "once": browser.value("once"),
        "name": "Griet of Delft",
        "house": browser.value("house"),
        "mine": "yes",
        **fields,
    }
    files = {} if picture is None else {"portrait": ("me.jpg", picture)}
    return browser.client.post(AT, data=said, files=files or {"x": b""}, headers=headers)


def test_from_an_empty_house_a_name_and_a_portrait_are_enough(griet, house, seen):
    assert f'href="{AT}"' in griet.open("/performer").text
    page = griet.open(AT).text
    assert "<script" not in page
    assert send(griet).headers["location"] == "/performer"
    (performer,) = everything(Performer)
    assert (performer.name, performer.organization_id) == ("Griet of Delft", house.id)
    assert AT not in griet.open("/performer").text


def test_the_same_form_twice_enrolls_once(griet, seen):
    send(griet)
    assert send(griet, again=True).status_code == 303
    assert len(everything(Performer)) == 1


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (NoFaceFound("none"), "No face was found."),
        (SeveralFacesFound("two"), "Be alone in the picture."),
    ],
)
def test_a_picture_that_will_not_do_is_said_on_the_form(griet, monkeypatch, why, said):
    def look(_path):
        raise why

    monkeypatch.setattr(registry, "inspect_portrait", look)
    answer = send(griet, name="Griet <b>")
    assert answer.status_code == 422
    assert said in answer.text
    assert "Griet &lt;b&gt;" in answer.text  # what was typed is kept, as text
    assert everything(Performer) == []


def test_nothing_is_kept_without_a_picture_or_without_their_word(griet, seen):
    assert "Choose a picture first." in send(griet, picture=None).text
    assert "without the word of whose face it is" in send(griet, mine="").text
    assert everything(Performer) == []


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
def test_no_portrait_goes_through_from_elsewhere(griet, seen, headers, fields):
    refused(send(griet, headers=headers, **fields), "form-refused")
    assert everything(Performer) == []


def test_only_a_performer_of_the_house_whose_passkey_was_used_minutes_ago(
    served, griet, house, seen, monkeypatch
):
    with db.writing() as session:
        (by,) = [session.merge(each) for each in everything(Person)]
        _, secret = people.invite(session, house.id, by, role="auditor")
    auditor = Browser(served)
    auditor.join(secret, "Paul")
    assert "Only the performer registers a likeness, a guardian" in auditor.open(AT).text
    griet.open(AT)
    auditor.page = auditor.page + f'name="once" value="{griet.value("once")}"'
    auditor.page += f'name="house" value="{house.id}"'
    auditor.page += f'name="form_token" value="{_token(auditor)}"'
    refused(send(auditor, again=True), "not-allowed")
    later(monkeypatch, minutes=6)
    assert send(griet).headers["location"] == "/confirm"
    assert everything(Performer) == []


def _token(browser):
    browser.client.get("/account")
    page = browser.client.get("/account").text
    return page.split('name="form_token" value="')[1].split('"')[0]


def in_place(served, house, role, name="Maria"):
    """Somebody who is in a house as guardian or for an estate."""
    with db.writing() as session:
        people_there = people.members_in(session, house.id)
        by = session.merge(people_there[0][1])
        _, secret = people.invite(session, house.id, by, role=role)
    browser = Browser(served)
    browser.join(secret, name)
    return browser


class TestInPlace:
    def test_a_guardian_registers_a_child_for_whom_nobody_signs_yet(
        self, served, griet, house, seen
    ):
        maria = in_place(served, house, "guardian")
        assert f'href="{AT}"' in maria.open("/performer").text
        assert "Register the child you care for." in maria.open(AT).text
        answer = send(maria, name="Jan", day="2015-03-01")
        assert answer.headers["location"] == "/performer", answer.text
        (jan,) = everything(Performer)
        (life,) = everything(PerformerLife)
        assert (jan.name, jan.organization_id) == ("Jan", house.id)
        assert (str(life.majority_on), life.died_on) == ("2033-03-01", None)
        assert gives_mandates(jan) == []  # neither Griet at the desk, nor Maria without papers

    def test_an_estate_registers_whom_it_stands_for_as_dead(self, served, griet, house, seen):
        felix = in_place(served, house, "estate")
        send(felix, name="Carel", day="2019-03-01")
        (life,) = everything(PerformerLife)
        assert str(life.died_on) == "2019-03-01"
        assert gives_mandates(everything(Performer)[0]) == []

    @pytest.mark.parametrize(
        ("role", "day", "said"),
        [
            ("guardian", "", "Say which day it was."),
            ("guardian", "1990-01-01", "Whoever is of age registers themselves"),
            ("guardian", "2990-01-01", "That day of birth cannot be."),
            ("estate", "2990-01-01", "That day lies in the future."),
            ("estate", "no day", "Say which day it was."),
        ],
    )
    def test_nobody_is_registered_without_the_day(
        self, served, griet, house, seen, role, day, said
    ):
        answer = send(in_place(served, house, role), name="Jan <b>", day=day)
        assert answer.status_code == 422
        assert said in answer.text
        assert "Jan &lt;b&gt;" in answer.text
        assert everything(Performer) == everything(PerformerLife) == []

    def test_each_role_registers_in_its_own_house_and_in_no_other(self, served, griet, house, seen):
        with db.writing() as session:
            other = identity.create_organization(session, "Another desk", "performer")
        jan = joined(served, other, "Jan")
        refused(send(jan, house=house.id), "not-allowed")
        assert everything(Performer) == []
        # who is herself here, and guardian there, says for whom
        with db.writing() as session:
            griets = next(each for each in everything(Person) if each.name == "Griet")
            by = session.merge(people.members_in(session, other.id)[0][1])
            made, _ = people.invite(session, other.id, by, role="guardian")
            people.join(session, made, session.merge(griets))
        assert f'href="{AT}?house={other.id}"' in griet.open(AT).text
        griet.open(f"{AT}?house={other.id}")
        send(griet, again=True, name="Jan", day="2015-03-01")
        (child,) = everything(Performer)
        assert child.organization_id == other.id
        assert len(everything(PerformerLife)) == 1


def gives_mandates(performer):
    """Everybody who may give mandates, and so sign, for a performer."""
    with db.reading() as session:
        return [
            person.name
            for person in everything(Person)
            for giver in giving.givers(session, person)
            if giver.performer.id == performer.id
        ]


def test_the_portrait_itself_is_looked_at_by_the_sandbox(griet):
    wall = send(griet, picture=b"GIF89a no picture")
    assert wall.status_code == 422
    assert "JPEG, PNG or WebP" in wall.text
    answer = send(griet, picture=PORTRAIT.read_bytes())
    assert answer.status_code == 303, answer.text
