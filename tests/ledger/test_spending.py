"""What is spent of a project and of a contract is what the holds come to, whoever looks."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from app import clock
from app.ledger import holds, service, spending
from app.ledger.check import check
from app.ledger.models import Spending
from tests.ledger.factories import a_captured_entry, a_licensee, event_of, terms_of

ONE_DATABASE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def place(session: Session, generation_id: str, contract_id: str = "con_1", **given: Any) -> None:
    licensee_id = a_licensee(session).id
    service.place_hold(
        session,
        generation_id,
        contract_id,
        licensee_id=licensee_id,
        asked=service.Asked(licensee_id, "NIGHTGLASS", given.pop("project_seconds", "10")),
        **{"amount_minor": 1200, "currency": "USD", "seconds": "10", **given},
    )


def spent(session: Session) -> dict[str, tuple[int, int]]:
    """What is spent, by project and contract: minor units and seconds, on all days."""
    found: dict[str, tuple[int, int]] = {}
    for each in session.exec(select(Spending).execution_options(populate_existing=True)):
        minor, seconds = found.get(each.project or each.contract_id, (0, 0))
        now = (minor + each.amount_minor, seconds + each.length_us // 10**6)
        found[each.project or each.contract_id] = now
    return found


def test_is_kept_as_holds_come_and_go(session: Session) -> None:
    place(session, "gen_1")
    place(session, "gen_1", "con_2", project_seconds=0)  # the same film: its seconds count once
    place(session, "gen_2")
    place(session, "gen_2")  # the same hold again is the first one
    both = {"NIGHTGLASS": (3600, 20), "con_1": (2400, 20), "con_2": (1200, 10)}
    assert spent(session) == both
    service.capture_hold(session, "gen_2", terms=terms_of(), event=event_of(seconds="10"))
    assert spent(session) == both
    service.void_hold(session, "gen_1", reason="a test")
    service.void_hold(session, "gen_1", reason="again")
    assert spent(session) == {"NIGHTGLASS": (1200, 10), "con_1": (1200, 10), "con_2": (0, 0)}
    place(session, "gen_3", lasts=timedelta(0))
    assert service.expire_holds(session) == 1
    place(session, "gen_4", amount_minor=100, seconds="1", project_seconds="1")
    dearer = terms_of(rate_minor="150")
    service.raise_hold(session, "gen_4", "con_1", terms=dearer, event=event_of(seconds="1"))
    assert spent(session)["NIGHTGLASS"] == spent(session)["con_1"] == (1350, 11)
    result = check(session)
    assert result.ok, result.first_difference


@ONE_DATABASE
def test_is_of_the_day_it_was_held_on(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    late = clock.now().replace(hour=23, minute=59, second=59, microsecond=999_999)
    for at in (late, late + timedelta(microseconds=1)):
        monkeypatch.setattr(clock, "now", lambda at=at: at)
        place(session, f"gen_{at.day}")
    days = session.exec(select(Spending.day).where(Spending.project == "NIGHTGLASS"))
    assert sorted(days) == [late.date(), late.date() + timedelta(days=1)]
    assert check(session).ok


class TestCheck:
    @pytest.mark.parametrize(
        "edit",
        [
            "UPDATE spending SET amount_minor = 0 WHERE project <> ''",
            "UPDATE spending SET length_us = length_us + 1 WHERE contract_id <> ''",
            "DELETE FROM spending WHERE project <> ''",
            "INSERT INTO spending VALUES ('org_1', 'ANOTHER', '', 'USD', '2026-11-28', 5, 5)",
            "UPDATE hold SET project = 'ANOTHER'",
            "UPDATE hold SET amount_minor = 1300",
        ],
    )
    def test_finds_an_edit(self, session: Session, edit: str) -> None:
        """Planted fault: the owner of the database edits a row."""
        place(session, "gen_1")
        assert check(session).ok
        session.execute(sa.text(edit))
        assert "holds come to" in (check(session).first_difference or f"not found: {edit}")

    @ONE_DATABASE
    def test_finds_a_hold_that_ended_and_is_counted_still(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Planted fault: what is voided is not said."""
        a_captured_entry(session)
        place(session, "gen_2")
        monkeypatch.setattr(holds.spending, "add", lambda *_, **__: None)
        service.void_hold(session, "gen_2", reason="a test")
        assert "stored is 1200" in (check(session).first_difference or "not found")


def test_rows_of_projects_are_locked_before_those_of_contracts() -> None:
    day = date(2026, 11, 28)
    project = spending.Place("", "Z", "org_9", "USD", day)
    assert project < spending.Place("con_1", "", "org_1", "EUR", day)
