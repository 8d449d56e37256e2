"""Families -> FHIR resources, as the entries of a transaction Bundle. References within the Bundle are
urn:uuid.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON
from healthvisit.programme.dates import Quarter
from healthvisit.synthetic import parameters
from healthvisit.synthetic.population import FORMS, LONDON, Child, Contact, Family

NAMESPACE = UUID("6b6f6b7e-5a3c-5d0e-9d5b-0d6a3f6b8f10")
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
ROLE_CODE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
PARENT_ID = f"{CANONICAL}/Id/synthetic-parent"
PRACTITIONER_ID = f"{CANONICAL}/Id/synthetic-practitioner"
DCH_ENCOUNTER = "https://fhir.nhs.uk/STU3/CodeSystem/DCH-ChildHealthEncounterType-1"
# National Digital Child Health codes; the antenatal contact has none (fhir facts 2).
DCH_REVIEWS = {"new-birth": "0023", "six-to-eight-week": "0022", "one-year": "0021", "two-year": "0020"}

Practitioners = Mapping[str, Sequence[str]]


def organization(borough: str) -> str:
    return f"Organization/{borough}-health-visiting"


class Writer:
    """Makes resources of families. practitioners: references by borough, in the order they were made."""

    def __init__(self, definitions: Definitions, practitioners: Practitioners) -> None:
        self._practitioners = practitioners
        self._displays = {
            name: definitions.codes(f"{CANONICAL}/CodeSystem/{name}")
            for name in (
                "review",
                "capture-mode",
                "review-outcome",
                "place",
                "practitioner-type",
                "feeding-status",
                "service-level",
                "asq3-answer",
                "asq3-form",
            )
        }
        self._forms = {form: definitions.resource("Questionnaire", form) for form in FORMS.values()}

    def entries(self, family: Family) -> Iterator[JSON]:
        """Entries of one family's transaction: for each child, the people first, then each contact and its
        form.
        """
        for child in family.children:
            key = _child_key(family, child)
            patient = _urn(f"{key}/patient")
            yield _post(patient, _patient(child))
            yield _post(_urn(f"{key}/parent"), _related_person(family, patient))
            if child.gestation_days is not None:
                yield _post(_urn(f"{key}/gestation"), _gestation(child, patient))
            for number, episode in enumerate(child.episodes):
                current = episode.until_on is None
                body: JSON = {
                    "resourceType": "EpisodeOfCare",
                    "status": "active" if current else "finished",
                    "patient": {"reference": patient},
                    "managingOrganization": {"reference": organization(episode.borough)},
                    "period": {"start": episode.from_on.isoformat()},
                    "careManager": {"reference": self._practitioner(family, child, episode.borough)},
                }
                if episode.until_on is not None:
                    body["period"]["end"] = episode.until_on.isoformat()
                yield _post(_urn(f"{key}/episode/{number}"), body)
            for number, contact in enumerate(child.contacts):
                if contact.capture is not None:
                    yield from self._contact(family, child, contact, f"{key}/contact/{number}", patient)

    def _practitioner(self, family: Family, child: Child, borough: str) -> str:
        staff = self._practitioners[borough]
        if borough == family.borough:
            return staff[min(child.number // parameters.CHILDREN_PER_PRACTITIONER, len(staff) - 1)]
        return staff[family.number % len(staff)]

    def _contact(
        self, family: Family, child: Child, contact: Contact, key: str, patient: str
    ) -> Iterator[JSON]:
        encounter = _urn(key)
        practitioner = self._practitioner(family, child, contact.borough)
        episode = next(
            number
            for number, each in reversed(list(enumerate(child.episodes)))
            if each.borough == contact.borough
        )
        yield _post(
            encounter,
            {
                "resourceType": "Encounter",
                "extension": [
                    self._stated("capture-mode", contact.capture or "unknown"),
                    self._stated("review-outcome", contact.outcome),
                    self._stated("place", contact.place),
                    self._stated("practitioner-type", contact.practitioner),
                    *_instant("recorded-at", contact.recorded_at),
                    *_instant("released-at", contact.ended_at),
                ],
                "status": "finished" if contact.outcome == "completed" else "cancelled",
                "class": {"system": ACT_CODE, "code": "HH" if contact.place == "family-home" else "AMB"},
                "type": [{"coding": self._review(contact.review)}],
                "subject": {"reference": patient},
                "episodeOfCare": [{"reference": _urn(f"{_child_key(family, child)}/episode/{episode}")}],
                "participant": [{"individual": {"reference": practitioner}}],
                "period": {"start": _london(contact.started_at), "end": _london(contact.ended_at)},
                "serviceProvider": {"reference": organization(contact.borough)},
            },
        )
        if contact.answers and contact.recorded_at is not None:
            form = self._forms[FORMS[contact.review]]
            response: JSON = {
                "resourceType": "QuestionnaireResponse",
                "questionnaire": f"{form['url']}|{form['version']}",
                "status": "completed",
                "subject": {"reference": patient},
                "encounter": {"reference": encounter},
                "authored": _london(contact.recorded_at),
                "author": {"reference": practitioner},
                "item": list(self._items(form["item"], contact)),
            }
            if contact.shared:
                response["extension"] = _instant("released-at", contact.recorded_at)
            yield _post(_urn(f"{key}/form"), response)

    def _items(self, items: Sequence[JSON], contact: Contact) -> Iterator[JSON]:
        for item in items:
            link, below = item["linkId"], list(self._items(item.get("item", ()), contact))
            if link in contact.answers:
                yield {"linkId": link, "answer": [self._answer(link, contact)]}
            elif below:
                yield {"linkId": link, "item": below}

    def _answer(self, link: str, contact: Contact) -> JSON:
        value = contact.answers[link]
        if not isinstance(value, str):
            return {"valueDecimal": value}
        if link == "plan-notes":
            return {"valueString": value}
        system = link if link in self._displays else "asq3-answer"
        return {"valueCoding": self._coding(system, value)}

    def _coding(self, name: str, code: str) -> JSON:
        return {
            "system": f"{CANONICAL}/CodeSystem/{name}",
            "code": code,
            "display": self._displays[name][code],
        }

    def _stated(self, name: str, code: str) -> JSON:
        return {"url": f"{CANONICAL}/StructureDefinition/{name}", "valueCoding": self._coding(name, code)}

    def _review(self, review: str) -> list[JSON]:
        coding = [self._coding("review", review)]
        if review in DCH_REVIEWS:
            coding.append({"system": DCH_ENCOUNTER, "code": DCH_REVIEWS[review]})
        return coding


def practitioner(borough: str, number: int, name: Mapping[str, str]) -> list[JSON]:
    """Entries of one health visitor of a borough's service: the person and the role."""
    key = f"practitioner/{borough}/{number}"
    person: JSON = {
        "resourceType": "Practitioner",
        "identifier": [{"system": PRACTITIONER_ID, "value": f"{borough}-{number}"}],
        "active": True,
        "name": [{"family": name["family"], "given": [name["given"]]}],
    }
    role: JSON = {
        "resourceType": "PractitionerRole",
        "active": True,
        "practitioner": {"reference": _urn(key)},
        "organization": {"reference": organization(borough)},
        "code": [{"text": "Health visitor"}],
    }
    return [_post(_urn(key), person), _post(_urn(f"{key}/role"), role)]


def borough_return(
    borough: str,
    quarter: Quarter,
    completed: Mapping[str, int],
    *,
    as_at: date,
    version: str,
    displays: Mapping[str, str],
) -> JSON:
    """Entry of what a borough's own books say of a quarter: of an open one, up to the day before `as_at`.

    completed: reviews by code. version: of the Measure. displays: of the reviews.
    """
    last_on = min(quarter.last_on, as_at - timedelta(days=1))
    written_on = min(last_on + timedelta(days=30), as_at)
    report: JSON = {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": f"{CANONICAL}/Measure/borough-return|{version}",
        "date": written_on.isoformat(),
        "reporter": {"reference": organization(borough)},
        "period": {"start": quarter.first_on.isoformat(), "end": last_on.isoformat()},
        "group": [
            {
                "code": {
                    "coding": [
                        {
                            "system": f"{CANONICAL}/CodeSystem/review",
                            "code": review,
                            "display": displays[review],
                        }
                    ]
                },
                "population": [
                    {
                        "code": {"coding": [{"system": POPULATION, "code": "initial-population"}]},
                        "count": count,
                    }
                ],
            }
            for review, count in completed.items()
        ],
    }
    return _post(_urn(f"return/{borough}/{quarter}"), report)


def transaction(entries: Sequence[JSON]) -> JSON:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def _patient(child: Child) -> JSON:
    return {
        "resourceType": "Patient",
        "identifier": [{"use": "official", "system": NHS_NUMBER, "value": child.nhs_number}],
        "active": True,
        "name": [{"use": "official", "family": child.family, "given": [child.given]}],
        "gender": child.gender,
        "birthDate": child.born_on.isoformat(),
    }


def _related_person(family: Family, patient: str) -> JSON:
    mother = family.parent_gender == "female"
    return {
        "resourceType": "RelatedPerson",
        # One person may be parent of several children: the identifier says so, each resource names one child.
        "identifier": [{"system": PARENT_ID, "value": f"{family.borough}-{family.number}"}],
        "active": True,
        "patient": {"reference": patient},
        "relationship": [
            {
                "coding": [
                    {
                        "system": ROLE_CODE,
                        "code": "MTH" if mother else "FTH",
                        "display": "mother" if mother else "father",
                    }
                ]
            }
        ],
        "name": [{"family": family.parent_family, "given": [family.parent_given]}],
        "telecom": [{"system": "phone", "value": family.telephone, "use": "mobile"}],
        "gender": family.parent_gender,
    }


def _gestation(child: Child, patient: str) -> JSON:
    weeks, days = divmod(child.gestation_days or 0, 7)
    return {
        "resourceType": "Observation",
        "extension": [
            {
                "url": f"{CANONICAL}/StructureDefinition/released-at",
                "valueDateTime": f"{child.born_on.isoformat()}T12:00:00Z",
            }
        ],
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": "exam"}]}],
        "code": _concept("412726003", "Length of gestation at birth"),
        "subject": {"reference": patient},
        "effectiveDateTime": child.born_on.isoformat(),
        "component": [
            {
                "code": _concept("258705008", "week"),
                "valueQuantity": {"value": weeks, "unit": "weeks", "system": UCUM, "code": "wk"},
            },
            {
                "code": _concept("258703001", "day"),
                "valueQuantity": {"value": days, "unit": "days", "system": UCUM, "code": "d"},
            },
        ],
    }


def _concept(code: str, display: str) -> JSON:
    return {"coding": [{"system": SNOMED, "code": code, "display": display}]}


def _instant(name: str, at: datetime | None) -> list[JSON]:
    if at is None:
        return []
    return [{"url": f"{CANONICAL}/StructureDefinition/{name}", "valueDateTime": _london(at)}]


def _london(at: datetime) -> str:
    return at.astimezone(LONDON).isoformat()


def _child_key(family: Family, child: Child) -> str:
    return f"{family.borough}/{child.number}"


def child_urn(family: Family, child: Child, what: str) -> str:
    """fullUrl of one resource of a child, "patient" or "parent" for example."""
    return _urn(f"{_child_key(family, child)}/{what}")


def _urn(key: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE, key)}"


def _post(full_url: str, resource: JSON) -> JSON:
    entry: dict[str, Any] = {
        "fullUrl": full_url,
        "resource": resource,
        "request": {"method": "POST", "url": resource["resourceType"]},
    }
    return entry
