"""Who came of age reads what a guardian signed for them, says yes with a passkey, or lets it go."""

from datetime import UTC, datetime, time, timedelta

import pytest
from sqlmodel import select

from app import clock, db
from app.identity.models_people import Person
from app.licensing.contracts import ratification, signing
from app.licensing.contracts import service as contracts
from app.licensing.mandates import coming_of_age
from app.notices.models import Notice, NoticeDelivery
from app.registry import mandates
from app.registry.models_mandates import PerformerLife
from tests.http.browser import OURS
from tests.licensing.mandating import BORN_ON, OF_AGE_IN, granted, holder_of, make_minor
from tests.notices.mailing import an_address
from tests.people.arriving import joined
from tests.people.test_recovery import invited
from tests.people.visiting import ONE_DATABASE, everything, later, refused
from tests.scenes import a_scene, offered

REST = "MINOR_LICENCE_ENDED_AT_18"


@pytest.fixture
def signed_for(served, tmp_path):
    """A minor's contract in force: signed by the guardian and the licensee."""
    with db.writing() as session:
        scene = a_scene(session, signed=False)
        contracts.retract_offer(session, scene.contract, scene.production.organization.id)
        scene = offered(
            session, scene, lambda said: said["performer"].update({"dob": str(BORN_ON)})
        )
        make_minor(session, scene)
        guardian = holder_of(session, "guardian")
        granted(session, scene, "guardian", tmp_path, guardian)
        for party, role in ((scene.production, "licensee"), (guardian, "guardian")):
            contracts.sign_contract(
                session,
                scene.contract,
                party.organization.id,
                role=role,
                jws=party.sign(scene.contract, role),
            )
    return scene, guardian


@pytest.fixture
def of_age(served, signed_for, monkeypatch):
    """The performer's browser, signed in after the 18th birthday; what rests; where it is kept."""
    scene, _ = signed_for
    griet = joined(served, scene.desk.organization, "Griet")
    later(monkeypatch, days=OF_AGE_IN.days + 2)
    griet.sign_in()
    return griet, scene, f"/contracts/{scene.contract.series_id}/ratification"


def codes(scene):
    with db.writing() as session:
        return scene.ask(session)[0].codes


def ratify(browser, path):
    browser.open(path)
    return browser.prove(path, browser.device.get(browser.options()))


class TestRatification:
    def test_is_asked_on_the_first_page_and_a_passkey_gives_it(self, of_age):
        griet, scene, path = of_age
        assert codes(scene) == [REST]
        home = griet.open("/performer").text
        assert "One request is waiting for you." in home
        assert path in home
        page = griet.open(path).text
        assert "by the guardian, for guardian&#39;s house" in page
        assert "by the licensee, for Nightglass Pictures" in page
        assert f"/performer/contracts/{scene.contract.series_id}/withdrawal" in page
        assert ratify(griet, path).headers["location"] == "/performer"
        assert codes(scene) == []
        assert "Nothing is asked of you today." in griet.open("/performer").text
        assert "contract-ratified" in {each.kind for each in everything(Notice)}
        with db.reading() as session:
            (kept,) = [
                each
                for each in contracts.signatures_of(session, scene.contract)
                if each.role == ratification.RATIFICATION
            ]
            said = signing.verified(signing.exported(session, scene.contract, kept))
        assert said["user_verified"]
        assert said["role"] == "ratification"
        assert "by the performer, of age" in griet.open(path.replace("ratification", "sign")).text
        refused(griet.open(path), "contract-not-found")  # once

    @ONE_DATABASE
    def test_letting_go_ends_it_and_nothing_is_asked_any_more(self, of_age):
        griet, scene, path = of_age
        griet.open(path)
        way_out = f"/performer/contracts/{scene.contract.series_id}/withdrawal"
        griet.open(way_out)
        assert griet.send(way_out).status_code == 303
        assert "Nothing is asked of you today." in griet.open("/performer").text
        refused(griet.open(path), "contract-not-found")
        assert "REVOKED" in codes(scene)

    @ONE_DATABASE
    def test_nobody_else_gives_it_and_no_minor_is_asked(self, served, signed_for, monkeypatch):
        scene, guardian = signed_for
        path = f"/contracts/{scene.contract.series_id}/ratification"
        griet = joined(served, scene.desk.organization, "Griet")
        looker = invited(griet, scene.desk.organization, "auditor", "Saskia")
        others = [
            joined(served, scene.production.organization, "Vic"),
            joined(served, guardian.organization, "Jan"),
        ]
        assert "Nothing is asked of you today." in griet.open("/performer").text
        refused(griet.open(path), "contract-not-found")
        later(monkeypatch, days=OF_AGE_IN.days + 2)
        for each in (griet, looker, *others):
            each.sign_in()
        for each in others:
            refused(each.open(path), "contract-not-found")
        assert "Only the performer says yes to it" in looker.open(path).text
        griet.open(path)
        stolen = griet.device.get(griet.options())
        looker.open("/account")
        fields = {
            "ceremony": griet.value("ceremony"),
            "answer": str(stolen),
            "form_token": looker.value("form_token"),
        }
        refused(looker.client.post(path, data=fields, headers=OURS), "ceremony-refused")
        assert codes(scene) == [REST]

    @ONE_DATABASE
    def test_a_yes_in_another_role_is_none(self, of_age, monkeypatch):
        griet, scene, path = of_age
        griet.open(f"/contracts/{scene.contract.series_id}/sign")
        griet.open(path)
        ours = signing.to_sign

        def other(session, seat, person, **at):  # the planted fault: a signature as party
            as_party = signing.Seat(seat.contract, seat.organization, "performer")
            return ours(session, as_party, person, **at)

        monkeypatch.setattr(signing, "to_sign", other)
        refused(ratify(griet, path), "signature-refused")
        assert codes(scene) == [REST]


def told():
    return sorted((each.kind, each.subject_id, each.organization_id) for each in everything(Notice))


def tell():
    with db.writing() as session:
        if coming_of_age.is_due(session):
            coming_of_age.remind(session)


class TestBirthday:
    def test_who_came_of_age_is_told_once_what_waits_with_its_page_and_the_guardian_is_told(
        self, served, signed_for, monkeypatch
    ):
        scene, guardian = signed_for
        griet = joined(served, scene.desk.organization, "Griet")
        with db.writing() as session:
            (person,) = session.exec(select(Person)).all()
            an_address(session, person, "griet@delft.example")
            birthday = session.get_one(PerformerLife, scene.performer.id).majority_on
        before = told()
        noon = datetime.combine(birthday, time(12), UTC)
        monkeypatch.setattr(clock, "now", lambda: noon - timedelta(seconds=1))
        tell()
        assert told() == before
        monkeypatch.setattr(clock, "now", lambda: noon)
        for _ in range(3):  # as a worker does that was started again
            tell()
        desk, house = scene.desk.organization.id, guardian.organization.id
        said = [each for each in told() if each not in before]
        assert said == sorted(
            [
                ("came-of-age", scene.performer.id, desk),
                ("ratification-asked", scene.contract.series_id, desk),
                ("guardian-ended", scene.performer.id, house),
            ]
        )
        assert len(everything(NoticeDelivery)) == 2  # by mail too: what the desk is told
        griet.sign_in()
        page = griet.open("/notices").text
        path = f"/contracts/{scene.contract.series_id}/ratification"
        assert f'href="{path}"' in page
        assert "You are 18 now: nobody acts for you as your guardian any more." in page
        assert griet.open(path).status_code == 200

    @ONE_DATABASE
    def test_nobody_is_told_by_a_birthday_written_behind_our_back_nor_after_a_death(
        self, signed_for, monkeypatch
    ):
        scene, _ = signed_for
        before = told()
        with db.writing() as session:
            life = session.get_one(PerformerLife, scene.performer.id)
            honest, life.majority_on = life.majority_on, clock.now().date() - timedelta(days=1)
        tell()
        assert told() == before
        with db.writing() as session:
            life = session.get_one(PerformerLife, scene.performer.id)
            life.majority_on, life.died_on = honest, clock.now().date()
            mandates.seal(life)
        later(monkeypatch, days=OF_AGE_IN.days + 2)
        tell()
        assert told() == before
