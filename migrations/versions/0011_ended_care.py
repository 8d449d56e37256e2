"""The care of children that a service ended: why, and where they went."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

RID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "ended_care",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("child_rid", RID, nullable=False),
        sa.Column("borough", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_on", sa.Date(), nullable=False),
        sa.Column("place", sa.Text()),
        sa.Column("service", sa.Text()),
        sa.Column("ended_by", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ended_care"),
        sa.ForeignKeyConstraint(["child_rid"], ["resource.rid"], name="fk_ended_care_child_rid"),
    )
    op.create_index("ix_ended_care_borough_ended_at", "ended_care", ["borough", "ended_at"])
    op.create_index("ix_ended_care_child_rid", "ended_care", ["child_rid"])
