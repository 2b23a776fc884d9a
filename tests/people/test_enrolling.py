"""A performer is enrolled at a page: once, with their word, from a form of ours."""

import pytest

from app import db
from app.identity import people
from app.identity.models_people import Person
from app.registry import service as registry
from app.registry.errors import NoFaceFound, SeveralFacesFound
from app.registry.models import Performer
from tests.http.browser import OURS, Browser
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
    assert "Only the performer registers a likeness." in auditor.open(AT).text
    griet.open(AT)
    auditor.page = auditor.page + f'name="once" value="{griet.value("once")}"'
    auditor.page += f'name="form_token" value="{_token(auditor)}"'
    refused(send(auditor, again=True), "not-allowed")
    later(monkeypatch, minutes=6)
    assert send(griet).headers["location"] == "/confirm"
    assert everything(Performer) == []


def _token(browser):
    browser.client.get("/account")
    page = browser.client.get("/account").text
    return page.split('name="form_token" value="')[1].split('"')[0]


def test_the_portrait_itself_is_looked_at_by_the_sandbox(griet):
    wall = send(griet, picture=b"GIF89a no picture")
    assert wall.status_code == 422
    assert "JPEG, PNG or WebP" in wall.text
    answer = send(griet, picture=PORTRAIT.read_bytes())
    assert answer.status_code == 303, answer.text
