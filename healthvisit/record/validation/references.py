"""References: their text, the types they may lead to, and what stands inside the resource itself.

https://hl7.org/fhir/R4/references.html. Whether the target exists is for the record to say.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from healthvisit.exact_json import JSON
from healthvisit.record.validation.faults import (
    CONDITIONAL,
    ENTRY,
    LOCAL,
    Check,
    Fault,
    Faults,
    against,
    wrong,
)

_ID = r"[A-Za-z0-9\-.]{1,64}"
_RELATIVE = re.compile(rf"([A-Z][A-Za-z]+)/{_ID}(?:/_history/{_ID})?")
_ABSOLUTE = re.compile(rf"https?://[^\s/]+(?:/[^\s/?#]+)*?/([A-Z][A-Za-z]+)/{_ID}(?:/_history/{_ID})?")
_URL = re.compile(r"https?://[^\s/]+\S*")
_URN = re.compile(
    r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+"
)
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?\S+")
_OTHER_TYPE = "does not lead to a type that may stand here"


def check(inside: Check, targets: Collection[str] | None, known: Collection[str]) -> Check:
    """The check of a Reference. targets: the types it may lead to, None for any; known: every type of R4."""
    allowed = frozenset(known if targets is None else targets)
    plain = re.compile(_RELATIVE.pattern).fullmatch

    def checked(value: Any) -> Faults:
        bad = inside(value)
        if bad or "reference" not in value:
            return bad or _typed(value, allowed, known)
        text = value["reference"]
        if (match := plain(text)) and match[1] in allowed and "type" not in value:
            return None
        return [*_target(text, allowed, known), *(_typed(value, allowed, known) or ())] or None

    return checked


def _target(text: str, allowed: Collection[str], known: Collection[str]) -> list[Fault]:
    if text.startswith("#"):
        return [Fault(LOCAL, "", ".reference", business=True, about=(text[1:], allowed))]
    if match := _RELATIVE.fullmatch(text):
        if match[1] not in known:
            return against("value", "does not lead to a type of FHIR R4", ".reference")
        return [] if match[1] in allowed else against("value", _OTHER_TYPE, ".reference")
    if _URN.fullmatch(text):
        return [Fault(ENTRY, "", ".reference", business=True, about=(text, allowed))]
    if match := _CONDITIONAL.fullmatch(text):
        if match[1] not in allowed:
            return against("value", _OTHER_TYPE, ".reference")
        return [Fault(CONDITIONAL, "", ".reference", business=True)]
    if match := _ABSOLUTE.fullmatch(text):
        return (
            []
            if match[1] in allowed or match[1] not in known
            else against("value", _OTHER_TYPE, ".reference")
        )
    if _URL.fullmatch(text):
        return []
    return wrong("value", "is not Type/id, a URL, a urn or #id", ".reference")


def _typed(value: JSON, allowed: Collection[str], known: Collection[str]) -> Faults:
    stated = value.get("type")
    if stated is None:
        return None
    if stated in known and stated not in allowed:
        return against("value", "is not a type that may stand here", ".type")
    match = _RELATIVE.fullmatch(value.get("reference", ""))
    if match and stated in known and match[1] != stated:
        return against("value", "is not the type that the reference leads to", ".type")
    return None


def settled(faults: list[Fault], resource: Any) -> Faults:
    """The faults of a whole resource, once its contained resources have answered for themselves."""
    contained = resource.get("contained") if isinstance(resource, dict) else None
    held = {
        str(inner.get("id")): str(inner.get("resourceType"))
        for inner in (contained if isinstance(contained, list) else ())
        if isinstance(inner, dict)
    }
    found: list[Fault] = []
    for fault in faults:
        if fault.code != LOCAL:
            found.append(fault)
            continue
        id_, allowed = fault.about
        if id_ == "" and fault.path.startswith(".contained["):
            continue
        if id_ not in held:
            text = "ref-1: SHALL have a contained resource if a local reference is provided"
            found.append(Fault("invariant", text, fault.path, business=True))
        elif held[id_] not in allowed:
            found.append(Fault("value", _OTHER_TYPE, fault.path, business=True))
    return found or None


def among(faults: list[Fault], types: Mapping[str, str]) -> list[Fault]:
    """The faults of a bundle, once its entries are known by which its resources refer to each other.

    types: type of an entry's resource by its fullUrl. An entry that is not there is for the record to miss.
    """
    found = []
    for fault in faults:
        if fault.code != ENTRY:
            found.append(fault)
            continue
        urn, allowed = fault.about
        if types.get(urn, "") not in ("", *allowed):
            found.append(Fault("value", _OTHER_TYPE, fault.path, business=True))
    return found
