"""Signed-in browser sessions, kept on the server so that signing out is true at once."""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from healthvisit.access.requester import Role
from healthvisit.accounts import tables
from healthvisit.accounts.errors import NotAdmitted
from healthvisit.accounts.people import Person
from healthvisit.accounts.tables import hashed, microseconds


class Standing(NamedTuple):
    """A session that has neither ended nor expired; epoch is the account's when it began."""

    account: str
    role: Role
    epoch: int


def begin(connection: Connection, person: Person, *, at: datetime, life_s: int) -> str:
    """The new session's secret, to be kept by the browser alone."""
    secret = secrets.token_urlsafe(32)
    connection.execute(
        insert(tables.session).values(
            hash=hashed(secret),
            account=person.id,
            epoch=person.epoch,
            started_at=microseconds(at),
            expires_at=microseconds(at + timedelta(seconds=life_s)),
        )
    )
    return secret


def standing(connection: Connection, secret: str, *, at: datetime) -> Standing:
    """Raises NotAdmitted for a session that is unknown, ended or expired."""
    row = connection.execute(
        select(tables.session.c.account, tables.account.c.role, tables.session.c.epoch)
        .join(tables.account, tables.account.c.id == tables.session.c.account)
        .where(
            tables.session.c.hash == hashed(secret),
            tables.session.c.ended_at.is_(None),
            tables.session.c.expires_at > microseconds(at),
        )
    ).one_or_none()
    if row is None:
        raise NotAdmitted
    return Standing(row.account, row.role, row.epoch)


def end(connection: Connection, secret: str, *, at: datetime) -> None:
    """End the session, and with it what the service's own apps were given in it."""
    connection.execute(
        update(tables.session)
        .where(tables.session.c.hash == hashed(secret), tables.session.c.ended_at.is_(None))
        .values(ended_at=microseconds(at))
    )
    own_apps = select(tables.client_app.c.client_id).where(tables.client_app.c.first_party)
    connection.execute(
        update(tables.token_family)
        .where(
            tables.token_family.c.session == hashed(secret),
            tables.token_family.c.client.in_(own_apps),
            tables.token_family.c.revoked_at.is_(None),
        )
        .values(revoked_at=microseconds(at))
    )
