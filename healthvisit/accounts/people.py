"""People and apps as accounts: made, found, let in, and turned into a Requester afresh on every request."""

import functools
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import (
    BigInteger,
    Connection,
    Date,
    Text,
    and_,
    bindparam,
    column,
    exists,
    insert,
    literal,
    or_,
    select,
    table,
    text,
    true,
    union_all,
    update,
)

from healthvisit.access.requester import Requester, Role
from healthvisit.access.scopes import Scope
from healthvisit.accounts import tables
from healthvisit.accounts.errors import BadRegistration, NotAdmitted, TooManyAttempts
from healthvisit.accounts.tables import hashed, microseconds
from healthvisit.database import Database, sent

LEAST_PASSWORD = 8
MOST_PASSWORD = 256

# After this many failures each one doubles the wait. An address may be a whole clinic, a name is one person.
FREE_FAILURES = {"name": 5, "address": 50}
LONGEST_WAIT_S = 300
FORGOTTEN_AFTER = timedelta(hours=1)

# OWASP's argon2id profile of 19 MiB: about 30 ms of one core.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# The record's own table: named here, so that who asks, and for which children, is one statement.
_opened_glass = table(
    "opened_glass", column("account"), column("child"), column("opened_at"), column("until")
)
_on = bindparam("on", type_=Date)
_at = bindparam("at", type_=BigInteger)
_account = bindparam("account", type_=Text)
_reached = union_all(
    select(literal("borough").label("kind"), tables.account_borough.c.borough.label("value")).where(
        tables.account_borough.c.account == _account,
        tables.account_borough.c.from_on <= _on,
        or_(tables.account_borough.c.until_on.is_(None), tables.account_borough.c.until_on > _on),
    ),
    select(literal("child"), tables.relationship.c.child).where(
        tables.relationship.c.account == _account,
        tables.relationship.c.from_on <= _on,
        or_(tables.relationship.c.until_on.is_(None), tables.relationship.c.until_on > _on),
        tables.relationship.c.withdrawn_at.is_(None),
    ),
    select(literal("opened"), _opened_glass.c.child).where(
        _opened_glass.c.account == _account, _opened_glass.c.opened_at <= _at, _opened_glass.c.until > _at
    ),
).subquery()
_standing = (
    select(
        tables.account.c.role,
        tables.account.c.fhir_user,
        tables.account.c.kind.label("made"),
        _reached.c.kind,
        _reached.c.value,
    )
    .select_from(tables.account.outerjoin(_reached, true()))
    .where(
        tables.account.c.id == _account,
        tables.account.c.active,
        tables.account.c.epoch == bindparam("epoch"),
    )
)
# A token counts only while its own row, its family and its app stand: a row that is missing admits nobody.
_standing_by_token = _standing.where(
    exists().where(
        and_(
            tables.token.c.jti == bindparam("jti"),
            tables.token.c.revoked_at.is_(None),
            tables.token_family.c.id == tables.token.c.family,
            tables.token_family.c.revoked_at.is_(None),
            tables.token_family.c.account == tables.account.c.id,
            tables.token_family.c.client == bindparam("client"),
            tables.client_app.c.client_id == tables.token_family.c.client,
            tables.client_app.c.active,
        )
    )
)


@dataclass(frozen=True)
class Person:
    """An account that has just shown its password."""

    id: str
    role: Role
    epoch: int


def create_account(
    connection: Connection,
    *,
    role: Role,
    name: str,
    sign_in_name: str | None = None,
    password: str | None = None,
    fhir_user: str | None = None,
    boroughs: Iterable[str] = (),
    from_on: date = date.min,
) -> str:
    """A new account's id.

    name: shown on pages to the person themselves.
    fhir_user: "Practitioner/<id>" or "RelatedPerson/<id>".
    boroughs: GSS codes of the boroughs it works for from `from_on`, without end.
    Raises BadRegistration.
    """
    if role not in get_args(Role) or role == "service":
        raise BadRegistration(f"no account has the role {role}")
    if (sign_in_name is None) != (password is None):
        raise BadRegistration("a sign-in name and a password go together")
    if password is not None and not LEAST_PASSWORD <= len(password) <= MOST_PASSWORD:
        raise BadRegistration(f"a password has {LEAST_PASSWORD} to {MOST_PASSWORD} characters")
    folded = None if sign_in_name is None else _folded(sign_in_name)
    if folded == "":
        raise BadRegistration("the sign-in name is empty")
    if folded and connection.scalar(
        select(tables.account.c.id).where(tables.account.c.sign_in_name == folded)
    ):
        raise BadRegistration("the sign-in name is taken")
    id_ = str(uuid.uuid4())
    connection.execute(
        insert(tables.account).values(
            id=id_,
            kind="system" if role == "system-client" else "demo",
            role=role,
            name=name,
            sign_in_name=folded,
            password_hash=None if password is None else _hasher.hash(password),
            fhir_user=fhir_user,
            epoch=1,
            active=True,
        )
    )
    for borough in boroughs:
        join_borough(connection, id_, borough, from_on=from_on)
    return id_


def named(connection: Connection, sign_in_name: str) -> str | None:
    """Id of the account with this sign-in name."""
    found: str | None = connection.scalar(
        select(tables.account.c.id).where(tables.account.c.sign_in_name == _folded(sign_in_name))
    )
    return found


def display_name(connection: Connection, account: str) -> str:
    """What pages call the person. Raises NotAdmitted where there is no such account."""
    name: str | None = connection.scalar(select(tables.account.c.name).where(tables.account.c.id == account))
    if name is None:
        raise NotAdmitted
    return name


def fhir_user_of(connection: Connection, account: str) -> str | None:
    """ "Practitioner/<id>" or "RelatedPerson/<id>", where the record knows the person."""
    found: str | None = connection.scalar(
        select(tables.account.c.fhir_user).where(tables.account.c.id == account)
    )
    return found


def epoch_of(connection: Connection, account: str) -> int:
    """What a new token or session of the account carries. Raises NotAdmitted for a closed account."""
    epoch: int | None = connection.scalar(
        select(tables.account.c.epoch).where(tables.account.c.id == account, tables.account.c.active)
    )
    if epoch is None:
        raise NotAdmitted
    return epoch


def join_borough(
    connection: Connection, account: str, borough: str, *, from_on: date, until_on: date | None = None
) -> None:
    """The account works for the borough from the first day to before the last."""
    connection.execute(
        insert(tables.account_borough).values(
            account=account, borough=borough, from_on=from_on, until_on=until_on
        )
    )


def leave_borough(connection: Connection, account: str, borough: str, *, until_on: date) -> None:
    """`until_on` is the first day on which the account no longer works for the borough."""
    row = tables.account_borough.c
    connection.execute(
        update(tables.account_borough)
        .where(
            row.account == account,
            row.borough == borough,
            or_(row.until_on.is_(None), row.until_on > until_on),
        )
        .values(until_on=until_on)
    )


def worked_for(connection: Connection, account: str, *, on: date) -> frozenset[str]:
    """GSS codes of the boroughs that the account works for on the day, or did before."""
    row = tables.account_borough.c
    return frozenset(connection.scalars(select(row.borough).where(row.account == account, row.from_on <= on)))


def raise_epoch(connection: Connection, account: str) -> None:
    """Every token and session of the account is out on its next request."""
    connection.execute(
        update(tables.account).where(tables.account.c.id == account).values(epoch=tables.account.c.epoch + 1)
    )


def close_account(connection: Connection, account: str) -> None:
    """The account signs in no more, and whoever is signed in with it is out on the next request."""
    connection.execute(update(tables.account).where(tables.account.c.id == account).values(active=False))
    raise_epoch(connection, account)


def requester_for(
    connection: Connection,
    account_id: str,
    *,
    on: date,
    scopes: tuple[Scope, ...],
    client: str | None,
    epoch: int,
    jti: str | None = None,
    local: bool = True,
    child: str | None = None,
    at: datetime | None = None,
) -> Requester:
    """The Requester as the account stands now: one statement, read afresh on every request.

    on: the civil date whose boroughs and relationships count.
    jti: of the access token that was shown; None for a browser session.
    local: whether accounts that sign in with a password are taken; production takes none.
    child: the one child that patient/ scopes speak of; without one they reach no child.
    at: the instant at which a child that was opened in an emergency must still be open; None reaches none.
    Raises NotAdmitted where the account is closed, its epoch is another, or the token was revoked.
    """
    if (jti is None) != (client is None):
        raise NotAdmitted
    statement = _standing if jti is None else _standing_by_token
    moment = -1 if at is None else microseconds(at)
    rows = sent(
        connection, statement, account=account_id, epoch=epoch, on=on, at=moment, jti=jti, client=client
    )
    if not rows or (rows[0].made == "demo" and not local):
        raise NotAdmitted
    children = frozenset(row.value for row in rows if row.kind == "child")
    boroughs = frozenset(row.value for row in rows if row.kind == "borough")
    opened = frozenset(row.value for row in rows if row.kind == "opened")
    if child is not None:
        children &= {child}
    elif any(scope.context == "patient" for scope in scopes):
        children = boroughs = opened = frozenset()
    return Requester(
        account=account_id,
        role=rows[0].role,
        scopes=scopes,
        boroughs=boroughs,
        children=children,
        client=client,
        fhir_user=rows[0].fhir_user,
        patient=child,
        opened=opened,
    )


def acting(connection: Connection, account_id: str, *, on: date, scopes: tuple[Scope, ...]) -> Requester:
    """The Requester of an account in whose name a shell command works, as it stands now. Raises NotAdmitted."""
    epoch = connection.scalar(
        select(tables.account.c.epoch).where(tables.account.c.id == account_id, tables.account.c.active)
    )
    if epoch is None:
        raise NotAdmitted
    return requester_for(connection, account_id, on=on, scopes=scopes, client=None, epoch=epoch)


def sign_in(
    database: Database, sign_in_name: str, password: str, *, address: str, at: datetime
) -> Person | None:
    """The person of this name and password, or None: the same work and the same answer for a name nobody has.

    address: where the attempt came from.
    Raises TooManyAttempts, before the password is looked at.
    """
    folded = _folded(sign_in_name)
    subjects = {"name": hashed(f"name:{folded}"), "address": hashed(f"address:{address}")}
    # Counted first and forgiven after, so that many guesses at once are not all looked at.
    with database.writing() as connection:
        for kind, subject in subjects.items():
            _count_attempt(connection, subject, free=FREE_FAILURES[kind], at=at)
    with database.reading() as connection:
        row = connection.execute(
            select(tables.account).where(tables.account.c.sign_in_name == folded, tables.account.c.active)
        ).one_or_none()
    if not _matches(row.password_hash if row else _nobodys_hash(), password[: MOST_PASSWORD + 1]) or not row:
        return None
    with database.writing() as connection:
        for subject in subjects.values():
            connection.execute(
                tables.sign_in_attempt.delete().where(tables.sign_in_attempt.c.subject == subject)
            )
    return Person(row.id, row.role, row.epoch)


def _count_attempt(connection: Connection, subject: str, *, free: int, at: datetime) -> None:
    connection.execute(
        text(
            "INSERT INTO sign_in_attempt (subject, failures, last_at, wait_until)"
            " VALUES (:subject, 0, :at, 0) ON CONFLICT (subject) DO NOTHING"
        ),
        {"subject": subject, "at": microseconds(at)},
    )
    row = connection.execute(
        select(tables.sign_in_attempt).where(tables.sign_in_attempt.c.subject == subject).with_for_update()
    ).one()
    wait = row.wait_until - microseconds(at)
    if wait > 0:
        raise TooManyAttempts(-(-wait // 1_000_000))
    forgotten = microseconds(at) - row.last_at > FORGOTTEN_AFTER / timedelta(microseconds=1)
    failures = 1 if forgotten else row.failures + 1
    wait_s = min(2 ** min(failures - free, 10), LONGEST_WAIT_S) if failures >= free else 0
    connection.execute(
        update(tables.sign_in_attempt)
        .where(tables.sign_in_attempt.c.subject == subject)
        .values(
            failures=failures,
            last_at=microseconds(at),
            wait_until=microseconds(at + timedelta(seconds=wait_s)) if wait_s else 0,
        )
    )


def _matches(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@functools.cache
def _nobodys_hash() -> str:
    return _hasher.hash(uuid.uuid4().hex)


def _folded(sign_in_name: str) -> str:
    return sign_in_name.strip().casefold()
