"""The search rows of the whole record made again, where what is searched by has changed since they were made.

A parameter without its rows finds too little, and would hide a child's record: so nobody has to remember it.
"""

from collections.abc import Callable

from sqlalchemy import bindparam, select

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, loads
from healthvisit.record import sensitive
from healthvisit.record.search import index
from healthvisit.record.tables import resource, resource_version

# Resources read at a time: what is in memory does not grow with the record.
BATCH = 200

_CURRENT = select(resource.c.rid, resource.c.type, resource.c.sensitive, resource_version.c.body).join(
    resource_version,
    (resource_version.c.rid == resource.c.rid) & (resource_version.c.version == resource.c.version),
)
# The rows are held until their index is written: who changes one of them meanwhile waits, and writes after.
_NEXT = (
    _CURRENT.where(
        resource.c.rid > bindparam("after"),
        resource.c.deleted.is_(False),
        # A sealed record is found by nothing (adoption.py).
        resource.c.audience != "sealed",
    )
    .order_by(resource.c.rid)
    .limit(bindparam("most"))
    .with_for_update(of=resource)
)
_PARAMETERS = _CURRENT.where(resource.c.type == "SearchParameter", resource.c.deleted.is_(False))


def is_needed(database: Database, definitions: Definitions) -> bool:
    """Whether the search parameters that stand in the record are others than those in use."""
    with database.reading() as connection:
        stored = [_told(loads(row.body)) for row in connection.execute(_PARAMETERS)]
    used = [_told(definition) for definition in definitions.of_type("SearchParameter")]
    return sorted(stored) != sorted(used)


def rebuild(
    database: Database, definitions: Definitions, *, progress: Callable[[int], None] | None = None
) -> int:
    """Make the search rows of every resource again, some at a time, each batch in a transaction of its own.

    progress: told how many are done after each batch. Returns how many there are. Searches go on meanwhile;
    what is not reached yet is found by its former rows.
    """
    done, after = 0, 0
    while True:
        with database.writing() as connection:
            rows = connection.execute(_NEXT, {"after": after, "most": BATCH}).all()
            if not rows:
                return done
            index.remove(connection, [row.rid for row in rows])
            index.put(
                connection,
                [
                    index.rows(
                        sensitive.indexed(row.type, loads(row.body), row.sensitive), row.rid, definitions
                    )
                    for row in rows
                ],
            )
        done, after = done + len(rows), rows[-1].rid
        if progress is not None:
            progress(done)


def _told(definition: JSON) -> tuple[str, ...]:
    """What of a search parameter its rows depend on."""
    return tuple(str(definition.get(name)) for name in ("code", "type", "base", "expression", "component"))
