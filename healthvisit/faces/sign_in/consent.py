"""SMART scopes in the words of the person who is asked to agree."""

from healthvisit.access import scopes
from healthvisit.exact_json import JSON

_VERBS = {"c": "add", "r": "see", "u": "change", "d": "delete", "s": "see"}
_THINGS = {
    "*": "everything",
    "Patient": "names, dates of birth and NHS numbers",
    "RelatedPerson": "who the parents and carers are",
    "EpisodeOfCare": "which service looks after the child",
    "Encounter": "visits and reviews",
    "Observation": "measurements and results",
    "QuestionnaireResponse": "answers to review forms",
    "Condition": "diagnoses and concerns",
    "Immunization": "immunisations",
    "Flag": "warnings",
    "RiskAssessment": "assessments of risk",
    "CarePlan": "plans of care",
    "CareTeam": "who is in the child's care team",
    "Task": "tasks",
    "ServiceRequest": "referrals",
    "Communication": "messages",
    "Consent": "what the family has agreed to",
    "Appointment": "appointments",
    "DocumentReference": "which documents there are",
    "Binary": "documents and files",
    "Composition": "summaries",
    "List": "lists",
    "Group": "lists of children",
    "MeasureReport": "published figures",
    "Questionnaire": "review forms",
    "Organization": "the services",
    "Practitioner": "the names of staff",
    "PractitionerRole": "where staff work",
    "Location": "clinics and other places",
    "HealthcareService": "what the services offer",
    "PlanDefinition": "when each review is due",
    "Measure": "what published figures mean",
    "CodeSystem": "the codes that are used",
    "ValueSet": "which codes go together",
    **dict.fromkeys(
        ("Library", "SearchParameter", "StructureDefinition", "OperationDefinition", "CapabilityStatement"),
        "how the record is made",
    ),
    "Provenance": "who wrote what, and when",
    "AuditEvent": "who looked at what, and when",
}
_WHOSE = {
    "patient": "about one child",
    "user": "that you can see yourself",
    "system": "that the service holds",
}
_PLAIN = {
    "openid": "know that it is you who signed in",
    "fhirUser": "know which entry in the record is yours",
    "launch": "know for which child and visit you opened it",
    "offline_access": "keep this access for some hours without asking you again",
    "online_access": "keep this access until you sign out",
}
# What a scope is narrowed to.
_ONLY = {"_tag": "of one borough", "category": "of one kind"}


def in_words(scope: str) -> list[str]:
    """One phrase for each thing asked, to follow "It will be able to"."""
    found = []
    for asked in scopes.parse(scope):
        verbs = list(dict.fromkeys(_VERBS[letter] for letter in asked.letters))
        thing = _THINGS.get(asked.type, f"records of the kind {asked.type}")
        only = [f"{_ONLY[name]} ({value.rpartition('|')[2]})" for name, value in asked.conditions]
        found.append(" ".join((_and(verbs), thing, *only, _WHOSE[asked.context])))
    found += [words for plain, words in _PLAIN.items() if plain in scope.split(" ")]
    return list(dict.fromkeys(found))


def first_name(patient: JSON) -> str:
    """What the family calls the child: enough to choose by, and no more."""
    given = [name for entry in patient.get("name", ()) for name in entry.get("given", ())]
    return given[0] if given else "A child whose name is not recorded"


def _and(verbs: list[str]) -> str:
    return verbs[0] if len(verbs) == 1 else f"{', '.join(verbs[:-1])} and {verbs[-1]}"
