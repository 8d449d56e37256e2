"""Search by GET, and by POST so that an NHS number need not stand in an address. https://hl7.org/fhir/R4/search.html"""

from flask import Response, request
from werkzeug.exceptions import UnsupportedMediaType

from healthvisit.faces import door
from healthvisit.faces.rest import blueprint, wire
from healthvisit.faces.rest.interactions import APPS, known


@blueprint.get("/<type_>")
@door.admits(*APPS)
def search(type_: str) -> Response:
    return _found(type_, wire.parameters())


@blueprint.post("/<type_>/_search")
@door.admits(*APPS)
def search_by_form(type_: str) -> Response:
    if request.mimetype != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("Send application/x-www-form-urlencoded.")
    return _found(type_, wire.parameters(form=True))


def _found(type_: str, parameters: list[tuple[str, str]]) -> Response:
    wire.agree_media_type()
    with door.record() as record:
        page = record.search(known(type_, "s"), parameters)
    return wire.searchset(page, type_)
