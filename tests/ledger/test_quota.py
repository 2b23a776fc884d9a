"""What the uses of a contract come to is what their rows say at that moment."""

import pytest
from sqlmodel import Session, SQLModel

from app import db
from app.ledger import service
from tests.ledger.factories import event_of, terms_of
from tests.transparency.superuser import Superuser


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


def test_what_was_reversed_is_given_back(session: Session) -> None:
    expected, renders = 0, 0
    for number, name in enumerate(("a", "wrong b", "c", "d", "wrong e", "f"), start=1):
        post(session, name, number)
        if not name.startswith("wrong"):
            expected, renders = expected + number, renders + 1
        assert used(session) == (expected, renders)


def test_what_was_undone_is_not_counted(database: str) -> None:
    with db.writing() as session:
        post(session, "a")
    with Session(db.engine()) as session:
        post(session, "b", 100)
        assert used(session) == (101, 2)
        session.rollback()
    with db.writing() as session:
        post(session, "c", 10)  # in the place of the one that was undone
        assert used(session) == (11, 2)


@pytest.mark.parametrize("done", ["edited", "deleted"])
def test_an_older_use_that_is_not_what_it_was_is_reckoned_at_once(database: str, done: str) -> None:
    """Planted fault: whoever remembers a sum under the newest use does not see it."""
    with db.writing() as session:
        for number in range(130):
            post(session, f"{number}")
        assert used(session) == (130, 130)
    with Session(db.engine()) as session:
        superuser, table = Superuser(session), SQLModel.metadata.tables["usage_event"]
        older = superuser.rows(table)[1]
        if done == "edited":
            superuser.edit(table, older, length_us=older["length_us"] + 50_000_000)
            assert used(session) == (180, 130)
        else:
            superuser.delete(table, older)
            assert used(session) == (129, 129)
        session.rollback()
