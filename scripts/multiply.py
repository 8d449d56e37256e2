"""Makes a large record of a small one: every child with all that belongs to the child, many times over.

What was written through the record is copied inside the database, with rids and ids of its own; the ids in
the bodies are replaced too. Not part of the service: `scripts/bench --size` starts it.
"""

import itertools
from typing import Any

from sqlalchemy import Column, Connection, Table, func, select, text

from healthvisit.database import Database
from healthvisit.record import tables as t

# The first letters of every id that the record has given since 2020 and will give until 2029.
LETTERS = 4
COPIED: tuple[Table, ...] = (
    t.resource, t.resource_version, t.responsibility, t.child_identifier, t.search_token, t.search_reference,
    t.search_date, t.search_string, t.search_quantity, t.search_pair,
)  # fmt: skip
# So many copies in one statement: its transaction stays within what the disk takes in some seconds.
TOGETHER = 20


def multiply(url: str, size: int) -> int:
    """Copies the children until the record has at least `size` resources; tells how many it has then."""
    database = Database(url)
    try:
        with database.writing() as connection:
            _hurry(connection)
            indexes = [index for table in COPIED for index in table.indexes]
            for index in indexes:
                index.drop(connection)
            copies = _copies(connection, size)
            prefix = _prefix(connection)
            step = connection.scalar(select(func.max(t.resource.c.rid))) or 0
            for first in range(1, copies + 1, TOGETHER):
                last = min(first + TOGETHER - 1, copies)
                for table in COPIED:
                    _copy(connection, table, prefix, step, first, last)
            for index in indexes:
                index.create(connection)
            if not database.is_sqlite:
                connection.execute(text("select setval('resource_rid_seq', (select max(rid) from resource))"))
            made: int = connection.scalar(select(func.count()).select_from(t.resource)) or 0
        with database.engine.connect() as connection:
            if database.is_sqlite:
                connection.execute(text("analyze"))
                connection.commit()
            else:
                apart = connection.execution_options(isolation_level="AUTOCOMMIT")
                apart.execute(text("vacuum analyze"))
                apart.execute(text("checkpoint"))
        return made
    finally:
        database.dispose()


def _hurry(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        # Whose row is whose was checked when the first of them was written.
        connection.execute(text("set local session_replication_role = replica"))
        connection.execute(text("set local maintenance_work_mem = '512MB'"))


def _copies(connection: Connection, size: int) -> int:
    whole, children = connection.execute(
        select(func.count(), func.count(t.resource.c.child_rid)).select_from(t.resource)
    ).one()
    return max(0, -(-(size - whole) // children))


def _prefix(connection: Connection) -> str:
    """What every id begins with."""
    letters = func.substr(t.resource.c.id, 1, LETTERS)
    found = connection.scalars(select(letters).where(t.resource.c.child_rid.is_not(None)).distinct()).all()
    if len(found) != 1 or found[0].isdigit():
        raise SystemExit(f"the ids begin in {len(found)} ways")
    return str(found[0])


def _copy(connection: Connection, table: Table, prefix: str, step: int, first: int, last: int) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    numbers = (
        "with recursive copy(k) as (select :first union all select k + 1 from copy where k < :last)"
        if is_sqlite
        else "with copy(k) as (select generate_series(cast(:first as int), cast(:last as int)))"
    )
    # b001, b002 ...: no id of the record begins so.
    letters = "printf('b%03x', k)" if is_sqlite else "'b' || lpad(to_hex(k), 3, '0')"

    def copied(column: Column[Any]) -> str:
        name = f"o.{column.name}"
        replaced = f"replace({{}}, '{prefix}', {letters})"
        if column.name in ("rid", "child_rid", "episode_rid"):
            return f"{name} + k * {step}"
        if column.name in ("id", "target_id"):
            return replaced.format(name)
        if column.name == "body" and is_sqlite:
            return f"cast({replaced.format(f'cast({name} as text)')} as blob)"
        if column.name == "body":
            encoded = f"convert_from({name}, 'UTF8')"
            return f"convert_to({replaced.format(encoded)}, 'UTF8')"
        if table is t.child_identifier and column.name == "value":
            return f"{name} || '-' || k"
        if table is t.search_token and column.name == "code":
            return f"case when o.parameter = 'identifier' then {name} || '-' || k else {name} end"
        return name

    key = "episode_rid" if table is t.responsibility else "rid"
    key = "child_rid" if table is t.child_identifier else key
    columns = list(table.columns)
    if table is t.resource:
        owned = f"from resource o, copy where o.child_rid is not null and o.rid <= {step}"
    else:
        owned = (
            f"from {table.name} o join resource r on r.rid = o.{key}, copy"
            f" where r.child_rid is not null and o.{key} <= {step}"
        )
    # PostgreSQL takes the WITH before INSERT, and so does SQLite.
    connection.execute(
        text(
            f"{numbers} insert into {table.name} ({', '.join(column.name for column in columns)})"
            f" select {', '.join(map(copied, columns))} {owned} order by k, o.{key}"
        ),
        {"first": first, "last": last},
    )


def sample(url: str, count: int) -> list[tuple[str, str]]:
    """Ids of Observations and of their children, spread evenly over what the bench's client may reach."""
    database = Database(url)
    try:
        with database.reading() as connection:
            last = connection.scalar(select(func.max(t.resource.c.rid))) or 0
            found = []
            for place in range(count):
                row = connection.execute(
                    text(
                        "select o.id, c.id from resource o join resource c on c.rid = o.child_rid"
                        " join responsibility r on r.child_rid = o.child_rid"
                        " join account_borough b on b.borough = r.borough"
                        " join client_app a on a.account = b.account and a.client_id = :client"
                        " where o.type = 'Observation' and o.rid >= :rid and r.until_on is null"
                        " order by o.rid limit 1"
                    ),
                    {"rid": last * place // count, "client": "bury-child-health-system"},
                ).first()
                if row is not None:
                    found.append((str(row[0]), str(row[1])))
        return [pair for pair, _ in itertools.groupby(found)]
    finally:
        database.dispose()
