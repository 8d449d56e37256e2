"""Signed-in browser sessions, kept on the server so that signing out is true at once."""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, insert, literal, or_, select, update

from healthvisit.access.requester import Role
from healthvisit.accounts import tables
from healthvisit.accounts.errors import NotAdmitted
from healthvisit.accounts.people import Person
from healthvisit.accounts.tables import EPOCH, hashed, microseconds


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


class Held(NamedTuple):
    """A browser in which somebody is signed in. hash: names it to its owner; it opens nothing."""

    hash: str
    started_at: datetime
    expires_at: datetime


def of(connection: Connection, account: str, *, at: datetime) -> list[Held]:
    """The account's sessions that stand, the latest first."""
    row = tables.session.c
    found = connection.execute(
        select(row.hash, row.started_at, row.expires_at)
        .join(tables.account, tables.account.c.id == row.account)
        .where(
            row.account == account,
            row.ended_at.is_(None),
            row.expires_at > microseconds(at),
            row.epoch == tables.account.c.epoch,
        )
        .order_by(row.started_at.desc(), row.hash)
    )
    return [
        Held(
            each.hash,
            EPOCH + timedelta(microseconds=each.started_at),
            EPOCH + timedelta(microseconds=each.expires_at),
        )
        for each in found
    ]


def known(connection: Connection, hash_: str, *, account: str) -> Held | None:
    """The account's session of this hash, whether or not it stands."""
    row = connection.execute(
        select(tables.session).where(tables.session.c.hash == hash_, tables.session.c.account == account)
    ).one_or_none()
    if row is None:
        return None
    return Held(
        row.hash,
        EPOCH + timedelta(microseconds=row.started_at),
        EPOCH + timedelta(microseconds=row.expires_at),
    )


def seconds_left(connection: Connection, secret: str, *, at: datetime) -> int:
    """How long the session of this secret still stands. Raises NotAdmitted for one that does not."""
    expires_at: int | None = connection.scalar(
        select(tables.session.c.expires_at).where(
            tables.session.c.hash == hashed(secret), tables.session.c.ended_at.is_(None)
        )
    )
    if expires_at is None or expires_at <= microseconds(at):
        raise NotAdmitted
    return (expires_at - microseconds(at)) // 1_000_000


def end(connection: Connection, secret: str, *, at: datetime) -> str | None:
    """End the session of this secret, as `end_known`; whose it was, None for a secret that nobody was given."""
    hash_ = hashed(secret)
    end_known(connection, hash_, at=at)
    account: str | None = connection.scalar(
        select(tables.session.c.account).where(tables.session.c.hash == hash_)
    )
    return account


def end_known(connection: Connection, hash_: str, *, at: datetime) -> None:
    """End the session, and with it what the service's own apps, and those that asked for no longer, were given
    in it."""
    connection.execute(
        update(tables.session)
        .where(tables.session.c.hash == hash_, tables.session.c.ended_at.is_(None))
        .values(ended_at=microseconds(at))
    )
    family = tables.token_family.c
    own_apps = select(tables.client_app.c.client_id).where(tables.client_app.c.first_party)
    connection.execute(
        update(tables.token_family)
        .where(
            family.session == hash_,
            or_(
                family.client.in_(own_apps),
                (literal(" ") + family.scope + literal(" ")).contains(" online_access ", autoescape=True),
            ),
            family.revoked_at.is_(None),
        )
        .values(revoked_at=microseconds(at))
    )
