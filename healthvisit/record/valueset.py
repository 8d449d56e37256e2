"""The codes of value sets and code systems that ship with the service.

Terminology of others (SNOMED CT, LOINC) is not held here: a value set that takes in a whole system of theirs
cannot be expanded, and says so. https://hl7.org/fhir/R4/valueset.html#compositions
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from healthvisit.definitions import Definitions, UnknownDefinition
from healthvisit.exact_json import JSON

# How deep value sets may take in one another.
_DEEPEST = 10


class NotHeld(ValueError):
    """The value set draws on terminology that is not held here, or on filters of it."""


class Concept(NamedTuple):
    system: str
    code: str
    display: str | None


def concepts(value_set: JSON, definitions: Definitions) -> list[Concept]:
    """Each code of the value set once, in its order. Raises NotHeld where it cannot be worked out here."""
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
        raise NotHeld
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
            raise NotHeld from None
        if system.get("content") != "complete":
            raise NotHeld
        found = [
            Concept(part["system"], each["code"], each.get("display"))
            for each in listed(system.get("concept", ()))
        ]
    for url in part.get("valueSet", ()):
        try:
            inner = list(_composed(definitions.by_url(url), definitions, depth - 1))
        except UnknownDefinition:
            raise NotHeld from None
        among = {each[:2] for each in inner}
        found = inner if found is None else [each for each in found if each[:2] in among]
    return found or []


def _displays(system: str, definitions: Definitions) -> Mapping[str, Any]:
    try:
        every = listed(definitions.by_url(system).get("concept", ()))
    except UnknownDefinition:
        return {}
    return {each["code"]: each.get("display") for each in every}


def listed(concepts: Sequence[JSON]) -> Iterator[JSON]:
    """Each concept of a code system, those below others among them."""
    for each in concepts:
        yield each
        yield from listed(each.get("concept", ()))
