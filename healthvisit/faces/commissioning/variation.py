"""A series of frozen shares -> whether it changed, in a word, an icon, a sentence, a chart and a table.

Nothing is worked out here but from shares that are published; a share that is withheld, not assessable or provisional
is a gap. The rules: `programme.spc`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from markupsafe import Markup

from healthvisit.faces.commissioning import spc_chart
from healthvisit.faces.layout import words
from healthvisit.programme import spc
from healthvisit.programme.dates import Quarter
from healthvisit.programme.spc import Assurance, Chart, Good, NotAssessable, Rule, Side, Signal, Variation

_WIDE, _NARROW = (920, 360), (352, 300)

_VERDICTS: Mapping[Variation, str] = {
    "common-cause": "Ordinary variation",
    "improving": "Special cause: improving",
    "worsening": "Special cause: getting worse",
    "changing": "Special cause: a change that is neither better nor worse",
}
_MARKS: Mapping[Variation, str] = {
    "common-cause": "Ordinary variation (circle)",
    "improving": "Improving (square)",
    "worsening": "Getting worse (diamond)",
    "changing": "A change (triangle)",
}
_MEANT: Mapping[Variation, str] = {
    "improving": "That is an improvement.",
    "worsening": "That is a change for the worse.",
}
_ASSURANCES: Mapping[Assurance, tuple[str, str]] = {
    "will-pass": ("Will pass", "going on like this, every quarter would reach the target of {target}."),
    "will-fail": ("Will fail", "going on like this, no quarter would reach the target of {target}."),
    "hit-and-miss": (
        "Hit and miss",
        "going on like this, whether a quarter reaches the target of {target} would be chance.",
    ),
}
_GOOD: Mapping[Good, str] = {
    "high": "Higher is better.",
    "low": "Lower is better.",
    "neither": "Neither higher nor lower is better by itself.",
}
_WHERE: Mapping[Side, str] = {"high": "above", "low": "below"}


@dataclass(frozen=True)
class Row:
    """One quarter of the chart; every cell as shown."""

    quarter: str
    share: str
    tells: str


@dataclass(frozen=True)
class Series:
    """quarters: one after the other without a break, earliest first. shares: from 0 to 1, None where none is final and
    published."""

    quarters: tuple[Quarter, ...]
    shares: tuple[Fraction | None, ...]

    @classmethod
    def of(cls, known: Mapping[Quarter, Fraction | None]) -> Self:
        """known: a quarter that is not in it is a gap, but for those before the first share and after the last."""
        shown = sorted(quarter for quarter, share in known.items() if share is not None)
        if not shown:
            return cls((), ())
        quarters = tuple(shown[0].until(shown[-1]))
        return cls(quarters, tuple(known.get(each) for each in quarters))


@dataclass(frozen=True)
class Told:
    """What the series of one area tells.

    name: the area. verdict: in a word. icon, assurance, assurance_icon: None where there is none. rows: newest quarter
    first. legend: mark and meaning of each kind of point that stands in the chart. wide, narrow: None without any share.
    """

    name: str
    verdict: str
    icon: Markup | None
    sentence: str
    limits: str
    assurance: str
    assurance_icon: Markup | None
    rows: tuple[Row, ...]
    legend: tuple[tuple[Markup, str], ...]
    has_limits: bool
    target: str
    wide: Markup | None
    narrow: Markup | None

    @classmethod
    def of(
        cls,
        name: str,
        series: Series,
        *,
        title: str,
        good: Good,
        target: Fraction | None = None,
        key: str | None = None,
    ) -> Self:
        """title: what the shares are. key: keeps the ids of two charts of a page apart; None for words alone."""
        found = spc.chart(series.shares, good=good, target=target)
        chart = found if isinstance(found, Chart) else None
        said = _Said(name, series, found, good)
        drawing = spc_chart.Drawing(
            f"{title}, {name}, by quarter",
            f"{said.verdict()}. {said.sentence()} The table has the same numbers.",
            series.quarters,
            series.shares,
            chart,
            target,
        )
        kinds = dict.fromkeys(said.kinds())
        return cls(
            name,
            said.verdict(),
            None if chart is None else spc_chart.icon(chart.variation, _side(chart)),
            said.sentence(),
            said.limits(),
            said.assurance(target),
            None if chart is None or chart.assurance is None else spc_chart.assurance_icon(chart.assurance),
            tuple(said.rows()),
            tuple((spc_chart.mark(kind), _MARKS[kind]) for kind in kinds),
            chart is not None,
            "" if target is None else words.rate(target),
            *(
                spc_chart.drawn(drawing, name=f"{key}-{size}", size=size, width=width, height=height)
                if series.quarters and key is not None
                else None
                for size, (width, height) in (("wide", _WIDE), ("narrow", _NARROW))
            ),
        )


def _side(chart: Chart) -> Side | None:
    """Where the newest point's signals point to; None where they point both ways."""
    sides = {each.side for each in chart.broken(chart.newest)}
    return sides.pop() if len(sides) == 1 else None


@dataclass(frozen=True)
class _Said:
    name: str
    series: Series
    found: Chart | NotAssessable
    good: Good

    def verdict(self) -> str:
        if isinstance(self.found, NotAssessable):
            return "Too few points to tell" if self.found.reason != "no-spread" else "Not assessable"
        if self.found.variation == "changing" and self.good != "neither":
            return "Special cause: its signs point both ways"
        return _VERDICTS[self.found.variation]

    def sentence(self) -> str:
        if isinstance(self.found, NotAssessable):
            return self._why_not(self.found)
        standing = self.found.standing
        newest = words.quarter(self.series.quarters[self.found.newest])
        if standing is None:
            over = " What earlier quarters showed is over, and stays marked." if self.found.signals else ""
            moved = f"{self.name} moved no more than it always has.{over}"
            return f"In its newest final quarter with a share, {newest}, {moved}"
        return f"{self._change(standing, self.found)} {self._meaning(self.found)}"

    def _why_not(self, found: NotAssessable) -> str:
        if found.reason == "no-spread":
            return (
                "Most quarters stand at exactly the same share, so how far it moves of itself cannot be told."
            )
        known = sum(share is not None for share in self.series.shares)
        if found.reason == "too-few-ranges":
            return (
                f"{words.plural(known, 'quarter')} have a final share, and too few of them follow each other."
            )
        has = "has" if known == 1 else "have"
        return (
            f"{words.plural(known, 'quarter').capitalize()} {has} a final share that is published; "
            f"{spc.FEWEST} are the fewest that can tell a change from ordinary variation."
        )

    def _change(self, signal: Signal, chart: Chart) -> str:
        where, name = _WHERE[signal.side], self.name
        since = words.quarter(self.series.quarters[signal.points[0]])
        mean = words.rate(chart.mean)
        match signal.rule:
            case "outside":
                limit = words.rate(chart.upper if signal.side == "high" else chart.lower)
                return f"In {since} {name} stood {where} the limit of its ordinary variation, {limit}."
            case "shift":
                row = f"{len(signal.points)} quarters in a row"
                return f"Since {since} {name} has stood {where} its mean of {mean}: {row}."
            case "trend":
                way = "risen" if signal.side == "high" else "fallen"
                steps = words.in_words(len(signal.points) - 1)
                return f"Since {since} {name} has {way} quarter after quarter: {steps} times in a row."
            case "two-of-three":
                return (
                    f"Since {since} at least two of three quarters have stood far {where} {name}'s mean of {mean}: "
                    "more than two thirds of the way to the limit."
                )

    def _meaning(self, chart: Chart) -> str:
        if chart.variation in _MEANT:
            return _MEANT[chart.variation]
        return (
            _GOOD["neither"]
            if self.good == "neither"
            else "Another rule points the other way, so it is called neither better nor worse."
        )

    def limits(self) -> str:
        if isinstance(self.found, NotAssessable):
            return ""
        lower, upper = max(self.found.lower, Fraction(0)), min(self.found.upper, Fraction(1))
        return (
            f"{_GOOD[self.good]} Its mean is {words.rate(self.found.mean)}, and as long as nothing changes its "
            f"quarters lie from {words.rate(lower)} to {words.rate(upper)}."
        )

    def assurance(self, target: Fraction | None) -> str:
        if isinstance(self.found, NotAssessable) or self.found.assurance is None or target is None:
            return ""
        word, then = _ASSURANCES[self.found.assurance]
        said = f"{word}: {then.format(target=words.rate(target))}"
        if self.found.variation == "common-cause":
            return said
        return f"{said} But it is changing, and these limits are those of all its quarters, before the change and after."

    def kinds(self) -> Iterator[Variation]:
        """Of the points, in a fixed order, those that stand in the chart."""
        if isinstance(self.found, NotAssessable):
            return
        there = {
            self.found.told(number) for number, share in enumerate(self.series.shares) if share is not None
        }
        yield from (kind for kind in _MARKS if kind in there)

    def rows(self) -> Iterator[Row]:
        """Newest first."""
        for number in reversed(range(len(self.series.quarters))):
            share = self.series.shares[number]
            if share is None:
                yield Row(str(self.series.quarters[number]), "None published", "A gap")
                continue
            broken = () if isinstance(self.found, NotAssessable) else self.found.broken(number)
            tells = "; ".join(_broken(each) for each in broken)
            ordinary = "" if isinstance(self.found, NotAssessable) else "Ordinary variation"
            yield Row(
                str(self.series.quarters[number]),
                words.rate(share),
                f"{tells[:1].upper()}{tells[1:]}" or ordinary,
            )


def _broken(signal: Signal) -> str:
    where = _WHERE[signal.side]
    return {
        "outside": f"{where} the {'upper' if signal.side == 'high' else 'lower'} limit",
        "shift": f"one of {len(signal.points)} in a row {where} the mean",
        "trend": f"one of {len(signal.points)} that {'rise' if signal.side == 'high' else 'fall'} in a row",
        "two-of-three": f"one of two in three far {where} the mean",
    }[signal.rule]


_RULES: Mapping[Rule, tuple[str, str]] = {
    "outside": ("A point outside the limits", "A quarter lies above the upper limit or below the lower."),
    "shift": (
        "A shift",
        f"{spc.RUN} or more quarters in a row lie on the same side of the mean. A quarter on the mean is on neither.",
    ),
    "trend": (
        "A trend",
        f"{spc.RUN} quarters or more in a row of which each is higher than the one before, or each lower.",
    ),
    "two-of-three": (
        "Two of three",
        "Of three quarters in a row, two lie more than two thirds of the way from the mean to the same limit.",
    ),
}


def rules() -> tuple[tuple[str, str], ...]:
    """How a chart is read: term and meaning."""
    return (
        (
            "Ordinary variation",
            "Every share goes up and down a little from quarter to quarter, without a cause that could be named. As "
            "long as it does no more, a higher or lower quarter tells nothing. Also called common cause.",
        ),
        (
            "Special cause",
            "The newest final quarter is part of something that chance would seldom make: at least one of the four "
            "rules is broken. Why it is so, the chart does not know.",
        ),
        *_RULES.values(),
        (
            "Mean and limits",
            "The mean of all quarters shown, and as far on either side of it as 2.66 times the mean step from one "
            "quarter to the next. A step of more than 3.267 times the mean step is left out, once, before the limits "
            "are made. "
            "Limits are not a target: they are how far the share moves of itself. A limit below 0% or above 100% is not "
            "drawn.",
        ),
        (
            "Which quarters",
            f"Final quarters whose share is published, {spc.FEWEST} or more of them: with fewer there are too few "
            "points to tell. A quarter whose share is withheld or not assessable is a gap. It is no part of the mean, "
            "no step "
            "leads across it, and quarters on its two sides are not in a row. An open quarter is left out.",
        ),
        (
            "Against the target",
            "Will pass: the limits lie at the target or on its good side. Will fail: they do not reach it. Hit and "
            "miss: the target lies between them. It is told where there is a target: for the share recorded digitally, "
            "100%.",
        ),
    )
