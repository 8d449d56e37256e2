"""/metadata: what this server does, and nothing that it does not. https://hl7.org/fhir/R4/capabilitystatement.html

Drawn from the routes that are registered, the letters that the roles have, the search parameters that are
indexed and the operations that are served, so that what is added is said, and what is taken away is not.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from flask import Flask, Response, current_app
from werkzeug.routing import Rule

from healthvisit.access.scopes import Letter
from healthvisit.config import Settings
from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.exact_json import JSON, dumps
from healthvisit.faces import door
from healthvisit.faces.rest import blueprint, operations, wire
from healthvisit.faces.rest.interactions import SERVED
from healthvisit.faces.rest.outcomes import CONTENT_TYPE
from healthvisit.record import audit
from healthvisit.record.search.parameter import parameters

# A method and the shape of an address below /fhir, each of its variable parts written <>.
Route = tuple[str, str]

# What each interaction with a type needs: a letter, and a route.
INTERACTIONS: dict[str, tuple[Letter, Route]] = {
    "create": ("c", ("POST", "/<>")),
    "read": ("r", ("GET", "/<>/<>")),
    "vread": ("r", ("GET", "/<>/<>/_history/<>")),
    "history-instance": ("r", ("GET", "/<>/<>/_history")),
    "history-type": ("s", ("GET", "/<>/_history")),
    "update": ("u", ("PUT", "/<>/<>")),
    "patch": ("u", ("PATCH", "/<>/<>")),
    "delete": ("d", ("DELETE", "/<>/<>")),
    "search-type": ("s", ("GET", "/<>")),
}
_OF_THE_SYSTEM: dict[str, Route] = {
    "transaction": ("POST", ""),
    "batch": ("POST", ""),
    "history-system": ("GET", "/_history"),
    "search-system": ("GET", ""),
}
# The audit is shown on reading from rows of its own, which have no versions.
OF_AUDIT = ("read", "search-type")
COMPARTMENT: Route = ("GET", "/Patient/<>/<>")
_SMART = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


@blueprint.get("/metadata")
@door.open_to_all
def metadata() -> Response:
    wire.agree_media_type()
    house = door.house()
    found = statement(house.settings, house.definitions, routes(current_app))
    return Response(dumps(found), content_type=CONTENT_TYPE)


def routes(app: Flask) -> frozenset[Route]:
    """Every route of the FHIR face but the one that refuses."""
    return frozenset(
        (method, shape(rule))
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(f"{blueprint.name}.") and not refuses(rule)
        for method in rule.methods or ()
    )


def shape(rule: Rule) -> str:
    """Its address below /fhir, each variable part written <>."""
    return re.sub(r"<[^>]+>", "<>", rule.rule.removeprefix("/fhir"))


def refuses(rule: Rule) -> bool:
    """Whether it is the route that takes whatever no other does."""
    return str(rule.endpoint) == f"{blueprint.name}.unknown"


@lru_cache(maxsize=4)
def statement(settings: Settings, definitions: Definitions, served: frozenset[Route]) -> JSON:
    """The CapabilityStatement of a service with these routes."""
    rest: JSON = {
        "mode": "server",
        "security": {
            "extension": [_oauth(settings)],
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
        "resource": list(_resources(definitions, served)),
        "interaction": [{"code": code} for code, route in _OF_THE_SYSTEM.items() if route in served],
    }
    if of_the_system := _operations("", definitions):
        rest["operation"] = of_the_system
    if COMPARTMENT in served:
        rest["compartment"] = ["http://hl7.org/fhir/CompartmentDefinition/patient"]
    return {
        "resourceType": "CapabilityStatement",
        "url": f"{CANONICAL}/CapabilityStatement/healthvisit",
        "version": version("healthvisit"),
        "name": "Healthvisit",
        "title": "healthvisit",
        "status": "active",
        "date": "2026-11-23",
        "publisher": "healthvisit",
        "kind": "instance",
        "software": {"name": "healthvisit", "version": version("healthvisit")},
        "implementation": {
            "description": "Developmental records of Greater Manchester's children under five",
            "url": settings.fhir_base,
        },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "patchFormat": wire.ACCEPT_PATCH.split(", "),
        "rest": [rest],
    }


def _oauth(settings: Settings) -> JSON:
    """The addresses once more, as SMART App Launch 1 had them: some clients look nowhere else."""
    # In production no way for a person to sign in is connected yet.
    names = ["token", "revoke", *(["authorize"] if settings.mode == "demo" else [])]
    return {
        "url": _SMART,
        "extension": [{"url": name, "valueUri": f"{settings.base_url}/{name}"} for name in names],
    }


def _resources(definitions: Definitions, served: frozenset[Route]) -> Iterator[JSON]:
    for type_, letters in SERVED.items():
        of_audit = type_ == "AuditEvent"
        codes = list(interactions(type_, letters, served))
        found: dict[str, Any] = {
            "type": type_,
            "interaction": [{"code": code} for code in codes],
            "versioning": "no-version"
            if of_audit
            else "versioned-update"
            if "update" in codes
            else "versioned",
            "readHistory": "vread" in codes,
            "updateCreate": False,
            "conditionalCreate": "create" in codes,
            "conditionalRead": "not-supported" if of_audit else "full-support",
            "conditionalUpdate": "update" in codes and ("PUT", "/<>") in served,
            "conditionalDelete": "single"
            if "delete" in codes and ("DELETE", "/<>") in served
            else "not-supported",
            "referencePolicy": ["literal", "enforced"],
        }
        if not of_audit:
            found |= _includes(type_, definitions)
        searched = [
            {"name": code, "definition": url, "type": kind}
            for code, url, kind in search_parameters(type_, definitions)
        ]
        if searched:
            found["searchParam"] = searched
        if of_the_type := _operations(type_, definitions):
            found["operation"] = of_the_type
        yield found


def interactions(type_: str, letters: Iterable[str], served: frozenset[Route]) -> Iterator[str]:
    """Codes of what can be done with a type."""
    for code, (letter, route) in INTERACTIONS.items():
        if letter in letters and route in served and (type_ != "AuditEvent" or code in OF_AUDIT):
            yield code


def search_parameters(type_: str, definitions: Definitions) -> list[tuple[str, str, str]]:
    """(code, canonical URL, kind) of each search parameter of a type, by code."""
    return sorted(
        (definition["code"], definition["url"], definition["type"])
        for definition in definitions.of_type("SearchParameter")
        if type_ in definition["base"] and (type_ != "AuditEvent" or definition["code"] in audit.PARAMETERS)
    )


def _includes(type_: str, definitions: Definitions) -> JSON:
    """What a search of the type may bring along: what it refers to, and what refers to it."""
    known = parameters(definitions)
    forth = [f"{type_}:{code}" for code, each in known.get(type_, {}).items() if each.kind == "reference"]
    back = [
        f"{other}:{code}"
        for other in SERVED
        if other != "AuditEvent"
        for code, each in known.get(other, {}).items()
        if each.kind == "reference"
        and not each.canonical
        and type_ in ((each.target,) if each.target else each.targets)
    ]
    found = {"searchInclude": sorted(forth), "searchRevInclude": sorted(back)}
    return {name: values for name, values in found.items() if values}


def _operations(type_: str, definitions: Definitions) -> list[JSON]:
    """The operations that are asked of a type or of one of its resources; of "", of the service."""
    return [
        {"name": each.name, "definition": definitions.resource("OperationDefinition", each.definition)["url"]}
        for each in operations.OPERATIONS
        if (each.type in (type_, None) if type_ else "system" in each.levels)
        and ("system" in each.levels) == (not type_)
    ]
