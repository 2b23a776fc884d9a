"""Many at once: the last seconds go to one, and nothing is permitted after a withdrawal."""

import threading
import time
from dataclasses import replace

import pytest
from sqlmodel import col, select

from app import db
from app.gateway.models import Generation
from app.ledger.models import Hold
from app.licensing.contracts.models import Contract
from app.licensing.decisions import under_lock
from tests.http.house import House, a_house, at_once


@pytest.fixture
def nearly_used_up(client) -> House:  # type: ignore[no-untyped-def]
    """Nine seconds are granted: one request of five fits, two do not."""
    return a_house(
        client, quota={"max_seconds": 9, "max_renders": None, "max_seconds_per_output": 5}
    )


class TestLastSeconds:
    def test_go_to_exactly_one_of_a_hundred(self, nearly_used_up):
        answers = at_once(lambda _: nearly_used_up.ask(), 100)
        assert_one_permit(answers)
        denied = [answer for answer in answers if answer.status_code == 403]
        assert {code for answer in denied for code in answer.json()["codes"]} == {"QUOTA_EXCEEDED"}

    @pytest.mark.parametrize("database", ["postgresql"], indirect=True)
    def test_deciding_without_the_lock_is_found(self, nearly_used_up, monkeypatch):
        honest = under_lock.in_force

        def late(session, contract):  # type: ignore[no-untyped-def]
            found = honest(session, contract)
            time.sleep(0.3)  # so that all have read before any has held
            return found

        def unlocked(session, performers):  # type: ignore[no-untyped-def]
            rows = select(Contract).where(col(Contract.performer_id).in_(performers))
            return list(session.exec(rows))

        monkeypatch.setattr(under_lock, "in_force", late)
        monkeypatch.setattr(under_lock, "lock_contracts", unlocked)
        with pytest.raises(AssertionError):
            assert_one_permit(at_once(lambda _: nearly_used_up.ask(), 4))


def assert_one_permit(answers) -> None:  # type: ignore[no-untyped-def]
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [201] + [403] * (len(answers) - 1)
    with db.reading() as session:
        assert len(session.exec(select(Generation)).all()) == 1
        assert len(session.exec(select(Hold)).all()) == 1


@pytest.fixture
def generous(client) -> House:  # type: ignore[no-untyped-def]
    """A grant that no race uses up."""
    return a_house(
        client, quota={"max_seconds": 9000, "max_renders": None, "max_seconds_per_output": 5}
    )


class TestWithdrawal:
    def test_nothing_is_permitted_after_it_was_acknowledged(self, generous):
        assert_nothing_after_withdrawal(generous)
        assert generous.ask().json()["codes"] == ["REVOKED"]

    def test_a_decision_that_overlooks_the_withdrawal_is_found(self, generous, monkeypatch):
        honest = under_lock.in_force

        def stale(session, contract):  # type: ignore[no-untyped-def]
            return replace(honest(session, contract), withdrawn_at=None, status="active")

        monkeypatch.setattr(under_lock, "in_force", stale)
        with pytest.raises(AssertionError, match="after"):
            assert_nothing_after_withdrawal(generous)


def assert_nothing_after_withdrawal(house: House) -> None:
    """Withdraw among many requests: none that began after the acknowledgment is permitted."""
    acknowledged = threading.Event()
    after: list[int] = []

    def act(number: int):  # type: ignore[no-untyped-def]
        if number == 7:
            answer = house.post(f"/v1/contracts/{house.scene.contract.id}/withdrawal", "desk")
            acknowledged.set()
            return answer
        give_up_at = time.monotonic() + 60
        while time.monotonic() < give_up_at:  # the lock is nobody's turn: the withdrawal may wait
            begun_after = acknowledged.is_set()
            answer = house.ask()
            if begun_after:
                after.append(answer.status_code)
                break
        return answer

    answers = at_once(act, 16)
    assert answers[7].status_code == 201
    assert {answer.status_code for answer in answers} <= {201, 403}
    assert after, "no request began after the withdrawal; the race was not run"
    assert set(after) == {403}, "a request was permitted after the withdrawal was acknowledged"
    withdrawn_at = answers[7].json()["withdrawn_at"]
    generations = house.get("/v1/generations?limit=200").json()["items"]
    late = [each["id"] for each in generations if each["created_at"] > withdrawn_at]
    assert late == [], "a generation was created after the withdrawal's own instant"
