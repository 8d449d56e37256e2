"""A family's copy -> the words of its printed page: those of the child's page, then every contact with all that was
written down there."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Self

from healthvisit.faces.layout import growth_chart, words
from healthvisit.faces.parents.presenters import GrowthChart, Progress, Result
from healthvisit.programme.pathway import Outcome
from healthvisit.reviews.family_copy import LEFT_OUT, Contact, FamilyCopy, Found
from healthvisit.reviews.timeline import Child

_ENDED: Mapping[Outcome | None, str] = {
    "completed": "It took place.",
    "declined": "Your family chose not to have it.",
    "no-access": "We tried to see you and could not.",
    None: "It is not over.",
}
# So that its letters have the size of those of the page, and two stand on a sheet.
_WIDTH, _HEIGHT = 640, 290


@dataclass(frozen=True)
class Chart:
    """picture: an address that holds the drawing itself. told: what it shows, for whoever does not see it."""

    title: str
    sentence: str
    picture: str
    told: str

    @classmethod
    def of(cls, chart: GrowthChart) -> Self:
        drawn = growth_chart.drawn(
            chart.curve, chart.told, name=f"printed-{chart.curve.measure}", width=_WIDTH, height=_HEIGHT
        )
        return cls(
            chart.title,
            chart.sentence,
            f"data:image/svg+xml;base64,{b64encode(drawn.encode()).decode()}",
            f"{chart.told.title}. {chart.told.told}",
        )


@dataclass(frozen=True)
class Told:
    """results: each with the name of the instrument that it is of, None for none. findings: what, on which day, and
    what was written down."""

    results: tuple[tuple[str | None, Result], ...]
    findings: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, found: Found, title: str, on: date | None) -> Self:
        return cls(
            tuple((each.instrument, Result.of(title, on, each)) for each in found.instruments),
            tuple(
                (
                    each.name,
                    "Not stated" if each.on is None else words.day(each.on),
                    words.day(each.value) if isinstance(each.value, date) else each.value,
                )
                for each in found.findings
            ),
        )


@dataclass(frozen=True)
class Visit:
    heading: str
    ended: str
    told: Told

    @classmethod
    def of(cls, contact: Contact) -> Self:
        return cls(
            contact.title if contact.on is None else f"{contact.title}, {words.day(contact.on)}",
            _ENDED[contact.outcome],
            Told.of(contact.found, contact.title, contact.on),
        )


@dataclass(frozen=True)
class Copy:
    """details: what, and how it is written down. beside: what belongs to no visit, None for nothing."""

    child: Progress
    made_on: date
    details: tuple[tuple[str, str], ...]
    charts: tuple[Chart, ...]
    visits: tuple[Visit, ...]
    beside: Told | None
    left_out: str

    @classmethod
    def of(cls, copy: FamilyCopy) -> Self:
        progress = Progress.of(copy.timeline)
        return cls(
            progress,
            copy.timeline.on,
            tuple(_details(copy.timeline.child, copy.names)),
            () if progress.growth is None else tuple(Chart.of(chart) for chart in progress.growth.charts),
            tuple(Visit.of(contact) for contact in copy.contacts),
            Told.of(copy.beside, "", None) if copy.beside != Found((), ()) else None,
            LEFT_OUT,
        )


def _details(child: Child, others: Iterable[str]) -> Iterable[tuple[str, str]]:
    yield "Name", child.name
    for name in others:
        yield "Another name", name
    yield "Born", words.day(child.born_on)
    if child.gender is not None:
        yield "Gender", child.gender.capitalize()
    if child.nhs_number is not None:
        yield "NHS number", words.nhs_number(child.nhs_number)
    if child.gestation is not None:
        weeks, days = words.plural(child.gestation.weeks, "week"), words.plural(child.gestation.days, "day")
        yield "Born after", f"{weeks} and {days} of pregnancy"
