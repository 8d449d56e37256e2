"""Signed-in browser sessions, kept on the server so that signing out is true at once."""

import secrets
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, false, insert, literal, or_, select, true, update

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


class Shown(NamedTuple):
    """How a person showed who they are at an identity provider.

    acr: what it says of how well. sid: its own name of the session there, where it tells one.
    signed_in_at: when they did; None for now.
    """

    provider: str
    acr: str
    sid: str | None = None
    signed_in_at: datetime | None = None


def begin(
    connection: Connection, person: Person, *, at: datetime, life_s: int, shown: Shown | None = None
) -> str:
    """The new session's secret, to be kept by the browser alone. shown: None for a password."""
    secret = secrets.token_urlsafe(32)
    connection.execute(
        insert(tables.session).values(
            hash=hashed(secret),
            account=person.id,
            epoch=person.epoch,
            started_at=microseconds(at),
            expires_at=microseconds(at + timedelta(seconds=life_s)),
            provider=shown.provider if shown else None,
            acr=shown.acr if shown else None,
            sid=shown.sid if shown else None,
            signed_in_at=microseconds((shown and shown.signed_in_at) or at),
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
    """A browser in which somebody is signed in.

    hash: names it to its owner; it opens nothing. signed_in_at: when the person showed who they are, which was
    before, where an identity provider knew them still. provider, acr: as in Shown; None for a password.
    """

    hash: str
    started_at: datetime
    expires_at: datetime
    signed_in_at: datetime
    provider: str | None
    acr: str | None


def of(connection: Connection, account: str, *, at: datetime) -> list[Held]:
    """The account's sessions that stand, the latest first."""
    row = tables.session.c
    found = connection.execute(
        select(tables.session)
        .join(tables.account, tables.account.c.id == row.account)
        .where(
            row.account == account,
            row.ended_at.is_(None),
            row.expires_at > microseconds(at),
            row.epoch == tables.account.c.epoch,
        )
        .order_by(row.started_at.desc(), row.hash)
    )
    return [_held(each) for each in found]


def known(connection: Connection, hash_: str, *, account: str) -> Held | None:
    """The account's session of this hash, whether or not it stands."""
    row = connection.execute(
        select(tables.session).where(tables.session.c.hash == hash_, tables.session.c.account == account)
    ).one_or_none()
    return None if row is None else _held(row)


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
    in it; of a member of staff's selected role, everything, and the boroughs, where no other session stands."""
    row = tables.session.c
    connection.execute(
        update(tables.session)
        .where(row.hash == hash_, row.ended_at.is_(None))
        .values(ended_at=microseconds(at))
    )
    held = connection.execute(
        select(row.account, row.provider, tables.account.c.role)
        .join(tables.account, tables.account.c.id == row.account)
        .where(row.hash == hash_)
    ).one_or_none()
    of_a_selected_role = held is not None and held.provider is not None and held.role != "parent"
    if held is not None and of_a_selected_role and not of(connection, held.account, at=at):
        connection.execute(
            tables.account_borough.delete().where(tables.account_borough.c.account == held.account)
        )
    family = tables.token_family.c
    own_apps = select(tables.client_app.c.client_id).where(tables.client_app.c.first_party)
    connection.execute(
        update(tables.token_family)
        .where(
            family.session == hash_,
            or_(
                true() if of_a_selected_role else false(),
                family.client.in_(own_apps),
                (literal(" ") + family.scope + literal(" ")).contains(" online_access ", autoescape=True),
            ),
            family.revoked_at.is_(None),
        )
        .values(revoked_at=microseconds(at))
    )


def end_of_provider(
    connection: Connection, issuer: str, provider: str, *, subject: str | None, sid: str | None, at: datetime
) -> str | None:
    """End what a provider says has ended: sessions of its subject, or its session `sid`, or of both; whose."""
    row, identity = tables.session.c, tables.federated_identity.c
    asked = (
        select(row.hash, row.account)
        .join(tables.federated_identity, identity.account == row.account)
        .where(identity.issuer == issuer, row.provider == provider, row.ended_at.is_(None))
    )
    if subject is not None:
        asked = asked.where(identity.subject == subject)
    if sid is not None:
        asked = asked.where(row.sid == sid)
    found = connection.execute(asked).all()
    for each in found:
        end_known(connection, each.hash, at=at)
    return found[0].account if found else None


def _held(row: Row[Any]) -> Held:
    def instant(microseconds_: int) -> datetime:
        return EPOCH + timedelta(microseconds=microseconds_)

    return Held(
        row.hash,
        instant(row.started_at),
        instant(row.expires_at),
        # Of a session from before this was kept, when it began is when the person showed who they are.
        instant(row.started_at if row.signed_in_at is None else row.signed_in_at),
        row.provider,
        row.acr,
    )
