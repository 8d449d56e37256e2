"""/commissioning: the ten boroughs on one page, one borough over time, the national indicators, and everything as
CSV and as a workbook."""

from flask import Response, render_template, request

from healthvisit.faces import door
from healthvisit.faces.commissioning import (
    blueprint,
    indicators,
    presenters,
    queries,
    table,
    variation,
    ways,
    workbook,
)
from healthvisit.reviews import national, quarter


@blueprint.get("/")
@door.admits("commissioner")
def overview() -> tuple[str, int]:
    figures, definitions = _digitisation()
    choice = queries.chosen(request.args, figures)
    page = presenters.Overview.of(figures, choice.quarter)
    shown = render_template(
        "commissioning/overview.html",
        page=page,
        error=choice.error,
        definitions=definitions,
        rules=variation.rules(),
        reviews=presenters.REVIEWS,
    )
    return shown, 400 if choice.error else 200


@blueprint.get("/boroughs/<gss>")
@door.admits("commissioner")
def borough(gss: str) -> str:
    with door.record() as record:
        figures = quarter.figures(record)
        definitions = presenters.definitions(record.definitions)
    page = presenters.BoroughPage.of(figures, queries.borough(gss))
    return render_template(
        "commissioning/borough.html", page=page, definitions=definitions, rules=variation.rules()
    )


@blueprint.get("/reviews/<code>")
@door.admits("commissioner")
def way(code: str) -> tuple[str, int]:
    review = queries.review(code)
    with door.record() as record:
        figures = quarter.figures(record)
        choice = queries.chosen(request.args, figures)
        found = [] if choice.quarter is None else national.of_quarter(record, choice.quarter)
        page = ways.Page.of(review, figures, found, choice.quarter, record.definitions)
    shown = render_template("commissioning/way.html", page=page, error=choice.error)
    return shown, 400 if choice.error else 200


@blueprint.get("/digitisation.csv")
@door.admits("commissioner")
def digitisation_csv() -> Response:
    figures, definitions = _digitisation()
    return Response(
        table.written(figures, definitions),
        content_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": 'attachment; filename="digitisation.csv"'},
    )


@blueprint.get("/digitisation.xlsx")
@door.admits("commissioner")
def digitisation_xlsx() -> Response:
    figures, definitions = _digitisation()
    return Response(
        workbook.written(figures, definitions),
        content_type=workbook.CONTENT_TYPE,
        headers={"Content-Disposition": 'attachment; filename="digitisation.xlsx"'},
    )


@blueprint.get("/indicators")
@door.admits("commissioner")
def national_indicators() -> tuple[str, int]:
    with door.record() as record:
        known = national.frozen(record)
        choice = queries.ended(request.args, known, on=door.today())
        found = [] if choice.quarter is None else national.of_quarter(record, choice.quarter)
        page = indicators.QuarterPage.of(found, choice.quarter, known, record.definitions)
    shown = render_template(
        "commissioning/indicators.html", page=page, error=choice.error, terms=indicators.terms()
    )
    return shown, 400 if choice.error else 200


@blueprint.get("/indicators/<code>")
@door.admits("commissioner")
def national_indicator(code: str) -> str:
    asked = queries.indicator(code)
    with door.record() as record:
        page = indicators.IndicatorPage.of(national.of_indicator(record, asked), asked, record.definitions)
    return render_template(
        "commissioning/indicator.html", page=page, terms=indicators.terms(), rules=variation.rules()
    )


@blueprint.get("/indicators.csv")
@door.admits("commissioner")
def indicators_csv() -> Response:
    found, definitions = _indicators()
    return Response(
        table.indicators_written(found, definitions),
        content_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": 'attachment; filename="national-indicators.csv"'},
    )


@blueprint.get("/indicators.xlsx")
@door.admits("commissioner")
def indicators_xlsx() -> Response:
    found, definitions = _indicators()
    return Response(
        workbook.indicators_written(found, definitions, indicators.terms()),
        content_type=workbook.CONTENT_TYPE,
        headers={"Content-Disposition": 'attachment; filename="national-indicators.xlsx"'},
    )


def _digitisation() -> tuple[tuple[quarter.QuarterFigures, ...], tuple[tuple[str, str], ...]]:
    """Every frozen quarter, and what its numbers mean."""
    with door.record() as record:
        return quarter.figures(record), presenters.definitions(record.definitions)


def _indicators() -> tuple[list[national.Indicator], list[indicators.Definition]]:
    """Every indicator that is frozen, and the definition of each."""
    with door.record() as record:
        definitions = [indicators.definition(record.definitions, code) for code in national.INDICATORS]
        return national.everything(record), definitions
