"""One search as SQL: the index range that it walks, what must hold of each resource there, and its order.

A page is read by walking one index range and asking each of its resources by single seeks whether the other
criteria and the reach predicate hold. Left to themselves both databases sooner or later turn a seek into a
scan of all rows of a code, so the order is written into the statement: LATERAL ... LIMIT 1 in PostgreSQL,
CROSS JOIN in SQLite.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Table,
    and_,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import Join

from healthvisit.access.reach import Reach
from healthvisit.record import predicate, tables
from healthvisit.record.search import composite, date, quantity, reference, string, token, uri
from healthvisit.record.search.date import GREATEST, LEAST, DateValue
from healthvisit.record.search.index import IDENTIFIER, OF_TYPE
from healthvisit.record.search.parameter import Parameter
from healthvisit.record.search.query import MOST_DEPTH, Criterion, Link, SearchQuery

_ROWS = {
    "token": tables.search_token,
    "uri": tables.search_token,
    "reference": tables.search_reference,
    "date": tables.search_date,
    "string": tables.search_string,
    "quantity": tables.search_quantity,
    "number": tables.search_quantity,
    "composite": tables.search_pair,
}
# Modifiers whose rows are tokens, under a name of their own.
_AS_TOKENS = {"of-type": OF_TYPE, "identifier": IDENTIFIER}
# The column that a kind of parameter is sorted by, and what stands for a resource that has none.
_SORTED = {"date": ("low", str(LEAST)), "string": ("folded", "''"), "token": ("code", "''")}

# A reference to one of these narrows to the rows of one child.
_OF_ONE_CHILD = {
    "Patient", "RelatedPerson", "EpisodeOfCare", "Encounter", "QuestionnaireResponse", "Observation",
}  # fmt: skip

# Other rows of tables.resource that a statement names: the Patient whose compartment is searched, and what
# chains and _has go through. The same ones each time, so that the reach predicate over them is kept.
_CHILD = tables.resource.alias("child")
_LINKED = [tables.resource.alias(f"linked{depth}") for depth in range(MOST_DEPTH)]

# The statements of a search that are written once for each shape of it.
What = Literal["page", "joined", "total", "hashed", "position", "length", "ids"]

# Between which values, both included, the column stands by which a range is ordered.
Span = tuple[int, int]
EVER: Span = (LEAST, GREATEST)


class Way(NamedTuple):
    """One way to find the candidates: an index range that holds every match.

    answers: the criteria that the range settles by itself. natural: the parameter whose order the range has.
    one_child: whether it is short for certain. preference: which of two long ranges to walk, the lower first.
    """

    kind: Literal["id", "child", "reference", "token", "set", "date", "update"]
    answers: tuple[Criterion, ...] = ()
    natural: Parameter | None = None
    one_child: bool = False
    preference: int = 0


def ways(query: SearchQuery) -> list[Way]:
    """Every way to find the candidates, the same list for every page of a query. The last one reads the
    whole type."""
    found: list[Way] = []
    dates: set[str] = set()
    updates: list[Criterion] = []
    for criterion in query.criteria:
        parameter, modifier, values, missing = criterion
        if parameter.code == "_id":
            found.append(Way("id", (criterion,), one_child=True, preference=-1))
        elif parameter.code == "_lastUpdated":
            updates.append(criterion)
        elif missing is not None or modifier in ("not", "contains"):
            continue
        elif modifier in _AS_TOKENS or parameter.kind in ("quantity", "number", "composite", "uri"):
            found.append(Way("set", (criterion,), preference=3))
        elif parameter.kind == "date":
            if parameter.code not in dates:
                dates.add(parameter.code)
                found.append(Way("date", tuple(said_of(query, parameter)), parameter, preference=2))
        elif parameter.kind == "reference":
            found.append(_by_reference(query, criterion))
        elif parameter.kind == "string" or len(values) > 1 or isinstance(values[0], token.TokenSet):
            if all(getattr(value, "code", "") is not None for value in values):
                found.append(Way("set", (criterion,), preference=3))
        elif _token(criterion).code is not None:
            found.append(Way("token", (criterion,), preference=3))
    if query.child:
        found.append(Way("child", one_child=True))
    if query.main is not None and query.main.code not in dates:
        # The main date has a row for every resource, so it can stand for a list of the type.
        found.append(Way("date", (), query.main, preference=5))
    found.append(Way("update", tuple(updates), updates[0].parameter if updates else None, preference=4))
    return found


def _by_reference(query: SearchQuery, criterion: Criterion) -> Way:
    values = cast("tuple[reference.ReferenceValue, ...]", criterion.values)
    one_child = all(value.type in _OF_ONE_CHILD for value in values)
    if len(values) == 1 and values[0].type is not None:
        return Way("reference", (criterion,), query.main, one_child, 0)
    return Way("set", (criterion,), None, one_child, 1)


def streams(query: SearchQuery, way: Way, order: Way) -> bool:
    """Whether the range has every match in the order that is asked for; in that of another way where none is."""
    if not query.sorts:
        return _own_order(way) == _own_order(order)
    wanted = query.sorts[0].parameter
    if len(query.sorts) > 1 or wanted.kind != "date":
        return False
    if way.kind == "update":
        return wanted.code == "_lastUpdated"
    # A date other than the main one has no row where the resource has none, unless it is searched by.
    return way.natural == wanted and (wanted == query.main or bool(way.answers))


def directions(query: SearchQuery, order: Way) -> list[bool]:
    """Whether each sort key descends and, after them, rid: as the last key does, as an index read backwards
    gives it."""
    if query.sorts:
        keys = [sort.descending for sort in query.sorts]
        return [*keys, keys[-1]]
    return [False] if _own_order(order) == "_id" else [False, False]


def _own_order(way: Way) -> str:
    """The parameter that the range is ordered by; "_id" for the order in which resources were entered."""
    match way.kind:
        case "update":
            return "_lastUpdated"
        case "date" | "reference":
            return "" if way.natural is None else way.natural.code
    return "_id"


def said_of(query: SearchQuery, parameter: Parameter) -> list[Criterion]:
    """What the query says of a date, but for its being missing."""
    return [each for each in query.criteria if each.parameter == parameter and each.missing is None]


class Range(NamedTuple):
    """The range of a way.

    where: what makes the range; once: what keeps one of the rows of a resource that has several there.
    key: its column that gives the natural order, None for the order of rid.
    """

    rows: FromClause
    where: tuple[ColumnElement[bool], ...]
    once: tuple[ColumnElement[bool], ...] = ()
    key: ColumnElement[Any] | None = None


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


class Reached(NamedTuple):
    """What the requester reaches, and the types that may be read: asked of every row of tables.resource.

    reach: of what a search includes and goes through, which is reading. matched: of what it finds; the same
    unless scopes narrow the two apart. moment: what predicate.moment gives.
    """

    reach: Reach
    moment: int
    types: frozenset[str]
    matched: Reach

    def condition(self, rows: FromClause = tables.resource) -> ColumnElement[bool]:
        """Whether a row of tables.resource, or of an alias of it, may be read; its type is asked apart."""
        return predicate.readable_then(self.reach, self.moment, rows)

    def finds(self) -> ColumnElement[bool]:
        """Whether a row of tables.resource may be found; its type is asked apart."""
        return predicate.readable_then(self.matched, self.moment)

    def of_type(self, type_: str, rows: FromClause) -> ColumnElement[bool]:
        """Whether it is of this type and may be read."""
        if type_ not in self.types:
            return false()
        return and_(rows.c.type == type_, self.condition(rows))


def bodies(found: Select[Any], descending: Sequence[bool]) -> Select[Any]:
    """The current versions of the resources found, in the order of key0, key1 ... and rid."""
    page, version = found.subquery("page"), tables.resource_version
    of = page.c
    columns = [*(of[f"key{at}"] for at in range(len(descending) - 1)), of.rid]
    current = and_(version.c.rid == of.rid, version.c.version == of.version)
    return (
        select(
            of.rid,
            of.type,
            of.id,
            of.version,
            of.updated_at,
            version.c.method,
            version.c.body,
            of.child_rid,
            of.sensitive,
        )
        .select_from(_InTurn(page, version, current))
        .order_by(*_ordered(columns, descending))
    )


class Writer:
    """Writes the statements of one query under one reach predicate."""

    def __init__(self, query: SearchQuery, reached: Reached, *, is_sqlite: bool) -> None:
        self.query = query
        self.reached = reached
        self.condition = reached.finds()
        self.is_sqlite = is_sqlite

    # Statements

    def statement(
        self, what: What, way: Way, order: Way, span: Span, extra: Any, after: Sequence[Any] | None
    ) -> Select[Any]:
        """One of the statements below, by its name. extra: the limit, or for "position" the id."""
        match what:
            case "page" | "joined":
                return self.page(way, order, span, after, extra, apart=what == "page")
            case "total":
                return self.total_by_seeks(way, span)
            case "hashed":
                return self.total_by_joins()
            case "position":
                return self.position(order, extra)
            case "length":
                return self.length(way, span, extra)
            case "ids":
                return self.ids(way, span, extra)

    def page(
        self, way: Way, order: Way, span: Span, after: Sequence[Any] | None, limit: int, *, apart: bool
    ) -> Select[Any]:
        """The current versions of the matches, at most `limit`.

        order: the way in whose order they come where none is asked for.
        after: sort keys and rid of the match before the first one, None for the beginning.
        apart: each candidate by a seek of its own; without it PostgreSQL may join as it thinks best.
        """
        found = self.range(way, span)
        descending = directions(self.query, order)
        if streams(self.query, way, order):
            return bodies(self._streamed(way, found, after, limit, descending), descending)
        keys = self._keys(order)
        return bodies(self._sorted(way, found, keys, after, limit, descending, apart), descending)

    def position(self, order: Way, id_: str) -> Select[Any]:
        """Sort keys and rid of one match, if it can be reached."""
        resource = tables.resource
        return select(*self._keys(order), resource.c.rid).where(
            resource.c.type == self.query.type, resource.c.id == id_, self.condition
        )

    def ids(self, way: Way, span: Span, limit: int) -> Select[Any]:
        """Ids of the matches, in no order."""
        found = self.range(way, span)
        rows = self._in_turn(way, found, []).where(*found.where, *found.once).limit(limit).subquery("found")
        return select(rows.c.id)

    def referred(self, way: Way, span: Span, link: Link, target: str, limit: int) -> Select[Any]:
        """Ids of what the matches refer to by the link's parameter, each once, in no order."""
        found = self.range(way, span)
        rows = self._in_turn(way, found, []).where(*found.where, *found.once).subquery("found")
        named = tables.search_reference.alias("named")
        where = [
            named.c.type == link.type,
            named.c.parameter == link.parameter.read_as,
            named.c.target_type == target,
        ]
        if self.is_sqlite:
            both = _InTurn(rows, named, named.c.rid == rows.c.rid)
            return select(named.c.target_id).distinct().select_from(both).where(*where).limit(limit)
        # OFFSET keeps PostgreSQL to a seek for each of them.
        of_row = select(named.c.target_id).where(named.c.rid == rows.c.rid, *where)
        one = of_row.offset(literal_column("0")).lateral("n")
        return select(one.c.target_id).distinct().select_from(rows.join(one, true())).limit(limit)

    def length(self, way: Way, span: Span, most: int) -> Select[Any]:
        """Rows of the range, counted no further than `most`."""
        found = self.range(way, span)
        one: ColumnElement[int] = literal_column("1").label("one")
        if way.kind == "set":
            # Without a look at which of them are of the same resource.
            rows = self._rows(way.answers[0]).alias("s")
            found = Range(rows, (self._of(rows, way.answers[0]),))
        seen = select(one).select_from(found.rows).where(*found.where).limit(most).subquery()
        return select(func.count()).select_from(seen)

    def total_by_seeks(self, way: Way, span: Span) -> Select[Any]:
        found = self.range(way, span)
        rows = self._in_turn(way, found, []).where(*found.where, *found.once).subquery()
        return select(func.count()).select_from(rows)

    def total_by_joins(self) -> Select[Any]:
        """The same number over long ranges, which PostgreSQL hashes faster than it seeks."""
        resource = tables.resource
        # OFFSET keeps what may be reached a list of its own, so that the predicate is hashed and not asked
        # of each row.
        reached = (
            select(resource.c.rid, resource.c.id, resource.c.updated_at)
            .where(resource.c.type == self.query.type, self.condition)
            .offset(0)
            .subquery("reached")
        )
        holds = [self._holds(each, of=reached, by_seek=False) for each in self.query.criteria]
        holds += [self._linked(each, reached, self.query.type) for each in self.query.links]
        return select(func.count()).select_from(reached).where(*holds)

    # The range

    def range(self, way: Way, span: Span) -> Range:
        match way.kind:
            case "id":
                rows = tables.resource.alias("d")
                return Range(rows, (rows.c.type == self.query.type, rows.c.id.in_(way.answers[0].values)))
            case "child":
                return Range(tables.resource, (self._of_child(), tables.resource.c.type == self.query.type))
            case "reference":
                rows = tables.search_reference.alias("d")
                of = self._of(rows, way.answers[0])
                return Range(rows, (of, *_within(rows.c.main_date, span)), (), rows.c.main_date)
            case "token":
                return self._token_range(way.answers[0])
            case "set":
                rows = self._rows(way.answers[0]).alias("s")
                found = select(rows.c.rid).where(self._of(rows, way.answers[0])).distinct()
                return Range(found.subquery("d"), ())
            case "date":
                # Everything said of one date: it is one interval and one row, so one row answers all of it.
                assert way.natural is not None
                rows = tables.search_date.alias("d")
                where = [rows.c.type == self.query.type, rows.c.parameter == way.natural.read_as]
                where += [date.condition(rows.c.low, rows.c.high, dates(each)) for each in way.answers]
                return Range(rows, (*where, *_within(rows.c.low, span)), (), rows.c.low)
        at = tables.resource.c.updated_at
        where = [tables.resource.c.type == self.query.type]
        where += [date.condition(at, at, dates(each)) for each in way.answers]
        return Range(tables.resource, (*where, *_within(at, span)), (), at)

    def _token_range(self, criterion: Criterion) -> Range:
        rows = tables.search_token.alias("d")
        where = (self._of(rows, criterion),)
        if _token(criterion).system is not None:
            return Range(rows, where)
        # The same code may stand under two systems in one resource: the first of them speaks for it.
        other = tables.search_token.alias("o")
        first = select(func.min(other.c.system)).where(self._of(other, criterion), other.c.rid == rows.c.rid)
        return Range(rows, where, (rows.c.system == first.scalar_subquery(),))

    # What must hold

    def _of_child(self) -> ColumnElement[bool]:
        """Whether a row of tables.resource belongs to the Patient whose compartment is searched."""
        child = select(_CHILD.c.rid).where(
            _CHILD.c.type == "Patient", _CHILD.c.id == self.query.child, self.reached.condition(_CHILD)
        )
        return tables.resource.c.child_rid == child.scalar_subquery()

    def _rows(self, criterion: Criterion) -> Table:
        return tables.search_token if criterion.modifier in _AS_TOKENS else _ROWS[criterion.parameter.kind]

    def _of(self, rows: FromClause, criterion: Criterion) -> ColumnElement[bool]:
        """Whether a row of the criterion's table is of its parameter and has one of its values."""
        parameter, modifier, values, _ = criterion
        name = f"{parameter.read_as}{_AS_TOKENS.get(modifier, '')}"
        return and_(
            rows.c.type == parameter.type,
            rows.c.parameter == name,
            _one_of(rows, parameter, modifier, values),
        )

    def _linked(self, link: Link, of: FromClause, type_: str, depth: int = 0) -> ColumnElement[bool]:
        """Whether the row of tables.resource, or of a list from it, is linked to one that satisfies the rest
        of the chain and may be read itself. type_: that of the row."""
        named, other = tables.search_reference.alias(), _LINKED[depth]
        if link.forward:
            both = and_(
                named.c.type == link.parameter.type,
                named.c.rid == of.c.rid,
                named.c.target_type == link.type,
                other.c.id == named.c.target_id,
            )
        else:
            both = and_(
                named.c.type == link.type,
                named.c.target_type == type_,
                named.c.target_id == of.c.id,
                other.c.rid == named.c.rid,
            )
        holds = (
            self._linked(link.inner, other, link.type, depth + 1)
            if isinstance(link.inner, Link)
            else self._holds(link.inner, of=other)
        )
        row: Select[Any] = select(literal_column("1")).where(
            both,
            named.c.parameter == link.parameter.read_as,
            self.reached.of_type(link.type, other),
            holds,
        )
        return row.limit(literal_column("1")).scalar_subquery().is_not(None)

    def _holds(
        self, criterion: Criterion, *, of: FromClause = tables.resource, by_seek: bool = True
    ) -> ColumnElement[bool]:
        """Whether the row of tables.resource, or of a list from it, satisfies the criterion.

        by_seek: asked of each row apart, in words that PostgreSQL does not turn into a join.
        """
        parameter, modifier, values, missing = criterion
        if parameter.code == "_id":
            return of.c.id.in_(values)
        if parameter.code == "_lastUpdated":
            at = of.c.updated_at
            return date.condition(at, at, dates(criterion))
        rows = self._rows(criterion).alias()
        if missing is not None:
            there = and_(rows.c.type == parameter.type, rows.c.parameter == parameter.read_as)
            if parameter.kind == "date":
                there = and_(there, rows.c.high > LEAST)
            if parameter.target:
                there = and_(there, rows.c.target_type == parameter.target)
        else:
            there = self._of(rows, criterion)
        row: Select[Any] = select(literal_column("1")).where(there, rows.c.rid == of.c.rid)
        none = missing or modifier == "not"
        if by_seek:
            found = row.limit(literal_column("1")).scalar_subquery()
            return found.is_(None) if none else found.is_not(None)
        return ~row.exists() if none else row.exists()

    def _in_turn(
        self,
        way: Way,
        found: Range,
        keys: Sequence[ColumnElement[Any]],
        *,
        of_range: bool = False,
        apart: bool = True,
    ) -> Select[Any]:
        """For each row of the range its resource, where it may be reached and all that is left to ask
        holds. of_range: whether the keys are columns of the range."""
        resource = tables.resource
        columns = [resource.c.type, resource.c.id, resource.c.version, resource.c.updated_at]
        columns += [resource.c.child_rid, resource.c.sensitive]
        rid = found.rows.c.rid.label("rid")
        rest = [self._holds(each) for each in self.query.criteria if each not in way.answers]
        rest += [self._linked(each, resource, self.query.type) for each in self.query.links]
        if self.query.child and way.kind != "child":
            rest.append(self._of_child())
        where = [self.condition, *rest]
        if found.rows is resource:
            return select(rid, *columns, *keys).where(*where)
        here = resource.c.rid == found.rows.c.rid
        if self.is_sqlite or not apart:
            both = _InTurn(found.rows, resource, here)
            return select(rid, *columns, *keys).select_from(both).where(*where)
        of_row, of_resource = (keys, ()) if of_range else ((), keys)
        one = select(*columns, *of_resource).where(here, *where).limit(literal_column("1")).lateral("r")
        return select(rid, *one.c, *of_row).select_from(found.rows.join(one, true()))

    # The order

    def _keys(self, order: Way) -> list[ColumnElement[Any]]:
        """What a resource is sorted by, as expressions over tables.resource; rid comes after them."""
        if self.query.sorts:
            return [self._key(sort.parameter) for sort in self.query.sorts]
        match order.kind:
            case "update":
                return [tables.resource.c.updated_at]
            case "date" | "reference":
                return [literal_column(str(LEAST)) if order.natural is None else self._key(order.natural)]
        return []

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

    def _streamed(
        self, way: Way, found: Range, after: Sequence[Any] | None, limit: int, descending: Sequence[bool]
    ) -> Select[Any]:
        """Rows in the order of the range itself, which is read no further than the page."""
        columns = [found.rows.c.rid] if found.key is None else [found.key, found.rows.c.rid]
        where = [*found.where, *found.once]
        if after is not None:
            here, there = tuple_(*columns), tuple_(*(literal(value) for value in after))
            where.append(here < there if descending[-1] else here > there)
        keys = [column.label(f"key{at}") for at, column in enumerate(columns[:-1])]
        rows = self._in_turn(way, found, keys, of_range=True).where(*where)
        return rows.order_by(*_ordered(columns, descending)).limit(limit)

    def _sorted(
        self,
        way: Way,
        found: Range,
        of: Sequence[ColumnElement[Any]],
        after: Sequence[Any] | None,
        limit: int,
        descending: Sequence[bool],
        apart: bool,
    ) -> Select[Any]:
        """Rows of the whole range, sorted by these."""
        keys = [key.label(f"key{at}") for at, key in enumerate(of)]
        rows = self._in_turn(way, found, keys, apart=apart).where(*found.where, *found.once).subquery("found")
        columns = [*(rows.c[f"key{at}"] for at in range(len(keys))), rows.c.rid]
        page = select(*rows.c)
        if after is not None:
            steps = []
            for at, (column, down) in enumerate(zip(columns, descending, strict=True)):
                before = [columns[earlier] == after[earlier] for earlier in range(at)]
                steps.append(and_(*before, column < after[at] if down else column > after[at]))
            page = page.where(or_(*steps))
        return page.order_by(*_ordered(columns, descending)).limit(limit)


def _one_of(
    rows: FromClause, parameter: Parameter, modifier: str, values: Sequence[Any]
) -> ColumnElement[bool]:
    """Whether a row of the criterion's table has one of its values."""
    given: Any = tuple(values)
    if modifier in _AS_TOKENS:
        return token.condition(rows.c.code, rows.c.system, given)
    match parameter.kind:
        case "token":
            return token.condition(rows.c.code, rows.c.system, given)
        case "uri":
            return uri.condition(rows.c.code, given, modifier)
        case "reference":
            return reference.condition(rows, given, parameter.target)
        case "date":
            return date.condition(rows.c.low, rows.c.high, given)
        case "string":
            return string.condition(rows, given, modifier)
        case "quantity" | "number":
            return quantity.condition(rows.c.low, rows.c.high, rows.c.code, rows.c.system, given)
        case "composite":
            return composite.condition(rows, given)


def _ordered(columns: Sequence[ColumnElement[Any]], descending: Sequence[bool]) -> list[ColumnElement[Any]]:
    return [column.desc() if down else column for column, down in zip(columns, descending, strict=True)]


def _within(column: ColumnElement[int], span: Span) -> list[ColumnElement[bool]]:
    first, last = span
    found = [column >= first] if first != LEAST else []
    return [*found, column <= last] if last != GREATEST else found


def dates(criterion: Criterion) -> tuple[DateValue, ...]:
    return cast("tuple[DateValue, ...]", criterion.values)


def _token(criterion: Criterion) -> token.TokenValue:
    return cast(token.TokenValue, criterion.values[0])
