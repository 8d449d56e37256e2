"""Rows of a paper backlog or of an older system's extract, and what waits for a person to decide."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

RID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "imported_row",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("borough", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("brought_by", sa.Text(), nullable=False),
        sa.Column("brought_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("question", sa.Text()),
        sa.Column("content", sa.LargeBinary()),
        sa.Column("child_rid", RID),
        sa.Column("encounter", sa.Text()),
        sa.Column("settled_by", sa.Text()),
        sa.Column("settled_at", sa.BigInteger()),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_imported_row"),
        sa.UniqueConstraint("borough", "reference", name="uq_imported_row_borough_reference"),
        sa.ForeignKeyConstraint(["child_rid"], ["resource.rid"], name="fk_imported_row_child_rid"),
    )
    op.create_index(
        "ix_imported_row_borough_state_brought_at", "imported_row", ["borough", "state", "brought_at"]
    )
