"""The shape of FHIR JSON: the table of R4 elements, compiled once into plain functions over dicts.

https://hl7.org/fhir/R4/json.html. Every complex type becomes one check that walks the object it is given:
unknown elements, wrong JSON types, cardinality, one choice of value[x], primitive extensions, required
bindings, the types a Reference may lead to; then the rules that stand beside the type.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from healthvisit.exact_json import JSON
from healthvisit.record.validation import primitives, references
from healthvisit.record.validation.faults import (
    NULL,
    ONLY_ID,
    Check,
    Fault,
    Faults,
    against,
    blamed,
    is_formed,
    kind,
    wrong,
)

# A rule looks at one element of right shape and gives its faults.
Rule = Callable[[JSON], Faults]

_MEDIA_TYPE = r"[A-Za-z0-9!#$&^_.+\-]+/[A-Za-z0-9!#$&^_.+\-]+( *;.*)?"
# Value sets without a finite list, by the pattern their registry gives.
_REGISTERED = {
    "mimetypes": _MEDIA_TYPE,
    "formats": rf"xml|json|ttl|{_MEDIA_TYPE}",
    "currencies": r"[A-Z]{3}",
}
# Written as attributes in XML, so that nothing can stand beside them; nor beside any id, nor beside a narrative.
_ATTRIBUTES = frozenset([("Extension", "url")])


class Shapes:
    """Checks by type name, made when first asked for.

    table: fhir/r4/elements.json. rules: by type or backbone path, and by element ("Organization/telecom").
    """

    def __init__(self, table: JSON, rules: Mapping[str, Sequence[Rule]]) -> None:
        self._types: JSON = table["types"]
        self._codes: JSON = table["codes"]
        self._rules = rules
        self._primitives = primitives.by_name(table["primitives"])
        self._checks: dict[str, Check] = {}
        self._within = frozenset(
            name for name, entry in self._types.items() if entry["kind"] == "resource"
        ) - {"Resource", "DomainResource"}
        self._kept = self._within.difference(table["contained"])
        self._known = frozenset(table["resources"])
        self._element_id = self._types["Element"]["elements"]["id"]

    def knows(self, type_: Any) -> bool:
        """Whether resources of this type stand by themselves here."""
        return isinstance(type_, str) and type_ in self._kept

    def knows_within(self, type_: Any) -> bool:
        """Whether resources of this type may be contained in another."""
        return isinstance(type_, str) and type_ in self._within

    def resource(self, value: Any) -> Faults:
        """Faults of a resource of any type we keep, as its own resourceType names it."""
        if type(value) is not dict:
            return wrong("structure", f"must be a resource, not {kind(value)}")
        type_ = value.get("resourceType")
        if type_ is None:
            return wrong("required", "resourceType is missing", ".resourceType")
        if not self.knows(type_):
            return wrong("structure", "resourceType is not one this server keeps", ".resourceType")
        return self.root(type_)(value)

    def root(self, type_: str) -> Check:
        """The check of a whole resource that stands by itself: what it says about itself is judged here."""
        inside = self.complex(type_)

        def check(value: Any) -> Faults:
            faults = inside(value)
            return references.settled(faults, value) if faults else None

        return check

    def complex(self, name: str) -> Check:
        """The check of a complex type, a backbone element, or a resource without its surroundings."""
        if name not in self._checks:
            parts = _Parts()
            # Known before its parts are: an Extension holds extensions.
            self._checks[name] = _object(parts)
            self._fill(parts, name)
        return self._checks[name]

    def _fill(self, parts: "_Parts", name: str) -> None:
        entry = self._types[name]
        if entry["kind"] == "resource":
            parts.fields["resourceType"] = _exactly(name)
            parts.required.append(("resourceType", frozenset(["resourceType"])))
        lineage = [entry]
        while "base" in lineage[-1]:
            lineage.append(self._types[lineage[-1]["base"]])
        for ancestor in reversed(lineage):
            for element, stated in ancestor["elements"].items():
                self._element(parts, name, element, stated)
        for owner in [entry.get("base"), name]:
            parts.rules.extend(self._rules.get(owner, ()))

    def _element(self, parts: "_Parts", owner: str, element: str, stated: JSON) -> None:
        label = element.removesuffix("[x]")
        names = []
        for type_ in stated["types"]:
            name = label
            if element.endswith("[x]"):
                shown = self._types.get(type_, {}).get("name", type_)
                name = label + shown[0].upper() + shown[1:]
                parts.labels[name] = parts.labels[f"_{name}"] = label
            names.append(name)
            check = self._single(type_, stated)
            if element == "modifierExtension":
                check = _besides(check, _not_understood)
            for rule in self._rules.get(f"{owner}/{element}", ()):
                check = _besides(check, rule)
            many = stated.get("max", "1") != "1"
            if many:
                parts.lists |= {name, f"_{name}"}
            parts.fields[name] = _list(check, stated.get("max")) if many else check
            if type_ in self._primitives and (owner, name) not in _ATTRIBUTES and name not in ("id", "div"):
                parts.labels[f"_{name}"] = label
                bare = self.complex("Element")
                parts.fields[f"_{name}"] = _list(bare, None) if many else bare
        if len(names) > 1:
            parts.choices.append((label, frozenset([*names, *(f"_{name}" for name in names)])))
        if stated.get("min"):
            parts.required.append((label, frozenset(names)))

    def _single(self, type_: str, stated: JSON) -> Check:
        if type_ == "Resource":
            return _contained(self) if "max" in stated else self.resource
        if type_ == "Reference":
            return references.check(self.complex("Reference"), stated.get("targets"), self._known)
        if type_ in self._primitives:
            # An element's id is any text without spaces: https://hl7.org/fhir/R4/element-definitions.html
            check = primitives.uri if stated is self._element_id else self._primitives[type_]
            return self._bound_code(check, stated["codes"]) if "codes" in stated else check
        check = self.complex(type_)
        return _besides(check, self._bound_concept(stated["codes"])) if "codes" in stated else check

    def _bound_code(self, check: Check, value_set: str) -> Check:
        systems = self._codes[value_set]
        if systems is None:
            return primitives.matching(_REGISTERED[value_set], f"is not a code of {value_set}")
        allowed = frozenset(code for codes in systems.values() for code in codes)

        def bound(value: Any) -> Faults:
            if type(value) is str and value in allowed:
                return None
            return check(value) or against("code-invalid", f"is not a code of the value set {value_set}")

        return bound

    def _bound_concept(self, value_set: str) -> Rule:
        systems = self._codes[value_set]
        allowed = frozenset((system, code) for system, codes in systems.items() for code in codes)

        def bound(concept: JSON) -> Faults:
            codings = concept.get("coding", []) if "system" not in concept else [concept]
            if any((coding.get("system"), coding.get("code")) in allowed for coding in codings):
                return None
            return against("code-invalid", f"has no code of the value set {value_set}")

        return bound


def _not_understood(_: JSON) -> Faults:
    # It can turn what it stands on into its opposite, and we know none.
    return against("extension", "this modifierExtension is not understood here", ".url")


_NEITHER = "must hold a value or children (ele-1)"


class _Parts:
    """What one complex type is made of, by JSON name."""

    def __init__(self) -> None:
        self.fields: dict[str, Check] = {}
        self.labels: dict[str, str] = {}
        self.lists: set[str] = set()
        self.required: list[tuple[str, frozenset[str]]] = []
        self.choices: list[tuple[str, frozenset[str]]] = []
        self.rules: list[Rule] = []


def _object(parts: _Parts) -> Check:
    known, required, choices, rules = parts.fields.get, parts.required, parts.choices, parts.rules

    def check(value: Any) -> Faults:
        if type(value) is not dict:
            return wrong("structure", f"must be an object, not {kind(value)}")
        faults: Faults = None
        for name, item in value.items():
            field = known(name)
            if field is None:
                faults = _more(faults, _unknown(name))
            elif bad := field(item):
                faults = _more(faults, _placed(parts, value, name, bad))
        if len(value) < 2 and (not value or "id" in value) and known("resourceType") is None:
            # Nothing at all is never an element; an id alone is one where a primitive's value stands beside it.
            return (faults or [Fault(ONLY_ID, "")]) if value else wrong("structure", _NEITHER)
        for label, names in required:
            if label not in value and names.isdisjoint(value):
                faults = _more(faults, _missing(label, names, value))
        for label, group in choices:
            present = group.intersection(value)
            if len(present) > 1 and len({name.lstrip("_") for name in present}) > 1:
                faults = _more(
                    faults, wrong("structure", "only one choice of type may be given", f".{label}")
                )
        if rules and is_formed(faults):
            for rule in rules:
                if broken := rule(value):
                    faults = _more(faults, broken)
        return faults

    return check


def _placed(parts: _Parts, value: JSON, name: str, bad: list[Fault]) -> list[Fault]:
    """Faults of one element under its FHIRPath name, less the nulls that its primitive extensions explain."""
    if type(value[name]) is list and name not in parts.lists:
        bad = wrong("structure", "must not be an array")
    sibling = value.get(name[1:] if name[0] == "_" else f"_{name}")
    found = []
    for fault in bad:
        if fault.code == ONLY_ID:
            # Where the value stands beside, an id may be all that the other half says.
            if name[0] == "_" and _has_value(sibling, fault.path):
                continue
            fault = Fault("structure", _NEITHER, fault.path)
        elif fault.code == NULL and fault.about is not None:
            if isinstance(sibling, list) and len(sibling) > fault.about and sibling[fault.about] is not None:
                continue
            fault = Fault("structure", "must not be null", fault.path)
        found.append(fault)
    return blamed(f".{parts.labels.get(name, name)}", found)


def _has_value(value: Any, place: str) -> bool:
    """Whether a primitive, or the one at "[2]" of a list of primitives, has a value."""
    if not place:
        return value is not None
    at = int(place.strip("[]"))
    return isinstance(value, list) and len(value) > at and value[at] is not None


def _unknown(name: str) -> list[Fault]:
    # A name can hold anything, a person's too: it is shown only where it looks like an element's name.
    shown = f".{name}" if name.isascii() and name.isidentifier() and len(name) <= 64 else ""
    return wrong("structure", "is not an element of this type", shown)


def _missing(label: str, names: frozenset[str], value: JSON) -> list[Fault]:
    if any(f"_{name}" in value for name in names):
        # FHIR lets an extension stand for the value; the record cannot work with a status that says nothing.
        return wrong("required", "needs a value here, not only an extension", f".{label}")
    return wrong("required", "is missing", f".{label}")


def _list(check: Check, most: str | None) -> Check:
    limit = None if most in (None, "*") else int(most)

    def many(value: Any) -> Faults:
        if type(value) is not list:
            return wrong("structure", f"must be an array, not {kind(value)}")
        if not value:
            return wrong("structure", "must not be empty")
        if limit is not None and len(value) > limit:
            return wrong("structure", f"must not hold more than {limit}")
        faults: Faults = None
        for at, item in enumerate(value):
            if bad := [Fault(NULL, "", about=at)] if item is None else check(item):
                faults = _more(faults, blamed(f"[{at}]", bad))
        return faults

    return many


def _more(faults: Faults, further: list[Fault]) -> list[Fault]:
    """Adds to the list where one stands: of a hundred thousand faults no copy is made for each."""
    if faults is None:
        return further
    faults += further
    return faults


def _exactly(name: str) -> Check:
    return lambda value: None if value == name else wrong("structure", f"must be {name} here")


def _besides(check: Check, rule: Rule) -> Check:
    def both(value: Any) -> Faults:
        bad = check(value)
        if not is_formed(bad):
            return bad
        return [*(bad or ()), *(rule(value) or ())] or None

    return both


def _contained(shapes: Shapes) -> Check:
    """A resource inside another: known by its id there, and holding no further ones (dom-2, dom-4, dom-5)."""

    def check(value: Any) -> Faults:
        if type(value) is not dict:
            return wrong("structure", f"must be a resource, not {kind(value)}")
        type_ = value.get("resourceType")
        if type_ is None:
            return wrong("required", "resourceType is missing", ".resourceType")
        if not shapes.knows_within(type_):
            return wrong("structure", "resourceType is not one this server knows", ".resourceType")
        faults = shapes.complex(type_)(value) or []
        if "id" not in value:
            faults = [*faults, *wrong("required", "a contained resource needs an id", ".id")]
        if "contained" in value:
            text = "dom-2: what is contained in another resource SHALL NOT contain nested Resources"
            faults = [*faults, *against("invariant", text, ".contained")]
        return faults or None

    return check
