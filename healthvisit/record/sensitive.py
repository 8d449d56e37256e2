"""What one requester is shown of the rows of sensitive children (docs/decisions/0016).

A row whose column says nothing costs nothing: its body leaves as it is stored.
"""

from collections.abc import Collection
from functools import lru_cache

from sqlalchemy import Connection, Select, bindparam, exists, or_, select

from healthvisit.access import visibility
from healthvisit.access.reach import BoroughReach, Reach, WholeRecord
from healthvisit.exact_json import JSON, dumps, loads
from healthvisit.record.ownership import NHS_NUMBER
from healthvisit.record.search.query import Criterion, Link, SearchQuery
from healthvisit.record.search.summary import SUBSETTED
from healthvisit.record.search.token import TokenValue
from healthvisit.record.tables import resource, responsibility


class Masks:
    """reach: the whole one, or what scopes leave of it for reading. direct: what is read or found leaves by the FHIR
    interface and goes nowhere else: a safeguarding lead is shown the whole of it."""

    def __init__(self, connection: Connection, reach: Reach, *, direct: bool) -> None:
        self._connection = connection
        self._reach = reach
        self._direct = direct
        self._answering: dict[int, frozenset[str]] = {}

    def is_whole(self, type_: str, child_rid: int | None) -> bool:
        if isinstance(self._reach, WholeRecord):
            return True
        lead = isinstance(self._reach, BoroughReach) and self._reach.lead
        return lead and self._direct and self.is_near(type_, child_rid)

    def is_near(self, type_: str, child_rid: int | None) -> bool:
        """Whether the requester works for the borough that answers for the child today."""
        if not isinstance(self._reach, BoroughReach) or child_rid is None:
            return isinstance(self._reach, WholeRecord)
        if child_rid not in self._answering:
            self._answering[child_rid] = self._boroughs(child_rid)
        mine = frozenset[str]().union(*(limit.boroughs for limit in self._reach.limits(type_)))
        return not mine.isdisjoint(self._answering[child_rid])

    def of(self, type_: str, child_rid: int | None, body: bytes) -> bytes:
        """What is shown of a stored body of a sensitive child. It says that it is a part, whatever it leaves out."""
        if not body or self.is_whole(type_, child_rid):
            return body
        shown = self.part(type_, child_rid, loads(body))
        meta = shown.get("meta", {})
        tags = [tag for tag in meta.get("tag", ()) if tag != SUBSETTED]
        return dumps({**shown, "meta": {**meta, "tag": [*tags, SUBSETTED]}})

    def part(self, type_: str, child_rid: int | None, body: JSON) -> JSON:
        """The same of what was read already, without the word that it is a part."""
        if self.is_whole(type_, child_rid):
            return body
        return visibility.masked(type_, body, near=self.is_near(type_, child_rid))

    def _boroughs(self, child_rid: int) -> frozenset[str]:
        assert isinstance(self._reach, BoroughReach)
        asked = {"child": child_rid, "on": self._reach.on}
        return frozenset(self._connection.scalars(_answers(), asked))


@lru_cache(maxsize=1)
def _answers() -> Select[str | None]:
    """The boroughs that answer for :child on the day; where none ever did, the one that entered it."""
    here = responsibility.c
    answering = select(here.borough).where(
        here.child_rid == bindparam("child"),
        here.from_on <= bindparam("on"),
        or_(here.until_on.is_(None), here.until_on > bindparam("on")),
    )
    entered = select(resource.c.author_borough).where(
        resource.c.rid == bindparam("child"),
        ~exists().where(here.child_rid == bindparam("child")),
    )
    return answering.union_all(entered)  # type: ignore[return-value]


def indexed(type_: str, body: JSON, is_sensitive: bool) -> JSON:
    """What of a body is searched by: of a sensitive child's nothing that tells a place, whoever searches."""
    return visibility.masked(type_, body, near=True) if is_sensitive else body


def tells(query: SearchQuery) -> bool:
    """Whether the search could tell somebody of another borough what is hidden of a sensitive child."""
    named = [
        *(sort.parameter.code for sort in query.sorts),
        *(include.parameter.code for include in query.includes),
        *(code for criterion in query.criteria for code in _named(criterion)),
        *(code for link in query.links for code in _named(link)),
    ]
    return not all(map(visibility.finds_the_far, named)) or any(map(tells, query.parts))


def _named(asked: Criterion | Link) -> Collection[str]:
    """The parameters that it goes by; none where it looks for an NHS number, which everybody is shown."""
    if isinstance(asked, Link):
        return (asked.parameter.code, *_named(asked.inner))
    is_nhs_number = (
        asked.parameter.code == "identifier"
        and asked.modifier == ""
        and asked.missing is None
        and all(isinstance(each, TokenValue) and each.system == NHS_NUMBER for each in asked.values)
    )
    return () if is_nhs_number else (asked.parameter.code,)
