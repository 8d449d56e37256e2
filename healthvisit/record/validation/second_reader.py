"""The second reader: fhir.resources' model of the type, by which our own gate is measured (decision 8).

It is R4B (4.3.0), whose elements are those of 4.0.1 for our types. It has holes of its own (decision 2: wrong
JSON types, codes, invariants) and may not change what is stored: only its refusals count. What it says is
told again in our words, because its messages can carry what was sent.
"""

from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from healthvisit.exact_json import JSON
from healthvisit.record.validation.faults import Fault

_WORDS = {
    "missing": ("required", "is missing"),
    "model_field_validation.missing": ("required", "is missing"),
    "extra_forbidden": ("structure", "is not an element of this type"),
}


def faults(resource: JSON) -> list[Fault]:
    """What the model refuses of a resource, with its places from the resource."""
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    except ValidationError as error:
        return [
            _fault(each["type"], each["loc"])
            for each in error.errors(include_input=False, include_url=False)
            if not _mistaken(each["type"], each["loc"])
        ]
    except KeyError:
        # An unknown type inside the resource: the model's own registry stumbles over it.
        return [Fault("structure", "holds a resource of a type this server does not keep")]
    return []


def _mistaken(type_: str, loc: tuple[Any, ...]) -> bool:
    """An extension's value may itself be extended, as in HL7's own code systems: the model knows no such name."""
    return (
        type_ == "extra_forbidden"
        and len(loc) > 2
        and loc[-3] in ("extension", "modifierExtension")
        and str(loc[-1]).startswith("_value")
    )


def _fault(type_: str, loc: tuple[Any, ...]) -> Fault:
    code, text = _WORDS.get(type_, ("value", "is not well formed"))
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc if part != "root")
    return Fault(
        code, f"{text} (second reader)", path.replace("__ext", "").replace(".resource_type", ".resourceType")
    )
