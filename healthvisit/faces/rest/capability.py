"""/metadata: what this server does, and nothing that it does not. https://hl7.org/fhir/R4/capabilitystatement.html"""

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from flask import Response

from healthvisit.access import reach
from healthvisit.config import Settings
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, dumps
from healthvisit.faces import door
from healthvisit.faces.rest import blueprint, wire
from healthvisit.faces.rest.interactions import SERVED
from healthvisit.faces.rest.outcomes import CONTENT_TYPE
from healthvisit.record import audit

_INTERACTIONS = {
    "c": ("create",),
    "r": ("read", "vread", "history-instance"),
    "u": ("update",),
    "s": ("search-type",),
}


@blueprint.get("/metadata")
@door.open_to_all
def metadata() -> Response:
    wire.agree_media_type()
    house = door.house()
    return Response(dumps(statement(house.settings, house.definitions)), content_type=CONTENT_TYPE)


def statement(settings: Settings, definitions: Definitions) -> JSON:
    """The CapabilityStatement of this server, drawn from the tables that the routes themselves use."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-23",
        "kind": "instance",
        "software": {"name": "healthvisit", "version": version("healthvisit")},
        "implementation": {
            "description": "Developmental records of Greater Manchester's children under five",
            "url": settings.fhir_base,
        },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": {
                    "service": [
                        {
                            "coding": [
                                {
                                    "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                                    "code": "SMART-on-FHIR",
                                }
                            ]
                        }
                    ],
                    "description": "SMART scopes version 2; authorization server at "
                    f"{settings.fhir_base}/.well-known/smart-configuration",
                },
                "resource": list(_resources(definitions)),
                "interaction": [{"code": "transaction"}],
            }
        ],
    }


def _resources(definitions: Definitions) -> Iterator[JSON]:
    for type_, letters in SERVED.items():
        found: dict[str, Any] = {
            "type": type_,
            "interaction": [
                {"code": code}
                for letter in "cru"
                if letter in letters
                for code in _interactions(letter, type_)
            ]
            + [{"code": "search-type"}],
            "versioning": "no-version" if type_ == "AuditEvent" else "versioned",
            "readHistory": type_ != "AuditEvent",
            "updateCreate": False,
            "conditionalCreate": "c" in letters,
            "conditionalRead": "not-match",
            "conditionalUpdate": False,
            "conditionalDelete": "not-supported",
            "referencePolicy": ["literal", "enforced"],
        }
        if "u" in letters and type_ in reach.CHILD_TYPES:
            found["versioning"] = "versioned-update"
        parameters = [p for p in definitions.of_type("SearchParameter") if type_ in p["base"]]
        if type_ == "AuditEvent":
            parameters = [p for p in parameters if p["code"] in audit.PARAMETERS]
        included = [f"{type_}:{p['code']}" for p in parameters if p["type"] == "reference"]
        if included and type_ != "AuditEvent":
            found["searchInclude"] = included
        if parameters:
            found["searchParam"] = [
                {"name": p["code"], "definition": p["url"], "type": p["type"]}
                for p in sorted(parameters, key=lambda p: str(p["code"]))
            ]
        yield found


def _interactions(letter: str, type_: str) -> tuple[str, ...]:
    return ("read",) if letter == "r" and type_ == "AuditEvent" else _INTERACTIONS[letter]
