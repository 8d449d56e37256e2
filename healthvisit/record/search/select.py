"""SearchQuery and reach predicate -> rows, total, included rows and the cursor of the next page.

Which index range is walked is decided here: one child's rows first, then whatever a short look finds fewest
of. The statement of a page is written once for each shape of search and then filled in with values, because
writing it takes many times as long as its answer.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    Select,
    and_,
    func,
    literal_column,
    or_,
    select,
    text,
)
from sqlalchemy.util import LRUCache

from healthvisit.record import tables
from healthvisit.record.errors import Invalid, Issue, TooCostly
from healthvisit.record.search import date, statement
from healthvisit.record.search.date import GREATEST, LEAST, SHORT_US, Bounds, DateValue
from healthvisit.record.search.parameter import Parameter
from healthvisit.record.search.query import Criterion, Include, SearchQuery, Value
from healthvisit.record.search.reference import ReferenceValue
from healthvisit.record.search.statement import EVER, Span, Way, Writer
from healthvisit.record.search.string import StringValue
from healthvisit.record.search.token import TokenValue

MOST_INCLUDED = 5000

# As far as a short look counts: beyond it a range is long, however long.
LONG = 10_000


class Found(NamedTuple):
    """One current version. updated_at: microseconds since 1970 UTC."""

    rid: int
    type: str
    id: str
    version: int
    updated_at: int
    method: str
    body: bytes


class Page(NamedTuple):
    """total: matches on all pages, None where it was not asked for and is not known without counting.
    next: value for _page that gives the page after this one, None on the last."""

    matches: list[Found]
    included: list[Found]
    total: int | None
    next: str | None


def page(connection: Connection, query: SearchQuery, condition: ColumnElement[bool], at: datetime) -> Page:
    """One page of the matches that satisfy the condition, and the resources they include that satisfy it too.

    condition: the reach predicate over the columns of tables.resource.
    at: aware UTC instant of the request; "ap" measures its tolerance from it.
    Raises Invalid where _page is not a cursor of this query.
    """
    return _Search(connection, _settled(query, at), condition).page()


def _settled(query: SearchQuery, at: datetime) -> SearchQuery:
    """The query with the tolerance of "ap" worked out."""
    if not any(
        isinstance(value, DateValue) and value.prefix == "ap" for c in query.criteria for value in c.values
    ):
        return query
    criteria = [
        each._replace(values=tuple(date.settled(value, at) for value in statement.dates(each)))
        if each.parameter.kind == "date"
        else each
        for each in query.criteria
    ]
    return replace(query, criteria=tuple(criteria))


class _Search:
    """One page of one search, from choosing the range to walk to the cursor of the next page."""

    def __init__(self, connection: Connection, query: SearchQuery, condition: ColumnElement[bool]) -> None:
        self.connection = connection
        self.query = query
        self.condition = condition
        self.ways = statement.ways(query)
        self.writer = Writer(query, condition, is_sqlite=connection.dialect.name == "sqlite")
        self.lengths: dict[int, int] = {}
        self.spans: dict[int, Span] = {}

    def page(self) -> Page:
        query = self.query
        chosen, after = _opened(query, len(self.ways)) if query.page else (self._choice(), "")
        matches = self._matches(chosen, after) if query.count else []
        more = len(matches) > query.count > 0
        matches = matches[: query.count]
        total = None
        if query.count and not more and not after:
            # All of them stand on this page: there is nothing to count.
            total = len(matches)
        elif query.counted:
            total = self._total(chosen)
        following = _cursor(query, chosen, matches[-1].id) if more else None
        return Page(matches, self._included(matches), total, following)

    # Which range to walk

    def _choice(self) -> int:
        """The position of the way that finds the fewest candidates, or has them in the order asked for."""
        ways = self.ways
        sure = next((position for position, way in enumerate(ways) if way.one_child), None)
        if sure is not None:
            return sure
        # The rows of a reference carry the main date: they are fewer than all rows of those dates.
        referring = any(way.kind == "reference" for way in ways)
        candidates = [
            position
            for position, way in enumerate(ways)
            if way.answers and not (referring and way.kind == "date" and way.natural == self.query.main)
        ]
        in_order = []
        if self.query.sorts:
            in_order = [at for at, way in enumerate(ways) if statement.streams(self.query, way)]
        if not candidates:
            # By update where no order is asked: what is written meanwhile comes at the end, and nothing is
            # passed over.
            return in_order[0] if in_order else len(ways) - 1
        if len(candidates) == 1 and (not in_order or candidates[0] in in_order):
            return candidates[0]
        length, _, position = min((self._length(at), ways[at].preference, at) for at in candidates)
        if length >= LONG and in_order and position not in in_order:
            # Too many to sort: walk the list in its order instead.
            return in_order[0]
        return position

    def _length(self, position: int) -> int:
        """How many rows the range has, counted no further than LONG."""
        if position not in self.lengths:
            found = self.writer.range(self.ways[position], self._span(position))
            self.lengths[position] = self.connection.execute(self.writer.length(found, LONG)).scalar_one()
        return self.lengths[position]

    def _is_short(self, position: int) -> bool:
        return self.ways[position].one_child or self._length(position) < LONG

    def _span(self, position: int) -> Span:
        """Between which values the column stands that orders the range."""
        if position not in self.spans:
            self.spans[position] = self._measured(self.ways[position])
        return self.spans[position]

    def _measured(self, way: Way) -> Span:
        if way.kind == "update":
            bounds = _bounds(way.answers)
            return bounds.reached, bounds.last
        parameter = way.natural
        if parameter is None:
            return EVER
        bounds = _bounds(statement.said_of(self.query, parameter))
        return self._first(parameter, bounds), bounds.last

    def _first(self, parameter: Parameter, bounds: Bounds) -> int:
        """The least low of an interval that reaches bounds.reached: two days before it, or that of the long
        ones."""
        if bounds.reached <= LEAST + SHORT_US:
            return bounds.first
        rows = tables.search_date
        # Both databases would rather walk all dates until they meet a long one, and as a rule there is
        # none: OFFSET and the hint keep them to the index of the long ones.
        long = (
            select(rows.c.low)
            .where(
                rows.c.type == self.query.type,
                rows.c.parameter == parameter.read_as,
                text(f"high > low + {SHORT_US}"),
                rows.c.high >= bounds.reached,
            )
            .with_hint(rows, "INDEXED BY ix_search_date_long", "sqlite")
            .offset(0)
            .subquery()
        )
        least = self.connection.execute(select(func.min(long.c.low))).scalar()
        before = bounds.reached - SHORT_US
        return max(bounds.first, before if least is None else min(before, least))

    # The page

    def _matches(self, chosen: int, after: str) -> list[Found]:
        """The matches after the one with this id, one more than the page holds."""
        way, span = self.ways[chosen], self._span(chosen)
        apart = statement.streams(self.query, way) or self.writer.is_sqlite or self._is_short(chosen)
        position: tuple[Any, ...] | None = None
        if after:
            # Whoever cannot reach the match learns nothing by it.
            row = self.connection.execute(self.writer.position(way, after)).one_or_none()
            if row is None:
                raise _not_a_page()
            position = tuple(row)
        rows = _filled(self.connection, self.writer, chosen, span, position, apart=apart)
        return [Found(*row) for row in rows]

    def _total(self, chosen: int) -> int:
        """Matches on all pages, counted under the reach predicate."""
        if self.writer.is_sqlite or self._is_short(chosen):
            counted = self.writer.total_by_seeks(self.ways[chosen], self._span(chosen))
        else:
            # Over long ranges PostgreSQL hashes faster than it seeks.
            counted = self.writer.total_by_joins()
        return cast(int, self.connection.execute(counted).scalar_one())

    # What is included

    def _included(self, matches: list[Found]) -> list[Found]:
        """What the matches refer to by the included parameters, each once, and only what may be reached
        itself."""
        if not matches or not self.query.includes:
            return []
        rids = [match.rid for match in matches]
        referred = [self._referred(rids, each) for each in self.query.includes]
        resource = tables.resource
        found = (
            select(resource.c.rid, resource.c.type, resource.c.id, resource.c.version, resource.c.updated_at)
            .where(or_(*referred), resource.c.rid.not_in(rids), self.condition)
            .limit(MOST_INCLUDED + 1)
        )
        included = [Found(*row) for row in self.connection.execute(self.writer.bodies(found, [False]))]
        if len(included) > MOST_INCLUDED:
            raise TooCostly(f"more than {MOST_INCLUDED} resources are included; ask for fewer with _count")
        return included

    def _referred(self, rids: list[int], include: Include) -> ColumnElement[bool]:
        """Whether a row of tables.resource is what one of these resources refers to by the parameter."""
        parameter, narrowed = include
        named, resource = tables.search_reference.alias("n"), tables.resource
        asked = and_(
            named.c.rid.in_(rids), named.c.type == self.query.type, named.c.parameter == parameter.read_as
        )
        if parameter.canonical:
            urls = [
                row[0] for row in self.connection.execute(select(named.c.target_id).where(asked).distinct())
            ]
            return _defined(urls)
        target = tables.resource.alias("t")
        both = and_(target.c.type == named.c.target_type, target.c.id == named.c.target_id)
        wanted = select(target.c.rid).select_from(named.join(target, both)).where(asked)
        only = narrowed or parameter.target
        return resource.c.rid.in_(wanted.where(target.c.type == only) if only else wanted)


def _defined(urls: list[str]) -> ColumnElement[bool]:
    """Whether a row of tables.resource is a definition with one of these URLs; of its |version where one is
    told."""
    of_version = {url for url in urls if "|" in url}
    told = {url.partition("|")[0] for url in of_version}
    url, version = tables.search_token.alias("u"), tables.search_token.alias("v")
    found: list[ColumnElement[bool]] = [url.c.code.in_(set(urls) - of_version - told)]
    for each in of_version:
        address, _, number = each.partition("|")
        this: Select[Any] = select(literal_column("1")).where(
            version.c.rid == url.c.rid, version.c.parameter == "version", version.c.code == number
        )
        found.append(and_(url.c.code == address, this.exists()))
    return tables.resource.c.rid.in_(select(url.c.rid).where(url.c.parameter == "url", or_(*found)))


def _bounds(criteria: Sequence[Criterion]) -> Bounds:
    found = Bounds()
    for criterion in criteria:
        either, *others = [date.bounds(value) for value in statement.dates(criterion)]
        for other in others:
            either = either.or_(other)
        found = found.and_(either)
    return found


# A statement is written with a blank in place of each value, and compiled. A blank is a value of the same
# type that no search can hold, and tells the place of the true value among the values of the search.

_BLANK_TEXT = "\x01"
_BLANK_NUMBER = LEAST + 1
_MOST_BLANKS = 100_000


class _Form(NamedTuple):
    """A statement in the driver's own words.

    names: its parameters, in order. places: for each, where its value stands among the values of the search
    or, after them, of the reach predicate; None for a value that is part of the statement, found in `fixed`.
    is_positional: whether the driver takes its parameters in order, or by name.
    """

    sql: str
    names: tuple[str, ...]
    places: tuple[int | None, ...]
    fixed: Mapping[str, Any]
    is_positional: bool

    def filled(self, values: Sequence[Any]) -> tuple[Any, ...] | dict[str, Any]:
        found = [
            self.fixed[name] if place is None else values[place]
            for name, place in zip(self.names, self.places, strict=True)
        ]
        return tuple(found) if self.is_positional else dict(zip(self.names, found, strict=True))


_forms: LRUCache[Any, _Form] = LRUCache(512)


def _filled(
    connection: Connection,
    writer: Writer,
    chosen: int,
    span: Span,
    position: tuple[Any, ...] | None,
    *,
    apart: bool,
) -> Sequence[Any]:
    """Rows of a page, by the statement of a search of the same shape where one has been written before."""
    query = writer.query
    reach = writer.condition._generate_cache_key()
    if reach is None:
        way = statement.ways(query)[chosen]
        return connection.execute(writer.page(way, span, position, query.count + 1, apart=apart)).all()
    values, shape = _values(query)
    values += [*span, query.count + 1, *(position or ())]
    of_reach = [_bound(bind, connection.dialect) for bind in reach.bindparams]
    key = (
        connection.dialect.name,
        chosen,
        apart,
        span[0] != LEAST,
        span[1] != GREATEST,
        None if position is None else tuple(type(value) for value in position),
        shape,
        reach.key,
        tuple(len(each) for each in of_reach),
    )
    form = _forms.get(key)
    if form is None:
        form = _forms[key] = _written(connection.dialect, writer, chosen, span, position, values, apart=apart)
    for each in of_reach:
        values += each
    return connection.exec_driver_sql(form.sql, form.filled(values)).all()


def _values(query: SearchQuery) -> tuple[list[Any], tuple[Any, ...]]:
    """The values of the criteria, one after the other; and what of the query shapes its statement."""
    values: list[Any] = []
    shape: list[Any] = [query.type, tuple((sort.parameter.code, sort.descending) for sort in query.sorts)]
    for parameter, modifier, given, missing in query.criteria:
        shape.append((parameter.code, modifier, missing))
        for value in given:
            match value:
                case TokenValue(system, code):
                    values += value
                    shape.append((system is None, code is None))
                case DateValue(prefix, low, high):
                    values += (low, high)
                    shape.append(prefix)
                case ReferenceValue(type_, id_):
                    values.append(id_)
                    shape.append(type_)
                case StringValue(_, _, after):
                    values += value
                    shape.append(bool(after))
                case _:
                    values.append(value)
                    shape.append("")
    return values, tuple(shape)


def _bound(bind: BindParameter[Any], dialect: Dialect) -> list[Any]:
    """The values of one parameter of the reach predicate as the driver takes them; IN has several."""
    value: Any = bind.effective_value
    values = list(value) if bind.expanding else [value]
    process = bind.type.dialect_impl(dialect).bind_processor(dialect)
    return values if process is None else [process(value) for value in values]


def _written(
    dialect: Dialect,
    writer: Writer,
    chosen: int,
    span: Span,
    position: tuple[Any, ...] | None,
    values: Sequence[Any],
    *,
    apart: bool,
) -> _Form:
    """The form of a search: its statement with blanks."""
    blanks = iter([_blank(value, place) for place, value in enumerate(values)])
    criteria = tuple(
        each._replace(values=tuple(_blanked(value, blanks) for value in each.values))
        for each in writer.query.criteria
    )
    first, last, limit = next(blanks), next(blanks), next(blanks)
    emptied = Writer(replace(writer.query, criteria=criteria), writer.condition, is_sqlite=writer.is_sqlite)
    written = emptied.page(
        statement.ways(emptied.query)[chosen],
        (first if span[0] != LEAST else LEAST, last if span[1] != GREATEST else GREATEST),
        None if position is None else tuple(blanks),
        limit,
        apart=apart,
    )
    compiled = written.compile(dialect=dialect)
    expanded = compiled.construct_expanded_state()
    of_reach: dict[str, int] = {}
    reach = writer.condition._generate_cache_key()
    assert reach is not None
    place = len(values)
    for bind in reach.bindparams:
        name = compiled.bind_names[bind]
        for each in expanded.parameter_expansion[name] if bind.expanding else [name]:
            of_reach[each] = place
            place += 1
    names = tuple(expanded.parameters) if expanded.positiontup is None else tuple(expanded.positiontup)
    places = tuple(
        of_reach[name] if name in of_reach else _place(expanded.parameters[name]) for name in names
    )
    return _Form(expanded.statement, names, places, expanded.parameters, expanded.positiontup is not None)


def _blank(value: Any, place: int) -> Any:
    if value is None:
        return None
    return f"{_BLANK_TEXT}{place}" if isinstance(value, str) else _BLANK_NUMBER + place


def _blanked(value: Value, blanks: Iterator[Any]) -> Value:
    match value:
        case TokenValue():
            return TokenValue(next(blanks), next(blanks))
        case DateValue(prefix, _, _):
            return DateValue(prefix, next(blanks), next(blanks))
        case ReferenceValue(type_, _):
            return ReferenceValue(type_, next(blanks))
        case StringValue(_, _, after):
            written, folded, until = next(blanks), next(blanks), next(blanks)
            return StringValue(written, folded, until if after else "")
    return cast(str, next(blanks))


def _place(value: Any) -> int | None:
    """The place that a blank tells; None for a value that is part of the statement."""
    if isinstance(value, str) and value.startswith(_BLANK_TEXT):
        return int(value[1:])
    if isinstance(value, int) and _BLANK_NUMBER <= value < _BLANK_NUMBER + _MOST_BLANKS:
        return value - _BLANK_NUMBER
    return None


# A cursor is the key of its query, the way it walks, and the id of the last match that was given. It says
# nothing that its reader has not seen, and where it points is looked up under the reach predicate, so it
# needs no signature.


def _cursor(query: SearchQuery, way: int, last: str) -> str:
    return base64.urlsafe_b64encode(f"{query.key}.{way}.{last}".encode()).rstrip(b"=").decode()


def _opened(query: SearchQuery, ways: int) -> tuple[int, str]:
    try:
        told = base64.b64decode(query.page + "=" * (-len(query.page) % 4), altchars=b"-_", validate=True)
        key, way, last = told.decode().split(".", 2)
        chosen = int(way)
    except (binascii.Error, ValueError):
        raise _not_a_page() from None
    if key != query.key or not 0 <= chosen < ways or not last:
        raise _not_a_page()
    return chosen, last


def _not_a_page() -> Invalid:
    return Invalid([Issue("value", "_page is not a page of this search", "_page")])
