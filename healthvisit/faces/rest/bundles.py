"""Transaction: all or nothing, with a receipt for a repeated operation. https://hl7.org/fhir/R4/http.html#transaction"""

from flask import Response, request

from healthvisit import reviews
from healthvisit.exact_json import JSON, dumps
from healthvisit.faces import door
from healthvisit.faces.rest import blueprint, wire
from healthvisit.faces.rest.interactions import APPS
from healthvisit.faces.rest.outcomes import CONTENT_TYPE
from healthvisit.record import validation
from healthvisit.record.errors import Invalid


@blueprint.post("", strict_slashes=False)
@door.admits(*APPS)
def transaction() -> Response:
    wire.agree_media_type()
    bundle = wire.body()
    if bundle.get("resourceType") != "Bundle":
        raise Invalid("Send a Bundle here.", "Bundle.resourceType")
    if bundle.get("type") != "transaction":
        raise Invalid("Only a transaction Bundle is taken here.", "Bundle.type")
    house = door.house()
    validation.bundle_checked(bundle)
    completed = reviews.arrival.complete(bundle, house.definitions)
    with door.record(writing=True) as record:
        answer = record.transact(completed, operation=_operation(bundle), sent=request.get_data())
    # The sender knows only the entries it sent; what the service adds stands after them and is found by search.
    answer = {**answer, "entry": answer.get("entry", [])[: len(bundle.get("entry", []))]}
    return Response(dumps(answer), content_type=CONTENT_TYPE)


def _operation(bundle: JSON) -> str | None:
    """The operation's UUID: Idempotency-Key, which the Bundle's identifier must repeat where it has one."""
    operation = wire.operation()
    identifier = bundle.get("identifier", {}).get("value")
    if operation and identifier is not None and identifier != f"urn:uuid:{operation}":
        raise Invalid("Idempotency-Key and Bundle.identifier name two operations.", "Bundle.identifier")
    return operation
