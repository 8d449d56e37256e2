"""The invariants of FHIR R4 for our types, each beside its key.

https://hl7.org/fhir/R4/, "Constraints" on the page of each type; the sentences are in
fhir/r4/elements.json. HOLDS has a predicate for each: the element is given with its shape already checked,
and the answer says whether the rule holds. Checked elsewhere (ELSEWHERE): ele-1 and dom-2 in shapes.py,
ref-1 in references.py, txt-1 and txt-2 in narrative.py, bdl-2 to bdl-4 and bdl-7 with their entries in
bundles.py. Every error-level invariant of our types is checked.

Where the published expression says less than its sentence, or nothing at all, the sentence is what is held:
que-12, eld-11, ppc-2 to ppc-5.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any

from healthvisit.exact_json import JSON
from healthvisit.record.validation.dates import span
from healthvisit.record.validation.faults import Faults, against

UCUM = "http://unitsofmeasure.org"

ELSEWHERE = frozenset(["ele-1", "dom-2", "ref-1", "txt-1", "txt-2", "bdl-2", "bdl-3", "bdl-4", "bdl-7"])

# Stated of a part, but only the whole resource can be asked.
STATED_ABOVE = {"sdf-8": "StructureDefinition", "sdf-8a": "StructureDefinition"}

_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_CONDITION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_ALLERGY = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
_TYPED = re.compile(r"(?:https?://.+/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}\Z")
_FHIR_TYPE = re.compile(r"[a-zA-Z0-9.]+|http://hl7\.org/fhirpath/System\.[A-Z][A-Za-z]+")
_ODD = frozenset(".,:;'\"/|?!@#$%&*()[]{}")
_CODED = ("code", "Coding", "CodeableConcept", "Quantity", "string", "uri")
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


def _is_one(parameter: JSON) -> bool:
    """inv-1 of Parameters: a value, a resource, or parts."""
    given = [_has(parameter, "value"), "resource" in parameter, "part" in parameter]
    return given.count(True) == 1


def _modified_later(task: JSON) -> bool:
    authored, modified = task.get("authoredOn"), task.get("lastModified")
    return authored is None or modified is None or span(modified)[1] >= span(authored)[0]


def _says(concept: JSON, system: str, codes: Collection[str]) -> bool:
    return any(of == system and code in codes for of, code in _codings(concept))


def _abated(condition: JSON) -> bool:
    over = ("resolved", "remission", "inactive")
    return not _has(condition, "abatement") or _says(condition.get("clinicalStatus", {}), _CLINICAL, over)


def _is_mistake(found: JSON, system: str) -> bool:
    return _says(found.get("verificationStatus", {}), system, ("entered-in-error",))


def _has_patient(scope: str) -> Callable[[JSON], bool]:
    return lambda consent: (
        "patient" in consent or not any(code == scope for _, code in _codings(consent["scope"]))
    )


def _is_practitioners(participant: JSON) -> bool:
    """Only of a reference that names its type can it be told."""
    named = _TYPED.match(participant.get("member", {}).get("reference", ""))
    return "onBehalfOf" not in participant or named is None or named[1] == "Practitioner"


def _percentages(probability: Any) -> bool:
    return not isinstance(probability, dict) or all(
        (edge.get("code"), edge.get("system")) == ("%", UCUM)
        for name in ("low", "high")
        if (edge := probability.get(name))
    )


def _statement_of_instance(statement: JSON) -> bool:
    return statement["kind"] == "instance" or not any(
        "endpoint" in messaging for messaging in statement.get("messaging", [])
    )


def _documents(statement: JSON) -> bool:
    return _unique((each["profile"], each["mode"]) for each in statement.get("document", []))


def _elements(structure: JSON, *views: str) -> Iterator[JSON]:
    for view in views:
        yield from structure.get(view, {}).get("element", [])


def _first(structure: JSON, view: str) -> JSON:
    """The first element of a snapshot or differential, {} where there is none."""
    return next(_elements(structure, view), {})


def _is_root(element: JSON) -> bool:
    return "." not in element["path"]


def _ids(structure: JSON, view: str) -> bool:
    return _unique(element.get("id", object()) for element in _elements(structure, view))


def _under_type(structure: JSON, view: str) -> bool:
    """sdf-8, sdf-8a: the first element is the type, and all others are under it."""
    elements = list(_elements(structure, view))
    if not elements:
        return True
    first, logical = elements[0]["path"], structure["kind"] == "logical"
    if view == "snapshot":
        return (logical or first == structure["type"]) and all(
            element["path"].startswith(f"{first}.") for element in elements[1:]
        )
    return (logical or first.startswith(structure["type"])) and all(
        element["path"].startswith(first.split(".")[0] + ".") for element in elements[1:]
    )


def _typeless_root(structure: JSON) -> bool:
    """sdf-15a"""
    first = _first(structure, "differential")
    return structure["kind"] == "logical" or not first or not _is_root(first) or "type" not in first


def _of_fhir(structure: JSON) -> bool:
    return bool(structure["url"].startswith("http://hl7.org/fhir/StructureDefinition"))


def _fhir_types(structure: JSON) -> bool:
    return not _of_fhir(structure) or all(
        _FHIR_TYPE.fullmatch(type_["code"]) is not None
        for element in _elements(structure, "snapshot", "differential")
        for type_ in element.get("type", [])
    )


def _path_is_named(element: JSON) -> bool:
    """eld-19. A slice may stand after a colon."""
    return all(
        0 < len(name) <= 64 and _ODD.isdisjoint(name) and not any(c.isspace() for c in name)
        for name in (part.split(":")[0].removesuffix("[x]") for part in element["path"].split("."))
    )


def _refers_or_defines(element: JSON) -> bool:
    """eld-5"""
    alone = ("type", "example", "maxLength", "binding")
    return "contentReference" not in element or (
        element.keys().isdisjoint(alone)
        and not any(
            _has(element, stem) for stem in ("defaultValue", "fixed", "pattern", "minValue", "maxValue")
        )
    )


def _coded(element: JSON) -> bool:
    """eld-11"""
    return (
        "binding" not in element
        or "type" not in element
        or any(type_["code"] in _CODED for type_ in element["type"])
    )


HOLDS: dict[str, Callable[[Any], bool]] = {
    "age-1": lambda e: _coded_amount(e) and e.get("value", 1) > 0,
    "ait-1": lambda e: "clinicalStatus" in e or _is_mistake(e, _ALLERGY),
    "ait-2": lambda e: "clinicalStatus" not in e or not _is_mistake(e, _ALLERGY),
    "app-1": lambda e: "type" in e or "actor" in e,
    "app-2": lambda e: ("start" in e) == ("end" in e),
    "app-3": lambda e: ("start" in e and "end" in e) or e["status"] in ("proposed", "cancelled", "waitlist"),
    "app-4": lambda e: "cancelationReason" not in e or e["status"] in ("no-show", "cancelled"),
    "att-1": lambda e: "data" not in e or "contentType" in e,
    "bdl-1": lambda e: "total" not in e or e["type"] in ("searchset", "history"),
    "bdl-5": lambda e: "resource" in e or "request" in e or "response" in e,
    "bdl-8": lambda e: "/_history/" not in e.get("fullUrl", ""),
    "bdl-9": lambda e: e["type"] != "document" or {"system", "value"} <= e.get("identifier", {}).keys(),
    "bdl-10": lambda e: e["type"] != "document" or "timestamp" in e,
    "bdl-11": lambda e: _first_is(e, "document", "Composition"),
    "bdl-12": lambda e: _first_is(e, "message", "MessageHeader"),
    "cmd-1": lambda e: e.get("equivalence") not in ("narrower", "inexact") or "comment" in e,
    "cmd-2": lambda e: e["mode"] != "fixed" or "code" in e,
    "cmd-3": lambda e: e["mode"] != "other-map" or "url" in e,
    "cmp-1": lambda e: not e.keys().isdisjoint(("text", "entry", "section")),
    "cmp-2": lambda e: "emptyReason" not in e or "entry" not in e,
    "cnt-3": _whole_count,
    "con-1": lambda e: "summary" in e or "assessment" in e,
    "con-2": lambda e: "code" in e or "detail" in e,
    "con-4": _abated,
    "con-5": lambda e: "clinicalStatus" not in e or not _is_mistake(e, _CONDITION),
    "cpb-1": lambda e: not e.keys().isdisjoint(("rest", "messaging", "document")),
    "cpb-2": lambda e: not e.keys().isdisjoint(("description", "software", "implementation")),
    "cpb-3": _statement_of_instance,
    "cpb-7": _documents,
    "cpb-9": lambda e: _unique(each["type"] for each in e.get("resource", [])),
    "cpb-12": lambda e: _unique(each["name"] for each in e.get("searchParam", [])),
    "cpb-14": lambda e: e["kind"] != "instance" or "implementation" in e,
    "cpb-15": lambda e: e["kind"] != "capability" or ("implementation" not in e and "software" in e),
    "cpb-16": lambda e: e["kind"] != "requirements" or ("implementation" not in e and "software" not in e),
    "cpl-3": lambda e: "detail" not in e or "reference" not in e,
    "cpt-2": lambda e: "value" not in e or "system" in e,
    "csd-1": lambda e: _unique(concept["code"] for concept in _tree(e.get("concept", []), "concept")),
    "ctm-1": _is_practitioners,
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
    "eld-5": _refers_or_defines,
    "eld-6": lambda e: not _has(e, "fixed") or len(e.get("type", ())) <= 1,
    "eld-7": lambda e: not _has(e, "pattern") or len(e.get("type", ())) <= 1,
    "eld-8": lambda e: not _has(e, "pattern") or not _has(e, "fixed"),
    "eld-11": _coded,
    "eld-12": lambda e: e.get("valueSet", "urn:").startswith(("http:", "https", "urn:")),
    "eld-13": lambda e: _unique(type_.get("code") for type_ in e.get("type", [])),
    "eld-14": lambda e: _unique(constraint.get("key") for constraint in e.get("constraint", [])),
    "eld-15": lambda e: not _has(e, "defaultValue") or "meaningWhenMissing" not in e,
    "eld-16": lambda e: all(c.isalnum() or c in "/-_[]@" for c in e.get("sliceName", "")),
    "eld-17": lambda e: "targetProfile" not in e or e.get("code") in ("Reference", "canonical"),
    "eld-18": lambda e: e.get("isModifier") is not True or "isModifierReason" in e,
    "eld-19": _path_is_named,
    "eld-22": lambda e: "sliceIsConstraining" not in e or "sliceName" in e,
    "ext-1": lambda e: ("extension" in e) != _has(e, "value"),
    "exp-1": lambda e: "expression" in e or "reference" in e,
    "fhs-1": lambda e: not _has(e, "age") or not _has(e, "born"),
    "fhs-2": lambda e: "estimatedAge" not in e or _has(e, "age"),
    "gol-1": lambda e: not _has(e, "detail") or "measure" in e,
    "grp-1": lambda e: "member" not in e or e["actual"] is True,
    "imm-1": lambda e: "documentType" in e or "reference" in e,
    "imr-1": lambda e: "vaccineCode" in e or "targetDisease" in e,
    "inv-1": _is_one,
    "inv-1/Task": _modified_later,
    "lst-1": lambda e: "emptyReason" not in e or "entry" not in e,
    "lst-2": lambda e: e["mode"] == "changes" or not any("deleted" in each for each in e.get("entry", ())),
    "lst-3": lambda e: e["mode"] == "working" or not any("date" in each for each in e.get("entry", ())),
    "mad-1": lambda e: "dose" in e or _has(e, "rate"),
    "mea-1": _stratifiers,
    "mrp-1": lambda e: e["type"] != "data-collection" or "group" not in e,
    "mrp-2": _strata,
    "obs-3": lambda e: "low" in e or "high" in e or "text" in e,
    "obs-6": lambda e: "dataAbsentReason" not in e or not _has(e, "value"),
    "obs-7": lambda e: "component" not in e or _values_stand_once(e),
    "opd-1": lambda e: "type" in e or "part" in e,
    "opd-2": lambda e: "searchType" not in e or e.get("type") == "string",
    "opd-3": lambda e: "targetProfile" not in e or e.get("type") in ("Reference", "canonical"),
    "org-1": lambda e: "name" in e or "identifier" in e,
    "org-2": lambda e: e.get("use") != "home",
    "org-3": lambda e: e.get("use") != "home",
    "pat-1": lambda e: not e.keys().isdisjoint(("name", "telecom", "address", "organization")),
    "per-1": lambda e: _ordered(e),
    "ppc-1": lambda e: "policy" in e or "policyRule" in e,
    "ppc-2": _has_patient("patient-privacy"),
    "ppc-3": _has_patient("research"),
    "ppc-4": _has_patient("adr"),
    "ppc-5": _has_patient("treatment"),
    "prr-1": lambda e: "orderDetail" not in e or "code" in e,
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
    "ras-1": _percentages,
    "ras-2": lambda e: e.get("probabilityDecimal", 0) <= 100,
    "rat-1": lambda e: ("numerator" in e) == ("denominator" in e) and ("numerator" in e or "extension" in e),
    "rng-2": lambda e: (
        "value" not in e.get("low", ())
        or "value" not in e.get("high", ())
        or bool(e["low"]["value"] <= e["high"]["value"])
    ),
    "rqg-1": lambda e: ("resource" in e) != ("action" in e),
    "sdf-1": lambda e: (
        e.get("derivation") == "constraint" or _unique(each["path"] for each in _elements(e, "snapshot"))
    ),
    "sdf-2": lambda e: "name" in e or "uri" in e,
    "sdf-3": lambda e: all({"definition", "min", "max"} <= each.keys() for each in e["element"]),
    "sdf-4": lambda e: e["abstract"] is True or "baseDefinition" in e,
    "sdf-5": lambda e: e["type"] != "Extension" or e.get("derivation") == "specialization" or "context" in e,
    "sdf-6": lambda e: "snapshot" in e or "differential" in e,
    "sdf-8": lambda e: _under_type(e, "snapshot"),
    "sdf-8a": lambda e: _under_type(e, "differential"),
    "sdf-8b": lambda e: all("base" in each for each in e["element"]),
    "sdf-9": lambda e: all(
        each.keys().isdisjoint(("label", "code", "requirements"))
        for each in _elements(e, "snapshot", "differential")
        if _is_root(each)
    ),
    "sdf-10": lambda e: (
        not e.get("binding") or not e["binding"].keys().isdisjoint(("valueSet", "description"))
    ),
    "sdf-11": lambda e: (
        e["kind"] == "logical" or "snapshot" not in e or _first(e, "snapshot").get("path") == e["type"]
    ),
    "sdf-14": lambda e: all("id" in each for each in _elements(e, "snapshot", "differential")),
    "sdf-15": lambda e: e["kind"] == "logical" or "type" not in _first(e, "snapshot"),
    "sdf-15a": _typeless_root,
    "sdf-16": lambda e: _ids(e, "snapshot"),
    "sdf-17": lambda e: _ids(e, "differential"),
    "sdf-18": lambda e: "contextInvariant" not in e or e["type"] == "Extension",
    "sdf-19": _fhir_types,
    "sdf-20": lambda e: not any("slicing" in each for each in e["element"] if _is_root(each)),
    "sdf-21": lambda e: (
        e.get("derivation") == "specialization"
        or not any(_has(each, "defaultValue") for each in _elements(e, "differential"))
    ),
    "sdf-22": lambda e: (
        not _of_fhir(e)
        or not any(_has(each, "defaultValue") for each in _elements(e, "snapshot", "differential"))
    ),
    "sdf-23": lambda e: (
        not any("sliceName" in each for each in _elements(e, "snapshot", "differential") if _is_root(each))
    ),
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
