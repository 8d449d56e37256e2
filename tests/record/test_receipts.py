import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import text

from healthvisit.exact_json import dumps
from healthvisit.record.errors import Conflict, Invalid, Unprocessable, VersionConflict
from healthvisit.record.record import opened
from tests.builders import (
    NHS_NUMBER,
    NOW,
    a_child,
    a_patient,
    a_requester,
    a_visit,
    an_episode,
    an_nhs_number,
)


@pytest.fixture
def send(furnished, definitions):
    def send(bundle, requester=None, **more):
        with opened(
            furnished, requester or a_requester(), definitions=definitions, at=NOW, writing=True
        ) as record:
            return record.transact(bundle, **more)

    return send


def resources(database):
    with database.reading() as connection:
        return connection.exec_driver_sql("select count(*) from resource_version").scalar()


def test_an_operation_sent_again_gets_its_first_answer_and_changes_nothing(furnished, definitions, send):
    child = a_child().kept_in(furnished, definitions)
    operation = str(uuid.uuid4())
    visit = a_visit(child.reference, operation=operation)
    first = send(visit, operation=operation)
    after_first = resources(furnished)
    assert dumps(send(visit, operation=operation)) == dumps(first)
    assert dumps(send(visit, operation=operation.upper())) == dumps(first)
    assert dumps(send(visit)) == dumps(first)
    assert resources(furnished) == after_first


def test_another_operation_is_another_visit(furnished, definitions, send):
    child = a_child().kept_in(furnished, definitions)
    visit = a_visit(child.reference)
    assert send(visit, operation=str(uuid.uuid4())) != send(visit, operation=str(uuid.uuid4()))


def test_the_same_operation_with_another_content_is_refused(furnished, definitions, send):
    child = a_child().kept_in(furnished, definitions)
    operation = str(uuid.uuid4())
    send(a_visit(child.reference), operation=operation)
    before = resources(furnished)
    with pytest.raises(Unprocessable):
        send(a_visit(child.reference), operation=operation)
    assert resources(furnished) == before


def test_another_accounts_operation_is_its_own(furnished, definitions, send):
    child = a_child().kept_in(furnished, definitions)
    operation = str(uuid.uuid4())
    visit = a_visit(child.reference)
    first = send(visit, a_requester(account="one"), operation=operation)
    assert send(visit, a_requester(account="other"), operation=operation) != first


def test_the_first_answer_stands_after_the_child_has_moved(furnished, definitions, send):
    child = a_child(until="2021-02-16").kept_in(furnished, definitions)
    operation = str(uuid.uuid4())
    visit = a_visit(child.reference)
    first = send(visit, operation=operation)
    with opened(
        furnished, a_requester(), definitions=definitions, at=NOW.replace(month=3), writing=True
    ) as record:
        assert record.transact(visit, operation=operation) == first


def test_a_refused_operation_may_be_sent_again_when_its_fault_is_mended(furnished, definitions, send):
    child = a_child().kept_in(furnished, definitions)
    operation = str(uuid.uuid4())
    visit = a_visit(child.reference)
    good = visit["entry"][0]["resource"]["status"]
    visit["entry"][0]["resource"]["status"] = "banana"
    with pytest.raises((Invalid, Unprocessable)):
        send(visit, operation=operation)
    visit["entry"][0]["resource"]["status"] = good
    assert len(send(visit, operation=operation)["entry"]) == 2


def test_an_operation_is_a_uuid(send):
    with pytest.raises(Invalid):
        send({"resourceType": "Bundle", "type": "transaction", "entry": []}, operation="1")


def at_once(ask, times=8):
    """Results of as many threads that start together."""
    gate = Barrier(times)

    def one(_):
        gate.wait()
        return ask()

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(one, range(times)))


def test_an_operation_sent_by_many_at_once_is_done_once(furnished, definitions, send):
    child = a_child().kept_in(furnished, definitions)
    before = resources(furnished)
    visit = a_visit(child.reference)
    operation = str(uuid.uuid4())
    answers = at_once(lambda: dumps(send(visit, operation=operation)))
    assert len(set(answers)) == 1
    assert resources(furnished) == before + 2


def test_a_child_entered_by_many_at_once_is_entered_once(furnished, definitions):
    number = an_nhs_number()
    body = a_patient(nhs_number=number)

    def ask():
        with opened(furnished, a_requester(), definitions=definitions, at=NOW, writing=True) as record:
            written = record.create("Patient", body, if_none_exist=f"identifier={NHS_NUMBER}|{number}")
            return written.created, written.version.id

    answers = at_once(ask)
    assert len({id_ for _, id_ in answers}) == 1
    assert [created for created, _ in answers].count(True) == 1


def test_of_many_who_change_the_same_version_one_succeeds(furnished, definitions):
    child = a_child().kept_in(furnished, definitions)

    def ask():
        try:
            with opened(furnished, a_requester(), definitions=definitions, at=NOW, writing=True) as record:
                body = {**child.patient, "id": child.id}
                return record.update("Patient", child.id, body, if_match='W/"1"').version.version
        except VersionConflict:
            return None

    assert sorted(at_once(ask), key=str) == [2, *[None] * 7]


def test_of_two_services_that_take_up_a_child_at_once_one_succeeds(furnished, definitions):
    child = a_child(until="2021-01-01").kept_in(furnished, definitions)
    boroughs = iter(["salford", "wigan"] * 4)

    def ask():
        body = an_episode(child.reference, borough=next(boroughs), start="2021-02-01")
        try:
            with opened(
                furnished, a_requester("service"), definitions=definitions, at=NOW, writing=True
            ) as record:
                return record.create("EpisodeOfCare", body).created
        except Conflict:
            return False

    at_once(ask)
    with furnished.reading() as connection:
        answering = "select count(distinct borough) from responsibility where until_on is null"
        assert connection.scalar(text(answering)) == 1
