"""Engine and transactions. Knows SQL sessions, not what is in them.

SQLite is safe to lose power under (decision 11): WAL, synchronous FULL, foreign keys, BEGIN IMMEDIATE, and
one writer at a time in one process. PostgreSQL is what production runs.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, select
from sqlalchemy.exc import DBAPIError, OperationalError

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Unavailable(Exception):
    """The database is away or too busy: nothing was stored, and the same request may succeed later."""


class Database:
    """One engine and two ways to use it: `reading` sees one snapshot, `writing` commits all or nothing."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        # Waiting on a lock in the process is fair and wakes at once; SQLite's busy timeout sleeps.
        self._writer = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for SELECTs of one request; nothing it did is kept."""
        with _told_apart(), self.engine.connect() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A connection whose work is committed when the block ends, and undone when it raises."""
        if not self.is_sqlite:
            with _told_apart(), self.engine.begin() as connection:
                yield connection
            return
        with _told_apart(), self._writer, self.engine.connect() as connection:
            connection = connection.execution_options(immediate=True)
            with connection.begin():
                yield connection

    def answers(self) -> bool:
        """Whether the database answers a SELECT now; for a health check."""
        try:
            with self.reading() as connection:
                return connection.scalar(select(1)) == 1
        except Unavailable:
            return False

    def dispose(self) -> None:
        self.engine.dispose()


@contextmanager
def _told_apart() -> Iterator[None]:
    """A database that is away or busy is Unavailable; a fault of ours stays what it is."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error, OperationalError) or error.connection_invalidated:
            raise Unavailable(type(error.orig).__name__) from error
        raise


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        # Just-in-time compilation costs seconds on statements that then run for milliseconds.
        options = {"options": "-c jit=off"}
        return create_engine(url, pool_pre_ping=True, hide_parameters=True, connect_args=options)
    engine = create_engine(url, connect_args={"check_same_thread": False}, hide_parameters=True)
    if engine.url.database:
        Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        # The driver's own BEGIN comes too late for a snapshot: it is switched off and emitted below.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=10000",
            "wal_autocheckpoint=8000",
            "cache_size=-65536",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine
