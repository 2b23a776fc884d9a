"""Say of a photo or recording that was removed by whom: the house, and the key or person in it."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1440"
down_revision = "20261128_1425"
branch_labels = None
depends_on = None

AUTHOR = (("removed_by_id", "organization"), ("removed_key_id", "api_key"))


def upgrade() -> None:  # of what was removed before, nobody knows
    with op.batch_alter_table("likeness_medium") as table:
        for column, kind in AUTHOR:
            table.add_column(sa.Column(column, sa.String(), nullable=True))
            name = f"likeness_medium_{column}_fkey"
            table.create_foreign_key(name, kind, [column], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("likeness_medium") as table:
        for column, _kind in AUTHOR:
            table.drop_constraint(f"likeness_medium_{column}_fkey", type_="foreignkey")
            table.drop_column(column)
