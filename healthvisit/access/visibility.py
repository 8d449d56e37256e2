"""What a parent sees of a resource: an allow-list, element by element. What anybody sees of a child whose
whereabouts are kept hidden: a mask.

The parents' view is built for each adult by naming what is shown, never by taking away: a new element is hidden until
someone decides. A place, a team, a borough, a colleague or an author can tell an adult where the other adult and the
child now live, so none of them is shown; nor is anything by which the number or time of hidden changes could
be counted (meta).
Source: threats.md B1-B7, H15; DAPB3051.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

JSON = dict[str, Any]

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
REVIEW_OUTCOME = "https://healthvisit.example/fhir/StructureDefinition/review-outcome"

# Takes a value as it stands in the record and gives what is shown of it, None for nothing.
_Shown = Callable[[Any], Any]


def _plain(value: Any) -> Any:
    return None if isinstance(value, dict | list) else value


def _of(**elements: _Shown) -> _Shown:
    """Only these elements of an object; an extension at any depth is never shown by it."""

    def shown(value: Any) -> Any:
        if not isinstance(value, dict):
            return None
        found = {
            name: seen
            for name, show in elements.items()
            if name in value and (seen := show(value[name])) is not None
        }
        return found or None

    return shown


def _each(show: _Shown) -> _Shown:
    def shown(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        return [seen for each in value if (seen := show(each)) is not None] or None

    return shown


def _only(show: _Shown, element: str, wanted: str) -> _Shown:
    """Those objects of a list whose element has the wanted value."""
    every = _each(show)

    def shown(value: Any) -> Any:
        if not isinstance(value, list):
            return None
        return every([each for each in value if isinstance(each, dict) and each.get(element) == wanted])

    return shown


_CODING = _of(system=_plain, code=_plain, display=_plain)
_CONCEPT = _of(coding=_each(_CODING), text=_plain)
_QUANTITY = _of(value=_plain, comparator=_plain, unit=_plain, system=_plain, code=_plain)
_PERIOD = _of(start=_plain, end=_plain)
# No display: it may hold a name.
_REFERENCE = _of(reference=_plain)
_NAME = _of(
    use=_plain,
    text=_plain,
    family=_plain,
    given=_each(_plain),
    prefix=_each(_plain),
    suffix=_each(_plain),
    period=_PERIOD,
)
_RANGES = _each(_of(low=_QUANTITY, high=_QUANTITY, type=_CONCEPT))
# Free text is not among the values: nobody decided word by word what it may tell.
_VALUES: dict[str, _Shown] = {
    "valueQuantity": _QUANTITY,
    "valueCodeableConcept": _CONCEPT,
    "valueBoolean": _plain,
    "valueInteger": _plain,
    "valueDateTime": _plain,
    "dataAbsentReason": _CONCEPT,
    "interpretation": _each(_CONCEPT),
    "referenceRange": _RANGES,
}

_ELEMENTS: dict[str, dict[str, _Shown]] = {
    "Patient": {
        "identifier": _only(_of(system=_plain, value=_plain), "system", NHS_NUMBER),
        "name": _each(_NAME),
        "gender": _plain,
        "birthDate": _plain,
    },
    "Encounter": {
        "extension": _only(_of(url=_plain, valueCoding=_CODING), "url", REVIEW_OUTCOME),
        "status": _plain,
        "class": _CODING,
        "type": _each(_CONCEPT),
        "subject": _REFERENCE,
        "period": _PERIOD,
    },
    "Observation": {
        "status": _plain,
        "category": _each(_CONCEPT),
        "code": _CONCEPT,
        "subject": _REFERENCE,
        "encounter": _REFERENCE,
        "effectiveDateTime": _plain,
        "effectivePeriod": _PERIOD,
        **_VALUES,
        "component": _each(_of(code=_CONCEPT, **_VALUES)),
    },
}

# The types of which a parent sees anything that belongs to a child.
TYPES = tuple(_ELEMENTS)

# A search by a hidden element tells the element: parents search, and sort, by what they see.
_SEARCHABLE = {
    "Patient": frozenset({"_id", "identifier", "name", "family", "given", "gender", "birthdate"}),
    "Encounter": frozenset({"_id", "patient", "subject", "status", "class", "type", "date"}),
    "Observation": frozenset(
        {"_id", "patient", "subject", "encounter", "status", "category", "code", "date", "value-concept"}
    ),
}


def parents_view(type_: str, body: JSON) -> JSON | None:
    """What a parent sees of a released resource of the parent's child, or None for nothing at all."""
    elements = _ELEMENTS.get(type_)
    # A modifier changes what the rest means, and the view cannot carry it: half the truth is not shown.
    if elements is None or "modifierExtension" in body or "implicitRules" in body:
        return None
    seen = _of(**elements)(body) or {}
    return {"resourceType": type_, "id": body["id"], **seen}


def searchable(type_: str) -> frozenset[str] | None:
    """Names of the parameters by which a parent may search or sort the type; None for all."""
    return _SEARCHABLE.get(type_)


# The mark of a sensitive patient: what can tell where the family is (docs/decisions/0016)

# Never shown of a marked child, in whatever type and at whatever depth. A narrative is known by its div.
_PLACES = frozenset(
    (
        "address", "telecom", "contact", "generalPractitioner", "link", "location", "locationCode", "locationReference",
        "hospitalization", "facilityType", "practiceSetting", "patientInstruction", "assigner", "contained", "hash",
        "valueAddress", "valueContactPoint", "valueContactDetail", "valueMeta", "valueSignature",
        "valueRelatedArtifact",
    )
)  # fmt: skip
_PLACES_OF = {"Appointment": frozenset(("description", "comment", "slot"))}
# Who answers for the child: nobody of another borough is shown it.
_TEAMS = frozenset(("authority", "authorString", "instantiatesUri", "instantiatesCanonical"))
_TEAMS_OF = {"CareTeam": frozenset(("name",))}
_META = frozenset(("versionId", "lastUpdated", "security"))
# What a shown reference may lead to. A Location and a HealthcareService are places.
_OF_THE_CHILD = frozenset(
    (
        "Patient", "RelatedPerson", "EpisodeOfCare", "Encounter", "QuestionnaireResponse", "Observation", "Condition",
        "Immunization", "Flag", "CarePlan", "CareTeam", "Task", "ServiceRequest", "Communication", "Consent",
        "Appointment", "DocumentReference", "Binary", "List", "Composition", "RiskAssessment", "Provenance",
        "Questionnaire", "PlanDefinition",
    )
)  # fmt: skip
_OF_THE_TEAM = frozenset(("Practitioner", "PractitionerRole", "Organization", "Group"))
# Of whom the rest of an entry speaks: without it, it says nothing.
_WHOM = ("actor", "who", "item")
_OF_A_REFERENCE = frozenset(("id", "extension", "reference", "type", "identifier", "display"))
_LEADS_TO = re.compile(r"([A-Z][A-Za-z]+)/[A-Za-z0-9.\-]{1,64}(?:/_history/[A-Za-z0-9.\-]{1,64})?\Z")
_OF_AN_ATTACHMENT = frozenset(("contentType", "language", "size", "creation"))
_OWN = "https://healthvisit.example/fhir/StructureDefinition/"
_UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
# Of extensions those alone that are known to hold no place, and of them what is coded, a number or a day.
_EXTENSIONS = frozenset(
    (
        "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
        *(
            _OWN + name
            for name in (
                "capture-mode", "contact-mode", "not-assessable", "place", "practitioner-type", "provisional",
                "recorded-at", "released-at", "review-outcome",
            )
        ),
        *(
            _UK_CORE + name
            for name in (
                "BirthSex", "DeathNotificationStatus", "EthnicCategory", "NHSNumberVerificationStatus",
                "ParentPresent", "VaccinationProcedure",
            )
        ),
    )
)  # fmt: skip
_EXTENDED = frozenset(
    (
        "url", "valueBoolean", "valueCode", "valueCodeableConcept", "valueCoding", "valueDate", "valueDateTime",
        "valueDecimal", "valueInstant", "valueInteger", "valueQuantity",
    )
)  # fmt: skip

# By these anybody finds a marked child's record: what they search by is shown to whoever reaches it.
_FINDING = frozenset(
    (
        "_id", "_lastUpdated", "_security", "abatement-date", "active", "activity-code", "authored", "authored-on",
        "based-on", "birthdate", "category", "class", "clinical-status", "code", "code-value-concept",
        "code-value-quantity", "component-code", "component-code-value-concept", "component-code-value-quantity",
        "component-value-concept", "component-value-quantity", "condition", "data-absent-reason", "date", "death-date",
        "deceased", "derived-from", "diagnosis", "encounter", "episode-of-care", "family", "focus", "gender", "given",
        "has-member", "intent", "length", "name", "onset-date", "outcome", "part-of", "patient", "period", "priority",
        "questionnaire", "reason-code", "received", "recorded", "recorded-date", "relationship", "risk", "sent",
        "severity", "status", "subject", "target", "target-disease", "type", "vaccine-code", "value-concept",
        "value-date", "value-quantity", "verification-status", "when",
    )
)  # fmt: skip


@dataclass(frozen=True)
class _Mask:
    """near: for whoever works for the borough that answers for the child. narrated: narratives are left as they
    are."""

    near: bool
    narrated: bool = False

    def of(self, type_: str, body: JSON) -> JSON:
        hidden = _PLACES_OF.get(type_, frozenset())
        if not self.near:
            hidden |= _TEAMS_OF.get(type_, frozenset())
        return {
            name: seen
            for name, value in body.items()
            if name not in hidden
            and (seen := self.shown(name, value)) is not None
            # What a document says cannot be looked into.
            and not (type_ == "Binary" and name == "data")
        }

    def shown(self, name: str, value: Any) -> Any:
        """What is shown of the value of an element; None for nothing."""
        if name in _PLACES or (not self.near and name in _TEAMS):
            return None
        if isinstance(value, list):
            every = [self.shown(name, each) for each in value]
            # Extensions of a list of primitives stand in the places of these.
            found = every if name.startswith("_") else [each for each in every if each is not None]
            return found if any(each is not None for each in found) else None
        if not isinstance(value, dict):
            return value
        if name in ("extension", "modifierExtension"):
            return _extension(value)
        if name == "text":
            return value if self.narrated else None
        if name in ("attachment", "photo") or name.endswith("Attachment"):
            return _attachment(value)
        if name == "signature":
            return None
        if _is_reference(value):
            return self._reference(value)
        if not self.near and name == "meta":
            value = {each: inner for each, inner in value.items() if each in _META}
        is_number = name == "requisition" or name.endswith("dentifier")
        # The system of another number can be a borough's own.
        if is_number and not self.near and value.get("system") != NHS_NUMBER:
            return None
        found_ = {
            inner_name: seen
            for inner_name, inner in value.items()
            if (seen := self.shown(inner_name, inner)) is not None
        }
        if any(each in value and each not in found_ and isinstance(value[each], dict) for each in _WHOM):
            return None
        return found_ or None

    def _reference(self, value: JSON) -> JSON | None:
        match = _LEADS_TO.match(str(value.get("reference")))
        if match is None:
            # A name or a number of anything, or an address of another service.
            return None
        if match[1] in _OF_THE_CHILD or (self.near and match[1] in _OF_THE_TEAM):
            kept = ("reference", "type", "display") if self.near else ("reference", "type")
            return {name: value[name] for name in kept if name in value}
        return None


_NEAR, _FAR, _SENT = _Mask(near=True), _Mask(near=False), _Mask(near=True, narrated=True)


def masked(type_: str, body: JSON, *, near: bool) -> JSON:
    """What is shown of the record of a child who is marked as sensitive, to all but those who protect it.

    near: whether it is for somebody who works for the borough that answers for the child; the others are shown no
    team either.
    """
    return (_NEAR if near else _FAR).of(type_, body)


def hidden_in(type_: str, body: JSON) -> str | None:
    """The first element of a body, as it was sent, of which whoever is shown the mask would not see everything;
    None where there is none. Its narrative does not count: it says again what the rest says."""
    seen = _SENT.of(type_, body)
    return next((name for name, value in body.items() if seen.get(name) != value), None)


def completed(type_: str, body: JSON, standing: JSON) -> JSON:
    """A body that was made of the near mask of what stands, with what the mask hides of that put back.

    body: holds nothing that is hidden. What was hidden within an entry of a list goes where that entry goes.
    """
    seen = _NEAR.of(type_, standing)
    found = dict(body)
    for name, value in standing.items():
        if name == "text":
            continue
        if name not in seen:
            found[name] = value
        else:
            found[name] = _completed(name, body.get(name, []), value)
            if found[name] == []:
                del found[name]
    return found


def _completed(name: str, sent: Any, standing: Any) -> Any:
    # An element has one shape, in what stands as in what was sent; what was left out came here as an empty list.
    if isinstance(sent, dict):
        seen = _NEAR.shown(name, standing)
        if sent == seen:
            return standing
        if _is_one(name, standing):
            return sent
        found = dict(sent)
        for inner, value in standing.items():
            if inner not in seen:
                if inner != "text":
                    found[inner] = value
            elif inner in sent:
                found[inner] = _completed(inner, sent[inner], value)
        return found
    if not isinstance(standing, list) or name.startswith("_"):
        return sent
    every = [(_NEAR.shown(name, each), each) for each in standing]
    shown = [(seen, each) for seen, each in every if seen is not None]
    if sent == [seen for seen, _ in shown]:
        return standing
    if len(sent) == len(shown):
        kept = [_completed(name, each, stood) for each, (_, stood) in zip(sent, shown, strict=True)]
    else:
        kept = [next((stood for seen, stood in shown if seen == each), each) for each in sent]
    return [*kept, *(each for seen, each in every if seen is None)]


def finds_the_far(parameter: str) -> bool:
    """Whether a search by this parameter tells nobody of a marked child what the mask hides from those who do not
    work for the borough that answers for it."""
    return parameter in _FINDING


def _is_one(name: str, value: JSON) -> bool:
    """Whether its parts belong to one thing: another number has another assigner, another document other words."""
    return (
        name in ("attachment", "photo", "extension")
        or name.endswith(("Attachment", "dentifier"))
        or _is_reference(value)
    )


def _is_reference(value: JSON) -> bool:
    return (
        value.keys() <= _OF_A_REFERENCE
        and not value.keys().isdisjoint(("reference", "identifier", "display"))
        and isinstance(value.get("type"), str | None)
        and isinstance(value.get("identifier"), dict | None)
    )


def _extension(value: JSON) -> JSON | None:
    if str(value.get("url")) not in _EXTENSIONS:
        return None
    found = {name: inner for name, inner in value.items() if name in _EXTENDED}
    return found if len(found) > 1 else None


def _attachment(value: JSON) -> JSON | None:
    """That there is one, and where in this service; not what it is called, nor what it says."""
    found = {name: inner for name, inner in value.items() if name in _OF_AN_ATTACHMENT}
    match = _LEADS_TO.match(str(value.get("url")))
    if match is not None and match[1] in _OF_THE_CHILD:
        found["url"] = value["url"]
    return found or None
