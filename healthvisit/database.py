"""Engines and transactions. Knows SQL sessions, not what is in them.

SQLite is safe to lose power under (decision 11): WAL, synchronous FULL, foreign keys, BEGIN IMMEDIATE, and
one writer at a time in one process. PostgreSQL is what production runs; there each unit of work may tell the
server for whom it is, by settings that the policies of its tables read.
"""

import select as sockets
import threading
from collections import deque, namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    Connection,
    Dialect,
    Engine,
    MetaData,
    Select,
    create_engine,
    event,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.pool import QueuePool
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


# From so many rows on, arrays take PostgreSQL and its driver less time than the same rows as values. COPY would take
# less still, but not into a table that is under a policy.
LEAST_IN_ARRAYS = 8

# Settings for one unit of work: name, of which the server has "healthvisit.<name>", and value. None: whoever works is
# nobody, and sees nothing that is under a policy.
Told = tuple[tuple[str, str], ...]

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
        # They are kept here and not by the library, whose bound would have others wait for one that is never given
        # back: there are at most three for each thread that serves.
        self._readers = (
            self.engine if self.is_sqlite else _postgresql(url, isolation_level="AUTOCOMMIT", pool_size=0)
        )
        # Waiting on a lock in the process is fair and wakes at once; SQLite's busy timeout sleeps.
        self._writer = threading.Lock()
        self._gathered: dict[Put, _Gathered] = {}
        self._idle: deque[Connection] = deque()

    @contextmanager
    def reading(self, told: Told = ()) -> Iterator[Connection]:
        """A connection for the SELECTs of one request. told: for whom, where the server's policies ask.

        On SQLite they see one snapshot. On PostgreSQL each statement sees what is committed when it begins.
        """
        # To open and close one of the library's connections takes longer than what a reader asks of it.
        with _told_apart():
            connection = self._idle_reader(told) or self._readers.connect()
            connection.info[_OF] = self
            try:
                with self._telling(connection, told, for_transaction=False):
                    yield connection
            finally:
                if connection.in_transaction():
                    connection.rollback()
                self._idle.append(connection)

    def _idle_reader(self, told: Told) -> Connection | None:
        while (connection := self._taken(told)) is not None:
            if self.is_sqlite or not _is_closed(connection.connection.driver_connection):
                return connection
            connection.invalidate()
            connection.close()
        return None

    def _taken(self, told: Told) -> Connection | None:
        """An idle connection that nobody else takes: one that was told the same before any other."""
        if self.is_sqlite:
            try:
                return self._idle.pop()
            except IndexError:
                return None
        known = [(connection, _teller(connection).known) for connection in list(self._idle)]
        same = [connection for connection, before in known if before == told]
        # Who is nobody is asked for between any two others: those connections are left to it. One on which something
        # was opened is nobody's any more, and so is one of which nobody can tell.
        others = [
            connection
            for connection, before in known
            if before not in ((), told) and (told or before is None or "opening" in dict(before))
        ]
        for connection in (*same, *others):
            try:
                self._idle.remove(connection)
            except ValueError:
                continue
            return connection
        return None

    @contextmanager
    def _telling(self, connection: Connection, told: Told, *, for_transaction: bool) -> Iterator[None]:
        """What is asked on the connection in the block is asked for this one, and after it for nobody."""
        if self.is_sqlite:
            yield
            return
        teller = _teller(connection)
        teller.begin(told, for_transaction)
        try:
            yield
        finally:
            teller.end()

    @contextmanager
    def writing(self, told: Told = ()) -> Iterator[Connection]:
        """A connection whose work is committed when the block ends, and undone when it raises. told: as in
        `reading`."""
        if not self.is_sqlite:
            with _kept() as kept, _told_apart(), self.engine.begin() as connection:
                connection.info[_WHEN_KEPT] = kept
                connection.info[_OF] = self
                with self._telling(connection, told, for_transaction=True):
                    yield connection
            return
        with _kept() as kept, _told_apart(), self._writer, self.engine.connect() as connection:
            connection = connection.execution_options(immediate=True)
            connection.info[_WHEN_KEPT] = kept
            with connection.begin():
                yield connection

    def add(self, put: Put, rows: Sequence[Row]) -> None:
        """Have `put` insert the rows, and return when they are committed.

        What other threads add with the same `put` meanwhile is inserted with them, in one transaction: one wait
        for the disk serves them all. Rows are inserted in the order in which they came.
        put: inserts all rows it is given with one statement.
        Raises Unavailable, or what `put` raises for these rows: those of one thread are no other's fault.
        """
        gathered = self._gathered.get(put)
        if gathered is None:
            # One statement in PostgreSQL is a transaction by itself.
            adding = self._adding if self.is_sqlite else self.reading
            gathered = self._gathered.setdefault(put, _Gathered(adding, put))
        gathered.add(rows)

    @contextmanager
    def _adding(self) -> Iterator[Connection]:
        """A connection of SQLite on which the driver alone begins and ends the transaction."""
        with self._writer, self.reading() as connection:
            driver: Any = connection.connection.driver_connection
            with _told_alike(connection, "BEGIN IMMEDIATE"):
                driver.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                with _told_alike(connection, "COMMIT"):
                    driver.execute("COMMIT")
            except BaseException:
                if driver.in_transaction:
                    driver.execute("ROLLBACK")
                raise

    def answers(self) -> bool:
        """Whether the database answers a SELECT now; for a health check."""
        try:
            with self.reading() as connection:
                return connection.scalar(select(1)) == 1
        except Unavailable:
            return False

    def passes_policies(self) -> bool:
        """Whether the server's policies do not hold this login: it owns tables, or is a superuser. Raises
        Unavailable."""
        if self.is_sqlite:
            return False
        with self.reading() as connection:
            return bool(connection.scalar(text(_PASSES)))

    def dispose(self) -> None:
        while self._idle:
            self._idle.pop().close()
        self.engine.dispose()
        self._readers.dispose()


_PASSES = """
SELECT rolsuper OR rolbypassrls OR EXISTS (
    SELECT 1 FROM pg_class WHERE relowner = pg_roles.oid AND relnamespace = to_regnamespace(current_schema()))
FROM pg_roles WHERE rolname = current_user
"""

_OF = "database"


@contextmanager
def beside(connection: Connection, told: Told) -> Iterator[Connection]:
    """A reader's connection to the same database, told something else; on SQLite, where nobody asks, the same."""
    if connection.dialect.name == "sqlite":
        yield connection
        return
    with connection.info[_OF].reading(told) as other:
        yield other


@contextmanager
def opening(connection: Connection, name: str, asked: str = "") -> Iterator[None]:
    """What the server's policies keep for one purpose of the service itself is open to this connection in the
    block. name: of the purpose (record/within.py). asked: what it is open for, where that is one thing."""
    if connection.dialect.name == "sqlite":
        yield
        return
    teller = _teller(connection)
    teller.open((("opening", name), ("asked", asked)))
    try:
        yield
    finally:
        teller.close()


class _Teller:
    """Tells one connection of PostgreSQL for whom it works, with the first statement that needs to know it.

    known: what the server has been told for the session; None where a failure leaves that open.
    """

    def __init__(self) -> None:
        self.known: Told | None = ()
        self._names: tuple[str, ...] = ()
        self._wanted: Told = ()
        self._for_transaction = False

    def begin(self, told: Told, for_transaction: bool) -> None:
        self._wanted, self._for_transaction = told, for_transaction

    def open(self, also: Told) -> None:
        self._wanted += also

    def close(self) -> None:
        self._wanted = self._wanted[:-2]

    def end(self) -> None:
        """Nothing that is asked from now on is asked for the one before, whoever asks and however."""
        if self._for_transaction:
            # The server forgets what it was told for a transaction when that ends.
            self.known = ()
        self._wanted, self._for_transaction = (), False

    @property
    def is_due(self) -> bool:
        return self.known != self._wanted

    def tell(self, ask: Callable[[str, list[str]], object]) -> None:
        """ask: sends a statement with its values."""
        wanted = dict.fromkeys(self._names, "") | dict(self._wanted)
        known = None if self.known is None else dict(self.known)
        # After a failure nobody can tell what the server knows.
        told = {
            name: value for name, value in wanted.items() if known is None or known.get(name, "") != value
        }
        self.known, self._names = None, tuple(wanted)
        if told:
            until = "true" if self._for_transaction else "false"
            settings = ", ".join(f"set_config('healthvisit.{name}', %s, {until})" for name in told)
            ask(f"SELECT {settings}", list(told.values()))

    def told(self) -> None:
        """What was asked has been answered."""
        self.known = self._wanted


def _teller(connection: Connection) -> _Teller:
    driver: Any = connection.connection.driver_connection
    found: _Teller = driver.teller
    return found


@cache
def _telling_cursor() -> type:
    """The driver's cursor, which sends what is to be told in one message with the statement that it is for."""
    # Whoever uses SQLite alone does not wait for this driver.
    from psycopg import Connection as Driver
    from psycopg import Cursor

    class Telling(Cursor[Any]):
        def execute(self, *asked: Any, **how: Any) -> Any:
            teller = _due(self.connection)
            if teller is None:
                return super().execute(*asked, **how)
            with self.connection.pipeline():
                self._tell(teller)
                super().execute(*asked, **how)
            teller.told()
            return self

        def executemany(self, *asked: Any, **how: Any) -> None:
            self._tell_first()
            super().executemany(*asked, **how)

        def stream(self, *asked: Any, **how: Any) -> Any:
            self._tell_first()
            return super().stream(*asked, **how)

        def copy(self, *asked: Any, **how: Any) -> Any:
            self._tell_first()
            return super().copy(*asked, **how)

        def _tell_first(self) -> None:
            teller = _due(self.connection)
            if teller is not None:
                self._tell(teller)
                teller.told()

        def _tell(self, teller: _Teller) -> None:
            teller.tell(Cursor(self.connection).execute)

    def _due(connection: Driver[Any]) -> _Teller | None:
        # The library asks the server for its version before any of us is called.
        teller: _Teller | None = getattr(connection, "teller", None)
        return teller if teller is not None and teller.is_due else None

    return Telling


@dataclass(frozen=True)
class _Form:
    """A statement as the driver takes it, written once: to write it takes many times as long as to send it.

    names: its parameters, in the driver's order. fixed: the values that were part of the statement. row: makes
    a row of the driver's tuple.
    """

    sql: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]
    converters: Mapping[str, Callable[[Any], Any]]
    is_positional: bool
    row: Callable[[Row], Any]

    def filled(self, values: Mapping[str, Any]) -> Row | dict[str, Any]:
        given = dict(self.fixed)
        for name, value in values.items():
            given[name] = self.converters[name](value) if name in self.converters else value
        if self.is_positional:
            return tuple([given[name] for name in self.names])
        return {name: given[name] for name in self.names}


def sent(connection: Connection, statement: Select[*tuple[Any, ...]], **values: Any) -> list[Any]:
    """The rows of a statement that is kept and sent often; each with its columns by name.

    values: of the parameters that the statement left open; one that it does not have is passed by.
    The rows' values are the driver's own: SQLite gives 0 and 1 for a boolean, and text for a date.
    """
    dialect = connection.dialect
    form = _forms.get((dialect.name, statement))
    if form is None:
        form = _forms[dialect.name, statement] = _form(dialect, statement, values)
    return list(map(form.row, rows_of(connection, form.sql, form.filled(values))))


_forms: LRUCache[tuple[str, Select[*tuple[Any, ...]]], _Form] = LRUCache(512)


def _form(dialect: Dialect, statement: Select[*tuple[Any, ...]], values: Mapping[str, Any]) -> _Form:
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
    return _Form(
        expanded.statement,
        tuple(expanded.parameters) if names is None else tuple(names),
        fixed,
        converters,
        names is not None,
        namedtuple("_Columns", statement.selected_columns.keys())._make,  # type: ignore[attr-defined]
    )


# Past the library that writes statements: for those few that every request sends, it takes longer than the
# database.


def rows_of(connection: Connection, sql: str, values: Row | Mapping[str, Any]) -> list[Row]:
    """The rows of a statement in the driver's own words."""
    with _told_alike(connection, sql) as driver:
        found: list[Row] = (
            driver.execute(sql, values).fetchall()
            if connection.dialect.name == "sqlite"
            # Bodies come as they are, not as hexadecimal digits.
            else driver.execute(sql, values, binary=True).fetchall()
        )
    return found


def insert(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert the rows, each in the order of the columns, with one statement.

    table, columns: names of our own tables, never a text from outside.
    """
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        sql = f"{_into(table, tuple(columns))} VALUES ({', '.join('?' * len(columns))})"
        with _told_alike(connection, sql) as driver:
            driver.executemany(sql, rows)
        return
    one = _Insert(table, tuple(columns), rows)
    waiting: list[_Insert] | None = connection.info.get(_WAITING)
    if waiting is None:
        _inserted(connection, [one])
    else:
        waiting.append(one)


@contextmanager
def at_once(connection: Connection) -> Iterator[None]:
    """What is inserted in the block goes to PostgreSQL when the block ends, few rows of many tables in one
    statement: each statement is a message there and back."""
    if connection.dialect.name == "sqlite":
        yield
        return
    waiting: list[_Insert] = []
    connection.info[_WAITING] = waiting
    try:
        yield
    finally:
        del connection.info[_WAITING]
    _inserted(connection, waiting)


class _Insert(NamedTuple):
    table: str
    columns: tuple[str, ...]
    rows: Sequence[Row]


_WAITING = "inserts"


def _inserted(connection: Connection, inserts: Sequence[_Insert]) -> None:
    few = [each for each in inserts if len(each.rows) < LEAST_IN_ARRAYS]
    if few:
        sql = _together(tuple((each.table, each.columns, len(each.rows)) for each in few))
        with _told_alike(connection, sql) as driver:
            driver.execute(sql, [value for each in few for row in each.rows for value in row])
    for table, columns, rows in inserts:
        if len(rows) < LEAST_IN_ARRAYS:
            continue
        sql = _in_arrays(connection.dialect, table, columns)
        with _told_alike(connection, sql) as driver:
            driver.execute(sql, list(map(list, zip(*rows, strict=True))))


@cache
def _in_arrays(dialect: Dialect, table: str, columns: tuple[str, ...]) -> str:
    """An insert of any number of rows, each column's values in one array.
    https://www.postgresql.org/docs/15/functions-array.html"""
    types = [metadata.tables[table].columns[name].type.compile(dialect) for name in columns]
    # A binary array is not written out in digits first. Its elements have no collation.
    arrays = ", ".join(f"%b::{type_.partition(' ')[0]}[]" for type_ in types)
    return f"{_into(table, columns)} SELECT * FROM unnest({arrays})"  # noqa: S608 - names of our own


_MARKS = [f"({', '.join(['%s'] * count)})" for count in range(32)]


@lru_cache(maxsize=1024)
def _together(inserts: tuple[tuple[str, tuple[str, ...], int], ...]) -> str:
    """Inserts of so many rows into each table. https://www.postgresql.org/docs/15/queries-with.html"""
    *before, last = [
        f"{_into(table, columns)} VALUES {', '.join([_MARKS[len(columns)]] * count)}"
        for table, columns, count in inserts
    ]
    if not before:
        return last
    return f"WITH {', '.join(f'i{place} AS ({each})' for place, each in enumerate(before))} {last}"


def _into(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({', '.join(columns)})"


class _told_alike:  # noqa: N801 - used as a function
    """The driver's connection; its errors are told as the library would have told them that is passed by."""

    def __init__(self, connection: Connection, sql: str) -> None:
        self._connection = connection
        self._sql = sql

    def __enter__(self) -> Any:
        return self._connection.connection.driver_connection

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        dialect = self._connection.dialect
        fault = dialect.loaded_dbapi.Error
        if isinstance(error, fault):
            driver = self._connection.connection.driver_connection
            raise DBAPIError.instance(
                self._sql,
                None,
                error,
                fault,
                hide_parameters=True,
                connection_invalidated=dialect.is_disconnect(error, driver, None),
                dialect=dialect,
            ) from error


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
        with _kept() as kept, self._adding() as connection:
            connection.info[_WHEN_KEPT] = kept
            self._put(connection, rows)


def when_kept(connection: Connection, then: Callable[[], None]) -> None:
    """Have `then` called once what is written on this connection is committed; never where it is undone, nor
    where nobody can tell."""
    connection.info[_WHEN_KEPT].append(then)


_WHEN_KEPT = "when kept"


@contextmanager
def _kept() -> Iterator[list[Callable[[], None]]]:
    """What is to be called when the block, in which the transaction ends, has ended well."""
    waiting: list[Callable[[], None]] = []
    yield waiting
    for each in waiting:
        each()


@contextmanager
def _told_apart() -> Iterator[None]:
    """A database that is away or busy is Unavailable; a fault of ours stays what it is."""
    try:
        yield
    except NoneFree as error:
        # Every connection is in use by others: there is one again soon.
        raise Unavailable(type(error).__name__) from error
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
            "cursor_factory": _telling_cursor(),
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
        connection.teller = _Teller()

    @event.listens_for(engine, "checkout")
    def _alive(connection: Any, _record: Any, _proxy: Any) -> None:
        if _is_closed(connection):
            raise DisconnectionError("the server has closed the connection")

    return engine


def _is_closed(connection: Any) -> bool:
    """Whether the server has closed this idle connection of PostgreSQL.

    It has said so by then, and nothing else comes on an idle connection. To look costs two microseconds where
    to ask costs a round trip.
    """
    if connection.closed:
        return True
    waiting = sockets.poll()
    waiting.register(connection.fileno(), sockets.POLLIN)
    return bool(waiting.poll(0))


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return _postgresql(url)
    engine = create_engine(
        url, connect_args={"check_same_thread": False}, hide_parameters=True, poolclass=QueuePool, pool_size=0
    )
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
