"""Tablets: when each was last heard from, and how much it still holds."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tablet",
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("boroughs", sa.Text(), nullable=False),
        sa.Column("once", sa.Text(), nullable=False),
        sa.Column("build", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.BigInteger(), nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=False),
        sa.Column("unsent", sa.Integer(), nullable=False),
        sa.Column("oldest_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("account", "device", name="pk_tablet"),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="fk_tablet_account"),
    )
