"""The agency's statements at its page: what everybody earned, to look at and to keep."""

import csv
import io

import pytest

from app import config, db
from app.payments.statements import issue_statements
from tests.http.house import a_house
from tests.http.test_performer_pages import joined, shown
from tests.identity.authenticator import ORIGIN
from tests.payments.stories import a_story, closed
from tests.people.visiting import refused

pytestmark = [
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.xdist_group("http"),
]
PAGE = "/agency/statements"


@pytest.fixture
def house(client, served, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return a_house(client)


def test_show_and_give_what_everybody_earned_to_the_agency_alone(served, house):
    idle = joined(served, house.scene.agency.organization, "Olga")
    assert "No period is closed" in shown(idle, PAGE)
    with db.writing() as session:
        story = a_story(session)
        story.use(session)
        period = closed(session)
        issue_statements(session, period)
        agency = story.scene.agency.organization
        desk = story.scene.desk.organization
    maria = joined(served, agency, "Maria")
    shown(maria, "/account")
    maria.send("/account/zone", zone="Asia/Tokyo")
    page = shown(maria, PAGE)
    assert " UTC</time>. Each line" in page
    assert "Times on this page: UTC" in page
    assert "The Girl" in page
    assert page.count("56.25") >= 2
    assert page.count("6.25") > page.count("56.25")
    file = f"{PAGE}/download?kind={{}}&period={period.id}".format
    (line, *_, everybody) = csv.DictReader(io.StringIO(shown(maria, file("csv"))))
    assert (line["closing_minor"], everybody["commission_minor"]) == ("5625", "625")
    assert maria.open(file("json")).json()["sheets"][0]["sums"]["closing_minor"] == 5625
    assert maria.client.get(file("pdf")).content.startswith(b"%PDF")
    refused(maria.open(f"{PAGE}?period=prd_unknown"), "statement-not-found")
    refused(idle.open(f"{PAGE}?period={period.id}"), "statement-not-found")
    refused(idle.open(file("csv")), "statement-not-found")
    refused(joined(served, desk, "Griet").open(PAGE), "not-allowed")
