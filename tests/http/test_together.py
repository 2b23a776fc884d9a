"""Questions that share a commit are answered by one function: each as if asked alone."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from sqlmodel import Session, select

from app import clock, db, keys, marks
from app.gateway import api_authorizations
from app.gateway.api_authorizations import AuthorizationCreate
from app.gateway.errors import ReplicaNotFound
from app.identity import api_edge, authentication
from app.identity.errors import IdempotencyKeyReused, NotAuthenticated
from app.identity.models import Answer, ApiKey
from app.identity.service import Claim
from app.licensing.decisions import service as decisions
from app.licensing.decisions.models import Decision
from app.licensing.decisions.receipt import verify_by_any
from app.licensing.decisions.under_lock import UnderLock
from app.transparency.models import LogOutbox
from tests.http.house import House, question

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


def asked(house: House, who: str, key: str, **changes: Any) -> tuple[Claim, AuthorizationCreate]:
    text = house.keys[who]["Authorization"].removeprefix("Bearer ")
    with db.reading() as session:
        principal = authentication.remembered(text) or authentication.authenticate(
            session.connection(), text
        )
    body = AuthorizationCreate(**question(house, **changes))
    return Claim(principal, key, json.dumps(body.model_dump(mode="json"))), body


def together(*questions: tuple[Claim, AuthorizationCreate]) -> list[Any]:
    with db.writing() as session:
        found = api_authorizations._answer(session, questions)
    return [each if isinstance(each, Exception) else json.loads(each[1]) for each in found]


class TestTogether:
    def test_each_is_answered_as_if_alone(self, house: House) -> None:
        before = asked(house, "production", "before")
        (first,) = together(before)
        other = asked(house, "production", "before", territories=["US"])
        replica = {"performers": [], "replicas": ["rep_" + "0" * 26]}
        told = together(
            asked(house, "production", "a"),
            asked(house, "production", "b", territories=["US"]),
            asked(house, "production", "c", **replica),
            asked(house, "stranger", "a"),
            before,
            other,
            asked(house, "production", "a"),
            asked(house, "production", "d", performers=["per_" + "0" * 26]),
        )
        assert [each.get("outcome") for each in told if isinstance(each, dict)] == [
            *("permit", "deny", "deny", "permit", "permit", "deny")
        ]
        assert told[1]["codes"] == ["TERRITORY_NOT_LICENSED"]
        assert told[3]["codes"] == told[7]["codes"] == ["CONTRACT_NOT_FOUND"]
        assert isinstance(told[2], ReplicaNotFound)
        assert isinstance(told[5], IdempotencyKeyReused)
        assert (told[4], told[6]) == (first, told[0])
        (again,) = together(asked(house, "production", "c"))  # what was refused left its key free
        assert again["outcome"] == "permit"
        assert_whole(house, {each["id"] for each in (first, again, *told[:2], told[3], told[7])})

    def test_a_key_revoked_a_moment_ago_is_refused_among_others_that_stand(
        self, house: House
    ) -> None:
        assert_revoked_key_is_refused(house)

    def test_asking_no_more_whether_keys_stand_is_found(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(api_edge, "_fallen", lambda *_: {})
        with pytest.raises(AssertionError):
            assert_revoked_key_is_refused(house)

    def test_a_consent_withdrawn_a_moment_ago_permits_nothing(self, house: House) -> None:
        assert_withdrawn_permits_nothing(house)

    def test_keeping_what_was_known_for_the_next_is_found(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known: dict[tuple[str, ...], UnderLock] = {}

        def keeping(session: Session, performers: Iterable[str]) -> UnderLock:
            return known.setdefault(tuple(performers), UnderLock(session, performers))

        monkeypatch.setattr(decisions, "UnderLock", keeping)
        with pytest.raises(AssertionError):
            assert_withdrawn_permits_nothing(house)


def assert_whole(house: House, ids: set[str]) -> None:
    """Each has one row, one leaf, one kept answer, a receipt that verifies and a mark that fits."""
    with db.reading() as session:
        rows = {each.id: each for each in session.exec(select(Decision))}
        assert rows.keys() == ids
        leaves = [each.subject_id for each in session.exec(select(LogOutbox))]
        assert all(leaves.count(each) == 1 for each in ids)
        kept = [json.loads(each.body)["id"] for each in session.exec(select(Answer))]
        assert sorted(kept) == sorted(ids)
        noted = marks.acts_of(session.exec(select(marks.RowMark)))
        for row in rows.values():
            said = verify_by_any(row.receipt.encode(), [keys.public_key("receipt")])  # type: ignore[list-item]
            assert said["generation_id"] == row.id
            (act,) = noted["decision", marks.row_key([row.id])]
            assert marks.is_state(act.after, "decision", marks.row_key([row.id]), row.model_dump())


def assert_revoked_key_is_refused(house: House) -> None:
    mine = [asked(house, "production", f"p{n}") for n in range(3)]
    theirs = asked(house, "stranger", "s")
    with db.writing() as session:
        session.get_one(ApiKey, mine[0][0].principal.api_key_id).revoked_at = clock.now()
    *refused, answered = together(*mine, theirs)
    assert all(isinstance(each, NotAuthenticated) for each in refused)
    assert answered["outcome"] == "deny"
    with db.reading() as session:
        assert len(session.exec(select(Decision)).all()) == 1


def assert_withdrawn_permits_nothing(house: House) -> None:
    told = together(*(asked(house, "production", f"p{n}") for n in range(2)))
    assert {each["outcome"] for each in told} == {"permit"}
    assert house.post(f"/v1/contracts/{house.scene.contract.id}/withdrawal", "desk").is_success
    told = together(*(asked(house, "production", f"q{n}") for n in range(2)))
    assert {each["outcome"] for each in told} == {"deny"}
