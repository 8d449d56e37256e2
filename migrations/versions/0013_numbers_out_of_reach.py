"""An NHS number is kept for each child: an app that does not reach a child learns nothing of it from a clash."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("child_identifier") as table:
        table.drop_constraint("pk_child_identifier", type_="primary")
        table.create_primary_key("pk_child_identifier", ["system", "value", "child_rid"])
