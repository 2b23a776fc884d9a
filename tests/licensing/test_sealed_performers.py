"""Who speaks for a performer, and their pause: as the program wrote it, or nothing is permitted."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from app import clock, keys
from app.identity.models import Organization
from app.registry import sealing, service
from app.registry.models import Performer
from tests.scenes import Scene, a_scene

TAMPERED = "CONTRACT_TAMPERED"


@pytest.fixture
def scene(session: Session) -> Scene:
    return a_scene(session, quota={"max_seconds": 1000})


def edit(session: Session, table: type[Any], row_id: str, **columns: Any) -> None:
    """Edit a stored row as somebody with the database would."""
    session.flush()
    session.execute(sa.update(table).where(table.id == row_id).values(**columns))
    session.expire_all()


def codes(session: Session, scene: Scene) -> list[str]:
    return scene.ask(session)[0].codes


def assert_an_edited_pause_is_found(session: Session, scene: Scene) -> None:
    service.pause(session, scene.performer)
    assert codes(session, scene) == ["CONTRACT_SUSPENDED"]
    edit(session, Performer, scene.performer.id, paused_at=None)
    decision, generation = scene.ask(session)
    assert (decision.outcome, generation) == ("deny", None)
    assert TAMPERED in decision.codes


class TestPause:
    def test_edited_away_denies_as_tampered(self, session: Session, scene: Scene) -> None:
        assert_an_edited_pause_is_found(session, scene)

    def test_left_out_of_the_seal_is_found(
        self, session: Session, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fewer = tuple(name for name in sealing.COLUMNS if name != "paused_at")
        monkeypatch.setattr(sealing, "COLUMNS", fewer)
        scene.performer.seal = service.seal_of(session, scene.performer)
        with pytest.raises(AssertionError):
            assert_an_edited_pause_is_found(session, scene)

    def test_comes_and_goes_by_the_performer_s_own_word(
        self, session: Session, scene: Scene
    ) -> None:
        service.pause(session, scene.performer)
        service.pause(session, scene.performer)
        assert codes(session, scene) == ["CONTRACT_SUSPENDED"]
        service.resume(session, scene.performer)
        assert scene.ask(session)[0].outcome == "permit"

    def test_of_an_edited_row_seals_nothing_anew(self, session: Session, scene: Scene) -> None:
        agency = scene.agency.organization.id
        edit(session, Performer, scene.performer.id, agent_organization_id=agency)
        service.pause(session, scene.performer)
        assert {TAMPERED, "CONTRACT_SUSPENDED"} <= set(codes(session, scene))
        service.resume(session, scene.performer)
        assert TAMPERED in codes(session, scene)


class TestColumns:
    def test_that_say_who_speaks_or_stops_are_sealed(self, session: Session, scene: Scene) -> None:
        other = scene.agency.organization.id
        edits: list[tuple[type[Any], str, dict[str, Any]]] = [
            (Performer, scene.performer.id, {"organization_id": other}),
            (Performer, scene.performer.id, {"agent_organization_id": other}),
            (Performer, scene.performer.id, {"paused_at": clock.now()}),
            (Performer, scene.performer.id, {"seal": ""}),
            (Performer, scene.performer.id, {"seal": "\u00e9"}),
            (Organization, scene.desk.organization.id, {"kind": "agency"}),
        ]
        for table, row_id, columns in edits:
            with session.begin_nested() as undone:
                edit(session, table, row_id, **columns)
                assert TAMPERED in codes(session, scene), columns
                undone.rollback()
            session.expire_all()
            assert scene.ask(session)[0].outcome == "permit"

    def test_that_nothing_relies_on_are_not(self, session: Session, scene: Scene) -> None:
        edit(session, Performer, scene.performer.id, name="Griet", created_at=clock.now())
        assert scene.ask(session)[0].outcome == "permit"

    def test_are_all_considered(self) -> None:
        sealed = {"id", "organization_id", "agent_organization_id", "paused_at", "seal"}
        assert set(sa.inspect(Performer).columns.keys()) == sealed | {"name", "created_at"}

    def test_of_somebody_without_the_secret_fit_no_seal(self, scene: Scene) -> None:
        row = dict.fromkeys(sealing.COLUMNS)
        row |= {"performer_id": scene.performer.id, "desk_id": scene.desk.organization.id}
        row["desk_kind"] = "performer"
        assert scene.performer.seal == sealing.seal(keys.secret("evidence"), row)
        assert scene.performer.seal != sealing.seal(bytes(32), row)
