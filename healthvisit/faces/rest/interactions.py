"""Read, vread, history of one resource, create, update. https://hl7.org/fhir/R4/http.html"""

import uuid

from flask import Response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from healthvisit.access import reach
from healthvisit.access.requester import Role
from healthvisit.exact_json import JSON
from healthvisit.faces import door
from healthvisit.faces.rest import blueprint, wire
from healthvisit.record.errors import Invalid
from healthvisit.reviews import arrival

APPS: tuple[Role, ...] = ("health-visitor", "parent", "commissioner", "system-client")

# What each type is served with, and so what /metadata says: the union of what the roles may do.
SERVED: dict[str, frozenset[str]] = {
    type_: frozenset(letter for role in APPS for letter in reach.PERMITTED[role].get(type_, ""))
    for type_ in sorted({type_ for role in APPS for type_ in reach.PERMITTED[role]})
}


def known(type_: str, letter: str) -> str:
    """The type, where this service has the interaction. Raises NotFound or MethodNotAllowed."""
    if type_ not in SERVED:
        raise NotFound("This service has no such resource type.")
    if letter not in SERVED[type_]:
        raise MethodNotAllowed(description=f"{type_} is not written here.")
    return type_


@blueprint.get("/<type_>/<id_>")
@door.admits(*APPS)
def read(type_: str, id_: str) -> Response:
    wire.agree_media_type()
    with door.record() as record:
        version = record.read(known(type_, "r"), id_)
    return wire.resource(version)


@blueprint.get("/<type_>/<id_>/_history/<version>")
@door.admits(*APPS)
def vread(type_: str, id_: str, version: str) -> Response:
    wire.agree_media_type()
    with door.record() as record:
        found = record.vread(known(type_, "r"), id_, version)
    return wire.resource(found)


@blueprint.get("/<type_>/<id_>/_history")
@door.admits(*APPS)
def history(type_: str, id_: str) -> Response:
    wire.agree_media_type()
    asked = dict(wire.parameters())
    for name in asked.keys() - {"_count", "_page"}:
        raise Invalid(f"History has no parameter {name!r} here.", name)
    with door.record() as record:
        page = record.history(known(type_, "r"), id_, count=asked.get("_count"), page=asked.get("_page"))
    return wire.history(page, f"{type_}/{id_}/_history")


@blueprint.post("/<type_>")
@door.admits(*APPS)
def create(type_: str) -> Response:
    wire.agree_media_type()
    body = wire.body()
    # One resource takes the same stairs as a bundle of one, so that scores and receipts are made in one place.
    entry: JSON = {
        "fullUrl": uuid.uuid4().urn,
        "resource": body,
        "request": {"method": "POST", "url": known(type_, "c")},
    }
    if (criteria := request.headers.get("If-None-Exist")) is not None:
        entry["request"]["ifNoneExist"] = criteria
    return _stored(type_, body, entry)


@blueprint.put("/<type_>/<id_>")
@door.admits(*APPS)
def update(type_: str, id_: str) -> Response:
    wire.agree_media_type()
    body = wire.body()
    if body.get("id") != id_:
        raise Invalid("The id in the body must be the id in the address.", f"{known(type_, 'u')}.id")
    entry: JSON = {"resource": body, "request": {"method": "PUT", "url": f"{known(type_, 'u')}/{id_}"}}
    if (version := wire.if_match()) is not None:
        entry["request"]["ifMatch"] = f'W/"{version}"'
    return _stored(type_, body, entry)


def _stored(type_: str, body: JSON, entry: JSON) -> Response:
    if body.get("resourceType") != type_:
        raise Invalid(f"The body must be a {type_}.", f"{type_}.resourceType")
    operation = wire.operation()
    with door.record(writing=True) as record:
        answer = record.transact(
            {"resourceType": "Bundle", "type": "transaction", "entry": [entry]},
            operation=operation,
            sent=b" ".join((request.method.encode(), request.path.encode(), request.get_data())),
            single=True,
            completed_by=lambda checked: arrival.complete(checked, record.definitions, record),
        )
        response = answer["entry"][0]["response"]
        _, id_, _, version = response["location"].split("/")
        found = record.vread(type_, id_, version)
    return wire.written(found, int(response["status"][:3]))


@blueprint.route(
    "/<path:path>",
    methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    provide_automatic_options=False,
)
@door.open_to_all
def unknown(path: str) -> Response:
    """Whatever no other route takes: an unknown address, or an interaction that this service does not have."""
    parts = path.rstrip("/").split("/")
    if parts[0] not in SERVED or len(parts) > 2:
        raise NotFound("There is nothing at this address.")
    raise MethodNotAllowed(
        valid_methods=["GET", "HEAD", "POST"] if len(parts) == 1 else ["GET", "HEAD", "PUT"],
        description="This service does not have that interaction.",
    )
