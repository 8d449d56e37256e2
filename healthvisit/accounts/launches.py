"""An app opened for one child: the secret that a health visitor's page hands to the app, good once.

Source: SMART App Launch 2.2, EHR launch.
"""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from healthvisit.accounts import tables
from healthvisit.accounts.tables import hashed, microseconds

LIFE_S = 300


class Launch(NamedTuple):
    """child: id of the Patient. encounter: id of the Encounter, where it was opened for one visit."""

    hash: str
    child: str
    encounter: str | None


def begin(
    connection: Connection, *, account: str, client: str, child: str, encounter: str | None, at: datetime
) -> str:
    """The launch's secret. That the account reaches the child is for who calls to know."""
    secret = secrets.token_urlsafe(32)
    connection.execute(
        insert(tables.launch).values(
            hash=hashed(secret),
            account=account,
            client=client,
            child=child,
            encounter=encounter,
            expires_at=microseconds(at + timedelta(seconds=LIFE_S)),
        )
    )
    return secret


def standing(
    connection: Connection, secret: str, *, account: str, client: str, at: datetime
) -> Launch | None:
    """The launch of this person for this app, unless it was used or is over."""
    launch = tables.launch.c
    row = connection.execute(
        select(launch.hash, launch.child, launch.encounter).where(
            launch.hash == hashed(secret),
            launch.account == account,
            launch.client == client,
            launch.used_at.is_(None),
            launch.expires_at > microseconds(at),
        )
    ).one_or_none()
    return None if row is None else Launch(row.hash, row.child, row.encounter)


def use(connection: Connection, launch: Launch, *, at: datetime) -> bool:
    """Use the launch up; False where another request was faster."""
    used = connection.execute(
        update(tables.launch)
        .where(tables.launch.c.hash == launch.hash, tables.launch.c.used_at.is_(None))
        .values(used_at=microseconds(at))
    )
    return used.rowcount == 1


def forget(connection: Connection, *, at: datetime) -> None:
    connection.execute(tables.launch.delete().where(tables.launch.c.expires_at < microseconds(at)))
