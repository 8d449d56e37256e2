"""The FHIR face: R4 interactions over HTTP at /fhir.

Must not know SQL, nor which rows a requester reaches. One file per group of interactions; `blueprint` joins
them.
Source: https://hl7.org/fhir/R4/http.html
"""

from flask import Blueprint

blueprint = Blueprint("rest", __name__, url_prefix="/fhir")

# The routes stand in these modules; importing them puts them on the blueprint.
from healthvisit.faces.rest import (  # noqa: E402
    bundles,
    capability,
    interactions,
    operations,
    outcomes,
    search,
    wire,
)

outcomes.answer_errors(blueprint)
blueprint.after_request(wire.finished)

__all__ = ["blueprint", "bundles", "capability", "interactions", "operations", "search"]
