"""SearchQuery and reach predicate -> rows, total, included rows and the cursor of the next page.

A page is read by walking one index range, the driver, and asking each of its resources by single seeks
whether the other criteria and the reach predicate hold. Left to themselves both databases sooner or later
turn a seek into a scan of all rows of a code, so the order is written into the statement: LATERAL ... LIMIT
1 in PostgreSQL, CROSS JOIN in SQLite. Which range drives is decided here: one child's rows first, then
whatever a short look finds fewest of.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import Join

from healthvisit.record import tables
from healthvisit.record.errors import Invalid, Issue, TooCostly
from healthvisit.record.search import date, reference, string, token
from healthvisit.record.search.date import GREATEST, LEAST, SHORT_US, Bounds, DateValue
from healthvisit.record.search.parameter import Parameter
from healthvisit.record.search.query import Criterion, Include, SearchQuery

MOST_INCLUDED = 5000

# As far as a short look counts: beyond it a range is long, however long.
LONG = 10_000

_ROWS = {
    "token": tables.search_token,
    "uri": tables.search_token,
    "reference": tables.search_reference,
    "date": tables.search_date,
    "string": tables.search_string,
}
# A reference to one of these narrows to the rows of one child.
_OF_ONE_CHILD = {
    "Patient", "RelatedPerson", "EpisodeOfCare", "Encounter", "QuestionnaireResponse", "Observation",
}  # fmt: skip


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
    return _Search(connection, query, condition, at).page()


class _InTurn(Join):
    """The left side, and for each of its rows the right one."""

    inherit_cache = True


@compiles(_InTurn, "sqlite")  # type: ignore[no-untyped-call,untyped-decorator,unused-ignore]
def _cross(join: _InTurn, compiler: SQLCompiler, **options: Any) -> str:
    options["asfrom"] = True
    left = compiler.process(join.left, **options)
    right = compiler.process(join.right, **options)
    assert join.onclause is not None
    return f"{left} CROSS JOIN {right} ON {compiler.process(join.onclause, **options)}"


class _Way(NamedTuple):
    """One way to find the candidates: an index range that holds every match.

    answers: the criteria that the range settles by itself. natural: the parameter whose order the range has.
    one_child: whether it is short for certain. preference: which of two long ranges to walk, the lower first.
    """

    kind: Literal["id", "reference", "token", "set", "date", "update"]
    answers: tuple[Criterion, ...] = ()
    natural: Parameter | None = None
    one_child: bool = False
    preference: int = 0


class _Driver(NamedTuple):
    """The range of a way as SQL.

    where: what makes the range; once: what keeps one of the rows of a resource that has several there.
    key: its column that gives the natural order, None for the order of rid. same: the value of that column
    as an expression over tables.resource.
    """

    rows: FromClause
    where: tuple[ColumnElement[bool], ...]
    once: tuple[ColumnElement[bool], ...] = ()
    key: ColumnElement[Any] | None = None
    same: ColumnElement[Any] | None = None


class _Order(NamedTuple):
    """One sort key, as an expression over tables.resource."""

    key: ColumnElement[Any]
    descending: bool


class _Search:
    """One page of one search, from choosing the range to read to the cursor of the next page."""

    def __init__(
        self, connection: Connection, query: SearchQuery, condition: ColumnElement[bool], at: datetime
    ) -> None:
        self.connection = connection
        self.query = query
        self.condition = condition
        self.at = at
        self.is_sqlite = connection.dialect.name == "sqlite"
        self.lengths: dict[_Driver, int] = {}

    def page(self) -> Page:
        query = self.query
        ways = self._ways()
        if query.page:
            chosen, after = _opened(query, len(ways))
            driver = self._driver(ways[chosen])
        else:
            chosen, driver = self._choice(ways)
            after = ""
        matches: list[Found] = []
        if query.count:
            matches = self._matches(ways[chosen], driver, after)
        more = len(matches) > query.count > 0
        matches = matches[: query.count]
        total = None
        if query.counted:
            total = self._total(ways[chosen], driver)
        elif not more and not after:
            total = len(matches)
        return Page(
            matches,
            self._included(matches),
            total,
            _cursor(query, chosen, matches[-1].id) if more else None,
        )

    # Which range to walk

    def _ways(self) -> list[_Way]:
        """Every way to find the candidates, the same list for every page of a query. The last one reads the
        type."""
        query, found = self.query, []
        dates: set[Parameter] = set()
        for criterion in query.criteria:
            parameter = criterion.parameter
            if parameter.code == "_id":
                found.append(_Way("id", (criterion,), one_child=True))
            elif parameter.kind == "date" and criterion.missing is None:
                if parameter.code != "_lastUpdated" and parameter not in dates:
                    dates.add(parameter)
                    found.append(_Way("date", tuple(self._said_of(parameter)), parameter, preference=2))
            elif criterion.missing is not None or criterion.modifier in ("not", "contains"):
                continue
            elif parameter.kind == "reference":
                found.append(self._by_reference(criterion))
            elif parameter.kind == "string" or len(criterion.values) > 1:
                if all(getattr(value, "code", "") is not None for value in criterion.values):
                    found.append(_Way("set", (criterion,), preference=3))
            elif _one_token(criterion).code is not None:
                found.append(_Way("token", (criterion,), preference=3))
        if query.main is not None and query.main not in dates:
            # The main date has a row for every resource, so it can stand for a list of the type.
            found.append(_Way("date", (), query.main, preference=5))
        updates = tuple(c for c in query.criteria if c.parameter.code == "_lastUpdated")
        found.append(_Way("update", updates, updates[0].parameter if updates else None, preference=4))
        return found

    def _by_reference(self, criterion: Criterion) -> _Way:
        values = cast("tuple[reference.ReferenceValue, ...]", criterion.values)
        one_child = all(value.type in _OF_ONE_CHILD for value in values)
        if len(values) == 1 and values[0].type is not None:
            return _Way("reference", (criterion,), self.query.main, one_child, 0)
        return _Way("set", (criterion,), None, one_child, 1)

    def _choice(self, ways: list[_Way]) -> tuple[int, _Driver]:
        """Which way, and its range."""
        sure = next((position for position, way in enumerate(ways) if way.one_child), None)
        if sure is not None:
            return sure, self._driver(ways[sure])
        # The rows of a reference carry the main date: they are fewer than all rows of those dates.
        referring = any(way.kind == "reference" for way in ways)
        candidates = [
            position
            for position, way in enumerate(ways)
            if way.answers and not (referring and way.kind == "date" and way.natural == self.query.main)
        ]
        in_order = [position for position, way in enumerate(ways) if self._streams(way) and self.query.sorts]
        if not candidates:
            # By update where no order is asked: what is written meanwhile comes at the end, nothing is
            # passed over.
            position = in_order[0] if in_order else len(ways) - 1
            return position, self._driver(ways[position])
        drivers = {position: self._driver(ways[position]) for position in candidates}
        if len(candidates) == 1 and (not in_order or candidates[0] in in_order):
            return candidates[0], drivers[candidates[0]]
        counts = [(self._look(drivers[at]), ways[at].preference, at) for at in candidates]
        count, _, position = min(counts)
        if count >= LONG and in_order and position not in in_order:
            # Too many to sort: walk the list in its order instead.
            return in_order[0], self._driver(ways[in_order[0]])
        return position, drivers[position]

    def _look(self, driver: _Driver) -> int:
        """How many rows the range has, counted no further than LONG."""
        if driver not in self.lengths:
            one: ColumnElement[int] = literal_column("1").label("one")
            seen = select(one).select_from(driver.rows).where(*driver.where).limit(LONG).subquery()
            counted = select(func.count()).select_from(seen)
            self.lengths[driver] = self.connection.execute(counted).scalar_one()
        return self.lengths[driver]

    def _is_short(self, way: _Way, driver: _Driver) -> bool:
        return way.one_child or self._look(driver) < LONG

    # The range as SQL

    def _driver(self, way: _Way) -> _Driver:
        match way.kind:
            case "id":
                rows = tables.resource.alias("d")
                return _Driver(rows, (rows.c.type == self.query.type, rows.c.id.in_(way.answers[0].values)))
            case "reference":
                return self._reference_range(way.answers[0])
            case "token":
                return self._token_range(way.answers[0])
            case "set":
                rows = _ROWS[way.answers[0].parameter.kind].alias("s")
                found = select(rows.c.rid).where(self._of(rows, way.answers[0])).distinct()
                return _Driver(found.subquery("d"), ())
            case "date":
                assert way.natural is not None
                return self._date_range(way.natural, way.answers)
        return self._update_range(way.answers)

    def _reference_range(self, criterion: Criterion) -> _Driver:
        rows = tables.search_reference.alias("d")
        where = [self._of(rows, criterion)]
        main = self.query.main
        if main is None:
            return _Driver(rows, tuple(where), (), rows.c.main_date, literal_column(str(LEAST)))
        bounds = self._bounds(self._said_of(main))
        first = self._first(main, bounds)
        if first > LEAST:
            where.append(rows.c.main_date >= first)
        if bounds.last < GREATEST:
            where.append(rows.c.main_date <= bounds.last)
        return _Driver(rows, tuple(where), (), rows.c.main_date, self._key(main))

    def _token_range(self, criterion: Criterion) -> _Driver:
        rows = tables.search_token.alias("d")
        where = (self._of(rows, criterion),)
        if _one_token(criterion).system is not None:
            return _Driver(rows, where)
        # The same code may stand under two systems in one resource: the first of them speaks for it.
        other = tables.search_token.alias("o")
        first = select(func.min(other.c.system)).where(self._of(other, criterion), other.c.rid == rows.c.rid)
        return _Driver(rows, where, (rows.c.system == first.scalar_subquery(),))

    def _date_range(self, parameter: Parameter, criteria: Sequence[Criterion]) -> _Driver:
        """Everything said of one date: it is one interval and one row, so one row answers all of it."""
        rows = tables.search_date.alias("d")
        where = [rows.c.type == self.query.type, rows.c.parameter == parameter.read_as]
        where += [date.condition(rows.c.low, rows.c.high, _dates(each), self.at) for each in criteria]
        bounds = self._bounds(criteria)
        first = self._first(parameter, bounds)
        if first > LEAST:
            where.append(rows.c.low >= first)
        if bounds.last < GREATEST:
            where.append(rows.c.low <= bounds.last)
        return _Driver(rows, tuple(where), (), rows.c.low, self._key(parameter))

    def _update_range(self, criteria: Sequence[Criterion]) -> _Driver:
        rows = tables.resource
        at = rows.c.updated_at
        where = [rows.c.type == self.query.type]
        where += [date.condition(at, at, _dates(each), self.at) for each in criteria]
        bounds = self._bounds(criteria)
        if bounds.reached > LEAST:
            where.append(at >= bounds.reached)
        if bounds.last < GREATEST:
            where.append(at <= bounds.last)
        return _Driver(rows, tuple(where), (), at, tables.resource.c.updated_at)

    def _said_of(self, parameter: Parameter) -> list[Criterion]:
        return [each for each in self.query.criteria if each.parameter == parameter and each.missing is None]

    def _bounds(self, criteria: Sequence[Criterion]) -> Bounds:
        found = Bounds()
        for criterion in criteria:
            either, *others = [date.bounds(value, self.at) for value in _dates(criterion)]
            for other in others:
                either = either.or_(other)
            found = found.and_(either)
        return found

    def _first(self, parameter: Parameter, bounds: Bounds) -> int:
        """The least low of an interval that reaches bounds.reached: two days before, or that of the long
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

    # What must hold

    def _of(self, rows: FromClause, criterion: Criterion) -> ColumnElement[bool]:
        """Whether a row of the criterion's table is of its parameter and has one of its values."""
        parameter, modifier, values, _ = criterion
        found: ColumnElement[bool]
        match parameter.kind:
            case "token" | "uri":
                found = token.condition(rows, cast("tuple[token.TokenValue, ...]", values))
            case "reference":
                named = cast("tuple[reference.ReferenceValue, ...]", values)
                found = reference.condition(rows, named, parameter.target)
            case "date":
                found = date.condition(rows.c.low, rows.c.high, _dates(criterion), self.at)
            case "string":
                found = string.condition(rows, cast("tuple[str, ...]", values), modifier)
        return and_(rows.c.type == self.query.type, rows.c.parameter == parameter.read_as, found)

    def _holds(self, criterion: Criterion, *, by_seek: bool = True) -> ColumnElement[bool]:
        """Whether the row of tables.resource satisfies the criterion.

        by_seek: asked of each row apart, in words that PostgreSQL does not turn into a join.
        """
        parameter, modifier, values, missing = criterion
        if parameter.code == "_id":
            return tables.resource.c.id.in_(values)
        if parameter.code == "_lastUpdated":
            at = tables.resource.c.updated_at
            return date.condition(at, at, _dates(criterion), self.at)
        rows = _ROWS[parameter.kind].alias()
        if missing is not None:
            there = and_(rows.c.type == self.query.type, rows.c.parameter == parameter.read_as)
            if parameter.kind == "date":
                there = and_(there, rows.c.high > LEAST)
            if parameter.target:
                there = and_(there, rows.c.target_type == parameter.target)
        else:
            there = self._of(rows, criterion)
        row: Select[Any] = select(literal_column("1")).where(there, rows.c.rid == tables.resource.c.rid)
        none = missing or modifier == "not"
        if by_seek:
            found = row.limit(1).scalar_subquery()
            return found.is_(None) if none else found.is_not(None)
        return ~row.exists() if none else row.exists()

    def _where(self, way: _Way) -> list[ColumnElement[bool]]:
        """What is left to ask of a resource that stands in the way's range, whether it may be reached above
        all."""
        rest = [self._holds(each) for each in self.query.criteria if each not in way.answers]
        return [self.condition, *rest]

    # In which order

    def _streams(self, way: _Way) -> bool:
        """Whether the range has every match in the order that is asked for."""
        sorts = self.query.sorts
        if not sorts:
            return True
        if len(sorts) > 1:
            return False
        if way.kind == "update":
            return sorts[0].parameter.code == "_lastUpdated"
        # A date other than the main one has no row where the resource has none, unless it is searched by.
        complete = way.natural == self.query.main or bool(way.answers)
        return way.natural == sorts[0].parameter and complete

    def _orders(self, driver: _Driver) -> list[_Order]:
        if self.query.sorts:
            return [_Order(self._key(sort.parameter), sort.descending) for sort in self.query.sorts]
        return [] if driver.same is None else [_Order(driver.same, False)]

    def _key(self, parameter: Parameter) -> ColumnElement[Any]:
        """The value that a resource is sorted by; one that has none comes first, or last when descending."""
        if parameter.code == "_id":
            return tables.resource.c.id
        if parameter.code == "_lastUpdated":
            return tables.resource.c.updated_at
        rows = _ROWS[parameter.kind].alias()
        column, none = _SORTED[parameter.kind]
        least = select(func.min(rows.c[column])).where(
            rows.c.type == self.query.type,
            rows.c.parameter == parameter.read_as,
            rows.c.rid == tables.resource.c.rid,
        )
        return func.coalesce(least.scalar_subquery(), literal_column(none))

    # The page

    def _matches(self, way: _Way, driver: _Driver, after: str) -> list[Found]:
        """The matches after the one with this id, one more than the page holds."""
        orders = self._orders(driver)
        position = self._position(after, orders) if after else None
        if self._streams(way):
            found = self._streamed(way, driver, orders[0].descending if orders else False, position)
        else:
            found = self._sorted(way, driver, orders, position)
        return self._bodies(found, [order.descending for order in orders])

    def _position(self, after: str, orders: list[_Order]) -> tuple[Any, ...]:
        """Sort keys and rid of the last match of the page before. Whoever cannot reach it learns nothing by
        it."""
        resource = tables.resource
        row = self.connection.execute(
            select(*(order.key for order in orders), resource.c.rid).where(
                resource.c.type == self.query.type, resource.c.id == after, self.condition
            )
        ).one_or_none()
        if row is None:
            raise _not_a_page()
        return tuple(row)

    def _streamed(
        self, way: _Way, driver: _Driver, descending: bool, position: tuple[Any, ...] | None
    ) -> Select[Any]:
        """Rows in the order of the range itself, which is read no further than the page."""
        rid = driver.rows.c.rid
        columns = [rid] if driver.key is None else [driver.key, rid]
        where = [*driver.where, *driver.once]
        if position is not None:
            here, there = tuple_(*columns), tuple_(*(literal(value) for value in position))
            where.append(here < there if descending else here > there)
        found = self._in_turn(
            way, driver, [column.label(f"key{at}") for at, column in enumerate(columns[:-1])]
        )
        order = [column.desc() if descending else column for column in columns]
        return found.where(*where).order_by(*order).limit(self.query.count + 1)

    def _sorted(
        self, way: _Way, driver: _Driver, orders: list[_Order], position: tuple[Any, ...] | None
    ) -> Select[Any]:
        """Rows of the whole range, sorted."""
        apart = self.is_sqlite or self._is_short(way, driver)
        labels = [order.key.label(f"key{at}") for at, order in enumerate(orders)]
        found = (
            self._in_turn(way, driver, [], labels, apart=apart)
            .where(*driver.where, *driver.once)
            .subquery("found")
        )
        columns = [found.c[f"key{at}"] for at in range(len(orders))] + [found.c.rid]
        directions = _directions([order.descending for order in orders])
        rows = select(*found.c)
        if position is not None:
            steps = []
            for at, (column, descending) in enumerate(zip(columns, directions, strict=True)):
                before = [columns[earlier] == position[earlier] for earlier in range(at)]
                steps.append(and_(*before, column < position[at] if descending else column > position[at]))
            rows = rows.where(or_(*steps))
        order = [
            column.desc() if descending else column
            for column, descending in zip(columns, directions, strict=True)
        ]
        return rows.order_by(*order).limit(self.query.count + 1)

    def _in_turn(
        self,
        way: _Way,
        driver: _Driver,
        of_driver: Sequence[ColumnElement[Any]],
        of_resource: Sequence[ColumnElement[Any]] = (),
        *,
        apart: bool = True,
    ) -> Select[Any]:
        """For each row of the range its resource, where all that is left to ask holds.

        apart: by a seek for each row; without it PostgreSQL may join as it thinks best.
        """
        resource = tables.resource
        columns = [resource.c.type, resource.c.id, resource.c.version, resource.c.updated_at, *of_resource]
        rid = driver.rows.c.rid.label("rid")
        where = self._where(way)
        if driver.rows is resource:
            return select(rid, *columns, *of_driver).where(*where)
        here = resource.c.rid == driver.rows.c.rid
        if self.is_sqlite or not apart:
            return (
                select(rid, *columns, *of_driver)
                .select_from(_InTurn(driver.rows, resource, here))
                .where(*where)
            )
        one = select(*columns).where(here, *where).limit(1).lateral("r")
        return select(rid, *one.c, *of_driver).select_from(driver.rows.join(one, true()))

    def _bodies(self, found: Select[Any], descending: list[bool]) -> list[Found]:
        """The current versions of the resources, in the same order."""
        page = found.subquery("page")
        version = tables.resource_version
        columns = [page.c[f"key{at}"] for at in range(len(descending))] + [page.c.rid]
        rows = (
            select(
                page.c.rid,
                page.c.type,
                page.c.id,
                page.c.version,
                page.c.updated_at,
                version.c.method,
                version.c.body,
            )
            .select_from(
                _InTurn(page, version, and_(version.c.rid == page.c.rid, version.c.version == page.c.version))
            )
            .order_by(
                *(
                    column.desc() if down else column
                    for column, down in zip(columns, _directions(descending), strict=True)
                )
            )
        )
        return [Found(*row) for row in self.connection.execute(rows)]

    # Beside the page

    def _total(self, way: _Way, driver: _Driver) -> int:
        """Matches on all pages, counted under the reach predicate."""
        if self.is_sqlite or self._is_short(way, driver):
            found = self._in_turn(way, driver, []).where(*driver.where, *driver.once).subquery()
            return self.connection.execute(select(func.count()).select_from(found)).scalar_one()
        # Over long ranges PostgreSQL hashes faster than it seeks.
        holds = [self._holds(each, by_seek=False) for each in self.query.criteria]
        counted = select(func.count()).select_from(tables.resource)
        counted = counted.where(tables.resource.c.type == self.query.type, self.condition, *holds)
        return self.connection.execute(counted).scalar_one()

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
        included = self._bodies(found, [])
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
            return self._defined(
                [row for (row,) in self.connection.execute(select(named.c.target_id).where(asked))]
            )
        target = tables.resource.alias("t")
        both = and_(target.c.type == named.c.target_type, target.c.id == named.c.target_id)
        wanted = select(target.c.rid).select_from(named.join(target, both)).where(asked)
        only = narrowed or parameter.target
        return resource.c.rid.in_(wanted.where(target.c.type == only) if only else wanted)

    def _defined(self, urls: list[str]) -> ColumnElement[bool]:
        """Whether a row of tables.resource is a definition with one of these URLs; of its |version where
        one is told."""
        of_version = {url for url in urls if "|" in url}
        told = {url.partition("|")[0] for url in of_version}
        url, version = tables.search_token.alias("u"), tables.search_token.alias("v")
        found: list[ColumnElement[bool]] = [url.c.code.in_(set(urls) - of_version - told)]
        for each in of_version:
            address, _, number = each.partition("|")
            this = select(literal(1)).where(
                version.c.rid == url.c.rid, version.c.parameter == "version", version.c.code == number
            )
            found.append(and_(url.c.code == address, this.exists()))
        return tables.resource.c.rid.in_(select(url.c.rid).where(url.c.parameter == "url", or_(*found)))


_SORTED = {"date": ("low", str(LEAST)), "string": ("folded", "''"), "token": ("code", "''")}


def _directions(descending: list[bool]) -> list[bool]:
    """Of the sort keys and, after them, of rid: that of the last key, as an index read backwards gives it."""
    return [*descending, bool(descending) and descending[-1]]


def _dates(criterion: Criterion) -> tuple[DateValue, ...]:
    return cast("tuple[DateValue, ...]", criterion.values)


def _one_token(criterion: Criterion) -> token.TokenValue:
    return cast(token.TokenValue, criterion.values[0])


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
