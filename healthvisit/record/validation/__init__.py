"""The one gate for FHIR bodies: JSON in, nothing out, or every fault with its place.

Asked once, on the way in; what was sent is stored as it was sent, so nothing here changes a body. Bodies
are those of exact_json.loads: decimals are Decimal. Knows FHIR R4 and UK Core, and what values can be true
on a given day; must not know SQL, HTTP, or what a review is. Visitors use `checked`, `bundle_checked` and
`dates_of`.

faults.py         what a check gives back
shapes.py         the table of elements, compiled into checks
primitives.py     dates, ids, numbers, text
narrative.py      the XHTML that is let in
references.py     what may lead where
rules.py          the invariants of R4 by key
profiles.py       UK Core and our own extensions
dates.py          what partial dates mean
plausible.py      dates and measurements that can be true
forms.py          a response against its form
bundles.py        the envelope of a batch or transaction
second_reader.py  the fhir.resources model, by which the gate is measured
"""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from healthvisit.definitions import BadDefinition, Definitions
from healthvisit.exact_json import JSON
from healthvisit.record.errors import Invalid, Issue, Unprocessable
from healthvisit.record.validation import bundles, forms, plausible, profiles, references, rules
from healthvisit.record.validation import second_reader as models
from healthvisit.record.validation.dates import days
from healthvisit.record.validation.faults import CONDITIONAL, NULL, Fault, blamed, is_formed, kind
from healthvisit.record.validation.shapes import Rule, Shapes

# A body of a megabyte can hold a hundred thousand faults: the answer stays readable, and small.
MOST_ISSUES = 200


def checked(
    body: JSON,
    *,
    type: str,  # noqa: A002
    definitions: Definitions,
    on: date | None = None,
    second_reader: bool = False,
) -> None:
    """Refuses a body that is not a good resource of this type, with all its faults.

    on: today in Europe/London; what is said to have happened later is refused. None asks nothing of the
    future.
    second_reader: also read the body with the fhir.resources R4B model, which refuses nothing that the gate
    lets in and takes many times as long (decision 8).
    Raises Invalid when the form is wrong (HTTP 400), else Unprocessable when a rule is broken (HTTP 422).
    """
    if not isinstance(body, dict):
        raise Invalid([Issue("structure", f"must be a resource, not {kind(body)}", type)])
    shapes = _gate(definitions)
    found = references.among(shapes.root(type)(body) or [], {}) if shapes.knows(type) else [_unknown_type()]
    if is_formed(found):
        found += _of_the_field(body, definitions, on)
    if not found and second_reader:
        found = models.faults(body)
    _refuse(type, found)


def bundle_checked(body: JSON, *, definitions: Definitions, on: date | None = None) -> None:
    """Refuses a Bundle that is not a good batch or transaction, or whose entries hold a bad resource.

    Places are `Bundle.entry[3].resource.status`. References within may be urn:uuid: of another entry, or a
    search. Raises as `checked` does.
    """
    if not isinstance(body, dict):
        raise Invalid([Issue("structure", f"must be a Bundle, not {kind(body)}", "Bundle")])
    shapes = _gate(definitions)
    found = [fault for fault in shapes.root("Bundle")(body) or () if fault.code != CONDITIONAL]
    found = references.among(found, bundles.types(body) if is_formed(found) else {})
    if is_formed(found):
        found += bundles.envelope(body, shapes.knows)
        for at, entry in enumerate(body.get("entry", ())):
            if "resource" in entry:
                found += blamed(f".entry[{at}].resource", _of_the_field(entry["resource"], definitions, on))
    _refuse("Bundle", found)


def dates_of(resource: JSON) -> list[tuple[str, date]]:
    """FHIRPath and day of every moment at which a checked resource says that something happened.

    The day is the last one that the value can mean, in the United Kingdom ("2021-03" is the 31st): when
    even that lies before a child's birth, the moment certainly does.
    """
    type_ = resource["resourceType"]
    return [(type_ + path, days(text)[1]) for path, text in plausible.moments(resource)]


def _of_the_field(body: JSON, definitions: Definitions, on: date | None) -> list[Fault]:
    """What only a body of right form can be asked: its dates, and its form's questions."""
    found = plausible.dates(body, on)
    if body["resourceType"] == "QuestionnaireResponse":
        found += forms.faults(body, definitions)
    return found


# By identity: definitions are read once, at start, and never change.
@lru_cache(maxsize=4)
def _gate(definitions: Definitions) -> Shapes:
    table = definitions.elements
    if not table:
        raise BadDefinition("fhir/r4/elements.json is not in the folder of definitions")
    by_key = rules.by_key(table)
    found: dict[str, list[Rule]] = {}
    for type_, entry in table["types"].items():
        _collect(found, type_, entry, by_key)
        for element, stated in entry["elements"].items():
            _collect(found, f"{type_}/{element}", stated, by_key)
    measured = plausible.measurement(plausible.limits(definitions.of_type("Questionnaire")))
    for type_, further in {
        **profiles.rules(definitions),
        "Observation": [measured],
        "Observation.component": [measured],
    }.items():
        found.setdefault(type_, []).extend(further)
    return Shapes(table, found)


def _collect(found: dict[str, list[Rule]], place: str, stated: JSON, by_key: Mapping[str, Rule]) -> None:
    for key in stated.get("rules", ()):
        if key in by_key:
            found.setdefault(rules.STATED_ABOVE.get(key, place), []).append(by_key[key])


def _unknown_type() -> Fault:
    return Fault("structure", "is not a type this server keeps", ".resourceType")


def _refuse(type_: str, found: list[Fault]) -> None:
    if not found:
        return
    issues = [_issue(type_, fault) for fault in found[:MOST_ISSUES]]
    if len(found) > MOST_ISSUES:
        issues.append(Issue("too-costly", f"{len(found) - MOST_ISSUES} further faults are not listed"))
    raise (Unprocessable if is_formed(found) else Invalid)(issues)


def _issue(type_: str, fault: Fault) -> Issue:
    if fault.code == CONDITIONAL:
        return Issue("value", "a search in a reference stands only in a transaction", type_ + fault.path)
    return Issue("structure" if fault.code == NULL else fault.code, fault.text, type_ + fault.path)
