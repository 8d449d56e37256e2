"""People sign in through an identity provider: what has begun, who they are to it, and the deployer's tables."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("session", sa.Column("provider", sa.Text()))
    op.add_column("session", sa.Column("acr", sa.Text()))
    op.add_column("session", sa.Column("sid", sa.Text()))
    op.add_column("session", sa.Column("signed_in_at", sa.BigInteger()))
    op.create_index("ix_session_sid", "session", ["sid"])
    op.create_table(
        "begun_sign_in",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("next", sa.Text(), nullable=False),
        sa.Column("afresh", sa.Boolean(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("hash", name="pk_begun_sign_in"),
    )
    op.create_index("ix_begun_sign_in_expires_at", "begun_sign_in", ["expires_at"])
    op.create_table(
        "used_logout",
        sa.Column("jti_hash", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("jti_hash", name="pk_used_logout"),
    )
    op.create_table(
        "federated_identity",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text()),
        sa.Column("role_code", sa.Text()),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="fk_federated_identity_account"),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_federated_identity"),
        sa.UniqueConstraint("account", name="uq_federated_identity_account"),
    )
    op.create_table(
        "verified_adult",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("number_hash", sa.Text(), nullable=False),
        sa.Column("birth_hash", sa.Text(), nullable=False),
        sa.Column("name_hash", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.id"], name="fk_verified_adult_account"),
        sa.PrimaryKeyConstraint("account", name="pk_verified_adult"),
        sa.UniqueConstraint("number_hash", name="uq_verified_adult_number_hash"),
    )
    op.create_table(
        "workplace",
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("borough", sa.Text(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("until_on", sa.Date()),
        sa.PrimaryKeyConstraint("organisation", "borough", "from_on", name="pk_workplace"),
    )
    op.create_table(
        "post",
        sa.Column("role_code", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("role_code", name="pk_post"),
    )
