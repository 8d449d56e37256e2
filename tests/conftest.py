"""Fixtures carry a database and the definitions, no more: what a test speaks of is built in the test.

Databases are copies of a template that is migrated once a run: a SQLite file, or a PostgreSQL database where
HEALTHVISIT_TEST_DATABASE in the environment holds the postgresql+psycopg:// URL of a server.
"""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import alembic.command
import alembic.config
import pytest
import sqlalchemy

from healthvisit import definitions as the_definitions
from healthvisit.config import packaged
from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.record import record as the_record
from tests import builders

# SQLite has no server that could hang up, and one writer at a time.
collect_ignore = [] if "HEALTHVISIT_TEST_DATABASE" in os.environ else ["test_database_server.py"]

# Makes a copy of one template, in the folder given, and tells its URL.
Copy = Callable[[Path], str]


@pytest.fixture(scope="session")
def definitions() -> Definitions:
    """The project's own definitions, with the practice pack."""
    folder = packaged("fhir")
    return the_definitions.load(folder, folder / "packs" / "practice")


@pytest.fixture
def database(_bare: Copy, tmp_path: Path) -> Iterator[Database]:
    """A fresh database with this version's tables and nothing in them."""
    opened = Database(_bare(tmp_path))
    yield opened
    opened.dispose()


@pytest.fixture
def furnished(_with_definitions: Copy, tmp_path: Path) -> Iterator[Database]:
    """A fresh database that holds the definitions: organisations, questionnaires, codes; no child."""
    opened = Database(_with_definitions(tmp_path))
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def _bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    yield from _template(tmp_path_factory.mktemp("bare"), migrate)


@pytest.fixture(scope="session")
def _with_definitions(tmp_path_factory: pytest.TempPathFactory, definitions: Definitions) -> Iterator[Copy]:
    def furnish(database: Database) -> None:
        migrate(database)
        with the_record.opened(
            database, builders.a_requester("service"), definitions=definitions, at=builders.NOW, writing=True
        ) as record:
            record.load_definitions(definitions)

    yield from _template(tmp_path_factory.mktemp("furnished"), furnish)


def migrate(database: Database) -> None:
    configuration = alembic.config.Config()
    configuration.set_main_option("script_location", str(packaged("migrations")))
    configuration.attributes["database"] = database
    alembic.command.upgrade(configuration, "head")


def _template(folder: Path, prepare: Callable[[Database], None]) -> Iterator[Copy]:
    server = os.environ.get("HEALTHVISIT_TEST_DATABASE")
    if server:
        yield from _postgresql_template(sqlalchemy.make_url(server), prepare)
        return
    template = folder / "template.db"
    _prepare(f"sqlite:///{template}", prepare)

    def copy(into: Path) -> str:
        # The last connection to close has folded the write-ahead log into the file.
        shutil.copyfile(template, into / "healthvisit.db")
        return f"sqlite:///{into / 'healthvisit.db'}"

    yield copy


def _postgresql_template(server: sqlalchemy.URL, prepare: Callable[[Database], None]) -> Iterator[Copy]:
    engine = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool)
    made: list[str] = []

    def create(template: str) -> str:
        name = f"healthvisit_test_{uuid.uuid4().hex}"
        with engine.connect() as connection:
            connection.exec_driver_sql(f'create database "{name}" template "{template}"')
        made.append(name)
        return name

    def url(name: str) -> str:
        return server.set(database=name).render_as_string(hide_password=False)

    template = create("template1")
    _prepare(url(template), prepare)
    yield lambda _into: url(create(template))
    with engine.connect() as connection:
        for name in made:
            connection.exec_driver_sql(f'drop database if exists "{name}" with (force)')


def _prepare(url: str, prepare: Callable[[Database], None]) -> None:
    database = Database(url)
    prepare(database)
    database.dispose()
