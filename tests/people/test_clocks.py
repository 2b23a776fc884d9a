"""Times go by the clock of who reads: the chosen, else the browser's, else UTC; and are exact."""

import re
from datetime import UTC, datetime, time, timedelta

from app import clock, language
from app.identity.models_people import Person
from app.web import instants
from app.web.pages import ZONE_COOKIE
from tests.people.arriving import joined
from tests.people.visiting import ONE_DATABASE, everything, refused

TIMES = re.compile(r'<time datetime="([^"]*)">([^<]*)</time>')
# In Los Angeles it is still the third of May, in Tokyo the fourth.
AT = datetime(2026, 5, 4, 3, 30, tzinfo=UTC)


def said_by(browser, path="/account"):
    """Return what a page says of each exact instant on it."""
    assert browser.open(path).status_code == 200, browser.page[:300]
    return dict(TIMES.findall(browser.page))


def chooses(browser, zone):
    browser.open("/account")
    return browser.send("/account/zone", zone=zone)


def tells(browser, zone):
    """Do what static/zone.js does."""
    browser.client.cookies.set(ZONE_COOKIE, zone, domain="understudy.test")


@ONE_DATABASE
class TestTwoReaders:
    def test_see_the_same_instant_on_different_days(self, monkeypatch, served, scene):
        tomorrow = clock.now() + timedelta(days=1)
        at = datetime.combine(tomorrow.date(), time(3, 30), UTC)  # still today in Los Angeles
        monkeypatch.setattr(clock, "now", lambda: at)
        griet = joined(served, scene.desk.organization, "Griet")
        yuki = joined(served, scene.agency.organization, "Yuki")
        chooses(griet, "America/Los_Angeles")
        chooses(yuki, "Asia/Tokyo")
        exact = f"{at:%Y-%m-%dT%H:%M}:00.000Z"
        here, there = said_by(griet)[exact], said_by(yuki)[exact]
        assert here.partition(" ")[0] != there.partition(" ")[0]
        assert re.search(r", (19|20):30 Los Angeles time$", here)
        assert there.endswith(", 12:30 Tokyo time")

    def test_find_the_contracts_own_clock_beside_theirs(self, girl, scene):
        path = f"/contracts/{scene.contract.series_id}/sign"
        for zone, differs in (("Europe/Amsterdam", False), ("Asia/Tokyo", True)):
            chooses(girl, zone)
            girl.open(path)
            assert ("The contract goes by Amsterdam time. By your clock" in girl.page) == differs
            assert bool(re.search("0[78]:00 Tokyo time</time> until", girl.page)) == differs

    def test_of_the_public_record_have_one_clock(self, griet):
        chooses(griet, "Asia/Tokyo")
        said_by(griet, "/status")
        assert "Times on this page: Tokyo time" in griet.page
        griet.client.headers["accept"] = "text/html"
        said_by(griet, "/log")
        assert "Times on this page: UTC" in griet.page


@ONE_DATABASE
class TestAReader:
    def test_is_told_that_times_are_utc_where_nothing_is_known(self, griet):
        assert all(said.endswith(" UTC") for said in said_by(griet).values())
        assert "Times on this page: UTC" in griet.page

    def test_reads_by_the_browsers_clock_unless_another_was_chosen(self, griet):
        tells(griet, "America/Los_Angeles")
        assert all("Los Angeles time" in said for said in said_by(griet).values())
        chooses(griet, "Asia/Tokyo")
        assert all("Tokyo time" in said for said in said_by(griet).values())
        chooses(griet, "UTC")
        assert all(said.endswith(" UTC") for said in said_by(griet).values())
        chooses(griet, "")
        assert all("Los Angeles time" in said for said in said_by(griet).values())
        assert "Cookie" in griet.open("/account").headers["vary"]

    def test_reads_utc_whatever_a_hostile_browser_says(self, griet):
        for zone in (
            "Mars/Olympus",
            "../../etc/passwd",
            "<script>!",
            "Etc/GMT+5",
            "x" * 4000,
            "ñu",
        ):
            answer = griet.client.get("/account", headers={"Cookie": cookies(griet, zone)})
            assert answer.status_code == 200
            assert "Times on this page: UTC" in answer.text
            assert zone not in answer.text

    def test_chooses_from_the_list_only(self, griet):
        for zone in ("Mars/Olympus", "../../etc/passwd", "Etc/GMT+5"):
            refused(chooses(griet, zone), "zone-unknown")
        assert [each.zone for each in everything(Person)] == [""]
        chooses(griet, "US/Pacific")  # a name from before
        assert [each.zone for each in everything(Person)] == ["America/Los_Angeles"]


def cookies(browser, zone):
    kept = "; ".join(f"{each.name}={each.value}" for each in browser.client.cookies.jar)
    return f"{kept}; {ZONE_COOKIE}={zone}".encode()


class TestAnInstant:
    def test_is_said_in_the_readers_language(self):
        with language.reading_in("en", "America/Los_Angeles"):
            assert instants.day(AT).endswith(">3 May 2026, 20:30 Los Angeles time</time>")
        with language.reading_in("es", "Asia/Tokyo"):
            assert language.day(AT) == "4 de mayo de 2026, 12:30 hora de Tokio"

    def test_of_an_hour_that_comes_twice_says_which(self):
        twice = [datetime(2026, 11, 1, hour, 30, tzinfo=UTC) for hour in (8, 9, 10)]
        with language.reading_in("en", "America/Los_Angeles"):
            assert [language.day(at).partition(", ")[2] for at in twice] == [
                "01:30 (UTC-07:00) Los Angeles time",
                "01:30 (UTC-08:00) Los Angeles time",
                "02:30 Los Angeles time",
            ]

    def test_stands_by_both_clocks_only_where_they_differ(self):
        winter = datetime(2026, 1, 15, 12, tzinfo=UTC)
        with language.reading_in("en", "Europe/London"):
            assert language.day(winter, beside="UTC") == "15 January 2026, 12:00 London time"
            assert language.day(AT, beside="UTC") == (
                "4 May 2026, 04:30 London time (4 May 2026, 03:30 UTC)"
            )

            assert language.short(winter, beside="UTC") == "15 Jan 2026, 12:00"
            assert language.short(AT, beside="UTC") == "4 May 2026, 04:30 (4 May 2026, 03:30 UTC)"

    def test_that_no_calendar_there_holds_is_said_by_utc(self):
        with language.reading_in("en", "Asia/Tokyo"):
            last = datetime.max.replace(tzinfo=UTC)
            assert language.day(last) == "31 December 9999, 23:59 UTC"
