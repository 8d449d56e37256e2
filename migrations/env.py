"""Runs the migrations in one transaction under one lock: a migration that stops half-way has not happened.

The database to migrate is handed over as the configuration's attribute `database`, and as `serving` the login that
the service has, where the tables are not its own. The policies and grants of these tables are put with them.
"""

from alembic import context
from sqlalchemy import text

from healthvisit import second_lock
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
    if context.get_revision_argument() == context.get_head_revision():
        second_lock.put(connection, context.config.attributes.get("serving"))
