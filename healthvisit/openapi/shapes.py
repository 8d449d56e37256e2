"""The JSON Schemas that the document's answers and bodies are made of. https://json-schema.org/draft/2020-12/schema"""

from healthvisit.exact_json import JSON

TEXT: JSON = {"type": "string"}
SAID: JSON = {"type": "string", "minLength": 1}
INSTANT: JSON = {"type": "string", "format": "date-time"}
ID: JSON = {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"}


def ref(name: str) -> JSON:
    return {"$ref": f"#/components/schemas/{name}"}


def texts(*names: str, needs: tuple[str, ...] = ()) -> JSON:
    """The fields of a form."""
    found: JSON = {"type": "object", "properties": dict.fromkeys(names, TEXT)}
    return found | ({"required": list(needs)} if needs else {})


def a_list(items: JSON) -> JSON:
    """FHIR has no empty arrays. https://hl7.org/fhir/R4/json.html"""
    return {"type": "array", "minItems": 1, "items": items}


def an_object(properties: JSON, *required: str) -> JSON:
    return {"type": "object", "properties": properties, "required": list(required)}


def resource(type_: str) -> JSON:
    """A resource as it is sent."""
    return an_object({"resourceType": {"const": type_}, "id": ID}, "resourceType")


def stored(type_: str) -> JSON:
    """A resource as it comes back."""
    return an_object(
        {"resourceType": {"const": type_}, "id": ID, "meta": ref("Meta")}, "resourceType", "id", "meta"
    )


def bundle(*types: str) -> JSON:
    return {"allOf": [ref("Bundle"), {"properties": {"type": {"enum": list(types)}}}]}


SCHEMAS: dict[str, JSON] = {
    "Meta": an_object(
        {"versionId": SAID, "lastUpdated": INSTANT},
        "versionId",
        "lastUpdated",
    ),
    "Resource": an_object(
        {"resourceType": {"type": "string", "pattern": "^[A-Z][A-Za-z]+$"}}, "resourceType"
    ),
    "Parameters": an_object(
        {"resourceType": {"const": "Parameters"}, "parameter": a_list(an_object({"name": SAID}, "name"))},
        "resourceType",
    ),
    "Bundle": an_object(
        {
            "resourceType": {"const": "Bundle"},
            "type": SAID,
            "total": {"type": "integer", "minimum": 0},
            "link": a_list(an_object({"relation": SAID, "url": SAID}, "relation", "url")),
            "entry": a_list({"type": "object", "minProperties": 1}),
        },
        "resourceType",
        "type",
    ),
    "OperationOutcome": an_object(
        {
            "resourceType": {"const": "OperationOutcome"},
            "issue": a_list(
                an_object(
                    {
                        "severity": {"enum": ["fatal", "error", "warning", "information"]},
                        "code": SAID,
                        "diagnostics": SAID,
                        "expression": a_list(SAID),
                    },
                    "severity",
                    "code",
                )
            ),
        },
        "resourceType",
        "issue",
    ),
    "JSONPatch": {
        "type": "array",
        "items": an_object(
            {
                "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
                "path": TEXT,
                "from": TEXT,
            },
            "op",
            "path",
        ),
    },
    "Ungranted": an_object({"error": SAID, "error_description": TEXT}, "error"),
    # RFC 9457
    "Problem": an_object({"title": SAID, "status": {"type": "integer"}, "detail": TEXT}, "title", "status"),
}

# Values of a search parameter, by its kind. https://hl7.org/fhir/R4/search.html
_PREFIX = "(eq|ne|gt|lt|ge|le|sa|eb|ap)?"
_NUMBER = r"-?[0-9]{1,6}(\.[0-9]{1,3})?"
VALUES: dict[str, JSON] = {
    "token": SAID,
    "string": SAID,
    "uri": SAID,
    "date": {
        "type": "string",
        "pattern": f"^{_PREFIX}[12][0-9]{{3}}(-(0[1-9]|1[0-2])(-(0[1-9]|1[0-9]|2[0-8]))?)?$",
    },
    "number": {"type": "string", "pattern": f"^{_PREFIX}{_NUMBER}$"},
    "quantity": {"type": "string", "pattern": rf"^{_PREFIX}{_NUMBER}(\|\|[a-z]{{1,4}})?$"},
    "reference": {"type": "string", "pattern": r"^([A-Z][A-Za-z]{2,20}/)?[A-Za-z0-9.\-]{1,64}$"},
    "composite": {"type": "string", "pattern": r"^[^$|]+\$[^$|]+$"},
}
# Of a search itself, whatever it is of.
RESULTS: dict[str, JSON] = {
    "_count": {"type": "integer", "minimum": 0},
    "_sort": SAID,
    "_total": {"enum": ["none", "estimate", "accurate"]},
    "_summary": {"enum": ["true", "text", "data", "count", "false"]},
    "_elements": SAID,
}
# Parameters of an operation that are one word, by their type.
OF_AN_OPERATION: dict[str, JSON] = {
    "boolean": {"enum": ["true", "false"]},
    "canonical": SAID,
    "code": SAID,
    "date": {"type": "string", "format": "date"},
    "instant": INSTANT,
    "integer": {"type": "integer"},
    "positiveInt": {"type": "integer", "minimum": 1},
    "string": SAID,
    "uri": SAID,
}
