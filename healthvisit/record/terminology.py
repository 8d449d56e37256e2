"""Operations on value sets and code systems: their codes, and whether a code is among them.

https://hl7.org/fhir/R4/terminology-service.html
"""

import uuid
from collections.abc import Mapping, Sequence

from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON
from healthvisit.record import instants, valueset
from healthvisit.record.errors import Invalid, Issue, NotFound, Unprocessable
from healthvisit.record.package import named
from healthvisit.record.record import Record
from healthvisit.record.valueset import Concept, NotHeld

Words = Mapping[str, Sequence[str]]


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
            for each in _concepts(value_set, inside.definitions)
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
        known = {(each.system, each.code): each for each in _concepts(value_set, inside.definitions)}
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
        concept = next(
            (each for each in valueset.listed(found.get("concept", ())) if each["code"] == code), None
        )
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


def _concepts(value_set: JSON, definitions: Definitions) -> list[Concept]:
    try:
        return valueset.concepts(value_set, definitions)
    except NotHeld:
        issue = Issue("not-supported", "It draws on terminology that is not held here.")
        raise Unprocessable((issue,)) from None


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
