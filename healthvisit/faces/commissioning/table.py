"""The figures as CSV (RFC 4180): one row for each quarter, area and review or indicator, withheld exactly as on the
page.

An empty cell is a number that is not known or is withheld; `status` says which. Nothing in a cell can run
as a formula in a spreadsheet. Source: OWASP, CSV Injection.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from healthvisit.faces.commissioning.indicators import GREATER_MANCHESTER, Definition
from healthvisit.programme.boroughs import BY_SLUG
from healthvisit.programme.digitisation import CLASSES
from healthvisit.reviews import national
from healthvisit.reviews.quarter import Area, Figure, QuarterFigures

COLUMNS = (
    "quarter", "first_day", "last_day", "area", "gss_code", "review", "recorded_digitally", "reviews_done",
    "share_percent", *(f"class_{each.lower()}" for each in CLASSES), "coverage_completed", "coverage_due",
    "coverage_percent", "straight_line_percent", "status", "provisional", "counted_at",
    "recorded_digitally_means", "reviews_done_means", "which_borough_means", "coverage_means",
)  # fmt: skip
INDICATOR_COLUMNS = (
    "quarter", "first_day", "last_day", "area", "gss_code", "indicator", "title", "counted", "of", "share_percent",
    "interval_low_percent", "interval_high_percent", "fact_missing", "status", "provisional", "stands", "counted_at",
    "instrument", "counted_means", "of_means", "left_out_means", "limits",
)  # fmt: skip
_MEANINGS = ("Recorded digitally", "Reviews done", "Which borough", "Coverage")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def written(figures: Sequence[QuarterFigures], definitions: Sequence[tuple[str, str]]) -> str:
    """definitions: term and meaning, as `presenters.definitions` gives them."""
    meanings = [dict(definitions)[term] for term in _MEANINGS]
    return _csv(COLUMNS, ([*row.values(), *meanings] for row in rows(figures)))


def rows(figures: Sequence[QuarterFigures]) -> Iterator[dict[str, str]]:
    """The rows by the names of their columns, without what the columns mean."""
    for each in figures:
        for area in (*each.boroughs, *([each.whole] if each.whole is not None else [])):
            for row in _rows(each, area):
                yield dict(zip(COLUMNS, row, strict=False))


def indicators_written(found: Sequence[national.Indicator], definitions: Sequence[Definition]) -> str:
    """One row for each figure that stands, and after it what was frozen before it and differs. definitions: one for each
    indicator."""
    return _csv(INDICATOR_COLUMNS, (list(row.values()) for row in indicator_rows(found, definitions)))


def indicator_rows(
    found: Sequence[national.Indicator], definitions: Sequence[Definition]
) -> Iterator[dict[str, str]]:
    """The rows by the names of their columns."""
    by_code = {each.code: each for each in definitions}
    for each in found:
        for figure in (each.figure, *each.earlier):
            yield dict(zip(INDICATOR_COLUMNS, _indicator_row(each, figure, by_code[each.code]), strict=True))


def _csv(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(heads)
    writer.writerows([escaped(cell) for cell in row] for row in rows)
    return text.getvalue()


def escaped(cell: str) -> str:
    """The cell, with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA) else cell


def _rows(each: QuarterFigures, area: Area) -> Iterator[list[str]]:
    for review, figure in (("all", area.digitisation), *area.reviews.items()):
        # Coverage is frozen for all reviews together.
        coverage = area.coverage if review == "all" else Figure(reason="not-counted")
        yield [
            str(each.quarter),
            each.quarter.first_on.isoformat(),
            each.quarter.last_on.isoformat(),
            area.name,
            area.gss or "",
            review,
            *_counted(figure),
            *(_number(figure.classes.get(class_)) for class_ in CLASSES),
            *_counted(coverage),
            _percent(each.line),
            figure.reason or "ok",
            area.provisional or "",
            area.frozen_at.isoformat(),
        ]


def _indicator_row(each: national.Indicator, figure: national.Figure, definition: Definition) -> list[str]:
    place = None if each.borough is None else BY_SLUG[each.borough]
    between = figure.interval
    return [
        str(each.quarter),
        each.quarter.first_on.isoformat(),
        each.quarter.last_on.isoformat(),
        GREATER_MANCHESTER if place is None else place.name,
        "" if place is None else place.gss,
        each.code,
        definition.title,
        _number(figure.numerator),
        _number(figure.denominator),
        _percent(figure.rate),
        *(("", "") if between is None else (f"{100 * between.low:.2f}", f"{100 * between.high:.2f}")),
        _number(figure.unknown),
        figure.reason or "ok",
        figure.provisional or "",
        "yes" if figure is each.figure else "no",
        figure.frozen_at.isoformat(),
        figure.practice or "",
        *(definition.meaning(term) for term in ("Counted", "Of", "Left out")),
        definition.limits,
    ]


def _counted(figure: Figure) -> tuple[str, str, str]:
    return _number(figure.numerator), _number(figure.denominator), _percent(figure.rate)


def _number(count: int | None) -> str:
    return "" if count is None else str(count)


def _percent(rate: Fraction | None) -> str:
    """Two decimals, so that no rounding on the page can be told from here; the counts beside it are exact."""
    if rate is None:
        return ""
    return str((Decimal(rate.numerator * 100) / rate.denominator).quantize(Decimal("0.01"), ROUND_HALF_UP))
