"""Let an output be a picture, which has no length.

On SQLite a CHECK is changed in the schema table, as https://www.sqlite.org/lang_altertable.html
describes: making the table anew would break what refers to it.
"""

import sqlalchemy as sa
from alembic import op

revision = "20261127_2323"
down_revision = "20261127_2315"
branch_labels = None
depends_on = None

LASTS, MAY_LAST = "length_ms > 0", "length_ms >= 0"


def upgrade() -> None:
    _replace(LASTS, MAY_LAST)


def downgrade() -> None:
    pictures = sa.text("SELECT count(*) FROM generation WHERE length_ms = 0")
    if op.get_bind().execute(pictures).scalar_one():
        raise RuntimeError("there are pictures among the generations; the table before had no room")
    _replace(MAY_LAST, LASTS)


def _replace(old: str, new: str) -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        op.drop_constraint("generation_length", "generation")
        op.create_check_constraint("generation_length", "generation", new)
        return
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    changed = connection.execute(
        sa.text(
            "UPDATE sqlite_schema SET sql = replace(sql, :old, :new)"
            " WHERE type = 'table' AND name = 'generation' AND instr(sql, :old) > 0"
        ),
        {"old": old, "new": new},
    )
    if changed.rowcount != 1:
        raise RuntimeError("the table generation has no CHECK of its length that could be replaced")
    connection.exec_driver_sql(f"PRAGMA schema_version={version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema=OFF")
