"""People come in by a link and a passkey, and by nothing that a thief could try instead."""

import json
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from fastapi.routing import APIRoute
from sqlmodel import select
from typer.testing import CliRunner

from app import clock, config, db
from app.cli import app as cli
from app.identity import passkeys
from app.identity import service as identity
from app.identity.errors import InvitationRefused
from app.identity.models_people import Invitation, Membership, Passkey, PersonSession
from app.web import pages
from app.web import people as people_pages
from app.web import signing as signing_pages
from tests.http.browser import OURS, Browser, first_link
from tests.identity.authenticator import (
    BACKED_UP,
    BACKUP_ELIGIBLE,
    ORIGIN,
    PRESENT,
    Authenticator,
)

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def served(database, application, monkeypatch):
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("UNDERSTUDY_LOG_LEVEL", "error")
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", ORIGIN)
    config.settings.cache_clear()
    return application


@pytest.fixture
def house(served):
    with db.writing() as session:
        return identity.create_organization(session, "The Girl's desk", "performer")


@pytest.fixture
def griet(served, house):
    browser = Browser(served)
    assert browser.join(first_link(house)).status_code == 303
    return browser


def refused(answer, code):
    assert answer.status_code >= 400, answer.headers
    assert code in answer.text, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return answer


def everything(model):
    with db.reading() as session:
        return session.exec(select(model)).all()


def later(monkeypatch, **by):
    at = clock.now() + timedelta(**by)
    monkeypatch.setattr(clock, "now", lambda: at)


class TestComeIn:
    def test_by_the_operators_link_then_with_the_passkey_alone(self, served, house, griet):
        griet.open("/account")
        assert "Griet" in griet.page
        assert house.name in griet.page.replace("&#39;", "'")
        griet.client.cookies.clear()
        assert griet.open("/account").headers["location"] == "/sign-in"
        assert griet.sign_in().status_code == 303
        assert griet.open("/account").status_code == 200
        (passkey,) = everything(Passkey)
        assert (passkey.sign_count, passkey.backup_eligible) == (2, False)

    @ONE_DATABASE
    def test_a_synced_passkey_says_that_it_may_be_copied_and_counts_nothing(self, served, house):
        flags = Authenticator().flags | BACKUP_ELIGIBLE | BACKED_UP
        browser = Browser(served, Authenticator(counts=False, flags=flags))
        browser.join(first_link(house))
        assert browser.sign_in().status_code == 303
        (passkey,) = everything(Passkey)
        assert (passkey.backup_eligible, passkey.backed_up, passkey.sign_count) == (True, True, 0)

    @ONE_DATABASE
    def test_the_operator_lets_in_the_first_and_nobody_after(self, served, house, data_dir):
        earlier = first_link(house)
        said = CliRunner().invoke(cli, ["people", "invite", house.id])
        link = said.output.splitlines()[0]
        assert link.startswith(f"{ORIGIN}/join/")
        refused(Browser(served).open(f"/join/{earlier}"), "invitation-not-found")
        secret = urlsplit(link).path.removeprefix("/join/")
        assert Browser(served).join(secret).status_code == 303
        with pytest.raises(InvitationRefused, match="administrator"):
            first_link(house)

    @ONE_DATABASE
    def test_an_administrator_invites_and_others_do_not(self, served, house, griet):
        path = f"/organizations/{house.id}/invitations"
        griet.open("/account")
        made = griet.send(path, role="guardian")
        assert made.status_code == 201
        secret = re.search(r"/join/([\w-]+)", made.text)[1]
        jan = Browser(served)
        assert jan.join(secret, "Jan").status_code == 303
        jan.open("/account")
        refused(jan.send(path, role="guardian", is_admin="true"), "not-allowed")
        refused(griet.send(path, role="union_officer"), "invitation-refused")
        roles = {each.role: each.is_admin for each in everything(Membership)}
        assert roles == {"performer": True, "guardian": False}

    @ONE_DATABASE
    def test_a_link_is_used_once_and_lasts_a_week(self, served, house, monkeypatch):
        secret = first_link(house)
        two = [Browser(served), Browser(served)]
        for browser in two:
            browser.open(f"/join/{secret}")
        answers = [
            browser.prove(
                f"/join/{secret}",
                browser.device.create(browser.options()),
                name="A",
                device="B",
            )
            for browser in two
        ]
        assert [answer.status_code for answer in answers] == [303, 404]
        assert len(everything(Membership)) == len(everything(Passkey)) == 1
        with db.writing() as session:
            other = identity.create_organization(session, "Delft", "agency")
        old = first_link(other)
        later(monkeypatch, days=8)
        refused(Browser(served).open(f"/join/{old}"), "invitation-not-found")

    @ONE_DATABASE
    def test_a_member_elsewhere_joins_with_what_they_have(self, served, griet):
        with db.writing() as session:
            other = identity.create_organization(session, "Delft", "agency")
        secret = first_link(other)
        before = griet.client.cookies[pages.SESSION_COOKIE]
        griet.open(f"/join/{secret}")
        assert griet.send(f"/join/{secret}/accept").status_code == 303
        assert griet.client.cookies[pages.SESSION_COOKIE] != before  # more rights, another secret
        assert len(everything(Membership)) == 2
        assert len(everything(Passkey)) == 1


class TestBelieveAnAuthenticator:
    """Each of these is one thing a thief changes; the plain answer goes through (above)."""

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"origin": "https://understudy.test.evil.example"}, "passkey-refused"),
            ({"origin": "http://understudy.test"}, "passkey-refused"),
            ({"flags": PRESENT}, "passkey-refused"),
            ({"challenge": "A" * 43}, "passkey-refused"),
            ({"rpId": "evil.example"}, "passkey-refused"),
            ({"user": b"psn_somebody_else"}, "passkey-refused"),
            ({"user": b""}, "passkey-refused"),
            ({"key": Authenticator().key, "as": True}, "passkey-refused"),
            ({"key": Authenticator().key}, "passkey-refused"),
            ({"count": 0}, "passkey-cloned"),
        ],
        ids=lambda value: str(value)[:40],
    )
    @ONE_DATABASE
    def test_refuses_what_is_not_as_asked(self, griet, change, code):
        griet.client.cookies.clear()
        griet.open("/sign-in")
        options, device = griet.options(), griet.device
        known = device._said()
        options |= {name: change[name] for name in ("challenge", "rpId") if name in change}
        for name in ("flags", "user", "key", "count"):
            if name in change:
                setattr(device, name, change[name])
        said = device.get(options, origin=change.get("origin", ORIGIN))
        if "as" in change:  # signed with another key, under the name of the right one
            said |= {"id": known["id"], "rawId": known["rawId"]}
        refused(griet.prove("/sign-in", said), code)
        assert pages.SESSION_COOKIE not in griet.client.cookies
        assert griet.open("/account").headers["location"] == "/sign-in"

    @pytest.mark.parametrize(
        "said", ["", "{", "[]", "{}", '{"response": {}}', '{"id":1}', "[" * 9000]
    )
    @ONE_DATABASE
    def test_refuses_what_is_no_answer(self, griet, said):
        griet.open("/sign-in")
        answer = griet.send("/sign-in", ceremony=griet.value("ceremony"), answer=said)
        assert 400 <= answer.status_code < 500

    @ONE_DATABASE
    def test_refuses_a_passkey_made_elsewhere_or_without_verification(self, served, house):
        secret = first_link(house)
        for device, origin in (
            (Authenticator(flags=PRESENT), ORIGIN),
            (Authenticator(), "https://evil.example"),
        ):
            browser = Browser(served, device)
            browser.open(f"/join/{secret}")
            made = device.create(browser.options(), origin=origin)
            answer = browser.prove(f"/join/{secret}", made, name="A", device="B")
            refused(answer, "passkey-refused")
        assert everything(Passkey) == []
        assert everything(Invitation)[0].used_at is None

    def test_a_copy_that_counts_less_is_put_down_and_ends_both(self, served, griet):
        copy = Browser(served, Authenticator(key=griet.device.key, user=griet.device.user))
        griet.sign_in()
        refused(copy.sign_in(), "passkey-cloned")
        (passkey,) = everything(Passkey)
        assert passkey.clone_seen_at is not None
        assert griet.open("/account").headers["location"] == "/sign-in"
        refused(griet.sign_in(), "passkey-refused")

    def test_an_answer_is_taken_once(self, griet):
        griet.client.cookies.delete(pages.SESSION_COOKIE)
        griet.open("/sign-in")  # signed out: a token of this browser
        page, said = griet.page, griet.device.get(griet.options())
        assert griet.prove("/sign-in", said).status_code == 303
        griet.client.cookies.delete(pages.SESSION_COOKIE)
        griet.page = page
        refused(griet.prove("/sign-in", said), "ceremony-refused")

    @ONE_DATABASE
    def test_and_in_time_and_in_the_browser_that_was_asked(self, served, griet, monkeypatch):
        griet.client.cookies.clear()
        griet.open("/sign-in")
        fields = {
            "ceremony": griet.value("ceremony"),
            "answer": json.dumps(griet.device.get(griet.options())),
        }
        other = Browser(served)
        other.open("/sign-in")
        refused(other.send("/sign-in", **fields), "ceremony-refused")
        later(monkeypatch, minutes=6)
        refused(griet.send("/sign-in", **fields), "ceremony-refused")

    @ONE_DATABASE
    def test_without_the_comparison_a_copy_would_get_in(self, served, griet, monkeypatch):
        # The planted fault: a copy with a counter that is believed.
        copy = Browser(served, Authenticator(key=griet.device.key, user=griet.device.user))
        griet.sign_in()
        monkeypatch.setattr(passkeys, "_is_copy", lambda *_: False)
        assert copy.sign_in().status_code == 303


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


class TestLookAfterDevices:
    def test_a_second_device_then_the_first_may_go_and_with_it_its_sessions(self, served, griet):
        second = Authenticator()
        griet.open("/account/passkeys/new")
        made = second.create(griet.options())
        assert griet.prove("/account/passkeys", made, device="Tablet").status_code == 303
        tablet = Browser(served, second)
        assert tablet.sign_in().status_code == 303
        first = next(each for each in everything(Passkey) if each.name == "Phone")
        tablet.open("/account")
        assert tablet.send(f"/account/passkeys/{first.id}/revocation").status_code == 303
        assert griet.open("/account").headers["location"] == "/sign-in"
        refused(griet.sign_in(), "passkey-refused")
        tablet.open("/account")
        last = next(each for each in everything(Passkey) if each.name == "Tablet")
        refused(tablet.send(f"/account/passkeys/{last.id}/revocation"), "last-one")

    @ONE_DATABASE
    def test_what_matters_asks_for_the_passkey_again_after_five_minutes(
        self, house, griet, monkeypatch
    ):
        later(monkeypatch, minutes=6)
        assert griet.open("/account/passkeys/new").headers["location"] == "/confirm"
        (passkey,) = everything(Passkey)
        griet.open("/account")
        for path in (
            f"/organizations/{house.id}/invitations",
            f"/account/passkeys/{passkey.id}/revocation",
            f"/memberships/{everything(Membership)[0].id}/end",
        ):
            assert griet.send(path, role="guardian").headers["location"] == "/confirm"
        assert griet.confirm().status_code == 303
        assert griet.open("/account/passkeys/new").status_code == 200

    @ONE_DATABASE
    def test_the_last_administrator_stays(self, griet):
        griet.open("/account")
        path = f"/memberships/{everything(Membership)[0].id}/end"
        refused(griet.send(path), "last-one")


PAGES = [
    route
    for router in (people_pages.router, signing_pages.router)
    for route in router.routes
    if isinstance(route, APIRoute)
]
POSTS = sorted(route.path for route in PAGES if "POST" in route.methods)


class TestForms:
    """A form is ours three times over; each sign alone is missed."""

    @pytest.mark.parametrize("path", POSTS)
    @ONE_DATABASE
    def test_no_form_goes_through_from_elsewhere(self, griet, path):
        griet.open("/account")
        before = contents()
        for headers, token in (
            (OURS | {"Origin": "https://evil.example"}, None),
            (OURS | {"Origin": "null"}, None),
            (OURS | {"Sec-Fetch-Site": "cross-site"}, None),
            (OURS | {"Sec-Fetch-Site": "same-site"}, None),
            ({}, None),
            (OURS, ""),
            (OURS, "0" * 64),
            (OURS, "é"),
        ):
            more = {} if token is None else {"form_token": token}
            fields = {
                "role": "guardian",
                "name": "A",
                "device": "B",
                "ceremony": "c",
                "answer": "{}",
            }
            refused(griet.send(path, headers=headers, **fields, **more), "form-refused")
        assert contents() == before

    def test_nothing_a_person_may_send_is_without_that_guard(self):
        # Whoever adds a form: take `Posted`, not `Visitor`.
        unguarded = [
            route.path
            for route in PAGES
            if route.methods - {"GET", "HEAD"}
            and not any(each.call is pages._posted for each in route.dependant.dependencies)
        ]
        assert unguarded == []

    @ONE_DATABASE
    def test_pages_run_nothing_of_others_and_are_framed_by_nobody(self, griet):
        for path in ("/sign-in", "/account", "/confirm", "/account/passkeys/new", "/join/x"):
            headers = griet.open(path).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert headers["cache-control"] == "no-store"
            assert not re.search(r"<script(?![^>]*src=\"/static/)|\son\w+=|style=", griet.page)

    @ONE_DATABASE
    def test_a_name_is_text_whatever_it_says(self, served, house):
        browser = Browser(served)
        browser.join(first_link(house), "<script>alert(1)</script>")
        browser.open("/account")
        assert "<script>alert" not in browser.page
        assert "&lt;script&gt;alert" in browser.page


def contents():
    with db.reading() as session:
        return [
            [row.model_dump() for row in session.exec(select(model))]
            for model in (Membership, Invitation, Passkey)
        ]
