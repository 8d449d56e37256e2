"""What a check gives back: nothing, or the faults it found, each with its place.

A check is a plain function of one JSON value. It knows nothing of where that value stands: whoever called it
puts the place in front (`blamed`), so a body without faults pays nothing for paths.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

# Codes that are not FHIR's: faults that only someone further out can judge, and drops or keeps.
NULL = "(null)"
ONLY_ID = "(only an id)"
LOCAL = "(local reference)"
CONDITIONAL = "(conditional reference)"
ENTRY = "(reference to an entry)"


class Fault(NamedTuple):
    """One fault. code: FHIR issue type; path: FHIRPath from the value checked, such as ".name[0].given[1]".

    business: well formed, but against a rule (HTTP 422); otherwise the form itself is wrong (HTTP 400).
    text never carries the value: a value can be personal data.
    """

    code: str
    text: str
    path: str = ""
    business: bool = False
    about: Any = None


Faults = list[Fault] | None
Check = Callable[[Any], Faults]


def wrong(code: str, text: str, path: str = "") -> list[Fault]:
    return [Fault(code, text, path)]


def against(code: str, text: str, path: str = "") -> list[Fault]:
    return [Fault(code, text, path, business=True)]


def blamed(place: str, faults: Iterable[Fault]) -> list[Fault]:
    """The same faults, seen from one level further out."""
    return [fault._replace(path=place + fault.path) for fault in faults]


def is_formed(faults: Faults) -> bool:
    """No fault of form among them: rules can be asked without tripping over the wrong JSON type."""
    return not faults or all(fault.business for fault in faults)


def kind(value: Any) -> str:
    """JSON's name for the kind of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, list):
        return "an array"
    return "an object" if isinstance(value, dict) else "a number"
