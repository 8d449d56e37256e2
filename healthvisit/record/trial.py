"""$validate: what the gate would say to a body, without a word stored.

The gate alone: whether what it refers to is known, and whether this writer may write it, is asked when it is
stored. https://hl7.org/fhir/R4/resource-operation-validate.html
"""

import uuid
from collections.abc import Sequence
from typing import get_args

from healthvisit.access.scopes import Letter
from healthvisit.definitions import UnknownDefinition
from healthvisit.exact_json import JSON
from healthvisit.record import validation
from healthvisit.record.errors import Forbidden, Invalid, Issue, Unprocessable
from healthvisit.record.inside import Inside
from healthvisit.record.record import Record

MODES = ("create", "update", "delete")
_BASE = "http://hl7.org/fhir/StructureDefinition/"
_UK_CORE = "https://fhir.hl7.org.uk/StructureDefinition/UKCore-"
_ENTRY = "Bundle.entry[0].resource"


def of(
    record: Record, type_: str, id_: str | None, body: JSON | None, *, mode: str | None, profile: str | None
) -> Sequence[Issue]:
    """The faults that storing the body would meet at the gate, with their FHIRPath; none for a good one.

    id_: of the resource that the body would become a version of. Raises Invalid for a mode that does not
    exist or a body that is not sent; Forbidden; NotFound for a delete of what is not within reach.
    """
    with record.operation("$validate", type_, id_) as inside:
        if not any(inside.permitted(type_, letter) for letter in get_args(Letter)):
            raise Forbidden("The role or the scopes do not include this type.", type_)
        if mode is not None and mode not in MODES:
            raise Invalid((Issue("value", "create, update or delete.", "mode"),))
        if mode == "delete":
            if id_ is None:
                raise Invalid((Issue("value", "One resource is deleted, by its address.", "mode"),))
            inside.permit(type_, "d")
            record.read(type_, id_)
            return ()
        if body is None:
            raise Invalid((Issue("required", "A resource is needed.", "resource"),))
        return [*_profiled(inside, type_, profile), *_faults(inside, type_, id_, body, mode)]


def _profiled(inside: Inside, type_: str, profile: str | None) -> Sequence[Issue]:
    """Every body is checked against base R4, UK Core and our own profiles; another profile is not known here."""
    if profile is None or profile.partition("|")[0] in (_BASE + type_, _UK_CORE + type_):
        return ()
    try:
        known = inside.definitions.by_url(profile)
    except UnknownDefinition:
        known = {}
    if known.get("resourceType") == "StructureDefinition" and known.get("type") == type_:
        return ()
    return [Issue("not-supported", "This service does not know that profile for this type.", "profile")]


def _faults(inside: Inside, type_: str, id_: str | None, body: JSON, mode: str | None) -> Sequence[Issue]:
    if body.get("resourceType") != type_:
        return [Issue("invalid", f"The body must be a {type_}.", f"{type_}.resourceType")]
    if id_ is not None and mode != "create" and body.get("id") != id_:
        return [Issue("invalid", "The id in the body must be the id in the address.", f"{type_}.id")]
    # As storing does it: in a bundle of one, where a reference may be a search.
    entry = {"fullUrl": uuid.uuid4().urn, "resource": body, "request": {"method": "POST", "url": type_}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    try:
        validation.bundle_checked(bundle, definitions=inside.definitions, on=inside.on)
    except (Invalid, Unprocessable) as error:
        return [
            issue._replace(expression=issue.expression.replace(_ENTRY, type_, 1)) for issue in error.issues
        ]
    return ()
