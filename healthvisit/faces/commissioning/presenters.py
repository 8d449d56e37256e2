"""Frozen figures -> what a commissioner reads: every number with what it counts, and none where none stands.

Nothing is worked out here that was not frozen: a share is numerator over denominator as frozen, and a
withheld number stays withheld in the words, in the chart and in the text for screen readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Self

from markupsafe import Markup

from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.faces.commissioning import chart
from healthvisit.faces.commissioning.variation import Series, Told
from healthvisit.faces.layout import words
from healthvisit.programme import forecast as forecasts
from healthvisit.programme.boroughs import BOROUGHS, Borough
from healthvisit.programme.dates import Quarter
from healthvisit.programme.digitisation import TARGET, TARGET_ON
from healthvisit.programme.disclosure import SMALLEST_PUBLISHED
from healthvisit.reviews import quarter as quarters
from healthvisit.reviews.quarter import Area, Figure, QuarterFigures

NOT_KNOWN = "Not known"
WITHHELD = "Withheld"

_NO_SHARE = {
    "no-return": "Not assessable",
    "not-all-report": "Not assessable",
    "withheld": WITHHELD,
    "none-completed": "None done",
}
_REASONS = {
    "no-return": "No return",
    "not-all-report": "Not all returned",
    "withheld": WITHHELD,
    "none-completed": "None done",
}
_PROVISIONAL = {
    "open-quarter": "It is provisional: the quarter had not ended.",
    "partial-return": "It is provisional: a return covers only part of the quarter.",
}
_TARGET_QUARTER = Quarter.of(TARGET_ON)
_NO_FORECAST = {
    "too-few-quarters": f"Fewer than {words.in_words(forecasts.FEWEST)} final quarters have a share.",
    "none-or-all": "A quarter stands at none or at all, and no forecast can begin there.",
    "already-counted": f"{words.quarter(_TARGET_QUARTER)} is counted.",
}
REVIEWS = {
    "antenatal": "Antenatal",
    "new-birth": "New birth",
    "six-to-eight-week": "6 to 8 weeks",
    "one-year": "1 year",
    "two-year": "2 to 2½ years",
}


@dataclass(frozen=True)
class Headline:
    """figure: a number, or the words that stand for it."""

    figure: str
    sentence: str
    definition: str


@dataclass(frozen=True)
class Row:
    """One borough, quarter or review of a table; every cell as shown."""

    name: str
    numerator: str
    denominator: str
    share: str
    coverage: str
    standing: str
    line: str = ""
    gss: str = ""
    coverage_counts: str = ""

    @classmethod
    def of(cls, name: str, area: Area | None, *, line: Fraction | None = None, gss: str = "") -> Self:
        if area is None:
            return cls(
                name, NOT_KNOWN, NOT_KNOWN, _NO_SHARE["no-return"], NOT_KNOWN, "No figures", _line(line), gss
            )
        figure = area.digitisation
        return cls(
            name,
            _count(figure.numerator, figure),
            _count(figure.denominator, figure),
            _share(figure),
            "None due" if area.coverage.reason == "none-completed" else _share(area.coverage),
            _standing(area),
            _line(line),
            gss,
            _counts(area.coverage),
        )


@dataclass(frozen=True)
class Overview:
    """quarter: None while no quarter was closed, and then the rest is empty. quarters: newest first. changes:
    whether the share changed, of Greater Manchester and of each borough."""

    quarter: Quarter | None
    quarters: tuple[Quarter, ...]
    headline: Headline | None = None
    at_target: Headline | None = None
    dates: str = ""
    missing: str = ""
    rows: tuple[Row, ...] = ()
    trend_sentence: str = ""
    forecast: str = ""
    trend_rows: tuple[Row, ...] = ()
    chart_wide: Markup | None = None
    chart_narrow: Markup | None = None
    changes: tuple[Told, ...] = ()

    @classmethod
    def of(cls, figures: Sequence[QuarterFigures], chosen: Quarter | None) -> Self:
        listed = tuple(each.quarter for each in reversed(figures))
        here = next((each for each in figures if each.quarter == chosen), None)
        if here is None:
            return cls(None, listed)
        trend = _trend(figures)
        return cls(
            here.quarter,
            listed,
            _headline(here),
            _at_target(here),
            dates(here),
            _missing(here),
            tuple(Row.of(each.name, _of(here, each), gss=each.gss) for each in BOROUGHS),
            _trend_sentence(figures),
            forecast_sentence([(each.quarter, each.whole) for each in figures]),
            tuple(Row.of(str(each.quarter), each.whole, line=each.line) for each in reversed(figures)),
            chart.drawn(trend, name="wide", width=920, height=400),
            chart.drawn(trend, name="narrow", width=352, height=340),
            tuple(_digitised(figures, each) for each in (None, *BOROUGHS)),
        )


@dataclass(frozen=True)
class BoroughPage:
    """rows: newest quarter first, empty where none was closed; reviews: of the newest quarter. changes: heading, and
    whether that share changed."""

    name: str
    quarter: Quarter | None
    sentence: str
    dates: str
    rows: tuple[Row, ...]
    reviews: tuple[Row, ...]
    forecast: str = ""
    changes: tuple[tuple[str, Told], ...] = ()

    @classmethod
    def of(cls, figures: Sequence[QuarterFigures], borough: Borough) -> Self:
        found = [(each, area) for each in reversed(figures) if (area := _of(each, borough)) is not None]
        if not found:
            return cls(borough.name, None, "", "", (), ())
        newest, area = found[0]
        return cls(
            borough.name,
            newest.quarter,
            " ".join(
                (
                    f"{words.quarter(newest.quarter)}: {_share(area.digitisation)}.",
                    _share_sentence(newest, area),
                )
            ).strip(),
            f"Counted on {words.day(area.frozen_at.date())}.",
            tuple(Row.of(str(each.quarter), area, line=each.line) for each, area in found),
            tuple(_review_row(REVIEWS[code], figure) for code, figure in area.reviews.items()),
            forecast_sentence([(each.quarter, _of(each, borough)) for each in figures]),
            (
                ("Recorded digitally", _digitised(figures, borough, key="digitised")),
                ("Coverage", _covered(figures, borough)),
            ),
        )


def definitions(known: Definitions) -> tuple[tuple[str, str], ...]:
    """Term and meaning of each number shown, as the published Measures say them."""
    digitisation = known.by_url(quarters.DIGITISATION)
    population = {
        each["code"]["coding"][0]["code"]: each["description"]
        for group in digitisation["group"]
        if group["code"]["coding"][0]["code"] == "all-reviews"
        for each in group["population"]
    }
    coverage = known.by_url(f"{CANONICAL}/Measure/coverage")
    classes = known.by_url(f"{CANONICAL}/CodeSystem/capture-class")["concept"]
    return (
        ("Recorded digitally", population["numerator"]),
        ("Reviews done", population["denominator"]),
        *((f"Class {each['code']}: {each['display'].lower()}", each["definition"]) for each in classes),
        ("Share", "Recorded digitally, divided by reviews done. Only every review is 100%."),
        ("Which borough", "A review counts for the borough whose team did it."),
        (
            "Greater Manchester",
            "The sum of the ten boroughs' reviews recorded digitally, divided by the sum of their reviews "
            "done: never the mean of ten shares. There is none until all ten boroughs have sent a return.",
        ),
        ("Coverage", coverage["description"]),
        (
            "Provisional",
            "The quarter had not ended when it was counted, or a return covers only part of it.",
        ),
        (
            "No return",
            "What a borough did on paper is known from its own return alone. Without one no share can be "
            "worked out.",
        ),
        (
            "Straight line",
            "From Greater Manchester's share in the first quarter that has one, to 100% on 31 March 2021. "
            "What is shown is where it stands on the quarter's last day.",
        ),
        (
            "Forecast",
            "The newest final share, carried on by the mean step of the last "
            f"{words.in_words(forecasts.FEWEST)} to {words.in_words(forecasts.MOST)} final shares (of their "
            "logits, so that it stays below 100%), with the 95% interval that such steps leave. It knows nothing of "
            "what is planned: when tablets come to a borough, its share leaves its path.",
        ),
        (
            "By provider",
            "This record knows one service for each borough, so a borough's share is its provider's.",
        ),
        (
            "By month",
            "Not assessable: a borough's return tells of a whole quarter, so what was done on paper is not known "
            "month by month.",
        ),
        (
            "By stage of the Greater Manchester pathway",
            "Not assessable: returns count the statutory reviews, whose ages are not those of the stages, so what "
            "was done on paper is not known stage by stage.",
        ),
        (
            "Withheld",
            f"A number from 1 to {SMALLEST_PUBLISHED - 1} is not shown, because it could point to a family. "
            "Others are then not shown either, where the first could be worked out from them.",
        ),
    )


def _headline(here: QuarterFigures) -> Headline:
    definition = (
        "Reviews recorded digitally at the point of care, out of all reviews done, paper included. "
        "The sum of the ten boroughs, not the mean."
    )
    whole = here.whole
    if whole is None or whole.digitisation.reason == "not-all-report":
        return Headline(
            f"{here.reporting} of {len(BOROUGHS)} boroughs have reported",
            "There is no figure for Greater Manchester until all ten have.",
            definition,
        )
    return Headline(_share(whole.digitisation), _share_sentence(here, whole), definition)


def _share_sentence(here: QuarterFigures, area: Area) -> str:
    figure = area.digitisation
    if figure.rate is None:
        return ""
    said = f"{words.count(figure.numerator or 0)} of {words.plural(figure.denominator or 0, 'review')}."
    if here.line is None:
        return said
    return f"{said} {_against(figure.rate, here.line)}"


def _against(rate: Fraction, line: Fraction) -> str:
    """How far a share stands from the straight line, in percentage points."""
    apart = abs(rate - line) * 100
    points = (Decimal(apart.numerator) / apart.denominator).quantize(Decimal("0.1"), ROUND_HALF_UP)
    if rate == line:
        return f"That is on the straight line ({words.rate(line)})."
    side = "above" if rate > line else "below"
    return f"That is {points} percentage points {side} the straight line ({words.rate(line)})."


def _at_target(here: QuarterFigures) -> Headline:
    there = [area.name for area in here.boroughs if area.digitisation.rate == TARGET]
    assessable, boroughs = here.at_target.assessable, here.at_target.boroughs
    # A withheld share may be 100%: of what is not known nothing is said.
    known = "" if assessable == boroughs else f" The share of {words.count(assessable)} of them is known."
    none = "No borough." if assessable == boroughs else "No borough whose share is known."
    return Headline(
        f"{here.at_target.at_target} of {boroughs}",
        f"{words.listed(there)}." if there else none,
        f"Boroughs where every review was recorded digitally, out of {words.in_words(boroughs)}.{known}",
    )


def dates(here: QuarterFigures) -> str:
    areas = [area for area in (here.whole, *here.boroughs) if area is not None]
    if not areas:
        return ""
    newest = max(area.frozen_at for area in areas)
    said = f"Counted on {words.day(newest.date())}."
    provisional = here.whole.provisional if here.whole is not None else None
    return f"{said} {_PROVISIONAL[provisional]}" if provisional else said


def _missing(here: QuarterFigures) -> str:
    silent = [
        each.name
        for each in BOROUGHS
        if (area := _of(here, each)) is None or area.digitisation.reason == "no-return"
    ]
    if not silent:
        return ""
    return (
        f"{words.listed(silent)} {'has' if len(silent) == 1 else 'have'} not sent a return for this quarter. "
        "What was done on paper there is not known, so no share can be worked out."
    )


def _trend(figures: Sequence[QuarterFigures]) -> chart.Trend:
    first = next((each for each in figures if each.line is not None), None)
    target = (
        []
        if first is None or first.line is None
        else [(first.quarter.last_on, first.line), (TARGET_ON, TARGET)]
    )
    return chart.Trend(
        [chart.Point(each.quarter, _rate(each.whole)) for each in figures],
        [
            (borough.name, [chart.Point(each.quarter, _rate(_of(each, borough))) for each in figures])
            for borough in BOROUGHS
        ],
        target,
    )


def _trend_sentence(figures: Sequence[QuarterFigures]) -> str:
    known = [(each.quarter, rate) for each in figures if (rate := _rate(each.whole)) is not None]
    if not known:
        return "The straight line begins with the first quarter for which all ten boroughs have reported."
    (first, was), (last, is_now) = known[0], known[-1]
    if first == last:
        return f"The straight line begins in {first}, with {words.rate(was)} recorded digitally."
    return f"Greater Manchester went from {words.rate(was)} in {first} to {words.rate(is_now)} in {last}."


def forecast_sentence(figures: Sequence[tuple[Quarter, Area | None]]) -> str:
    """Where the share of the target's quarter may stand, or why that is not assessable. figures: earliest first."""
    final = [
        (quarter, area.digitisation.rate)
        for quarter, area in figures
        if area is not None and area.provisional is None and area.digitisation.rate is not None
    ]
    found = forecasts.forecast(final, _TARGET_QUARTER)
    if isinstance(found, forecasts.NotAssessable):
        return f"Forecast: not assessable. {_NO_FORECAST[found.reason]}"
    return (
        f"Forecast for {words.quarter(_TARGET_QUARTER)}: {_about(found.share)} recorded digitally, if it goes on as in "
        f"the last {words.in_words(found.quarters)} final quarters that have a share. 95% interval: {_about(found.low)} "
        f"to {_about(found.high)}."
    )


def _about(share: float) -> str:
    """A forecast is never all and never none."""
    return words.rate(Fraction(min(max(share, 1e-6), 1 - 1e-6)))


def _digitised(figures: Sequence[QuarterFigures], borough: Borough | None, *, key: str | None = None) -> Told:
    """borough: None for Greater Manchester. A provisional share is no part of it."""
    found = {each.quarter: each.whole if borough is None else _of(each, borough) for each in figures}
    return Told.of(
        "Greater Manchester" if borough is None else borough.name,
        Series.of(
            {
                quarter: None if area is None or area.provisional else area.digitisation.rate
                for quarter, area in found.items()
            }
        ),
        title="Share of reviews recorded digitally",
        good="high",
        target=TARGET,
        key=key,
    )


def _covered(figures: Sequence[QuarterFigures], borough: Borough) -> Told:
    """A return that covers part of a quarter changes no coverage; an open quarter does."""
    found = {each.quarter: _of(each, borough) for each in figures}
    return Told.of(
        borough.name,
        Series.of(
            {
                quarter: None if area is None or area.provisional == "open-quarter" else area.coverage.rate
                for quarter, area in found.items()
            }
        ),
        title="Coverage",
        good="high",
        key="covered",
    )


def _of(here: QuarterFigures, borough: Borough) -> Area | None:
    return next((area for area in here.boroughs if area.borough == borough.slug), None)


def _rate(area: Area | None) -> Fraction | None:
    return None if area is None else area.digitisation.rate


def _review_row(name: str, figure: Figure) -> Row:
    return Row(
        name,
        _count(figure.numerator, figure),
        _count(figure.denominator, figure),
        _share(figure),
        "",
        _REASONS.get(figure.reason or "", ""),
    )


def _count(number: int | None, figure: Figure) -> str:
    if number is not None:
        return words.count(number)
    return WITHHELD if figure.reason == "withheld" else NOT_KNOWN


def _share(figure: Figure) -> str:
    return _NO_SHARE[figure.reason or "withheld"] if figure.rate is None else words.rate(figure.rate)


def _counts(figure: Figure) -> str:
    if figure.rate is None:
        return ""
    return f"{words.count(figure.numerator or 0)} of {words.count(figure.denominator or 0)}"


def _standing(area: Area) -> str:
    if area.digitisation.reason is not None:
        return _REASONS[area.digitisation.reason]
    return "Provisional" if area.provisional else "Final"


def _line(line: Fraction | None) -> str:
    return "None yet" if line is None else words.rate(line)
