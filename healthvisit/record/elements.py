"""What the table of R4 elements says of a type: names in JSON, names in FHIRPath, and types."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from healthvisit.definitions import Definitions


class Field(NamedTuple):
    """One element. name: as FHIRPath has it, which for a choice is not as JSON has it: value of valueQuantity."""

    name: str
    type: str
    many: bool


@lru_cache(maxsize=1024)
def fields(definitions: Definitions, type_: str) -> Mapping[str, Field]:
    """The elements of a type, its bases' among them, by name in JSON; none for a type that is not known."""
    types = definitions.elements["types"]
    found: dict[str, Field] = {}
    while type_ in types:
        for element, stated in types[type_]["elements"].items():
            name = element.removesuffix("[x]")
            for each in stated["types"]:
                shown = types.get(each, {}).get("name", each)
                label = name if name == element else name + shown[0].upper() + shown[1:]
                found.setdefault(label, Field(name, each, stated.get("max", "1") != "1"))
        type_ = types[type_].get("base", "")
    return found
