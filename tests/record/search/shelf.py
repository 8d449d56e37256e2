"""Resources put straight into the tables, for tests that speak of search alone.

They are shared, but for those that a test hides: these are of a child for whom no borough answers. rid
follows the order of keeping.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, delete, event, insert

from healthvisit.access.reach import PERMITTED, BoroughReach, Reach
from healthvisit.database import Database, rows_of
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, dumps
from healthvisit.record import predicate, tables
from healthvisit.record.search import index, query, select

AT = datetime(2021, 2, 15, 9, 0, tzinfo=UTC)


SEARCHED = tuple(PERMITTED["health-visitor"])

# Who searches, unless a test says so.
REACH = BoroughReach(frozenset({"E08000002", "E08000003"}), AT.date())


def keep(
    database: Database, definitions: Definitions, resources: Iterable[JSON], *, hidden: Iterable[str] = ()
) -> None:
    """Keep these resources, and only these; the first was updated first, one microsecond after 1970 began.

    hidden: ids that are out of every borough's reach.
    """
    with database.writing() as connection:
        for table in reversed(tables.metadata.sorted_tables):
            if table.name.startswith(("search_", "resource")):
                connection.execute(delete(table))
        kept = list(resources)
        rows: list[dict[str, Any]] = [
            {"rid": rid, "type": each["resourceType"], "id": each["id"], "version": 1, "updated_at": rid}
            for rid, each in enumerate(kept, 1)
        ]
        if not kept:
            return
        out_of_reach = set(hidden)
        connection.execute(
            insert(tables.resource),
            [{**row, "audience": "child" if row["id"] in out_of_reach else "shared"} for row in rows],
        )
        connection.execute(
            insert(tables.resource_version),
            [
                {
                    "rid": row["rid"],
                    "version": 1,
                    "updated_at": row["updated_at"],
                    "method": "POST",
                    "account": "test",
                    "body": dumps(each),
                }
                for row, each in zip(rows, kept, strict=True)
            ],
        )
        index.put(connection, [index.rows(each, rid, definitions) for rid, each in enumerate(kept, 1)])


def page(
    database: Database,
    definitions: Definitions,
    type_: str,
    *pairs: tuple[str, str],
    reach: Reach = REACH,
    types: Iterable[str] = SEARCHED,
) -> select.Page:
    """types: those that may be read."""
    with database.reading() as connection:
        found = query.parse(type_, pairs, definitions)
        return select.page(connection, found, reach, predicate.moment(reach, AT), frozenset(types), AT)


def statements(
    database: Database, definitions: Definitions, type_: str, *pairs: tuple[str, str]
) -> list[tuple[str, Any]]:
    """What a search asks of the database: each statement, and its values."""
    told: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, text: str, given: Any, _context: Any, _many: bool) -> None:
        told.append((text, given))

    def straight(connection: Connection, sql: str, values: Any) -> Any:
        told.append((sql, values))
        return rows_of(connection, sql, values)

    with database.engine.connect() as connection, pytest.MonkeyPatch.context() as patch:
        # The hot statements go past SQLAlchemy, straight to the driver.
        patch.setattr(select, "rows_of", straight)
        event.listen(connection, "before_cursor_execute", listen)
        found = query.parse(type_, pairs, definitions)
        select.page(connection, found, REACH, 0, frozenset(SEARCHED), AT)
    return told


def ids(
    database: Database,
    definitions: Definitions,
    type_: str,
    *pairs: tuple[str, str],
    types: Iterable[str] = SEARCHED,
) -> list[str]:
    """Ids of the matches on all pages, in the order given."""
    found: list[str] = []
    following: list[tuple[str, str]] = []
    while True:
        one = page(database, definitions, type_, *pairs, *following, types=types)
        found += [match.id for match in one.matches]
        if one.next is None:
            return found
        following = [("_page", one.next)]


def observation(id_: str, **elements: Any) -> JSON:
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "27113001"}]},
        **elements,
    }


def child(id_: str, **elements: Any) -> JSON:
    return {"resourceType": "Patient", "id": id_, **elements}


def contact(id_: str, **elements: Any) -> JSON:
    return {"resourceType": "Encounter", "id": id_, "status": "finished", "class": {"code": "HH"}, **elements}
