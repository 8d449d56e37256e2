"""Lost replies to a refresh are healed, apps are launched for one child, and sign-in leaves a trace."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

RID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("token", sa.Column("salt", sa.Text()))
    op.add_column("token_family", sa.Column("encounter", sa.Text()))
    op.add_column("authorization_code", sa.Column("nonce", sa.Text()))
    op.add_column("client_app", sa.Column("launch_uri", sa.Text()))
    op.add_column(
        "client_app", sa.Column("introspects", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "launch",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("child", sa.Text(), nullable=False),
        sa.Column("encounter", sa.Text()),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger()),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="fk_launch_account"),
        sa.ForeignKeyConstraint(["client"], ["client_app.client_id"], name="fk_launch_client"),
        sa.PrimaryKeyConstraint("hash", name="pk_launch"),
    )
    op.create_table(
        "account_event",
        sa.Column("seq", RID, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("account", sa.Text()),
        sa.Column("client", sa.Text()),
        sa.Column("request", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_account_event"),
    )
    op.create_index("ix_account_event_account_seq", "account_event", ["account", "seq"])
