"""What tests speak of, built with as few words as the sentence needs.

`a_requester` for who asks; `a_patient`, `an_encounter` and the like for one FHIR resource as plain JSON;
`a_child(...).with_review(...).kept_in(database, definitions)` for a child who stands in the record.
References are "Type/id" or the fullUrl of another entry of the same bundle.
"""

import itertools
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Self

from healthvisit.access.requester import STAFF, Requester, Role
from healthvisit.access.scopes import parse
from healthvisit.database import Database
from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON
from healthvisit.record import record as the_record

# The demonstration's own Monday morning.
NOW = datetime(2021, 2, 15, 9, 0, tzinfo=UTC)
TODAY = NOW.date()

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
UCUM = "http://unitsofmeasure.org"

# GSS codes of the boroughs.
BOROUGHS = {
    "bolton": "E08000001",
    "bury": "E08000002",
    "manchester": "E08000003",
    "oldham": "E08000004",
    "rochdale": "E08000005",
    "salford": "E08000006",
    "stockport": "E08000007",
    "tameside": "E08000008",
    "trafford": "E08000009",
    "wigan": "E08000010",
}
# The forms and the versions that stand in fhir/, the second with the practice pack's wording.
FORMS = {
    "new-birth-review": "1.1.0",
    "six-to-eight-week-review": "1.1.0",
    "one-year-review": "1.2.0-practice.2",
    "two-year-review": "1.1.0-practice.2",
    "three-to-four-month-contact": "1.1.0",
    "six-month-contact": "1.1.0",
    "ad-hoc-contact": "1.1.0",
}
_FIRST_FORMS = {"one-year-review": "9", "two-year-review": "24"}
DOMAINS = ("communication", "gross-motor", "fine-motor", "problem-solving", "personal-social")

# The most a role's apps are given.
_SCOPES = {
    **dict.fromkeys(STAFF, "user/*.cruds"),
    "administrator": "user/*.rs",
    "support": "user/*.rs",
    "system-client": "system/*.cruds",
    "parent": "patient/*.rs",
    "commissioner": "user/*.rs",
    "service": "system/*.cruds",
}
_serial = itertools.count(1)


def a_requester(
    role: Role = "health-visitor",
    *,
    boroughs: Iterable[str] = (),
    children: Iterable[str] = (),
    scopes: str | None = None,
    account: str | None = None,
    client: str | None = None,
    fhir_user: str | None = None,
) -> Requester:
    """boroughs: slugs; staff, an administrator or a system client for whom none is named works for Bury.
    children: Patient ids. scopes: SMART text, by default all that the role may be given."""
    boroughs = tuple(boroughs)
    if role in (*STAFF, "administrator", "system-client") and not boroughs:
        boroughs = ("bury",)
    return Requester(
        account=account or f"{role}-{'-'.join(boroughs) or 'one'}",
        role=role,
        scopes=parse(_SCOPES[role] if scopes is None else scopes),
        boroughs=frozenset(BOROUGHS[slug] for slug in boroughs),
        children=frozenset(children),
        client=client,
        fhir_user=fhir_user,
    )


def an_nhs_number(serial: int | None = None) -> str:
    """A valid NHS number of the test range (999 ...), another one each time unless a serial is given."""
    numbers = itertools.count(next(_serial) * 7 if serial is None else serial)
    for number in numbers:
        digits = f"999{number:06d}"
        check = (
            11 - sum(int(digit) * weight for digit, weight in zip(digits, range(10, 1, -1), strict=True)) % 11
        )
        if check != 10:
            return f"{digits}{check % 11}"
    raise AssertionError("count does not end")


def code_of(system: str, code: str) -> JSON:
    """A Coding of one of the project's own code systems, by the system's id."""
    return {"system": f"{CANONICAL}/CodeSystem/{system}", "code": code}


def extension(name: str, **value: Any) -> JSON:
    return {"url": f"{CANONICAL}/StructureDefinition/{name}", **value}


def organization(borough: str) -> str:
    return f"Organization/{borough}-health-visiting"


def a_patient(
    *, nhs_number: str | None = None, born: str = "2019-01-15", family: str = "Ashworth", given: str = "Poppy"
) -> JSON:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": NHS_NUMBER, "value": nhs_number or an_nhs_number()}],
        "name": [{"use": "official", "family": family, "given": [given]}],
        "gender": "female",
        "birthDate": born,
        "address": [{"line": ["1 Hidden Street"], "city": "Bury", "postalCode": "BL9 0ZZ"}],
    }


def a_practitioner(family: str = "Duxbury") -> JSON:
    return {"resourceType": "Practitioner", "name": [{"family": family, "given": ["Gemma"]}]}


def an_episode(
    child: str, *, borough: str = "bury", start: str = "2019-01-15", end: str | None = None
) -> JSON:
    """The borough's service answers for the child from `start` to the day before `end`."""
    return {
        "resourceType": "EpisodeOfCare",
        "status": "finished" if end else "active",
        "patient": {"reference": child},
        "managingOrganization": {"reference": organization(borough)},
        "period": {"start": start} | ({"end": end} if end else {}),
    }


def an_encounter(
    child: str,
    *,
    review: str = "two-year",
    on: str = "2021-02-01",
    borough: str = "bury",
    outcome: str = "completed",
    mode: str = "point-of-care",
    practitioner: str | None = None,
    episode: str | None = None,
    released: bool = True,
) -> JSON:
    """One contact at ten in the morning, for three quarters of an hour."""
    start = datetime.combine(date.fromisoformat(on), time(10), UTC)
    end = start + timedelta(minutes=45)
    found: JSON = {
        "resourceType": "Encounter",
        "extension": [
            extension("capture-mode", valueCoding=code_of("capture-mode", mode)),
            extension("review-outcome", valueCoding=code_of("review-outcome", outcome)),
            extension("place", valueCoding=code_of("place", "family-home")),
            extension("practitioner-type", valueCoding=code_of("practitioner-type", "scphn")),
        ],
        "status": "finished" if outcome == "completed" else "cancelled",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HH"},
        "type": [{"coding": [code_of("review", review)]}],
        "subject": {"reference": child},
        "period": {"start": _instant(start), "end": _instant(end)},
        "serviceProvider": {"reference": organization(borough)},
    }
    if released:
        found["extension"].append(extension("released-at", valueDateTime=_instant(end)))
    if practitioner:
        found["participant"] = [{"individual": {"reference": practitioner}}]
    if episode:
        found["episodeOfCare"] = [{"reference": episode}]
    return found


def a_response(
    child: str,
    encounter: str,
    *,
    questionnaire: str = "two-year-review",
    authored: str = "2021-02-01T10:45:00Z",
    weight: str | None = "12.40",
    form: str | None = None,
    asq3: Mapping[str, Sequence[str | None]] | None = None,
    author: str | None = None,
    released: bool = False,
) -> JSON:
    """A completed form. asq3: six answers by domain, None where one was left out; all "yes" unless stated. form: of the
    instrument, by default the first of the review."""
    items: list[JSON] = []
    if weight is not None:
        items.append(
            {
                "linkId": "measurements",
                "item": [{"linkId": "weight", "answer": [{"valueDecimal": Decimal(weight)}]}],
            }
        )
    if questionnaire in _FIRST_FORMS:
        form = form or _FIRST_FORMS[questionnaire]
        answers = dict.fromkeys(DOMAINS, ("yes",) * 6) | dict(asq3 or {})
        domains = [
            {
                "linkId": f"asq3-{domain}",
                "item": [
                    _choice(f"asq3-{domain}-{number}", "asq3-answer", answer)
                    for number, answer in enumerate(answers[domain], start=1)
                    if answer is not None
                ],
            }
            for domain in DOMAINS
        ]
        items.append({"linkId": "asq3", "item": [_choice("asq3-form", "asq3-form", form), *domains]})
    elif questionnaire == "ad-hoc-contact":
        items.insert(
            0, {"linkId": "reason", "item": [{"linkId": "about", "answer": [{"valueString": "Sleep"}]}]}
        )
    else:
        items.append({"linkId": "feeding", "item": [_choice("feeding-status", "feeding-status", "totally")]})
    found: JSON = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{CANONICAL}/Questionnaire/{questionnaire}|{FORMS[questionnaire]}",
        "status": "completed",
        "subject": {"reference": child},
        "encounter": {"reference": encounter},
        "authored": authored,
        "item": items,
    }
    if released:
        found["extension"] = [extension("released-at", valueDateTime=authored)]
    if author:
        found["author"] = {"reference": author}
    return found


def an_observation(
    child: str,
    *,
    encounter: str | None = None,
    on: str = "2021-02-01",
    code: str = "27113001",
    value: str = "12.40",
    unit: str = "kg",
    released: bool = False,
) -> JSON:
    """One measurement, by default a weight."""
    at = f"{on}T10:00:00Z"
    found: JSON = {
        "resourceType": "Observation",
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "vital-signs",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": SNOMED, "code": code}]},
        "subject": {"reference": child},
        "effectiveDateTime": at,
        "valueQuantity": {"value": Decimal(value), "unit": unit, "system": UCUM, "code": unit},
    }
    if encounter:
        found["encounter"] = {"reference": encounter}
    if released:
        found["extension"] = [extension("released-at", valueDateTime=at)]
    return found


def an_entry(resource: JSON, *, full_url: str | None = None, if_none_exist: str | None = None) -> JSON:
    """A bundle's entry that creates the resource."""
    request = {"method": "POST", "url": resource["resourceType"]}
    if if_none_exist:
        request["ifNoneExist"] = if_none_exist
    return {"fullUrl": full_url or a_urn(), "resource": resource, "request": request}


def an_update(type_: str, id_: str, resource: JSON, *, if_match: str = 'W/"1"') -> JSON:
    """A bundle's entry that updates the resource."""
    return {
        "resource": {**resource, "id": id_},
        "request": {"method": "PUT", "url": f"{type_}/{id_}", "ifMatch": if_match},
    }


def a_transaction(*entries: JSON, operation: str | None = None) -> JSON:
    found: JSON = {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}
    if operation:
        found["identifier"] = {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{operation}"}
    return found


def a_visit(child: str, *, operation: str | None = None, **of_encounter: Any) -> JSON:
    """What a tablet sends for one visit: an Encounter and the form that was filled in."""
    encounter = a_urn()
    return a_transaction(
        an_entry(an_encounter(child, **of_encounter), full_url=encounter),
        an_entry(a_response(child, encounter)),
        operation=operation,
    )


def a_urn() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


@dataclass(frozen=True)
class Child:
    """A child with the episode that makes one borough answer for it. `id` and `made` are filled by `kept_in`.

    made: ids by what was made: "practitioner", "patient", "episode", and the name of each review.
    """

    patient: JSON
    borough: str
    since: str
    until: str | None
    reviews: tuple[tuple[str, dict[str, Any]], ...] = ()
    id: str = ""
    made: Mapping[str, str] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        return f"Patient/{self.id}"

    @property
    def nhs_number(self) -> str:
        return str(self.patient["identifier"][0]["value"])

    def with_review(self, review: str, *, on: str, **of_encounter: Any) -> Self:
        """of_encounter: the further words of `an_encounter`, such as outcome, mode, released."""
        return replace(self, reviews=(*self.reviews, (review, {"on": on, **of_encounter})))

    def kept_in(self, database: Database, definitions: Definitions, *, at: datetime = NOW) -> Self:
        """The same child after the service has written it into the record."""
        urns = {
            name: a_urn()
            for name in ("practitioner", "patient", "episode", *(name for name, _ in self.reviews))
        }
        entries = [
            an_entry(a_practitioner(), full_url=urns["practitioner"]),
            an_entry(self.patient, full_url=urns["patient"]),
            an_entry(
                an_episode(urns["patient"], borough=self.borough, start=self.since, end=self.until),
                full_url=urns["episode"],
            ),
        ]
        entries += [
            an_entry(
                an_encounter(
                    urns["patient"],
                    review=review,
                    **{
                        "borough": self.borough,
                        "practitioner": urns["practitioner"],
                        "episode": urns["episode"],
                    }
                    | of_encounter,
                ),
                full_url=urns[review],
            )
            for review, of_encounter in self.reviews
        ]
        with the_record.opened(
            database, a_requester("service"), definitions=definitions, at=at, writing=True
        ) as record:
            answer = record.transact(a_transaction(*entries))
        made = {
            name: entry["response"]["location"].split("/")[-3]
            for name, entry in zip(urns, answer["entry"], strict=True)
        }
        return replace(self, id=made["patient"], made=made)


def a_child(
    *,
    born: str = "2019-01-15",
    borough: str = "bury",
    since: str | None = None,
    until: str | None = None,
    nhs_number: str | None = None,
    family: str = "Ashworth",
) -> Child:
    """A child for whom the borough answers from `since`, else birth, to the day before `until`, if any."""
    return Child(a_patient(nhs_number=nhs_number, born=born, family=family), borough, since or born, until)


def _choice(link_id: str, system: str, code: str) -> JSON:
    return {"linkId": link_id, "answer": [{"valueCoding": code_of(system, code)}]}


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
