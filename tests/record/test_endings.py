"""The care of a child ends once, whoever else acts at the same moment."""

import threading
from datetime import timedelta

import pytest

from healthvisit.record import endings, transfers
from healthvisit.record.errors import Conflict, Forbidden, RecordError
from healthvisit.record.record import opened
from tests.builders import BOROUGHS, NOW, TODAY, a_child, a_requester, an_episode

LEAD = a_requester("team-lead", account="lead-one")
ENDING = endings.Ending(TODAY, "left-england", "Cork")


@pytest.fixture
def enter(furnished, definitions):
    def enter(requester, *, writing=True, at=NOW):
        return opened(furnished, requester, definitions=definitions, at=at, writing=writing)

    return enter


@pytest.fixture
def child(furnished, definitions):
    return a_child().kept_in(furnished, definitions)


def at_once(*acts):
    """What came of each, all begun at the same moment: its answer, or how it was refused."""
    barrier = threading.Barrier(len(acts))
    found = [None] * len(acts)

    def run(index):
        barrier.wait()
        try:
            found[index] = acts[index]()
        except RecordError as error:
            found[index] = error

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_of_many_who_end_it_at_once_one_does(enter, furnished, child):
    def end(account):
        with enter(a_requester("team-lead", account=account)) as record:
            return endings.end(record, child.id, ENDING)

    found = at_once(*(lambda name=f"lead-{number}": end(name) for number in range(6)))
    assert sum(isinstance(each, endings.Ended) for each in found) == 1
    assert sum(isinstance(each, Conflict) for each in found) == 5
    with furnished.reading() as connection:
        assert connection.exec_driver_sql("select count(*) from ended_care").scalar_one() == 1


def test_a_child_that_is_accepted_and_ended_at_once_is_one_of_the_two(enter, furnished, child):
    with enter(LEAD) as record:
        id_ = transfers.offer(record, child.id, to="Organization/salford-health-visiting", reason="other").id

    def accept():
        with enter(a_requester(boroughs=["salford"])) as record:
            return transfers.accept(record, id_)

    def end():
        with enter(LEAD) as record:
            return endings.end(record, child.id, ENDING)

    accepted, ended = at_once(accept, end)
    with furnished.reading() as connection:
        rows = connection.exec_driver_sql("select borough, until_on from responsibility").all()
    answering = [row.borough for row in rows if row.until_on is None]
    if isinstance(ended, endings.Ended):
        assert isinstance(accepted, Conflict)
        assert answering == []
    else:
        assert isinstance(ended, RecordError)
        assert accepted.state == "accepted"
        assert answering == [BOROUGHS["salford"]]


def test_a_service_that_worked_for_two_boroughs_ends_what_the_one_answers_for(enter, child):
    both = a_requester("safeguarding-lead", boroughs=["bury", "salford"])
    with enter(both) as record:
        ended = endings.end(record, child.id, ENDING)
    assert ended.episode == child.made["episode"]
    with enter(both, writing=False) as record:
        assert [each.ending for each in endings.listed(record)] == [ENDING]
    with enter(both, writing=False, at=NOW + endings.TOLD_OF) as record:
        assert endings.listed(record) == []


def test_a_child_who_came_from_another_service_is_ended_by_the_one_that_answers(
    enter, furnished, definitions
):
    child = a_child(until=str(TODAY - timedelta(days=30))).kept_in(furnished, definitions)
    with enter(a_requester("service")) as record:
        since = str(TODAY - timedelta(days=30))
        record.create("EpisodeOfCare", an_episode(child.reference, borough="salford", start=since))
    salfords = a_requester("team-lead", boroughs=["salford"])
    with enter(LEAD) as record, pytest.raises(Forbidden):
        endings.end(record, child.id, ENDING)
    with enter(salfords) as record:
        endings.end(record, child.id, ENDING)
    with enter(salfords) as record:
        # Not the team before: it can be taken up by the one that had it last.
        assert record.create(
            "EpisodeOfCare", an_episode(child.reference, borough="salford", start=str(TODAY))
        )


def test_it_is_over_from_the_day_on_which_nobody_answers(enter, child):
    parent = a_requester("parent", children=[child.id])
    for requester in (parent, LEAD):
        with enter(requester, writing=False) as record:
            assert endings.over(record, child.id) is None
    with enter(LEAD) as record:
        endings.end(record, child.id, ENDING)
    for requester in (parent, LEAD):
        with enter(requester, writing=False) as record:
            assert endings.over(record, child.id) == endings.Over(TODAY, died=False)
