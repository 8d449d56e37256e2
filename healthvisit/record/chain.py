"""The audit is chained: each event carries the hash of the event before it in its stream, and its own.

A stream is written by one transaction at a time, so nobody waits for another's commit to know what came before.
What is undone gives its stream up. Anchors tell how far each stream had come, so that an end cut off is missed;
they are chained too, and a signed one, kept elsewhere, is the witness (docs/decisions/0010).

Hash of an event: SHA-256 of the 32 bytes before it and the UTF-8 JSON array, without blanks, of its stream, its
place and its values in the order of COLUMNS. Hash of an anchor: the same of the anchor before it and the array of
number, recorded_at, through, unchained and heads as text. Before the first of either stand 32 zero bytes.
"""

import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from healthvisit.database import Database, Row, Unavailable, rows_of, when_kept
from healthvisit.exact_json import dumps, loads
from healthvisit.record import rows
from healthvisit.record.tables import audit_event

# The values of an event that its hash covers; besides these, its stream and place. Its seq is the database's.
COLUMNS = (
    "id", "recorded_at", "interaction", "outcome", "account", "role", "client", "type", "resource_id",
    "version", "child_rid", "request", "detail", "boroughs",
)  # fmt: skip
_KEPT = (*COLUMNS, "stream", "place", "before", "hash")

START = bytes(32)
# How often a process that writes events ties its streams.
ANCHOR_S = 60
# Events that others may write between an event's number and its commit; many times what a process can.
SLACK = 10_000
_READ_AT_ONCE = 10_000
_ASKED_AT_ONCE = 200

_LAST = "SELECT number, unchained, hash FROM audit_anchor ORDER BY number DESC LIMIT 1"
_KEEP = (
    "INSERT INTO audit_anchor (number, recorded_at, through, unchained, heads, before, hash)"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING number"
)
_THROUGH = "SELECT coalesce(max(through), 0) FROM audit_anchor"
_GREATEST = "SELECT coalesce(max(seq), 0) FROM audit_event"
_HEADS = (
    "SELECT stream, place, hash FROM audit_event WHERE (stream, place) IN"
    " (SELECT stream, max(place) FROM audit_event WHERE seq > ? AND stream IS NOT NULL GROUP BY stream)"
)
_EVENTS = (
    f"SELECT seq, stream, place, before, hash, {', '.join(COLUMNS)} FROM audit_event"  # noqa: S608 - our names
    f" WHERE seq >= ? ORDER BY seq LIMIT {_READ_AT_ONCE}"
)
_ANCHORS = (
    "SELECT number, recorded_at, through, unchained, heads, before, hash FROM audit_anchor"
    " WHERE number >= ? ORDER BY number LIMIT 1000"
)
_ANCHOR = "SELECT hash FROM audit_anchor WHERE number = ?"


class Head(NamedTuple):
    """The last event of a stream."""

    stream: int
    place: int
    hash: bytes


class _Streams:
    """The streams that one process writes into one database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: deque[Head] = deque()
        # Streams that went on since they were last anchored.
        self._moved: dict[int, Head] = {}
        self._anchor_at = time.monotonic() + ANCHOR_S

    def taken(self) -> Head:
        """The end of a stream that nobody else has now; of a new one where none is free."""
        with self._lock:
            return self._free.pop() if self._free else Head(secrets.randbits(62), 0, START)

    def given_back(self, head: Head) -> None:
        with self._lock:
            self._free.append(head)
            self._moved[head.stream] = head

    def due(self) -> list[Head]:
        """What is to be anchored now: nothing, most of the time."""
        if time.monotonic() < self._anchor_at:
            return []
        with self._lock:
            self._anchor_at = time.monotonic() + ANCHOR_S
            return list(self._moved.values())

    def anchored(self, heads: Sequence[Head]) -> None:
        with self._lock:
            for head in heads:
                if self._moved.get(head.stream) == head:
                    del self._moved[head.stream]


_streams: WeakKeyDictionary[Engine, _Streams] = WeakKeyDictionary()
_making = threading.Lock()
# A stream belongs to one process: a child of this one begins its own.
os.register_at_fork(after_in_child=_streams.clear)


def put(connection: Connection, told: Sequence[Row]) -> None:
    """Write events down, each a row of values in the order of COLUMNS, chained in their order."""
    if not told:
        return
    streams = _of(connection.engine)
    due = streams.due()
    if due and _anchored(connection, due, recorded_at=time.time_ns() // 1000, through=None):
        when_kept(connection, lambda: streams.anchored(due))
    chained, head = follow(streams.taken(), told)
    rows.put(connection, audit_event, _KEPT, chained)
    # Until it is known that they are kept, nobody goes on from them.
    when_kept(connection, lambda: streams.given_back(head))


def follow(head: Head, told: Sequence[Row]) -> tuple[list[Row], Head]:
    """The rows with stream, place, hash before and own hash behind their values, and where the stream ends now."""
    stream, place, before = head
    chained: list[Row] = []
    for values in told:
        place += 1
        own = sha256(before + dumps((stream, place, *values))).digest()
        chained.append((*values, stream, place, before, own))
        before = own
    return chained, Head(stream, place, before)


def _of(engine: Engine) -> _Streams:
    found = _streams.get(engine)
    if found is None:
        with _making:
            found = _streams.setdefault(engine, _Streams())
    return found


@dataclass(frozen=True)
class Anchor:
    """How far the audit had come. through: greatest seq of an event then; hash: covers every anchor before."""

    number: int
    recorded_at: int
    through: int
    hash: bytes


def anchor(database: Database, *, recorded_at: int) -> Anchor:
    """Tie every stream of every process, as it is committed now. recorded_at: microseconds since 1970 UTC.

    Raises Unavailable where others were always quicker.
    """
    for _ in range(10):
        with database.writing() as connection:
            [(known,)] = _asked(connection, _THROUGH)
            [(through,)] = _asked(connection, _GREATEST)
            heads = [Head(*row) for row in _asked(connection, _HEADS, known - SLACK)]
            made = _anchored(connection, heads, recorded_at=recorded_at, through=through)
        if made is not None:
            return Anchor(made[0], recorded_at, through, made[1])
    raise Unavailable("anchor")


def _anchored(
    connection: Connection, heads: Sequence[Head], *, recorded_at: int, through: int | None
) -> tuple[int, bytes] | None:
    """Number and hash of the new anchor; None where another process made one just now."""
    # Where somebody has removed them all, events are still kept; whoever verifies misses the first.
    [(last, unchained, before)] = _asked(connection, _LAST) or [(0, 0, START)]
    number = last + 1
    told = dumps([[head.stream, head.place, head.hash.hex()] for head in sorted(heads)]).decode()
    own = _hash_of_anchor(before, (number, recorded_at, through, unchained, told))
    kept = _asked(connection, _KEEP, number, recorded_at, through, unchained, told, before, own)
    return (number, own) if kept else None


def _hash_of_anchor(before: bytes, values: Row) -> bytes:
    return sha256(before + dumps(values)).digest()


@dataclass(frozen=True)
class Broken:
    """What is wrong, and where. seq: None where the row itself is gone, or where it is an anchor."""

    what: str
    seq: int | None = None
    stream: int | None = None
    place: int | None = None


@dataclass(frozen=True)
class Verified:
    """chained: events that were looked at; unchained: those from before the chain began."""

    chained: int
    unchained: int
    streams: int
    anchors: int
    broken: Broken | None


def verify(database: Database, *, first: int = 0, witnessed: Mapping[int, bytes] | None = None) -> Verified:
    """Walk the audit in the order of seq as it is committed now, up to the first event that is broken.

    first: seq to begin at; what came before is then taken as it is told. witnessed: hashes of anchors by number, as
    they were told to somebody outside. Memory grows with the number of streams, not of events.
    """
    with _snapshot(database) as connection:
        anchors = _Anchors(connection)
        fault = anchors.check(witnessed or {})
        walk = _Walk(anchors, first)
        broken = walk.broken(connection) or fault or (None if first else walk.added())
    return Verified(walk.chained, walk.unchained, len(walk.heads), anchors.count, broken)


@contextmanager
def _snapshot(database: Database) -> Iterator[Connection]:
    """A connection whose SELECTs all see what was committed when the first was asked."""
    options: dict[str, Any] = {} if database.is_sqlite else {"isolation_level": "REPEATABLE READ"}
    with database.engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


class _Anchors:
    """The anchors as one walk has found them. began: seq after which every event is chained."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.count = 0
        self.began = 0
        self.unchained = 0
        self.through = 0
        # The furthest place of each stream that an anchor knows.
        self.places: dict[int, int] = {}

    def check(self, witnessed: Mapping[int, bytes]) -> Broken | None:
        before, missing = START, set(witnessed)
        while page := _asked(self._connection, _ANCHORS, self.count):
            for number, recorded_at, through, unchained, heads, told_before, told in page:
                own = _hash_of_anchor(before, (number, recorded_at, through, unchained, heads))
                if number != self.count:
                    return Broken(f"anchor {self.count} is missing")
                if told_before != before or told != own:
                    return Broken(f"anchor {number} was changed, or does not follow the one before it")
                if witnessed.get(number, own) != own:
                    return Broken(f"anchor {number} is not the one that was witnessed")
                missing.discard(number)
                before = own
                self.count += 1
                if number == 0:
                    self.began, self.unchained = through, unchained
                self.through = max(self.through, through or 0)
                fault = self._heads(number, loads(heads.encode()))
                if fault is not None:
                    return fault
        if missing:
            return Broken(f"anchor {min(missing)} was witnessed, and is gone")
        return Broken("the first anchor is missing") if self.count == 0 else None

    def _heads(self, number: int, heads: Sequence[tuple[int, int, str]]) -> Broken | None:
        for at in range(0, len(heads), _ASKED_AT_ONCE):
            part = heads[at : at + _ASKED_AT_ONCE]
            pairs = ", ".join(["(?, ?)"] * len(part))
            found = {
                (stream, place): (seq, own)
                for seq, stream, place, own in _asked(
                    self._connection,
                    "SELECT seq, stream, place, hash FROM audit_event"  # noqa: S608 - marks alone
                    f" WHERE (stream, place) IN (VALUES {pairs})",
                    *[value for stream, place, _ in part for value in (stream, place)],
                )
            }
            for stream, place, told in part:
                seq, own = found.get((stream, place), (None, None))
                if own is None:
                    return Broken(f"is gone; anchor {number} knew it", seq, stream, place)
                if own.hex() != told:
                    return Broken(f"is not the one that anchor {number} knew", seq, stream, place)
                self.places[stream] = max(place, self.places.get(stream, 0))
        return None


class _Walk:
    """One walk over the events in the order of seq. heads: the last event met of each stream, with its seq."""

    def __init__(self, anchors: _Anchors, first: int) -> None:
        self._anchors = anchors
        self._first = first
        self.chained = 0
        self.unchained = 0
        self.heads: dict[int, tuple[int, bytes, int]] = {}

    def broken(self, connection: Connection) -> Broken | None:
        following = self._first
        heads, encode = self.heads, dumps
        while page := _asked(connection, _EVENTS, following):
            for row in page:
                seq, stream, place, before, own = row[:5]
                if stream is None:
                    if seq > self._anchors.began:
                        return Broken("is not chained, though it is after the chain began", seq)
                    self.unchained += 1
                    continue
                if own != sha256(before + encode((stream, place, *row[5:]))).digest():
                    return Broken("was changed", seq, stream, place)
                head = heads.get(stream)
                if head is None and (place == 1 or not self._first):
                    head = (0, START, 0)
                if head is not None and (place != head[0] + 1 or before != head[1]):
                    return Broken(_misplaced(place, head[0]), seq, stream, place)
                heads[stream] = (place, own, seq)
                self.chained += 1
            following = page[-1][0] + 1
        if not self._first and self.unchained != self._anchors.unchained:
            return Broken(
                f"{self._anchors.unchained} events were there before the chain began, now {self.unchained}"
            )
        return None

    def added(self) -> Broken | None:
        """The first end of a stream that an anchor should have known, and did not."""
        late = [
            (seq, stream, place)
            for stream, (place, _, seq) in self.heads.items()
            if seq <= self._anchors.through - SLACK and place > self._anchors.places.get(stream, 0)
        ]
        if not late:
            return None
        seq, stream, place = min(late)
        return Broken("was added behind the anchors", seq, stream, place)


def _misplaced(place: int, last: int) -> str:
    if place > last + 1:
        return f"comes after place {last} of its stream: what was between is gone or was moved"
    if place <= last:
        return f"comes after place {last} of its stream: it was moved or added"
    return "does not follow the event before it in its stream"


def _asked(connection: Connection, sql: str, *values: Any) -> list[Row]:
    is_sqlite = connection.dialect.name == "sqlite"
    return rows_of(connection, sql if is_sqlite else sql.replace("?", "%s"), values)
