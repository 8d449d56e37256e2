"""Part of a resource, where a search asks for no more: _summary and _elements.

https://hl7.org/fhir/R4/search.html#summary. What is left out is told by the tag SUBSETTED, and such a body is
no version that may be sent back. Digits stay as they were sent.
"""

from typing import Any

from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, dumps, loads

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}

_ALWAYS = ("resourceType", "id", "meta", "implicitRules")


def summarised(body: bytes, summary: str, elements: tuple[str, ...], definitions: Definitions) -> bytes:
    """The part of a resource that is asked for, as JSON.

    summary: true (the elements that the definitions mark), text (the narrative and what must be there), data
    (all but the narrative), or false for the named elements and what must be there.
    """
    whole: JSON = loads(body)
    type_ = whole["resourceType"]
    shown: JSON
    match summary:
        case "true":
            shown = _marked(whole, type_, definitions)
        case "text":
            shown = _named(whole, type_, ("text",), definitions)
        case "data":
            shown = {name: value for name, value in whole.items() if name != "text"}
        case _:
            shown = _named(whole, type_, elements, definitions)
    meta = dict(shown.get("meta", {}))
    # A part may be cut smaller.
    meta["tag"] = [*(tag for tag in meta.get("tag", ()) if tag != SUBSETTED), SUBSETTED]
    head = {name: whole[name] for name in ("resourceType", "id") if name in whole}
    return dumps(
        {**head, "meta": meta, **{name: shown[name] for name in shown if name not in (*head, "meta")}}
    )


def _named(whole: JSON, type_: str, names: tuple[str, ...], definitions: Definitions) -> JSON:
    """These elements, and those without which the resource would not be one."""
    members = definitions.elements["types"][type_]["elements"]
    wanted = {name for name, element in members.items() if element.get("min")}
    # A choice is named without its type: value, not valueQuantity.
    return _kept(whole, {*wanted, *names, *(f"{name}[x]" for name in names if f"{name}[x]" in members)})


def _marked(value: Any, type_: str, definitions: Definitions) -> JSON:
    """The elements that the definitions mark for a summary, down into those that have parts of their own."""
    entry = definitions.elements["types"][type_]
    members = entry["elements"]
    wanted = {*entry.get("summary", ()), *(name for name, each in members.items() if each.get("min"))}
    found = _kept(value, wanted)
    for name in found:
        inner = members[name]["types"][0] if name in members else ""
        if "summary" in definitions.elements["types"].get(inner, ()):
            part = found[name]
            found[name] = (
                [_marked(each, inner, definitions) for each in part]
                if isinstance(part, list)
                else _marked(part, inner, definitions)
            )
    return found


def _kept(value: JSON, wanted: set[str]) -> JSON:
    """The members of an object that are wanted; a choice by any of its names, a primitive with its extensions."""
    choices = tuple(name.removesuffix("[x]") for name in wanted if name.endswith("[x]"))
    return {
        name: part
        for name, part in value.items()
        if name in _ALWAYS
        or (plain := name.removeprefix("_")) in wanted
        or any(
            plain.startswith(choice) and plain[len(choice) : len(choice) + 1].isupper() for choice in choices
        )
    }
