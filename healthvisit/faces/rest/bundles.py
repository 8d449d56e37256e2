"""Transaction: all or nothing, with a receipt for a repeated operation. https://hl7.org/fhir/R4/http.html#transaction"""

from flask import Response, request

from healthvisit.exact_json import JSON, dumps
from healthvisit.faces import door
from healthvisit.faces.rest import blueprint, wire
from healthvisit.faces.rest.interactions import APPS
from healthvisit.faces.rest.outcomes import CONTENT_TYPE
from healthvisit.record.errors import Invalid
from healthvisit.reviews import arrival


@blueprint.post("", strict_slashes=False)
@door.admits(*APPS)
def transaction() -> Response:
    wire.agree_media_type()
    bundle = wire.body()
    if bundle.get("resourceType") != "Bundle":
        raise Invalid("Send a Bundle here.", "Bundle.resourceType")
    if bundle.get("type") != "transaction":
        raise Invalid("Only a transaction Bundle is taken here.", "Bundle.type")
    operation = _operation(bundle)
    with door.record(writing=True) as record:
        answer = record.transact(
            bundle,
            operation=operation,
            sent=request.get_data(),
            completed_by=lambda checked: arrival.complete(checked, record.definitions, record),
        )
    return Response(dumps(answer), content_type=CONTENT_TYPE)


def _operation(bundle: JSON) -> str | None:
    """The operation's UUID: Idempotency-Key, which the Bundle's identifier must repeat where it has one."""
    operation = wire.operation()
    identifier = bundle.get("identifier")
    named = identifier.get("value") if isinstance(identifier, dict) else None
    if operation and named is not None and named != f"urn:uuid:{operation}":
        raise Invalid("Idempotency-Key and Bundle.identifier name two operations.", "Bundle.identifier")
    return operation
