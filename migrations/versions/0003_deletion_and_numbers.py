"""Deleted resources, history in the order of time, and search by number, quantity and pairs of values."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

RID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("resource", sa.Column("deleted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_resource_version_updated_at_rid", "resource_version", ["updated_at", "rid"])
    op.create_table(
        "search_quantity",
        sa.Column("type", WORD, nullable=False),
        sa.Column("parameter", WORD, nullable=False),
        sa.Column("low", WORD, nullable=False),
        sa.Column("high", WORD, nullable=False),
        sa.Column("code", WORD, nullable=False),
        sa.Column("system", WORD, nullable=False),
        sa.Column("rid", RID, nullable=False),
        sa.PrimaryKeyConstraint(
            "type", "parameter", "low", "rid", "high", "code", "system", name="pk_search_quantity"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_search_quantity_rid", "search_quantity", ["rid"])
    op.create_table(
        "search_pair",
        sa.Column("type", WORD, nullable=False),
        sa.Column("parameter", WORD, nullable=False),
        sa.Column("code", WORD, nullable=False),
        sa.Column("system", WORD, nullable=False),
        sa.Column("second_code", WORD, nullable=False),
        sa.Column("second_system", WORD, nullable=False),
        sa.Column("low", WORD, nullable=False),
        sa.Column("high", WORD, nullable=False),
        sa.Column("rid", RID, nullable=False),
        sa.PrimaryKeyConstraint(
            "type", "parameter", "code", "low", "rid", "system", "second_code", "second_system", "high",
            name="pk_search_pair",
        ),
        sqlite_with_rowid=False,
    )  # fmt: skip
    op.create_index("ix_search_pair_rid", "search_pair", ["rid"])
