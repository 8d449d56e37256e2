"""Requester -> Reach: which rows at most. Nothing stated means nothing reached.

The kinds of reach are separate classes, so that "no restriction" and "no match" can never be mistaken for
each other; `record/predicate.py` turns a Reach into the one SQL condition that every query carries.
"""

from dataclasses import dataclass
from datetime import date

from healthvisit.access.requester import Requester

# FHIR types that hold no child's data. Letters are SMART's.
SHARED_TYPES = (
    "Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService", "Questionnaire",
    "PlanDefinition", "Measure", "Library", "CodeSystem", "ValueSet", "SearchParameter", "StructureDefinition",
    "OperationDefinition", "CapabilityStatement",
)  # fmt: skip
# A child's clinical and working papers: what was entered by mistake may be deleted.
_PAPERS = (
    "RelatedPerson", "Encounter", "QuestionnaireResponse", "Observation", "Condition", "Immunization", "Flag",
    "CarePlan", "CareTeam", "Task", "ServiceRequest", "Communication", "Consent", "Appointment",
    "DocumentReference", "Binary", "List", "Composition", "RiskAssessment",
)  # fmt: skip
CHILD_TYPES = ("Patient", "EpisodeOfCare", *_PAPERS, "Provenance")
# What a borough keeps for itself: its returns, and its lists of children.
BOROUGH_TYPES = ("MeasureReport", "Group")

# The child itself, who answered for it, and what was done to the record are never deleted.
_OF_A_CHILD = {
    **dict.fromkeys(("Patient", "EpisodeOfCare"), "crus"),
    **dict.fromkeys(_PAPERS, "cruds"),
    "Provenance": "crs",
    "Group": "cruds",
}

# The most a role may do, whatever its scopes say. A type not named is not reached.
PERMITTED: dict[str, dict[str, str]] = {
    "health-visitor": {
        **_OF_A_CHILD,
        **dict.fromkeys(SHARED_TYPES, "rs"),
        "AuditEvent": "rs",
        "MeasureReport": "rs",
    },
    "system-client": {
        **_OF_A_CHILD,
        **dict.fromkeys(SHARED_TYPES, "rs"),
        "MeasureReport": "crs",
    },
    "parent": {
        **dict.fromkeys(("Patient", "Encounter", "Observation"), "rs"),
        **dict.fromkeys(("Questionnaire", "PlanDefinition", "CodeSystem", "ValueSet"), "rs"),
    },
    "commissioner": dict.fromkeys(
        ("MeasureReport", "Measure", "Organization", "CodeSystem", "ValueSet", "PlanDefinition"), "rs"
    ),
    "service": {
        **dict.fromkeys((*SHARED_TYPES, "Provenance", "MeasureReport", "AuditEvent"), "crus"),
        **{type_: letters for type_, letters in _OF_A_CHILD.items() if type_ != "Provenance"},
    },
}


@dataclass(frozen=True)
class Nothing:
    """No row at all."""


@dataclass(frozen=True)
class BoroughReach:
    """Children whose responsible borough on the day is one of these; what these boroughs wrote, to read only;
    the boroughs' own returns; and everything that holds no child's data."""

    boroughs: frozenset[str]
    on: date


@dataclass(frozen=True)
class ChildReach:
    """What was released of these children, as the parents' view; and what holds no child's data."""

    children: frozenset[str]


@dataclass(frozen=True)
class PublishedReach:
    """Published figures, and what holds no child's data. Never a child's row."""


@dataclass(frozen=True)
class WholeRecord:
    """Every row: for the service's own shell commands alone. No token and no session gives it."""


Reach = Nothing | BoroughReach | ChildReach | PublishedReach | WholeRecord


def of(requester: Requester, *, on: date) -> Reach:
    """The most this requester reaches on this civil date."""
    match requester.role:
        case "health-visitor" | "system-client" if requester.boroughs:
            return BoroughReach(requester.boroughs, on)
        case "parent" if requester.children:
            return ChildReach(requester.children)
        case "commissioner":
            return PublishedReach()
        case "service":
            return WholeRecord()
    return Nothing()


def permits(requester: Requester, type_: str, letter: str) -> bool:
    """Whether the requester's role may ever do this with the type; scopes are asked separately."""
    return letter in PERMITTED[requester.role].get(type_, "")
