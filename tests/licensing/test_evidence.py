"""Any stored byte of a contract that was changed later is found: every column, one at a time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from app import clock
from app.identity.models import SigningKey
from app.licensing.contracts import evidence, history
from app.licensing.contracts.life import Act, Actor
from app.licensing.contracts.models import Contract, ContractEvent, ContractSignature
from tests.licensing.negotiating import a_represented_scene, amended, attempt
from tests.scenes import Scene

# What no decision relies on, and why; every other column of every row is flipped and found.
NOT_RELIED_ON = {
    ("signing_key", "algorithm"): "the key itself says what it is",
    ("signing_key", "created_at"): "a signature is checked against the key, not against its age",
    ("signing_key", "revoked_at"): "a key revoked later takes back no signature",
    ("contract", "document"): "held against its hash instead",
}
TABLES: tuple[type[SQLModel], ...] = (Contract, ContractSignature, SigningKey, ContractEvent)


@pytest.fixture
def scene(session: Session) -> Scene:
    """A contract in its second version, suspended once and resumed: every table has its rows."""
    scene = a_represented_scene(session, signed=True)
    amended(session, scene)
    attempt(session, scene, Act.SUSPEND, Actor.AGENT, scene.contract)
    attempt(session, scene, Act.RESUME, Actor.PERFORMER, scene.contract)
    _let_events_be_changed(session)
    return scene


class TestFlippedColumn:
    @pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.__tablename__))
    def test_denies_with_contract_tampered(
        self, session: Session, scene: Scene, table: type[SQLModel]
    ) -> None:
        assert scene.ask(session)[0].outcome == "permit"
        flipped = 0
        for name, row_id, value in _flips(session, table, scene):
            with session.begin_nested() as undone:
                try:
                    _set(session, table, row_id, name, value)
                except sa.exc.IntegrityError:  # the database itself refuses it: a key to others
                    undone.rollback()
                    continue
                codes = list(scene.ask(session)[0].codes)
                undone.rollback()
            session.expire_all()
            flipped += 1
            found = "CONTRACT_TAMPERED" in codes
            expected = (table.__tablename__, name) not in NOT_RELIED_ON or name == "document"
            assert found == expected, (table.__tablename__, row_id, name, codes)
        assert flipped >= 10

    def test_the_digest_covers_every_column_but_those_named(self) -> None:
        covered = {
            "contract": set(evidence.CONTRACT),
            "contract_signature": set(evidence.SIGNATURE),
            "signing_key": set(evidence.KEY),
            "contract_event": {*evidence.EVENT, "evidence_sha256", "seal"},
        }
        for table in TABLES:
            name = str(table.__tablename__)
            left_out = {column for of, column in NOT_RELIED_ON if of == name}
            assert _columns(table) == covered[name] | left_out

    @pytest.mark.parametrize("column", ["executed_at", "superseded_at", "withdrawn_at"])
    def test_a_column_left_out_of_the_digest_would_be_found(
        self, session: Session, scene: Scene, monkeypatch: pytest.MonkeyPatch, column: str
    ) -> None:
        fewer = tuple(name for name in evidence.CONTRACT if name != column)
        monkeypatch.setattr(evidence, "CONTRACT", fewer)
        history.record(session, scene.contract, Act.OFFER, _by(scene), at=clock.now())
        with pytest.raises(AssertionError):
            self.test_denies_with_contract_tampered(session, scene, Contract)


class TestWithdrawal:
    def test_that_is_taken_out_of_the_row_still_denies(
        self, session: Session, scene: Scene
    ) -> None:
        attempt(session, scene, Act.WITHDRAW, Actor.PERFORMER, scene.contract)
        session.execute(sa.update(Contract).values(withdrawn_at=None))
        session.expire_all()
        assert "CONTRACT_TAMPERED" in scene.ask(session)[0].codes

    def test_that_is_taken_out_of_rows_and_history_still_denies(
        self, session: Session, scene: Scene
    ) -> None:
        attempt(session, scene, Act.WITHDRAW, Actor.PERFORMER, scene.contract)
        session.execute(sa.update(Contract).values(withdrawn_at=None))
        session.execute(sa.delete(ContractEvent).where(col(ContractEvent.act) == "withdraw"))
        session.expire_all()
        assert "CONTRACT_TAMPERED" in scene.ask(session)[0].codes


class TestRows:
    def test_one_that_is_gone_is_missed(self, session: Session, scene: Scene) -> None:
        session.execute(
            sa.delete(ContractSignature).where(col(ContractSignature.role) == "licensee")
        )
        session.expire_all()
        assert "CONTRACT_TAMPERED" in scene.ask(session)[0].codes

    def test_one_that_is_put_in_is_noticed(self, session: Session, scene: Scene) -> None:
        given = session.exec(select(ContractSignature)).first()
        assert given is not None
        session.add(ContractSignature(**{**given.model_dump(), "id": "cts_x", "role": "witness"}))
        session.flush()
        assert "CONTRACT_TAMPERED" in scene.ask(session)[0].codes

    def test_tampering_with_one_contract_stops_the_performer_s_others(
        self, session: Session, scene: Scene
    ) -> None:
        other = a_represented_scene(session, signed=True)
        assert other.ask(session)[0].outcome == "permit"
        session.execute(
            sa.update(Contract)
            .where(col(Contract.series_id) == scene.contract.series_id)
            .values(executed_at=clock.now())
        )
        session.expire_all()
        assert "CONTRACT_TAMPERED" in scene.ask(session)[0].codes
        assert other.ask(session)[0].outcome == "permit"  # another performer's


class TestEvents:
    def test_are_never_changed_or_taken_away(self, session: Session) -> None:
        scene = a_represented_scene(session, signed=True)
        for change in (
            sa.update(ContractEvent).values(note="x"),
            sa.delete(ContractEvent),
        ):
            with pytest.raises(sa.exc.DBAPIError), session.begin_nested():
                session.execute(change)
        events = history.events_of(session, scene.contract.series_id)
        assert [event.act for event in events] == ["offer", "sign", "sign"]
        assert events[1].previous_sha256 == events[0].evidence_sha256


def _by(scene: Scene) -> history.By:
    return history.By(scene.desk.organization.id, Actor.PERFORMER)


def _columns(table: type[SQLModel]) -> set[str]:
    return set(sa.inspect(table).columns.keys())


def _flips(session: Session, table: type[SQLModel], scene: Scene) -> Iterator[tuple[str, str, Any]]:
    """Name every (column, row, other value) of the scene's rows; of events only the newest's."""
    rows = session.exec(select(table)).all()
    if table is ContractEvent:
        rows = [history.events_of(session, scene.contract.series_id)[-1]]
    if table is SigningKey:
        signed = {each.signing_key_id for each in session.exec(select(ContractSignature))}
        rows = [row for row in rows if row.id in signed]  # type: ignore[attr-defined]
    before = [(row.id, row.model_dump()) for row in rows]  # type: ignore[attr-defined]
    for row_id, values in before:
        for name in sorted(_columns(table)):
            yield name, row_id, _other(values[name], name, scene)


def _other(value: Any, name: str, scene: Scene) -> Any:
    """Return another value the database would take."""
    if name in ("organization_id", "author_id", "licensee_id"):
        return scene.agency.organization.id if value != scene.agency.organization.id else None
    if name == "counters_id":
        return scene.contract.id
    if name == "api_key_id" or name == "replaced_at":
        return clock.now() if name == "replaced_at" else "key_none"
    if name == "actor":
        return "licensee" if value != "licensee" else "agent"
    if name == "act":
        return "offer" if value != "offer" else "sign"
    if name == "author_side":
        return "performer" if value == "licensee" else "licensee"
    if isinstance(value, int):
        return value + 7
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    if isinstance(value, dict):
        return {**value, "x": value["y"], "y": value["x"]}
    if value is None:
        return clock.now() - timedelta(hours=1)
    return value.replace('"DE"', '"US"') if name == "document" else f"{value}x"


def _set(session: Session, table: type[SQLModel], row_id: str, name: str, value: Any) -> None:
    session.execute(
        sa.update(table).where(table.id == row_id).values(**{name: value})  # type: ignore[attr-defined]
    )
    session.expire_all()


def _let_events_be_changed(session: Session) -> None:
    """Take the triggers away, as whoever owns the database could."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text("ALTER TABLE contract_event DISABLE TRIGGER USER"))
        return
    for name in ("updated", "deleted", "replaced"):
        session.execute(sa.text(f"DROP TRIGGER contract_event_never_{name}"))
