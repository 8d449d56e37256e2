"""Read, vread, history, create, update, patch, delete. https://hl7.org/fhir/R4/http.html"""

import uuid

from flask import Response, request
from werkzeug.exceptions import MethodNotAllowed, NotFound

from healthvisit.access import reach
from healthvisit.exact_json import JSON
from healthvisit.faces import door
from healthvisit.faces.rest import blueprint, wire
from healthvisit.record.errors import Invalid
from healthvisit.reviews import arrival

APPS = (*door.PEOPLE, "system-client")

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
    with door.record(direct=True) as record:
        version = record.read(known(type_, "r"), id_)
    return wire.resource(version)


@blueprint.get("/<type_>/<id_>/_history/<version>")
@door.admits(*APPS)
def vread(type_: str, id_: str, version: str) -> Response:
    wire.agree_media_type()
    with door.record(direct=True) as record:
        found = record.vread(known(type_, "r"), id_, version)
    return wire.resource(found)


@blueprint.get("/<type_>/<id_>/_history")
@door.admits(*APPS)
def history(type_: str, id_: str) -> Response:
    return _history(known(type_, "r"), id_)


@blueprint.get("/<type_>/_history")
@door.admits(*APPS)
def history_of_type(type_: str) -> Response:
    return _history(known(type_, "s"), None)


@blueprint.get("/_history")
@door.admits(*APPS)
def history_of_all() -> Response:
    return _history(None, None)


def _history(type_: str | None, id_: str | None) -> Response:
    wire.agree_media_type()
    asked = dict(wire.parameters())
    for name in asked.keys() - {"_count", "_page", "_since", "_at"}:
        raise Invalid(f"History has no parameter {name!r} here.", name)
    with door.record(direct=True) as record:
        page = record.history(
            type_,
            id_,
            count=asked.get("_count"),
            page=asked.get("_page"),
            since=asked.get("_since"),
            at=asked.get("_at"),
        )
    return wire.history(page, "/".join(step for step in (type_, id_, "_history") if step))


@blueprint.post("/<type_>")
@door.admits(*APPS)
def create(type_: str) -> Response:
    wire.agree_media_type()
    known(type_, "c")
    body = wire.body()
    # One resource takes the same stairs as a bundle of one, so that scores and receipts are made in one place.
    request_: JSON = {"method": "POST", "url": type_}
    if wire.query():
        # Some clients state their condition here: to read past it would store the same thing twice.
        raise Invalid("A create has no query: what it depends on is said in If-None-Exist.")
    if (criteria := request.headers.get("If-None-Exist")) is not None:
        request_["ifNoneExist"] = criteria
    _refuse_another_type(type_, body)
    return _stored({"fullUrl": uuid.uuid4().urn, "resource": body, "request": request_})


@blueprint.put("/<type_>/<id_>")
@door.admits(*APPS)
def update(type_: str, id_: str) -> Response:
    wire.agree_media_type()
    known(type_, "u")
    body = wire.body()
    if body.get("id") != id_:
        raise Invalid("The id in the body must be the id in the address.", f"{type_}.id")
    _refuse_another_type(type_, body)
    return _stored({"resource": body, "request": _changing("PUT", f"{type_}/{id_}")})


@blueprint.put("/<type_>")
@door.admits(*APPS)
def update_by_query(type_: str) -> Response:
    wire.agree_media_type()
    known(type_, "u")
    body = wire.body()
    _refuse_another_type(type_, body)
    # Where nothing matches it is a create, to which a form's results refer.
    return _stored(
        {"fullUrl": uuid.uuid4().urn, "resource": body, "request": _changing("PUT", _by_query(type_))}
    )


@blueprint.patch("/<type_>/<id_>")
@door.admits(*APPS)
def patch(type_: str, id_: str) -> Response:
    wire.agree_media_type()
    known(type_, "u")
    return _stored({"resource": wire.patch(), "request": _changing("PATCH", f"{type_}/{id_}")})


@blueprint.patch("/<type_>")
@door.admits(*APPS)
def patch_by_query(type_: str) -> Response:
    wire.agree_media_type()
    known(type_, "u")
    return _stored({"resource": wire.patch(), "request": _changing("PATCH", _by_query(type_))})


@blueprint.delete("/<type_>/<id_>")
@door.admits(*APPS)
def delete(type_: str, id_: str) -> Response:
    return _stored({"request": _changing("DELETE", f"{known(type_, 'd')}/{id_}")})


@blueprint.delete("/<type_>")
@door.admits(*APPS)
def delete_by_query(type_: str) -> Response:
    return _stored({"request": _changing("DELETE", _by_query(known(type_, "d")))})


def _changing(method: str, url: str) -> JSON:
    found: JSON = {"method": method, "url": url}
    if (version := wire.if_match()) is not None:
        found["ifMatch"] = f'W/"{version}"'
    return found


def _by_query(type_: str) -> str:
    query = wire.query()
    if not query:
        raise Invalid("A query is needed: which resource is meant.")
    return f"{type_}?{query}"


def _refuse_another_type(type_: str, body: JSON) -> None:
    if body.get("resourceType") != type_:
        raise Invalid(f"The body must be a {type_}.", f"{type_}.resourceType")


def _stored(entry: JSON) -> Response:
    """The answer to one create, update, patch or deletion."""
    operation = wire.operation()
    address = request.path.encode() + (b"?" + request.query_string if request.query_string else b"")
    sent = b" ".join((request.method.encode(), address, wire.sent()))

    def store() -> Response:
        with door.record(writing=True, direct=True) as record:
            answer = record.one(
                entry,
                operation=operation,
                sent=sent,
                completed_by=lambda checked: arrival.complete(checked, record.definitions, record),
            )
            response = answer["response"]
            if "location" not in response:
                return Response(status=204)
            type_, id_, _, version = response["location"].split("/")
            found = record.vread(type_, id_, version)
        return wire.written(found, int(response["status"][:3]))

    return wire.persistently(store)


@blueprint.route(
    "",
    methods=["PUT", "PATCH", "DELETE", "OPTIONS"],
    defaults={"path": ""},
    strict_slashes=False,
    provide_automatic_options=False,
)
@blueprint.route(
    "/<path:path>",
    methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
    provide_automatic_options=False,
)
@door.open_to_all
def unknown(path: str) -> Response:
    """Whatever no other route takes: an unknown address, or an interaction that this service does not have."""
    parts = path.rstrip("/").split("/")
    if path and (parts[0] not in SERVED or len(parts) > 2):
        raise NotFound("There is nothing at this address.")
    raise MethodNotAllowed(
        valid_methods=_methods(parts[0], is_one=len(parts) == 2) if path else ["GET", "HEAD", "POST"],
        description="This service does not have that interaction.",
    )


def _methods(type_: str, *, is_one: bool) -> list[str]:
    letters = SERVED[type_]
    of_letters = {"c": [] if is_one else ["POST"], "u": ["PUT", "PATCH"], "d": ["DELETE"]}
    return [
        "GET",
        "HEAD",
        *(method for letter in "cud" if letter in letters for method in of_letters[letter]),
    ]
