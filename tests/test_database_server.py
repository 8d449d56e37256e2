"""What only a database on a server can do to us; collected where HEALTHVISIT_TEST_DATABASE names one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from sqlalchemy import Column, Integer, Table, Text, text

from healthvisit.database import Contended, Database, Unavailable, metadata
from tests.test_database import kept, put, row


@pytest.fixture
def database(_bare, tmp_path):
    opened = Database(_bare(tmp_path))
    yield opened
    opened.dispose()


def test_a_connection_that_the_server_has_closed_is_not_used_again(database):
    for _ in range(2):
        assert database.answers()
        database.add(put, [row("x", len(kept(database)))])
        with database.writing() as connection:
            connection.execute(
                text("select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                     " where datname = current_database() and pid != pg_backend_pid()")
            )  # fmt: skip
    assert len(kept(database)) == 2


def test_a_writer_who_finds_every_connection_in_use_is_told_to_come_again(database):
    database.engine.pool._timeout = 0.05
    with ExitStack() as held:

        def take_them_all():
            for _ in range(100):
                held.enter_context(database.writing())

        with pytest.raises(Unavailable):
            take_them_all()
    with database.writing() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_two_writers_who_wait_for_each_other_are_told_to_try_again(database):
    pair = Table("pair", metadata, Column("id", Integer, primary_key=True), Column("name", Text))
    metadata.remove(pair)
    with database.writing() as connection:
        pair.create(connection)
        connection.execute(pair.insert(), [{"id": 1}, {"id": 2}])
    both = threading.Barrier(2)

    def write(first, second):
        with database.writing() as connection:
            connection.execute(pair.update().where(pair.c.id == first).values(name="x"))
            both.wait(10)
            connection.execute(pair.update().where(pair.c.id == second).values(name="x"))

    with ThreadPoolExecutor(2) as pool:
        errors = [each.exception() for each in [pool.submit(write, 1, 2), pool.submit(write, 2, 1)]]
    assert sorted(type(error) for error in errors if error) == [Contended]
