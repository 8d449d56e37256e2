"""Resources put straight into the tables, for tests that speak of search alone.

They are shared, so that a test names its own reach by the ids that may be read; rid follows the order of
keeping.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, true

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, dumps
from healthvisit.record import tables
from healthvisit.record.search import index, query, select

AT = datetime(2021, 2, 15, 9, 0, tzinfo=UTC)


def keep(database: Database, definitions: Definitions, resources: Iterable[JSON]) -> None:
    """Keep these resources, and only these; the first was updated first, one microsecond after 1970 began."""
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
        connection.execute(insert(tables.resource), [{**row, "audience": "shared"} for row in rows])
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
    reach: ColumnElement[bool] | None = None,
) -> select.Page:
    with database.reading() as connection:
        found = query.parse(type_, pairs, definitions)
        return select.page(connection, found, true() if reach is None else reach, AT)


def ids(
    database: Database,
    definitions: Definitions,
    type_: str,
    *pairs: tuple[str, str],
    reach: ColumnElement[bool] | None = None,
) -> list[str]:
    """Ids of the matches on all pages, in the order given."""
    found: list[str] = []
    following: list[tuple[str, str]] = []
    while True:
        one = page(database, definitions, type_, *pairs, *following, reach=reach)
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
