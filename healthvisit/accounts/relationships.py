"""Which adult may see which child, from when, until when. Adults are judged one by one; no row is deleted."""

import uuid
from datetime import date, datetime

from sqlalchemy import Connection, insert, update

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


def withdraw(connection: Connection, *, account: str, child: str, at: datetime) -> None:
    """From the next request on the adult sees the child no more, nor does an app that acts for them."""
    row = tables.relationship.c
    connection.execute(
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
