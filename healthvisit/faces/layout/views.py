"""Pages that belong to no audience: the front door, accessibility, and whether the service is well."""

from flask import Response, render_template

from healthvisit.exact_json import dumps
from healthvisit.faces import door
from healthvisit.faces.layout import blueprint


@blueprint.get("/")
@door.open_to_all
def front() -> str:
    return render_template("layout/front.html")


@blueprint.get("/accessibility")
@door.open_to_all
def accessibility() -> str:
    return render_template("layout/accessibility.html")


@blueprint.get("/healthz")
@door.open_to_all
def health() -> Response:
    """For a load balancer: 200 while the database answers, else 503."""
    answers = door.house().database.answers()
    body = {"status": "ok" if answers else "unavailable"}
    return Response(dumps(body), 200 if answers else 503, content_type="application/json")
