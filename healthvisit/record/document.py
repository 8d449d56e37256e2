"""Composition/$document: the Composition and what it names, as one document.

What is out of reach, or of a type that the scopes leave out, is not in it; it is made anew each time and not
kept. https://hl7.org/fhir/R4/composition-operation-document.html
"""

import uuid
from collections.abc import Mapping

from healthvisit.exact_json import dumps
from healthvisit.record import instants, references
from healthvisit.record.errors import NotFound
from healthvisit.record.inside import Inside
from healthvisit.record.record import Record, Version


def of(record: Record, id_: str, *, base: str) -> bytes:
    """A document Bundle, joined from the stored bytes. base: address of this service's FHIR endpoint.

    Raises NotFound or Forbidden.
    """
    with record.operation("$document", "Composition", id_) as inside:
        inside.permit("Composition", "r")
        found = inside.of([("Composition", id_)])
        if not found:
            raise NotFound
        named = [
            key for _, text in references.located(found[0].json(), "") if (key := references.literal(text))
        ]
        inside.event.child_rid = _child(inside, named)
        head = {
            "resourceType": "Bundle",
            "identifier": {"system": "urn:ietf:rfc:3986", "value": uuid.uuid4().urn},
            "type": "document",
            "timestamp": instants.text(instants.micros(inside.at)),
        }
        return joined(head, [*found, *inside.of([key for key in named if key != ("Composition", id_)])], base)


def copied(record: Record, child: str) -> None:
    """Tell the audit that a copy of this child's record was taken, which lasts longer than the right to read it.

    child: id of a Patient that was read before.
    """
    with record.operation("$family-copy", "Patient", child) as inside:
        inside.event.child_rid = _child(inside, [("Patient", child)])


def joined(head: Mapping[str, object], versions: list[Version], base: str) -> bytes:
    """A Bundle with these entries, each under its address."""
    entries = b",".join(
        b'{"fullUrl":"%s/%s/%s","resource":%s}'
        % (base.encode(), each.type.encode(), each.id.encode(), each.body)
        for each in versions
    )
    return dumps(head)[:-1] + b',"entry":[' + entries + b"]}"


def _child(inside: Inside, named: list[references.Key]) -> int | None:
    """The child that the audit names: the one Patient among what the Composition refers to."""
    children = {key for key in named if key[0] == "Patient"}
    if len(children) != 1:
        return None
    found = references.targets(inside.connection, children, inside.reach, inside.at)
    return next((target.child_rid for target in found.values()), None)
