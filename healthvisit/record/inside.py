"""What an operation that stands in a file of its own asks the database with: `Record.operation` gives it.

An operation puts `readable()` into every statement that it makes, asks `permitted` for each type that it
shows, and shows what it found through `seen`. Visitors outside the record's room never meet it.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, bindparam, select

from healthvisit.access.reach import Reach
from healthvisit.access.requester import Requester
from healthvisit.access.scopes import Letter
from healthvisit.definitions import Definitions
from healthvisit.record import predicate
from healthvisit.record.audit import Event
from healthvisit.record.errors import Forbidden
from healthvisit.record.references import Key
from healthvisit.record.sensitive import Masks
from healthvisit.record.tables import resource, resource_version

if TYPE_CHECKING:
    from healthvisit.record.record import Version

# Databases take some tens of thousands of values in one statement.
MOST_KEYS = 5000

Current = Select[*tuple[Any, ...]]


@dataclass(frozen=True)
class Inside:
    """One operation of one requester. event: its line in the audit; events: where what it does besides is
    told. at: instant of the request; on: its civil date in Europe/London.
    """

    connection: Connection
    requester: Requester
    reach: Reach
    definitions: Definitions
    at: datetime
    on: date
    event: Event
    permitted: Callable[[str, Letter], bool]
    seen: Callable[[str, str, Any], "Version | None"]
    events: list[Event]
    masks: Masks

    @property
    def moment(self) -> int:
        return predicate.moment(self.reach, self.at)

    def readable(self, rows: FromClause = resource) -> ColumnElement[bool]:
        return predicate.readable_then(self.reach, self.moment, rows)

    def permit(self, type_: str, letter: Letter) -> None:
        """Raises Forbidden where the role or the scopes lack the interaction."""
        if not self.permitted(type_, letter):
            raise Forbidden("The role or the scopes do not include this interaction.", type_)

    def of(self, keys: Collection[Key]) -> list["Version"]:
        """Those of the resources that may be read, in the order of the keys, by one statement."""
        wanted = [key for key in dict.fromkeys(keys) if self.permitted(key[0], "r")][:MOST_KEYS]
        if not wanted:
            return []
        rows = self.connection.execute(
            _named(self.reach, self.moment),
            {"types": sorted({key[0] for key in wanted}), "ids": sorted({key[1] for key in wanted})},
        )
        found = {(version.type, version.id): version for version in self.shown(rows)}
        return [found[key] for key in wanted if key in found]

    def shown(self, rows: Iterable[Any]) -> "list[Version]":
        """Rows of `current` as the requester sees them."""
        return [version for row in rows if (version := self.seen(row.type, row.id, row)) is not None]


@lru_cache(maxsize=256)
def _named(reach: Reach, moment: int) -> Current:
    return current().where(
        resource.c.type.in_(bindparam("types", expanding=True)),
        resource.c.id.in_(bindparam("ids", expanding=True)),
        predicate.readable_then(reach, moment),
    )


def current() -> Current:
    """Current versions; the caller adds who may read them."""
    return select(
        resource.c.rid,
        resource.c.child_rid,
        resource.c.sensitive,
        resource.c.type,
        resource.c.id,
        resource_version.c.version,
        resource_version.c.updated_at,
        resource_version.c.method,
        resource_version.c.body,
    ).join(
        resource_version,
        (resource_version.c.rid == resource.c.rid) & (resource_version.c.version == resource.c.version),
    )
