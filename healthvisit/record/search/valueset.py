"""The codes of a value set that this service ships, for :in and :not-in."""

from healthvisit.definitions import Definitions, UnknownDefinition
from healthvisit.record import valueset
from healthvisit.record.valueset import NotHeld

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
        every = valueset.concepts(found, definitions)
    except (UnknownDefinition, NotHeld):
        raise ValueError("is not a value set that this service can expand") from None
    if len(every) > MOST_CODES:
        raise ValueError(f"is a value set of more than {MOST_CODES} codes")
    by_system: dict[str, list[str]] = {}
    for system, code, _ in every:
        by_system.setdefault(system, []).append(code)
    return by_system
