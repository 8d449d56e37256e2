import pytest
import sqlalchemy

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.record import tables
from healthvisit.record.search import rebuild
from tests.record.search import shelf
from tests.record.search.shelf import child, observation

ROWS = [table for table in tables.resource.metadata.sorted_tables if table.name.startswith("search_")]


def _rows(database: Database) -> dict[str, set[tuple[object, ...]]]:
    with database.reading() as connection:
        return {table.name: {tuple(row) for row in connection.execute(table.select())} for table in ROWS}


def test_every_resource_is_found_again_after_what_is_searched_by_has_changed(
    database: Database, definitions: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "BATCH", 3)
    kept = [child(f"p{n}", name=[{"family": "Khan"}], identifier=[{"value": str(n)}]) for n in range(5)]
    kept += [
        observation(
            f"o{n}", subject={"reference": "Patient/p1"}, valueQuantity={"value": n}, effectiveDateTime="2021"
        )
        for n in range(5)
    ]
    shelf.keep(database, definitions, kept)
    before = _rows(database)
    assert all(rows for name, rows in before.items() if name != "search_pair")
    with database.writing() as connection:
        for table in ROWS:
            connection.execute(sqlalchemy.delete(table))
        # A row of a parameter that is no more.
        former = {"type": "Patient", "parameter": "colour", "code": "blue", "system": "", "rid": 1}
        connection.execute(sqlalchemy.insert(tables.search_token).values(former))
        connection.execute(
            sqlalchemy.update(tables.resource).where(tables.resource.c.id == "o4").values(deleted=True)
        )
    told: list[int] = []
    assert rebuild.rebuild(database, definitions, progress=told.append) == 9
    assert told == [3, 6, 9]
    after = _rows(database)
    for name, rows in before.items():
        assert after[name] == {row for row in rows if row[-1] != 10}, name


def test_it_is_known_when_the_rows_are_to_be_made_again(
    furnished: Database, definitions: Definitions
) -> None:
    assert not rebuild.is_needed(furnished, definitions)
    changed = {
        key: {**body, "expression": "Patient.language"}
        if key == ("SearchParameter", "Patient-language")
        else body
        for key, body in definitions.resources.items()
    }
    assert rebuild.is_needed(furnished, Definitions(changed, definitions.elements, definitions.pack))
