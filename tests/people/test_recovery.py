"""Who lost every device comes back in by others' word, and a thief of codes does not."""

import ast
import html
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlmodel import select

from app import clock, db
from app.identity import people, sessions
from app.identity import service as identity
from app.identity.models_people import Membership, Passkey, Person
from app.licensing.contracts.models import Contract
from app.notices.models import Contact, Notice
from app.recovery import codes, service
from app.recovery.errors import RecoveryNotFound, RecoveryRefused
from app.recovery.models import Recovery, RecoveryCode, RecoveryVouch
from tests.http.browser import Browser
from tests.people.arriving import joined
from tests.people.visiting import ONE_DATABASE, everything, later, refused

ROLE = "production_member"


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
    def test_two_of_them_and_never_one_alone(self, served, scene, monkeypatch):
        _, first, second = administrators(served, scene, monkeypatch)
        path = begin_for(first, "Jan")
        refused(says_yes(first, path), "recovery-refused")
        way = handed_over(second, path)
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
        a_week_later(monkeypatch, first, second)
        path = begin_for(first, "Griet")
        way = handed_over(second, path)
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

    @ONE_DATABASE
    def test_not_by_one_human_with_a_second_account(self, served, scene, monkeypatch):
        founder, anna, _ = administrators(served, scene, monkeypatch)
        new = invited(founder, scene.production.organization, ROLE, "New", is_admin=True)
        refused(begun_for(new, "Jan"), "recovery-refused")
        path = begin_for(anna, "Jan")
        said = refused(says_yes(founder, path), "recovery-refused").text
        assert "you two invited the other" in said
        assert "7 days before" in refused(says_yes(new, path), "recovery-refused").text
        (found,) = everything(Recovery)
        assert found.secret_sha256 is None

    @ONE_DATABASE
    def test_not_completed_for_who_came_to_belong_elsewhere(self, served, scene, monkeypatch):
        _, anna, maria = administrators(served, scene, monkeypatch)
        way = handed_over(maria, begin_for(anna, "Jan"))
        jan = next(each for each in everything(Person) if each.name == "Jan")
        with db.writing() as session:
            _, secret = people.invite_first(session, scene.agency.organization)
            people.join(session, people.invitation_of(session, secret), jan)
        refuses(served, way, "no other")

    @ONE_DATABASE
    def test_not_completed_when_a_voucher_administers_no_more(self, served, scene, monkeypatch):
        founder, anna, maria = administrators(served, scene, monkeypatch)
        way = handed_over(maria, begin_for(anna, "Jan"))
        assert end_of(founder, "Anna").status_code == 303
        refuses(served, way, "a second administrator")


class TestTheSevenDays:
    """A thief who came in by a recovery gains nothing that outlasts its being found out."""

    @ONE_DATABASE
    def test_end_nothing_and_bind_nothing(self, served, girl, scene, postbox, monkeypatch):
        girl.open("/notices")
        assert girl.send("/account/contacts", address="griet@example.com").status_code == 303
        guardian = invited(girl, scene.desk.organization, "guardian", "Anna")
        (address,), (older, _) = everything(Contact), everything(Passkey)
        thief = recovered(served, "Griet")
        thief.open("/account")
        desk, guardians = scene.desk.organization.id, everything(Membership)[-1].id
        for path, fields in (
            (f"/organizations/{desk}/invitations", {"role": "performer"}),
            (f"/memberships/{guardians}/end", {}),
            (f"/account/passkeys/{older.id}/revocation", {}),
            (f"/account/contacts/{address.id}/end", {}),
            ("/account/recovery/codes", {}),
            (f"/memberships/{guardians}/recovery", {}),
            ("/performer/resume", {}),
            ("/performer/approvals/apr_0", {"answer": "approved"}),
            ("/performer/data/export", {"performer_id": scene.performer.id}),
            ("/performer/data/erasure", {"performer_id": scene.performer.id, "confirm": "x"}),
        ):
            refused(thief.send(path, **fields), "recovered-lately")
        assert thief.send("/performer/pause").status_code == 303
        new = everything(Recovery)[0].passkey_id
        girl.open("/account")
        assert girl.send(f"/account/passkeys/{new}/revocation").status_code == 303
        guardian.open("/account")
        a_week_later(monkeypatch, girl)
        girl.open("/account")
        again = girl.send(f"/organizations/{desk}/invitations", role="performer")
        assert again.status_code == 201

    @ONE_DATABASE
    def test_are_those_of_a_second_account_too(self, served, girl, scene, monkeypatch):
        recovered(served, "Griet")
        with db.writing() as session:  # the planted fault: a way of inviting that did not ask
            by = next(each for each in session.exec(select(Person)) if each.name == "Griet")
            _, secret = people.invite(session, scene.desk.organization.id, by, role="performer")
        second = Browser(served)
        assert second.join(secret, "Mallory").status_code == 303
        path = f"/contracts/{scene.contract.id}/sign"
        second.open(path)
        refused(second.prove(path, second.device.get(second.options())), "recovered-lately")
        a_week_later(monkeypatch, second)
        second.open(path)
        answer = second.prove(path, second.device.get(second.options()))
        assert answer.status_code == 303

    @ONE_DATABASE
    def test_do_not_reach_whom_the_person_invited_before(self, served, girl, scene):
        before = invited(girl, scene.desk.organization, "performer", "Aleydis")
        recovered(served, "Griet")
        path = f"/contracts/{scene.contract.id}/sign"
        before.open(path)
        assert before.prove(path, before.device.get(before.options())).status_code == 303


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


def administrators(served, scene, monkeypatch):
    """A founder, two administrators they invited seven days ago, and Jan, who is a member."""
    house = scene.production.organization
    founder = joined(served, house, "Felix")
    anna, maria = (invited(founder, house, ROLE, each, is_admin=True) for each in ("Anna", "Maria"))
    invited(founder, house, ROLE, "Jan")
    a_week_later(monkeypatch, founder, anna, maria)
    return founder, anna, maria


def a_week_later(monkeypatch, *browsers):
    later(monkeypatch, days=7)
    for each in browsers:
        assert each.sign_in().status_code == 303


def handed_over(second, path):
    """Vouch as the second administrator; return the way in they are shown."""
    shown = says_yes(second, path)
    return urlsplit(re.search(r"http\S+/recovery/[\w-]+", shown.text)[0]).path


def refuses(served, way, because):
    """See that a way in, whose link is out, makes no passkey, asked by page and by service."""
    lost = Browser(served)
    lost.open(way)
    assert because in lost.page
    assert "data-passkey" not in lost.page
    (found,) = everything(Recovery)
    with db.writing() as session, pytest.raises(RecoveryRefused, match=because):
        service.complete(session, None, session.get_one(Recovery, found.id), None, answer="")


def recovered(served, name):
    """Somebody who came in as this person just now; their browser."""
    person = next(each for each in everything(Person) if each.name == name)
    secret, at = f"secret-of-{name}", clock.now()
    agent = Person(name="Whoever vouched")
    with db.writing() as session:
        session.add(agent)
        session.flush()
        under_way = Recovery(
            person_id=person.id, way="codes", begun_at=at, opens_at=at,
            expires_at=at + service.LASTS, secret_sha256=sessions.digest(secret),
        )  # fmt: skip
        session.add(under_way)
        session.flush()
        session.add(RecoveryVouch(recovery_id=under_way.id, person_id=agent.id, capacity="agent"))
    browser = Browser(served)
    assert come_in(browser, f"/recovery/{secret}").status_code == 303
    return browser


def end_of(admin, name):
    person = next(each for each in everything(Person) if each.name == name)
    (theirs,) = (each for each in everything(Membership) if each.person_id == person.id)
    admin.open("/account")
    return admin.send(f"/memberships/{theirs.id}/end")


def begun_for(admin, name):
    admin.open("/account/recovery")
    path = re.search(rf"{name}</p>.*?(/memberships/\w+/recovery)", admin.page, re.DOTALL)[1]
    return admin.send(path)


def begin_for(admin, name):
    assert begun_for(admin, name).status_code == 303
    (found,) = everything(Recovery)
    return f"/recoveries/{found.id}/vouch"


def token(browser):
    browser.open("/account")
    return browser.value("form_token")
