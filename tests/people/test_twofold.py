"""Where one is paid, keys, the vault: two people agree, or one does again after three days."""

import ast
import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select
from typer.testing import CliRunner

from app import clock, config, db, vault
from app.cli import app as command
from app.gateway.materials.models import Material
from app.gateway.reviews.models import Review
from app.identity import api_keys, operators
from app.identity.errors import ApiKeyRefused
from app.identity.models import ApiKey
from app.identity.models_people import Membership, Person
from app.identity.principal import Principal
from app.notices.models import Notice
from app.payments.details import details_in_force
from app.provenance import pki
from app.recovery.models import Recovery
from app.trail import OperatorAct, operator_name
from app.transparency.models import LogOutbox
from app.twofold import rotation, service
from app.twofold.errors import TwofoldOver
from app.twofold.models import TwofoldAct
from app.vault import VaultOpening
from tests.http.browser import Browser
from tests.people.arriving import an_operator
from tests.people.visiting import ONE_DATABASE, everything, later, refused

IBAN = "NL91ABNA0417164300"


def invited(browser, organization, role="performer", name="Kees"):
    """Somebody whom a member lets in."""
    browser.open("/account")
    answer = browser.send(f"/organizations/{organization.id}/invitations", role=role)
    assert answer.status_code == 201, answer.text
    guest = Browser(browser.client.app)
    assert guest.join(answer.text.partition("/join/")[2][:43], name).status_code == 303
    return guest


def asks(browser, organization, path="/v1/bank-accounts", **body):
    """What the house's API key is answered to a proposal."""
    with db.writing() as session:
        key = api_keys.create_api_key(session, organization, name="till", scope=ALL)[1]
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": secrets.token_hex(8)}
    return browser.client.post(path, json=body, headers=headers)


def asked(browser, organization, path="/v1/bank-accounts", **body):
    """What the house's API key proposes."""
    answer = asks(browser, organization, path, **body)
    assert answer.status_code == 201, answer.text
    return answer.json()


ALL = api_keys.Scope.of([*api_keys.ACTIONS])


def an_account(browser, scene):
    desk = scene.desk.organization
    said = {"payee_id": scene.performer.id, "holder": "The Girl", "iban": IBAN}
    return asked(browser, desk, **said)


def says(browser, act, word="agreement"):
    """One person opens the page, sees what it is, and says yes or no."""
    browser.open(f"/account/two-people/{act['id']}")
    if "form_token" not in browser.page:
        browser.open("/account")
    return browser.send(f"/two-people/{act['id']}/{word}")


def paid_at(scene):
    with db.reading() as session:
        return details_in_force(session, scene.performer.id)


@pytest.fixture
def two(girl, scene):
    """The girl and Kees, members of one desk for eight days."""
    kees = invited(girl, scene.desk.organization)
    with db.writing() as session:
        for each in session.exec(select(Membership)):
            each.created_at -= timedelta(days=8)
            session.add(each)
    return girl, kees


class TestAnAccount:
    def test_counts_once_two_people_saw_it_and_agreed(self, two, scene):
        girl, kees = two
        act = an_account(girl, scene)
        assert (act["state"], paid_at(scene)) == ("proposed", None)
        girl.open("/account/two-people")
        assert act["id"] in girl.page
        assert IBAN not in girl.page
        girl.open(f"/account/two-people/{act['id']}")
        assert IBAN in girl.page
        assert says(girl, act).status_code == 303
        refused(says(girl, act), "second-person-needed")
        assert paid_at(scene) is None
        assert says(kees, act).status_code == 303
        details = paid_at(scene)
        assert details.vault_object_id == everything(TwofoldAct)[0].asked["vault_object_id"]
        refused(says(kees, act), "twofold-over")
        assert len({each.id for each in everything(VaultOpening)}) >= 3  # each look is on record
        kinds = [each.kind for each in everything(LogOutbox)]
        assert kinds.count("twofold-agreed") == 1
        told = {each.kind for each in everything(Notice)}
        assert {"twofold-proposed", "twofold-agreed"} <= told

    def test_is_put_in_force_once_by_two_who_agree_at_once(self, two, scene):
        act = an_account(two[0], scene)
        people = {each.person_id for each in everything(Membership)}

        def agree(person_id):
            try:
                with db.writing() as session:
                    found = service.agree(session, act["id"], person_id)
                    return found.settled_at is not None
            except TwofoldOver:
                return False

        with ThreadPoolExecutor(2) as threads:
            assert sorted(threads.map(agree, people)) == [False, True]

    @ONE_DATABASE
    def test_of_one_alone_counts_when_they_agree_again_after_three_days(
        self, girl, scene, monkeypatch
    ):
        act = an_account(girl, scene)
        assert says(girl, act).status_code == 303
        later(monkeypatch, hours=71, minutes=59)
        girl.sign_in()
        refused(says(girl, act), "second-person-needed")
        assert paid_at(scene) is None
        later(monkeypatch, minutes=2)
        assert says(girl, act).status_code == 303
        assert paid_at(scene) is not None

    @ONE_DATABASE
    def test_is_agreed_to_by_nobody_let_in_for_that_nor_by_emptying_the_house(
        self, two, scene, monkeypatch
    ):
        """Whoever holds one person's device lets in a second account, or removes the other."""
        girl, kees = two
        second = invited(girl, scene.desk.organization, name="Nobody")
        act = an_account(girl, scene)
        assert says(girl, act).status_code == 303
        refused(says(second, act), "member-too-new")
        (theirs,) = [each for each in everything(Membership) if each.person_id == person_of(kees)]
        girl.open("/account")
        assert girl.send(f"/memberships/{theirs.id}/end").status_code == 303
        later(monkeypatch, hours=73)
        girl.sign_in()
        refused(says(girl, act), "second-person-needed")
        assert paid_at(scene) is None
        monkeypatch.setattr(service, "KNOWN_FOR", timedelta(0))  # the planted fault
        second.sign_in()
        assert says(second, act).status_code == 303
        assert paid_at(scene) is not None

    @ONE_DATABASE
    def test_is_refused_by_anybody_of_the_house_and_seen_by_nobody_else(
        self, two, scene, agent, monkeypatch
    ):
        girl, kees = two
        auditor = invited(girl, scene.desk.organization, role="auditor", name="Audrey")
        act = an_account(girl, scene)
        for stranger in (agent, auditor):
            stranger.sign_in()
            refused(stranger.open(f"/account/two-people/{act['id']}"), "twofold-not-found")
            for word in ("agreement", "refusal"):
                stranger.open("/account")
                refused(stranger.send(f"/two-people/{act['id']}/{word}"), "twofold-not-found")
        later(monkeypatch, minutes=6)
        girl.open("/account")
        for page in (
            girl.open(f"/account/two-people/{act['id']}"),
            girl.send(f"/two-people/{act['id']}/agreement", form_token=token_of(girl)),
        ):
            assert page.headers["location"] == "/confirm"
        girl.open("/account")
        assert girl.send(f"/two-people/{act['id']}/refusal").status_code == 303  # no says itself
        kees.confirm()
        refused(says(kees, act), "twofold-over")
        newer = an_account(kees, scene)
        newest = an_account(kees, scene)
        refused(says(kees, newer), "twofold-over")  # another one took its place
        later(monkeypatch, days=15)
        kees.sign_in()
        refused(says(kees, newest), "twofold-over")
        assert paid_at(scene) is None

    @ONE_DATABASE
    def test_waits_where_two_came_in_lately_whoever_of_them_is_removed(
        self, girl, scene, monkeypatch
    ):
        """Nobody was a member seven days before: a newcomer is alone only if nobody else came."""
        kees = invited(girl, scene.desk.organization)
        act = an_account(girl, scene)
        refused(says(kees, act), "member-too-new")
        theirs = next(each for each in everything(Membership) if each.person_id == person_of(girl))
        with db.writing() as session:  # by whatever way
            session.merge(theirs).ended_at = clock.now()
        later(monkeypatch, hours=73)
        kees.sign_in()
        refused(says(kees, act), "member-too-new")
        assert paid_at(scene) is None

    @ONE_DATABASE
    def test_says_which_key_asked_and_is_over_when_that_key_is_ended(self, two, scene):
        girl, kees = two
        act = an_account(girl, scene)
        girl.open(f"/account/two-people/{act['id']}")
        with db.reading() as session:
            key = session.get_one(ApiKey, session.get_one(TwofoldAct, act["id"]).api_key_id)
        assert f"till (ustk_{key.prefix})" in girl.page
        assert says(girl, act).status_code == 303
        with db.writing() as session:
            api_keys.revoke_api_key(session, session.get_one(ApiKey, key.id))
        refused(says(kees, act), "twofold-over")
        kees.open("/account/two-people")
        assert act["id"] not in kees.page
        with db.reading() as session:
            assert service.state_of(session, session.get_one(TwofoldAct, act["id"])) == "lapsed"
        assert paid_at(scene) is None

    @ONE_DATABASE
    def test_is_proposed_a_few_times_a_day_and_not_more(self, girl, scene, monkeypatch):
        for _ in range(service.MOST_A_DAY):
            an_account(girl, scene)
        told = len(everything(Notice))
        said = {"payee_id": scene.performer.id, "holder": "The Girl", "iban": IBAN}
        answer = asks(girl, scene.desk.organization, **said)
        assert (answer.status_code, answer.json()["code"]) == (429, "too-many-proposals")
        assert len(everything(Notice)) == told
        later(monkeypatch, days=1, minutes=1)
        an_account(girl, scene)

    @ONE_DATABASE
    def test_is_not_shown_to_who_came_back_in_by_a_recovery_and_who_may_refuse(self, two, scene):
        girl, kees = two
        act = an_account(girl, scene)
        at = clock.now()
        with db.writing() as session:
            session.add(
                Recovery(
                    person_id=person_of(kees),
                    way="codes",
                    opens_at=at - timedelta(days=1),
                    completed_at=at - timedelta(hours=1),
                    expires_at=at + timedelta(days=9),
                )
            )
        looks = len(everything(VaultOpening))
        kees.open(f"/account/two-people/{act['id']}")
        assert IBAN not in kees.page
        assert "by a recovery" in kees.page
        assert len(everything(VaultOpening)) == looks
        refused(says(kees, act), "recovered-lately")
        assert says(kees, act, "refusal").status_code == 303

    def test_that_is_agreed_to_while_another_is_proposed_stays_agreed(self, two, scene):
        act = an_account(two[0], scene)
        one, other = {each.person_id for each in everything(Membership)}
        with db.writing() as session:
            service.agree(session, act["id"], one)

        def propose():
            with db.writing() as session:
                earlier = session.get_one(TwofoldAct, act["id"])
                return service.propose(
                    session,
                    earlier.kind,
                    earlier.subject_id,
                    earlier.asked,
                    organization_id=earlier.organization_id,
                ).id

        with ThreadPoolExecutor(1) as threads:
            with db.writing() as session:
                service.agree(session, act["id"], other)
                newer = threads.submit(propose)
                time.sleep(0.3)  # it reads what is open, and waits
            assert newer.result(timeout=30) != act["id"]
        states = [each.state(clock.now()) for each in everything(TwofoldAct)]
        assert sorted(states) == ["agreed", "proposed"]

    def test_a_key_is_proposed_anew_while_it_is_agreed_to_and_neither_waits_for_ever(
        self, two, scene
    ):
        """Both lock the act and the key: in one order, or PostgreSQL ends one of them.

        It is a key that may make keys: two people may replace that one, too.
        """
        desk = scene.desk.organization
        with db.writing() as session:
            replaced = api_keys.create_api_key(session, desk, name="till", scope=ALL)[0]
        path = f"/v1/api-keys/{replaced.id}/rotation"
        act = asked(two[0], desk, path, secret_sha256="0" * 64)
        one, other = {each.person_id for each in everything(Membership)}
        with db.writing() as session:
            service.agree(session, act["id"], one)

        def propose():
            with db.writing() as session:
                key = session.get_one(ApiKey, replaced.id)
                by = Principal(desk.id, desk.kind, replaced.id, ALL)
                hour = timedelta(hours=1)
                rotation.propose_rotation(session, by, key, secret_sha256="1" * 64, overlap=hour)

        with ThreadPoolExecutor(1) as threads:
            with db.writing() as session:
                settled = service.agree(session, act["id"], other)
                newer = threads.submit(propose)
                time.sleep(0.3)  # it reads what is open, and waits
                rotation.put_in_force(session, settled)
            with pytest.raises(ApiKeyRefused):  # it was replaced meanwhile
                newer.result(timeout=30)
        assert [each.state(clock.now()) for each in everything(TwofoldAct)] == ["agreed"]


def token_of(browser):
    browser.open("/account")
    return browser.value("form_token")


def person_of(browser):
    """Return who is signed in: the member whose name the account page shows."""
    from app.identity.models_people import Person

    browser.open("/account")
    return next(each.id for each in everything(Person) if f"<h1>{each.name}</h1>" in browser.page)


class TestAKey:
    @ONE_DATABASE
    def test_is_replaced_once_two_people_agreed(self, two, scene):
        girl = two[0]
        organization = scene.desk.organization
        with db.writing() as session:
            old = api_keys.create_api_key(session, organization, name="farm")[0].id
        said = {"secret_sha256": "5" * 64, "overlap_s": 60}
        act = asked(girl, organization, f"/v1/api-keys/{old}/rotation", **said)

        def made():
            with db.reading() as session:
                found = select(ApiKey).where(ApiKey.prefix == act["prefix"])
                return session.exec(found).first()

        for each in two:
            assert made() is None
            girl.open(f"/account/two-people/{act['id']}")
            assert "5" * 64 in girl.page
            assert says(each, act).status_code == 303
        assert (made().name, made().secret_sha256) == ("farm", "5" * 64)
        with db.reading() as session:
            ends_at = api_keys.ends_at(session, session.get_one(ApiKey, old))
        assert ends_at <= clock.now() + timedelta(seconds=60)

    def test_is_made_once_two_people_saw_what_it_may_and_agreed(self, two, scene, monkeypatch):
        girl, kees = two
        desk = scene.desk.organization
        end = clock.now() + timedelta(days=9)
        limits = {"actions": ["read", "ask"], "projects": ["NIGHTGLASS"]}
        said = {"name": "farm", "secret_sha256": "6" * 64, "expires_at": end.isoformat(), **limits}
        act = asked(girl, desk, "/v1/api-keys", **said)
        assert (act["state"], act["replaces_id"]) == ("proposed", None)

        def made():
            with db.reading() as session:
                found = select(ApiKey).where(ApiKey.prefix == act["prefix"])
                return [(each, api_keys.scope_of(session, each)) for each in session.exec(found)]

        page = girl.open(f"/account/two-people/{act['id']}").text
        for words in ("6" * 64, "farm", "It may: ask, read.", "projects alone: NIGHTGLASS."):
            assert words in page
        assert says(girl, act).status_code == 303
        refused(says(girl, act), "second-person-needed")
        assert made() == []
        assert says(kees, act).status_code == 303
        ((key, scope),) = made()
        assert (key.name, key.secret_sha256, key.expires_at) == ("farm", "6" * 64, end)
        assert scope == api_keys.Scope.of(*limits.values())
        refused(says(kees, act), "twofold-over")
        assert len(made()) == 1

    @ONE_DATABASE
    def test_is_made_of_the_newest_proposal_alone_and_not_of_one_that_is_over(
        self, two, scene, monkeypatch
    ):
        girl, kees = two
        desk = scene.desk.organization
        end = (clock.now() + timedelta(days=2)).isoformat()
        said = {"name": "farm", "secret_sha256": "6" * 64, "expires_at": end}
        first, second = (asked(girl, desk, "/v1/api-keys", **said) for _ in range(2))
        refused(says(girl, first), "twofold-over")
        assert says(girl, second).status_code == 303
        before = everything(ApiKey)
        later(monkeypatch, days=3)
        kees.sign_in()
        refused(says(kees, second), "api-key-refused")
        assert everything(ApiKey) == before
        late = asks(kees, desk, "/v1/api-keys", **said)
        assert late.json()["code"] == "api-key-refused"

    @ONE_DATABASE
    @pytest.mark.parametrize("end", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"])
    def test_to_an_end_that_no_calendar_has_is_not_proposed(self, girl, scene, end):
        said = {"name": "farm", "secret_sha256": "6" * 64, "expires_at": end}
        answer = asks(girl, scene.desk.organization, "/v1/api-keys", **said)
        assert answer.json()["code"] == "api-key-refused"
        assert "calendar" in answer.json()["detail"]
        assert everything(TwofoldAct) == []

    @ONE_DATABASE
    def test_is_not_made_when_the_key_that_asked_is_ended_before_both_agreed(self, two, scene):
        girl, kees = two
        desk = scene.desk.organization
        act = asked(girl, desk, "/v1/api-keys", name="farm", secret_sha256="6" * 64)
        with db.reading() as session:
            key = session.get_one(ApiKey, session.get_one(TwofoldAct, act["id"]).api_key_id)
        assert f"till (ustk_{key.prefix})" in girl.open(f"/account/two-people/{act['id']}").text
        assert says(girl, act).status_code == 303
        before = [each.id for each in everything(ApiKey)]
        with db.writing() as session:
            api_keys.revoke_api_key(session, session.get_one(ApiKey, key.id))
        refused(says(kees, act), "twofold-over")
        assert [each.id for each in everything(ApiKey)] == before

    @ONE_DATABASE
    def test_that_opens_nothing_is_not_proposed_to_be_replaced(self, girl, scene):
        desk = scene.desk.organization
        with db.writing() as session:
            row = api_keys.row_at_pages(session, desk.id, "psn_1").id
        said = {"secret_sha256": "5" * 64, "overlap_s": 60}
        answer = asks(girl, desk, f"/v1/api-keys/{row}/rotation", **said)
        assert answer.json()["code"] == "api-key-refused"
        assert everything(TwofoldAct) == []


@pytest.fixture
def ada_and_bob(served):
    """Two operators for eight days, the only ones."""
    both = an_operator(served, "Ada"), an_operator(served, "Bob")
    with db.writing() as session:
        for each in session.exec(select(Membership)):
            each.created_at -= timedelta(days=8)
            session.add(each)
    return both


def commands(*words):
    return CliRunner().invoke(command, list(words))


def the_act():
    """What waits for operators now, as pages name it."""
    (act,) = [each for each in everything(TwofoldAct) if each.state(clock.now()) == "proposed"]
    return {"id": act.id}


def opens_alone(text):
    """Whether a module of the operator's opens what is sealed, or pays, with nobody agreeing."""
    named = {
        f"{node.module}.{each.name}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module
        for each in node.names
    }
    opening = ("app.vault", "app.payments.transfer", "app.payments.details")
    return any(each.startswith(opening) for each in named) and (
        "app.twofold.operators" not in named
    )


def test_no_command_and_no_page_of_operators_opens_what_is_sealed_by_one_alone():
    """Planted: an import of the vault, or of what writes a file for the bank, and no second one."""
    assert opens_alone("from app import vault")
    assert opens_alone("from app.payments import transfer")
    assert not opens_alone("from app.payments import transfer\nfrom app.twofold import operators")
    app = Path(service.__file__).parent.parent
    files = [*app.glob("cli*.py"), app / "web" / "operator.py"]
    assert len(files) > 20
    assert [each.name for each in files if opens_alone(each.read_text("utf-8"))] == []


class TestAtOnce:
    @pytest.mark.parametrize("refuses_first", [True, False])
    def test_what_is_refused_while_it_is_done_is_one_of_the_two(self, ada_and_bob, refuses_first):
        """Whoever comes second waits for the first's lock, and is told what came of it."""
        with db.writing() as session:
            house = operators.house_of(session).id
            both = [each.person.id for each in operators.operators(session)]
            act = service.propose(session, "vault-access", "rev_1", {}, organization_id=house).id
            for each in both:
                service.agree(session, act, each)

        begun = threading.Event()

        def do(for_s=0.0):
            with db.writing() as session:
                found = service.undone(session, house, "vault-access", "rev_1", {})
                if found is not None:
                    service.note_done(session, found)
                begun.set()
                time.sleep(for_s)
                return found is not None

        def refuse(for_s=0.0):
            try:
                with db.writing() as session:
                    service.refuse(session, act, both[0])
                    begun.set()
                    time.sleep(for_s)
                return True
            except TwofoldOver:
                return False

        first, second = (refuse, do) if refuses_first else (do, refuse)
        with ThreadPoolExecutor(2) as threads:
            slow = threads.submit(first, 0.3)  # the other one reads meanwhile, and waits
            assert begun.wait(10)
            assert threads.submit(second).result(timeout=30) is False
            assert slow.result(timeout=30) is True
        assert do() is refuse() is False
        (kept,) = everything(TwofoldAct)
        assert (kept.refused_at is None) is not refuses_first
        assert (kept.done_at is None) is refuses_first

    def test_the_database_keeps_nothing_that_is_done_and_refused(self, ada_and_bob):
        with db.writing() as session:
            house = operators.house_of(session).id
            act = service.propose(session, "vault-access", "rev_1", {}, organization_id=house)
            act.settled_at = act.refused_at = clock.now()  # agreed to, and refused after that
            session.add(act)
            session.flush()
            act.done_at = clock.now()
            session.add(act)
            with pytest.raises(IntegrityError, match="twofold_act_ends_once"):
                session.flush()
            session.rollback()


@ONE_DATABASE
class TestOperators:
    @pytest.fixture
    def made(self, monkeypatch):
        made = []
        pki.create_missing(config.settings().keys_dir, ocsp_url="")
        monkeypatch.setattr(pki, "rotate", lambda *_, **__: made.append(1) or ["claim.2"])
        return made

    def test_replace_a_key_once_two_agreed_each_time_and_whoever_commands_is_nobody(
        self, ada_and_bob, made, monkeypatch
    ):
        """Planted fault: another account on the machine, which is no second person."""
        for name in ("root", "somebody-else"):
            monkeypatch.setattr("app.twofold.operators.operator_name", lambda name=name: name)
            asked = commands("keys", "rotate")
            assert type(asked.exception).__name__ == "SecondPersonNeeded"
        act = the_act()
        assert everything(TwofoldAct)[0].asked == {"series": "claim", "account": "root"}
        for browser in ada_and_bob:
            assert made == []
            assert (
                "The key claim of this installation"
                in browser.open(f"/account/two-people/{act['id']}").text
            )
            assert says(browser, act).status_code == 303
        assert made == []  # the command does it
        assert commands("keys", "rotate").exit_code == 0
        assert commands("keys", "rotate").exit_code != 0
        assert made == [1]
        assert [each.words for each in everything(OperatorAct)][-2:] == ["two-people agree"] * 2

    def test_one_alone_agrees_again_after_three_days(self, served, made, monkeypatch):
        ada = an_operator(served, "Ada")
        commands("keys", "rotate")
        assert says(ada, the_act()).status_code == 303
        refused(says(ada, the_act()), "second-person-needed")
        later(monkeypatch, hours=72)
        act = the_act()
        ada.sign_in()
        assert says(ada, act).status_code == 303
        assert commands("keys", "rotate").exit_code == 0
        assert made == [1]

    def test_who_is_new_or_removed_does_not_count_and_who_refuses_ends_it(
        self, ada_and_bob, served, made
    ):
        ada, bob = ada_and_bob
        cem, dora = an_operator(served, "Cem"), an_operator(served, "Dora")
        commands("keys", "rotate")
        act = the_act()
        assert "The key claim" not in cem.open(f"/account/two-people/{act['id']}").text
        refused(says(cem, act), "member-too-new")
        assert says(ada, act).status_code == 303
        with db.reading() as session:
            theirs = select(Membership.id).join(Person, Person.id == Membership.person_id)
            seat = session.exec(theirs.where(Person.name == "Ada")).one()
        bob.open("/operator/members")
        assert bob.send(f"/memberships/{seat}/end").status_code == 303
        refused(ada.open(f"/account/two-people/{act['id']}"), "twofold-not-found")
        assert says(bob, act).status_code == 303  # his word stands, and is one
        assert commands("keys", "rotate").exit_code != 0
        assert says(dora, act, "refusal").status_code == 303
        refused(says(bob, act), "twofold-over")
        assert made == []

    def test_what_somebody_agreed_to_who_was_removed_since_is_proposed_anew(
        self, ada_and_bob, served, made
    ):
        """Planted fault: whoever is removed would have it done all the same."""
        ada, bob = ada_and_bob
        an_operator(served, "Cem")
        commands("keys", "rotate")
        first = the_act()
        for each in (ada, bob):
            assert says(each, first).status_code == 303
        with db.reading() as session:
            theirs = select(Membership.id).join(Person, Person.id == Membership.person_id)
            seat = session.exec(theirs.where(Person.name == "Bob")).one()
        ada.open("/operator/members")
        assert ada.send(f"/memberships/{seat}/end").status_code == 303
        said = str(commands("keys", "rotate").exception)
        assert the_act()["id"] != first["id"]
        assert f"{the_act()['id']} waits for two operators" in said
        assert "whoever agreed before is no operator any more" in said
        assert made == []

    def test_the_two_who_found_an_installation_count_at_once_and_nobody_after_them(
        self, served, made
    ):
        """Before there is any other house; planted: a third one, who came as they did."""
        ada, bob, cem = (an_operator(served, each) for each in ("Ada", "Bob", "Cem"))
        commands("keys", "rotate")
        act = the_act()
        refused(says(cem, act), "member-too-new")
        assert says(ada, act).status_code == 303
        refused(says(ada, act), "second-person-needed")
        assert says(bob, act).status_code == 303
        assert commands("keys", "rotate").exit_code == 0
        assert made == [1]

    def test_who_comes_when_there_is_a_house_waits_seven_days(self, served, scene, made):
        ada, bob = an_operator(served, "Ada"), an_operator(served, "Bob")
        commands("keys", "rotate")
        for each in (ada, bob):
            refused(says(each, the_act()), "member-too-new")
        assert made == []

    def test_make_an_organizations_key_together_once_two_count(self, served, scene):
        desk = scene.desk.organization
        words = ("api-key", "create", desk.id, "--name", "farm", "--to", "read", "--days", "9")
        alone = commands(*words)
        assert alone.stdout.startswith("ustk_")
        assert "by one alone" in alone.stderr
        assert "api-key create by one alone" in [each.words for each in everything(OperatorAct)]
        assert "key-made-alone" in [each.kind for each in everything(Notice)]
        both = an_operator(served, "Ada"), an_operator(served, "Bob")
        assert commands(*words).stdout.startswith("ustk_")  # they do not count yet
        with db.writing() as session:
            for each in session.exec(select(Membership)):
                each.created_at -= timedelta(days=8)
                session.add(each)
        before = len(everything(ApiKey))
        assert type(commands(*words).exception).__name__ == "SecondPersonNeeded"
        act = the_act()
        for browser in both:
            assert len(everything(ApiKey)) == before
            page = browser.open(f"/account/two-people/{act['id']}").text
            for said in (desk.name.replace("'", "&#39;"), "farm", "It may: read.", "for 9 days"):
                assert said in page
            assert says(browser, act).status_code == 303
        assert commands(*words).stdout.startswith("ustk_")
        assert commands(*words).exit_code != 0  # once
        assert [each.organization_id for each in everything(Notice)
                if each.kind == "operator-asks"] == [desk.id] * 2  # fmt: skip

    def test_what_two_agreed_to_is_refused_until_it_is_done_and_not_after(self, ada_and_bob, made):
        ada, bob = ada_and_bob
        for done in (False, True):
            commands("keys", "rotate")
            act = the_act()
            for each in ada_and_bob:
                assert says(each, act).status_code == 303
            assert "agreed to, and not done yet" in bob.open("/account/two-people").text
            page = bob.open(f"/account/two-people/{act['id']}").text
            assert "The key claim of this installation" in page
            assert f"/two-people/{act['id']}/agreement" not in page
            refused(says(ada, act), "twofold-over")
            if done:
                assert commands("keys", "rotate").exit_code == 0
                refused(says(bob, act, "refusal"), "twofold-over")
                assert made == [1]
            else:
                assert says(bob, act, "refusal").status_code == 303
                assert commands("keys", "rotate").exit_code != 0  # it is asked for anew
                assert the_act()["id"] != act["id"]
                assert says(bob, the_act(), "refusal").status_code == 303
                assert made == []
        states = [each.state(clock.now()) for each in everything(TwofoldAct)]
        assert states == ["refused", "refused", "agreed"]
        kinds = [each.kind for each in everything(LogOutbox)]
        assert (kinds.count("twofold-agreed"), kinds.count("twofold-refused")) == (2, 1)

    def test_nobody_is_asked_where_there_is_none(self, served, made):
        said = commands("keys", "rotate")
        assert "understudy operators invite" in str(said.exception)
        assert everything(TwofoldAct) == made == []

    def test_it_is_no_other_house_s_to_see(self, ada_and_bob, made, girl):
        commands("keys", "rotate")
        refused(girl.open(f"/account/two-people/{the_act()['id']}"), "twofold-not-found")
        assert the_act()["id"] not in girl.open("/account/two-people").text

    def test_open_the_vault_together_and_whose_it_is_is_told(self, ada_and_bob, scene, tmp_path):
        with db.writing() as session:
            house = scene.production.organization
            sealed = vault.seal(session, house.id, "material", b"a voice")
            material = Material(
                organization_id=house.id,
                api_key_id=api_keys.create_api_key(session, house, name="t")[0].id,
                role="voice",
                media_type="audio/wav",
                size_bytes=7,
                facts={},
                vault_object_id=sealed.id,
                commitment_salt="",
                commitment="",
            )
            session.add(material)
            session.flush()
            session.add(Review(id="rev_1", material_id=material.id, findings=["x"], faces=0))
        out = tmp_path / "voice"
        commands("reviews", "open", "rev_1", str(out))
        act = the_act()
        for browser in ada_and_bob:
            assert not out.exists()
            page = browser.open(f"/account/two-people/{act['id']}").text
            assert f"It is sealed for {house.name}." in page
            assert f"by the account {operator_name()}." in page
            assert says(browser, act).status_code == 303
        commands("reviews", "open", "rev_1", str(out))
        assert out.read_bytes() == b"a voice"
        (told,) = [each for each in everything(Notice) if each.kind == "operator-asks"]
        assert told.organization_id == house.id

    def test_replace_an_organizations_key_together(self, ada_and_bob, scene):
        with db.writing() as session:
            old = api_keys.create_api_key(session, scene.desk.organization, name="t")[0].prefix
        assert not commands("api-key", "rotate", old).output.startswith("ustk_")
        act = the_act()
        for browser in ada_and_bob:
            assert old in browser.open(f"/account/two-people/{act['id']}").text
            says(browser, act)
        assert commands("api-key", "rotate", old).output.startswith("ustk_")
