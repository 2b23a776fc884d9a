"""A budget is kept to the minor unit and the second, and by two requests at once too."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import Session, select
from typer.testing import CliRunner

from app import clock, db
from app.cli import app
from app.gateway import budgets
from app.gateway.budgets import BudgetExceeded, BudgetRefused
from app.gateway.models import Generation
from app.ledger import service as ledger
from app.ledger.check import check
from app.ledger.models import Hold
from app.licensing.decisions.models import Decision
from tests import scenes

QUICK_ON_POSTGRESQL = True

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
# 5 s at 12.50 EUR a second: 6250 minor units each.
EACH = 6250
CONNECTIONS = 12


@pytest.fixture
def scene(database: str) -> scenes.Scene:
    with db.writing() as session:
        return scenes.a_scene(session, quota={"max_seconds": 1000}, projects=["*"])


def _set(scene: scenes.Scene, **given: object) -> str:
    subject = {name: given.pop(name) for name in ("project", "contract_id") if name in given}
    with db.writing() as session:
        return budgets.set_budget(
            session,
            scene.production.organization.id,
            currency=str(given.pop("currency", "EUR")),
            limits=given,  # type: ignore[arg-type]
            **(subject or {"project": "NIGHTGLASS"}),  # type: ignore[arg-type]
        ).id


def _ask(scene: scenes.Scene, **changes: str) -> str:
    with db.writing() as session:
        decision, generation = scene.ask(session, **changes)
        assert generation is not None, decision.codes
    return generation.id


def _end(generation_id: str, state: str = "refused") -> None:
    with db.writing() as session:
        session.get_one(Generation, generation_id).state = state
        if state != "released":
            ledger.void_hold(session, generation_id, reason="a test")


class TestBudget:
    @pytest.mark.parametrize(
        "limit",
        [
            {"total_minor": 2 * EACH},
            {"total_seconds": 10},
            {"at_once": 2},
            {"daily_minor": 2 * EACH},
        ],
    )
    def test_is_used_up_to_its_last_unit_and_not_beyond(self, scene, limit) -> None:
        _set(scene, **limit)
        first, _ = _ask(scene), _ask(scene)
        with pytest.raises(BudgetExceeded) as refused:
            _ask(scene)
        assert refused.value.extra["limit"] == next(iter(limit))
        with db.reading() as session:
            assert len(session.exec(select(Hold)).all()) == 2
            assert len(session.exec(select(Decision)).all()) == 2
        _end(first)  # what was not released counts no more
        _ask(scene)

    @ONE_DATABASE
    def test_is_of_one_project_or_one_licence(self, scene) -> None:
        _set(scene, total_minor=0)
        with pytest.raises(BudgetExceeded, match="project NIGHTGLASS"):
            _ask(scene)
        _ask(scene, project="DAYGLASS")
        _set(scene, contract_id=scene.contract.id, total_seconds=9)
        with pytest.raises(BudgetExceeded, match="10 s would be used of the 9 s"):
            _ask(scene, project="DAYGLASS")
        _set(scene, contract_id=scene.contract.id, total_seconds=10)  # the newest holds
        _ask(scene, project="DAYGLASS")
        _set(scene, contract_id=scene.contract.id)
        _ask(scene, project="DAYGLASS")

    @ONE_DATABASE
    def test_of_a_day_begins_anew_at_midnight_and_money_that_was_paid_stays_used(
        self, scene, monkeypatch
    ) -> None:
        _set(scene, daily_seconds=5, total_minor=2 * EACH)
        _end(_ask(scene), "released")
        with pytest.raises(BudgetExceeded, match="5 s a day"):
            _ask(scene)
        tomorrow = clock.now() + timedelta(days=1)
        monkeypatch.setattr(clock, "now", lambda: tomorrow)
        _ask(scene)
        later = clock.now() + timedelta(days=1)
        monkeypatch.setattr(clock, "now", lambda: later)
        with pytest.raises(BudgetExceeded, match=r"187\.50 EUR would be used of the 125\.00 EUR"):
            _ask(scene)

    @ONE_DATABASE
    def test_in_another_currency_is_not_guessed(self, scene) -> None:
        _set(scene, currency="USD", total_minor=10**6)
        with pytest.raises(BudgetExceeded, match="set it in that currency"):
            _ask(scene)

    @ONE_DATABASE
    def test_wants_something_of_the_productions_own(self, session: Session) -> None:
        scene, other = scenes.a_scene(session), scenes.a_scene(session)
        mine, of = scene.production.organization.id, budgets.set_budget
        for words in (
            {},
            {"project": "P", "contract_id": scene.contract.id},
            {"contract_id": other.contract.id},
            {"contract_id": "con_nobody"},
        ):
            with pytest.raises(BudgetRefused):
                of(session, mine, currency="EUR", limits={}, **words)
        with pytest.raises(BudgetRefused, match="no limit is called"):
            of(session, mine, project="P", currency="EUR", limits={"weekly_minor": 1})

    @ONE_DATABASE
    def test_is_set_and_read_at_the_command_line(self, scene) -> None:
        def said(*words: str) -> str:
            result = CliRunner().invoke(app, ["budget", *words], catch_exceptions=False)
            assert result.exit_code == 0, result.output
            return result.output

        mine = scene.production.organization.id
        said("set", mine, "--project", "NIGHTGLASS", "--total", "100.00", "--at-once", "3")
        _ask(scene)
        listed = said("list", mine)
        assert "project NIGHTGLASS" in listed
        assert "total: 62.50 EUR of 100.00 EUR" in listed
        assert "at once: 1 of 3" in listed

    @pytest.mark.parametrize("times", [8, pytest.param(100, marks=pytest.mark.slow)])
    def test_lets_one_of_many_requests_at_once_have_the_last_cent(self, scene, times) -> None:
        _set(scene, total_minor=3 * EACH - 1, total_seconds=10, at_once=2)
        _ask(scene)
        permitted = _at_once(lambda: _permitted(scene), times=times)
        assert permitted == [False] * (times - 1) + [True]
        with db.reading() as session:
            assert check(session).ok
            assert len(session.exec(select(Hold)).all()) == 2

    def test_that_is_looked_at_only_before_lets_two_have_it(self, scene, monkeypatch) -> None:
        """Planted fault: what the test above would find; what is counted stays right."""
        _set(scene, at_once=1)
        both = threading.Barrier(2)

        def looked_at_before() -> bool:
            with db.reading() as session:
                (limit,) = budgets.in_force(session, scene.production.organization.id)
                left = budgets.used_of(session, limit).at_once < 1
            both.wait()
            return left and _permitted(scene)

        monkeypatch.setattr(budgets, "check", lambda *_, **__: None)
        assert _at_once(looked_at_before, times=2) == [True, True]
        with db.reading() as session:
            (limit,) = budgets.in_force(session, scene.production.organization.id)
            assert budgets.used_of(session, limit) == budgets.Used(2 * EACH, 2 * EACH, 10, 10, 2)


def _permitted(scene: scenes.Scene) -> bool:
    try:
        _ask(scene)
    except BudgetExceeded:
        return False
    return True


def _at_once(ask: Callable[[], bool], *, times: int) -> list[bool]:
    """Have so many ask, as many at once as there are connections; refusals come first."""
    together = min(times, CONNECTIONS)
    ready = threading.Barrier(together)

    def each(number: int) -> bool:
        if number < together:
            ready.wait()
        return ask()

    with ThreadPoolExecutor(together) as pool:
        return sorted(pool.map(each, range(times)))
