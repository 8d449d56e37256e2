"""Each audit event carries the hash of the one before it and its own; anchors tell how far each stream had come.

What was written before is left as it is, and counted by the first anchor.
"""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

RID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("audit_event", sa.Column("boroughs", sa.Text()))
    op.add_column("audit_event", sa.Column("stream", sa.BigInteger()))
    op.add_column("audit_event", sa.Column("place", sa.BigInteger()))
    op.add_column("audit_event", sa.Column("before", sa.LargeBinary()))
    op.add_column("audit_event", sa.Column("hash", sa.LargeBinary()))
    op.create_index("ix_audit_event_stream_place", "audit_event", ["stream", "place"], unique=True)
    anchor = op.create_table(
        "audit_anchor",
        sa.Column("number", RID, nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("through", sa.BigInteger()),
        sa.Column("unchained", sa.BigInteger(), nullable=False),
        sa.Column("heads", sa.Text(), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_anchor"),
    )
    connection = op.get_bind()
    through, unchained = connection.execute(
        sa.text("select coalesce(max(seq), 0), count(*) from audit_event")
    ).one()
    told = f'[0,0,{through},{unchained},"[]"]'
    connection.execute(
        sa.insert(anchor).values(
            number=0,
            recorded_at=0,
            through=through,
            unchained=unchained,
            heads="[]",
            before=bytes(32),
            hash=hashlib.sha256(bytes(32) + told.encode()).digest(),
        )
    )
