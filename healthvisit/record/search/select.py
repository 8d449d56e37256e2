"""SearchQuery and reach predicate -> rows, total, included rows and the cursor of the next page."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection

from healthvisit.record.search.query import SearchQuery


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
    raise NotImplementedError
