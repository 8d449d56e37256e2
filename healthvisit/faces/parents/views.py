"""/parents: the adult's children, and the progress of one."""

from flask import redirect, render_template, url_for
from werkzeug.wrappers import Response

from healthvisit.faces import door
from healthvisit.faces.parents import blueprint, presenters
from healthvisit.reviews import timeline

# A system may look each day: what came before these is folded away.
NEWEST_DAYS = 30


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
        "parents/progress.html",
        child=presenters.Progress.of(found),
        child_id=found.child.id,
        has_siblings=has_siblings,
    )


@blueprint.get("/children/<child_id>/seen")
@door.admits("parent")
def seen(child_id: str) -> str:
    """Who looked at the record: days and kinds of people, never a name, a place or another adult of the family."""
    with door.record() as record:
        child = timeline.child_of(record.read("Patient", child_id).json(), None)
        days = presenters.looked_at(record.seen_by(child_id))
    return render_template("parents/seen.html", child=child, days=days, newest=NEWEST_DAYS)
