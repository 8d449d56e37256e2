"""A child's timeline -> a parent's words: strengths first, words before numbers, nothing like a test.

Reading age 9 to 11 (NHS service manual). Only what the timeline of this requester holds is said; that
something else may stand in the record is never hinted at.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Self

from markupsafe import Markup

from healthvisit.faces.layout import growth_chart, words
from healthvisit.programme.growth import PRETERM_BEFORE_DAYS, TERM_DAYS, Measure
from healthvisit.programme.pathway import State
from healthvisit.record.audit import Seen
from healthvisit.reviews.measurements import Curve, growth_of
from healthvisit.reviews.timeline import Child, DomainResult, Measurement, Results, Review, Timeline

SKILLS: Mapping[str, str] = {
    "communication": "talking and understanding",
    "gross-motor": "big movements, like walking and climbing",
    "fine-motor": "small movements with hands and fingers",
    "problem-solving": "working things out",
    "personal-social": "playing and getting on with people",
}

# The word on the tag, and its colour in the NHS design system.
_STATUS: Mapping[State, tuple[str, str]] = {
    "not-yet": ("Planned", "white"),
    "open": ("Can be done now", "blue"),
    "due": ("Can be done now", "blue"),
    "overdue": ("Not done yet", "yellow"),
    "done-on-time": ("Done", "green"),
    "done-late": ("Done", "green"),
    "done-early": ("Done", "green"),
    "done": ("Done", "green"),
    "declined": ("Not wanted", "grey"),
    "no-access": ("Missed", "grey"),
    "not-applicable": ("Not recorded", "grey"),
}

_FEEDING: Mapping[str, str] = {
    "totally": "At this review your baby had breast milk only.",
    "partially": "At this review your baby had breast milk and other milk.",
    "not-at-all": "At this review your baby had milk other than breast milk.",
}

_STILL = "Ask your health visitor if it would still help."

_LENGTHS = ("Length", "Height")

_KINDS: Mapping[str, str] = {
    "Patient": "name and details",
    "Encounter": "reviews and visits",
    "Observation": "results and measurements",
}


@dataclass(frozen=True)
class Listed:
    id: str
    name: str
    age: str

    @classmethod
    def of(cls, child: Child, on: date) -> Self:
        return cls(child.id, child.name, _age(child, on))


@dataclass(frozen=True)
class NextReview:
    """review: its code, by which the template finds what it covers."""

    review: str
    title: str
    when: str


@dataclass(frozen=True)
class Result:
    """What one contact found, each skill in one group of words; points: (skill, points in words). on: None where no
    day is stated."""

    title: str
    on: date | None
    is_practice: bool
    strengths: tuple[str, ...]
    to_practise: tuple[str, ...]
    to_look_at: tuple[str, ...]
    not_compared: tuple[str, ...]
    points: tuple[tuple[str, str], ...]
    feeding: str | None

    @classmethod
    def of(cls, title: str, on: date | None, results: Results) -> Self:
        return cls(
            title,
            on,
            results.practice is not None,
            _skills(results, "on-schedule"),
            _skills(results, "monitor"),
            _skills(results, "below"),
            _skills(results, "not-classified"),
            tuple((_skill(each).capitalize(), _points(each)) for each in results.domains),
            _feeding(results),
        )


@dataclass(frozen=True)
class ReviewLine:
    title: str
    status: str
    colour: str
    when: str


@dataclass(frozen=True)
class GrowthChart:
    """sentence: where the newest point stands. wide, narrow: the same chart for two widths of page; curve, told: what
    it is drawn of, and what it says to whoever does not see it."""

    title: str
    sentence: str
    wide: Markup
    narrow: Markup
    curve: Curve
    told: growth_chart.Words


@dataclass(frozen=True)
class Looked:
    """who: a kind of person. what: kinds of thing in words, listed."""

    who: str
    what: str


@dataclass(frozen=True)
class Growth:
    """columns: headings; rows: newest first, a cell for each column; sentence: the newest row in words. ages: how
    the charts count, None for a child born when due. unread: what no chart shows, None where all is shown."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sentence: str
    charts: tuple[GrowthChart, ...]
    ages: str | None
    unread: str | None


@dataclass(frozen=True)
class Progress:
    """is_over: nobody cares for the child any more; then nothing is said of what was not done. contacts: each of the
    additional ones in words."""

    name: str
    age: str
    is_over: bool
    next: NextReview | None
    results: tuple[Result, ...]
    growth: Growth | None
    reviews: tuple[ReviewLine, ...]
    contacts: tuple[str, ...]

    @classmethod
    def of(cls, timeline: Timeline) -> Self:
        done = sorted(
            (
                *(
                    (review.done_on, review.title, review.results)
                    for review in timeline.reviews
                    if review.done_on is not None and review.results is not None
                ),
                *(
                    (contact.on, contact.title, contact.results)
                    for contact in timeline.contacts
                    if contact.results is not None
                ),
            ),
            key=lambda each: each[0],
            reverse=True,
        )
        child = timeline.child
        is_over = child.died_on is not None or child.ended_on is not None
        return cls(
            child.name,
            _age(child, timeline.on) + ("" if child.died_on else " old"),
            is_over,
            None if timeline.next is None else _next(timeline.next),
            tuple(
                Result.of(title, on, results)
                for on, title, results in done
                if results.domains or _feeding(results)
            ),
            _growth(timeline.child, [(on, results.measurements) for on, _, results in done]),
            tuple(_line(review) for review in timeline.reviews if review.is_done or not is_over),
            tuple(f"{contact.title}, {words.day(contact.on)}" for contact in timeline.contacts),
        )


def _age(child: Child, on: date) -> str:
    """Of a child who died the day of birth: it grows no older."""
    return words.age(child.born_on, on) if child.died_on is None else f"Born {words.day(child.born_on)}"


def _next(review: Review) -> NextReview:
    return NextReview(review.code, review.title, _window(review))


def _window(review: Review) -> str:
    first, last = review.from_on, review.until_on
    if review.state == "not-yet" and first is not None:
        return f"It can be done from {words.day(first)}" + (f" to {words.day(last)}." if last else ".")
    if review.state == "not-yet" or last is None:
        return "Your health visitor will tell you when."
    return f"It can be done now, until {words.day(last)}. Your health visitor will agree a day with you."


def _line(review: Review) -> ReviewLine:
    status, colour = _STATUS[review.state]
    return ReviewLine(review.title, status, colour, _when(review))


def _when(review: Review) -> str:
    if review.done_on is not None:
        return f"Done on {words.day(review.done_on)}."
    match review.state:
        case "overdue" if review.until_on is not None:
            return f"It was planned for before {words.day(review.until_on)}. {_STILL}"
        case "declined":
            return "Your family chose not to have it. You can change your mind: ask your health visitor."
        case "no-access":
            return f"We tried to see you and could not. {_STILL}"
        case "not-applicable" if review.code == "antenatal":
            return "This review is before the birth. None is written down here."
        case "not-applicable":
            return review.reason
    return _window(review)


def _skills(results: Results, zone: str) -> tuple[str, ...]:
    return tuple(_skill(each) for each in results.domains if each.zone == zone)


def _skill(domain: DomainResult) -> str:
    return SKILLS.get(domain.domain, domain.title)


def _points(domain: DomainResult) -> str:
    if domain.points is None:
        return "too few answers"
    points = number(domain.points)
    return f"{points}, from fewer answers" if domain.prorated else points


def _feeding(results: Results) -> str | None:
    return None if results.feeding is None else _FEEDING.get(results.feeding[0])


def _growth(child: Child, measured: Iterable[tuple[date, tuple[Measurement, ...]]]) -> Growth | None:
    """Length and height share a column: a child lies down for the one and stands for the other."""
    every = [(on, found) for on, found in measured if found]
    rows = [(on, {_column(each.name): each for each in found}) for on, found in every]
    if not rows:
        return None
    columns = [name for name in ("Weight", "Length or height", "Head") if any(name in row for _, row in rows)]
    columns += sorted({name for _, row in rows for name in row} - set(columns))
    newest_on, newest = rows[0]
    said = [f"{newest[name].name.lower()} was {_amount(newest[name])}" for name in columns if name in newest]
    # How a child who died compares with others is nobody's question.
    drawn = growth_of(child, [] if child.died_on else every)
    return Growth(
        ("Date", "Age", *columns),
        tuple(
            (
                words.day(on),
                words.age(child.born_on, on),
                *(_amount(row[name]) if name in row else "Not measured" for name in columns),
            )
            for on, row in rows
        ),
        f"On {words.day(newest_on)} your child’s {words.listed(said)}.",
        tuple(_chart(child, curve) for curve in drawn.curves),
        _ages(child) if drawn.curves else None,
        f"{words.plural(drawn.unread, 'number')} could not be put on a chart. The table has all of them."
        if drawn.unread
        else None,
    )


_TITLES: Mapping[Measure, str] = {"weight": "Weight", "length": "Length or height", "head": "Head"}
# What fewer of a measure is, and more of it.
_COMPARED: Mapping[Measure, tuple[str, str]] = {
    "weight": ("weigh less", "weigh more"),
    "length": ("are shorter", "are taller"),
    "head": ("have a smaller head", "have a larger head"),
}


def _chart(child: Child, curve: Curve) -> GrowthChart:
    title, sentence = _TITLES[curve.measure], _compared(curve)
    newest = curve.points[-1]
    told = growth_chart.Words(
        f"{title} of {child.name} on the growth chart, by age",
        f"Nine lines show how children grow. On {words.day(newest.on)} the point was {newest.shown.standing.place}. "
        f"{sentence} The table below has the same numbers.",
        f"{title} in {newest.unit}",
    )
    return GrowthChart(
        title,
        sentence,
        growth_chart.drawn(curve, told, name=f"wide-{curve.measure}", width=920, height=440),
        growth_chart.drawn(curve, told, name=f"narrow-{curve.measure}", width=352, height=400),
        curve,
        told,
    )


def _compared(curve: Curve) -> str:
    """Of 100 girls of the same age, about 25 weigh less and 75 weigh more."""
    fewer, more = _COMPARED[curve.measure]
    children = "girls" if curve.sex == "female" else "boys"
    below = round(curve.points[-1].shown.standing.centile)
    if 0 < below < 100:
        return f"Of 100 {children} of the same age, about {below} {fewer} and {100 - below} {more}."
    return f"Fewer than 1 of 100 {children} of the same age {fewer if below == 0 else more}."


def _ages(child: Child) -> str | None:
    if child.gestation is None:
        return (
            "The age on the charts is counted from the day of birth. If your child was born early, ask your health "
            "visitor what the charts mean."
        )
    if child.gestation.in_days >= PRETERM_BEFORE_DAYS:
        return None
    weeks = words.plural((TERM_DAYS - child.gestation.in_days) // 7, "week")
    return (
        f"{child.name} was born {weeks} early. So at first the dots on the charts count the age from the day the baby "
        "was due. The crosses count it from the day of birth."
    )


def _column(name: str) -> str:
    if name in _LENGTHS:
        return "Length or height"
    return "Head" if name.startswith("Head") else name


def _amount(measurement: Measurement) -> str:
    # A figure and its unit stay on one line.
    return f"{number(measurement.value)}\N{NO-BREAK SPACE}{measurement.unit}"


def number(value: Decimal) -> str:
    """The digits as measured (12.50 kg stays 12.50), a whole number of points without a fraction."""
    return f"{value:f}"


def looked_at(seen: Iterable[Seen]) -> list[tuple[date, list[Looked]]]:
    """Who looked, by day, newest first. Where they work is left out: it could tell where a child lives."""
    days: dict[date, dict[str, set[str]]] = {}
    for one in seen:
        if one.role != "health-visitor":
            who = "A computer system of the health service"
        elif one.opened:
            who = "A health visiting team that does not usually see your child, in an emergency"
        else:
            who = "Your health visiting team"
        days.setdefault(one.day, {}).setdefault(who, set()).add(one.type)
    return [
        (
            on,
            [
                Looked(who, words.listed([kind for type_, kind in _KINDS.items() if type_ in types]))
                for who, types in sorted(days[on].items(), reverse=True)
            ],
        )
        for on in sorted(days, reverse=True)
    ]
