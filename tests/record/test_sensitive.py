"""A child is marked as sensitive while others write: whoever comes second is marked too."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from healthvisit.record.record import opened
from healthvisit.record.tables import resource
from tests.builders import NOW, a_child, a_requester, an_encounter, an_observation

LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


@pytest.fixture
def child(furnished, definitions):
    return a_child().kept_in(furnished, definitions)


@pytest.fixture
def enter(furnished, definitions):
    def entered(requester=None, *, writing=False, direct=False):
        return opened(
            furnished,
            requester or a_requester(),
            definitions=definitions,
            at=NOW,
            writing=writing,
            direct=direct,
        )

    return entered


def marked(record, child):
    body = record.read("Patient", child.id).json()
    meta = {"security": [LABEL]}
    return record.update("Patient", child.id, {**body, "meta": meta}, if_match=body["meta"]["versionId"])


def are_marked(database, child):
    with database.reading() as connection:
        rid = select(resource.c.rid).where(resource.c.id == child.id).scalar_subquery()
        return set(connection.scalars(select(resource.c.sensitive).where(resource.c.child_rid == rid)))


@pytest.mark.parametrize("type_", ["Encounter", "Observation", "Provenance"])
@pytest.mark.parametrize("first", ["the mark", "the paper"])
def test_a_mark_and_a_paper_at_the_same_time(furnished, enter, child, first, type_):
    with enter(writing=True) as record:
        encounter = record.create("Encounter", an_encounter(child.reference)).version.id
        episode = record.search("EpisodeOfCare", [("patient", child.id)]).matches[0].id
    body = {
        "Encounter": an_encounter(child.reference),
        "Observation": an_observation(child.reference, encounter=f"Encounter/{encounter}"),
        "Provenance": {
            "resourceType": "Provenance", "target": [{"reference": f"EpisodeOfCare/{episode}"}],
            "recorded": "2021-02-15T09:00:00Z", "agent": [{"who": {"display": "Somebody"}}],
        },
    }[type_]  # fmt: skip

    def write(record):
        record.create(type_, body)

    def mark(record):
        marked(record, child)

    def ask(what):
        with enter(writing=True) as record:
            what(record)

    one, other = (mark, write) if first == "the mark" else (write, mark)
    with ThreadPoolExecutor(1) as threads:
        with enter(writing=True) as record:
            one(record)
            late = threads.submit(ask, other)
            with pytest.raises(TimeoutError):
                late.result(timeout=0.5)
        late.result(timeout=20)
    assert are_marked(furnished, child) == {True}


def test_two_who_change_a_child_and_write_of_it_do_not_wait_for_each_other(furnished, enter, child):
    def both(number):
        with enter(writing=True) as record:
            body = record.read("Patient", child.id).json()
            entries = [
                {
                    "resource": {**body, "name": [{"family": f"N{number}"}]},
                    "request": {"method": "PUT", "url": child.reference, "ifMatch": f'W/"{body["meta"]["versionId"]}"'},
                },
                {"resource": an_encounter(child.reference), "request": {"method": "POST", "url": "Encounter"}},
            ]  # fmt: skip
            record.transact({"resourceType": "Bundle", "type": "transaction", "entry": entries})

    with ThreadPoolExecutor(4) as threads:
        faults = [each.exception() for each in [threads.submit(both, number) for number in range(4)]]
    # Who came second saw another version; nobody was stopped because each had hold of what the other wanted.
    assert {type(fault).__name__ for fault in faults} <= {"NoneType", "VersionConflict"}
    assert None in faults
