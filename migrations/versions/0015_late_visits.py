"""Visits of a child for whom the team that recorded them no longer answers."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

RID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "late_visit",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("practitioner", sa.Text()),
        sa.Column("from_borough", sa.Text(), nullable=False),
        sa.Column("child_rid", RID, nullable=False),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("content", sa.LargeBinary()),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("encounter", sa.Text()),
        sa.Column("settled_by", sa.Text()),
        sa.Column("settled_at", sa.BigInteger()),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_late_visit"),
        sa.UniqueConstraint("account", "operation", name="uq_late_visit_account_operation"),
        sa.ForeignKeyConstraint(["child_rid"], ["resource.rid"], name="fk_late_visit_child_rid"),
    )
    op.create_index("ix_late_visit_child_rid_state", "late_visit", ["child_rid", "state"])
