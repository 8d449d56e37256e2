"""What a quarter has published of one review -> its way from due to digital.

Only frozen figures come in, withheld as they were frozen, and only sums of what is published come out: a step that rests
on a withheld count is withheld. So nothing can be worked out from here that could not be before.
"""

from collections.abc import Mapping, Sequence

from healthvisit.programme.funnel import NOT_RECORDED, Reason, Step, Way
from healthvisit.reviews.national import Figure, Indicator
from healthvisit.reviews.quarter import Area

# The indicator whose denominator is due each review, and those whose numerators are reviewed in time.
DUE: Mapping[str, str] = {
    "antenatal": "C1",
    "new-birth": "C2",
    "six-to-eight-week": "C8i",
    "one-year": "C5",
    "two-year": "C6i",
}
ATTENDED: Mapping[str, tuple[str, ...]] = {
    review: ("C2", "C3") if review == "new-birth" else (code,) for review, code in DUE.items()
}


def way(review: str, area: Area | None, indicators: Mapping[str, Figure]) -> Way:
    """review: one of `quarter.REVIEWS`. area: None where nothing was frozen. indicators: the area's figures that stand,
    by code."""
    counts: dict[Step, int | Reason] = {
        "due": _due(review, indicators),
        "attended": _attended(review, indicators),
        **_captured(review, area),
    }
    return Way(counts | dict.fromkeys(NOT_RECORDED, "not-recorded"))


def of_area(review: str, area: Area | None, found: Sequence[Indicator], borough: str | None) -> Way:
    """As `way`, of the indicators of a quarter. borough: slug, None for Greater Manchester."""
    return way(review, area, {each.code: each.figure for each in found if each.borough == borough})


def _due(review: str, indicators: Mapping[str, Figure]) -> int | Reason:
    figure = indicators.get(DUE[review])
    return _missing(figure) if figure is None or figure.denominator is None else figure.denominator


def _attended(review: str, indicators: Mapping[str, Figure]) -> int | Reason:
    total = 0
    for code in ATTENDED[review]:
        figure = indicators.get(code)
        if figure is None or figure.numerator is None:
            return _missing(figure)
        total += figure.numerator
    return total


def _missing(figure: Figure | None) -> Reason:
    if figure is None:
        return "no-figures"
    return "withheld" if figure.reason == "withheld" else "not-assessable"


def _captured(review: str, area: Area | None) -> dict[Step, int | Reason]:
    if area is None:
        return dict.fromkeys(("done", "recorded", "digital"), "no-figures")
    figure = area.reviews[review]
    if figure.reason in ("no-return", "not-all-report"):
        return dict.fromkeys(("done", "recorded", "digital"), "no-return")
    typed = figure.classes.get("B")
    digital = figure.numerator
    return {
        "done": _published(figure.denominator),
        "recorded": _published(None if digital is None or typed is None else digital + typed),
        "digital": _published(digital),
    }


def _published(count: int | None) -> int | Reason:
    return "withheld" if count is None else count
