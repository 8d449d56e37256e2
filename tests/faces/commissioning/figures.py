"""Frozen figures as `reviews.quarter.figures` gives them, with as few words as a test needs."""

from datetime import UTC, datetime
from fractions import Fraction

from healthvisit.programme import digitisation
from healthvisit.programme.boroughs import BOROUGHS
from healthvisit.programme.dates import Quarter
from healthvisit.reviews.quarter import REVIEWS, Area, Figure, QuarterFigures

Q2, Q3, Q4 = (Quarter.parse(f"2020-21 Q{number}") for number in (2, 3, 4))
FROZEN_AT = datetime(2021, 2, 15, 6, tzinfo=UTC)
NO_RETURN = Figure(reason="no-return")
WITHHELD = Figure(None, 12, "withheld")


def a_figure(numerator, denominator):
    classes = {"A": numerator, "B": 0, "C": 0, "D": denominator - numerator, "U": 0}
    return Figure(numerator, denominator, None if denominator else "none-completed", classes)


def a_quarter(quarter=Q3, *, every=(80, 100), line=None, provisional=None, **boroughs):
    """Every borough the same, but for those named: a Figure, a pair of counts, or None for no report."""
    areas = []
    for borough in BOROUGHS:
        stated = boroughs.get(borough.slug, every)
        if stated is None:
            continue
        figure = stated if isinstance(stated, Figure) else a_figure(*stated)
        areas.append(_area(borough.slug, borough.name, borough.gss, figure, provisional))
    figures = [area.digitisation for area in areas]
    reporting = sum(figure.reason != "no-return" for figure in figures)
    if reporting < len(BOROUGHS):
        whole = Figure(reason="not-all-report")
    elif any(figure.numerator is None for figure in figures):
        whole = Figure(None, None, "withheld")
    else:
        whole = a_figure(
            sum(figure.numerator for figure in figures), sum(figure.denominator for figure in figures)
        )
    return QuarterFigures(
        quarter,
        tuple(areas),
        _area(None, "Greater Manchester", None, whole, provisional),
        reporting,
        digitisation.boroughs_at_target(
            {
                borough.slug: next((a.digitisation.rate for a in areas if a.borough == borough.slug), None)
                for borough in BOROUGHS
            }
        ),
        None if line is None else Fraction(line),
    )


def _area(slug, name, gss, figure, provisional):
    reviews = dict.fromkeys(REVIEWS, figure)
    return Area(slug, name, gss, figure, a_figure(90, 120), reviews, provisional, FROZEN_AT)
