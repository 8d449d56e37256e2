"""What those who lead, an administrator and support reach, met through HTTP as their apps and browsers meet it."""

import pytest

from healthvisit.access.reach import CHILD_TYPES
from healthvisit.accounts import people
from healthvisit.exact_json import loads
from healthvisit.synthetic import demo
from tests import builders
from tests.flows.demonstration import faults

READING = "user/*.rs"


@pytest.fixture
def support(demonstration):
    with demonstration.database.writing() as connection:
        people.create_account(
            connection, role="support", name="Sam", sign_in_name="support", password=demo.PASSWORD
        )
    return demonstration.app_of("support", READING)


@pytest.mark.parametrize("role", ["team-lead", "safeguarding-lead"])
def test_who_leads_works_as_a_health_visitor_does(demonstration, role):
    lead, bury = demonstration.staff_app(role), demonstration.staff_app("bury")
    assert set(demonstration.children(lead)) == set(demonstration.children(bury))
    child = demonstration.a_child(lead)
    written = lead.post("/fhir/Observation", builders.an_observation(f"Patient/{child}"))
    assert written.status_code == 201
    carried = demonstration.tablet(role).read("/tablet/caseload")
    assert carried["practitioner"]["reference"].startswith("Practitioner/")
    assert carried["organization"]["reference"] == builders.organization("bury")
    assert demonstration.browser(role).get(f"/apps?patient={child}").status_code == 200
    foreign = demonstration.a_child(demonstration.tablet("salford"))
    assert lead.get(f"/fhir/Patient/{foreign}").status_code == 404
    assert lead.get("/fhir/$export", Prefer="respond-async").status_code == 202


def test_what_who_leads_saw_is_told_as_what_a_health_visitor_saw(demonstration):
    lead = demonstration.staff_app("team-lead")
    child = demonstration.a_child(lead)
    lead.read(f"/fhir/Patient/{child}")
    events = lead.found("AuditEvent", ("patient", child), ("subtype", "read"))
    assert "team-lead" in {event["agent"][0]["role"][0]["text"] for event in events}


@pytest.mark.parametrize("type_", [*CHILD_TYPES, "Group", "Practitioner"])
def test_an_administrator_reads_nothing_that_names_a_child(demonstration, type_):
    administrator = demonstration.app_of("administrator", READING)
    child = demonstration.a_child(demonstration.tablet("bury"))
    for path in (type_, f"{type_}/{child}", f"{type_}/_history", f"Patient/{child}/$everything"):
        answer = administrator.get(f"/fhir/{path}")
        assert answer.status_code == 403
        assert child.encode() not in answer.data


def test_an_administrator_sees_who_saw_a_child_of_the_borough_and_no_other(demonstration):
    administrator = demonstration.app_of("administrator", READING)
    seen = {}
    for team in ("bury", "salford"):
        child = demonstration.a_child(demonstration.tablet(team))
        demonstration.tablet(team).read(f"/fhir/Patient/{child}")
        seen[team] = administrator.found("AuditEvent", ("patient", child))
        # Each asking is an event about the child too.
        again = administrator.found("AuditEvent", ("entity", f"Patient/{child}"))
        assert [event for event in again if "administrator" not in str(event)] == [
            event for event in seen[team] if "administrator" not in str(event)
        ]
    assert "health-visitor" in {event["agent"][0]["role"][0]["text"] for event in seen["bury"]}
    assert seen["salford"] == []
    event = administrator.read(f"/fhir/AuditEvent/{seen['bury'][0]['id']}")
    assert event == seen["bury"][0]
    child = event["entity"][0]["what"]["reference"].removeprefix("Patient/")
    asked = demonstration.staff_app("bury").found("AuditEvent", ("patient", child))
    assert "administrator" in {event["agent"][0]["role"][0]["text"] for event in asked}


def test_an_administrator_reads_the_boroughs_own_returns(demonstration):
    with demonstration.database.writing() as connection:
        people.create_account(
            connection, role="administrator", name="Ali", sign_in_name="ali", password=demo.PASSWORD,
            boroughs=[builders.BOROUGHS["salford"]],
        )  # fmt: skip
    # One after the other: a statement that is kept for one borough's is not another's.
    for name, team in (("administrator", "bury"), ("ali", "salford")):
        administrator = demonstration.app_of(name, READING)
        reporters = {
            report["reporter"]["reference"]
            for report in administrator.found("MeasureReport", ("_count", "1000"))
            if "borough-return" in report["measure"]
        }
        assert reporters == {builders.organization(team)}
        assert administrator.found("PractitionerRole") != []


@pytest.mark.parametrize("name", ["administrator", "support"])
def test_who_does_not_work_with_children_has_no_caseload_no_export_and_writes_nothing(
    demonstration, support, name
):
    app = demonstration.app_of(name, READING)
    assert app.get("/tablet/caseload").status_code == 403
    assert app.get("/fhir/$export", Prefer="respond-async").status_code == 403
    assert app.post("/fhir/Patient", builders.a_patient()).status_code == 403
    browser = demonstration.browser(name)
    assert browser.get("/account").status_code == 200
    assert browser.get("/parents/").status_code == browser.get("/commissioning/").status_code == 403


def test_support_reads_what_holds_nobodys_data_alone(demonstration, support):
    assert support.found("Organization") != []
    child = demonstration.a_child(demonstration.tablet("bury"))
    for path in (f"Patient/{child}", "Patient", "AuditEvent", "MeasureReport", "PractitionerRole"):
        answer = support.get(f"/fhir/{path}")
        assert answer.status_code == 403
        assert faults(answer)[0][0] == "forbidden"
    everything = loads(support.get("/fhir?_type=Organization,Location").data)
    assert {entry["resource"]["resourceType"] for entry in everything["entry"]} == {"Organization"}
