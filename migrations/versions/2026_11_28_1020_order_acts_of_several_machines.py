"""Find the newest act quickly: acts on a row follow each other, whichever machine's clock is behind."""

from alembic import op

revision = "20261128_1020"
down_revision = "20261128_0745"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_row_mark_acted_us", "row_mark", ["acted_us"])
    op.create_index("ix_row_seal_acted_us", "row_seal", ["acted_us"])


def downgrade() -> None:
    op.drop_index("ix_row_seal_acted_us", "row_seal")
    op.drop_index("ix_row_mark_acted_us", "row_mark")
