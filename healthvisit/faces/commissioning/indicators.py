"""Frozen national indicators -> what a commissioner reads, each number with what it counts and why where there is none.

As in `presenters`, nothing is worked out here that was not frozen, but for the share of two frozen counts and how far
chance alone may move it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON
from healthvisit.faces.commissioning.presenters import NOT_KNOWN, WITHHELD
from healthvisit.faces.commissioning.variation import Series, Told
from healthvisit.faces.layout import words
from healthvisit.programme.boroughs import BOROUGHS
from healthvisit.programme.dates import Quarter
from healthvisit.programme.disclosure import SMALLEST_PUBLISHED
from healthvisit.programme.intervals import Interval
from healthvisit.reviews import national
from healthvisit.reviews.national import Figure, Indicator

NOT_ASSESSABLE = "Not assessable"
GREATER_MANCHESTER = "Greater Manchester"
# Quarters side by side that fit a tablet held upright, whatever stands in them.
BESIDE = 6

# Why a figure is not assessable: beside it in a few words, and below in a sentence.
_SHORT = {
    "no-mothers-record": "No record of mothers",
    "remote-rule-unknown": "Rule for remote contacts not known",
    "no-threshold": "No threshold",
    "open-quarter": "Quarter has not ended",
}
_SENTENCES = {
    "no-mothers-record": "No record of mothers: it counts mothers, and a mother has no record of her own here.",
    "remote-rule-unknown": "Rule for remote contacts not known: whether a contact by video or telephone counted "
    "that year is in no text that could be read, and one would change the figure.",
    "no-threshold": "No threshold: a questionnaire was used for which no threshold is known.",
    "open-quarter": "Quarter has not ended: what was found in children is not stated before then, because from one week "
    "to the next it would tell of a single child.",
}
_PLACES = [(borough.slug, borough.name) for borough in BOROUGHS]


@dataclass(frozen=True)
class Row:
    """One indicator of one area and quarter; every cell as shown.

    name: what the row is of: an indicator, an area or a quarter. interval: 95%, empty where there is no share.
    missing: how many are not counted for want of a recorded fact. earlier: what was frozen before and differs.
    """

    name: str
    code: str
    counted: str
    of: str
    share: str
    interval: str
    missing: str
    standing: str
    earlier: tuple[str, ...] = ()

    @classmethod
    def of_figure(cls, name: str, each: Indicator) -> Self:
        figure = each.figure
        return cls(
            name,
            each.code,
            _count(figure.numerator, figure),
            "None" if each.code in national.COUNTS else _count(figure.denominator, figure),
            share(each),
            "" if figure.interval is None else interval(figure.interval),
            _missing(each),
            _standing(each),
            tuple(_before(each.code, before) for before in each.earlier),
        )


@dataclass(frozen=True)
class Section:
    """One indicator of a quarter, borough by borough and Greater Manchester last."""

    code: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class QuarterPage:
    """quarter: None while none is frozen, and then the rest is empty. quarters: newest first. whole: Greater Manchester,
    a row for each indicator. reasons: why some are not assessable. notices: of invented instruments."""

    quarter: Quarter | None
    quarters: tuple[Quarter, ...]
    dates: str = ""
    whole: tuple[Row, ...] = ()
    sections: tuple[Section, ...] = ()
    reasons: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        found: Sequence[Indicator],
        quarter: Quarter | None,
        known: Iterable[Quarter],
        definitions: Definitions,
    ) -> Self:
        listed = tuple(sorted(known, reverse=True))
        if quarter is None or not found:
            return cls(None, listed)
        titles = {code: definition(definitions, code).title for code in national.INDICATORS}
        return cls(
            quarter,
            listed,
            _dates(found),
            tuple(Row.of_figure(titles[each.code], each) for each in found if each.borough is None),
            tuple(
                Section(
                    code,
                    title,
                    tuple(
                        Row.of_figure(name, each)
                        for slug, name in (*_PLACES, (None, GREATER_MANCHESTER))
                        for each in found
                        if (each.code, each.borough) == (code, slug)
                    ),
                )
                for code, title in titles.items()
            ),
            _reasons(found),
            _notices(found),
        )


@dataclass(frozen=True)
class IndicatorPage:
    """One indicator over time.

    quarters: the newest, latest last, and beside: the shares of each area in them. areas: every quarter of each area,
    newest first; Greater Manchester before its boroughs. changes: by the same names, whether the share changed; empty
    for an indicator that is a count, and so moves with how many children there are.
    """

    definition: "Definition"
    quarters: tuple[Quarter, ...]
    beside: tuple[tuple[str, tuple[str, ...]], ...]
    areas: tuple[tuple[str, tuple[Row, ...]], ...]
    reasons: tuple[str, ...]
    notices: tuple[str, ...]
    changes: Mapping[str, Told]

    @classmethod
    def of(cls, found: Sequence[Indicator], code: str, definitions: Definitions) -> Self:
        shown = tuple(sorted({each.quarter for each in found})[-BESIDE:])
        by_place = {(each.borough, each.quarter): each for each in found}
        places = ((None, GREATER_MANCHESTER), *_PLACES)
        return cls(
            definition(definitions, code),
            shown,
            tuple(
                (name, tuple(_beside(by_place.get((slug, quarter))) for quarter in shown))
                for slug, name in places
            ),
            tuple(
                (
                    name,
                    tuple(
                        Row.of_figure(str(each.quarter), each)
                        for each in reversed(found)
                        if each.borough == slug
                    ),
                )
                for slug, name in places
            ),
            _reasons(found),
            _notices(found),
            {name: _told(found, code, slug, name) for slug, name in places if code not in national.COUNTS},
        )


def _told(found: Sequence[Indicator], code: str, borough: str | None, name: str) -> Told:
    return Told.of(
        name,
        Series.of(
            {
                each.quarter: None if each.figure.provisional else each.figure.rate
                for each in found
                if each.borough == borough
            }
        ),
        title=code,
        # A late visit is better than none and worse than one in time.
        good="neither" if code == "C3" else "high",
        key=f"{code}-{borough or 'all'}".lower(),
    )


@dataclass(frozen=True)
class Definition:
    """A Measure in words. counts: term and meaning of each of its numbers. limits: what it cannot say, and what is our
    own reading. sources: words and address."""

    code: str
    title: str
    description: str
    counts: tuple[tuple[str, str], ...]
    limits: str
    sources: tuple[tuple[str, str], ...]

    def meaning(self, term: str) -> str:
        """Empty where there is no such number."""
        return dict(self.counts).get(term, "")


_TERMS = {
    "numerator": "Counted",
    "initial-population": "Counted",
    "denominator": "Of",
    "denominator-exclusion": "Left out",
}


def definition(definitions: Definitions, code: str) -> Definition:
    measure: JSON = definitions.by_url(national.measure(code))
    return Definition(
        code,
        measure["title"],
        measure["description"],
        tuple(
            (_TERMS[each["code"]["coding"][0]["code"]], each["description"])
            for group in measure["group"]
            for each in group["population"]
        ),
        measure["disclaimer"],
        tuple((each["display"], each["url"]) for each in measure["relatedArtifact"]),
    )


def terms() -> tuple[tuple[str, str], ...]:
    """Term and meaning of what stands beside every indicator."""
    return (
        (
            "Which borough",
            "A child counts for the borough that answers for it on the quarter's last day. The national figures are "
            "published by where a child lives, which this record does not hold.",
        ),
        (
            "95% interval",
            "How far chance alone may move a share: Wilson's score interval. Two shares whose intervals overlap may "
            "differ by chance.",
        ),
        (
            "Fact missing",
            "How many are not counted because something was not recorded: they may count once it is.",
        ),
        (
            "Withheld",
            f"A count of 1 to {SMALLEST_PUBLISHED - 1}, and others from which it could be worked out. It was withheld "
            "when the quarter was frozen, and nobody can look behind it here. It is never nought.",
        ),
        (
            "Not assessable",
            "The record or the guidance cannot give the figure. It is neither nought nor 100%.",
        ),
        ("Provisional", "The quarter had not ended when it was counted."),
        (
            "Amended",
            "The quarter was frozen again and says something else. What stood before is kept beside it.",
        ),
    )


def share(each: Indicator) -> str:
    figure = each.figure
    if figure.rate is not None:
        return words.rate(figure.rate)
    if figure.reason in _SHORT:
        return NOT_ASSESSABLE
    if each.code in national.COUNTS:
        return "None"
    return "None due" if figure.reason == "none-due" else WITHHELD


def interval(found: Interval) -> str:
    """91.2% to 95.4%"""
    return f"{100 * found.low:.1f}% to {100 * found.high:.1f}%"


def _beside(each: Indicator | None) -> str:
    """The share of one area and quarter; of an indicator that is a count, the count."""
    if each is None:
        return "No figures"
    if each.code in national.COUNTS and each.figure.reason not in _SHORT:
        return _count(each.figure.numerator, each.figure)
    return share(each)


def _count(number: int | None, figure: Figure) -> str:
    if number is not None:
        return words.count(number)
    return NOT_KNOWN if figure.reason in _SHORT else WITHHELD


def _missing(each: Indicator) -> str:
    if each.code in national.COUNTS and each.figure.unknown is None:
        return NOT_KNOWN
    return _count(each.figure.unknown, each.figure)


def _standing(each: Indicator) -> str:
    figure = each.figure
    said = _SHORT.get(figure.reason or "") or ("Provisional" if figure.provisional else "Final")
    if each.earlier:
        said += ", amended"
    return f"{said}, invented instrument" if figure.practice else said


def _before(code: str, figure: Figure) -> str:
    """What was frozen before: 20 of 23, counted on 3 January 2021"""
    said = _SHORT.get(figure.reason or "") or _count(figure.numerator, figure)
    if figure.reason not in _SHORT and code not in national.COUNTS:
        said = f"{said} of {_count(figure.denominator, figure)}"
    return f"{said}, counted on {words.day(figure.frozen_at.date())}"


def _dates(found: Sequence[Indicator]) -> str:
    newest = max(each.figure.frozen_at for each in found)
    said = f"Counted on {words.day(newest.date())}."
    if any(each.figure.provisional for each in found):
        return f"{said} It is provisional: the quarter had not ended."
    return said


def _reasons(found: Sequence[Indicator]) -> tuple[str, ...]:
    there = {each.figure.reason for each in found}
    return tuple(sentence for reason, sentence in _SENTENCES.items() if reason in there)


def _notices(found: Sequence[Indicator]) -> tuple[str, ...]:
    there: Mapping[str, None] = {each.figure.practice: None for each in found if each.figure.practice}
    return tuple(there)
