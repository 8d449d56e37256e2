"""What the migrations make is what the code believes in."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import healthvisit.accounts.tables
import healthvisit.record.tables  # noqa: F401 - both fill the metadata
from healthvisit import second_lock
from healthvisit.database import metadata


def test_the_migrated_tables_are_the_tables_of_the_code(database):
    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert differences == []


def test_every_table_is_under_a_policy_or_says_why_not():
    under, open_ = set(second_lock.POLICIES), set(second_lock.OPEN)
    assert not under & open_
    assert under | open_ == set(metadata.tables)
    assert set(second_lock.GRANTED) == set(metadata.tables)
