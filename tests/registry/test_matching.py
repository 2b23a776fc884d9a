"""Only who allowed it is searched for, by one process that ends with whoever started it."""

import os
import signal
import time
from dataclasses import replace

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from app import cli, db, vault
from app.identity.models import ApiKey, Organization
from app.identity.principal import Principal
from app.notices.models import Notice
from app.registry import matching, resemblance, service
from app.registry.errors import AnswerMissing, EnrollmentHeld, HoldAnswered, HoldNotFound
from app.registry.models import Performer
from tests.registry.factories import an_organization
from tests.registry.pictures import GIRL
from tests.scenes import a_portrait_seen, a_scene, an_api_key

FACE = (0.1,) * 128
OTHER = (0.4,) * 128
pytestmark = [pytest.mark.xdist_group("matcher")]


@pytest.fixture(autouse=True)
def _no_matcher_stays():
    matching.stop()  # of a test elsewhere that asked, too
    yield
    matching.stop()


def somebody(session, template=FACE):  # type: ignore[no-untyped-def]
    """Enroll somebody with this face; their id and who may choose for them."""
    scene = a_scene(session, seen=replace(a_portrait_seen(), template=template), signed=False)
    an_api_key(session, scene.desk.organization)
    mine = select(ApiKey.id).where(ApiKey.organization_id == scene.desk.organization.id)
    by = Principal(scene.desk.organization.id, "performer", session.exec(mine).one())
    return scene.performer.id, by


def choose(performer_id, by, *, allowed):  # type: ignore[no-untyped-def]
    with db.writing() as session:
        performer = session.get_one(Performer, performer_id)
        matching.choose(session, performer, allowed=allowed, by=by)


def found(template=FACE):  # type: ignore[no-untyped-def]
    return [hit.performer_id for hit in matching.search([template]).found[0]]


class TestSearch:
    def test_knows_who_allowed_it_until_they_end_it_or_are_erased(self, database):
        with db.writing() as session:
            one, one_by = somebody(session)
            other, other_by = somebody(session, OTHER)
        assert (found(), matching.count()) == ([], 0)
        choose(one, one_by, allowed=True)
        choose(other, other_by, allowed=True)
        assert (found(), found(OTHER), matching.count()) == ([one], [other], 2)
        with db.reading() as session:
            assert matching.allow(session, [one, other]) == {one, other}
            opened = session.exec(
                select(vault.VaultOpening).where(vault.VaultOpening.purpose == "matching")
            ).all()
        assert len(opened) == 2  # each once, on record
        choose(one, one_by, allowed=False)
        assert (found(), matching.count()) == ([], 1)
        with db.writing() as session:
            vault.erase_owner(session, other)
        assert (found(OTHER), matching.count()) == ([], 0)
        with db.reading() as session:
            assert matching.allow(session, [one, other]) == set()

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_is_answered_by_one_process_and_by_another_when_that_is_killed(self, database):
        with db.writing() as session:
            one, by = somebody(session)
        choose(one, by, allowed=True)
        assert found() == [one]
        (_, first) = matching._lives[-1]
        assert matching._start() is False  # there is one, and no second beside it
        assert found() == [one]
        assert len(matching._lives) == 1
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        assert found() == [one]
        (_, second) = matching._lives[-1]
        assert second.pid != first.pid
        ours, _ = matching._lives.pop()
        os.close(ours)  # as if this process had died
        assert second.wait(timeout=10) == 0

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_that_was_not_made_is_not_taken_for_nobody(self, database, monkeypatch):
        monkeypatch.setattr(matching, "START_WITHIN_S", 0.2)
        monkeypatch.setattr(matching, "_start", lambda: time.sleep(0.05) or True)
        with pytest.raises(matching.MatcherUnavailable):
            matching.search([FACE])

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_does_not_go_to_a_place_others_may_enter(self, database, monkeypatch, tmp_path):
        monkeypatch.setattr(matching.tempfile, "gettempdir", lambda: str(tmp_path))
        matching._place().chmod(0o755)
        with pytest.raises(matching.MatcherUnavailable, match="this user's alone"):
            matching.search([FACE])


def enrolled(session, searched, house=None, template=FACE):  # type: ignore[no-untyped-def]
    """Enroll somebody else with this face, as the API does after its search."""
    performer = service.enroll(
        session,
        organization_id=house or an_organization(session),
        name="Somebody",
        portrait=GIRL,
        inspected=replace(a_portrait_seen(), template=template),
    )
    return performer, resemblance.hold(session, performer, searched)


def allowed(performer):  # type: ignore[no-untyped-def]
    """Let a performer's face be searched for, as their own house may."""
    with db.writing() as session:
        house = session.get_one(Organization, performer.organization_id)
        an_api_key(session, house)
        key = session.exec(select(ApiKey.id).where(ApiKey.organization_id == house.id)).first()
        mine = session.get_one(Performer, performer.id)
        by = Principal(house.id, house.kind, key or "")
        matching.choose(session, mine, allowed=True, by=by)


class TestANewFace:
    def test_is_held_until_a_person_has_looked_and_names_nobody(self, database):
        with db.writing() as session:
            one, by = somebody(session)
            elsewhere = an_organization(session)
        assert resemblance.look_for(FACE, elsewhere) == matching.Searched([[]], 0)
        assert not matching._lives  # nobody allows it: nothing is asked, and no matcher starts
        choose(one, by, allowed=True)
        seen, other = (resemblance.look_for(each, elsewhere) for each in (FACE, OTHER))
        with db.writing() as session:
            assert enrolled(session, other, template=OTHER)[1] is None
            performer, held = enrolled(session, seen)
            nobody, _ = enrolled(session, seen)
        assert performer.paused_at is not None
        with db.writing() as session:
            mine = session.get_one(Performer, performer.id)
            with pytest.raises(EnrollmentHeld) as refusal:
                service.resume(session, mine)
            assert one not in str(refusal.value)
            assert [each.performer_id for each in resemblance.waiting(session)] == [
                mine.id, nobody.id
            ]  # fmt: skip
            assert [match.performer_id for match in resemblance.show(session, held.id)[1]] == [one]
            with pytest.raises(AnswerMissing):
                resemblance.answer(session, held.id, let_go=True, reason=" ")
            with pytest.raises(HoldNotFound):
                resemblance.answer(session, "hld_0", let_go=True, reason="a twin")
            service.pause(session, mine)  # they stop everything meanwhile, and it stays stopped
            resemblance.answer(session, held.id, let_go=True, reason="a twin")
            with pytest.raises(HoldAnswered):
                resemblance.answer(session, held.id, let_go=False, reason="no twin")
            (second,) = resemblance.waiting(session)
            resemblance.answer(session, second.id, let_go=False, reason="the same person")
        with db.writing() as session:
            mine, theirs = (session.get_one(Performer, each.id) for each in (performer, nobody))
            assert mine.paused_at is not None
            assert (service.is_held(session, mine), service.is_held(session, theirs)) == (
                False, True
            )  # fmt: skip
            service.resume(session, mine)
            with pytest.raises(EnrollmentHeld, match="open a case"):
                service.resume(session, theirs)
            told = session.exec(select(Notice.kind, Notice.subject_id)).all()
        assert {("enrollment-answered", mine.id), ("enrollment-answered", theirs.id)} <= set(told)

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_is_not_hidden_behind_faces_of_its_own_house(self, database):
        with db.writing() as session:
            one, by = somebody(session)
            house = session.get_one(Performer, one).organization_id
            impostor = an_organization(session)
        choose(one, by, allowed=True)
        assert resemblance.look_for(FACE, house).found == [[]]  # their own house knows them
        for _ in range(matching.MOST + 1):
            with db.writing() as session:
                performer, held = enrolled(
                    session, resemblance.look_for(FACE, impostor), house=impostor
                )
            assert held is not None
            with db.writing() as session:  # let go by mistake: then it is a face of the house
                resemblance.answer(session, held.id, let_go=True, reason="a twin")
                service.resume(session, session.get_one(Performer, performer.id))
            allowed(performer)
        assert [hit.performer_id for hit in resemblance.look_for(FACE, impostor).found[0]] == [one]

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_counts_as_found_in_its_own_house_while_that_face_is_held(self, database):
        with db.writing() as session:
            one, by = somebody(session)
            impostor = an_organization(session)
        choose(one, by, allowed=True)
        with db.writing() as session:
            first, _ = enrolled(session, resemblance.look_for(FACE, impostor), house=impostor)
        allowed(first)
        choose(one, by, allowed=False)
        found = resemblance.look_for(FACE, impostor).found[0]
        assert [hit.performer_id for hit in found] == [first.id]

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_is_not_held_for_who_ended_the_search_before_it_was_enrolled(self, database):
        with db.writing() as session:
            one, by = somebody(session)
            elsewhere = an_organization(session)
        choose(one, by, allowed=True)
        seen = resemblance.look_for(FACE, elsewhere)
        assert [hit.performer_id for hit in seen.found[0]] == [one]
        choose(one, by, allowed=False)
        with db.writing() as session:
            performer, held = enrolled(session, seen)
        assert (performer.paused_at, held) == (None, None)

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    def test_is_listed_and_let_go_by_command(self, database):
        with db.writing() as session:
            one, by = somebody(session)
            elsewhere = an_organization(session)
        choose(one, by, allowed=True)
        with db.writing() as session:
            performer, held = enrolled(session, resemblance.look_for(FACE, elsewhere))
        assert f"{held.id} {performer.id}" in said("list")
        assert f"may be {one}: 0.00 apart" in said("show", held.id)
        assert said("release", held.id, "--reason", "a twin") == f"{held.id} released\n"
        assert "released: a twin" in said("show", held.id)
        assert held.id not in said("list")


def said(*words):  # type: ignore[no-untyped-def]
    answer = CliRunner().invoke(cli.app, ["reviews", *words])
    assert answer.exit_code == 0, answer.output
    return answer.output
