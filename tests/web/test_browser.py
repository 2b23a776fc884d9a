"""Passkeys in a real Chromium, with a virtual authenticator: what a person sees and does."""

import json
import re
import shutil
import socket
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
import uvicorn
from playwright.sync_api import expect, sync_playwright

from app import clock, config, db
from app.identity import people
from app.identity import service as identity
from app.licensing.contracts import signing
from app.main import create_app
from tests.scenes import a_scene, represent

CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}
pytestmark = [
    pytest.mark.xdist_group("chromium"),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]


@pytest.fixture(scope="module")
def chromium():
    """One browser for all tests here; a machine without any fails them, and says what to do."""
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if found is None:
        pytest.fail("no Chromium here: `make browser` installs one (Debian: chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def origin(database, monkeypatch):
    """A served installation on a port of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://localhost:{port}"
    monkeypatch.setenv("UNDERSTUDY_WORKER_IN_PROCESS", "false")
    monkeypatch.setenv("UNDERSTUDY_ORIGIN", address)
    config.settings.cache_clear()
    server = uvicorn.Server(
        uvicorn.Config(create_app(), host="127.0.0.1", port=port, log_config=None)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield address
    server.should_exit = True
    thread.join()


class Phone:
    """A browser of its own with an authenticator in it."""

    def __init__(self, page):
        self.page = page
        self.tools = page.context.new_cdp_session(page)
        self.tools.send("WebAuthn.enable")
        self.authenticator = self._add()
        self.elsewhere = []
        page.on("request", lambda request: self.elsewhere.append(request.url))

    def _add(self, **options):
        made = self.tools.send(
            "WebAuthn.addVirtualAuthenticator", {"options": {**DEVICE, **options}}
        )
        return made["authenticatorId"]

    def tell(self, what, **said):
        return self.tools.send(f"WebAuthn.{what}", {"authenticatorId": self.authenticator, **said})

    def take_another(self, **options):
        self.tell("removeVirtualAuthenticator")
        self.authenticator = self._add(**options)


@contextmanager
def a_phone(chromium):
    there = {"timezone_id": "America/Los_Angeles"}
    context = chromium.new_context(viewport={"width": 360, "height": 740}, **there)
    context.set_default_timeout(60_000)
    yield Phone(context.new_page())
    context.close()


@pytest.fixture
def link(origin):
    with db.writing() as session:
        house = identity.create_organization(session, "The Girl's desk", "performer")
        return f"{origin}/join/{people.invite_first(session, house)[1]}"


def join(phone, link):
    phone.page.goto(link)
    phone.page.get_by_label("Your name").fill("Griet")
    phone.page.get_by_role("button", name="Make a passkey and join").click()
    expect(phone.page.get_by_role("heading", name="Griet")).to_be_visible()


def test_joins_signs_in_again_and_adds_a_second_device(chromium, origin, link):
    with a_phone(chromium) as phone:
        page = phone.page
        join(phone, link)
        (cookie,) = [each for each in page.context.cookies() if each["name"] == "__Host-understudy"]
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
        expect(page.get_by_text("Times on this page: Los Angeles time")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Use my passkey").click()
        expect(page.get_by_role("heading", name="Griet")).to_be_visible()

        phone.take_another()
        page.get_by_role("link", name="Add a second").click()
        page.get_by_label("A name for this device").fill("Tablet")
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.get_by_text("Tablet")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="Use my passkey").click()  # the tablet's
        expect(page.get_by_text("Tablet")).to_be_visible()
        assert {re.match(r"\w+://[^/]+", url)[0] for url in phone.elsewhere} == {origin}


def test_a_copy_another_origin_and_an_unverified_user_do_not_get_in(chromium, origin, link):
    with a_phone(chromium) as phone:
        page = phone.page
        join(phone, link)
        (copied,) = phone.tell("getCredentials")["credentials"]
        page.get_by_role("button", name="Sign out").click()

        # The page under another name: the browser itself keeps the passkey to its own host.
        page.goto(origin.replace("localhost", "127.0.0.1") + "/sign-in")
        page.get_by_role("button", name="Use my passkey").click()
        expect(page.get_by_role("status")).to_contain_text("Nothing was sent")

        page.goto(f"{origin}/sign-in")
        phone.tell("setUserVerified", isUserVerified=False)
        page.get_by_role("button", name="Use my passkey").click()
        expect(page.get_by_role("status")).to_contain_text("Nothing was sent")
        phone.tell("setUserVerified", isUserVerified=True)

        # Answered once, the same form again is refused.
        page.goto(f"{origin}/sign-in")
        with page.expect_request(lambda request: request.method == "POST") as sent:
            page.get_by_role("button", name="Use my passkey").click()
        expect(page.get_by_role("heading", name="Griet")).to_be_visible()
        again = page.evaluate(
            "body => fetch('/sign-in', {method: 'POST', body: new URLSearchParams(body)})"
            ".then(answer => answer.status, () => 'blocked')",
            sent.value.post_data,
        )
        assert again in {403, "blocked"}  # scripts may not even speak to the server

        # A copy, taken before the sign-in above: it counts from where it was.
        phone.take_another()
        phone.tell("addCredential", credential=copied | {"signCount": 0})
        page.goto(f"{origin}/sign-in")
        page.get_by_role("button", name="Use my passkey").click()
        expect(page.get_by_text("there is a copy of it")).to_be_visible()
        page.goto(f"{origin}/account")
        expect(page.get_by_role("button", name="Use my passkey")).to_be_visible()


def send(page, button, **fields):
    """Send the form of a page with these values in it, in the place of what a passkey answers."""
    form = page.locator("form[data-passkey]")
    for name, value in fields.items():
        form.locator(f"[name={name}]").evaluate("(field, value) => field.value = value", value)
    page.get_by_role("button", name=button).click()


def test_a_replayed_answer_and_one_without_the_user_verified_are_refused_by_the_server(
    chromium, origin
):
    """What the browser would not send by itself: so the page is told to."""
    with db.writing() as session:
        scene = a_scene(session, signed=False)
        secret = people.invite_first(session, scene.desk.organization)[1]
    sign_in, sign = "Use my passkey", "Sign with my passkey"
    with a_phone(chromium) as phone:
        page = phone.page
        join(phone, f"{origin}/join/{secret}")
        page.get_by_role("button", name="Sign out").click()
        page.goto(f"{origin}/sign-in")
        with page.expect_request(lambda request: request.method == "POST") as sent:
            page.get_by_role("button", name=sign_in).click()
        expect(page.get_by_role("heading", name="Griet")).to_be_visible()
        said = dict(parse_qsl(sent.value.post_data))
        page.get_by_role("button", name="Sign out").click()

        # The whole answer again, with the challenge it was given to; then to the next challenge.
        page.goto(f"{origin}/sign-in")
        send(page, sign_in, ceremony=said["ceremony"], answer=said["answer"])
        expect(page.get_by_text("ceremony-refused")).to_be_visible()
        page.goto(f"{origin}/sign-in")
        send(page, sign_in, answer=said["answer"])
        expect(page.get_by_text("passkey-refused")).to_be_visible()
        page.goto(f"{origin}/account")
        page.get_by_role("button", name=sign_in).click()
        expect(page.get_by_role("heading", name="Griet")).to_be_visible()

        # The page asks for no verification, and the device gives none.
        at = f"{origin}/contracts/{scene.contract.id}/sign"
        page.goto(at)
        page.locator("form[data-passkey]").evaluate(
            "form => form.dataset.options = form.dataset.options.replace('required', 'discouraged')"
        )
        phone.tell("setUserVerified", isUserVerified=False)
        page.get_by_role("button", name=sign).click()
        expect(page.get_by_text("passkey-refused")).to_be_visible()
        phone.tell("setUserVerified", isUserVerified=True)
        page.goto(at)
        send(page, sign, answer=said["answer"])  # a sign-in is no signature
        expect(page.get_by_text("passkey-refused")).to_be_visible()
        page.goto(at)
        page.get_by_role("button", name=sign).click()
        expect(page.get_by_text("by the performer")).to_be_visible()


def test_a_contract_is_read_in_plain_words_and_signed(chromium, origin, tmp_path):
    with db.writing() as session:
        scene = a_scene(session, signed=False)
        secret = people.invite_first(session, scene.desk.organization)[1]
    with a_phone(chromium) as phone:
        page = phone.page
        join(phone, f"{origin}/join/{secret}")
        page.goto(f"{origin}/contracts/{scene.contract.id}/sign")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.get_by_role("button", name="Sign with my passkey").click()
        expect(page.get_by_text("by the performer")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download the signature").click()
        download.value.save_as(tmp_path / "signature.json")
    found = signing.verified(json.loads((tmp_path / "signature.json").read_text()))
    assert (found["made_with"], found["origin"]) == ("a passkey", origin)


def test_who_lost_every_device_comes_back_in_by_code_and_the_agents_word(
    chromium, origin, monkeypatch
):
    with db.writing() as session:
        scene = a_scene(session, signed=False)
        represent(session, scene, scene.agency.organization)
        doors = [
            f"{origin}/join/{people.invite_first(session, party.organization)[1]}"
            for party in (scene.desk, scene.agency)
        ]
    with a_phone(chromium) as phone, a_phone(chromium) as agents, a_phone(chromium) as new:
        join(phone, doors[0])
        phone.page.get_by_role("link", name="If you lose them all").click()
        phone.page.get_by_role("button", name="Make eight new ones").click()
        code = phone.page.locator("code").first.inner_text()

        page = new.page
        page.goto(f"{origin}/sign-in")
        page.get_by_role("link", name="Every device lost?").click()
        page.get_by_label("A printed code").fill(code)
        page.get_by_role("button", name="Begin").click()
        expect(page.get_by_text("This waits for somebody who vouches")).to_be_visible()
        way, vouching = page.url, page.locator("code").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360

        join(agents, doors[1])
        agents.page.goto(vouching)
        agents.page.get_by_role("button", name="Yes, it is Griet").click()
        expect(agents.page.get_by_text("You vouched for Griet")).to_be_visible()

        at = clock.now() + timedelta(hours=73)
        monkeypatch.setattr(clock, "now", lambda: at)
        page.goto(way)
        page.get_by_role("button", name="Make a passkey").click()
        expect(page.get_by_role("heading", name="Griet", exact=True)).to_be_visible()
        page.goto(f"{origin}/contracts/{scene.contract.id}/sign")
        page.get_by_role("button", name=re.compile("Sign")).click()
        expect(page.get_by_text("recovered-lately")).to_be_visible()
