"""Runs the migrations in one transaction under one lock: a migration that stops half-way has not happened.

The database to migrate is handed over as the configuration's attribute `database`.
"""

from alembic import context
from sqlalchemy import text

from healthvisit.database import Database

# Any number that no other advisory lock of ours uses.
ONE_MIGRATION_AT_A_TIME = 1

database: Database = context.config.attributes["database"]

with database.writing() as connection:
    if not database.is_sqlite:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": ONE_MIGRATION_AT_A_TIME})
    context.configure(connection=connection, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
