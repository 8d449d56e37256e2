"""A statement that is kept for one reach answers no other: whoever searches after another finds what is theirs."""

from datetime import timedelta
from itertools import permutations
from typing import get_args

import pytest
from sqlalchemy import update

from healthvisit.access.reach import (
    BoroughReach,
    ChildReach,
    Limit,
    Nothing,
    OfficeReach,
    PublishedReach,
    Reach,
    SharedReach,
    WholeRecord,
)
from healthvisit.record import tables
from healthvisit.record.search import select
from tests.record.search import shelf

BURY, SALFORD = frozenset({"E08000002"}), frozenset({"E08000006"})
ON = shelf.AT.date()
OF_SALFORD = ((("MeasureReport",), (Limit(SALFORD),)),)
NONE = ((("MeasureReport",), (Limit(frozenset()),)),)

REACHES = [
    BoroughReach(BURY, ON),
    BoroughReach(SALFORD, ON),
    BoroughReach(SALFORD, ON - timedelta(days=1)),
    BoroughReach(BURY | SALFORD, ON),
    BoroughReach(BURY | SALFORD, ON, None, OF_SALFORD),
    BoroughReach(BURY | SALFORD, ON, None, NONE),
    BoroughReach(BURY, ON, "one-child"),
    OfficeReach(BURY, ON),
    OfficeReach(SALFORD, ON),
    OfficeReach(BURY | SALFORD, ON, OF_SALFORD),
    ChildReach(frozenset({"one-child"})),
    PublishedReach(),
    SharedReach(),
    WholeRecord(),
    Nothing(),
]


@pytest.fixture
def returns(database, definitions):
    """Returns of Bury and of Salford, published figures, and what is shared."""
    whose = {"bury": "E08000002", "salford": "E08000006"}
    shelf.keep(
        database,
        definitions,
        [
            {"resourceType": "MeasureReport", "id": id_, "status": "complete"}
            for id_ in (*whose, "all", "any")
        ],
    )
    rows = tables.resource
    with database.writing() as connection:
        for id_, borough in whose.items():
            connection.execute(
                update(rows).where(rows.c.id == id_).values(audience="borough", author_borough=borough)
            )
        connection.execute(update(rows).where(rows.c.id == "all").values(audience="published"))


def test_what_one_finds_is_never_told_by_who_searched_before(database, definitions, returns):
    def found(reach, *pairs):
        return [
            match.id
            for match in shelf.page(
                database, definitions, "MeasureReport", *pairs, reach=reach, types=["MeasureReport"]
            ).matches
        ]

    asked = [(), (("status", "complete"),), (("_sort", "-_lastUpdated"),)]
    alone = {}
    for reach in REACHES:
        for pairs in asked:
            select._forms.clear()
            alone[reach, pairs] = found(reach, *pairs)
    assert alone[OfficeReach(BURY, ON), ()] == ["bury", "all", "any"]
    assert len({tuple(ids) for ids in alone.values()}) > 6
    select._forms.clear()
    for before, after in permutations(REACHES, 2):
        for pairs in asked:
            found(before, *pairs)
            assert found(after, *pairs) == alone[after, pairs], (before, after)


def test_every_kind_of_reach_is_tried():
    assert {type(each) for each in REACHES} == set(get_args(Reach))
