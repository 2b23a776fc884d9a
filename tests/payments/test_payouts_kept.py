"""Payouts stay as they were written, and `ledger check` finds whoever got past the database."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from app import db
from app.ledger import payouts_check
from app.ledger.check import check
from app.ledger.payouts import return_payout, settle_payout
from tests.ledger.test_append_only import column_of, drop_guard, refusal_of
from tests.payments.payouts import a_payee, an_order

TABLES = ["payout_order", "payout", "payout_item", "payout_event", "payout_details"]


@pytest.fixture
def payout(session):
    """Two payouts: one came back, and was ordered again and settled."""
    a_payee(session)
    (first,) = an_order(session).payouts
    return_payout(session, first.id, note="account closed")
    (again,) = an_order(session, "again").payouts
    settle_payout(session, again.id)
    session.commit()
    yield again
    session.rollback()


def test_every_table_only_grows(session, payout, database):
    for table in TABLES:
        column = column_of(session, table)
        refused = f"{table} is append-only"
        assert refused in refusal_of(session, f"UPDATE {table} SET {column} = {column}")
        assert refused in refusal_of(session, f"DELETE FROM {table}")
        if database == "postgresql":
            assert refused in refusal_of(session, f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_replace_is_refused_even_without_recursive_triggers(session, payout, database):
    session.commit()
    with db.engine().connect() as connection:
        connection.exec_driver_sql("PRAGMA recursive_triggers = OFF")
        for table in TABLES:
            with pytest.raises(DBAPIError, match="append-only"):
                connection.execute(sa.text(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"))
        connection.rollback()
        connection.exec_driver_sql("PRAGMA recursive_triggers = ON")


# What somebody who dropped a trigger does, and what the check says to it. {0} is the newer payout.
EDITS = [
    ("payout", "amount_minor = 1 WHERE id = '{0}'", "and its lines come to"),
    ("payout", "currency = 'USD' WHERE id = '{0}'", "currency of its order"),
    ("payout_order", "currency = 'USD'", "currency of its order"),
    ("payout_order", "risk_carrier = ''", "nobody carries the risk"),
    ("payout_item", "amount_minor = 1 WHERE payout_id = '{0}'", "lines come to"),
    ("payout_item", "account = 'licensee:receivable' WHERE payout_id = '{0}'", "which owes"),
    ("payout_item", "attempt = 9 WHERE payout_id = '{0}'", "not numbered in order"),
    ("payout_event", "state = 'settled' WHERE state = 'returned'", "entries come to returned"),
    ("payout_event", "number = 7 WHERE state = 'settled'", "event 2 cannot be settled"),
    ("payout_event", "payout_id = '{0}', number = 3 WHERE state = 'returned'", "entries come to"),
]  # fmt: skip


def test_every_kind_of_edit_is_found(session, payout):
    result = check(session)
    assert result.ok, result.first_difference
    for table, edit, named in EDITS:
        with session.begin_nested() as savepoint:
            drop_guard(session, table)
            session.execute(sa.text(f"UPDATE {table} SET {edit.format(payout.id)}"))
            session.expire_all()
            assert not check(session).ok
            assert named in (payouts_check.first_difference(session) or f"not found: {edit}")
            savepoint.rollback()
        session.expire_all()
        assert check(session).ok


def test_events_that_nobody_booked_and_events_gone_are_found(session, payout, database):
    with session.begin_nested() as savepoint:  # a payout said to have come back, and no money moved
        session.execute(
            sa.text(
                "INSERT INTO payout_event (id, payout_id, number, state, note, at) VALUES "
                f"('pye_x', '{payout.id}', 3, 'returned', '', '2026-12-01 00:00:00')"
            )
        )
        found = check(session).first_difference or "nothing found"
        assert f"{payout.id}: is returned, and its entries come to settled" in found
        savepoint.rollback()
    drop_guard(session, "payout_event")
    if database == "sqlite":
        session.execute(sa.text("DROP TRIGGER payout_event_never_deleted"))
    session.execute(sa.text("DELETE FROM payout_event WHERE state = 'settled'"))
    session.expire_all()
    assert "there is no payout:" in (check(session).first_difference or "nothing found")


def test_a_line_that_two_payouts_pay_at_once_is_found(session, payout):
    """The return of the first payout is undone with its entry: then both of them stand."""
    for table in ("payout_event", "journal_entry", "posting", "entry_seal"):
        _drop_every_guard(session, table)
    (event_id,) = session.execute(
        sa.text("SELECT id FROM payout_event WHERE state = 'returned'")
    ).one()
    (entry_id,) = session.execute(
        sa.text(f"SELECT id FROM journal_entry WHERE source = 'payout:{event_id}'")
    ).one()
    for gone in (
        f"posting WHERE entry_id = '{entry_id}'",
        f"entry_seal WHERE entry_id = '{entry_id}'",
        f"journal_entry WHERE id = '{entry_id}'",
        f"payout_event WHERE id = '{event_id}'",
    ):
        session.execute(sa.text(f"DELETE FROM {gone}"))
    session.expire_all()
    assert "is paid it more than once" in (check(session).first_difference or "nothing found")


def _drop_every_guard(session, table: str) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        return
    names = session.execute(
        sa.text(f"SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{table}'")
    )
    for (name,) in names.all():
        session.execute(sa.text(f"DROP TRIGGER {name}"))
