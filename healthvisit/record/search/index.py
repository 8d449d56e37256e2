"""Resource -> index rows.  https://hl7.org/fhir/R4/searchparameter.html

The expressions of `fhir/searchparameters/` are compiled once into plain walks over the resource's dict,
found by the name of the element they begin with: an element that is absent costs nothing.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Table, delete

from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON
from healthvisit.record import tables
from healthvisit.record.search import date, reference, string, token
from healthvisit.record.search.parameter import Path, Step, main_date, parameters

_TABLES: tuple[Table, ...] = (
    tables.search_token,
    tables.search_reference,
    tables.search_date,
    tables.search_string,
)


class IndexRows(NamedTuple):
    """Rows of one resource for the four search tables, each a tuple in the order of the table's columns.

    main_date: first microsecond (since 1970 UTC) of the date that lists of the type are sorted by, such as
    Encounter.period or Observation.effective; the least bigint where the resource has none.
    """

    token: list[tuple[str, str, str, str, int]]
    reference: list[tuple[str, str, str, str, int, int]]
    date: list[tuple[str, str, int, int, int]]
    string: list[tuple[str, str, str, str, int]]
    main_date: int


class _Walk(NamedTuple):
    """One path of one parameter, without its first step's name. wanted: values of the first step's
    `where`."""

    kind: str
    code: str
    where: str
    equals: str
    rest: tuple[Step, ...]
    system: str
    exists: bool


class _Compiled(NamedTuple):
    """Walks by the element they begin with; codes that have a row in any case; the main date's code, or
    ""."""

    walks: dict[str, list[_Walk]]
    always: tuple[str, ...]
    main: str


def rows(resource: JSON, rid: int, definitions: Definitions) -> IndexRows:
    """Index rows of a resource that has passed validation. A value that cannot be indexed has no row."""
    type_ = resource["resourceType"]
    walks, always, main = _compiled(definitions, type_)
    tokens: list[tuple[str, str, str, str, int]] = []
    references: list[tuple[str, str, str]] = []
    dates: list[tuple[str, str, int, int, int]] = []
    strings: list[tuple[str, str, str, str, int]] = []
    at = date.LEAST
    for name, element in resource.items():
        for kind, parameter, where, equals, rest, system, exists in walks.get(name, ()):
            found = element if type(element) is list else (element,)
            if where:
                found = _kept(found, where, equals)
            for step in rest:
                found = _below(found, step)
            if kind == "token":
                if exists:
                    tokens.append(
                        (type_, parameter, "false" if element is False else "true", token.BOOLEAN, rid)
                    )
                    continue
                for value in found:
                    for code, of_system in token.of_element(value, system):
                        tokens.append((type_, parameter, code, of_system, rid))
            elif kind == "reference":
                for value in found:
                    for target_type, target_id in reference.of_element(value):
                        references.append((parameter, target_type, target_id))
            elif kind == "date":
                for value in found:
                    interval = date.of_element(value)
                    # One row for a date that does not repeat: select.py takes both ends of a range from one
                    # row.
                    if interval is not None and not any(row[1] == parameter for row in dates):
                        dates.append((type_, parameter, *interval, rid))
                        if parameter == main:
                            at = interval[0]
            else:
                for value in found:
                    for folded, exact in string.of_element(value):
                        strings.append((type_, parameter, folded, exact, rid))
    for parameter in always:
        if not any(row[1] == parameter for row in tokens):
            tokens.append((type_, parameter, "false", token.BOOLEAN, rid))
    if main and not any(row[1] == main for row in dates):
        dates.append((type_, main, *date.ABSENT, rid))
    # The same value may stand twice in a resource, but stands once in an index.
    return IndexRows(
        list(dict.fromkeys(tokens)),
        [(type_, *row, at, rid) for row in dict.fromkeys(references)],
        dates,
        list(dict.fromkeys(strings)),
        at,
    )


def _kept(found: Iterable[Any], where: str, equals: str) -> list[Any]:
    """Those of which the step's `where` holds."""
    if where == "resolve()":
        prefix = f"{equals}/"
        return [value for value in found if type(value) is dict and _literal(value).startswith(prefix)]
    return [value for value in found if type(value) is dict and value.get(where) == equals]


def _literal(value: JSON) -> str:
    text = value.get("reference")
    return text if type(text) is str else ""


def _below(found: Iterable[Any], step: Step) -> list[Any]:
    """What stands one step down, lists taken apart."""
    below: list[Any] = []
    for value in found:
        if type(value) is not dict:
            continue
        for name in step.names:
            inner = value.get(name)
            if inner is None:
                continue
            if type(inner) is list:
                below += inner
            else:
                below.append(inner)
    return _kept(below, step.where, step.equals) if step.where else below


@lru_cache(maxsize=256)
def _compiled(definitions: Definitions, type_: str) -> _Compiled:
    walks: dict[str, list[_Walk]] = {}
    always = []
    for parameter in parameters(definitions).get(type_, {}).values():
        for path in parameter.paths:
            walks.setdefault(path.steps[0].names[0], []).append(_walk(parameter.kind, parameter.code, path))
            if path.exists and parameter.code not in always:
                always.append(parameter.code)
    main = main_date(definitions, type_)
    return _Compiled(walks, tuple(always), main.code if main else "")


def _walk(kind: str, code: str, path: Path) -> _Walk:
    first = path.steps[0]
    # A uri is found exactly as it stands, which is what a token without a system is.
    return _Walk(
        "token" if kind == "uri" else kind,
        code,
        first.where,
        first.equals,
        path.steps[1:],
        path.system,
        path.exists,
    )


def put(connection: Connection, of: Iterable[IndexRows]) -> None:
    """Write the rows of one or many resources, with one statement per table."""
    of = list(of)
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    for position, table in enumerate(_TABLES):
        values: list[tuple[Any, ...]] = []
        for entry in of:
            values += cast("list[tuple[Any, ...]]", entry[position])
        if values:
            connection.exec_driver_sql(_insert(table, mark), values)


@lru_cache(maxsize=16)
def _insert(table: Table, mark: str) -> str:
    columns = ", ".join(column.name for column in table.columns)
    return f"INSERT INTO {table.name} ({columns}) VALUES ({', '.join([mark] * len(table.columns))})"  # noqa: S608


def remove(connection: Connection, rids: Iterable[int]) -> None:
    """Take away all rows of these resources, before a new version's rows are put."""
    rids = list(rids)
    for table in _TABLES:
        connection.execute(delete(table).where(table.c.rid.in_(rids)))
