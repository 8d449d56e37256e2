"""The OpenAPI 3.1 document of the whole service, at /openapi.json, drawn from what is registered.

Addresses come from the routes, and so does who may use them; types, letters and search parameters from the tables
that the FHIR face is served by; bodies of forms from the schemas that check them. A FHIR body is described by its
type alone: what its elements may be is FHIR's to say, and $validate tells it.

Knows every face, and stands above them; must not know SQL, nor any child. Visitors use `install` (app.py, once)
and `document`. Source: https://spec.openapis.org/oas/v3.1.1
"""

from functools import cache

from flask import Flask, Response

from healthvisit.exact_json import dumps
from healthvisit.faces import door
from healthvisit.openapi.document import document

ADDRESS = "/openapi.json"


def install(app: Flask) -> None:
    """Serve the document. Call it when every face is registered."""

    @cache
    def written() -> bytes:
        return dumps(document(app))

    @door.open_to_all
    def served() -> Response:
        return Response(written(), content_type="application/json")

    app.add_url_rule(ADDRESS, "openapi", served)


__all__ = ["ADDRESS", "document", "install"]
