"""The invariants of FHIR R4 for our types, each beside its key.

https://hl7.org/fhir/R4/, "Constraints" on the page of each type; the sentences are in
fhir/r4/elements.json. HOLDS has a predicate for each: the element is given with its shape already checked,
and the answer says whether the rule holds. Checked elsewhere (ELSEWHERE): ele-1 and dom-2 in shapes.py,
ref-1 in references.py, txt-1 and txt-2 in narrative.py, bdl-2 to bdl-4 and bdl-7 with their entries in
bundles.py.

Not checked (NOT_CHECKED), all about how a StructureDefinition is published: eld-5 eld-6 eld-7 eld-8 eld-11
eld-15 eld-19 sdf-1 sdf-3 sdf-8 sdf-8a sdf-8b sdf-9 sdf-11 sdf-14 sdf-15 sdf-15a sdf-16 sdf-17 sdf-19 to
sdf-23.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from healthvisit.exact_json import JSON
from healthvisit.record.validation.dates import span
from healthvisit.record.validation.faults import Faults, against

UCUM = "http://unitsofmeasure.org"

ELSEWHERE = frozenset(["ele-1", "dom-2", "ref-1", "txt-1", "txt-2", "bdl-2", "bdl-3", "bdl-4", "bdl-7"])

# Paths, ids and definitions within a snapshot or differential: written by publishing tools, and read by them.
_PUBLISHING = """
    eld-5 eld-6 eld-7 eld-8 eld-11 eld-15 eld-19 sdf-1 sdf-3 sdf-8 sdf-8a sdf-8b sdf-9 sdf-11 sdf-14 sdf-15
    sdf-15a sdf-16 sdf-17 sdf-19 sdf-20 sdf-21 sdf-22 sdf-23
"""
NOT_CHECKED = frozenset(_PUBLISHING.split())

_SIMPLE_QUESTIONS = ("boolean", "decimal", "integer", "string", "text", "url", "open-choice")
_OPTION_QUESTIONS = (
    "choice", "open-choice", "decimal", "integer", "date", "dateTime", "time", "string", "quantity",
)  # fmt: skip


def _has(element: Mapping[str, Any], stem: str) -> bool:
    """Whether a choice such as value[x] is present under any of its types, if only by an extension."""
    at = len(stem)
    for name in element:
        shown = name[1:] if name[0] == "_" else name
        if shown.startswith(stem) and shown[at : at + 1].isupper():
            return True
    return False


def _one_of(element: JSON, first: str, second: str) -> bool:
    return (first in element) != (second in element)


def _unique(values: Iterator[Any]) -> bool:
    met = list(values)
    return len(set(met)) == len(met)


def _tree(items: list[JSON], under: str) -> Iterator[JSON]:
    for item in items:
        yield item
        yield from _tree(item.get(under, []), under)


def _coded_amount(element: JSON) -> bool:
    """A code if there is a value, in UCUM if a system is given."""
    return ("code" in element or "value" not in element) and element.get("system", UCUM) == UCUM


def _ordered(period: JSON) -> bool:
    start, end = period.get("start"), period.get("end")
    # "2021" to "2021-03" is in order: only what is certainly before its beginning is refused.
    return start is None or end is None or span(start)[0] <= span(end)[1]


def _codings(concept: JSON) -> set[tuple[Any, Any]]:
    return {(coding.get("system"), coding.get("code")) for coding in concept.get("coding", [])}


def _values_stand_once(observation: JSON) -> bool:
    if not _has(observation, "value"):
        return True
    own = _codings(observation["code"])
    return not any(own & _codings(component["code"]) for component in observation.get("component", []))


def _group_or_display(item: JSON) -> bool:
    if item["type"] == "group":
        return "item" in item
    return item["type"] != "display" or "item" not in item


def _answer_is_boolean(condition: JSON) -> bool:
    return condition["operator"] != "exists" or "answerBoolean" in condition


def _stratifiers(measure: JSON) -> bool:
    return all(
        any(name in stratifier for name in ("code", "description", "criteria")) != ("component" in stratifier)
        for group in measure.get("group", [])
        for stratifier in group.get("stratifier", [])
    )


def _strata(report: JSON) -> bool:
    return all(
        ("value" in stratum) != ("component" in stratum)
        for group in report.get("group", [])
        for stratifier in group.get("stratifier", [])
        for stratum in stratifier.get("stratum", [])
    )


def _whole_count(count: JSON) -> bool:
    value = count.get("value", 0)
    whole = not isinstance(value, Decimal) or value == value.to_integral_value()
    return _coded_amount(count) and count.get("code", "1") == "1" and whole


def _all_referred_to(resource: JSON) -> bool:
    """dom-3: what is contained is spoken of, or speaks of its container."""
    contained = resource.get("contained", [])
    spoken = set(_local_references(resource))
    return all(f"#{inner['id']}" in spoken or "#" in set(_local_references(inner)) for inner in contained)


def _local_references(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.startswith("#"):
            yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _local_references(inner)


def _first_is(bundle: JSON, kind: str, type_: str) -> bool:
    if bundle["type"] != kind:
        return True
    return bool(bundle.get("entry")) and bundle["entry"][0].get("resource", {}).get("resourceType") == type_


def _min_max(element: JSON) -> bool:
    least, most = element.get("min"), element.get("max", "*")
    return least is None or most == "*" or not most.isdecimal() or least <= int(most)


HOLDS: dict[str, Callable[[Any], bool]] = {
    "age-1": lambda e: _coded_amount(e) and e.get("value", 1) > 0,
    "att-1": lambda e: "data" not in e or "contentType" in e,
    "bdl-1": lambda e: "total" not in e or e["type"] in ("searchset", "history"),
    "bdl-5": lambda e: "resource" in e or "request" in e or "response" in e,
    "bdl-8": lambda e: "/_history/" not in e.get("fullUrl", ""),
    "bdl-9": lambda e: e["type"] != "document" or {"system", "value"} <= e.get("identifier", {}).keys(),
    "bdl-10": lambda e: e["type"] != "document" or "timestamp" in e,
    "bdl-11": lambda e: _first_is(e, "document", "Composition"),
    "bdl-12": lambda e: _first_is(e, "message", "MessageHeader"),
    "cnt-3": _whole_count,
    "cpt-2": lambda e: "value" not in e or "system" in e,
    "csd-1": lambda e: _unique(concept["code"] for concept in _tree(e.get("concept", []), "concept")),
    "dis-1": _coded_amount,
    "dom-3": lambda e: "contained" not in e or _all_referred_to(e),
    "dom-4": lambda e: (
        "contained" not in e
        or all({"versionId", "lastUpdated"}.isdisjoint(inner.get("meta", ())) for inner in e["contained"])
    ),
    "dom-5": lambda e: (
        "contained" not in e or all("security" not in inner.get("meta", ()) for inner in e["contained"])
    ),
    "drq-1": lambda e: _one_of(e, "path", "searchParam"),
    "drq-2": lambda e: _one_of(e, "path", "searchParam"),
    "drt-1": lambda e: "code" not in e or (e.get("system") == UCUM and "value" in e),
    "eld-1": lambda e: "discriminator" in e or "description" in e,
    "eld-2": _min_max,
    "eld-3": lambda e: e == "*" or e.isdecimal(),
    "eld-4": lambda e: "aggregation" not in e or e.get("code") in ("Reference", "canonical"),
    "eld-12": lambda e: e.get("valueSet", "urn:").startswith(("http:", "https", "urn:")),
    "eld-13": lambda e: _unique(type_.get("code") for type_ in e.get("type", [])),
    "eld-14": lambda e: _unique(constraint.get("key") for constraint in e.get("constraint", [])),
    "eld-16": lambda e: all(c.isalnum() or c in "/-_[]@" for c in e.get("sliceName", "")),
    "eld-17": lambda e: "targetProfile" not in e or e.get("code") in ("Reference", "canonical"),
    "eld-18": lambda e: e.get("isModifier") is not True or "isModifierReason" in e,
    "eld-22": lambda e: "sliceIsConstraining" not in e or "sliceName" in e,
    "ext-1": lambda e: ("extension" in e) != _has(e, "value"),
    "exp-1": lambda e: "expression" in e or "reference" in e,
    "mea-1": _stratifiers,
    "mrp-1": lambda e: e["type"] != "data-collection" or "group" not in e,
    "mrp-2": _strata,
    "obs-3": lambda e: "low" in e or "high" in e or "text" in e,
    "obs-6": lambda e: "dataAbsentReason" not in e or not _has(e, "value"),
    "obs-7": lambda e: "component" not in e or _values_stand_once(e),
    "org-1": lambda e: "name" in e or "identifier" in e,
    "org-2": lambda e: e.get("use") != "home",
    "org-3": lambda e: e.get("use") != "home",
    "pat-1": lambda e: not e.keys().isdisjoint(("name", "telecom", "address", "organization")),
    "per-1": lambda e: _ordered(e),
    "qrs-1": lambda e: not ("answer" in e and "item" in e),
    "qty-3": lambda e: "code" not in e or "system" in e,
    "que-1": _group_or_display,
    "que-2": lambda e: _unique(item["linkId"] for item in _tree(e.get("item", []), "item")),
    "que-3": lambda e: e["type"] != "display" or "code" not in e,
    "que-4": lambda e: "answerOption" not in e or "answerValueSet" not in e,
    "que-5": lambda e: (
        e["type"] in _OPTION_QUESTIONS or ("answerValueSet" not in e and "answerOption" not in e)
    ),
    "que-6": lambda e: e["type"] != "display" or ("required" not in e and "repeats" not in e),
    "que-7": _answer_is_boolean,
    "que-8": lambda e: e["type"] not in ("group", "display") or "initial" not in e,
    "que-9": lambda e: e["type"] != "display" or "readOnly" not in e,
    "que-10": lambda e: e["type"] in _SIMPLE_QUESTIONS or "maxLength" not in e,
    "que-11": lambda e: "answerOption" not in e or "initial" not in e,
    # The sentence says "more than one" and the published expression "> 2": the sentence is what was meant.
    "que-12": lambda e: len(e.get("enableWhen", ())) <= 1 or "enableBehavior" in e,
    "que-13": lambda e: e.get("repeats") is True or len(e.get("initial", ())) <= 1,
    "rat-1": lambda e: ("numerator" in e) == ("denominator" in e) and ("numerator" in e or "extension" in e),
    "rng-2": lambda e: (
        "value" not in e.get("low", ())
        or "value" not in e.get("high", ())
        or bool(e["low"]["value"] <= e["high"]["value"])
    ),
    "sdf-2": lambda e: "name" in e or "uri" in e,
    "sdf-4": lambda e: e["abstract"] is True or "baseDefinition" in e,
    "sdf-5": lambda e: e["type"] != "Extension" or e.get("derivation") == "specialization" or "context" in e,
    "sdf-6": lambda e: "snapshot" in e or "differential" in e,
    "sdf-10": lambda e: (
        not e.get("binding") or not e["binding"].keys().isdisjoint(("valueSet", "description"))
    ),
    "sdf-18": lambda e: "contextInvariant" not in e or e["type"] == "Extension",
    "sev-1": lambda e: "name" not in e or "query" not in e,
    "spd-1": lambda e: "xpath" not in e or "xpathUsage" in e,
    "spd-2": lambda e: "chain" not in e or e["type"] == "reference",
    "sqty-1": lambda e: "comparator" not in e,
    "tim-1": lambda e: "duration" not in e or "durationUnit" in e,
    "tim-2": lambda e: "period" not in e or "periodUnit" in e,
    "tim-4": lambda e: e.get("duration", 0) >= 0,
    "tim-5": lambda e: e.get("period", 0) >= 0,
    "tim-6": lambda e: "periodMax" not in e or "period" in e,
    "tim-7": lambda e: "durationMax" not in e or "duration" in e,
    "tim-8": lambda e: "countMax" not in e or "count" in e,
    "tim-9": lambda e: (
        "offset" not in e or (bool(e.get("when")) and not {"C", "CM", "CD", "CV"} & set(e["when"]))
    ),
    "tim-10": lambda e: "timeOfDay" not in e or "when" not in e,
    "trd-1": lambda e: "data" not in e or not _has(e, "timing"),
    "trd-2": lambda e: "condition" not in e or "data" in e,
    "trd-3": lambda e: (
        (e["type"] != "named-event" or "name" in e)
        and (e["type"] != "periodic" or _has(e, "timing"))
        and (not e["type"].startswith("data-") or "data" in e)
    ),
    "vsd-1": lambda e: "valueSet" in e or "system" in e,
    "vsd-2": lambda e: ("concept" not in e and "filter" not in e) or "system" in e,
    "vsd-3": lambda e: "concept" not in e or "filter" not in e,
    "vsd-6": lambda e: "code" in e or "display" in e,
    "vsd-9": lambda e: "code" in e or e.get("abstract") is True,
    "vsd-10": lambda e: "code" not in e or "system" in e,
}


def by_key(table: JSON) -> dict[str, Callable[[Any], Faults]]:
    """The check of each invariant by its key; the sentence comes from the table of elements."""
    return {
        key: _rule(f"{key}: {table['rules'][key]}", holds)
        for key, holds in HOLDS.items()
        if key in table["rules"]
    }


def _rule(sentence: str, holds: Callable[[Any], bool]) -> Callable[[Any], Faults]:
    def check(element: Any) -> Faults:
        return None if holds(element) else against("invariant", sentence)

    return check
