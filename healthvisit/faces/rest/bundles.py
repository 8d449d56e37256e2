"""Transaction: all or nothing. Batch: each entry by itself. A repeated operation has a receipt for either.

https://hl7.org/fhir/R4/http.html#transaction
"""

from uuid import UUID, uuid4, uuid5

from flask import Response

from healthvisit.database import Unavailable
from healthvisit.exact_json import JSON, dumps, loads
from healthvisit.faces import door
from healthvisit.faces.rest import blueprint, outcomes, wire
from healthvisit.faces.rest.interactions import APPS
from healthvisit.faces.rest.outcomes import CONTENT_TYPE
from healthvisit.record import bundles
from healthvisit.record.errors import Invalid, RecordError
from healthvisit.reviews import arrival


@blueprint.post("", strict_slashes=False)
@door.admits(*APPS)
def transaction() -> Response:
    wire.agree_media_type()
    bundle = wire.body()
    if bundle.get("resourceType") != "Bundle":
        raise Invalid("Send a Bundle here.", "Bundle.resourceType")
    match bundle.get("type"):
        case "transaction":
            answer = _transaction(bundle)
        case "batch":
            answer = _batch(bundle)
        case _:
            raise Invalid("A transaction or a batch is taken here.", "Bundle.type")
    return Response(dumps(answer), content_type=CONTENT_TYPE)


def _transaction(bundle: JSON) -> JSON:
    operation = _operation(bundle)

    def store() -> JSON:
        with door.record(writing=True, direct=True) as record:
            answer = record.transact(
                bundle,
                operation=operation,
                sent=wire.sent(),
                completed_by=lambda checked: arrival.complete(checked, record.definitions, record),
                base=door.house().settings.fhir_base,
            )
            for entry in answer.get("entry", ()):
                wire.prefer(entry, record)
        return answer

    return wire.persistently(store)


def _batch(bundle: JSON) -> JSON:
    """The entries in their order, each kept or refused by itself.

    An operation that is sent again finds the receipt of each entry that was kept, and tries the others anew.
    """
    operation = _operation(bundle) or bundles.operation(bundle)
    return bundles.answer(
        [
            _alone(number, entry, operation and str(uuid5(UUID(operation), str(number))))
            for number, entry in enumerate(bundles.listed(bundle))
        ],
        "batch-response",
    )


def _alone(number: int, entry: JSON, operation: str | None) -> JSON:
    """One entry of a batch: a reference to another one leads nowhere, as the specification has it."""

    def store() -> JSON:
        place = f"Bundle.entry[{number}]"
        reads = bundles.entry(number, entry).reads
        # Results of a form refer to it by its fullUrl.
        sent = entry if "fullUrl" in entry or reads else {**entry, "fullUrl": uuid4().urn}
        with door.record(writing=not reads, direct=True) as record:
            found = record.one(
                sent,
                place=place,
                operation=operation,
                sent=dumps(entry),
                completed_by=lambda checked: arrival.complete(checked, record.definitions, record),
                base=door.house().settings.fhir_base,
            )
            wire.prefer(found, record)
        return found

    try:
        return wire.persistently(store)
    except (RecordError, Unavailable) as error:
        refusal = outcomes.of(error)
        return {"response": {"status": refusal.status, "outcome": loads(refusal.get_data())}}


def _operation(bundle: JSON) -> str | None:
    """The operation's UUID: Idempotency-Key, which the Bundle's identifier must repeat where it has one."""
    operation = wire.operation()
    identifier = bundle.get("identifier")
    named = identifier.get("value") if isinstance(identifier, dict) else None
    if operation and named is not None and named != f"urn:uuid:{operation}":
        raise Invalid("Idempotency-Key and Bundle.identifier name two operations.", "Bundle.identifier")
    return operation
