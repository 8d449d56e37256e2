"""The trend as an SVG: Greater Manchester, its boroughs and the straight line to the target, by quarter.

Plain values in, SVG text out. Colours and widths stand as presentation attributes, because the pages'
policy runs no style that stands in the page; the colours are the NHS design system's. The table under the
chart has the same numbers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from markupsafe import Markup

from healthvisit.faces.layout import words
from healthvisit.programme.dates import Quarter

_BLUE, _BLACK, _GREY, _GRID = "#005eb8", "#212b32", "#768692", "#d8dde0"
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 16, 56
_TEXT = 16


@dataclass(frozen=True)
class Point:
    """Rate of one quarter, from 0 to 1; None where it cannot be assessed or is withheld."""

    quarter: Quarter
    rate: Fraction | None


@dataclass(frozen=True)
class Trend:
    """points of Greater Manchester and of each borough by name; target: the straight line's two ends."""

    whole: Sequence[Point]
    boroughs: Sequence[tuple[str, Sequence[Point]]]
    target: Sequence[tuple[date, Fraction]]


def drawn(trend: Trend, *, name: str, width: int, height: int) -> Markup:
    """The chart, width by height CSS pixels at its natural size. name: keeps the ids of two charts apart."""
    frame = _Frame(trend, width, height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hv-chart hv-chart--{name}" '
        f'viewBox="0 0 {width} {height}" focusable="false" '
        f'role="img" aria-labelledby="{name}-title {name}-text" '
        f'font-family="arial, sans-serif" font-size="{_TEXT}" fill="{_BLACK}">',
        f'<title id="{name}-title">Share of reviews recorded digitally, by quarter</title>',
        f'<desc id="{name}-text">{_in_words(trend)}</desc>',
        *_grid(frame),
        *_quarters(frame),
        *(part for _, points in trend.boroughs for part in _faint(frame, points)),
        *_target(frame, trend.target),
        *_whole(frame, trend.whole),
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704  every part is made here of numbers and escaped words


class _Frame:
    """Where a day and a rate stand in the drawing."""

    def __init__(self, trend: Trend, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.quarters = [point.quarter for point in trend.whole]
        days = [on for on, _ in trend.target] + [quarter.last_on for quarter in self.quarters]
        self.first, self.last = min(days), max(days)

    def x(self, on: date) -> float:
        span = (self.last - self.first).days or 1
        return round(_LEFT + 14 + (self.width - _LEFT - 14 - _RIGHT) * (on - self.first).days / span, 1)

    def y(self, rate: Fraction) -> float:
        return round(self.height - _BOTTOM - float(rate) * (self.height - _TOP - _BOTTOM), 1)


def _grid(frame: _Frame) -> Iterable[str]:
    for percent in (0, 25, 50, 75, 100):
        y = frame.y(Fraction(percent, 100))
        yield f'<path d="M{_LEFT} {y}H{frame.width}" stroke="{_GRID}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 5}" text-anchor="end">{percent}%</text>'


def _quarters(frame: _Frame) -> Iterable[str]:
    """Q1 ... Q4 below each quarter, and the financial year below its first one shown."""
    base = frame.height - _BOTTOM
    years: set[int] = set()
    for quarter in frame.quarters:
        x = frame.x(quarter.last_on)
        yield f'<text x="{x}" y="{base + 22}" text-anchor="middle">Q{quarter.number}</text>'
        # A lone quarter at the edge has no room for its year beside the next one's.
        if quarter.year not in years and (quarter.number <= 2 or len(frame.quarters) == 1):
            years.add(quarter.year)
            yield f'<text x="{x - 10}" y="{base + 44}">{quarter.year}-{(quarter.year + 1) % 100:02}</text>'


def _faint(frame: _Frame, points: Sequence[Point]) -> Iterable[str]:
    for run in _runs(points):
        if len(run) == 1:
            yield f'<circle cx="{frame.x(run[0].on)}" cy="{frame.y(run[0].rate)}" r="2" fill="{_GREY}"/>'
        else:
            yield f'<path d="{_line(frame, run)}" fill="none" stroke="{_GREY}" stroke-width="1"/>'


def _target(frame: _Frame, ends: Sequence[tuple[date, Fraction]]) -> Iterable[str]:
    if ends:
        line = _line(frame, [_Place(on, rate) for on, rate in ends])
        yield f'<path d="{line}" fill="none" stroke="{_BLACK}" stroke-width="2" stroke-dasharray="7 5"/>'


def _whole(frame: _Frame, points: Sequence[Point]) -> Iterable[str]:
    for run in _runs(points):
        if len(run) > 1:
            yield f'<path d="{_line(frame, run)}" fill="none" stroke="{_BLUE}" stroke-width="4"/>'
        for place in run:
            yield f'<circle cx="{frame.x(place.on)}" cy="{frame.y(place.rate)}" r="5" fill="{_BLUE}"/>'


@dataclass(frozen=True)
class _Place:
    on: date
    rate: Fraction


def _runs(points: Sequence[Point]) -> list[list[_Place]]:
    """Unbroken stretches: a quarter without a rate is a gap, never a line drawn through it."""
    runs: list[list[_Place]] = [[]]
    for point in points:
        if point.rate is not None:
            runs[-1].append(_Place(point.quarter.last_on, point.rate))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _line(frame: _Frame, places: Sequence[_Place]) -> str:
    return "M" + "L".join(f"{frame.x(place.on)} {frame.y(place.rate)}" for place in places)


def _in_words(trend: Trend) -> str:
    known = [point for point in trend.whole if point.rate is not None]
    if not known:
        return "No quarter has a figure for all ten boroughs yet."
    said = "; ".join(f"{point.quarter} {words.rate(point.rate)}" for point in known if point.rate is not None)
    return f"Greater Manchester: {said}. The table below has the same numbers."
