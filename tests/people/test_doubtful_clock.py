"""A server whose clock cannot be believed opens nothing that may have ended; stopping goes on.

The last part runs a real server under `faketime`, ten days behind and ten days ahead.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from sqlmodel import select

from app import access, clock, db
from app.gateway import handing_out
from app.gateway.models import Generation
from app.identity import recorded, sessions
from app.identity import service as identity
from app.identity.models_people import Ceremony, Invitation, Person, PersonSession
from app.identity.models_providers import SignInProvider
from app.identity.principal import Scope
from app.licensing.contracts import counsel
from app.licensing.contracts.models_counsel import CounselLink
from app.main import operations_of
from app.recovery import service as recovery
from app.registry import mandates
from app.registry.models import Performer
from app.studios import service as providers
from tests.http.browser import OURS, Browser, first_link
from tests.http.house import a_house, question
from tests.http.things import UNKNOWN
from tests.licensing import mandating
from tests.people.arriving import joined
from tests.people.test_recovery import printed
from tests.people.visiting import everything, refused

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
FAKETIME = shutil.which("faketime")
DAYS = 10


def set_by(monkeypatch, **by):
    """Start anew with a clock set by so much: what is on record is looked up by it."""
    honest = clock.now
    monkeypatch.setattr(clock, "now", lambda: honest() + timedelta(**by))
    recorded.look()


def a_key(session, organization, *, ends_in):
    """An API key with an end, made 20 days before today."""
    at = clock.now()
    key, text = identity.create_api_key(session, organization, name="k", scope=Scope.of(["read"]))
    key.created_at = at - timedelta(days=20)
    key.expires_at = None if ends_in is None else at + ends_in
    session.add(key)
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture
def expired(served, house):
    """A key that ended five days ago; another of the house was used since."""
    with db.writing() as session:
        used = a_key(session, house, ends_in=None)
        ended = a_key(session, house, ends_in=-timedelta(days=5))
    with Browser(served).client as client:
        assert client.get("/v1/contracts", headers=used).status_code == 200
        assert client.get("/v1/contracts", headers=ended).status_code == 401
        yield client, ended


def asked(client, each):
    path = each.path
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + "con_" + UNKNOWN + rest.partition("}")[2]
    accept = {"Accept": "text/html"} if each.is_page else {}
    return client.request(each.verb, path, headers=accept)


class TestBehindItsRecords:
    def test_an_ended_key_opens_nothing_again_and_is_told_why(self, expired, monkeypatch):
        client, ended = expired
        set_by(monkeypatch, days=-DAYS)
        answer = client.get("/v1/contracts", headers=ended)
        assert (answer.status_code, answer.json()["code"]) == (503, "clock-in-doubt")
        assert "before what it has already recorded" in answer.json()["detail"]
        assert client.get("/readyz").json()["code"] == "clock-in-doubt"

    def test_but_would_without_that_check(self, expired, monkeypatch):
        client, ended = expired
        set_by(monkeypatch, days=-DAYS)
        monkeypatch.setattr(recorded, "insist_clock", lambda: None)
        assert client.get("/v1/contracts", headers=ended).status_code == 200

    def test_every_operation_refuses_but_those_that_say_that_the_hour_is_nothing_to_them(
        self, served, expired, monkeypatch
    ):
        client, _ = expired
        set_by(monkeypatch, days=-DAYS)
        found = {True: [], False: []}
        for each in operations_of(served):
            answer = asked(client, each)
            if (answer.status_code == 503) == each.rule.at_any_time and each.path != "/readyz":
                found[each.rule.at_any_time].append((each.verb, each.path, answer.status_code))
        assert found == {True: [], False: []}

    def test_what_keys_and_people_may_is_never_of_that_kind(self, served):
        of_any_hour = [each for each in operations_of(served) if each.rule.at_any_time]
        assert {each.path for each in of_any_hour if not set(each.rule.who) <= {"anyone"}} == {
            "/pause", "/pause/{link}", "/pause/everything",
        }  # fmt: skip
        stops = "/pause/everything"  # the one thing a session may at any hour
        assert all(set(each.rule.who) <= access.OPEN or each.path == stops for each in of_any_hour)

    def test_everything_can_still_be_stopped_with_a_printed_code(self, served, girl, monkeypatch):
        code = printed(girl)[0]
        set_by(monkeypatch, days=-DAYS)
        browser = Browser(served)
        browser.open("/pause")
        assert browser.send("/pause", code=code).status_code == 200
        (performer,) = everything(Performer)
        assert performer.paused_at is not None
        refused(girl.open("/account"), "clock-in-doubt")

    @pytest.mark.parametrize("days", [-DAYS, DAYS])
    def test_everything_can_still_be_stopped_signed_in_and_nothing_else_is_opened(
        self, served, girl, agent, monkeypatch, days
    ):
        girl.open("/account")
        honest, offset_s = clock.now, clock._offset_s
        seen = [each.seen_at for each in everything(PersonSession)]
        monkeypatch.setattr(clock, "now", lambda: honest() + timedelta(days=days))
        monkeypatch.setattr(clock, "_offset_s", lambda: offset_s() + days * 86400)
        for browser in (girl, agent):
            assert 'href="/pause"' in refused(browser.open("/performer"), "clock-in-doubt").text
            assert 'action="/pause/everything"' in browser.open("/pause").text
            assert "Stopped." in browser.send("/pause/everything").text
        (performer,) = everything(Performer)
        assert performer.paused_at is not None
        for path in ("/account", "/performer", "/mandates"):
            refused(girl.open(path), "clock-in-doubt")
        girl.open("/pause")
        refused(girl.send("/performer/resume"), "clock-in-doubt")
        # an hour in doubt is put down of no session: the clock, set right, would stand before it
        assert [each.seen_at for each in everything(PersonSession)] == seen

    def test_what_ended_or_is_over_by_every_clock_stops_nothing(
        self, served, girl, griet, monkeypatch
    ):
        with db.writing() as session:
            first, second = session.exec(select(PersonSession).order_by(PersonSession.id)).all()
            first.ended_at = clock.now()
            for name in ("created_at", "seen_at", "verified_at", "expires_at"):
                setattr(second, name, getattr(second, name) - timedelta(days=1))
        offset_s, honest = clock._offset_s, clock.now
        monkeypatch.setattr(clock, "now", lambda: honest() + timedelta(days=DAYS))
        monkeypatch.setattr(clock, "_offset_s", lambda: offset_s() + DAYS * 86400)
        for browser in (girl, griet):
            assert "/pause/everything" not in browser.open("/pause").text
            assert browser.send("/pause/everything").headers["location"] == "/sign-in"
        (performer,) = everything(Performer)
        assert performer.paused_at is None

    def test_a_clock_set_while_it_runs_opens_nothing_either(self, expired, griet, monkeypatch):
        honest = clock._offset_s
        monkeypatch.setattr(clock, "_offset_s", lambda: honest() + DAYS * 86400)
        refused(griet.open("/account"), "clock-in-doubt")
        monkeypatch.setattr(clock, "_offset_s", honest)
        assert griet.open("/account").status_code == 200

    def test_minutes_are_forgiven(self, expired, griet, monkeypatch):
        set_by(monkeypatch, minutes=-4)
        assert griet.open("/account").status_code == 200


def doors(served, house):
    """What opens today, and the same that ended five days ago: named, as requests.

    Whoever takes the things of five days ago was told so by the clock of those days.
    """
    at = clock.now()
    scene, gone = house.scene, timedelta(days=DAYS, minutes=-1)
    girl = joined(served, scene.desk.organization, "Griet")
    girl.open("/account")
    code = printed(girl)[0]
    generation_id = house.ask().json()["id"]
    with db.writing() as session:
        production = scene.production.organization
        endless = a_key(session, production, ends_in=None)
        ending = a_key(session, production, ends_in=timedelta(days=5))
        ended = a_key(session, production, ends_in=-timedelta(days=5))
        held = session.exec(select(PersonSession)).one()
        older = {**held.model_dump(exclude={"id"}), "secret_sha256": "0" * 64}
        for name in ("created_at", "seen_at", "verified_at", "expires_at"):
            older[name] -= gone
        old_session = PersonSession(**older)
        old_session.secret_sha256 = sessions.digest("A" * 43)
        _, back = recovery.begin_by_code(session, code)
        link = CounselLink(
            series_id=scene.contract.id, version=1, side="licensee", shared=False, counsel="L.",
            secret_sha256="", organization_id=production.id, expires_at=at + timedelta(days=5),
        )  # fmt: skip
        link.secret_sha256 = counsel._hash(counsel.secret_of(link.id))
        generation = session.get_one(Generation, generation_id)
        generation.state, generation.output_key = "released", "nowhere"
        session.add_all((old_session, link, generation))
        address = handing_out.download_link(generation, expires_at=at + timedelta(hours=1))
        ended_address = handing_out.download_link(generation, expires_at=at - gone)
        generation.state, generation.output_key = "held", None
    with db.writing() as session:
        states = [a_state(session, house, gone=each) for each in (None, None, gone)]
        standing, over, ahead = (
            a_mandate(session, scene, *(at + timedelta(days=days) for days in span))
            for span in ((-1, 5), (-20, -5), (5, 25))
        )
    open_link, ended_link = (first_link(each) for each in two_houses())
    with db.writing() as session:
        newest = session.exec(select(Invitation).order_by(Invitation.id.desc())).first()
        newest.created_at -= timedelta(days=12)
        newest.expires_at -= timedelta(days=12)
    cookie = girl.client.cookies["__Host-understudy"]
    contract = f"/v1/contracts/{scene.contract.series_id}"
    return {
        "key without an end": ("/v1/contracts", endless),
        "key": ("/v1/contracts", ending),
        "ended key": ("/v1/contracts", ended),
        "session": ("/account", {"Cookie": f"__Host-understudy={cookie}"}),
        "ended session": ("/account", {"Cookie": f"__Host-understudy={'A' * 43}"}),
        "invitation": (f"/join/{open_link}", {}),
        "ended invitation": (f"/join/{ended_link}", {}),
        "recovery": (f"/recovery/{back}", {}),
        "counsel's link": (f"/v1/counsel/{counsel.secret_of(link.id)}", {}),
        "form token": form(cookie),
        "form token of an ended session": form("A" * 43),
        "state": states[0],
        "ended state": states[2],
        "state for later": states[1],
        "mandate": (contract, standing),
        "ended mandate": (contract, over),
        "mandate ahead of the clock": (contract, ahead),
        "download": (address, {}),
        "ended download": (ended_address, {}),
    }


def form(secret):
    """A form of this session, about a mandate that there is none of."""
    token = {"form_token": sessions.form_token(secret)}
    return "/mandates/man_0/end", {"Cookie": f"__Host-understudy={secret}", **OURS}, token


def a_state(session, house, *, gone):
    """The way back from a studio's provider, which let nobody in: said of a question that stands.

    `gone`: by how much the question is older.
    """
    organization_id = house.scene.production.organization.id
    provider = providers.standing_of(session, organization_id) or SignInProvider(
        organization_id=organization_id, issuer="https://id.example", client_id="c", secret="x",
        client_auth="client_secret_basic", email_domain="", names_itself=True,
        authorization_endpoint="https://id.example/a", token_endpoint="https://id.example/t",
        jwks_uri="https://id.example/k", named_by=session.exec(select(Person.id)).one(),
    )  # fmt: skip
    session.add(provider)
    session.flush()
    question, cookie = providers.ask(session, provider, providers.SIGN_IN)
    asked = session.get_one(Ceremony, question.state.partition(".")[0])
    for name in ("created_at", "expires_at") if gone else ():
        setattr(asked, name, getattr(asked, name) - gone)
    path = f"/sign-in/studio/{provider.id}/back?iss=https://id.example&state={question.state}"
    return path, {"Cookie": f"__Host-understudy-studio={cookie}"}


def a_mandate(session, scene, starts_at, ends_at):
    """A mandate over this span, by the clock of its first day; the key of who holds it."""
    holder = mandating.holder_of(session, "attorney")
    made = mandating.granted(session, scene, "attorney", None, holder)
    made.granted_at = min(made.granted_at, starts_at)
    made.starts_at, made.ends_at = starts_at, ends_at
    mandates.seal(made)
    return a_key(session, holder.organization, ends_in=None)


def two_houses():
    with db.writing() as session:
        return [identity.create_organization(session, name, "agency") for name in ("A", "B")]


@contextmanager
def a_server(days):
    """Serve this test's installation in a process whose clock is so many days off."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    wrapped = [FAKETIME, "-f", f"{days:+d}d"] if days else []
    run = [*wrapped, sys.executable, "-m", "app.cli", "serve"]
    environment = {
        **{name: os.environ[name] for name in os.environ if name.startswith("UNDERSTUDY_")},
        "PATH": os.environ["PATH"],
        "UNDERSTUDY_PORT": str(port),
        "UNDERSTUDY_RATE_LOOKUPS": "",
    }
    server = subprocess.Popen(
        run,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            until = time.monotonic() + 240
            while server.poll() is None:
                try:
                    client.get("/healthz")
                    break
                except httpx.TransportError:
                    assert time.monotonic() < until
                    time.sleep(0.2)
            yield client
    finally:
        os.killpg(server.pid, signal.SIGTERM)  # faketime stands before the server, and ends alone
        server.wait(60)


def opened(client, doors):
    """Ask at every door; return what each said: its status, or where it sent one on to."""
    said = {}
    for name, (path, headers, *form) in doors.items():
        if form:
            answer = client.post(path, headers=headers, data=form[0])
        else:
            answer = client.get(path, headers=headers)
        said[name] = answer.headers.get("location") or answer.status_code
    return said


OPEN_TODAY = {
    "key without an end": 200, "key": 200, "ended key": 401,
    "session": 200, "ended session": "/sign-in",
    "invitation": 200, "ended invitation": 404,
    "recovery": 200, "counsel's link": 200,
    "download": 409, "ended download": 403,  # it opens, and is not released
    "form token": 404, "form token of an ended session": 403,  # it is heard, about what is not
    "state": 403, "ended state": 409,  # it is taken up, and says that nobody was let in
    "mandate": 200, "ended mandate": 404, "mandate ahead of the clock": 404,
}  # fmt: skip
AHEAD = {
    **OPEN_TODAY, "key": 401, "session": "/sign-in", "invitation": 404, "counsel's link": 404,
    "download": 403, "form token": 403, "state": 409, "state for later": 409,
    "mandate": 404, "mandate ahead of the clock": 200,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(FAKETIME is None, reason="faketime is not installed (apt install faketime)")
class TestARealServer:
    def test_ten_days_behind_opens_nothing_and_ten_days_ahead_nothing_that_ends(self, served):
        house = a_house(Browser(served).client)
        once = {"key": "the same request", "json": question(house)}
        kept = house.post("/v1/authorizations", **once)
        known = doors(served, house)
        headers = house.keys["production"] | {"Idempotency-Key": once["key"]}
        with a_server(0) as true:
            today = {name: door for name, door in known.items() if name in OPEN_TODAY}
            assert opened(true, today) == OPEN_TODAY
        with a_server(-DAYS) as behind:
            assert opened(behind, known) == dict.fromkeys(known, 503)
            said = behind.get("/v1/contracts", headers=house.keys["production"]).json()
            assert said["reason"] == "clock-behind"
            assert behind.get("/healthz").status_code == 200
            again = behind.post("/v1/authorizations", headers=headers, json=once["json"])
            assert again.status_code == 503
        with a_server(DAYS) as ahead:
            assert opened(ahead, known) == AHEAD
            again = ahead.post("/v1/authorizations", headers=headers, json=once["json"])
            assert (again.status_code, again.json()) == (kept.status_code, kept.json())
