"""Engines and transactions. Knows SQL sessions, not what is in them.

SQLite is safe to lose power under (decision 11): WAL, synchronous FULL, foreign keys, BEGIN IMMEDIATE, and
one writer at a time in one process. PostgreSQL is what production runs.
"""

import select as sockets
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    Connection,
    CursorResult,
    Dialect,
    Engine,
    MetaData,
    Select,
    create_engine,
    event,
    select,
)
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.util import LRUCache

# PostgreSQL's serialization_failure and deadlock_detected.
# https://www.postgresql.org/docs/15/errcodes-appendix.html
_GIVEN_IN = ("40001", "40P01")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


Row = tuple[Any, ...]
Put = Callable[[Connection, Sequence[Row]], None]


class Unavailable(Exception):
    """The database is away or too busy: nothing was stored, and the same request may succeed later."""


class Contended(Unavailable):
    """Two writers were in each other's way, and this one was chosen to give in: it may try again at once."""


class Database:
    """Two ways to use a database: `reading` for SELECTs, `writing` commits all or nothing."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        # Readers of PostgreSQL have connections of their own, which begin and end no transaction: BEGIN and
        # COMMIT would each cost them as much as what they read.
        self._readers = self.engine if self.is_sqlite else _postgresql(url, isolation_level="AUTOCOMMIT")
        # Waiting on a lock in the process is fair and wakes at once; SQLite's busy timeout sleeps.
        self._writer = threading.Lock()
        self._gathered: dict[Put, _Gathered] = {}

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for the SELECTs of one request.

        On SQLite they see one snapshot. On PostgreSQL each statement sees what is committed when it begins.
        """
        with _told_apart(), self._readers.connect() as connection:
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

    def add(self, put: Put, rows: Sequence[Row]) -> None:
        """Have `put` insert the rows, and return when they are committed.

        What other threads add with the same `put` meanwhile is inserted with them, in one transaction: one wait
        for the disk serves them all. Rows are inserted in the order in which they came.
        put: inserts all rows it is given with one statement.
        Raises Unavailable, or what `put` raises for these rows: those of one thread are no other's fault.
        """
        # One statement in PostgreSQL is a transaction by itself.
        self._gathered.setdefault(put, _Gathered(self.writing if self.is_sqlite else self.reading, put)).add(
            rows
        )

    def answers(self) -> bool:
        """Whether the database answers a SELECT now; for a health check."""
        try:
            with self.reading() as connection:
                return connection.scalar(select(1)) == 1
        except Unavailable:
            return False

    def dispose(self) -> None:
        self.engine.dispose()
        self._readers.dispose()


class Form(NamedTuple):
    """A statement as the driver takes it, written once: to write it takes many times as long as to send it.

    names: its parameters, in the driver's order. fixed: the values that were part of the statement.
    """

    sql: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]
    converters: Mapping[str, Callable[[Any], Any]]
    is_positional: bool

    def sent(self, connection: Connection, **values: Any) -> CursorResult[Any]:
        """values: of the parameters that the statement left open; one that it does not have is passed by.

        The rows are the driver's own: SQLite gives 0 and 1 for a boolean, and text for a date.
        """
        given: Mapping[str, Any] = {
            name: self.converters[name](value) if name in self.converters else value
            for name, value in values.items()
        }
        given = {**self.fixed, **given}
        in_order = [given[name] for name in self.names]
        return connection.exec_driver_sql(
            self.sql, tuple(in_order) if self.is_positional else dict(zip(self.names, in_order, strict=True))
        )


def sent(connection: Connection, statement: Select[*tuple[Any, ...]], **values: Any) -> CursorResult[Any]:
    """The answer to a statement that is kept and sent often, by its `Form`."""
    dialect = connection.dialect
    form = _forms.get((dialect.name, statement))
    if form is None:
        form = _forms[dialect.name, statement] = _form(dialect, statement, values)
    return form.sent(connection, **values)


_forms: LRUCache[tuple[str, Select[*tuple[Any, ...]]], Form] = LRUCache(512)


def _form(dialect: Dialect, statement: Select[*tuple[Any, ...]], values: Mapping[str, Any]) -> Form:
    compiled = statement.compile(dialect=dialect)
    expanded = compiled.construct_expanded_state(values)
    names = expanded.positiontup
    converters = {name: convert for name, convert in expanded.processors.items() if callable(convert)}
    fixed = {
        name: converters[name](value) if name in converters and value is not None else value
        for name, value in expanded.parameters.items()
        # What the statement left open is given each time, or the statement is not sent.
        if name not in compiled.binds or not compiled.binds[name].required
    }
    return Form(
        expanded.statement,
        tuple(expanded.parameters) if names is None else tuple(names),
        fixed,
        converters,
        names is not None,
    )


class _Part:
    """The rows of one thread. outcome: None until they were tried."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.outcome: Literal["kept", "undone"] | None = None


class _Gathered:
    """Rows of several threads: whoever has the turn inserts those of all who wait for it."""

    def __init__(self, adding: Callable[[], AbstractContextManager[Connection]], put: Put) -> None:
        self._adding = adding
        self._put = put
        self._turn = threading.Lock()
        self._waiting: deque[_Part] = deque()

    def add(self, rows: Sequence[Row]) -> None:
        mine = _Part(rows)
        self._waiting.append(mine)
        with self._turn:
            if mine.outcome is None:
                self._all()
        if mine.outcome == "undone":
            # One thread's rows or a lost connection undid them all: each finds out for itself which it was.
            self._keep(rows)

    def _all(self) -> None:
        parts = [self._waiting.popleft() for _ in range(len(self._waiting))]
        outcome: Literal["kept", "undone"] = "undone"
        try:
            self._keep([row for part in parts for row in part.rows])
            outcome = "kept"
        except Exception:
            if len(parts) == 1:
                raise
        finally:
            for part in parts:
                part.outcome = outcome

    def _keep(self, rows: Sequence[Row]) -> None:
        with self._adding() as connection:
            self._put(connection, rows)


@contextmanager
def _told_apart() -> Iterator[None]:
    """A database that is away or busy is Unavailable; a fault of ours stays what it is."""
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _GIVEN_IN:
            raise Contended(type(error.orig).__name__) from error
        if isinstance(error, OperationalError) or error.connection_invalidated:
            raise Unavailable(type(error.orig).__name__) from error
        raise


def _postgresql(url: str, **options: Any) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        # Whether a transaction is to be undone is known here: the server need not be asked.
        skip_autocommit_rollback=True,
        connect_args={
            # Just-in-time compilation costs seconds on statements that then run for milliseconds.
            "options": "-c jit=off",
            # A server that has gone without a word is noticed by the kernel.
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
        },
        **options,
    )

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        # Statements that the driver keeps prepared on each connection: as many as the service has by heart.
        connection.prepared_max = 500

    @event.listens_for(engine, "checkout")
    def _alive(connection: Any, _record: Any, _proxy: Any) -> None:
        # A server that closed the connection has said so by now, and nothing else comes on an idle one. To
        # look costs two microseconds where to ask costs a round trip.
        waiting = sockets.poll()
        waiting.register(connection.fileno(), sockets.POLLIN)
        if waiting.poll(0):
            raise DisconnectionError("the server has closed the connection")

    return engine


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return _postgresql(url)
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
