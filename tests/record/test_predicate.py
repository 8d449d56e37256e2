"""Each kind of reach against every kind of row, in rows alone: what the one condition lets through."""

from datetime import date, timedelta

import pytest
from sqlalchemy import insert, select, update

from healthvisit.access.reach import BoroughReach, ChildReach, Nothing, PublishedReach, WholeRecord
from healthvisit.record import predicate
from healthvisit.record.instants import micros
from healthvisit.record.tables import audit_event, resource, resource_version, responsibility
from tests.builders import BOROUGHS, NOW, TODAY

BURY, SALFORD = BOROUGHS["bury"], BOROUGHS["salford"]
RELEASED, LATER = micros(NOW), micros(NOW + timedelta(seconds=1))

# rid: (type, audience, child, author, released at)
ROWS = {
    1: ("Patient", "child", 1, BURY, None),
    2: ("Encounter", "child", 1, BURY, RELEASED),
    3: ("Encounter", "child", 1, BURY, LATER),
    4: ("Observation", "child", 1, BURY, None),
    5: ("QuestionnaireResponse", "child", 1, BURY, RELEASED),
    6: ("EpisodeOfCare", "child", 1, BURY, None),
    7: ("Patient", "child", 7, SALFORD, None),
    8: ("Encounter", "child", 7, BURY, RELEASED),
    9: ("Encounter", "child", 7, SALFORD, RELEASED),
    10: ("EpisodeOfCare", "child", 7, BURY, None),
    11: ("EpisodeOfCare", "child", 7, SALFORD, None),
    12: ("Patient", "child", 12, BURY, None),
    13: ("Organization", "shared", None, None, None),
    14: ("MeasureReport", "borough", None, BURY, None),
    15: ("MeasureReport", "borough", None, SALFORD, None),
    16: ("MeasureReport", "published", None, None, None),
}
# The second child lived in Bury until today, and from today in Salford. For the third nobody answers yet.
RESPONSIBILITIES = [
    (6, 1, BURY, date(2019, 1, 1), None),
    (10, 7, BURY, date(2019, 1, 1), TODAY),
    (11, 7, SALFORD, TODAY, None),
]


def a_version(rid, version, author):
    return {
        "rid": rid, "version": version, "updated_at": version, "method": "POST", "author_borough": author,
        "account": "a", "body": b"{}",
    }  # fmt: skip


@pytest.fixture
def rows(database):
    with database.writing() as connection:
        for rid, (type_, audience, child, author, released) in ROWS.items():
            connection.execute(
                insert(resource).values(
                    rid=rid, type=type_, id=f"id-{rid}", version=1, updated_at=0, audience=audience,
                    child_rid=child, author_borough=author, released_at=released,
                )
            )  # fmt: skip
            connection.execute(insert(resource_version).values(a_version(rid, 1, author)))
            if child is not None:
                event = {"seq": rid, "id": str(rid), "recorded_at": 0, "interaction": "read", "outcome": 0}
                event |= {"account": "a", "role": "x", "child_rid": child, "request": ""}
                connection.execute(insert(audit_event).values(event))
        for episode, child, borough, start, end in RESPONSIBILITIES:
            connection.execute(
                insert(responsibility).values(
                    episode_rid=episode, child_rid=child, borough=borough, from_on=start, until_on=end
                )
            )
    return database


def of(database, condition):
    with database.reading() as connection:
        return set(connection.scalars(select(resource.c.rid).where(condition)))


def versions(database, condition):
    with database.reading() as connection:
        joined = resource_version.join(resource, resource.c.rid == resource_version.c.rid)
        return set(connection.scalars(select(resource_version.c.rid).select_from(joined).where(condition)))


SHARED = {13}
EVERY = set(ROWS)
CASES = {
    "Bury today": (
        BoroughReach(frozenset({BURY}), TODAY),
        {1, 2, 3, 4, 5, 6} | {8, 10} | {12} | SHARED | {14, 16},
        {1, 2, 3, 4, 5, 6} | {12} | {14},
    ),
    "Bury yesterday": (
        BoroughReach(frozenset({BURY}), TODAY - timedelta(days=1)),
        {1, 2, 3, 4, 5, 6} | {7, 8, 9, 10, 11} | {12} | SHARED | {14, 16},
        {1, 2, 3, 4, 5, 6} | {7, 8, 9, 10, 11} | {12} | {14},
    ),
    "Salford today": (
        BoroughReach(frozenset({SALFORD}), TODAY),
        {7, 8, 9, 10, 11} | SHARED | {15, 16},
        {7, 8, 9, 10, 11} | {15},
    ),
    "Salford yesterday": (
        BoroughReach(frozenset({SALFORD}), TODAY - timedelta(days=1)),
        {7, 9, 11} | SHARED | {15, 16},
        {15},
    ),
    "both today": (
        BoroughReach(frozenset({BURY, SALFORD}), TODAY),
        EVERY,
        {1, 2, 3, 4, 5, 6} | {7, 8, 9, 10, 11} | {12} | {14, 15},
    ),
    "no borough": (BoroughReach(frozenset(), TODAY), SHARED | {16}, set()),
    "a parent of the first": (ChildReach(frozenset({"id-1"})), {1, 2} | SHARED, set()),
    "a parent of both": (ChildReach(frozenset({"id-1", "id-7"})), {1, 2, 7, 8, 9} | SHARED, set()),
    "a parent of an id that is not a child's": (ChildReach(frozenset({"id-2", "id-13"})), SHARED, set()),
    "a parent of nobody": (ChildReach(frozenset()), SHARED, set()),
    "a commissioner": (PublishedReach(), SHARED | {16}, set()),
    "nobody": (Nothing(), set(), set()),
    "the service": (WholeRecord(), EVERY, EVERY),
}


@pytest.mark.parametrize("case", CASES)
def test_who_reads_and_writes_which_rows(rows, case):
    reach, readable, writable = CASES[case]
    assert of(rows, predicate.readable(reach, at=NOW)) == readable
    assert of(rows, predicate.writable(reach)) == writable


@pytest.mark.parametrize(
    ("case", "episodes"),
    [("Bury today", {6, 10}), ("Salford today", {10, 11}), ("a commissioner", set()), ("nobody", set())],
)
def test_a_service_corrects_its_own_episodes(rows, case, episodes):
    reach, _, writable = CASES[case]
    assert of(rows, predicate.correctable(reach)) == writable | episodes


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("Bury today", {1, 2, 3, 4, 5, 6} | {8, 10} | {12} | SHARED | {14, 16}),
        ("Salford today", {7, 8, 9, 10, 11} | SHARED | {15, 16}),
        ("a parent of both", SHARED),
        ("a commissioner", SHARED | {16}),
        ("nobody", set()),
        ("the service", EVERY),
    ],
)
def test_who_reads_which_versions(rows, case, expected):
    assert versions(rows, predicate.readable_version(CASES[case][0])) == expected


def test_a_version_is_of_the_team_that_wrote_it_not_of_the_one_that_wrote_last(rows):
    with rows.writing() as connection:
        connection.execute(insert(resource_version).values(a_version(8, 2, SALFORD)))
        now = update(resource).where(resource.c.rid == 8).values(version=2, author_borough=SALFORD)
        connection.execute(now)
    bury = CASES["Bury today"][0]
    assert 8 not in of(rows, predicate.readable(bury, at=NOW))
    with rows.reading() as connection:
        joined = resource_version.join(resource, resource.c.rid == resource_version.c.rid)
        found = connection.scalars(
            select(resource_version.c.version)
            .select_from(joined)
            .where(resource_version.c.rid == 8, predicate.readable_version(bury))
        ).all()
    assert found == [1]


@pytest.mark.parametrize(
    ("case", "children"),
    [
        ("Bury today", {1}),
        ("Salford today", {7}),
        ("Salford yesterday", set()),
        ("a parent of both", set()),
        ("a commissioner", set()),
        ("nobody", set()),
        ("the service", {1, 7, 12}),
    ],
)
def test_who_reads_the_events_about_which_children(rows, case, children):
    with rows.reading() as connection:
        found = connection.scalars(
            select(audit_event.c.child_rid).where(predicate.readable_event(CASES[case][0]))
        )
        assert set(found) == children
