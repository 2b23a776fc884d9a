"""Only who allowed it is searched for, by one process that ends with whoever started it."""

import os
import signal
import time
from dataclasses import replace

import pytest
from sqlmodel import select

from app import db, vault
from app.identity.models import ApiKey
from app.identity.principal import Principal
from app.registry import matching
from app.registry.models import Performer
from tests.scenes import a_portrait_seen, a_scene, an_api_key

FACE = (0.1,) * 128
OTHER = (0.4,) * 128
pytestmark = [pytest.mark.xdist_group("matcher")]


@pytest.fixture(autouse=True)
def _no_matcher_stays():
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
