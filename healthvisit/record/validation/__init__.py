"""The one gate for FHIR bodies: JSON in, nothing out, or every fault with its place.

Asked once, on the way in; what was sent is stored as it was sent, so nothing here changes a body. Bodies are
those of exact_json.loads. Knows FHIR R4 and UK Core, and what values can be true on a given day; must not know
SQL, HTTP, or what a review is. Visitors use `checked`, `bundle_checked` and `dates_of`.

faults.py         what a check gives back
shapes.py         elements, types, cardinality, bindings: the table fhir/r4/elements.json compiled
primitives.py     dates, ids, numbers, text;  narrative.py  XHTML;  references.py  what may lead where
"""

from datetime import date
from functools import lru_cache

from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON
from healthvisit.record.errors import Invalid, Issue, Unprocessable
from healthvisit.record.validation.faults import CONDITIONAL, NULL, Fault, Faults, is_formed
from healthvisit.record.validation.shapes import Shapes


def checked(
    body: JSON,
    *,
    type: str,  # noqa: A002
    definitions: Definitions,
    on: date | None = None,
    second_reader: bool = True,
) -> None:
    """Refuses a body that is not a good resource of this type, with all its faults.

    on: today in Europe/London; dates later than it are refused. None asks nothing of the future.
    second_reader: also read the body with the fhir.resources R4B model.
    Raises Invalid when the form is wrong (HTTP 400), else Unprocessable when a rule is broken (HTTP 422).
    """
    _refuse(type, _gate(definitions).root(type)(body))


def bundle_checked(
    body: JSON, *, definitions: Definitions, on: date | None = None, second_reader: bool = True
) -> None:
    """Refuses a Bundle that is not a good batch or transaction, or has a bad resource in an entry."""
    _refuse("Bundle", _gate(definitions).root("Bundle")(body), conditional=True)


def dates_of(resource: JSON) -> list[tuple[str, date]]:
    """Every moment a resource says something happened: its FHIRPath, and the first day it can mean."""
    return []


@lru_cache(maxsize=4)
def _gate(definitions: Definitions) -> Shapes:
    return Shapes(definitions.elements, {})


def _refuse(type_: str, faults: Faults, *, conditional: bool = False) -> None:
    found = [fault for fault in faults or () if not (conditional and fault.code == CONDITIONAL)]
    if not found:
        return
    issues = [_issue(type_, fault) for fault in found]
    raise (Unprocessable if is_formed(found) else Invalid)(issues)


def _issue(type_: str, fault: Fault) -> Issue:
    if fault.code == CONDITIONAL:
        return Issue("value", "a search in a reference stands only in a transaction", type_ + fault.path)
    return Issue("structure" if fault.code == NULL else fault.code, fault.text, type_ + fault.path)
