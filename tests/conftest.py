"""Fixtures carry a database and the definitions, no more: what a test speaks of is built in the test.

Databases are copies of a template that is migrated once a run: a SQLite file, or a PostgreSQL database where
HEALTHVISIT_TEST_DATABASE in the environment holds the postgresql+psycopg:// URL of a server's administrator. There
the record is asked as it is in production, by a login that owns no table; what a test does by itself, and the service's
own commands, go by the login of the owner.
"""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import alembic.command
import alembic.config
import pytest
import sqlalchemy
from sqlalchemy import Connection

from healthvisit import definitions as the_definitions
from healthvisit.config import packaged
from healthvisit.database import Database, Put, Row, Told
from healthvisit.definitions import Definitions
from healthvisit.record import record as the_record
from tests import builders

# SQLite has no server that could hang up, and one writer at a time.
collect_ignore = (
    []
    if "HEALTHVISIT_TEST_DATABASE" in os.environ
    else ["test_database_server.py", "reach/test_second_lock.py"]
)


@dataclass(frozen=True)
class Copy:
    """Makes a copy of one template, in the folder given, and tells its URL: on PostgreSQL that of the owner of its
    tables. forget: of a copy that is done with; PostgreSQL drops a database the slower, the more there are."""

    made: Callable[[Path], str]
    forget: Callable[[str], None]

    def __call__(self, into: Path) -> str:
        return self.made(into)


OWNER, SERVING = "healthvisit_owner", "healthvisit_serving"


def serving(url: str) -> str:
    """The URL by which the service logs in, of that of the owner."""
    asked = sqlalchemy.make_url(url)
    if asked.username != OWNER:
        return url
    return asked.set(username=SERVING).render_as_string(hide_password=False)


def kept(url: str) -> Database:
    """The owner's database, in which the record is asked and written for people as the service does it."""
    return Kept(url) if serving(url) != url else Database(url)


class Kept(Database):
    """What `kept` makes."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.served = Database(serving(url))

    def reading(self, told: Told = ()) -> AbstractContextManager[Connection]:
        return self.served.reading(told) if _of_people(told) else super().reading(told)

    def writing(self, told: Told = ()) -> AbstractContextManager[Connection]:
        return self.served.writing(told) if _of_people(told) else super().writing(told)

    def add(self, put: Put, rows: Sequence[Row]) -> None:
        self.served.add(put, rows)

    def dispose(self) -> None:
        self.served.dispose()
        super().dispose()


def _of_people(told: Told) -> bool:
    return bool(told) and dict(told)["kind"] != "service"


@pytest.fixture(scope="session")
def definitions() -> Definitions:
    """The project's own definitions, with the practice pack."""
    folder = packaged("fhir")
    return the_definitions.load(folder, folder / "packs" / "practice")


@pytest.fixture
def database(_bare: Copy, tmp_path: Path) -> Iterator[Database]:
    """A fresh database with this version's tables and nothing in them."""
    yield from _opened(_bare, tmp_path)


@pytest.fixture
def furnished(_with_definitions: Copy, tmp_path: Path) -> Iterator[Database]:
    """A fresh database that holds the definitions: organisations, questionnaires, codes; no child."""
    yield from _opened(_with_definitions, tmp_path)


def _opened(copy: Copy, folder: Path) -> Iterator[Database]:
    url = copy(folder)
    opened = kept(url)
    yield opened
    opened.dispose()
    copy.forget(url)


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
    if database.engine.url.username == OWNER:
        configuration.attributes["serving"] = SERVING
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

    yield Copy(copy, lambda _url: None)


def _postgresql_template(server: sqlalchemy.URL, prepare: Callable[[Database], None]) -> Iterator[Copy]:
    engine = sqlalchemy.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sqlalchemy.NullPool)
    made: list[str] = []

    def create(template: str) -> str:
        name = f"healthvisit_test_{uuid.uuid4().hex}"
        with engine.connect() as connection:
            connection.exec_driver_sql(f'create database "{name}" template "{template}" owner {OWNER}')
        made.append(name)
        return name

    def url(name: str) -> str:
        return server.set(database=name, username=OWNER).render_as_string(hide_password=False)

    def drop(name: str) -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(f'drop database if exists "{name}" with (force)')
        made.remove(name)

    with engine.connect() as connection:
        for role in (OWNER, SERVING):
            # Two runs may begin at once.
            with suppress(sqlalchemy.exc.ProgrammingError, sqlalchemy.exc.IntegrityError):
                connection.exec_driver_sql(f"create role {role} login")
    template = create("template1")
    _prepare(url(template), prepare)
    yield Copy(
        lambda _into: url(create(template)), lambda copied: drop(sqlalchemy.make_url(copied).database or "")
    )
    for name in tuple(made):
        drop(name)


def _prepare(url: str, prepare: Callable[[Database], None]) -> None:
    database = Database(url)
    prepare(database)
    database.dispose()
