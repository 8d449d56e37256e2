"""Search by GET, and by POST so that an NHS number need not stand in an address. https://hl7.org/fhir/R4/search.html"""

from flask import Response, request
from werkzeug.exceptions import UnsupportedMediaType

from healthvisit.access import reach
from healthvisit.faces import door
from healthvisit.faces.rest import blueprint, wire
from healthvisit.faces.rest.interactions import APPS, known

# The types of which a child's compartment holds any.
IN_COMPARTMENT = tuple(type_ for type_ in reach.CHILD_TYPES if type_ != "Patient")


@blueprint.get("/<type_>")
@door.admits(*APPS)
def search(type_: str) -> Response:
    return _found(type_, wire.parameters())


@blueprint.post("/<type_>/_search")
@door.admits(*APPS)
def search_by_form(type_: str) -> Response:
    return _found(type_, _form())


@blueprint.get("", strict_slashes=False)
@door.admits(*APPS)
def search_all() -> Response:
    """Over the types that _type names."""
    return _found("", wire.parameters())


@blueprint.post("/_search")
@door.admits(*APPS)
def search_all_by_form() -> Response:
    return _found("", _form())


@blueprint.get(f"/Patient/<id_>/<any({','.join(IN_COMPARTMENT)}):type_>")
@door.admits(*APPS)
def search_compartment(id_: str, type_: str) -> Response:
    """What belongs to one child alone. https://hl7.org/fhir/R4/http.html#vsearch"""
    return _found(type_, wire.parameters(), child=id_)


def _form() -> list[tuple[str, str]]:
    if request.mimetype != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("Send application/x-www-form-urlencoded.")
    return wire.parameters(form=True)


def _found(type_: str, parameters: list[tuple[str, str]], *, child: str = "") -> Response:
    wire.agree_media_type()
    if type_:
        known(type_, "s")
    with door.record(direct=True) as record:
        page = record.search(type_, parameters, compartment=("Patient", child) if child else None)
    return wire.searchset(page, "/".join(step for step in ("Patient" if child else "", child, type_) if step))
