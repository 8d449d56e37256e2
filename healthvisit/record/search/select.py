"""SearchQuery and reach predicate -> rows, total, included rows and the cursor of the next page.

Which index range is walked is decided here: one child's rows first, then whatever a short look finds fewest
of. The statement of a page is written once for each shape of search and then filled in with values, because
writing it takes many times as long as its answer.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date as date_
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Select,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
    union,
)

from healthvisit.access.reach import BoroughReach, ChildReach, Reach
from healthvisit.database import beside, rows_of, sent
from healthvisit.record import predicate, tables, within
from healthvisit.record.among import among, listed
from healthvisit.record.errors import Invalid, Issue, TooCostly
from healthvisit.record.search import date, statement
from healthvisit.record.search.composite import CompositeValue
from healthvisit.record.search.date import GREATEST, LEAST, SHORT_US, Bounds, DateValue
from healthvisit.record.search.number import NumberValue
from healthvisit.record.search.parameter import Parameter
from healthvisit.record.search.quantity import QuantityValue
from healthvisit.record.search.query import Criterion, Include, Link, SearchQuery, Value
from healthvisit.record.search.reference import ReferenceValue
from healthvisit.record.search.statement import EVER, Reached, Span, Way, What, Writer
from healthvisit.record.search.string import StringValue
from healthvisit.record.search.token import TokenSet, TokenValue
from healthvisit.record.search.uri import UriValue

MOST_INCLUDED = 5000
# How often what was included may bring more.
MOST_ROUNDS = 5
# How many resources a chain may come to and still be put as references to them.
MOST_RESOLVED = 200

# As far as a short look counts: beyond it a range is long, however long.
LONG = 10_000


class Found(NamedTuple):
    """One current version. updated_at: microseconds since 1970 UTC. sensitive: of a child who is marked so."""

    rid: int
    type: str
    id: str
    version: int
    updated_at: int
    method: str
    body: bytes
    child_rid: int | None
    sensitive: bool


class Page(NamedTuple):
    """total: matches on all pages, None where it was not asked for and is not known without counting.
    next: value for _page that gives the page after this one, None on the last."""

    matches: list[Found]
    included: list[Found]
    total: int | None
    next: str | None


def page(
    connection: Connection,
    query: SearchQuery,
    reach: Reach,
    moment: int,
    types: frozenset[str],
    at: datetime,
    *,
    matched: Reach | None = None,
) -> Page:
    """One page of the matches within reach, and the resources they include that are within reach too.

    reach, moment: what the reach predicate is made of, over every row of tables.resource that the search
    finds, includes, goes through or counts. matched: the reach of what it finds and counts, where scopes give
    another to searching than to reading. types: the types that may be read; the search does not go through
    any other, and includes none.
    at: aware UTC instant of the request; "ap" measures its tolerance from it.
    Raises Invalid where _page is not a cursor of this query.
    """
    reached = Reached(reach, moment, types, reach if matched in (None, reach) else matched)
    if query.parts:
        return _page_of_types(connection, query, reached, at)
    return _Search(connection, _settled(query, at), reached).page()


def _page_of_types(connection: Connection, query: SearchQuery, reached: Reached, at: datetime) -> Page:
    """A page of several types in the order of their last update: each type's own page, put together."""
    parts = [_Search(connection, _settled(part, at), reached) for part in query.parts]
    down = any(sort.descending for sort in query.sorts)
    after = None
    if query.page:
        which, last = _opened(query)
        after = parts[which].position(last)
    found = [match for part in parts for match in part.matches_after(after)]
    found.sort(key=lambda match: (match.updated_at, match.rid), reverse=down)
    more = len(found) > query.count > 0
    matches = found[: query.count]
    if query.count and not more and after is None:
        total: int | None = len(matches)
    else:
        totals = [part.total() for part in parts]
        total = None if None in totals else sum(each for each in totals if each is not None)
    types = [part.type for part in query.parts]
    following = _cursor(query, types.index(matches[-1].type), matches[-1].id) if more else None
    included = _Included(reached, connection).by(query.includes, matches)
    return Page(matches, included, total, following)


def _settled(query: SearchQuery, at: datetime) -> SearchQuery:
    """The query with the tolerance of "ap" worked out."""
    if not any("ap" in text for _, text in query.processed):
        return query
    return replace(
        query,
        criteria=tuple(_settled_of(each, at) for each in query.criteria),
        links=tuple(_settled_link(each, at) for each in query.links),
    )


def _settled_of(criterion: Criterion, at: datetime) -> Criterion:
    values = tuple(
        date.settled(value, at) if isinstance(value, DateValue) else value for value in criterion.values
    )
    return criterion._replace(values=values)


def _settled_link(link: Link, at: datetime) -> Link:
    inner = link.inner
    return link._replace(
        inner=_settled_link(inner, at) if isinstance(inner, Link) else _settled_of(inner, at)
    )


class _Search:
    """One page of one search, from choosing the range to walk to the cursor of the next page.

    found_none: whether a chain leads to nothing, so that there is no match.
    """

    def __init__(self, connection: Connection, query: SearchQuery, reached: Reached) -> None:
        self.connection = connection
        self.reached = reached
        self.found_none = False
        self.query = query
        if query.links and not any(way.one_child for way in statement.ways(query)):
            # The rows of one child are few: each is asked for its chains by a seek.
            self.query = self._resolved(query)
        self.ways = statement.ways(self.query)
        self.order = self._order()
        self.writer = Writer(self.query, reached, is_sqlite=connection.dialect.name == "sqlite")
        self.lengths: dict[int, int] = {}
        self.spans: dict[int, Span] = {}

    def page(self) -> Page:
        query = self.query
        _, after = _opened(query) if query.page else (0, "")
        if self.found_none:
            return Page([], [], 0, None)
        chosen = self._choice()
        matches = self._matches(chosen, after) if query.count else []
        more = len(matches) > query.count > 0
        matches = matches[: query.count]
        # Where all of them stand on this page there is nothing to count.
        is_whole = query.count and not more and not after
        total = len(matches) if is_whole else self.total(chosen)
        following = _cursor(query, 0, matches[-1].id) if more else None
        included = _Included(self.reached, self.connection).by(query.includes, matches)
        return Page(matches, included, total, following)

    def matches_after(self, position: tuple[Any, ...] | None) -> list[Found]:
        """Matches in the order of their last update, from the one after this place."""
        if self.found_none or not self.query.count:
            return []
        return self._rows(self._choice(), position)

    def position(self, id_: str) -> tuple[Any, ...]:
        """Sort keys and rid of the match with this id. Raises Invalid where it is none within reach."""
        found = self._answered("position", self.order, id_)
        if not found:
            # Whoever cannot reach the match learns nothing by it.
            raise _not_a_page()
        return tuple(found[0])

    # What chains and _has lead to

    def _resolved(self, query: SearchQuery) -> SearchQuery:
        """The query with each chain put as the references that it comes to, where these are few.

        So the search begins at its narrow side: a child's NHS number, for one. What leads to many is left as
        it is, and asked of each candidate.
        """
        links, criteria = [], list(query.criteria)
        for link in query.links:
            ids = self._leads_to(query, link)
            if len(ids) > MOST_RESOLVED:
                links.append(link)
            elif not ids:
                self.found_none = True
            elif link.forward:
                named = tuple(ReferenceValue(link.type, id_) for id_ in ids)
                criteria.append(Criterion(link.parameter, "", named))
            else:
                by_id = Parameter(query.type, "_id", "token", (), read_as="_id")
                criteria.append(Criterion(by_id, "", tuple(ids)))
        return replace(query, criteria=tuple(criteria), links=tuple(links))

    def _leads_to(self, query: SearchQuery, link: Link) -> list[str]:
        """Ids of what satisfies the link within reach, no more than one over MOST_RESOLVED."""
        if link.type not in self.reached.types:
            return []
        is_link = isinstance(link.inner, Link)
        inner = replace(
            query,
            type=link.type,
            criteria=() if is_link else (cast(Criterion, link.inner),),
            links=(cast(Link, link.inner),) if is_link else (),
            sorts=(),
            includes=(),
            main=None,
            child="",
        )
        # What a search goes through it reads.
        search = _Search(self.connection, inner, self.reached._replace(matched=self.reached.reach))
        if search.found_none:
            return []
        chosen = search._choice()
        way, span = search.ways[chosen], search._span(chosen)
        if link.forward:
            return [row[0] for row in search._answered("ids", chosen, MOST_RESOLVED + 1)]
        found = search.writer.referred(way, span, link, query.type, MOST_RESOLVED + 1)
        return list(self.connection.execute(found).scalars())

    # Which range to walk

    def _order(self) -> int:
        """The position of the way in whose order the matches come where none is asked for: by what is asked
        alone, since how long a range is tells of what the requester does not reach."""
        candidates = self._sure() or self._candidates()
        # By update where nothing narrows: what is written meanwhile comes at the end, and nothing is passed over.
        return min(candidates, key=lambda at: (self.ways[at].preference, at), default=len(self.ways) - 1)

    def _choice(self) -> int:
        """The position of the way that finds the fewest candidates, or has them in the order asked for."""
        ways, order = self.ways, self.ways[self.order]
        if self._sure():
            return self.order
        candidates = self._candidates()
        in_order = [at for at, way in enumerate(ways) if statement.streams(self.query, way, order)]
        if in_order and not self.query.sorts:
            in_order.insert(0, self.order)
        if not candidates:
            return in_order[0] if in_order else self.order
        if len(candidates) == 1 and (not in_order or candidates[0] in in_order):
            return candidates[0]
        length, _, position = min((self._length(at), ways[at].preference, at) for at in candidates)
        if length >= LONG and in_order and position not in in_order:
            # Too many to sort: walk the list in its order instead.
            return in_order[0]
        return position

    def _sure(self) -> list[int]:
        """The ways over the rows of one child, or by id."""
        return [at for at, way in enumerate(self.ways) if way.one_child]

    def _candidates(self) -> list[int]:
        # The rows of a reference carry the main date: they are fewer than all rows of those dates.
        referring = any(way.kind == "reference" for way in self.ways)
        return [
            at
            for at, way in enumerate(self.ways)
            if way.answers and not (referring and way.kind == "date" and way.natural == self.query.main)
        ]

    def _length(self, position: int) -> int:
        """How many rows the range has, counted no further than LONG."""
        if position not in self.lengths:
            with self._looking(self.ways[position]) as connection:
                (row,) = self._answered("length", position, LONG, connection=connection)
            self.lengths[position] = row[0]
        return self.lengths[position]

    @contextmanager
    def _looking(self, way: Way) -> Iterator[Connection]:
        """Where PostgreSQL counts a range across reach: to pass over what is not reached takes many times as long.

        What names a person is counted within reach: its ranges are short."""
        if any(
            within.names(each.parameter.kind, each.parameter.read_as + each.modifier) for each in way.answers
        ):
            yield self.connection
            return
        with beside(self.connection, within.LOOKING) as connection:
            yield connection

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
        if way.one_child:
            # To look for where it begins takes longer than to read one child's rows.
            return bounds.first, bounds.last
        return self._first(parameter, bounds), bounds.last

    def _first(self, parameter: Parameter, bounds: Bounds) -> int:
        """The least low of an interval that reaches bounds.reached: two days before it, or that of the long
        ones."""
        if bounds.reached <= LEAST + SHORT_US:
            return bounds.first
        asked = {"type": self.query.type, "parameter": parameter.read_as, "reached": bounds.reached}
        least = self.connection.execute(_LEAST_LONG, asked).scalar()
        before = bounds.reached - SHORT_US
        return max(bounds.first, before if least is None else min(before, least))

    # The page

    def _matches(self, chosen: int, after: str) -> list[Found]:
        """The matches after the one with this id, one more than the page holds."""
        return self._rows(chosen, self.position(after) if after else None)

    def _rows(self, chosen: int, position: tuple[Any, ...] | None) -> list[Found]:
        way = self.ways[chosen]
        order = self.ways[self.order]
        apart = statement.streams(self.query, way, order) or self.writer.is_sqlite or self._is_short(chosen)
        rows = self._answered("page" if apart else "joined", chosen, self.query.count + 1, position)
        return [Found(*row) for row in rows]

    def total(self, chosen: int | None = None) -> int | None:
        """Matches on all pages, counted under the reach predicate; None where that was not asked for, unless
        they are looked for among few: by id, or among the rows of one child."""
        if self.found_none:
            return 0
        if self.query.total == "none":
            return None
        chosen = self._choice() if chosen is None else chosen
        # By what is asked alone: how long a range is tells of what the requester does not reach.
        if not self.query.total and not self.ways[chosen].one_child:
            return None
        # Over long ranges PostgreSQL hashes faster than it seeks.
        by_seeks = self.writer.is_sqlite or self._is_short(chosen)
        ((counted,),) = self._answered("total" if by_seeks else "hashed", chosen, 0)
        return cast(int, counted)

    def _answered(
        self,
        what: What,
        chosen: int,
        extra: Any,
        position: tuple[Any, ...] | None = None,
        *,
        connection: Connection | None = None,
    ) -> Sequence[Any]:
        """Rows of one statement of this search. extra: the limit, or for "position" the id."""
        span = EVER if what == "position" else self._span(chosen)
        return _filled(
            connection or self.connection, self.writer, what, (chosen, self.order), span, extra, position
        )


# Both databases would rather walk all dates until they meet a long one, and as a rule there is none: OFFSET
# and the hint keep them to the index of the long ones.
_LONG_ONES = (
    select(tables.search_date.c.low)
    .where(
        tables.search_date.c.type == bindparam("type"),
        tables.search_date.c.parameter == bindparam("parameter"),
        text(f"high > low + {SHORT_US}"),
        tables.search_date.c.high >= bindparam("reached"),
    )
    .with_hint(tables.search_date, "INDEXED BY ix_search_date_long", "sqlite")
    .offset(0)
    .subquery()
)
_LEAST_LONG = select(func.min(_LONG_ONES.c.low))


class _Included:
    """What comes along with the matches: one statement for each round of includes, whatever their number."""

    def __init__(self, reached: Reached, connection: Connection) -> None:
        self.connection = connection
        self.reached = reached
        self.is_sqlite = connection.dialect.name == "sqlite"

    def by(self, includes: Sequence[Include], matches: Sequence[Found]) -> list[Found]:
        """What the matches refer to or are referred to by, each once, and only what may be read itself.

        Raises TooCostly for more than MOST_INCLUDED.
        """
        included: dict[int, Found] = {}
        known = {match.rid for match in matches}
        last, rounds = list(matches), 0
        while last and rounds < MOST_ROUNDS:
            asked = tuple(each for each in includes if each.iterate or not rounds)
            if not asked:
                break
            last = self._brought(asked, last, known)
            included |= {each.rid: each for each in last}
            known |= included.keys()
            if len(included) > MOST_INCLUDED:
                raise TooCostly(
                    f"more than {MOST_INCLUDED} resources are included; ask for fewer with _count"
                )
            rounds += 1
        return list(included.values())

    def _brought(self, asked: tuple[Include, ...], last: Sequence[Found], known: set[int]) -> list[Found]:
        by_type: dict[str, list[Found]] = {}
        for each in last:
            by_type.setdefault(each.type, []).append(each)
        values: dict[str, Any] = {_rids(type_): [each.rid for each in of] for type_, of in by_type.items()}
        values |= {_ids(type_): [each.id for each in of] for type_, of in by_type.items()}
        values["defined"] = self._defined(asked, by_type)
        values = {name: listed(each, is_sqlite=self.is_sqlite) for name, each in values.items()}
        reach, moment, types, _ = self.reached
        statement = _along(reach, types, asked, tuple(sorted(by_type)), self.is_sqlite)
        if statement is None:
            return []
        most = MOST_INCLUDED + len(known) + 1
        rows = sent(self.connection, statement, most=most, moment=moment, **values)
        return [found for row in rows if (found := Found(*row)).rid not in known]

    def _defined(self, asked: tuple[Include, ...], last: Mapping[str, Sequence[Found]]) -> list[int]:
        """rids of the definitions that these name by their URL."""
        named = tables.search_reference.alias("n")
        of = [
            and_(
                named.c.type == each.parameter.type,
                named.c.parameter == each.parameter.read_as,
                named.c.rid.in_([found.rid for found in last[each.parameter.type]]),
            )
            for each in asked
            if _is_canonical(each) and each.parameter.type in last
        ]
        if not of:
            return []
        urls = list(self.connection.execute(select(named.c.target_id).where(or_(*of)).distinct()).scalars())
        return list(self.connection.execute(_defined(urls)).scalars())


def _is_canonical(include: Include) -> bool:
    return include.parameter.canonical and not include.reverse


def _rids(type_: str) -> str:
    return f"rids_{type_}"


def _ids(type_: str) -> str:
    return f"ids_{type_}"


@lru_cache(maxsize=256)
def _along(
    reach: Reach, types: frozenset[str], asked: tuple[Include, ...], of: tuple[str, ...], is_sqlite: bool
) -> Select[Any] | None:
    """Current versions of what resources of these types bring by the includes; None where they can bring none.

    Open: the resources' rids and ids by type, "defined", "most" and "moment".
    """
    brought = [one for each in asked if (one := _along_by(each, of, is_sqlite=is_sqlite)) is not None]
    if not brought:
        return None
    resource = tables.resource.c
    rids = union(*brought).subquery("brought")
    found = (
        select(
            resource.rid,
            resource.type,
            resource.id,
            resource.version,
            resource.updated_at,
            resource.child_rid,
            resource.sensitive,
        )
        .where(
            resource.rid.in_(select(rids.c.rid)),
            resource.type.in_(types),
            predicate.readable_then(reach, predicate.MOMENT),
        )
        .limit(bindparam("most"))
    )
    return statement.bodies(found, [False])


def _along_by(include: Include, of: tuple[str, ...], is_sqlite: bool) -> Select[Any] | None:
    """rid of what they bring by one include; None where none of them can."""
    parameter, target, reverse, _ = include
    named = tables.search_reference.alias("n")
    of_parameter = and_(named.c.type == parameter.type, named.c.parameter == parameter.read_as)
    only = target or parameter.target
    if reverse:
        wanted = (only,) if only else parameter.targets
        to = [
            and_(named.c.target_type == type_, among(named.c.target_id, _ids(type_), is_sqlite=is_sqlite))
            for type_ in of
            if type_ in wanted
        ]
        return select(named.c.rid).where(of_parameter, or_(*to)) if to else None
    if parameter.type not in of:
        return None
    other = tables.resource.alias("t")
    if parameter.canonical:
        return select(other.c.rid).where(among(other.c.rid, "defined", is_sqlite=is_sqlite))
    both = and_(other.c.type == named.c.target_type, other.c.id == named.c.target_id)
    referred = (
        select(other.c.rid)
        .select_from(named.join(other, both))
        .where(among(named.c.rid, _rids(parameter.type), is_sqlite=is_sqlite), of_parameter)
    )
    return referred.where(other.c.type == only) if only else referred


def _defined(urls: list[str]) -> Select[Any]:
    """rid of the definitions with one of these URLs; of its |version where one is told."""
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
    return select(url.c.rid).where(url.c.parameter == "url", or_(*found))


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
_BLANK_DAY = date_.min.toordinal()
_MOST_BLANKS = 100_000


class _Form(NamedTuple):
    """A statement in the driver's own words.

    names: its parameters, in order. places: for each, where its value stands among the values of the search;
    None for a value that is part of the statement, found in `fixed`.
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


def _filled(
    connection: Connection,
    writer: Writer,
    what: What,
    chosen: tuple[int, int],
    span: Span,
    extra: Any,
    position: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Rows of a statement, by that of a search of the same shape where one has been written before.

    chosen: the positions of the way that is walked, and of the one in whose order the matches come.
    """
    values, shape = _values(writer.query)
    of_reach, reach = _values_of_reach(writer)
    values += [*of_reach, *span, extra, *(position or ())]
    key = (
        what,
        writer.is_sqlite,
        chosen,
        span[0] != LEAST,
        span[1] != GREATEST,
        None if position is None else tuple(type(value) for value in position),
        reach,
        shape,
    )
    form = _forms.get(key)
    if form is None:
        form = _written(connection.dialect, writer, what, chosen, span, position, values)
        if len(_forms) >= _MOST_FORMS:
            # The oldest goes; another thread may have taken it already.
            _forms.pop(next(iter(_forms), None), None)
        _forms[key] = form
    return rows_of(connection, form.sql, form.filled(values))


_forms: dict[Any, _Form] = {}
_MOST_FORMS = 512


def _values(query: SearchQuery) -> tuple[list[Any], tuple[Any, ...]]:
    """The values of the criteria, one after the other; and what of the query shapes its statement."""
    values: list[Any] = []
    shape: list[Any] = [
        query.type,
        bool(query.child),
        tuple((sort.parameter.code, sort.descending) for sort in query.sorts),
    ]
    for criterion in query.criteria:
        _add(criterion, values, shape)
    for link in query.links:
        inner: Criterion | Link = link
        while isinstance(inner, Link):
            shape.append((inner.forward, inner.parameter.type, inner.parameter.code, inner.type))
            inner = inner.inner
        _add(inner, values, shape)
    if query.child:
        values.append(query.child)
    return values, tuple(shape)


def _add(criterion: Criterion, values: list[Any], shape: list[Any]) -> None:
    parameter, modifier, given, missing = criterion
    shape.append((parameter.type, parameter.code, modifier, missing))
    for value in given:
        shape.append(_told_apart(value))
        values += _flat(value)


def _flat(value: Value | NumberValue) -> list[Any]:
    """What of a value is put in place of blanks."""
    match value:
        case str():
            return [value]
        case TokenValue() | StringValue():
            return list(value)
        case DateValue(_, low, high) | NumberValue(_, low, high):
            return [low, high]
        case ReferenceValue(_, id_):
            return [id_]
        case UriValue(codes):
            return list(codes)
        case TokenSet(system, codes):
            return [system, *codes]
        case QuantityValue(number, system, code):
            return [*_flat(number), system, code]
        case CompositeValue(first, second):
            return [*_flat(first), *_flat(second)]


def _told_apart(value: Value) -> Any:
    """What of a value shapes its statement."""
    match value:
        case str():
            return ""
        case TokenValue(system, code):
            return system is None, code is None
        case DateValue(prefix, _, _):
            return prefix
        case ReferenceValue(type_, _):
            return type_
        case StringValue(_, _, after):
            return bool(after)
        case UriValue(codes) | TokenSet(_, codes):
            return len(codes)
        case QuantityValue(number, system, code):
            return number.prefix, system is None, code is None
        case CompositeValue(first, second):
            return _told_apart(first), _told_apart(second)


def _blanked(value: Value, blanks: Iterator[Any]) -> Value:
    """The value with blanks in the places that _flat tells."""
    match value:
        case str():
            return cast(str, next(blanks))
        case TokenValue():
            return TokenValue(next(blanks), next(blanks))
        case DateValue(prefix, _, _):
            return DateValue(prefix, next(blanks), next(blanks))
        case ReferenceValue(type_, _):
            return ReferenceValue(type_, next(blanks))
        case StringValue(_, _, after):
            written, folded, until = next(blanks), next(blanks), next(blanks)
            return StringValue(written, folded, until if after else "")
        case UriValue(codes):
            return UriValue(tuple(next(blanks) for _ in codes))
        case TokenSet(_, codes):
            return TokenSet(next(blanks), tuple(next(blanks) for _ in codes))
        case QuantityValue(number, _, _):
            low, high = next(blanks), next(blanks)
            return QuantityValue(NumberValue(number.prefix, low, high), next(blanks), next(blanks))
        case CompositeValue(first, second):
            return CompositeValue(
                cast(TokenValue, _blanked(first, blanks)),
                cast("TokenValue | QuantityValue", _blanked(second, blanks)),
            )


def _values_of_reach(writer: Writer) -> tuple[list[Any], tuple[Any, ...]]:
    """The values of the reach predicate, and what of it shapes the statement."""
    reach, moment, types, matched = writer.reached
    through = types if writer.query.links else None
    # Narrowings are few, some of each app: they are part of the statement.
    apart = matched is not reach
    match reach, matched:
        case BoroughReach(), BoroughReach():
            # SQLite keeps a date as its text.
            day: Any = reach.on.isoformat() if writer.is_sqlite else reach.on
            of_one = [] if reach.patient is None else [reach.patient]
            # Whatever else there is to a reach is part of the statement.
            rest = replace(reach, boroughs=frozenset(), on=date_.min, patient=None)
            second: Any = replace(matched, on=date_.min, patient=None) if apart else None
            shape: tuple[Any, ...] = (rest, len(reach.boroughs), len(of_one), second, through)
            return [day, *of_one, *reach.boroughs], shape
        case ChildReach(), ChildReach():
            second = replace(matched, children=frozenset()) if apart else None
            shape = (replace(reach, children=frozenset()), len(reach.children), second, through)
            return [moment, *reach.children], shape
    # Nothing of it is given when it is sent: all of it is part of the statement.
    return [], (reach, matched if apart else None, through)


def _reach_blanked(reach: Reach, blanks: list[Any]) -> tuple[Reach, int]:
    """The reach and its moment with blanks in the places that _values_of_reach tells."""
    match reach:
        case BoroughReach() if reach.patient is None:
            return replace(reach, boroughs=frozenset(blanks[1:]), on=blanks[0]), 0
        case BoroughReach():
            return replace(reach, boroughs=frozenset(blanks[2:]), on=blanks[0], patient=blanks[1]), 0
        case ChildReach():
            return replace(reach, children=frozenset(blanks[1:])), blanks[0]
    return reach, 0


def _second_blanked(matched: Reach, blanked: Reach) -> Reach:
    """The reach of what is found, with the blanks of the other in the places of what the two share."""
    match matched, blanked:
        case BoroughReach(), BoroughReach():
            return replace(matched, on=blanked.on, patient=blanked.patient)
        case ChildReach(), ChildReach():
            return replace(matched, children=blanked.children)
    return matched


def _written(
    dialect: Dialect,
    writer: Writer,
    what: What,
    chosen: tuple[int, int],
    span: Span,
    position: tuple[Any, ...] | None,
    values: Sequence[Any],
) -> _Form:
    """The form of a search: its statement with blanks."""
    query, reached = writer.query, writer.reached
    of_reach = len(_values_of_reach(writer)[0])
    blanks = iter([_blank(value, place) for place, value in enumerate(values)])
    emptied = replace(
        query,
        criteria=tuple(_emptied(each, blanks) for each in query.criteria),
        links=tuple(_link_emptied(each, blanks) for each in query.links),
        child=next(blanks) if query.child else "",
    )
    place = len(values) - of_reach - 3 - len(position or ())
    theirs = [next(blanks) for _ in range(of_reach)]
    if isinstance(reached.reach, BoroughReach):
        theirs[0] = date_.fromordinal(_BLANK_DAY + place)
    reach, moment = _reach_blanked(reached.reach, theirs)
    first, last, extra = next(blanks), next(blanks), next(blanks)
    matched = reach if reached.matched is reached.reach else _second_blanked(reached.matched, reach)
    blank = Writer(emptied, Reached(reach, moment, reached.types, matched), is_sqlite=writer.is_sqlite)
    ways = statement.ways(emptied)
    asked = blank.statement(
        what,
        ways[chosen[0]],
        ways[chosen[1]],
        (first if span[0] != LEAST else LEAST, last if span[1] != GREATEST else GREATEST),
        extra,
        None if position is None else tuple(blanks),
    )
    expanded = asked.compile(dialect=dialect).construct_expanded_state()
    names = tuple(expanded.parameters) if expanded.positiontup is None else tuple(expanded.positiontup)
    places = tuple(_place(expanded.parameters[name]) for name in names)
    return _Form(expanded.statement, names, places, expanded.parameters, expanded.positiontup is not None)


def _emptied(criterion: Criterion, blanks: Iterator[Any]) -> Criterion:
    return criterion._replace(values=tuple(_blanked(value, blanks) for value in criterion.values))


def _link_emptied(link: Link, blanks: Iterator[Any]) -> Link:
    inner = link.inner
    return link._replace(
        inner=_link_emptied(inner, blanks) if isinstance(inner, Link) else _emptied(inner, blanks)
    )


def _blank(value: Any, place: int) -> Any:
    if value is None:
        return None
    return f"{_BLANK_TEXT}{place}" if isinstance(value, str) else _BLANK_NUMBER + place


def _place(value: Any) -> int | None:
    """The place that a blank tells; None for a value that is part of the statement."""
    if isinstance(value, str) and value.startswith(_BLANK_TEXT):
        return int(value[1:])
    if isinstance(value, int) and _BLANK_NUMBER <= value < _BLANK_NUMBER + _MOST_BLANKS:
        return value - _BLANK_NUMBER
    if isinstance(value, date_):
        return value.toordinal() - _BLANK_DAY
    return None


# A cursor is the key of its query, which of its types the last match that was given is of, and its id. It says
# nothing that its reader has not seen, and where it points is looked up under the reach predicate, so it
# needs no signature.


def _cursor(query: SearchQuery, which: int, last: str) -> str:
    return base64.urlsafe_b64encode(f"{query.key}.{which}.{last}".encode()).rstrip(b"=").decode()


def _opened(query: SearchQuery) -> tuple[int, str]:
    """Which of the types, and the last id, of a cursor."""
    try:
        told = base64.b64decode(query.page + "=" * (-len(query.page) % 4), altchars=b"-_", validate=True)
        key, number, last = told.decode().split(".", 2)
        which = int(number)
    except (binascii.Error, ValueError):
        raise _not_a_page() from None
    if key != query.key or not 0 <= which < max(1, len(query.parts)) or not last:
        raise _not_a_page()
    return which, last


def _not_a_page() -> Invalid:
    return Invalid([Issue("value", "_page is not a page of this search", "_page")])
