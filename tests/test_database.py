"""What is committed stays, what was undone is gone, and each thread is told about its own rows."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from healthvisit.database import LEAST_IN_ARRAYS, Database, at_once, sent
from healthvisit.record import rows
from healthvisit.record.tables import search_string, search_token

COLUMNS = ("type", "parameter", "code", "system", "rid")


@pytest.fixture
def database(_bare, tmp_path):
    """One that lets its reader write any row: that of the owner."""
    opened = Database(_bare(tmp_path))
    yield opened
    opened.dispose()


def kept(database):
    with database.reading() as connection:
        return [
            tuple(row)
            for row in connection.execute(
                select(search_token.c.code, search_token.c.rid).order_by(search_token.c.rid)
            )
        ]


def row(code, rid):
    return ("Observation", "code", code, "", rid)


def put(connection, values):
    rows.put(connection, search_token, COLUMNS, values)


class Slow:
    """A `put` that keeps its first caller waiting until `others` more threads have come."""

    def __init__(self, database, others):
        self.database = database
        self.others = others
        self.groups = []

    def __call__(self, connection, values):
        if not self.groups:
            gathered = self.database._gathered[self]
            while len(gathered._waiting) < self.others:
                threading.Event().wait(0.001)
        self.groups.append(len(values))
        put(connection, values)


def test_what_many_readers_add_at_once_is_committed_together_and_in_order(database):
    slow = Slow(database, others=7)
    with ThreadPoolExecutor(8) as pool:
        done = [
            pool.submit(database.add, slow, [row(str(thread), thread * 10 + n) for n in range(3)])
            for thread in range(8)
        ]
        for each in done:
            each.result()
    assert slow.groups == [3, 21]
    assert kept(database) == [(str(thread), thread * 10 + n) for thread in range(8) for n in range(3)]


def test_readers_who_come_at_once_wait_for_no_connection_that_another_keeps(database):
    """Ten threads, each of which asks two things at once as nobody, then one as somebody."""
    told = (("kind", "borough"), ("account", "a-nurse"))
    together = threading.Barrier(10, timeout=15)

    def ask():
        together.wait()
        with database.reading() as one, database.reading() as other:
            together.wait()
            assert one.scalar(select(1)) == other.scalar(select(1)) == 1
        with database.reading(told) as connection:
            together.wait()
            return connection.scalar(select(1))

    with ThreadPoolExecutor(10) as pool:
        assert [each.result(timeout=20) for each in [pool.submit(ask) for _ in range(10)]] == [1] * 10


def test_rows_that_cannot_be_kept_are_told_to_their_thread_alone(database):
    database.add(put, [row("stands", 1)])
    slow = Slow(database, others=3)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(database.add, slow, [row("first", 2)])
        others = [
            pool.submit(database.add, slow, [row(code, rid)])
            for code, rid in (("good", 3), ("stands", 1), ("good", 4))
        ]
        first.result()
        outcomes = [each.exception() for each in others]
    assert [type(outcome) for outcome in outcomes] == [type(None), IntegrityError, type(None)]
    assert kept(database) == [("stands", 1), ("first", 2), ("good", 3), ("good", 4)]


@pytest.mark.parametrize("count", [1, LEAST_IN_ARRAYS - 1, LEAST_IN_ARRAYS, 300])
def test_many_rows_are_kept_whole_or_not_at_all(database, count):
    strange = "tab\tquote'\"back\\slash \\N\nline é 👶"
    values = [row(strange, rid) for rid in range(count)]
    with database.writing() as connection:
        put(connection, values)
    assert kept(database) == [(strange, rid) for rid in range(count)]
    more = [row("more", rid) for rid in range(1000, 1000 + count)]
    with pytest.raises(IntegrityError), database.writing() as connection:
        put(connection, [*more, values[0]])
    assert len(kept(database)) == count


def test_rows_of_many_tables_go_together_and_fall_together(database):
    def enter(codes, words):
        with database.writing() as connection, at_once(connection):
            put(connection, codes)
            rows.put(connection, search_string, ("type", "parameter", "folded", "exact", "rid"), words)

    def interrupted():
        with database.writing() as connection, at_once(connection):
            put(connection, [row("d", 4)])
            raise ZeroDivisionError

    words = [("Patient", "name", "ana", "Ana", 5)]
    enter([row("a", 1), row("b", 2)], words)
    assert kept(database) == [("a", 1), ("b", 2)]
    with pytest.raises(IntegrityError):
        enter([row("c", 3)], words)
    with pytest.raises(ZeroDivisionError):
        interrupted()
    enter([row("e", rid) for rid in range(10, 10 + LEAST_IN_ARRAYS)], [])
    assert [code for code, _ in kept(database)] == ["a", "b", *["e"] * LEAST_IN_ARRAYS]


def test_a_statement_that_is_kept_is_sent_only_with_every_value_it_needs(database):
    database.add(put, [row("a", 1), row("b", 2)])
    statement = select(search_token.c.rid).where(
        search_token.c.code == bindparam("code"), search_token.c.type.in_(["Observation", "Patient"])
    )
    with database.reading() as connection:
        assert sent(connection, statement, code="a") == [(1,)]
        assert sent(connection, statement, code="b") == [(2,)]
        with pytest.raises(KeyError):
            sent(connection, statement)
