"""/parents/children/<id>/copy: what is shared of one child, to keep: a page to print, and a file for another system."""

import logging

from flask import Response, render_template, request

from healthvisit import printing
from healthvisit.faces import door
from healthvisit.faces.parents import blueprint, printed
from healthvisit.reviews import family_copy, timeline

FILE = "health-visiting-record"
RETRY_S = 60

log = logging.getLogger(__name__)


@blueprint.get("/children/<child_id>/copy")
@door.admits("parent")
def copy(child_id: str) -> str:
    return _page(child_id)


@blueprint.get("/children/<child_id>/copy.pdf")
@door.admits("parent")
def printed_copy(child_id: str) -> Response:
    with door.record() as record:
        found = family_copy.of_child(record, child_id, on=door.today())
    # The record is closed by now: nobody waits for it while this is printed.
    page = printing.pdf(render_template("parents/printed.html", copy=printed.Copy.of(found)))
    return _file(page, "pdf", "application/pdf")


@blueprint.get("/children/<child_id>/copy.json")
@door.admits("parent")
def copied_document(child_id: str) -> Response:
    with door.record() as record:
        document = family_copy.document(record, family_copy.of_child(record, child_id, on=door.today()))
    return _file(document, "json", "application/fhir+json")


@blueprint.errorhandler(printing.NotPrinted)
def _not_printed(error: printing.NotPrinted) -> Response:
    log.warning("no PDF was made: %s", error)
    assert request.view_args is not None
    answer = Response(_page(request.view_args["child_id"], not_printed=True), 503)
    answer.headers["Retry-After"] = str(RETRY_S)
    return answer


def _page(child_id: str, *, not_printed: bool = False) -> str:
    with door.record() as record:
        child = timeline.child_of(record.read("Patient", child_id).json(), None)
    return render_template("parents/copy.html", child=child, not_printed=not_printed)


def _file(body: bytes, ending: str, content_type: str) -> Response:
    """To be kept. Its name tells whoever sees the folder nothing of the child."""
    answer = Response(body, content_type=content_type)
    answer.headers["Content-Disposition"] = f'attachment; filename="{FILE}.{ending}"'
    return answer
