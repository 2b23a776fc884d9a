"""Index what pages list in the order in which they list it, so that a long list costs no more."""

import sqlalchemy as sa
from alembic import op

revision = "20261128_1415"
down_revision = "20261128_1340"
branch_labels = None
depends_on = None

# What takes the place of what: the same first column, then the order of the list.
INSTEAD = {
    "ix_generation_organization_id": ("generation", ["organization_id"]),
    "ix_generation_state": ("generation", ["state"]),
    "ix_generation_replica_performer_id": ("generation_replica", ["performer_id"]),
    "ix_generation_replica_contract_id": ("generation_replica", ["contract_id"]),
    "ix_contract_licensee_id": ("contract", ["licensee_id"]),
    "ix_notice_organization_id": ("notice", ["organization_id"]),
    "ix_notice_person_id": ("notice", ["person_id"]),
    "ix_case_side_organization_id": ("case_side", ["organization_id"]),
}
ORDERED = {
    "ix_generation_of_house": ("generation", ["organization_id", "id"]),
    "ix_generation_in_state": ("generation", ["state", "id"]),
    "ix_generation_replica_of_performer": ("generation_replica", ["performer_id", "generation_id"]),
    "ix_generation_replica_under_contract": (
        "generation_replica",
        ["contract_id", "generation_id"],
    ),
    "ix_contract_of_licensee": ("contract", ["licensee_id", "series_id"]),
    "ix_notice_to_house": ("notice", ["organization_id", "id"]),
    "ix_notice_to_person": ("notice", ["person_id", "id"]),
    "ix_case_side_of_house": ("case_side", ["organization_id", "case_id"]),
    "ix_performer_agent_organization_id": ("performer", ["agent_organization_id"]),
}
ON_THE_TABLE = (
    "offered_at IS NOT NULL AND executed_at IS NULL AND declined_at IS NULL "
    "AND retracted_at IS NULL AND replaced_at IS NULL"
)
DENIED = "outcome = 'deny'"


def upgrade() -> None:
    for name, (table, columns) in ORDERED.items():
        op.create_index(name, table, columns)
    for name, table, columns, where in (
        ("ix_contract_on_the_table", "contract", ["expires_at", "id"], ON_THE_TABLE),
        ("ix_decision_denied", "decision", ["id"], DENIED),
    ):
        op.create_index(
            name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
    for name, (table, _) in INSTEAD.items():
        op.drop_index(name, table)


def downgrade() -> None:
    for name, (table, columns) in INSTEAD.items():
        op.create_index(name, table, columns)
    op.drop_index("ix_decision_denied", "decision")
    op.drop_index("ix_contract_on_the_table", "contract")
    for name, (table, _) in ORDERED.items():
        op.drop_index(name, table)
