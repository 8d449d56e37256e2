"""Answers -> scores -> Observations derivedFrom the response.

Observation shape: one for each measurement and for feeding, coded as the Questionnaire's item is; one for the
instrument, without a value, with a component for each domain (fhir facts 2, shape a).
http://hl7.org/fhir/R4/observation.html
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON
from healthvisit.programme import asq3
from healthvisit.programme.dates import Age
from healthvisit.record.errors import Unprocessable
from healthvisit.reviews.answers import Coding, Placed, by_link_id

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
ABSENT_REASON = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
UCUM = "http://unitsofmeasure.org"
UNIT = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"
RELEASED_AT = f"{CANONICAL}/StructureDefinition/released-at"
VISIBILITY = f"{CANONICAL}/StructureDefinition/visibility"
PRORATED = "Some answers were left out; the score rests on the others."

# The licensed instrument, where no pack says otherwise (fhir facts 2).
ASQ3_CODE = {
    "system": "http://snomed.info/sct",
    "code": "448615001",
    "display": "Ages and Stages Questionnaires Third Edition",
}


@dataclass(frozen=True)
class DomainScore:
    """points: 0 to 60, None when more than two answers were left out. cut_off: None where no licensed table
    has one.
    """

    domain: str
    points: Decimal | None
    zone: asq3.Zone
    cut_off: Decimal | None
    prorated: bool


@dataclass(frozen=True)
class Score:
    """One instrument at one review. form: its month, None when the health visitor did not say which."""

    form: str | None
    domains: tuple[DomainScore, ...]

    @property
    def is_complete(self) -> bool:
        """The form is known and every domain has its points."""
        return self.form is not None and all(domain.points is not None for domain in self.domains)


def form_windows(pack: JSON | None) -> tuple[asq3.FormWindow, ...]:
    """Ages of a pack's forms, youngest first; none without a pack."""
    forms: Mapping[str, Any] = (pack or {}).get("forms", {})
    return tuple(
        asq3.FormWindow(month, Age(int(form["from_months"]), 0), Age(int(form["until_months"]), 0))
        for month, form in sorted(forms.items(), key=lambda each: int(each[0]))
    )


def score(answers: Mapping[str, Placed], pack: JSON | None) -> Score | None:
    """Score of the instrument's answers, None where none of its thirty items was answered.

    Without a pack, or without a form, points are counted and nothing is classified.
    Raises Unprocessable for an answer or a form that the instrument does not have.
    """
    given = {
        domain: [answers.get(f"asq3-{domain}-{item}") for item in range(1, asq3.ITEMS + 1)]
        for domain in asq3.DOMAINS
    }
    if not any(placed for domain in given.values() for placed in domain):
        return None
    points = {code: int(worth) for code, worth in (pack or {}).get("answers", asq3.POINTS).items()}
    stated = answers.get("asq3-form")
    form = None if stated is None else _code(stated)
    known: Mapping[str, Any] = (pack or {}).get("forms", {})
    if stated is not None and pack is not None and form not in known:
        raise Unprocessable("the instrument has no such form", stated.expression)
    domains = known.get(form or "", {}).get("domains", {})
    return Score(
        form, tuple(_domain(domain, given[domain], points, domains.get(domain, {})) for domain in given)
    )


def _domain(
    domain: str, given: Sequence[Placed | None], points: Mapping[str, int], edges: Mapping[str, Any]
) -> DomainScore:
    codes = [None if placed is None else _code(placed) for placed in given]
    for placed, code in zip(given, codes, strict=True):
        if placed is not None and code not in points:
            raise Unprocessable("the instrument has no such answer", placed.expression)
    total = asq3.domain_points(codes, points)
    cut_off, monitor_up_to = (
        None if edges.get(name) is None else Decimal(str(edges[name]))
        for name in ("cut_off", "monitor_up_to")
    )
    return DomainScore(
        domain,
        total,
        asq3.zone(total, cut_off, monitor_up_to),
        cut_off,
        total is not None and asq3.is_prorated(codes),
    )


def _code(placed: Placed) -> str:
    if not isinstance(placed.value, Coding):
        raise Unprocessable("a coded answer is expected", placed.expression)
    return placed.value.code


def observations(response: JSON, effective: str, definitions: Definitions) -> Iterator[tuple[str, JSON]]:
    """(name, Observation) for everything the record keeps of a response beside the response itself.

    effective: Encounter.period.start as it stands there. The name is the linkId, or `asq3` for the score, and
    is unique within the response. It is released with the response where the item is marked as one that parents
    can be shown; without the mark it is for staff. Raises Unprocessable as `score` and `answers.by_link_id` do.
    """
    answers = by_link_id(response)
    form = definitions.by_url(response["questionnaire"])
    common = _common(response, effective)
    release = _release(response)
    shown = dict(_marks(form.get("item", ()), False))
    for item in _coded_items(form.get("item", ())):
        link = item["linkId"]
        if link in answers:
            released = release if shown[link] else {}
            yield link, {**common, **released, **_valued(item, answers[link], definitions)}
    counted = score(answers, definitions.pack)
    if counted is not None:
        yield "asq3", {**common, **(release if shown.get("asq3") else {}), **_scored(counted, definitions)}


def _common(response: JSON, effective: str) -> JSON:
    common: JSON = {
        "resourceType": "Observation",
        "status": "final",
        "subject": response["subject"],
        "encounter": response["encounter"],
        "effectiveDateTime": effective,
    }
    if "author" in response:
        common["performer"] = [response["author"]]
    return common


def _release(response: JSON) -> JSON:
    released = [each for each in response.get("extension", ()) if each.get("url") == RELEASED_AT]
    return {"extension": released} if released else {}


def _marks(items: Sequence[JSON], above: bool) -> Iterator[tuple[str, bool]]:
    """(linkId, whether the parents can be shown what comes of it). A mark holds for the items beneath it, until one
    of them is marked otherwise."""
    for item in items:
        own = [each["valueCoding"]["code"] for each in item.get("extension", ()) if each["url"] == VISIBILITY]
        shown = "parents" in own if own else above
        yield item["linkId"], shown
        yield from _marks(item.get("item", ()), shown)


def _coded_items(items: Sequence[JSON]) -> Iterator[JSON]:
    for item in items:
        if item.get("code"):
            yield item
        yield from _coded_items(item.get("item", ()))


def _valued(item: JSON, placed: Placed, definitions: Definitions) -> JSON:
    code = {"coding": item["code"], "text": item["text"]}
    if isinstance(placed.value, Coding):
        system, chosen = placed.value
        return {
            "category": _category("survey"),
            "code": code,
            "valueCodeableConcept": {
                "coding": [{"system": system, "code": chosen, "display": definitions.codes(system)[chosen]}]
            },
        }
    return measured(item, placed.value)


def measured(item: JSON, value: object) -> JSON:
    """What an Observation says of a measurement. item: of the form, with its unit. value: in that unit."""
    unit = next(each["valueCoding"] for each in item["extension"] if each["url"] == UNIT)
    return {
        "category": _category("vital-signs"),
        "code": {"coding": item["code"], "text": item["text"]},
        "valueQuantity": {
            "value": value,
            "unit": unit.get("display", unit["code"]),
            "system": UCUM,
            "code": unit["code"],
        },
    }


def _scored(counted: Score, definitions: Definitions) -> JSON:
    pack = definitions.pack or {}
    code = pack.get("code", ASQ3_CODE)
    names = definitions.codes(f"{CANONICAL}/CodeSystem/domain")
    zones = definitions.codes(f"{CANONICAL}/CodeSystem/zone")
    own: Mapping[str, Any] = pack.get("forms", {}).get(counted.form or "", {}).get("domains", {})
    components = []
    for each in counted.domains:
        coding = [
            {
                "system": f"{CANONICAL}/CodeSystem/domain",
                "code": each.domain,
                "display": names[each.domain],
            }
        ]
        if "code" in own.get(each.domain, {}):
            coding.append(own[each.domain]["code"])
        component: JSON = {"code": {"coding": coding}}
        if each.points is None:
            component["dataAbsentReason"] = {"coding": [{"system": ABSENT_REASON, "code": "not-performed"}]}
        else:
            component["valueQuantity"] = {
                "value": each.points,
                "unit": "points",
                "system": UCUM,
                "code": "{score}",
            }
        zone = {"system": f"{CANONICAL}/CodeSystem/zone", "code": each.zone, "display": zones[each.zone]}
        component["interpretation"] = [{"coding": [zone], **({"text": PRORATED} if each.prorated else {})}]
        if each.cut_off is not None:
            low = {"value": each.cut_off, "unit": "points", "system": UCUM, "code": "{score}"}
            component["referenceRange"] = [{"low": low}]
        components.append(component)
    month = f", {counted.form} month form" if counted.form else ""
    return {
        "category": _category("survey"),
        "code": {"coding": [code], "text": f"{pack.get('title', 'ASQ-3')}{month}"},
        "component": components,
    }


def _category(code: str) -> list[JSON]:
    return [{"coding": [{"system": CATEGORY, "code": code}]}]
