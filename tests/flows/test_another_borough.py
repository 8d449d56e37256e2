"""A child of Bury does not exist for a health visitor of Salford, by any route (threats A1 to A9).

Each answer about Bury's child is compared, byte for byte and header for header, with the answer about a child who
never was. Only what the asker itself sent may differ, so both ids have the same length and stand in no answer.
"""

import pytest

from healthvisit.exact_json import loads
from tests import builders
from tests.flows.demonstration import faults

NEVER = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def both(demonstration):
    """An app of Salford with every scope, and a child of Bury with one of its contacts and observations."""
    bury = demonstration.tablet("bury")
    child = demonstration.a_child(bury)
    contact = bury.found("Encounter", ("patient", child))[0]["id"]
    return demonstration.staff_app("salford"), child, contact


def said(answer):
    """All that an answer says, but for the id that every answer of the service has of its own, and the time."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("X-Request-Id", "Date")}
    return answer.status_code, headers, answer.data


@pytest.mark.parametrize("path", ["", "/_history/1", "/_history", "/_history/2", "/_history/999"])
def test_by_read_version_and_history(both, path):
    salford, child, contact = both
    for type_, id_ in (("Patient", child), ("Encounter", contact)):
        foreign = salford.get(f"/fhir/{type_}/{id_}{path}")
        assert foreign.status_code == 404
        assert said(foreign) == said(salford.get(f"/fhir/{type_}/{NEVER}{path}"))


@pytest.mark.parametrize(
    "header", [{"If-None-Match": 'W/"1"'}, {"If-Modified-Since": "Mon, 01 Jan 2035 00:00:00 GMT"}]
)
def test_by_a_guessed_version_tag(both, header):
    salford, child, _ = both
    foreign = salford.get(f"/fhir/Patient/{child}", **header)
    assert foreign.status_code == 404
    assert said(foreign) == said(salford.get(f"/fhir/Patient/{NEVER}", **header))


@pytest.mark.parametrize(
    "query",
    [
        "Patient?_id={}",
        "Patient?_id={}&_summary=count",
        "Encounter?patient={}",
        "Encounter?subject=Patient/{}&_include=Encounter:patient",
        "Observation?patient={}&_count=0",
        "Observation?patient={}&_sort=-date",
        "EpisodeOfCare?patient={}&_total=accurate",
        "AuditEvent?patient={}",
    ],
)
def test_by_search(both, query):
    salford, child, _ = both
    foreign = salford.get(f"/fhir/{query.format(child)}")
    never = salford.get(f"/fhir/{query.format(NEVER)}")
    assert foreign.status_code == never.status_code == 200
    assert loads(foreign.data)["total"] == 0
    # The self link repeats what was asked, and nothing else tells the two apart.
    assert foreign.data.replace(child.encode(), NEVER.encode()) == never.data


def test_by_the_number_of_the_children_found(demonstration, both):
    salford, child, _ = both
    bury = demonstration.tablet("bury")
    name = bury.read(f"/fhir/Patient/{child}")["name"][0]["family"]
    everyone = {found["id"] for found in salford.found("Patient", ("_count", "1000"))}
    assert child not in everyone
    assert child not in {
        found["id"] for found in salford.found("Patient", ("family", name), ("_count", "1000"))
    }


def test_by_include_of_what_salford_may_see(demonstration, both):
    """A borough keeps what it wrote of a child who has moved away, but the child is not brought along with it."""
    salford, child, _ = both
    answer = salford.get("/fhir/Encounter?_include=Encounter:patient&_count=200")
    assert answer.status_code == 200
    assert child.encode() not in answer.data


def test_by_conditional_create(demonstration, both):
    """To look for Bury's child by NHS number and create it if absent tells nothing: it is created, as any would be."""
    salford, child, _ = both
    number = demonstration.tablet("bury").read(f"/fhir/Patient/{child}")["identifier"][0]["value"]
    answers = []
    for nhs_number in (number, builders.an_nhs_number(900_001)):
        patient = builders.a_patient(nhs_number=nhs_number)
        criteria = f"identifier=https://fhir.nhs.uk/Id/nhs-number|{nhs_number}"
        answers.append(salford.post("/fhir/Patient", patient, If_None_Exist=criteria))
    foreign, never = answers
    assert foreign.status_code == never.status_code == 201
    assert set(foreign.headers.keys()) == set(never.headers.keys())
    own = [loads(answer.data) for answer in answers]
    assert own[0].keys() == own[1].keys()
    assert own[0]["meta"]["versionId"] == own[1]["meta"]["versionId"] == "1"
    assert own[0]["id"] != child


@pytest.mark.parametrize("route", ["create", "transaction", "conditional reference"])
def test_by_reference(both, route):
    salford, child, _ = both

    def sent(id_):
        observation = builders.an_observation(f"Patient/{id_}")
        if route == "create":
            return salford.post("/fhir/Observation", observation)
        if route == "conditional reference":
            observation["subject"] = {"reference": f"Patient?_id={id_}"}
        return salford.post("/fhir", builders.a_transaction(builders.an_entry(observation, full_url=None)))

    foreign, never = sent(child), sent(NEVER)
    assert foreign.status_code == 422
    assert faults(foreign)[0][0] == "not-found"
    assert said(foreign) == said(never)


@pytest.mark.parametrize("tag", ['W/"1"', 'W/"7"'])
def test_by_update(demonstration, both, tag):
    salford, child, _ = both
    before = demonstration.tablet("bury").read(f"/fhir/Patient/{child}")
    answers = [
        salford.put(f"/fhir/Patient/{id_}", builders.a_patient() | {"id": id_}, If_Match=tag)
        for id_ in (child, NEVER)
    ]
    assert answers[0].status_code == 404
    assert said(answers[0]) == said(answers[1])
    assert demonstration.tablet("bury").read(f"/fhir/Patient/{child}") == before


def test_by_a_transaction_that_reads(both):
    salford, child, _ = both

    def asked(id_):
        entry = {"request": {"method": "GET", "url": f"Patient/{id_}"}}
        return salford.post("/fhir", {"resourceType": "Bundle", "type": "transaction", "entry": [entry]})

    foreign = asked(child)
    assert foreign.status_code == 404
    assert said(foreign) == said(asked(NEVER))


def test_the_refusals_stand_in_the_audit(demonstration, both):
    salford, child, _ = both
    salford.get(f"/fhir/Patient/{child}")
    with demonstration.database.reading() as connection:
        row = connection.exec_driver_sql(
            "select outcome, type, resource_id from audit_event order by seq desc limit 1"
        ).one()
    assert tuple(row) == (4, "Patient", child)
