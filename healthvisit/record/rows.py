"""Many rows with one statement, past the query builder: for the tables that every write fills."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table

from healthvisit.database import insert


def put(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert the rows, each a tuple of values in the order of the columns."""
    insert(connection, table.name, columns, rows)
