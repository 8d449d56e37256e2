"""Tablets: who uses which, when it was last heard from, and how much it still holds. Nothing of a child.

A tablet makes its own id. What it holds is known from its last word, also when it never comes back.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, or_, select, update

from healthvisit.accounts import tables
from healthvisit.accounts.tables import EPOCH, microseconds

# Days after which a tablet with unsent work is looked for: a Friday's work is not there on Tuesday. Our own number.
SILENT_DAYS = 3
# Days for which a tablet that holds nothing is told of. Our own number.
TOLD_DAYS = 90
# Tablets of one account: whoever asks for more is no person.
MOST = 50


@dataclass(frozen=True)
class Word:
    """What a tablet says of itself. device: its own id. build: of its page. unsent: contacts that it alone holds.
    oldest_at: when the first of them was recorded, None for none."""

    device: str
    build: str
    unsent: int
    oldest_at: datetime | None


@dataclass(frozen=True)
class Tablet:
    """One person's work on one tablet, as its last word has it. is_closed: the account signs in no more."""

    name: str
    is_closed: bool
    boroughs: frozenset[str]
    word: Word
    registered_at: datetime
    heard_at: datetime

    def silent_days(self, at: datetime) -> int:
        """Whole days since its last word."""
        return max(0, (at - self.heard_at) // timedelta(days=1))

    def is_missed(self, at: datetime) -> bool:
        """Whether somebody should look for it: it holds unsent work and has been silent for long."""
        return self.word.unsent > 0 and self.silent_days(at) >= SILENT_DAYS


def heard(
    connection: Connection, account: str, word: Word, *, boroughs: Collection[str], at: datetime
) -> bool:
    """Write down what a tablet says; its first word registers it. boroughs: of the account today; where it has none
    by now the last ones stay. False for an account that has more tablets than a person has."""
    here = tables.tablet.c
    row = connection.execute(
        select(here.boroughs, here.once).where(here.account == account, here.device == word.device)
    ).one_or_none()
    values = {
        "build": word.build,
        "heard_at": microseconds(at),
        "unsent": word.unsent,
        "oldest_at": None if word.oldest_at is None else microseconds(word.oldest_at),
    }
    if row is not None:
        today = frozenset(boroughs) or _listed(row.boroughs)
        values |= {"boroughs": _text(today), "once": _text(today | _listed(row.once))}
        connection.execute(
            update(tables.tablet).where(here.account == account, here.device == word.device).values(values)
        )
        return True
    count = connection.scalar(select(func.count()).select_from(tables.tablet).where(here.account == account))
    if (count or 0) >= MOST:
        return False
    connection.execute(
        insert(tables.tablet).values(
            **values,
            device=word.device,
            account=account,
            boroughs=_text(boroughs),
            once=_text(boroughs),
            registered_at=microseconds(at),
        )
    )
    return True


def worked_for(connection: Connection, account: str) -> frozenset[str]:
    """GSS codes of the boroughs for which the account used a tablet: an identity provider's sign-in says today's
    alone."""
    once = connection.scalars(select(tables.tablet.c.once).where(tables.tablet.c.account == account))
    return frozenset[str]().union(*map(_listed, once))


def of_boroughs(connection: Connection, boroughs: Collection[str], *, at: datetime) -> list[Tablet]:
    """Tablets of people who work for one of the boroughs, or did when they recorded what is still unsent: those that
    are missed first, then the ones with the oldest unsent work, then the rest by name."""
    if not boroughs:
        return []
    here = tables.tablet.c
    rows = connection.execute(
        select(tables.tablet, tables.account.c.name, tables.account.c.active)
        .join(tables.account, tables.account.c.id == here.account)
        .where(
            or_(*(("," + here.once + ",").contains(f",{borough},") for borough in sorted(boroughs))),
            or_(here.unsent > 0, here.heard_at > microseconds(at - timedelta(days=TOLD_DAYS))),
        )
    )
    found = [
        Tablet(
            row.name,
            not row.active,
            _listed(row.boroughs),
            Word(
                row.device, row.build, row.unsent, None if row.oldest_at is None else _instant(row.oldest_at)
            ),
            _instant(row.registered_at),
            _instant(row.heard_at),
        )
        for row in rows
        if row.unsent or not _listed(row.boroughs).isdisjoint(boroughs)
    ]
    return sorted(
        found,
        key=lambda each: (
            not each.is_missed(at),
            each.word.unsent == 0,
            each.word.oldest_at or at,
            each.name,
            each.word.device,
        ),
    )


def _text(boroughs: Collection[str]) -> str:
    return ",".join(sorted(boroughs))


def _listed(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))


def _instant(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)
