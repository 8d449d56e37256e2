"""Which adult may see which child, from when, until when. Adults are judged one by one; no row is deleted."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, insert, select, update

from healthvisit.accounts import tables
from healthvisit.accounts.tables import microseconds


def begin(
    connection: Connection,
    *,
    account: str,
    child: str,
    from_on: date,
    until_on: date | None = None,
    related_person: str | None = None,
) -> str:
    """The new relationship's id: the adult sees the child from the first day to before the last.

    child: id of the Patient. related_person: id of the RelatedPerson, where the record has one.
    """
    id_ = str(uuid.uuid4())
    connection.execute(
        insert(tables.relationship).values(
            id=id_,
            account=account,
            child=child,
            related_person=related_person,
            from_on=from_on,
            until_on=until_on,
        )
    )
    return id_


def withdraw(connection: Connection, *, account: str, child: str, at: datetime) -> int:
    """From the next request on the adult sees the child no more, nor does an app that acts for them.

    Returns how many relationships were withdrawn: 0 where none stood.
    """
    row = tables.relationship.c
    ended = connection.execute(
        update(tables.relationship)
        .where(row.account == account, row.child == child, row.withdrawn_at.is_(None))
        .values(withdrawn_at=microseconds(at))
    )
    family = tables.token_family.c
    connection.execute(
        update(tables.token_family)
        .where(family.account == account, family.child == child, family.revoked_at.is_(None))
        .values(revoked_at=microseconds(at))
    )
    return ended.rowcount


def end_all(connection: Connection, *, child: str, at: datetime) -> None:
    """No adult sees the child any more, and no app that was opened for it reaches anything."""
    row, family = tables.relationship.c, tables.token_family.c
    connection.execute(
        update(tables.relationship)
        .where(row.child == child, row.withdrawn_at.is_(None))
        .values(withdrawn_at=microseconds(at))
    )
    connection.execute(
        update(tables.token_family)
        .where(family.child == child, family.revoked_at.is_(None))
        .values(revoked_at=microseconds(at))
    )


@dataclass(frozen=True)
class Relationship:
    """One adult and one child. withdrawn: it was ended before its last day, or has none."""

    account: str
    from_on: date
    until_on: date | None
    withdrawn: bool


def of_child(connection: Connection, child: str) -> list[Relationship]:
    """Every relationship of a child that there ever was, by its first day. child: id of the Patient."""
    row = tables.relationship.c
    rows = connection.execute(
        select(row.account, row.from_on, row.until_on, row.withdrawn_at)
        .where(row.child == child)
        .order_by(row.from_on, row.account)
    )
    return [
        Relationship(each.account, each.from_on, each.until_on, each.withdrawn_at is not None)
        for each in rows
    ]
