"""Rows of a borough's paper backlog or older system: which have come, and which wait for a person.

A row is one review, named by the reference that it has where it comes from; a borough brings each once. What a row
says of a child is kept while it waits and goes when a person has decided: then it is in the record, or nowhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, insert, select, update

from healthvisit.access.reach import BoroughReach
from healthvisit.definitions import CANONICAL
from healthvisit.exact_json import JSON, dumps, loads
from healthvisit.record import ids, instants
from healthvisit.record.endings import LEADS
from healthvisit.record.errors import Conflict, Forbidden, Issue, NotFound, Unprocessable
from healthvisit.record.inside import Inside
from healthvisit.record.record import Record
from healthvisit.record.references import is_id
from healthvisit.record.tables import imported_row, resource
from healthvisit.record.writing import hold

QUESTIONS = f"{CANONICAL}/CodeSystem/import-question"
REFUSALS = f"{CANONICAL}/CodeSystem/import-refusal"
# Of a row that nobody has settled: it waits, or was set aside to be looked at another day.
_OPEN = ("waiting", "aside")


class Another(Conflict):
    """A row with this reference has come before, and said something else."""


@dataclass(frozen=True)
class Brought:
    """One row as it comes. borough: GSS code. digest, file: SHA-256 of what the row says and of its file. number: of
    the row in it."""

    borough: str
    reference: str
    digest: str
    file: str
    number: int


@dataclass(frozen=True)
class Waiting:
    """A row that a person has to decide about. question: a code of QUESTIONS. content: what it says. brought_by:
    account. is_aside: somebody has set it aside."""

    id: str
    borough: str
    reference: str
    file: str
    number: int
    question: str
    content: JSON
    brought_by: str
    brought_at: datetime
    is_aside: bool


def standing(record: Record, brought: Brought) -> str | None:
    """How a row with this reference stands, None for one that never came. Nobody else brings it until the transaction
    ends. Raises Another."""
    with record.operation("$imported") as inside:
        _admit(inside, brought.borough)
        hold(inside.connection, [f"import {brought.borough} {brought.reference}"])
        here = imported_row.c
        row = inside.connection.execute(
            select(here.state, here.digest).where(
                here.borough == brought.borough, here.reference == brought.reference
            )
        ).one_or_none()
        if row is None:
            return None
        if row.digest != brought.digest:
            raise Another("A row with this reference has come before, and said something else.")
        state: str = row.state
        return state


def keep(record: Record, brought: Brought, *, child: str, encounter: str) -> None:
    """Write down that a row was imported. child, encounter: ids."""
    with record.operation("$import", "Encounter", encounter) as inside:
        _admit(inside, brought.borough)
        inside.event.child_rid = _rid(inside, child)
        values = _values(inside, brought) | {
            "state": "imported",
            "child_rid": inside.event.child_rid,
            "encounter": encounter,
        }
        inside.connection.execute(insert(imported_row).values(values))


def keep_waiting(record: Record, brought: Brought, content: JSON, *, question: str) -> None:
    """Write down that a row waits for a person. question: a code of QUESTIONS."""
    with record.operation("$import-question") as inside:
        _admit(inside, brought.borough)
        values = _values(inside, brought) | {
            "state": "waiting",
            "question": question,
            "content": dumps(content),
        }
        inside.connection.execute(insert(imported_row).values(values))


def told_of_file(record: Record, borough: str, file: str, counts: Mapping[str, int]) -> None:
    """The event of a whole file: who brought it, which it was, and what it came to. It is looked for by its digest."""
    with record.operation("$import-file") as inside:
        _admit(inside, borough)
        told = " ".join(f"{name}={count}" for name, count in counts.items())
        inside.event.detail = f"$import-file sha256={file} {told}"


def waiting(record: Record, *, most: int) -> tuple[list[Waiting], int]:
    """The first rows that wait in the requester's boroughs, the oldest first and those set aside last, and how many
    wait in all."""
    with record.operation("$imports") as inside:
        _admit(inside)
        here = imported_row.c
        where = (here.state.in_(_OPEN), here.borough.in_(sorted(_boroughs(inside))))
        rows = inside.connection.execute(
            _waiting()
            .where(*where)
            .order_by(here.state.desc(), here.brought_at, here.number, here.id)
            .limit(most)
        )
        total = inside.connection.scalar(select(func.count()).select_from(imported_row).where(*where))
        return [_told(row) for row in rows], total or 0


def one(record: Record, id_: str) -> Waiting:
    """A row that waits, held until the transaction ends. Raises NotFound for another borough's and for none, and
    Conflict where somebody has decided."""
    with record.operation("$import-row") as inside:
        return _told(_held(inside, id_))


def settle(record: Record, id_: str, *, child: str, encounter: str) -> None:
    """Write down what a row became. Raises what `one` does."""
    with record.operation("$settle-import", "Encounter", encounter) as inside:
        inside.event.child_rid = _rid(inside, child)
        _settle(
            inside, id_, {"state": "imported", "child_rid": inside.event.child_rid, "encounter": encounter}
        )


def refuse(record: Record, id_: str, *, reason: str) -> None:
    """Write down that a row is not taken, and why: a code of REFUSALS. Raises Unprocessable, and what `one` does."""
    with record.operation("$refuse-import") as inside:
        if reason not in inside.definitions.codes(REFUSALS):
            raise Unprocessable((Issue("code-invalid", "Choose why it is not taken.", "reason"),))
        _settle(inside, id_, {"state": "refused", "reason": reason})


def set_aside(record: Record, id_: str) -> None:
    """Nobody decides about a row today: it goes to the end of the list. Raises what `one` does."""
    with record.operation("$set-import-aside") as inside:
        _change(inside, id_, {"state": "aside"})


def _settle(inside: Inside, id_: str, values: dict[str, Any]) -> None:
    settled = {"settled_by": inside.requester.account, "settled_at": instants.micros(inside.at)}
    _change(inside, id_, {"content": None} | settled | values)


def _change(inside: Inside, id_: str, values: dict[str, Any]) -> None:
    row = _held(inside, id_)
    inside.connection.execute(update(imported_row).where(imported_row.c.id == row.id).values(values))


def _held(inside: Inside, id_: str) -> Row[*tuple[Any, ...]]:
    """A row that nobody has settled, nor else settles until the transaction ends. Raises what `one` does."""
    _admit(inside)
    hold(inside.connection, [f"import {id_}"])
    row = inside.connection.execute(
        _waiting().where(
            imported_row.c.id == (id_ if is_id(id_) else ""),
            imported_row.c.borough.in_(sorted(_boroughs(inside))),
        )
    ).one_or_none()
    if row is None:
        raise NotFound
    if row.state not in _OPEN:
        raise Conflict("Somebody has decided about it already.")
    return row


def _values(inside: Inside, brought: Brought) -> dict[str, Any]:
    return {
        "id": ids.next_id(),
        "borough": brought.borough,
        "reference": brought.reference,
        "digest": brought.digest,
        "file": brought.file,
        "number": brought.number,
        "brought_by": inside.requester.account,
        "brought_at": instants.micros(inside.at),
    }


def _waiting() -> Select[*tuple[Any, ...]]:
    names = (
        "id",
        "borough",
        "reference",
        "file",
        "number",
        "question",
        "content",
        "brought_by",
        "brought_at",
        "state",
    )
    return select(*(imported_row.c[name] for name in names))


def _told(row: Row[*tuple[Any, ...]]) -> Waiting:
    return Waiting(
        row.id,
        row.borough,
        row.reference,
        row.file,
        row.number,
        row.question,
        loads(row.content),
        row.brought_by,
        instants.from_micros(row.brought_at),
        row.state == "aside",
    )


def _rid(inside: Inside, child: str) -> int | None:
    rid: int | None = inside.connection.scalar(
        select(resource.c.rid).where(resource.c.type == "Patient", resource.c.id == child, inside.readable())
    )
    return rid


def _boroughs(inside: Inside) -> frozenset[str]:
    return inside.reach.boroughs if isinstance(inside.reach, BoroughReach) else frozenset()


def _admit(inside: Inside, borough: str | None = None) -> None:
    """Raises Forbidden for who does not lead, for an app that was given a part, and for another borough."""
    requester = inside.requester
    if requester.role not in LEADS:
        raise Forbidden("Who leads a team decides what comes in.")
    if requester.patient is not None or any(scope.conditions for scope in requester.scopes):
        raise Forbidden("The app was not given the children of the borough.")
    if borough is not None and borough not in _boroughs(inside):
        raise Forbidden("It is another borough's.")
    inside.permit("Encounter", "c")
