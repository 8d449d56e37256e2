"""Many rows with one statement, past the query builder: for the tables that every write fills."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

# From so many rows on, COPY takes PostgreSQL and its driver less time than the same rows as values.
LEAST_COPIED = 8


def put(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert the rows, each a tuple of values in the order of the columns."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_insert(table, columns, "?", 1), list(rows))
    elif len(rows) < LEAST_COPIED:
        values = tuple(value for row in rows for value in row)
        connection.exec_driver_sql(_insert(table, columns, "%s", len(rows)), values)
    else:
        _copy(connection, table, columns, rows)


def _copy(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """https://www.postgresql.org/docs/15/sql-copy.html"""
    statement = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
    driver = connection.connection.driver_connection
    fault = connection.dialect.loaded_dbapi.Error
    assert driver is not None
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except fault as error:
        # The driver's own error, told as the library that was passed by would have told it.
        raise DBAPIError.instance(statement, None, error, fault, hide_parameters=True) from error


@lru_cache(maxsize=256)
def _insert(table: Table, columns: tuple[str, ...], mark: str, count: int) -> str:
    marks = ", ".join([f"({', '.join([mark] * len(columns))})"] * count)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES {marks}"  # noqa: S608 - our own names
