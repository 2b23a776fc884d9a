"""Keep what is spent of each project and contract, day by day, and what each hold counts for."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1742"
down_revision = "20261128_1720"
branch_labels = None
depends_on = None

TEXTS = ("organization_id", "project")

# Who asked, for which project, is what the permit of a generation says; its seconds count once for
# the project, with the first of its holds, and those of a chosen take counted as a draft's.
BACKFILL = """
UPDATE hold SET
  organization_id = coalesce(
    (SELECT g.organization_id FROM generation g WHERE g.id = hold.generation_id),
    (SELECT l.organization_id FROM contract_licensee l WHERE l.contract_id = hold.contract_id), ''),
  project = coalesce((SELECT {project} FROM generation g JOIN decision d ON d.id = g.decision_id
    WHERE g.id = hold.generation_id), ''),
  project_us = CASE WHEN hold.contract_id = (
    SELECT min(o.contract_id) FROM hold o WHERE o.generation_id = hold.generation_id)
    AND EXISTS (SELECT 1 FROM generation g WHERE g.id = hold.generation_id)
    THEN hold.length_us ELSE 0 END
"""
SPENT = """
INSERT INTO spending
  (organization_id, project, contract_id, currency, day, amount_minor, length_us)
SELECT organization_id, {of}, currency, {day}, sum(amount_minor), sum({length})
FROM hold WHERE state IN ('placed', 'captured') {where} GROUP BY 1, 2, 3, 4, 5
"""
SAID = {
    "sqlite": ("json_extract(d.request, '$.use.project')", "date(placed_at)"),
    "postgresql": ("d.request -> 'use' ->> 'project'", "(placed_at AT TIME ZONE 'UTC')::date"),
}


def upgrade() -> None:
    op.create_table(
        "spending",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("length_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "project", "contract_id", "currency", "day"),
    )
    for name in TEXTS:
        op.add_column("hold", sa.Column(name, sa.String(), nullable=False, server_default=""))
    op.add_column(
        "hold", sa.Column("project_us", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.create_index(
        "ix_generation_of_house_in_state", "generation", ["organization_id", "state", "id"]
    )
    project, day = SAID[op.get_bind().dialect.name]
    op.execute(BACKFILL.format(project=project))
    for of, length, where in (
        ("project, ''", "project_us", "AND project <> ''"),
        ("'', contract_id", "length_us", ""),
    ):
        op.execute(SPENT.format(of=of, length=length, where=where, day=day))


def downgrade() -> None:
    op.drop_index("ix_generation_of_house_in_state", "generation")
    for name in ("project_us", *reversed(TEXTS)):
        op.drop_column("hold", name)
    op.drop_table("spending")
