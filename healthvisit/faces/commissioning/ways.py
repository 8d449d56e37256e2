"""The way of a review from due to digital, in words, a table and a chart: where most are lost on it is one sentence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from markupsafe import Markup, escape

from healthvisit.definitions import CANONICAL, Definitions
from healthvisit.faces.commissioning import indicators, presenters
from healthvisit.faces.layout import words
from healthvisit.programme.boroughs import BOROUGHS
from healthvisit.programme.dates import Quarter
from healthvisit.programme.disclosure import SMALLEST_PUBLISHED
from healthvisit.programme.funnel import STEPS, STRETCHES, Drop, Reason, Step, Way
from healthvisit.reviews import funnel
from healthvisit.reviews.national import Indicator
from healthvisit.reviews.quarter import QuarterFigures

NAMES: Mapping[Step, str] = {
    "due": "Due",
    "invited": "Invited",
    "attended": "Attended in time",
    "done": "Reviews done",
    "recorded": "Recorded as complete data",
    "digital": "Recorded digitally",
    "in-return": "In the national return",
}
_MISSING: Mapping[Reason, str] = {
    "withheld": presenters.WITHHELD,
    "not-recorded": "Not recorded",
    "not-assessable": "Not assessable",
    "no-return": "No return",
    "no-figures": presenters.NOT_KNOWN,
}
_LOST: Mapping[tuple[Step, Step], str] = {
    ("due", "attended"): "from due to attended in time: {lost} of {of} children due had no review in time",
    (
        "done",
        "recorded",
    ): "from done to recorded as complete data: {lost} of {of} reviews done stayed on paper, came as a "
    "document, or left something out",
    (
        "recorded",
        "digital",
    ): "from recorded to recorded digitally: {lost} of {of} reviews done were typed in later",
}
_BLUE, _GREY, _BLACK = "#005eb8", "#768692", "#212b32"
_ROW, _BAR = 60, 22


class Definition(NamedTuple):
    """code: the indicator that the step is of, empty for none."""

    step: str
    meaning: str
    source: str
    code: str


@dataclass(frozen=True)
class Row:
    """One area; every cell as shown. cells: of STEPS. lost: where most are lost, in a sentence."""

    name: str
    cells: tuple[str, ...]
    lost: str


@dataclass(frozen=True)
class Page:
    """quarter: None while none was closed, and then the rest is empty. quarters: newest first. steps: of Greater
    Manchester, name, count, and share of the beginning of its stretch."""

    review: str
    name: str
    quarter: Quarter | None
    quarters: tuple[Quarter, ...]
    sentence: str = ""
    dates: str = ""
    steps: tuple[tuple[str, str, str], ...] = ()
    rows: tuple[Row, ...] = ()
    definitions: tuple[Definition, ...] = ()
    wide: Markup | None = None
    narrow: Markup | None = None

    @classmethod
    def of(
        cls,
        review: str,
        figures: Sequence[QuarterFigures],
        found: Sequence[Indicator],
        chosen: Quarter | None,
        known: Definitions,
    ) -> "Page":
        """found: the indicators of the chosen quarter."""
        name = presenters.REVIEWS[review]
        listed = tuple(each.quarter for each in reversed(figures))
        here = next((each for each in figures if each.quarter == chosen), None)
        if here is None:
            return cls(review, name, None, listed)
        areas = {area.borough: area for area in (here.whole, *here.boroughs) if area is not None}
        whole = funnel.of_area(review, areas.get(None), found, None)
        told = lost(whole)
        return cls(
            review,
            name,
            here.quarter,
            listed,
            told,
            presenters.dates(here),
            tuple((NAMES[step], _cell(whole, step), _share(whole, step)) for step in STEPS),
            tuple(
                _row(each.name, funnel.of_area(review, areas.get(each.slug), found, each.slug))
                for each in BOROUGHS
            ),
            tuple(_definitions(review, known)),
            _drawn(name, whole, told, size="wide", width=920),
            _drawn(name, whole, told, size="narrow", width=352),
        )


def _row(name: str, way: Way) -> Row:
    return Row(name, tuple(_cell(way, step) for step in STEPS), lost(way))


def lost(way: Way) -> str:
    """Where most are lost. A drop of so few that a count of them would be withheld is not counted out."""
    biggest = way.biggest
    if biggest is None:
        if not way.drops():
            return "Where most are lost is not assessable: no two steps that follow each other are known."
        return "Between the steps that are known none is lost."
    lead = "The biggest drop" if way.is_whole else "The biggest drop that is known"
    return f"{lead} is {_said(biggest)}."


def _said(drop: Drop) -> str:
    few = drop.lost < SMALLEST_PUBLISHED
    count = f"fewer than {words.in_words(SMALLEST_PUBLISHED)}" if few else words.count(drop.lost)
    said = _LOST[drop.start, drop.end].format(lost=count, of=words.count(drop.of))
    return said if few else f"{said} ({words.rate(drop.share)})"


def _cell(way: Way, step: Step) -> str:
    count = way.counts[step]
    return words.count(count) if isinstance(count, int) else _MISSING[count]


def _share(way: Way, step: Step) -> str:
    """Of the beginning of the step's stretch, or why there is none."""
    first = next(stretch[0] for stretch in STRETCHES if step in stretch)
    count, whole = way.known(step), way.known(first)
    if count is None or whole is None:
        return _cell(way, step if count is None else first)
    return words.rate(Fraction(count, whole)) if whole else "None"


def _definitions(review: str, known: Definitions) -> Iterator[Definition]:
    """Meaning and source of each step, in the words of the published Measures."""
    terms = dict(presenters.definitions(known))
    classes = {
        each["code"]: each["definition"]
        for each in known.by_url(f"{CANONICAL}/CodeSystem/capture-class")["concept"]
    }
    code = funnel.DUE[review]
    due = indicators.definition(known, code)
    yield Definition(
        NAMES["due"],
        due.meaning("Of")
        or "Not assessable: how many mothers are due is not known, and no denominator exists.",
        f"Denominator of {code}, frozen with the quarter." if due.meaning("Of") else f"{code} is a count.",
        code,
    )
    yield Definition(
        NAMES["invited"],
        "Not recorded: no invitation is written down here. An appointment says for when a visit is booked, not that a "
        "family "
        "was asked.",
        "None.",
        "",
    )
    yield Definition(
        NAMES["attended"],
        " ".join(indicators.definition(known, each).meaning("Counted") for each in funnel.ATTENDED[review]),
        f"Counted in {words.listed(list(funnel.ATTENDED[review]))}, frozen with the quarter.",
        code,
    )
    yield Definition(
        NAMES["done"],
        f"{terms['Reviews done']} By the borough's team in the quarter, whichever borough answers for the child: not "
        "the "
        "children due.",
        "Denominator of digitisation, frozen with the quarter.",
        "",
    )
    yield Definition(
        NAMES["recorded"],
        f"Class A and class B together. A: {classes['A']} B: {classes['B']}",
        "Capture classes of digitisation, frozen with the quarter.",
        "",
    )
    yield Definition(
        NAMES["digital"],
        terms["Recorded digitally"],
        "Numerator of digitisation, frozen with the quarter.",
        "",
    )
    yield Definition(
        NAMES["in-return"],
        "Not recorded: what a borough sent to the national return is not held here, so whether a review is in it is not "
        "known.",
        "None.",
        "",
    )


def _drawn(name: str, way: Way, told: str, *, size: str, width: int) -> Markup:
    """A bar for each step, as long as its count; where there is none, the word for it."""
    most = max((way.known(step) or 0 for step in STEPS), default=0)
    height = _ROW * len(STEPS) + 8
    key = f"way-{size}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hv-chart hv-chart--{size}" viewBox="0 0 {width} {height}" '
        f'focusable="false" role="img" aria-labelledby="{key}-title {key}-text" font-family="arial, sans-serif" '
        f'font-size="16" fill="{_BLACK}">',
        f'<title id="{key}-title">{escape(name)}, from due to digital, Greater Manchester</title>',
        f'<desc id="{key}-text">{escape(told)} The table has the same numbers.</desc>',
    ]
    for number, step in enumerate(STEPS):
        top = _ROW * number
        count = way.known(step)
        parts.append(f'<text x="0" y="{top + 20}">{NAMES[step]}: {escape(_cell(way, step))}</text>')
        if count is None:
            parts.append(
                f'<path d="M0 {top + 39}H{width}" stroke="{_GREY}" stroke-width="2" stroke-dasharray="2 6"/>'
            )
        else:
            long = round((width - 2) * count / most, 1) if most else 0
            colour = _BLUE if step in STRETCHES[0] else _BLACK
            parts.append(f'<rect x="0" y="{top + 28}" width="{long}" height="{_BAR}" fill="{colour}"/>')
    return Markup("".join([*parts, "</svg>"]))  # noqa: S704  every part is made here of numbers and escaped words
