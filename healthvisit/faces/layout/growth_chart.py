"""A growth chart as an SVG: the nine UK-WHO lines and a child's points by the age that is read.

Plain values in, SVG text out. Colours and widths stand as presentation attributes, because the pages' policy runs
no style that stands in the page. What the chart shows stands in words and in a table beside it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from markupsafe import Markup, escape

from healthvisit.programme import growth
from healthvisit.programme.growth import Crossing
from healthvisit.reviews.measurements import Curve

_BLUE, _BLACK, _LINE, _GRID = "#005eb8", "#212b32", "#768692", "#d8dde0"
_TEXT, _LABEL = 16, 13
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 52, 14, 52
_YEAR_DAYS = 365.25
# The chart reaches a little further than the last point, and never shows less than this.
_LEAST_SPAN_DAYS = 84
# The order in which lines are named where there is no room for all.
_NAMED_FIRST = (4, 0, 8, 2, 6, 1, 7, 3, 5)


class Words(NamedTuple):
    """title: what is drawn, for whoever hears the page; told: what it says. axis: what the upright axis counts."""

    title: str
    told: str
    axis: str


def drawn(curve: Curve, words: Words, *, name: str, width: int, height: int) -> Markup:
    """The chart, width by height CSS pixels at its natural size. name: keeps the ids of two charts apart."""
    frame = _Frame(curve, width, height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hv-chart hv-chart--{name.partition("-")[0]}" '
        f'viewBox="0 0 {width} {height}" focusable="false" '
        f'role="img" aria-labelledby="{name}-title {name}-text" '
        f'font-family="arial, sans-serif" font-size="{_TEXT}" fill="{_BLACK}">',
        f'<title id="{name}-title">{escape(words.title)}</title>',
        f'<desc id="{name}-text">{escape(words.told)}</desc>',
        *_grid(frame, words.axis),
        *_ages(frame),
        *_lines(frame),
        *_names(frame),
        *_points(frame, curve),
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704  every part is made here of numbers and escaped words


class _Frame:
    """Where an age and a value stand in the drawing."""

    def __init__(self, curve: Curve, width: int, height: int) -> None:
        self.width, self.height = width, height
        ages = [
            reading.age_days for point in curve.points for reading in (point.shown, point.other) if reading
        ]
        first = min(0, *ages)
        # Four weeks make a step on the axis of a chart that begins before the due date.
        self.first = first // 28 * 28
        self.last = max(max(ages) + (max(ages) - self.first) // 12, self.first + _LEAST_SPAN_DAYS)
        self.stretches = growth.lines(curve.measure, curve.sex, self.first, self.last)
        values = [float(point.value) for point in curve.points]
        values += [value for stretch in self.stretches for crossing in stretch for value in crossing.values]
        self.step = _step(max(values) - min(values), (height - _TOP - _BOTTOM) / 40)
        self.low = int(min(values) // self.step) * self.step
        self.high = -int(-max(values) // self.step) * self.step

    def x(self, age_days: float) -> float:
        inner = self.width - _LEFT - _RIGHT
        return round(_LEFT + inner * (age_days - self.first) / (self.last - self.first), 1)

    def y(self, value: float) -> float:
        inner = self.height - _TOP - _BOTTOM
        return round(self.height - _BOTTOM - inner * (value - self.low) / (self.high - self.low), 1)


def _step(span: float, most: float) -> float:
    return next((step for step in (0.5, 1, 2, 5, 10, 20) if span / step <= most), 50)


def _grid(frame: _Frame, axis: str) -> Iterator[str]:
    number = 0
    while (value := frame.low + number * frame.step) <= frame.high:
        y = frame.y(value)
        yield f'<path d="M{_LEFT} {y}H{frame.width - _RIGHT}" stroke="{_GRID}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 5}" text-anchor="end">{value:g}</text>'
        number += 1
    # Children begin small: in this corner no line stands.
    yield f'<text x="{_LEFT + 6}" y="{_TOP + 18}">{escape(axis)}</text>'


def _ages(frame: _Frame) -> Iterator[str]:
    """Weeks, months or years, as far apart as there is room for."""
    fits = (frame.width - _LEFT - _RIGHT) / 44
    units = (
        (7.0, (1, 2, 4), "weeks", 26 * 7),
        (_YEAR_DAYS / 12, (1, 2, 3, 6), "months", 2.5 * _YEAR_DAYS),
        (_YEAR_DAYS, (1,), "years", float("inf")),
    )
    days, steps, unit, _ = next(each for each in units if frame.last <= each[3])
    step = next((each for each in steps if (frame.last - frame.first) / (each * days) <= fits), steps[-1])
    base = frame.height - _BOTTOM
    number = -int(-frame.first // (step * days))
    while number * step * days <= frame.last:
        x = frame.x(number * step * days)
        yield f'<path d="M{x} {base}V{base + 6}" stroke="{_LINE}"/>'
        yield f'<text x="{x}" y="{base + 22}" text-anchor="middle">{number * step}</text>'
        number += 1
    middle = (_LEFT + frame.width - _RIGHT) / 2
    yield f'<text x="{middle}" y="{base + 44}" text-anchor="middle">Age in {unit}</text>'


def _lines(frame: _Frame) -> Iterator[str]:
    """As on the paper charts every second line is broken, and the middle one is the strongest."""
    for number, line in enumerate(growth.LINES):
        dashes = ' stroke-dasharray="6 4"' if number % 2 else ""
        width = 2 if line == "50th" else 1
        path = "".join(
            "M" + "L".join(f"{frame.x(each.age_days)} {frame.y(each.values[number])}" for each in stretch)
            for stretch in frame.stretches
        )
        yield f'<path d="{path}" fill="none" stroke="{_LINE}" stroke-width="{width}"{dashes}/>'


def _names(frame: _Frame) -> Iterable[str]:
    end: Crossing = frame.stretches[-1][-1]
    x = frame.x(end.age_days) + 4
    named: list[float] = []
    for number in _NAMED_FIRST:
        y = frame.y(end.values[number])
        if all(abs(y - other) >= _LABEL for other in named):
            named.append(y)
            yield f'<text x="{x}" y="{y + 4}" font-size="{_LABEL}">{growth.LINES[number]}</text>'


def _points(frame: _Frame, curve: Curve) -> Iterator[str]:
    """A dot at the age that is read; a cross at the other one, joined to its dot. Dots are not joined to each other:
    what lies between them was not measured."""
    for point in curve.points:
        x, y = frame.x(point.shown.age_days), frame.y(float(point.value))
        if point.other is not None:
            at = frame.x(point.other.age_days)
            yield f'<path d="M{x} {y}H{at}" stroke="{_BLACK}"/>'
            yield f'<path d="M{at - 5} {y - 5}l10 10m0 -10l-10 10" stroke="{_BLACK}" stroke-width="2"/>'
        yield f'<circle cx="{x}" cy="{y}" r="5.5" fill="{_BLUE}" stroke="#ffffff"/>'
