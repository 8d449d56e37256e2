"""How many statements each interaction costs: as many for a hundred resources as for five, but where it is said."""

from base64 import b64encode

import pytest
from sqlalchemy import Engine, event

from healthvisit import database
from healthvisit.exact_json import dumps
from healthvisit.record.record import opened
from tests.builders import (
    NOW,
    a_child,
    a_requester,
    a_transaction,
    a_urn,
    an_encounter,
    an_entry,
    an_observation,
    an_update,
)

# Each is one request of its own, with its audit event and, on SQLite, its BEGIN and COMMIT.
MOST = {
    "read": 4, "vread": 5, "history": 6, "create": 13, "update": 19, "patch": 20, "delete": 15,
}  # fmt: skip


@pytest.fixture
def counted(furnished, definitions, monkeypatch):
    """What one request does, and the statements it took: counted(lambda record: ...)."""
    met = []
    at_the_driver = database._told_alike.__enter__
    for_whom = database._Teller.tell

    def tell(_connection, _cursor, statement, *_):
        met.append(statement)

    def told(self):
        met.append(self._sql)
        return at_the_driver(self)

    def whose(self, ask):
        met.append("for whom")
        return for_whom(self, ask)

    # Some statements go through the library, some straight to the driver.
    event.listen(Engine, "before_cursor_execute", tell)
    monkeypatch.setattr(database._told_alike, "__enter__", told)
    # And PostgreSQL is told with one of them for whom they are: another statement, in the same message.
    monkeypatch.setattr(database._Teller, "tell", whose)

    def counted(ask, *, writing=True):
        met.clear()
        with opened(furnished, a_requester(), definitions=definitions, at=NOW, writing=writing) as record:
            found = ask(record)
        return found, list(met)

    yield counted
    event.remove(Engine, "before_cursor_execute", tell)


@pytest.fixture
def child(furnished, definitions):
    return a_child().kept_in(furnished, definitions)


def weights(child, number):
    return [an_entry(an_observation(child.reference)) for _ in range(number)]


def placed(answer):
    return [entry["response"]["location"].split("/")[1] for entry in answer["entry"]]


def test_each_interaction_takes_a_few_statements(counted, child):
    body = an_observation(child.reference)
    heavier = dumps([{"op": "replace", "path": "/valueQuantity/value", "value": 13}])
    patch = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": b64encode(heavier).decode(),
    }
    made, of_create = counted(lambda record: record.create("Observation", body))
    id_ = made.version.id
    found = {
        "create": of_create,
        "update": counted(lambda r: r.update("Observation", id_, {**body, "id": id_}, if_match="1"))[1],
        "patch": counted(lambda r: r.patch("Observation", id_, patch, if_match="2"))[1],
        "read": counted(lambda r: r.read("Observation", id_), writing=False)[1],
        "vread": counted(lambda r: r.vread("Observation", id_, "1"), writing=False)[1],
        "history": counted(lambda r: r.history("Observation", id_), writing=False)[1],
        "delete": counted(lambda r: r.delete("Observation", id_))[1],
    }
    assert {name: len(met) for name, met in found.items() if len(met) > MOST[name]} == {}


def test_a_history_takes_no_more_statements_for_more_versions(counted, child):
    _, few = counted(lambda record: record.history(None, count=2), writing=False)
    _, many = counted(lambda record: record.history(None, count=500), writing=False)
    # On the same connection nobody is told again what stays the same.
    assert len(few) == len([each for each in many if each != "for whom"]) + few.count("for whom")


def test_a_transaction_takes_no_more_statements_for_more_entries(counted, child):
    """Creates, updates and deletions; references among them, and to what stands."""
    counts = {}
    # PostgreSQL takes few rows of all tables in one statement, and from eight on each table's by COPY.
    for number in (20, 100):
        encounter = a_urn()
        created = [
            an_entry(an_encounter(child.reference), full_url=encounter),
            *(an_entry(an_observation(child.reference, encounter=encounter)) for _ in range(number)),
        ]
        answer, made = counted(lambda record, sent=created: record.transact(a_transaction(*sent)))
        ids = placed(answer)[1:]
        changed = [an_update("Observation", id_, an_observation(child.reference)) for id_ in ids]
        _, updated = counted(lambda record, sent=changed: record.transact(a_transaction(*sent)))
        deletions = [{"request": {"method": "DELETE", "url": f"Observation/{id_}"}} for id_ in ids]
        _, deleted = counted(lambda record, sent=deletions: record.transact(a_transaction(*sent)))
        counts[number] = [len(made), len(updated), len(deleted)]
    assert counts[20] == counts[100]


@pytest.mark.parametrize("kind", ["create by query", "reference by query", "patch", "read"])
def test_what_asks_a_question_of_its_own_takes_a_statement_each(counted, child, kind):
    answer, _ = counted(lambda record: record.transact(a_transaction(*weights(child, 40))))
    ids = placed(answer)
    body = an_observation(child.reference)
    patch = {"resourceType": "Parameters", "parameter": [
        {"name": "operation", "part": [
            {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Observation.status"},
            {"name": "value", "valueCode": "amended"},
        ]}
    ]}  # fmt: skip

    def entry(number, id_):
        match kind:
            case "create by query":
                return an_entry(body, if_none_exist=f"identifier=urn:app|{number}")
            case "reference by query":
                query = f"Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|{child.nhs_number}"
                return an_entry(an_observation(query))
            case "patch":
                request = {"method": "PATCH", "url": f"Observation/{id_}", "ifMatch": 'W/"1"'}
                return {"resource": patch, "request": request}
        return {"request": {"method": "GET", "url": f"Observation/{id_}"}}

    def cost(these):
        sent = a_transaction(*(entry(number, id_) for number, id_ in these))
        return len(counted(lambda record: record.transact(sent))[1])

    numbered = list(enumerate(ids))
    few, many = cost(numbered[:12]), cost(numbered[12:])
    assert (many - few) / 16 <= 1
