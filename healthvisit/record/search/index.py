"""Resource -> index rows.  https://hl7.org/fhir/R4/searchparameter.html

The expressions of `fhir/searchparameters/` are compiled once into plain walks over the resource's dict.
"""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON


class IndexRows(NamedTuple):
    """Rows of one resource for the four search tables, each a tuple in the order of the table's columns.

    main_date: first microsecond (since 1970 UTC) of the date that lists of the type are sorted by, for example
    Encounter.period or Observation.effective; the least bigint where the resource has none.
    """

    token: list[tuple[str, str, str, str, int]]
    reference: list[tuple[str, str, str, str, int, int]]
    date: list[tuple[str, str, int, int, int]]
    string: list[tuple[str, str, str, str, int]]
    main_date: int


def rows(resource: JSON, rid: int, definitions: Definitions) -> IndexRows:
    """Index rows of a resource that has passed validation. A value that cannot be indexed has no row."""
    raise NotImplementedError


def put(connection: Connection, of: Iterable[IndexRows]) -> None:
    """Write the rows of one or many resources, with one statement per table."""
    raise NotImplementedError


def remove(connection: Connection, rids: Iterable[int]) -> None:
    """Take away all rows of these resources, before a new version's rows are put."""
    raise NotImplementedError
