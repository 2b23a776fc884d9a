"""Take performers' keys out of the database, into a store of their own.

A database brought back from a backup then does not bring a destroyed key back. The keys are moved
as they are; whoever ran a server before keeps no backup of the database from then.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op

from app import storage

revision = "20261127_1640"
down_revision = "20261127_1340"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for owner_id, wrapped_key in _rows("wrapped_key"):
        if wrapped_key is not None:
            storage.put_new(owner_id, bytes(wrapped_key), shelf="performer-keys")
    with _emptied(), op.batch_alter_table("performer_key") as table:
        table.drop_constraint("performer_key_destroyed", type_="check")
        table.drop_column("wrapped_key")
        table.add_column(sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True))
        table.create_check_constraint(
            "performer_key_gone", "gone_at IS NULL OR destroyed_at IS NOT NULL"
        )
    op.execute("UPDATE performer_key SET gone_at = destroyed_at")


def downgrade() -> None:
    keys = {
        owner_id: storage.get(owner_id, shelf="performer-keys")
        for owner_id, destroyed_at in _rows("destroyed_at")
        if destroyed_at is None
    }
    with _emptied(), op.batch_alter_table("performer_key") as table:
        table.drop_constraint("performer_key_gone", type_="check")
        table.drop_column("gone_at")
        table.add_column(sa.Column("wrapped_key", sa.LargeBinary(), nullable=True))
    put_back = sa.text("UPDATE performer_key SET wrapped_key = :key WHERE owner_id = :owner_id")
    for owner_id, key in keys.items():
        op.get_bind().execute(put_back, {"owner_id": owner_id, "key": key})
    with _emptied(), op.batch_alter_table("performer_key") as table:
        table.create_check_constraint(
            "performer_key_destroyed", "(wrapped_key IS NULL) = (destroyed_at IS NOT NULL)"
        )


def _rows(column: str) -> list[tuple[str, object]]:
    table = sa.table("performer_key", sa.column("owner_id"), sa.column(column))
    found = op.get_bind().execute(sa.select(table.c.owner_id, table.c[column]))
    return [(owner_id, value) for owner_id, value in found]


@contextmanager
def _emptied() -> Iterator[None]:
    """Take the rows out while SQLite writes the table anew: sealed objects refer to them."""
    if op.get_bind().dialect.name == "postgresql":
        yield
        return
    op.execute("PRAGMA defer_foreign_keys = ON")
    op.execute("CREATE TEMPORARY TABLE kept AS SELECT * FROM performer_key")
    op.execute("DELETE FROM performer_key")
    yield
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns("performer_key")]
    kept = {
        column[0]
        for column in op.get_bind().exec_driver_sql("SELECT * FROM kept").cursor.description
    }
    names = ", ".join(name for name in columns if name in kept)
    op.execute(f"INSERT INTO performer_key ({names}) SELECT {names} FROM kept")  # noqa: S608
    op.execute("DROP TABLE kept")
