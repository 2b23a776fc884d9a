"""Who lost every device comes back in by others' word, and a thief of codes does not."""

import ast
import html
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app import db
from app.identity import people
from app.identity import service as identity
from app.identity.models_people import Passkey, Person
from app.licensing.contracts.models import Contract
from app.notices.models import Notice
from app.recovery import codes, service
from app.recovery.errors import RecoveryNotFound, RecoveryRefused
from app.recovery.models import Recovery, RecoveryCode
from tests.http.browser import Browser
from tests.people.arriving import joined
from tests.people.visiting import ONE_DATABASE, everything, later, refused


def invited(admin, organization, role, name, *, is_admin=False):
    admin.open("/account")
    more = {"is_admin": "true"} if is_admin else {}
    made = admin.send(f"/organizations/{organization.id}/invitations", role=role, **more)
    browser = Browser(admin.client.app)
    secret = re.search(r"/join/([\w-]+)", made.text)[1]
    assert browser.join(secret, name).status_code == 303
    return browser


def printed(browser):
    browser.open("/account/recovery")
    shown = browser.send("/account/recovery/codes")
    assert shown.status_code == 201
    return re.findall(r"<code>([0-9A-Z-]{24})</code>", shown.text)


def begun(served, code):
    """Begin on a new device; return its browser, the way in, and the address to vouch at."""
    lost = Browser(served)
    lost.open("/recover")
    way = lost.send("/recover", code=code).headers["location"]
    lost.open(way)
    found = re.search(r"<code>(\S+/vouch)</code>", lost.page)
    return lost, way, urlsplit(html.unescape(found[1])).path


def says_yes(browser, path):
    if browser.open(path).status_code != 200:
        return browser.open(path)
    return browser.send(path)


def come_in(lost, way):
    lost.open(way)
    return lost.prove(way, lost.device.create(lost.options()))


def kinds():
    return [each.kind for each in everything(Notice) if each.kind.startswith("recover")]


class TestByCode:
    def test_after_three_days_and_the_agents_word(self, served, girl, agent, scene, monkeypatch):
        code, *others = printed(girl)
        assert len(others) == codes.HOW_MANY - 1
        assert code not in str([each.model_dump() for each in everything(RecoveryCode)])
        lost, way, vouching = begun(served, code.lower().replace("-", " "))
        assert "somebody who vouches for you" in lost.page
        assert says_yes(agent, vouching).status_code == 201
        lost.open(way)
        assert "data-passkey" not in lost.page  # not before the 72 hours are over
        later(monkeypatch, hours=72)
        assert come_in(lost, way).status_code == 303
        lost.open("/account")
        assert "Griet" in lost.page
        assert kinds().count("recovery-begun") == 2  # to her, and to her agent
        assert {"recovery-vouched", "recovered"} <= set(kinds())
        refused(lost.open(way), "recovery-not-found")  # a way in is used once

    @ONE_DATABASE
    def test_not_without_a_word_however_long_it_waits(self, served, girl, scene, monkeypatch):
        lost, way, _ = begun(served, printed(girl)[0])
        later(monkeypatch, days=20)
        lost.open(way)
        assert "data-passkey" not in lost.page
        (found,) = everything(Recovery)
        with db.writing() as session, pytest.raises(RecoveryRefused, match="vouches"):
            service.complete(session, None, session.get_one(Recovery, found.id), None, answer="")

    @ONE_DATABASE
    def test_ended_at_once_by_any_device(self, served, girl, agent, scene, monkeypatch):
        lost, way, vouching = begun(served, printed(girl)[0])
        says_yes(agent, vouching)
        girl.open("/account/recovery")
        assert "Somebody asks to be let in as you" in girl.page
        path = re.search(r"/recoveries/\w+/cancellation", girl.page)[0]
        refused(agent.send(path, form_token=token(agent)), "recovery-not-found")
        assert girl.send(path).status_code == 303
        later(monkeypatch, hours=73)
        refused(lost.open(way), "recovery-not-found")
        assert "recovery-cancelled" in kinds()

    @ONE_DATABASE
    def test_nobody_else_vouches_or_learns_of_it(self, served, girl, agent, scene):
        _, _, vouching = begun(served, printed(girl)[0])
        with db.writing() as session:
            fake = identity.create_organization(session, "Operator's agency", "agency")
        stranger = joined(served, fake, "Mallory")
        partner = joined(served, scene.production.organization, "Felix")
        accountant = invited(agent, scene.agency.organization, "auditor", "Anna")
        for browser in (girl, stranger, partner, accountant):
            unknown = browser.open("/recoveries/rcv_0/vouch")
            assert refused(browser.open(vouching), "recovery-not-found").text == unknown.text
            sent = browser.send(vouching, form_token=token(browser))
            refused(sent, "recovery-not-found")

    @ONE_DATABASE
    def test_codes_are_used_once_and_end_with_new_ones(self, served, girl, scene):
        first = printed(girl)
        begun(served, first[0])
        second = printed(girl)
        stranger = Browser(served)
        stranger.open("/recover")
        for code in (first[0], first[1], "", "0000-0000-0000-0000-0000"):
            answer = stranger.send("/recover", code=code or "x")
            refused(answer, "recovery-code-refused")
        begun(served, second[0])

    @ONE_DATABASE
    def test_nothing_is_signed_for_seven_days_and_consent_ends_all_the_same(
        self, served, girl, agent, scene, monkeypatch
    ):
        lost, way, vouching = begun(served, printed(girl)[0])
        says_yes(agent, vouching)
        later(monkeypatch, hours=72)
        come_in(lost, way)
        path = f"/contracts/{scene.contract.id}/sign"
        for browser in (lost, girl):  # the person, whichever device
            browser.sign_in()
            browser.open(path)
            answer = browser.prove(path, browser.device.get(browser.options()))
            refused(answer, "recovered-lately")
        lost.open("/performer")
        assert lost.send("/performer/pause").status_code == 303
        contracts = f"/performer/contracts/{scene.contract.id}/withdrawal"
        lost.open("/performer")
        assert lost.send(contracts).status_code == 303
        assert everything(Contract)[0].withdrawn_at is not None

    @ONE_DATABASE
    def test_after_seven_days_she_signs(self, served, girl, agent, scene, monkeypatch):
        lost, way, vouching = begun(served, printed(girl)[0])
        says_yes(agent, vouching)
        later(monkeypatch, hours=72)
        come_in(lost, way)
        later(monkeypatch, days=7)
        lost.sign_in()
        path = f"/contracts/{scene.contract.id}/sign"
        lost.open(path)
        assert lost.prove(path, lost.device.get(lost.options())).status_code == 303


class TestByAdministrators:
    @ONE_DATABASE
    def test_two_of_them_and_never_one_alone(self, served, scene):
        house = scene.production.organization
        first = joined(served, house, "Felix")
        second = invited(first, house, "production_member", "Anna", is_admin=True)
        invited(first, house, "production_member", "Jan")
        path = begin_for(first, "Jan")
        refused(says_yes(first, path), "recovery-refused")
        shown = says_yes(second, path)
        way = urlsplit(re.search(r"http\S+/recovery/[\w-]+", shown.text)[0]).path
        lost = Browser(served)
        assert come_in(lost, way).status_code == 303
        lost.open("/account")
        assert "Jan" in lost.page

    @ONE_DATABASE
    def test_a_performer_at_their_desk_waits_three_days_all_the_same(
        self, served, girl, scene, monkeypatch
    ):
        desk = scene.desk.organization
        first = invited(girl, desk, "guardian", "Anna", is_admin=True)
        second = invited(girl, desk, "loan_out", "Jan", is_admin=True)
        path = begin_for(first, "Griet")
        shown = says_yes(second, path)
        way = urlsplit(re.search(r"http\S+/recovery/[\w-]+", shown.text)[0]).path
        lost = Browser(served)
        lost.open(way)
        assert "data-passkey" not in lost.page
        later(monkeypatch, hours=72)
        assert come_in(lost, way).status_code == 303

    @ONE_DATABASE
    def test_not_into_a_house_that_is_not_theirs(self, served, girl, scene):
        house = scene.production.organization
        first = joined(served, house, "Felix")
        first.open("/account")
        made = first.send(f"/organizations/{house.id}/invitations", role="production_member")
        secret = re.search(r"/join/([\w-]+)", made.text)[1]
        girl.open(f"/join/{secret}")
        girl.send(f"/join/{secret}/accept")
        first.open("/account/recovery")
        path = re.search(r"/memberships/\w+/recovery", first.page)[0]
        refused(first.send(path), "recovery-refused")
        assert everything(Recovery) == []


class TestTheOperator:
    def test_has_no_command_that_begins_vouches_or_completes(self):
        """A planted import is found: whoever writes such a command breaks this promise."""
        app = Path(service.__file__).parent.parent
        assert reaches(ast.parse("from app.recovery import service"))
        assert reaches(ast.parse("from app.identity.passkeys import enroll"))
        files = [*app.glob("cli*.py"), app / "worker.py", app / "installation.py"]
        assert len(files) > 10
        assert [each.name for each in files if reaches(ast.parse(each.read_text()))] == []

    @ONE_DATABASE
    def test_cannot_make_themselves_the_agent_who_vouches(self, served, girl, scene):
        _, _, vouching = begun(served, printed(girl)[0])
        with db.writing() as session:
            house = identity.create_organization(session, "Ours", "agency")
        operator = joined(served, house, "Operator")
        refused(operator.open(vouching), "recovery-not-found")
        by = next(each for each in everything(Person) if each.name == "Operator")
        with db.writing() as session, pytest.raises(RecoveryNotFound):
            service.vouch(session, by, vouching.split("/")[2])

    @ONE_DATABASE
    def test_cannot_invite_an_administrator_to_a_desk_that_has_had_a_member(self, girl, scene):
        with db.writing() as session, pytest.raises(people.InvitationRefused):
            people.invite_first(session, scene.desk.organization)
        assert len(everything(Passkey)) == 1


def reaches(tree):
    """Whether a module of the operator's names what lets somebody in."""
    named = {
        f"{node.module}.{each.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for each in node.names
    }
    rooms = ("app.recovery", "app.identity.passkeys", "app.identity.sessions")
    return any(each.startswith(rooms) for each in named)


def begin_for(admin, name):
    admin.open("/account/recovery")
    path = re.search(rf"{name}</p>.*?(/memberships/\w+/recovery)", admin.page, re.DOTALL)[1]
    assert admin.send(path).status_code == 303
    (found,) = everything(Recovery)
    return f"/recoveries/{found.id}/vouch"


def token(browser):
    browser.open("/account")
    return browser.value("form_token")
