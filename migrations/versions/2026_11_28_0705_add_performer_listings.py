"""Let performers say that they want to be found, and standing offers be found by what they allow."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "20261128_0705"
down_revision = "20261128_0345"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "performer_listing",
        sa.Column("performer_id", sa.String(), nullable=False),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("api_key_id", sa.String(), nullable=False),
        sa.Column("chosen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["performer_id"], ["performer.id"]),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"]),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_key.id"]),
        sa.PrimaryKeyConstraint("performer_id"),
    )
    op.create_index("performer_listing_listed", "performer_listing", ["listed_at"])
    op.add_column(
        "standing_offer", sa.Column("found_by", sa.String(), nullable=False, server_default="")
    )
    there = sa.text("SELECT id, document FROM standing_offer")
    for offer_id, document in op.get_bind().execute(there).all():
        op.get_bind().execute(
            sa.text("UPDATE standing_offer SET found_by = :said WHERE id = :id"),
            {"said": _found_by(json.loads(document)["terms"]["grant"]), "id": offer_id},
        )


def _found_by(grant: dict[str, Any]) -> str:  # as catalogue.found_by wrote it on this day
    places = grant["territories"]
    said = [
        *(f"for:{each}" for each in grant["purposes"]),
        *(f"on:{each}" for each in grant["media"]),
        *(f"in:{each}" for each in places["include"]),
        *(f"not-in:{each}" for each in places.get("exclude") or ()),
        *(f"speaks:{each}" for each in grant["languages"]),
    ]
    return " ".join(("", *said, ""))


def downgrade() -> None:
    op.drop_column("standing_offer", "found_by")
    op.drop_index("performer_listing_listed", "performer_listing")
    op.drop_table("performer_listing")
