"""Where a contract's consent stands in public: its place in a status list, and a secret."""

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

PLACES = 131_072  # in one list, the least that the specification allows: a crowd to hide in


class StatusEntry(SQLModel, table=True):
    """One contract's place in the public status lists, allotted at random when it is executed.

    Neighbors in a list say nothing of each other. From `secret` come the salts that hide each
    version's document behind its commitment.
    """

    __tablename__ = "status_entry"
    __table_args__ = (
        sa.UniqueConstraint("list_number", "list_index", name="status_entry_place"),
        sa.CheckConstraint("list_number >= 1", name="status_entry_list"),
        sa.CheckConstraint(f"list_index >= 0 AND list_index < {PLACES}", name="status_entry_index"),
    )

    contract_id: str = Field(foreign_key="contract.id", primary_key=True)
    list_number: int
    list_index: int
    secret: str
