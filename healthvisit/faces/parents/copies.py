"""/parents/children/<id>/copy: what is shared of one child, to keep: as a file for another computer system."""

from flask import Response, render_template

from healthvisit.faces import door
from healthvisit.faces.parents import blueprint
from healthvisit.reviews import family_copy, timeline

FILE = "health-visiting-record"


@blueprint.get("/children/<child_id>/copy")
@door.admits("parent")
def copy(child_id: str) -> str:
    with door.record() as record:
        child = timeline.child_of(record.read("Patient", child_id).json(), None)
    return render_template("parents/copy.html", child=child)


@blueprint.get("/children/<child_id>/copy.json")
@door.admits("parent")
def copied_document(child_id: str) -> Response:
    with door.record() as record:
        document = family_copy.document(record, family_copy.of_child(record, child_id, on=door.today()))
    return _file(document, "json", "application/fhir+json")


def _file(body: bytes, ending: str, content_type: str) -> Response:
    """To be kept. Its name tells whoever sees the folder nothing of the child."""
    answer = Response(body, content_type=content_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{FILE}.{ending}"'
    return answer
