"""Children whom staff of another borough has opened in an emergency, and what came of looking at it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

RID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "opened_glass",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("boroughs", sa.Text(), nullable=False),
        sa.Column("child_rid", RID, nullable=False),
        sa.Column("child", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("reviewed_by", sa.Text()),
        sa.Column("reviewed_at", sa.BigInteger()),
        sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_opened_glass"),
        sa.ForeignKeyConstraint(["child_rid"], ["resource.rid"], name="fk_opened_glass_child_rid"),
    )
    op.create_index("ix_opened_glass_account_until", "opened_glass", ["account", "until"])
    op.create_index("ix_opened_glass_child_rid_opened_at", "opened_glass", ["child_rid", "opened_at"])
