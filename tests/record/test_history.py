from datetime import timedelta

import pytest

from healthvisit.record.errors import Forbidden, Invalid, NotFound
from healthvisit.record.record import opened
from tests.builders import NOW, a_child, a_requester, an_observation

NEVER = "01900000-0000-7000-8000-000000000000"
MINUTE = timedelta(minutes=1)


def minute(number):
    """The instant of a minute after nine, as text."""
    return (NOW + number * MINUTE).isoformat().replace("+00:00", "Z")


@pytest.fixture
def enter(furnished, definitions):
    def enter(requester=None, *, writing=False, at=NOW):
        return opened(furnished, requester or a_requester(), definitions=definitions, at=at, writing=writing)

    return enter


@pytest.fixture
def weight(furnished, definitions, enter):
    """A weight made at 9:01, changed at 9:02 and deleted at 9:03."""
    child = a_child().kept_in(furnished, definitions)
    with enter(writing=True, at=NOW + MINUTE) as record:
        made = record.create("Observation", an_observation(child.reference)).version
    with enter(writing=True, at=NOW + 2 * MINUTE) as record:
        record.update("Observation", made.id, made.json(), if_match='W/"1"')
    with enter(writing=True, at=NOW + 3 * MINUTE) as record:
        record.delete("Observation", made.id)
    return made


def told(page):
    return [(each.type, each.version, each.method) for each in page.matches]


def test_the_history_of_a_type_and_of_all_tells_changes_and_deletions(enter, weight):
    with enter() as record:
        of_type = record.history("Observation")
        of_all = record.history(None, since=minute(1))
    expected = [("Observation", 3, "DELETE"), ("Observation", 2, "PUT"), ("Observation", 1, "POST")]
    assert told(of_type) == told(of_all) == expected
    assert of_type.total == of_all.total == 3
    assert [bool(each.body) for each in of_type.matches] == [False, True, True]


def test_history_since_a_moment_and_at_a_time(enter, weight):
    def versions(**asked):
        with enter() as record:
            pages = record.history("Observation", weight.id, **asked), record.history("Observation", **asked)
        assert told(pages[0]) == told(pages[1])
        assert pages[0].total == len(pages[0].matches)
        return [each.version for each in pages[0].matches]

    assert versions(since=minute(2)) == [3, 2]
    assert versions(since=minute(9)) == []
    assert versions(since="2021-02-15") == [3, 2, 1]
    assert versions(at=minute(0)) == []
    assert versions(at=minute(1)) == [1]
    assert versions(at=minute(2)) == [2]
    assert versions(at=minute(8)) == [3]
    assert versions(at="2021-02-14") == []
    assert versions(at="2021-02-15") == [3, 2, 1]
    assert versions(at="2021-02-15", since=minute(3)) == [3]


@pytest.mark.parametrize("id_", [None, "own"])
def test_history_comes_in_pages_that_nothing_written_meanwhile_moves(
    enter, weight, furnished, definitions, id_
):
    seen, page = [], None
    while True:
        with enter() as record:
            found = record.history(
                "Observation", weight.id if id_ else None, count=1, page=page, since=minute(1)
            )
        assert dict(found.parameters) == {"_count": "1", "_since": minute(1)}
        seen += [each.version for each in found.matches]
        page = found.next
        if page is None:
            break
        child = a_child().kept_in(furnished, definitions)
        with enter(writing=True, at=NOW + 9 * MINUTE) as record:
            record.create("Observation", an_observation(child.reference))
    assert seen == [3, 2, 1]


def test_history_shows_no_more_than_its_reader_reaches(enter, weight):
    with enter(a_requester(boroughs=["salford"])) as record:
        assert told(record.history("Observation")) == []
        assert {each.type for each in record.history(None, count=1000).matches}.isdisjoint(
            ("Observation", "Patient", "EpisodeOfCare")
        )
        for id_ in (weight.id, NEVER):
            with pytest.raises(NotFound):
                record.history("Observation", id_, since=minute(1))


def test_parents_see_what_stands_and_not_how_it_came_to_stand(enter, furnished, definitions):
    child = a_child().kept_in(furnished, definitions)
    with enter(a_requester("parent", children=[child.id])) as record:
        assert told(record.history("Patient")) == []
        assert "Patient" not in {each.type for each in record.history(None, count=1000).matches}


def test_the_history_of_a_type_needs_the_right_to_search_it(enter, weight):
    with enter(a_requester(scopes="user/Observation.r user/Patient.s")) as record:
        with pytest.raises(Forbidden):
            record.history("Observation")
        assert {each.type for each in record.history(None).matches} == {"Patient"}
        assert record.history("Observation", weight.id).total == 3
    with enter(a_requester(scopes="user/Observation.r")) as record, pytest.raises(Forbidden):
        record.history(None)


@pytest.mark.parametrize(
    "asked",
    [
        {"count": "x"}, {"count": "-1"}, {"page": "x"}, {"page": "1"}, {"page": "1-"}, {"since": "yesterday"},
        {"since": "ge2021"}, {"at": ""}, {"at": "gt2021-01-01"}, {"since": "2021-02-30"},
    ],
)  # fmt: skip
def test_what_a_history_cannot_be_asked(enter, weight, asked):
    for id_ in (weight.id, None):
        with enter() as record, pytest.raises(Invalid):
            record.history("Observation", id_, **asked)


def test_the_history_of_the_audit_is_not_kept(enter):
    with enter() as record, pytest.raises(Invalid):
        record.history("AuditEvent")


def test_each_level_of_history_is_told_in_the_audit(furnished, enter, weight):
    with enter() as record:
        record.history("Observation", weight.id)
        record.history("Observation")
        record.history(None)
    with furnished.reading() as connection:
        told = connection.exec_driver_sql(
            "select interaction, type, resource_id from audit_event where interaction in"
            " ('history-instance', 'history-type', 'history-system') order by seq"
        ).all()
    assert [tuple(each) for each in told] == [
        ("history-instance", "Observation", weight.id),
        ("history-type", "Observation", None),
        ("history-system", None, None),
    ]


def test_the_link_to_the_next_page_counts_no_hidden_row_and_begins_where_its_reader_has_something(
    enter, weight
):
    with enter() as record:
        first = record.history("Observation", count=1)
        assert (
            first.next == f"{first.matches[0].updated_at.timestamp() * 1_000_000:.0f}-Observation-{weight.id}"
        )
    elsewhere = a_requester(boroughs=["salford"])
    with enter(elsewhere) as record, pytest.raises(Invalid):
        record.history("Observation", page=first.next)
