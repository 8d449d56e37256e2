"""An XmR chart as an SVG: the quarters of one area, their mean and limits, and which of them break a rule; and the icons
that go with it.

Plain values in, SVG text out, with presentation attributes alone, as `chart` does it. A point's kind is told by its
shape before its colour. The table under the chart has the same numbers.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from markupsafe import Markup, escape

from healthvisit.programme.dates import Quarter
from healthvisit.programme.spc import Assurance, Chart, Side, Variation

_BLUE, _ORANGE, _PURPLE = "#005eb8", "#ed8b00", "#330072"
_BLACK, _GREY, _GRID = "#212b32", "#768692", "#d8dde0"
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 16, 56
_TEXT = 16
# Room that the name of a quarter takes, that of a year, and its short form, in CSS pixels.
_QUARTER_WIDE, _YEAR_WIDE, _SHORT_WIDE = 28, 66, 48
_STEPS = tuple(Fraction(each, 100) for each in (1, 2, 5, 10, 20, 25))
_MOST_STEPS = 6


@dataclass(frozen=True)
class Drawing:
    """quarters and shares: side by side, None for a gap. chart: None where there are too few points for one. target:
    from 0 to 1. title and told: what is drawn and what it says, for whoever hears the page."""

    title: str
    told: str
    quarters: Sequence[Quarter]
    shares: Sequence[Fraction | None]
    chart: Chart | None
    target: Fraction | None


def drawn(drawing: Drawing, *, name: str, size: str, width: int, height: int) -> Markup:
    """width by height CSS pixels at its natural size. name: keeps the ids of two charts apart. size: wide or narrow."""
    frame = _Frame(drawing, width, height)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="hv-chart hv-chart--{size}" '
        f'viewBox="0 0 {width} {height}" focusable="false" '
        f'role="img" aria-labelledby="{name}-title {name}-text" '
        f'font-family="arial, sans-serif" font-size="{_TEXT}" fill="{_BLACK}">',
        f'<title id="{name}-title">{escape(drawing.title)}</title>',
        f'<desc id="{name}-text">{escape(drawing.told)}</desc>',
        *_grid(frame),
        *_quarters(frame),
        *_lines(frame),
        *_series(frame),
        "</svg>",
    ]
    return Markup("".join(parts))  # noqa: S704  every part is made here of numbers and escaped words


def mark(kind: Variation) -> Markup:
    """A point of this kind, for the words beside the chart."""
    shape = _shape(kind, 20, 8)
    return Markup(  # noqa: S704  made here of numbers alone
        f'<svg class="hv-legend__key" viewBox="0 0 40 16" aria-hidden="true" focusable="false">{shape}</svg>'
    )


def icon(kind: Variation, side: Side | None) -> Markup:
    """Of the variation, as Making Data Count draws it: a wave in a grey ring for common cause, H or L in a ring for a
    special cause on the high or the low side."""
    if kind == "common-cause":
        wave = f'<path d="M9 27l6 -7 6 7 6 -7 6 7 6 -7" fill="none" stroke="{_GREY}" stroke-width="3"/>'
        return _ring(_GREY, wave)
    colour = {"improving": _BLUE, "worsening": _ORANGE}.get(kind, _PURPLE)
    return _ring(colour, _letter("±" if side is None else side[0].upper()))


def assurance_icon(kind: Assurance) -> Markup:
    """Of the assurance: P for pass, F for fail, ? for hit and miss, in a ring."""
    colour, letter = {
        "will-pass": (_BLUE, "P"),
        "will-fail": (_ORANGE, "F"),
        "hit-and-miss": (_GREY, "?"),
    }[kind]
    return _ring(colour, _letter(letter))


def _ring(colour: str, within: str) -> Markup:
    return Markup(  # noqa: S704  made here of numbers and letters of our own
        '<svg class="hv-icon" viewBox="0 0 48 48" aria-hidden="true" focusable="false">'
        f'<circle cx="24" cy="24" r="20" fill="#ffffff" stroke="{colour}" stroke-width="6"/>{within}</svg>'
    )


def _letter(letter: str) -> str:
    return (
        '<text x="24" y="32" text-anchor="middle" font-family="arial, sans-serif" font-size="22" font-weight="700" '
        f'fill="{_BLACK}">{letter}</text>'
    )


class _Frame:
    """Where a quarter and a share stand in the drawing."""

    def __init__(self, drawing: Drawing, width: int, height: int) -> None:
        self.drawing, self.width, self.height = drawing, width, height
        self.apart = (width - _LEFT - _RIGHT - 28) / max(len(drawing.quarters) - 1, 1)
        shown = [each for each in drawing.shares if each is not None]
        if drawing.chart is not None:
            shown += [drawing.chart.mean, drawing.chart.lower, drawing.chart.upper]
        if drawing.target is not None:
            shown.append(drawing.target)
        none, every = Fraction(0), Fraction(1)
        low, high = max(min(shown, default=none), none), min(max(shown, default=every), every)
        self.step = next((each for each in _STEPS if (high - low) / each <= _MOST_STEPS - 1), _STEPS[-1])
        self.low, self.high = (
            math.floor(low / self.step) * self.step,
            math.ceil(high / self.step) * self.step,
        )
        if self.low == self.high:
            self.low, self.high = max(self.low - self.step, none), min(self.high + self.step, every)

    def x(self, number: int) -> float:
        return round(_LEFT + 14 + number * self.apart, 1)

    def y(self, share: Fraction) -> float:
        """A limit beyond the drawing lies on its edge."""
        within = min(max(share, self.low), self.high)
        span = float((within - self.low) / (self.high - self.low))
        return round(self.height - _BOTTOM - span * (self.height - _TOP - _BOTTOM), 1)


def _grid(frame: _Frame) -> Iterator[str]:
    share = frame.low
    while share <= frame.high:
        y = frame.y(share)
        yield f'<path d="M{_LEFT} {y}H{frame.width}" stroke="{_GRID}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 5}" text-anchor="end">{share * 100}%</text>'
        share += frame.step


def _quarters(frame: _Frame) -> Iterator[str]:
    """Q1 ... Q4 below each quarter where there is room, and the financial year below its first one shown."""
    base = frame.height - _BOTTOM
    short = 4 * frame.apart < _YEAR_WIDE
    room = _SHORT_WIDE if short else _YEAR_WIDE
    free = 0.0
    years: set[int] = set()
    for number, quarter in enumerate(frame.drawing.quarters):
        x = frame.x(number)
        yield f'<path d="M{x} {base}V{base + 5}" stroke="{_GREY}"/>'
        if frame.apart >= _QUARTER_WIDE:
            yield f'<text x="{x}" y="{base + 22}" text-anchor="middle">Q{quarter.number}</text>'
        begins = x - 10
        # The year of a lone quarter at the edge has no room beside the next one's.
        if quarter.year in years or begins < free or begins + room > frame.width or quarter.number > 2:
            continue
        years.add(quarter.year)
        free = begins + room
        first = quarter.year % 100 if short else quarter.year
        yield f'<text x="{begins}" y="{base + 44}">{first:02}-{(quarter.year + 1) % 100:02}</text>'


def _lines(frame: _Frame) -> Iterator[str]:
    """Mean, limits and target. A limit that no share can reach is not drawn."""

    def line(share: Fraction, stroke: str) -> str:
        return f'<path d="M{_LEFT} {frame.y(share)}H{frame.width}" {stroke}/>'

    if frame.drawing.target is not None:
        yield line(frame.drawing.target, f'stroke="{_BLACK}" stroke-width="2" stroke-dasharray="2 4"')
    chart = frame.drawing.chart
    if chart is None:
        return
    yield line(chart.mean, f'stroke="{_BLACK}" stroke-width="1.5"')
    for limit in {chart.lower, chart.upper}:
        if 0 <= limit <= 1:
            yield line(limit, f'stroke="{_BLACK}" stroke-width="1.5" stroke-dasharray="9 5"')


def _series(frame: _Frame) -> Iterator[str]:
    shares = frame.drawing.shares
    path, ended = [], True
    for number, share in enumerate(shares):
        if share is not None:
            path.append(f"{'M' if ended else 'L'}{frame.x(number)} {frame.y(share)}")
        # A quarter without a share is a gap, never a line drawn through it.
        ended = share is None
    if path:
        yield f'<path d="{"".join(path)}" fill="none" stroke="{_GREY}" stroke-width="2"/>'
    for number, share in enumerate(shares):
        if share is not None:
            kind: Variation = (
                "common-cause" if frame.drawing.chart is None else frame.drawing.chart.told(number)
            )
            yield _shape(kind, frame.x(number), frame.y(share))


def _shape(kind: Variation, x: float, y: float) -> str:
    """A circle, a square, a diamond or a triangle: what a point tells is seen without its colour."""
    if kind == "common-cause":
        return f'<circle cx="{x}" cy="{y}" r="4.5" fill="{_GREY}"/>'
    colour, corners = {
        "improving": (_BLUE, ((-5.5, -5.5), (5.5, -5.5), (5.5, 5.5), (-5.5, 5.5))),
        "worsening": (_ORANGE, ((0, -7.5), (7.5, 0), (0, 7.5), (-7.5, 0))),
        "changing": (_PURPLE, ((0, -7), (6.5, 5), (-6.5, 5))),
    }[kind]
    places = " ".join(f"{round(x + right, 1)},{round(y + down, 1)}" for right, down in corners)
    return f'<polygon points="{places}" fill="{colour}" stroke="{_BLACK}" data-told="{kind}"/>'
