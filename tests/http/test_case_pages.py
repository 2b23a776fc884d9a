"""Pages of cases: a visitor without an account, the sides, and what each reads of another."""

import re

import pytest
from sqlmodel import select

from app import config, db
from app.cases.models import Case
from app.gateway.models import Generation
from app.identity import service as identity
from app.language import clock_of
from app.web import clocks
from app.web.pages import ZONE_COOKIE
from tests.http.browser import Browser
from tests.http.house import a_house
from tests.http.test_performer_pages import joined
from tests.identity.authenticator import ORIGIN
from tests.people.visiting import later, refused
from tests.scenes import PORTRAIT
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


@pytest.fixture
def house(client, served_here):
    return a_house(client)


@pytest.fixture
def griet(served_here, house):
    return joined(served_here, house.scene.desk.organization, "Griet")


@pytest.fixture
def felix(served_here, house):
    return joined(served_here, house.scene.production.organization, "Felix")


@pytest.fixture
def output(house):
    """A released output of the house."""
    with db.writing() as session:
        return released(session, house.scene, PORTRAIT).id


def other_house():
    with db.writing() as session:
        return identity.create_organization(session, "Elsewhere", "production")


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, page
    return found.group(1)


def complain(browser, output, **changes):
    """Open the form of an output, fill it in and send it, as whoever the browser is."""
    browser.open(f"/cases/new?output={output}")
    form = {
        "output": output,
        "ground": "beyond-consent",
        "asked": "takedown",
        "words": "<b>Not</b> this.",
        "secret": field(browser.page, "secret"),
    }
    return browser.send("/cases", **{**form, **changes})


def test_a_visitor_follows_a_case_by_its_link_and_reads_no_partys_words(served_here, griet, output):
    stranger = Browser(served_here)
    sent = complain(stranger, output)
    link = sent.headers["location"]
    assert link.startswith("/cases/link/")
    stranger.open(link)
    assert "We have it" in stranger.page
    assert "&lt;b&gt;Not&lt;/b&gt; this." in stranger.page
    with db.reading() as session:
        case = session.exec(select(Case)).one()
    griet.open(f"/cases/{case.id}")
    griet.send(f"/cases/{case.id}/answers", words="Between us.")
    griet.open(f"/cases/{case.id}")
    assert "Between us." in griet.page
    stranger.open(link)
    assert "Between us." not in stranger.page
    refused(complain(stranger, output, asked="reversal"), "case-refused")
    assert complain(stranger, output, secret=link.rpartition("/")[2]).headers["location"] == link
    with db.reading() as session:
        assert len(session.exec(select(Case)).all()) == 1  # a form sent twice


def test_a_performer_opens_one_and_the_production_takes_it_down(griet, felix, output, monkeypatch):
    sent = complain(griet, output)
    address = sent.headers["location"]
    felix.open("/cases")
    assert address in felix.page
    felix.open(address)
    assert "Accept: let it no longer be shown" in felix.page
    later(monkeypatch, minutes=6)
    assert felix.send(f"{address}/acceptance", words="x").headers["location"] == "/confirm"
    felix.confirm()
    felix.open(address)
    felix.send(f"{address}/acceptance", words="As you wish.")
    griet.open(address)
    assert "This case has ended: takedown." in griet.page
    with db.reading() as session:
        assert session.get_one(Generation, output).taken_down_at is not None


def test_its_days_stand_by_the_contracts_clock_too_and_a_visitor_learns_no_clock(
    served_here, house, griet, output
):
    address = complain(griet, output).headers["location"]
    visitor = Browser(served_here)
    link = complain(visitor, output, secret="v" * 43).headers["location"]
    beside = f" {clock_of(clocks.clock_of(house.scene.contract))})"
    for browser, paths, told in ((griet, ("/cases", address), True), (visitor, (link,), False)):
        browser.client.cookies.set(ZONE_COOKIE, "Asia/Tokyo")
        for path in paths:
            browser.open(path)
            assert (beside in browser.page) is told, path


def test_whose_case_it_is_not_is_told_nothing(served_here, griet, output):
    address = complain(griet, output).headers["location"]
    stranger = Browser(served_here)
    assert stranger.open(address).headers["location"] == "/sign-in"
    other = joined(served_here, other_house(), "Hedy")
    refused(other.open(address), "case-not-found")
    other.open("/cases")
    assert address not in other.page
    other.open(f"/cases/new?output={output}")
    refused(other.send(f"{address}/answers", words="x"), "case-not-found")
