"""What was counted each time that figures were frozen, before anything of it was withheld.

Small counts stand here as they are, so that what is published later can be chosen not to give them back
(docs/decisions/0003-disclosure-of-digitisation-counts.md). The service itself alone reads them: they are in no resource,
no search and no export, and on PostgreSQL the login that answers requests sees none of their rows.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import insert, select

from healthvisit.access.reach import WholeRecord
from healthvisit.exact_json import dumps, loads
from healthvisit.record import instants
from healthvisit.record.errors import Forbidden
from healthvisit.record.inside import Inside
from healthvisit.record.record import Record
from healthvisit.record.tables import frozen_counts


class Cell(NamedTuple):
    """One count of a table by what it is of, such as (borough, review, class)."""

    of: tuple[str, ...]
    counted: int
    is_withheld: bool


def earlier(
    record: Record, name: str, period_from: date, *, before: datetime | None = None
) -> list[list[Cell]]:
    """A table as it was frozen each time, oldest first; before: those alone that were frozen before an instant.

    name: of the table; period_from: first day of what it counts. Raises Forbidden for all but the service itself.
    """
    with record.operation("$frozen-counts", "MeasureReport") as inside:
        _admit(inside)
        here = frozen_counts.c
        asked = select(here.content).where(here.name == name, here.period_from == period_from)
        if before is not None:
            asked = asked.where(here.frozen_at < instants.micros(before))
        rows = inside.connection.execute(asked.order_by(here.number))
        return [[Cell(tuple(of), *rest) for of, *rest in loads(row.content)] for row in rows]


def keep(record: Record, name: str, period_from: date, cells: Iterable[Cell]) -> None:
    """Keep a table as it is frozen now, with what is frozen or not at all. Raises what `earlier` does."""
    with record.operation("$keep-counts", "MeasureReport") as inside:
        _admit(inside)
        inside.connection.execute(
            insert(frozen_counts).values(
                name=name,
                period_from=period_from,
                frozen_at=instants.micros(inside.at),
                content=dumps([list(cell) for cell in cells]),
            )
        )


def _admit(inside: Inside) -> None:
    if not isinstance(inside.reach, WholeRecord):
        raise Forbidden("The role does not include this interaction.", "MeasureReport")
