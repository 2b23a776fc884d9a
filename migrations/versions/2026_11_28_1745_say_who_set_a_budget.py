"""Say by which key, or which person at a page, a budget was set."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1745"
down_revision = "20261128_1743"
branch_labels = None
depends_on = None


def upgrade() -> None:  # of what was set before, nobody knows
    with op.batch_alter_table("budget") as table:
        table.add_column(sa.Column("api_key_id", sa.String(), nullable=True))
        table.create_foreign_key("budget_api_key_id_fkey", "api_key", ["api_key_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("budget") as table:
        table.drop_constraint("budget_api_key_id_fkey", type_="foreignkey")
        table.drop_column("api_key_id")
