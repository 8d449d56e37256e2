"""/parents: the adult's children, and the progress of one."""

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from healthvisit.faces import door
from healthvisit.faces.parents import blueprint, presenters
from healthvisit.reviews import timeline


@blueprint.get("/")
@door.admits("parent")
def children() -> str | Response:
    with door.record() as record:
        found = [
            timeline.with_end(record, timeline.child_of(version.json(), None))
            for version in list(record.each("Patient", []))
        ]
    if len(found) == 1:
        return redirect(url_for("parents.progress", child_id=found[0].id))
    listed = [presenters.Listed.of(child, door.today()) for child in found]
    return render_template("parents/children.html", children=listed)


@blueprint.get("/children/<child_id>")
@door.admits("parent")
def progress(child_id: str) -> str:
    with door.record() as record:
        found = timeline.of_child(record, child_id, on=door.today())
    has_siblings = len(door.requester().children) > 1
    return render_template(
        "parents/progress.html", child=presenters.Progress.of(found), has_siblings=has_siblings
    )
