"""Who may do what with which type, said a second time: a line that changes here is a decision, not an accident."""

import pytest

from healthvisit.access import reach, requester

PAPERS = {
    "RelatedPerson", "Encounter", "QuestionnaireResponse", "Observation", "Condition", "Immunization", "Flag",
    "CarePlan", "CareTeam", "Task", "ServiceRequest", "Communication", "Consent", "Appointment",
    "DocumentReference", "Binary", "List", "Composition", "RiskAssessment",
}  # fmt: skip
SHARED = {
    "Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService", "Questionnaire",
    "PlanDefinition", "Measure", "Library", "CodeSystem", "ValueSet", "SearchParameter", "StructureDefinition",
    "OperationDefinition", "CapabilityStatement",
}  # fmt: skip
OF_A_CHILD = {"Patient": "crus", "EpisodeOfCare": "crus", "Provenance": "crs"} | dict.fromkeys(
    PAPERS, "cruds"
)
STAFF = (
    OF_A_CHILD | dict.fromkeys(SHARED, "rs") | {"Group": "cruds", "AuditEvent": "rs", "MeasureReport": "rs"}
)

SAID = {
    "health-visitor": STAFF,
    "team-lead": STAFF,
    "safeguarding-lead": STAFF,
    "system-client": (STAFF | {"MeasureReport": "crs"}).items() - {("AuditEvent", "rs")},
    "administrator": dict.fromkeys(("AuditEvent", "Organization", "PractitionerRole", "MeasureReport"), "rs"),
    "support": dict.fromkeys(SHARED - {"Practitioner", "PractitionerRole"}, "rs"),
    "parent": dict.fromkeys(
        ("Patient", "Encounter", "Observation", "Questionnaire", "PlanDefinition", "CodeSystem", "ValueSet"),
        "rs",
    ),
    "commissioner": dict.fromkeys(
        ("MeasureReport", "Measure", "Organization", "CodeSystem", "ValueSet", "PlanDefinition"), "rs"
    ),
    "service": OF_A_CHILD
    | {"Group": "cruds"}
    | dict.fromkeys(SHARED | {"Provenance", "MeasureReport", "AuditEvent"}, "crus"),
}


@pytest.mark.parametrize("role", SAID)
def test_a_role_may_do_what_is_said_here_and_nothing_else(role):
    assert reach.PERMITTED[role] == dict(SAID[role])


def test_every_role_and_every_type_is_said_here():
    assert set(reach.PERMITTED) == set(SAID)
    assert set(reach.CHILD_TYPES) == set(OF_A_CHILD)
    assert set(reach.SHARED_TYPES) == SHARED
    assert set(reach.BOROUGH_TYPES) == {"MeasureReport", "Group"}
    assert set(requester.STAFF) == {"health-visitor", "team-lead", "safeguarding-lead"}


def test_no_type_is_a_childs_and_shared_or_a_boroughs():
    kinds = [set(reach.CHILD_TYPES), set(reach.SHARED_TYPES), set(reach.BOROUGH_TYPES), {"AuditEvent"}]
    assert sum(map(len, kinds)) == len(set().union(*kinds))
