"""Nobody changes, removes, adds or moves a line of the audit without it being seen."""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from json import dumps

import alembic.command
import alembic.config
import pytest

from healthvisit.config import packaged
from healthvisit.database import Database
from healthvisit.record import audit, chain
from healthvisit.record.audit import Event
from tests.builders import NOW, a_requester


@pytest.fixture
def unanchored(monkeypatch):
    monkeypatch.setattr(chain, "SLACK", 0)


def write(database, count, account="a"):
    for number in range(count):
        event = Event("read", "Patient", f"p{number}", 1, 7)
        database.add(audit.put, audit.told([event], a_requester(account=account), at=NOW, request="r"))


def write_together(database, count):
    """Events of one transaction, as a Bundle leaves them."""
    events = [Event("create", "Observation", f"o{number}", 1, 7) for number in range(count)]
    with database.writing() as connection:
        audit.put(connection, audit.told(events, a_requester(account="w"), at=NOW, request="r"))


def again(database):
    """The same database as another process has it."""
    return Database(database.engine.url.render_as_string(hide_password=False))


def do(database, sql):
    with database.writing() as connection:
        assert connection.exec_driver_sql(sql).rowcount > 0


def asked(database, sql):
    with database.reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def places(database):
    """seq, stream and place of each event."""
    return asked(database, "select seq, stream, place from audit_event order by seq")


def test_what_is_written_follows_what_was_written_before(database):
    write(database, 5)
    write_together(database, 3)
    write_together(database, 20)
    found = chain.verify(database)
    assert (found.broken, found.chained, found.unchained) == (None, 28, 0)
    rows = asked(database, "select before, hash from audit_event order by stream, place")
    assert bytes(rows[0][0]) == chain.START
    assert found.streams == sum(bytes(before) == chain.START for before, _ in rows)


def test_the_hash_can_be_made_by_anyone_who_reads_how(database):
    write(database, 2)
    columns = ", ".join(chain.COLUMNS)
    (row,) = asked(
        database, f"select before, hash, stream, place, {columns} from audit_event where place = 2"
    )
    before, told, *values = row
    text = dumps(values, separators=(",", ":"), ensure_ascii=False)
    assert sha256(bytes(before) + text.encode()).digest() == bytes(told)


OTHER = {
    "id": "'x'", "recorded_at": "recorded_at + 1", "interaction": "'vread'", "outcome": "4",
    "account": "'b'", "role": "'service'", "client": "'x'", "type": "'Encounter'", "resource_id": "'x'",
    "version": "2", "child_rid": "8", "request": "'x'", "detail": "'x'", "boroughs": "'E08000006'",
    "stream": "stream + 1", "place": "place + 100",
}  # fmt: skip


@pytest.mark.parametrize("column", OTHER)
def test_a_changed_event_is_named(database, column):
    assert set(OTHER) == {*chain.COLUMNS, "stream", "place"}
    write(database, 5)
    seq = places(database)[2][0]
    do(database, f"update audit_event set {column} = {OTHER[column]} where seq = {seq}")
    broken = chain.verify(database).broken
    assert (broken.seq, broken.what) == (seq, "was changed")


def rewritten(database, place, *, account="b", moved_to=None):
    """An event changed, and its own hash made to fit."""
    (row,) = asked(
        database,
        f"select before, stream, place, {', '.join(chain.COLUMNS)} from audit_event where place = {place}",
    )
    before, stream, place, *values = row
    values[chain.COLUMNS.index("account")] = account
    moved_to = moved_to or place
    ((*_, own),), _ = chain.follow(chain.Head(stream, moved_to - 1, bytes(before)), [tuple(values)])
    blob = f"x'{own.hex()}'" if database.is_sqlite else f"decode('{own.hex()}', 'hex')"
    do(
        database,
        f"update audit_event set account = '{account}', place = {moved_to}, hash = {blob} where place = {place}",
    )


def test_of_any_one_bit_the_event_is_named(database):
    write_together(database, 12)
    chosen = random.Random(2021)
    columns = ["id", "recorded_at", "account", "request", "version", "child_rid", "hash", "before", "place"]
    mark = "?" if database.is_sqlite else "%s"
    for _ in range(60):
        seq, _, _ = chosen.choice(places(database))
        column = chosen.choice(columns)
        ((value,),) = asked(database, f"select {column} from audit_event where seq = {seq}")
        value = bytes(value) if isinstance(value, memoryview) else value
        with database.writing() as connection:
            sql = f"update audit_event set {column} = {mark} where seq = {seq}"
            connection.exec_driver_sql(sql, (flipped(value, chosen),))
        broken = chain.verify(database).broken
        assert (broken.seq, broken.what) == (seq, "was changed"), column
        with database.writing() as connection:
            connection.exec_driver_sql(sql, (value,))
    assert chain.verify(database).broken is None


def flipped(value, chosen):
    if isinstance(value, int):
        return value ^ 1 << 20 + chosen.randrange(10)
    letters = bytearray(value if isinstance(value, bytes) else value.encode())
    letters[chosen.randrange(len(letters))] ^= 1
    return bytes(letters) if isinstance(value, bytes) else letters.decode()


def test_an_event_changed_with_its_hash_is_seen_at_the_next(database):
    write(database, 5)
    rewritten(database, 3)
    broken = chain.verify(database).broken
    assert (broken.place, broken.what) == (4, "does not follow the event before it in its stream")


def test_the_last_event_changed_with_its_hash_is_not_the_one_that_the_anchor_knew(database):
    write(database, 5)
    chain.anchor(database, recorded_at=1)
    rewritten(database, 5)
    broken = chain.verify(database).broken
    assert (broken.place, broken.what) == (5, "is not the one that anchor 1 knew")


def test_an_event_that_left_out_a_place_is_seen(database):
    write(database, 5)
    rewritten(database, 5, moved_to=7)
    broken = chain.verify(database).broken
    assert broken.what == "comes after place 4 of its stream: what was between is gone or was moved"


@pytest.mark.parametrize("gone", [1, 3])
def test_a_removed_event_is_seen_at_the_next(database, gone):
    write(database, 5)
    do(database, f"delete from audit_event where place = {gone}")
    broken = chain.verify(database).broken
    assert (broken.place, broken.what) == (
        gone + 1,
        f"comes after place {gone - 1} of its stream: what was between is gone or was moved",
    )


def test_an_end_that_was_cut_off_is_missed_by_the_anchor(database):
    write(database, 5)
    chain.anchor(database, recorded_at=1)
    do(database, "delete from audit_event where place >= 4")
    broken = chain.verify(database).broken
    assert (broken.place, broken.what) == (5, "is gone; anchor 1 knew it")


def test_a_whole_stream_that_was_removed_is_missed_by_the_anchor(database):
    write(database, 5)
    chain.anchor(database, recorded_at=1)
    do(database, "delete from audit_event")
    assert chain.verify(database).broken.what == "is gone; anchor 1 knew it"


def test_two_events_that_changed_places_are_seen(database):
    write(database, 5)
    (second, _, _), (third, _, _) = places(database)[1:3]
    for old, new in ((second, 1000), (third, second), (1000, third)):
        do(database, f"update audit_event set seq = {new} where seq = {old}")
    broken = chain.verify(database).broken
    assert broken.seq == second
    assert broken.what == "comes after place 1 of its stream: what was between is gone or was moved"


def test_an_event_that_was_moved_to_the_end_is_seen(database):
    write(database, 5)
    do(database, "update audit_event set seq = 1000 where place = 5")
    do(database, "update audit_event set seq = 1001 where place = 4")
    assert chain.verify(database).broken.seq == 1000


def test_an_event_slipped_in_is_seen(database):
    write(database, 5)
    columns = ", ".join(chain.COLUMNS).replace("id, ", "'x', ", 1)
    into = f"insert into audit_event ({', '.join(chain.COLUMNS)}, stream, place, before, hash)"
    do(database, f"{into} select {columns}, stream, 6, before, hash from audit_event where place = 5")
    assert chain.verify(database).broken.what == "was changed"
    do(database, "delete from audit_event where place = 6")
    do(database, f"{into} select {columns}, null, null, null, null from audit_event where place = 5")
    assert chain.verify(database).broken.what == "is not chained, though it is after the chain began"


@pytest.mark.usefixtures("unanchored")
def test_a_stream_made_up_afterwards_is_seen_behind_the_anchors(database):
    write(database, 5)
    last = places(database)[-1][0]
    do(database, f"update audit_event set seq = {last + 50} where seq = {last}")
    chain.anchor(database, recorded_at=1)
    assert chain.verify(database).broken is None
    told = audit.told([Event("read")], a_requester(account="made-up"), at=NOW, request="r")
    ((*values,),), _ = chain.follow(chain.Head(5, 0, chain.START), told)
    columns = (*chain.COLUMNS, "stream", "place", "before", "hash", "seq")
    marks = ", ".join(["?" if database.is_sqlite else "%s"] * len(columns))
    with database.writing() as connection:
        connection.exec_driver_sql(
            f"insert into audit_event ({', '.join(columns)}) values ({marks})", (*values, last + 1)
        )
    broken = chain.verify(database).broken
    assert (broken.seq, broken.what) == (last + 1, "was added behind the anchors")


def test_what_was_undone_leaves_no_gap(database):
    def undone():
        with database.writing() as connection:
            told = audit.told([Event("create")], a_requester(), at=NOW, request="r")
            audit.put(connection, told)
            raise ZeroDivisionError

    write_together(database, 2)
    with pytest.raises(ZeroDivisionError):
        undone()
    write_together(database, 2)
    write(database, 2)
    found = chain.verify(database)
    assert (found.broken, found.chained) == (None, 6)


def test_writers_and_readers_at_once_leave_whole_streams(database):
    def work(number):
        for _ in range(15):
            write_together(database, 2)
            write(database, 1, account=f"reader-{number}")

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [None] * 6
    found = chain.verify(database)
    assert (found.broken, found.chained) == (None, 6 * 15 * 3)
    assert found.streams <= 12


def test_two_processes_write_streams_of_their_own(database):
    other = again(database)
    for _ in range(3):
        write(database, 1)
        write(other, 1)
    other.dispose()
    found = chain.verify(database)
    assert (found.broken, found.chained, found.streams) == (None, 6, 2)


def test_a_forked_process_begins_its_own_streams(database):
    write(database, 2)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(len(chain._streams)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"0"
    os.close(reading)
    os.close(writing)
    write(database, 1)
    assert chain.verify(database).streams == 1


def test_a_process_ties_its_own_streams_now_and_then(database, monkeypatch):
    monkeypatch.setattr(chain, "ANCHOR_S", 0)
    write(database, 3)
    write_together(database, 2)
    found = chain.verify(database)
    assert found.broken is None
    # the first is the migration's; each later one tells what was written before it
    assert found.anchors >= 3
    do(database, "delete from audit_event where place = 3")
    do(database, "delete from audit_event where place = 2")
    assert chain.verify(database).broken is not None


def test_an_anchor_that_was_changed_or_removed_is_seen(database):
    write(database, 3)
    for at in range(3):
        chain.anchor(database, recorded_at=at)
    do(database, "update audit_anchor set recorded_at = 9 where number = 2")
    assert chain.verify(database).broken.what.startswith("anchor 2 was changed")
    do(database, "delete from audit_anchor where number = 2")
    assert chain.verify(database).broken.what == "anchor 2 is missing"
    do(database, "delete from audit_anchor")
    assert chain.verify(database).broken.what == "the first anchor is missing"
    write(database, 1)
    chain.anchor(database, recorded_at=9)
    assert chain.verify(database).broken.what == "anchor 0 is missing"


def test_a_chain_that_was_written_anew_is_seen_by_the_witness(database):
    write(database, 3)
    anchor = chain.anchor(database, recorded_at=1)
    witnessed = {anchor.number: anchor.hash}
    assert chain.verify(database, witnessed=witnessed).broken is None
    do(database, "delete from audit_event")
    do(database, "delete from audit_anchor where number > 0")
    assert chain.verify(database).broken is None
    assert chain.verify(database, witnessed=witnessed).broken.what == "anchor 1 was witnessed, and is gone"
    forger = again(database)
    write(forger, 3, account="somebody else")
    chain.anchor(forger, recorded_at=1)
    forger.dispose()
    assert chain.verify(database).broken is None
    broken = chain.verify(database, witnessed=witnessed).broken
    assert broken.what == "anchor 1 is not the one that was witnessed"


def test_a_walk_from_later_on_takes_what_came_before_as_told(database):
    write(database, 10)
    seqs = [seq for seq, _, _ in places(database)]
    do(database, f"update audit_event set account = 'b' where seq in ({seqs[1]}, {seqs[7]})")
    assert chain.verify(database).broken.seq == seqs[1]
    assert chain.verify(database, first=seqs[4]).broken.seq == seqs[7]
    found = chain.verify(database, first=seqs[8])
    assert (found.broken, found.chained) == (None, 2)


def test_what_was_written_before_the_chain_began_is_told_apart(database):
    before = again(database)
    write(before, 4)
    before.dispose()
    configuration = alembic.config.Config()
    configuration.set_main_option("script_location", str(packaged("migrations")))
    configuration.attributes["database"] = database
    with database.writing() as connection:
        connection.exec_driver_sql("drop table audit_anchor")
        connection.exec_driver_sql("drop index ix_audit_event_stream_place")
        # On PostgreSQL a policy asks for one of them; policies are put anew by the upgrade.
        with_policies = "" if database.is_sqlite else " cascade"
        for column in ("boroughs", "stream", "place", "before", "hash"):
            connection.exec_driver_sql(f"alter table audit_event drop column {column}{with_policies}")
    alembic.command.stamp(configuration, "0005")
    alembic.command.upgrade(configuration, "0006")
    write(database, 3)
    found = chain.verify(database)
    assert (found.broken, found.chained, found.unchained) == (None, 3, 4)
    do(database, f"delete from audit_event where seq = {places(database)[0][0]}")
    assert chain.verify(database).broken.what == "4 events were there before the chain began, now 3"
