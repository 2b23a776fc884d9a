"""What many uses of a contract come to is remembered, and is never other than it is."""

import pytest
from sqlmodel import Session

from app import db
from app.ledger import quota, service
from tests.ledger.factories import event_of, terms_of


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remember what two uses come to."""
    monkeypatch.setattr(quota, "MANY", 2)


def remembered() -> dict[str, quota._Sum]:
    return quota._REMEMBERED[db.engine().pool]


def post(session: Session, name: str, seconds: int = 1) -> None:
    entry = service.post_usage(
        session,
        "con_1",
        terms=terms_of(),
        event=event_of(seconds=str(seconds)),
        key=name,
        generation_id=f"gen_{name}",
    )
    assert entry is not None
    if name.startswith("wrong"):
        service.reverse_entry(session, entry, reason="a test")


def used(session: Session) -> tuple[int, int]:
    found = service.used_and_unpaid(session.connection(), "con_1")
    return int(found.seconds), found.renders


def test_what_came_since_is_added_and_taken_back(session: Session) -> None:
    expected, renders = 0, 0
    for number, name in enumerate(("a", "wrong b", "c", "d", "wrong e", "f"), start=1):
        post(session, name, number)
        if not name.startswith("wrong"):
            expected, renders = expected + number, renders + 1
        assert used(session) == (expected, renders)
    assert remembered()["con_1"].number > 3


def test_what_was_undone_is_not_remembered(database: str) -> None:
    """Planted fault: whoever remembers by number alone counts a use that never was."""
    with db.writing() as session:
        post(session, "a")
    with Session(db.engine()) as session:
        post(session, "b", 100)
        assert used(session) == (101, 2)
        session.rollback()
    assert remembered()["con_1"].number == 1
    with db.writing() as session:
        post(session, "c", 10)  # in the place of the one that was undone
        assert used(session) == (11, 2)
    kept = remembered()["con_1"]
    with db.writing() as session:
        remembered()["con_1"] = kept._replace(used_us=10**9)  # what is remembered is used
        assert used(session)[0] == 1000


def test_who_sees_less_is_told_less(database: str) -> None:
    with db.writing() as session:
        post(session, "a")
    with db.reading() as early:
        assert used(early) == (1, 1)
        with db.writing() as session:
            post(session, "b", 5)
            post(session, "c", 5)
            assert used(session) == (11, 3)
        assert used(early) == (1, 1)  # its snapshot is of before
