"""The record: resources and their versions, search rows, responsibility, receipts and audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
# intervals of more than two days, in microseconds
LONG = sa.text("high > low + 172800000000")


def upgrade() -> None:
    op.create_table(
        "audit_event",
        sa.Column("seq", RID, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("interaction", sa.Text(), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("client", sa.Text()),
        sa.Column("type", sa.Text()),
        sa.Column("resource_id", sa.Text()),
        sa.Column("version", sa.Integer()),
        sa.Column("child_rid", RID),
        sa.Column("request", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_event"),
        sa.UniqueConstraint("id", name="uq_audit_event_id"),
    )
    op.create_index("ix_audit_event_child_rid_seq", "audit_event", ["child_rid", "seq"])
    op.create_table(
        "receipt",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.Text(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("account", "operation", name="pk_receipt"),
    )
    op.create_table(
        "resource",
        sa.Column("rid", RID, nullable=False),
        sa.Column("type", WORD, nullable=False),
        sa.Column("id", WORD, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("child_rid", RID),
        sa.Column("author_borough", sa.Text()),
        sa.Column("released_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["child_rid"], ["resource.rid"], name="fk_resource_child_rid"),
        sa.PrimaryKeyConstraint("rid", name="pk_resource"),
        sa.UniqueConstraint("type", "id", name="uq_resource_type_id"),
    )
    op.create_index("ix_resource_child_rid_type", "resource", ["child_rid", "type"])
    op.create_index("ix_resource_type_updated_at_rid", "resource", ["type", "updated_at", "rid"])
    op.create_table(
        "search_date",
        sa.Column("type", WORD, nullable=False),
        sa.Column("parameter", WORD, nullable=False),
        sa.Column("low", sa.BigInteger(), nullable=False),
        sa.Column("high", sa.BigInteger(), nullable=False),
        sa.Column("rid", RID, nullable=False),
        sa.PrimaryKeyConstraint("type", "parameter", "low", "rid", "high", name="pk_search_date"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_search_date_long",
        "search_date",
        ["type", "parameter", "high", "low"],
        sqlite_where=LONG,
        postgresql_where=LONG,
    )
    op.create_index("ix_search_date_rid", "search_date", ["rid"])
    op.create_table(
        "search_reference",
        sa.Column("type", WORD, nullable=False),
        sa.Column("parameter", WORD, nullable=False),
        sa.Column("target_type", WORD, nullable=False),
        sa.Column("target_id", WORD, nullable=False),
        sa.Column("main_date", sa.BigInteger(), nullable=False),
        sa.Column("rid", RID, nullable=False),
        sa.PrimaryKeyConstraint(
            "type", "parameter", "target_id", "target_type", "main_date", "rid", name="pk_search_reference"
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_search_reference_rid", "search_reference", ["rid"])
    op.create_table(
        "search_string",
        sa.Column("type", WORD, nullable=False),
        sa.Column("parameter", WORD, nullable=False),
        sa.Column("folded", WORD, nullable=False),
        sa.Column("exact", WORD, nullable=False),
        sa.Column("rid", RID, nullable=False),
        sa.PrimaryKeyConstraint("type", "parameter", "folded", "exact", "rid", name="pk_search_string"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_search_string_rid", "search_string", ["rid"])
    op.create_table(
        "search_token",
        sa.Column("type", WORD, nullable=False),
        sa.Column("parameter", WORD, nullable=False),
        sa.Column("code", WORD, nullable=False),
        sa.Column("system", WORD, nullable=False),
        sa.Column("rid", RID, nullable=False),
        sa.PrimaryKeyConstraint("type", "parameter", "code", "rid", "system", name="pk_search_token"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_search_token_rid", "search_token", ["rid"])
    op.create_table(
        "child_identifier",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("borough", sa.Text(), nullable=False),
        sa.Column("child_rid", RID, nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["child_rid"], ["resource.rid"], name="fk_child_identifier_child_rid"),
        sa.PrimaryKeyConstraint("system", "value", "borough", name="pk_child_identifier"),
    )
    op.create_index("ix_child_identifier_child_rid", "child_identifier", ["child_rid"])
    op.create_table(
        "resource_version",
        sa.Column("rid", RID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("author_borough", sa.Text()),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["rid"], ["resource.rid"], name="fk_resource_version_rid"),
        sa.PrimaryKeyConstraint("rid", "version", name="pk_resource_version"),
    )
    op.create_table(
        "responsibility",
        sa.Column("episode_rid", RID, nullable=False),
        sa.Column("child_rid", RID, nullable=False),
        sa.Column("borough", sa.Text(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("until_on", sa.Date()),
        sa.ForeignKeyConstraint(["child_rid"], ["resource.rid"], name="fk_responsibility_child_rid"),
        sa.ForeignKeyConstraint(["episode_rid"], ["resource.rid"], name="fk_responsibility_episode_rid"),
        sa.PrimaryKeyConstraint("episode_rid", name="pk_responsibility"),
    )
    op.create_index("ix_responsibility_borough_child_rid", "responsibility", ["borough", "child_rid"])
    op.create_index("ix_responsibility_child_rid_borough", "responsibility", ["child_rid", "borough"])
