"""Value sets and code systems that ship with the service: their codes, and whether a code is among them.

Terminology of others (SNOMED CT, LOINC) is not held here: a value set that takes in a whole system of theirs
cannot be expanded, and says so. https://hl7.org/fhir/R4/terminology-service.html
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from healthvisit.definitions import Definitions, UnknownDefinition
from healthvisit.exact_json import JSON
from healthvisit.record import instants
from healthvisit.record.errors import Invalid, Issue, NotFound, Unprocessable
from healthvisit.record.package import named
from healthvisit.record.record import Record

Words = Mapping[str, Sequence[str]]

_DEEPEST = 10


class Concept(NamedTuple):
    system: str
    code: str
    display: str | None


def expand(record: Record, id_: str | None, parameters: Words) -> JSON:
    """The ValueSet with its expansion. parameters: url, valueSetVersion, filter, offset, count.

    Raises NotFound, Forbidden, Invalid, or Unprocessable for one that cannot be expanded here.
    https://hl7.org/fhir/R4/valueset-operation-expand.html
    """
    with record.operation("$expand", "ValueSet", id_) as inside:
        inside.permit("ValueSet", "r")
        value_set = named(inside.definitions, "ValueSet", id_, parameters, "valueSetVersion")
        words = next(iter(parameters.get("filter", ())), "").casefold().split()
        found = [
            each
            for each in concepts(value_set, inside.definitions)
            if all(word in f"{each.code} {each.display or ''}".casefold() for word in words)
        ]
        offset = _whole("offset", parameters) or 0
        count = _whole("count", parameters)
        page = found[offset:] if count is None else found[offset : offset + count]
        expansion: JSON = {
            "identifier": uuid.uuid4().urn,
            "timestamp": instants.text(instants.micros(inside.at)),
            "total": len(found),
            "offset": offset,
        }
        given = [
            *(
                {"name": name, "valueInteger": int(parameters[name][0])}
                for name in ("offset", "count")
                if name in parameters
            ),
            *({"name": "filter", "valueString": text} for text in parameters.get("filter", ()) if text),
        ]
        if given:
            expansion["parameter"] = given
        if page:
            expansion["contains"] = [
                {
                    "system": each.system,
                    "code": each.code,
                    **({"display": each.display} if each.display else {}),
                }
                for each in page
            ]
        whole = {name: value for name, value in value_set.items() if name != "compose"}
        return {**whole, "expansion": expansion}


def validate_code(record: Record, id_: str | None, parameters: Words, objects: Mapping[str, JSON]) -> JSON:
    """Parameters: result, and message or display. https://hl7.org/fhir/R4/valueset-operation-validate-code.html

    Raises as `expand`.
    """
    with record.operation("$validate-code", "ValueSet", id_) as inside:
        inside.permit("ValueSet", "r")
        value_set = named(inside.definitions, "ValueSet", id_, parameters, "valueSetVersion")
        asked = _asked(parameters, objects)
        known = {(each.system, each.code): each for each in concepts(value_set, inside.definitions)}
        # A code without its system is in the set when the set has it of any system.
        found = next(
            (
                each
                for (system, code) in asked
                for each in known.values()
                if code == each.code and system in (None, each.system)
            ),
            None,
        )
        display = next(iter(parameters.get("display", ())), None)
        message = None
        if found is None:
            message = "The code is not in the value set."
        elif (
            display is not None
            and found.display is not None
            and display.casefold() != found.display.casefold()
        ):
            message = "The display is another."
        answer: list[JSON] = [{"name": "result", "valueBoolean": message is None}]
        if message is not None:
            answer.append({"name": "message", "valueString": message})
        if found is not None and found.display is not None:
            answer.append({"name": "display", "valueString": found.display})
        return {"resourceType": "Parameters", "parameter": answer}


def lookup(record: Record, parameters: Words, objects: Mapping[str, JSON]) -> JSON:
    """Parameters: name and version of the code system, display and definition of the code.

    Raises NotFound, Forbidden or Invalid. https://hl7.org/fhir/R4/codesystem-operation-lookup.html
    """
    with record.operation("$lookup", "CodeSystem") as inside:
        inside.permit("CodeSystem", "r")
        [(system, code), *_] = _asked(parameters, objects)
        if system is None:
            raise Invalid((Issue("required", "The code's system is needed.", "system"),))
        given = {"url": [system], **({"version": parameters["version"]} if "version" in parameters else {})}
        found = named(inside.definitions, "CodeSystem", None, given, "version")
        concept = next((each for each in _listed(found.get("concept", ())) if each["code"] == code), None)
        if concept is None:
            raise NotFound
        texts = {
            "name": found.get("title") or found.get("name"),
            "version": found.get("version"),
            "display": concept.get("display"),
            "definition": concept.get("definition"),
        }
        return {
            "resourceType": "Parameters",
            "parameter": [{"name": name, "valueString": text} for name, text in texts.items() if text],
        }


def concepts(value_set: JSON, definitions: Definitions) -> list[Concept]:
    """Each code of the value set once, in its order. Raises Unprocessable where it cannot be worked out here."""
    return list(dict.fromkeys(_composed(value_set, definitions, _DEEPEST)))


def _composed(value_set: JSON, definitions: Definitions, depth: int) -> Iterator[Concept]:
    compose = value_set.get("compose")
    if compose is None:
        for each in _contained(value_set.get("expansion", {})):
            yield Concept(each.get("system", ""), each["code"], each.get("display"))
        return
    left_out = {
        each[:2] for part in compose.get("exclude", ()) for each in _included(part, definitions, depth)
    }
    for part in compose["include"]:
        yield from (each for each in _included(part, definitions, depth) if each[:2] not in left_out)


def _contained(expansion: JSON) -> Iterator[JSON]:
    for each in expansion.get("contains", ()):
        if "code" in each:
            yield each
        yield from _contained(each)


def _included(part: JSON, definitions: Definitions, depth: int) -> list[Concept]:
    """One include or exclude: the codes that are in its system and in each of its value sets."""
    found: list[Concept] | None = None
    if "filter" in part or not depth:
        raise _unknown()
    if "concept" in part:
        displays = _displays(part["system"], definitions)
        found = [
            Concept(part["system"], each["code"], each.get("display") or displays.get(each["code"]))
            for each in part["concept"]
        ]
    elif "system" in part:
        try:
            system = definitions.by_url(part["system"])
        except UnknownDefinition:
            raise _unknown() from None
        if system.get("content") != "complete":
            raise _unknown()
        found = [
            Concept(part["system"], each["code"], each.get("display"))
            for each in _listed(system.get("concept", ()))
        ]
    for url in part.get("valueSet", ()):
        try:
            inner = list(_composed(definitions.by_url(url), definitions, depth - 1))
        except UnknownDefinition:
            raise _unknown() from None
        among = {each[:2] for each in inner}
        found = inner if found is None else [each for each in found if each[:2] in among]
    return found or []


def _displays(system: str, definitions: Definitions) -> Mapping[str, Any]:
    try:
        listed = _listed(definitions.by_url(system).get("concept", ()))
    except UnknownDefinition:
        return {}
    return {each["code"]: each.get("display") for each in listed}


def _listed(concepts: Sequence[JSON]) -> Iterator[JSON]:
    for each in concepts:
        yield each
        yield from _listed(each.get("concept", ()))


def _unknown() -> Unprocessable:
    return Unprocessable((Issue("not-supported", "It draws on terminology that is not held here."),))


def _asked(parameters: Words, objects: Mapping[str, JSON]) -> list[tuple[str | None, str]]:
    """System and code of each coding asked about. Raises Invalid where there is none."""
    coding, concept = objects.get("coding"), objects.get("codeableConcept")
    if "code" in parameters:
        codings = [{"system": next(iter(parameters.get("system", ())), None), "code": parameters["code"][0]}]
    elif coding is not None:
        codings = [coding]
    else:
        codings = (concept or {}).get("coding") or []
    found: list[tuple[str | None, str]] = [
        (each.get("system"), code)
        for each in codings
        if isinstance(each, dict) and isinstance(code := each.get("code"), str)
    ]
    if not found:
        raise Invalid((Issue("required", "A code is needed.", "code"),))
    return found


def _whole(name: str, parameters: Words) -> int | None:
    text = next(iter(parameters.get(name, ())), None)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Invalid((Issue("value", "A whole number is needed.", name),))
    return int(text)
