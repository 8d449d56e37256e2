"""Resource -> index rows.  https://hl7.org/fhir/R4/searchparameter.html

The expressions of `fhir/searchparameters/` are compiled once into plain walks over the resource's dict,
found by the name of the element they begin with: an element that is absent costs nothing.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Table, delete

from healthvisit.database import insert
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON
from healthvisit.record import tables
from healthvisit.record.search import composite, date, quantity, reference, string, token
from healthvisit.record.search.parameter import Pair, Path, Step, main_date, parameters

_TABLES: tuple[Table, ...] = (
    tables.search_token,
    tables.search_reference,
    tables.search_date,
    tables.search_string,
    tables.search_quantity,
    tables.search_pair,
)

# Rows of their own for two modifiers, only where a resource has what they ask for.
OF_TYPE = ":of-type"
IDENTIFIER = ":identifier"


class IndexRows(NamedTuple):
    """Rows of one resource for the six search tables, each a tuple in the order of the table's columns.

    main_date: first microsecond (since 1970 UTC) of the date that lists of the type are sorted by, such as
    Encounter.period or Observation.effective; the least bigint where the resource has none.
    """

    token: list[tuple[str, str, str, str, int]]
    reference: list[tuple[str, str, str, str, int, int]]
    date: list[tuple[str, str, int, int, int]]
    string: list[tuple[str, str, str, str, int]]
    quantity: list[tuple[str, str, str, str, str, str, int]]
    pair: list[tuple[str, str, str, str, str, str, str, str, int]]
    main_date: int


class _Walk(NamedTuple):
    """One path of one parameter, without its first step's name. where, equals: of that first step.

    identified: whether an Identifier may stand there, and is asked for by its type. pair: the two elements of
    a composite; where it has no root, the path is that of the second of them.
    """

    kind: str
    code: str
    where: str
    equals: str
    rest: tuple[Step, ...]
    system: str
    exists: bool
    identified: bool = False
    pair: Pair | None = None


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
    quantities: list[tuple[str, str, str, str, str, str, int]] = []
    pairs: list[tuple[str, str, str, str, str, str, str, str, int]] = []
    at = date.LEAST
    for name, element in resource.items():
        for kind, parameter, where, equals, rest, system, exists, identified, pair in walks.get(name, ()):
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
                    if identified:
                        for code, of_system in token.of_type(value):
                            tokens.append((type_, f"{parameter}{OF_TYPE}", code, of_system, rid))
            elif kind == "reference":
                for value in found:
                    for target_type, target_id in reference.of_element(value):
                        references.append((parameter, target_type, target_id))
                    if type(value) is dict and "value" in value.get("identifier", ()):
                        for code, of_system in token.of_element(value["identifier"], ""):
                            tokens.append((type_, f"{parameter}{IDENTIFIER}", code, of_system, rid))
            elif kind == "date":
                for value in found:
                    interval = date.of_element(value)
                    # One row for a date that does not repeat: select.py takes both ends of a range from one
                    # row.
                    if interval is not None and not any(row[1] == parameter for row in dates):
                        dates.append((type_, parameter, *interval, rid))
                        if parameter == main:
                            at = interval[0]
            elif kind == "string":
                for value in found:
                    for folded, exact in string.of_element(value):
                        strings.append((type_, parameter, folded, exact, rid))
            elif kind == "quantity":
                for value in found:
                    quantities += [(type_, parameter, *number, rid) for number in quantity.of_element(value)]
            elif pair is not None:
                pairs += [(type_, parameter, *both, rid) for both in _both(resource, found, pair, system)]
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
        list(dict.fromkeys(quantities)),
        list(dict.fromkeys(pairs)),
        at,
    )


def _both(
    resource: JSON, found: Iterable[Any], pair: Pair, system: str
) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Pairs of a composite: of the resource with what was found of its second element, or of each repeat."""
    if not pair.root:
        for first in pair.first:
            yield from composite.of_elements(
                _at(resource, first), found, first.system, system, pair.second_kind
            )
        return
    for repeat in found:
        for first in pair.first:
            codes = _at(repeat, first)
            for second in pair.second:
                yield from composite.of_elements(
                    codes, _at(repeat, second), first.system, second.system, pair.second_kind
                )


def _at(value: Any, path: Path) -> Iterable[Any]:
    found: Iterable[Any] = (value,)
    for step in path.steps:
        found = _below(found, step)
    return found


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
            walk = _walk(parameter.kind, parameter.code, path)._replace(identified=parameter.identified)
            walks.setdefault(path.steps[0].names[0], []).append(walk)
            if path.exists and parameter.code not in always:
                always.append(parameter.code)
        for pair in parameter.pairs:
            # An element that is absent costs nothing: a pair of the resource begins with its second element.
            for path in (Path(pair.root),) if pair.root else pair.second:
                walk = _walk("composite", parameter.code, path)._replace(pair=pair)
                walks.setdefault(path.steps[0].names[0], []).append(walk)
    main = main_date(definitions, type_)
    return _Compiled(walks, tuple(always), main.code if main else "")


_ROWS_AS = {"uri": "token", "number": "quantity"}


def _walk(kind: str, code: str, path: Path) -> _Walk:
    first = path.steps[0]
    # A uri is found exactly as it stands, which is what a token without a system is.
    return _Walk(
        _ROWS_AS.get(kind, kind),
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
    for position, table in enumerate(_TABLES):
        values: list[tuple[Any, ...]] = []
        for entry in of:
            values += cast("list[tuple[Any, ...]]", entry[position])
        insert(connection, table.name, tuple(table.columns.keys()), values)


def remove(connection: Connection, rids: Iterable[int]) -> None:
    """Take away all rows of these resources, before a new version's rows are put."""
    rids = list(rids)
    for table in _TABLES:
        connection.execute(delete(table).where(table.c.rid.in_(rids)))
