"""/commissioning: the ten boroughs on one page, one borough over time, and everything as CSV."""

from flask import Response, render_template, request

from healthvisit.faces import door
from healthvisit.faces.commissioning import blueprint, presenters, queries, table
from healthvisit.reviews import quarter


@blueprint.get("/")
@door.admits("commissioner")
def overview() -> tuple[str, int]:
    with door.record() as record:
        figures = quarter.figures(record)
        definitions = presenters.definitions(record.definitions)
    choice = queries.chosen(request.args, figures)
    page = presenters.Overview.of(figures, choice.quarter)
    shown = render_template(
        "commissioning/overview.html", page=page, error=choice.error, definitions=definitions
    )
    return shown, 400 if choice.error else 200


@blueprint.get("/boroughs/<gss>")
@door.admits("commissioner")
def borough(gss: str) -> str:
    with door.record() as record:
        figures = quarter.figures(record)
        definitions = presenters.definitions(record.definitions)
    page = presenters.BoroughPage.of(figures, queries.borough(gss))
    return render_template("commissioning/borough.html", page=page, definitions=definitions)


@blueprint.get("/digitisation.csv")
@door.admits("commissioner")
def digitisation_csv() -> Response:
    with door.record() as record:
        figures = quarter.figures(record)
        definitions = presenters.definitions(record.definitions)
    return Response(
        table.written(figures, definitions),
        content_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": 'attachment; filename="digitisation.csv"'},
    )
