"""A child is offered to another borough's service, and accepted, declined or taken back."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

RID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "transfer",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("child_rid", RID, nullable=False),
        sa.Column("from_borough", sa.Text(), nullable=False),
        sa.Column("to_borough", sa.Text(), nullable=False),
        sa.Column("offered_by", sa.Text(), nullable=False),
        sa.Column("offered_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("restricted_handed_over", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("settled_by", sa.Text()),
        sa.Column("settled_at", sa.BigInteger()),
        sa.Column("settled_reason", sa.Text()),
        sa.Column("episode", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_transfer"),
        sa.ForeignKeyConstraint(["child_rid"], ["resource.rid"], name="fk_transfer_child_rid"),
    )
    op.create_index(
        "ix_transfer_offered",
        "transfer",
        ["child_rid"],
        unique=True,
        sqlite_where=sa.text("state = 'offered'"),
        postgresql_where=sa.text("state = 'offered'"),
    )
    op.create_index("ix_transfer_to_borough_state", "transfer", ["to_borough", "state"])
    op.create_index("ix_transfer_from_borough_state", "transfer", ["from_borough", "state"])
    op.create_index("ix_transfer_child_rid_state", "transfer", ["child_rid", "state"])
