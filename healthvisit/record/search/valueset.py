"""The codes of a value set that this service ships, for :in and :not-in.

https://hl7.org/fhir/R4/valueset.html#compositions
"""

from collections.abc import Iterator

from healthvisit.definitions import Definitions, UnknownDefinition
from healthvisit.exact_json import JSON

MOST_CODES = 2000


def codes(url: str, definitions: Definitions) -> dict[str, list[str]]:
    """Codes by system of a value set, by its URL or its id here. Raises ValueError where it is not ours."""
    try:
        found = (
            definitions.by_url(url)
            if ":" in url
            else definitions.resource("ValueSet", url.removeprefix("ValueSet/"))
        )
        if found["resourceType"] != "ValueSet":
            raise ValueError("is not a value set")
        every: dict[str, dict[str, None]] = {}
        for system, code in _composed(found["compose"], definitions):
            every.setdefault(system, {})[code] = None
    except (UnknownDefinition, KeyError):
        raise ValueError("is not a value set that this service can expand") from None
    if sum(map(len, every.values())) > MOST_CODES:
        raise ValueError(f"is a value set of more than {MOST_CODES} codes")
    return {system: list(of_system) for system, of_system in every.items()}


def _composed(compose: JSON, definitions: Definitions) -> Iterator[tuple[str, str]]:
    if "exclude" in compose:
        raise ValueError("is a value set that excludes codes, which is not supported here")
    for include in compose["include"]:
        if "filter" in include or "valueSet" in include:
            raise ValueError("is a value set with filters, which are not supported here")
        system = include["system"]
        listed = include.get("concept") or definitions.by_url(system)["concept"]
        yield from ((system, code) for code in _all(listed))


def _all(concepts: list[JSON]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from _all(concept.get("concept", []))
