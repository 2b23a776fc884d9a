"""A session ends when it should, and is nobody else's."""

import pytest

from app import config, db
from app.identity import service as identity
from app.identity.models_people import PersonSession
from app.web import browsers, pages
from tests.http.browser import Browser, first_link
from tests.people.visiting import ONE_DATABASE, everything, later, refused


class TestKeepASession:
    @ONE_DATABASE
    def test_the_cookie_is_for_this_host_and_no_script(self, served, house):
        browser = Browser(served)
        answer = browser.join(first_link(house))
        said = next(each for each in answer.headers.get_list("set-cookie") if "understudy=" in each)
        assert said.startswith("__Host-understudy=")
        assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(said.split("; "))
        assert "Domain" not in said
        secret = browser.client.cookies[pages.SESSION_COOKIE]
        assert secret not in str(everything(PersonSession))

    def test_a_secret_from_before_is_worth_nothing_afterwards(self, served, griet):
        # Session fixation: what an attacker planted does not become the victim's session.
        planted = griet.client.cookies[pages.SESSION_COOKIE]
        victim = Browser(served, griet.device)
        victim.client.cookies.set(pages.SESSION_COOKIE, planted, domain="understudy.test")
        victim.sign_in()
        assert victim.open("/account").status_code == 200
        assert griet.client.cookies[pages.SESSION_COOKIE] == planted
        assert griet.open("/account").headers["location"] == "/sign-in"

    @ONE_DATABASE
    def test_a_confirmation_changes_the_secret(self, griet):
        before = griet.client.cookies[pages.SESSION_COOKIE]
        assert griet.confirm().status_code == 303
        assert griet.client.cookies[pages.SESSION_COOKIE] != before
        griet.client.cookies.set(pages.SESSION_COOKIE, before, domain="understudy.test")
        assert griet.open("/account").headers["location"] == "/sign-in"

    @pytest.mark.parametrize("by", [{"hours": 2, "minutes": 1}, {"hours": 13}], ids=str)
    @ONE_DATABASE
    def test_it_ends_when_idle_and_in_any_case(self, griet, monkeypatch, by):
        later(monkeypatch, **by)
        assert griet.open("/account").headers["location"] == "/sign-in"

    @ONE_DATABASE
    def test_use_keeps_it_open_but_not_for_ever(self, griet, monkeypatch):
        for _ in range(11):
            later(monkeypatch, hours=1)
            assert griet.open("/account").status_code == 200
        later(monkeypatch, hours=1, minutes=1)
        assert griet.open("/account").headers["location"] == "/sign-in"

    @ONE_DATABASE
    def test_it_is_listed_and_can_be_ended_elsewhere(self, served, griet):
        other = Browser(served, griet.device)
        other.client.headers["user-agent"] = "A library's computer"
        other.sign_in()
        griet.open("/account")
        assert "A library&#39;s computer" in griet.page
        (theirs,) = [each for each in everything(PersonSession) if "library" in each.browser]
        assert griet.send(f"/account/sessions/{theirs.id}/end").status_code == 303
        assert other.open("/account").headers["location"] == "/sign-in"
        assert griet.open("/account").status_code == 200

    @ONE_DATABASE
    def test_nobody_ends_the_session_of_another(self, served, griet):
        with db.writing() as session:
            other = identity.create_organization(session, "Delft", "agency")
        stranger = Browser(served)
        stranger.join(first_link(other))
        stranger.open("/account")
        theirs = everything(PersonSession)[0]
        stranger.send(f"/account/sessions/{theirs.id}/end")
        assert griet.open("/account").status_code == 200

    @ONE_DATABASE
    def test_signing_out_ends_it_here(self, griet):
        secret = griet.client.cookies[pages.SESSION_COOKIE]
        griet.open("/account")
        assert griet.send("/sign-out").status_code == 303
        griet.client.cookies.set(pages.SESSION_COOKIE, secret, domain="understudy.test")
        assert griet.open("/account").headers["location"] == "/sign-in"

    @pytest.mark.parametrize("days", [-10, 10])
    @ONE_DATABASE
    def test_a_clock_that_jumps_opens_nothing(self, served, griet, monkeypatch, days):
        with db.writing() as session:
            other = identity.create_organization(session, "Delft", "agency")
        link, stranger = first_link(other), Browser(served, griet.device)
        stranger.open("/sign-in")
        said = stranger.device.get(stranger.options())
        later(monkeypatch, days=days)
        assert griet.open("/account").headers["location"] == "/sign-in"
        refused(stranger.prove("/sign-in", said), "ceremony-refused")
        refused(Browser(served).open(f"/join/{link}"), "invitation-not-found")


class TestAskTooOften:
    @ONE_DATABASE
    def test_a_person_is_refused_whatever_browser_they_use(self, served, griet, monkeypatch):
        second = Browser(served, griet.device)
        second.sign_in()
        monkeypatch.setattr(config.settings(), "rate_people", "4/minute")
        said = [each.open("/account").status_code for each in (griet, second) * 3]
        assert said == [200, 200, 200, 200, 429, 429]
        refused(griet.open("/account"), "too-many-requests")
        assert "Retry-After" in griet.open("/account").headers
        assert griet.open("/performer").status_code == 429  # all pages count as one

    @ONE_DATABASE
    def test_an_address_that_cannot_sign_in_may_not_go_on_trying(self, served, monkeypatch):
        browser = Browser(served)
        browser.open("/sign-in")
        monkeypatch.setattr(config.settings(), "rate_lookups", "3/minute")
        said = [browser.send("/sign-in", ceremony="c", answer="{}").status_code for _ in range(5)]
        assert said[3:] == [429, 429]


class TestABrowser:
    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ("Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0 Safari/537.36", "Chrome on Linux"),
            ("Mozilla/5.0 (Windows NT 10.0) Chrome/141.0 Safari/537.36 Edg/141", "Edge on Windows"),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1",
             "Safari on iPhone"),
            ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Firefox/140.0", "Firefox on Android"),
            ("curl/8.5.0 <b>", "curl/8.5.0 <b>"),
            ("", ""),
        ],
    )  # fmt: skip
    def test_is_called_what_its_owner_calls_it(self, said, shown):
        assert str(browsers.browser(said)) == shown
