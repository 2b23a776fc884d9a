"""A death is recorded by two, and taken back by two; whoever lives stops everything at once."""

import hashlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select
from starlette.testclient import TestClient
from typer.testing import CliRunner

from app import clock, db
from app.cli import app as command
from app.identity import service as identity
from app.identity.models_people import Membership
from app.licensing.contracts import service as contracts
from app.licensing.contracts import signatories
from app.licensing.contracts.models import Contract
from app.licensing.decisions.models import Decision
from app.licensing.mandates import deaths, service
from app.privacy.models import Erasure
from app.registry import lives, mandates
from app.registry import service as registry
from app.registry.errors import DeathDisputed, DeathRefused
from app.registry.models import Performer
from app.registry.models_mandates import AliveWord, Mandate
from app.transparency.models import LogOutbox
from app.twofold.errors import SecondPersonNeeded
from app.twofold.models import TwofoldAct
from app.twofold.service import MOST_A_DAY
from tests.licensing.mandating import a_document, granted, holder_of, signed
from tests.notices.test_telling import told
from tests.people.arriving import an_operator, joined
from tests.people.test_twofold import invited
from tests.people.visiting import ONE_DATABASE, everything, later, refused
from tests.scenes import PORTRAIT, a_portrait_seen, a_scene, represent

LATELY = clock.now().date() - timedelta(days=3)


@pytest.fixture
def operators(served):
    """Two operators for eight days, the only ones."""
    both = an_operator(served, "Ada"), an_operator(served, "Bob")
    with db.writing() as session:
        for each in session.exec(select(Membership)):
            each.created_at -= timedelta(days=8)
            session.add(each)
    return both


@pytest.fixture
def scene(served):
    with db.writing() as session:
        scene = a_scene(session)
        represent(session, scene, scene.agency.organization)
    return scene


@pytest.fixture
def estate(scene):
    with db.writing() as session:
        return holder_of(session, "estate_rep")


@pytest.fixture
def dead(scene, estate, tmp_path):
    """The performer of a signed contract, in whose place an estate acts since today."""
    with db.writing() as session:
        granted(session, scene, "estate_rep", tmp_path, estate)
    return scene


def filing(scene, estate, tmp_path):
    """The command that files an estate's mandate, with its papers."""
    papers, said = [], []
    for kind in ("death", "letters"):
        path = tmp_path / f"{kind}.pdf"
        path.write_text(f"{kind} of somebody")
        papers += ["--paper", str(path)]
        said.append({"kind": kind, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    document = a_document(scene, estate, "estate_rep", papers=said, died_on=str(LATELY))
    file = tmp_path / "mandate.json"
    file.write_text(json.dumps(document))
    return ["mandates", "grant", str(file), "--jws", signed(document, estate), *papers]


def waiting():
    (act,) = [each for each in everything(TwofoldAct) if each.state(clock.now()) == "proposed"]
    return act.id


def agree(operators, act):
    for browser in operators:
        browser.open("/account")
        assert browser.send(f"/two-people/{act}/agreement").status_code == 303


def is_dead(scene):
    with db.reading() as session:
        return mandates.is_dead(session, scene.performer.id)


def kinds():
    return [each.kind for each in everything(LogOutbox) if each.kind.startswith("death-")]


def is_paused(scene):
    with db.reading() as session:
        return session.get_one(Performer, scene.performer.id).paused_at is not None


@ONE_DATABASE
class TestPuttingOnRecord:
    def test_takes_two_operators_who_saw_what_and_their_side_hears_of_it_first(
        self, scene, estate, operators, tmp_path
    ):
        words = filing(scene, estate, tmp_path)
        for _ in range(2):  # one who commands twice is nobody
            asked = CliRunner().invoke(command, words)
            assert isinstance(asked.exception, SecondPersonNeeded), asked.output
        assert (is_dead(scene), everything(Mandate), kinds()) == (False, [], [])
        with db.reading() as session:
            assert told(session, scene.desk.organization)[-1] == "death-asked"
        page = operators[0].open(f"/account/two-people/{waiting()}").text
        for said in ("The Girl", "estate_rep's house", hashlib.sha256(b"death of somebody")):
            assert (said if isinstance(said, str) else said.hexdigest()) in page.replace(
                "&#39;", "'"
            )
        agree(operators, waiting())
        assert not is_dead(scene)
        assert CliRunner().invoke(command, words).exit_code == 0
        assert is_dead(scene)
        assert kinds() == ["death-recorded"]

    def test_is_asked_of_nobody_where_it_could_not_be_filed_or_nobody_is_there(
        self, scene, estate, served, tmp_path
    ):
        words = filing(scene, estate, tmp_path)
        alone = CliRunner().invoke(command, words)
        assert "understudy operators invite" in str(alone.exception)
        wanting = CliRunner().invoke(command, words[:-2])
        assert "papers" in str(wanting.exception)
        assert everything(TwofoldAct) == everything(Mandate) == []


class TestWhatIsHeld:
    @ONE_DATABASE
    def test_is_shown_and_given_to_the_estate_and_no_more_to_the_old_desk(
        self, served, dead, estate, girl
    ):
        one = dead.performer.id
        assert "this house no longer can" in girl.open("/performer/data").text
        for path in ("/performer/data/export", "/performer/data/erasure"):
            girl.open("/account")
            refused(girl.send(path, performer_id=one, confirm=one), "erasure-not-yours")
        admin = joined(served, estate.organization, "Anna")
        heir = invited(admin, estate.organization, "estate", "Felix")
        page = heir.open("/performer/data").text
        assert "30 days" in page
        assert "this house no longer can" not in page
        assert "Download everything" not in admin.open("/performer/data").text
        taken = heir.send("/performer/data/export", performer_id=one)
        assert taken.headers["content-type"] == "application/zip"
        heir.open("/performer/data")
        answer = heir.send("/performer/data/erasure", performer_id=one, confirm=one)
        refused(answer, "estate-must-wait")


class TestTakingBack:
    @ONE_DATABASE
    def test_who_is_alive_says_so_and_everything_stops_until_two_have_looked(
        self, dead, estate, girl, operators
    ):
        assert "died on" in girl.open("/performer").text
        assert girl.send("/performer/alive").status_code == 303
        assert "You said that you are alive" in girl.open("/performer").text
        assert is_paused(dead)
        with db.writing() as session:
            assert "CONTRACT_SUSPENDED" in dead.ask(session)[0].codes
            performer = registry.performer_in_place(
                session, estate.organization.id, dead.performer.id
            )
            with pytest.raises(DeathDisputed):
                registry.resume(session, performer)
            assert told(session, estate.organization) == ["alive-said"]
        assert "they are alive. Speak with them" in (
            operators[0].open(f"/account/two-people/{waiting()}").text
        )
        agree(operators, waiting())
        assert not is_dead(dead)
        assert is_paused(dead)  # until she allows it
        assert kinds() == ["death-recorded", "death-taken-back"]
        girl.open("/performer")
        assert girl.send("/performer/resume").status_code == 303
        with db.writing() as session:
            assert dead.ask(session)[0].codes == []
            house = estate.organization.id
            assert mandates.roles_of(session, dead.performer.id, house) == []
            for side in (dead.desk.organization, estate.organization):
                assert "death-taken-back" in told(session, side)
            denials = session.exec(select(Decision).where(Decision.outcome == "deny")).all()
        assert len(denials) == 1  # what was denied meanwhile stays denied
        assert [each.ended_at is None for each in everything(AliveWord)] == [False]

    @ONE_DATABASE
    def test_what_is_said_stops_everything_where_the_operators_were_asked_too_often(
        self, dead, estate, girl, operators
    ):
        """Planted fault: what is asked of them first, stops nothing where it is refused."""
        with db.writing() as session:
            for n in range(MOST_A_DAY):
                deaths.ask_to_take_back(session, dead.performer, {"said_by": f"{n}"})
        girl.open("/performer")
        assert girl.send("/performer/alive").status_code == 303
        assert is_paused(dead)
        with db.writing() as session:
            performer = session.get_one(Performer, dead.performer.id)
            with pytest.raises(DeathDisputed):
                registry.resume(session, performer)

    @ONE_DATABASE
    def test_one_operator_alone_ends_no_word_and_two_let_the_death_stand(
        self, dead, estate, girl, operators
    ):
        """Planted faults: one who refuses ends the word; the first to agree ends it."""
        girl.open("/performer")
        girl.send("/performer/alive")
        act = waiting()
        operators[1].open("/account")
        assert operators[1].send(f"/two-people/{act}/refusal").status_code == 303
        assert waiting() != act  # whether it stands is for two
        assert "I am alive" not in girl.open("/performer").text
        page = operators[0].open(f"/account/two-people/{waiting()}").text
        assert "though Griet, signed in" in page
        for browser in operators:
            with db.writing() as session, pytest.raises(DeathDisputed):
                registry.resume(session, session.get_one(Performer, dead.performer.id))
            browser.open("/account")
            assert browser.send(f"/two-people/{waiting()}/agreement").status_code == 303
        assert is_dead(dead)
        assert is_paused(dead)
        with db.writing() as session:
            performer = session.get_one(Performer, dead.performer.id)
            assert registry.resume(session, performer).paused_at is None
        assert kinds() == ["death-recorded"]

    @ONE_DATABASE
    def test_silence_ends_no_word_and_the_estate_signs_and_allows_nothing_meanwhile(
        self, dead, estate, girl, monkeypatch
    ):
        """No operator is there to be asked. Planted faults: it lapses; a signature is not asked."""
        girl.open("/performer")
        assert girl.send("/performer/alive").status_code == 303
        assert is_paused(dead)
        assert everything(TwofoldAct) == []
        assert "I am alive" in girl.open("/performer").text  # to ask again once somebody is
        house, agent = estate.organization.id, dead.agency
        with db.writing() as session:
            said = a_document(dead, agent, "agent")
            jws = signed(said, estate)
        later(monkeypatch, days=15)
        with db.writing() as session:
            performer = session.get_one(Performer, dead.performer.id)
            contract = session.get_one(Contract, dead.contract.id)
            contracts.suspend_contract(session, contract, house)
            for tried in (
                lambda: registry.resume(session, performer),
                lambda: contracts.resume_contract(session, contract, house),
                lambda: service.grant(session, house, said, jws=jws),
                lambda: signatories.insist(session, contract, house, "estate_rep", at=clock.now()),
            ):
                with pytest.raises(DeathDisputed):
                    tried()
            assert contracts.withdraw_contract(session, contract, house).withdrawn_at is not None

    @ONE_DATABASE
    def test_nobody_else_of_the_house_waits_for_who_is_held_to_be_dead(self, dead, girl):
        """Planted fault: one whom the estate decides for stops the others from resuming."""
        with db.writing() as session:
            other = registry.enroll(
                session,
                organization_id=dead.desk.organization.id,
                name="Maria",
                portrait=PORTRAIT,
                inspected=a_portrait_seen(),
            )
            for each in (session.get_one(Performer, dead.performer.id), other):
                registry.pause(session, each)
        assert "Allow work again" in girl.open("/performer").text
        assert girl.send("/performer/resume").status_code == 303
        assert is_paused(dead)
        with db.reading() as session:
            assert session.get_one(Performer, other.id).paused_at is None
        assert "Allow work again" not in girl.open("/performer").text

    @ONE_DATABASE
    def test_a_command_asks_for_it_once_and_does_nothing_alone(self, dead, operators):
        words = ["mandates", "alive", dead.performer.id]
        for _ in range(2):
            asked = CliRunner().invoke(command, words)
            assert f"{waiting()} waits for two operators" in asked.output
        assert is_dead(dead)
        agree(operators, waiting())
        assert not is_dead(dead)
        again = CliRunner().invoke(command, words)
        assert isinstance(again.exception, DeathRefused)

    def test_strikes_the_day_under_its_seal_and_ends_whoever_stood_in(self, dead, operators):
        """On both databases; planted fault: the mandate of the estate goes on."""
        with db.writing() as session:
            act = deaths.ask_to_take_back(session, dead.performer, {})
            act.settled_at = clock.now()
            deaths.put_in_force(session, act)
        with db.reading() as session:
            life = mandates.life_of(session, dead.performer.id)
            assert (life.died_on, mandates.is_whole(life)) == (None, True)
            (mandate,) = session.exec(select(Mandate)).all()
            assert service.state_of(mandate, at=clock.now()) == "revoked"
            assert not lives.is_disputed(session, dead.performer.id)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
class TestWhileADeathIsTakenBack:
    """Whoever waited for the performer's lock is answered by what is true behind it."""

    def test_a_word_that_they_live_is_put_on_nobody_who_does(self, dead, operators, girl):
        """Planted fault: whether somebody is dead is answered as it was read before the lock."""
        girl.open("/performer")
        said = as_it_is_taken_back(dead, lambda: girl.send("/performer/alive"))
        assert said.status_code == 303
        assert everything(AliveWord) == []
        girl.open("/performer")
        assert girl.send("/performer/resume").status_code == 303
        assert not is_paused(dead)

    @pytest.mark.parametrize("act", ["erasure", "resume"])
    def test_the_estate_that_was_one_erases_and_resumes_nobody_who_lives(
        self, served, scene, estate, operators, tmp_path, monkeypatch, act
    ):
        """Planted fault: whose it is to decide is asked before the lock alone."""
        performer_id, until = scene.performer.id, clock.now() + timedelta(days=400)
        with db.writing() as session:
            granted(session, scene, "estate_rep", tmp_path, estate, ends_at=until.isoformat())
            registry.pause(session, session.get_one(Performer, performer_id))
            key = identity.create_api_key(session, estate.organization, name="estate")[1]
        later(monkeypatch, days=31)
        tried = as_it_is_taken_back(
            scene,
            lambda: TestClient(served).post(
                f"/v1/performers/{performer_id}/{act}",
                json={"confirm": performer_id} if act == "erasure" else None,
                headers={"Authorization": f"Bearer {key}", "Idempotency-Key": act},
            ),
        )
        assert tried.json()["code"] == "performer-unknown", tried.text
        assert (is_paused(scene), everything(Erasure)) == (True, [])


def as_it_is_taken_back(scene, attempt):
    """Attempt something that waits for the lock while two operators' word takes the death back."""
    waits = sa.text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with ThreadPoolExecutor(1) as threads:
        with db.writing() as session:
            act = deaths.ask_to_take_back(session, scene.performer, {})
            act.settled_at = clock.now()
            deaths.put_in_force(session, act)
            tried = threads.submit(attempt)
            with db.engine().connect() as looking:
                while not looking.execute(waits).scalar_one():
                    assert not tried.done(), tried.result()
                    looking.rollback()
                    time.sleep(0.01)
        return tried.result(60)
