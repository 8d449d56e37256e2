"""How often who may ask: requests of one kind by one account, or from one address, in a span of time.

Guesses at a password are slowed in `people`, each one more than the one before.
"""

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, select, text

from healthvisit.accounts import tables
from healthvisit.accounts.errors import TooManyAttempts
from healthvisit.accounts.tables import hashed, microseconds

# grants: tokens given to one account; refusals: of tokens, to one address, which may be a whole clinic's; begun:
# sign-ins handed to an identity provider, from one address; openings: of children of other boroughs, by one account,
# whether they were right or wrong.
Kind = Literal["grants", "refusals", "begun", "openings"]
# How many, in how many seconds.
MOST: dict[Kind, tuple[int, int]] = {
    "grants": (300, 60),
    "refusals": (100, 60),
    "begun": (100, 60),
    "openings": (10, 3600),
}


def check(connection: Connection, kind: Kind, whose: str, *, at: datetime) -> None:
    """Raises TooManyAttempts where there were as many as may be."""
    most, span_s = MOST[kind]
    attempt = tables.sign_in_attempt.c
    row = connection.execute(
        select(attempt.failures, attempt.last_at).where(attempt.subject == hashed(f"{kind}:{whose}"))
    ).one_or_none()
    if row is None:
        return
    left = row.last_at + span_s * 1_000_000 - microseconds(at)
    if row.failures >= most and left > 0:
        raise TooManyAttempts(-(-left // 1_000_000))


def count(connection: Connection, kind: Kind, whose: str, *, at: datetime) -> None:
    """One more. Of these rows last_at is when the span began."""
    begun = at - timedelta(seconds=MOST[kind][1])
    connection.execute(
        text(
            "INSERT INTO sign_in_attempt (subject, failures, last_at, wait_until) VALUES (:subject, 1, :at, 0)"
            " ON CONFLICT (subject) DO UPDATE SET"
            " failures = CASE WHEN sign_in_attempt.last_at <= :begun"
            " THEN 1 ELSE sign_in_attempt.failures + 1 END,"
            " last_at = CASE WHEN sign_in_attempt.last_at <= :begun THEN :at ELSE sign_in_attempt.last_at END"
        ),
        {"subject": hashed(f"{kind}:{whose}"), "at": microseconds(at), "begun": microseconds(begun)},
    )


def spend(connection: Connection, kind: Kind, whose: str, *, at: datetime) -> None:
    """One more, where there may be one more. Raises TooManyAttempts."""
    check(connection, kind, whose, at=at)
    count(connection, kind, whose, at=at)
