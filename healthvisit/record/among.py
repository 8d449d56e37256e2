"""Whether a column's value is one of a list of any length: one statement, written once, whatever the list.

A place for each value would make another statement for each length, and to write one takes longer than to ask it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, bindparam, cast, func, select

from healthvisit.exact_json import dumps


def among(column: ColumnElement[Any], name: str, *, is_sqlite: bool) -> ColumnElement[bool]:
    """The condition; what `listed` makes of the values is given under the name when the statement is sent."""
    if is_sqlite:
        return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))
    return column == func.any(cast(bindparam(name), ARRAY(column.type)))


def listed(values: Sequence[str] | Sequence[int], *, is_sqlite: bool) -> Any:
    """The values as the database takes a list: an array, or for SQLite its JSON."""
    return dumps(list(values)).decode() if is_sqlite else list(values)
