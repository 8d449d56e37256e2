"""What was measured of one child -> where it stands on the growth charts, by both ages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from healthvisit.programme import growth
from healthvisit.programme.growth import Line, Measure, Sex, Standing
from healthvisit.reviews.timeline import Child, Measurement


@dataclass(frozen=True)
class Reading:
    """A measurement by one age. age_days: since birth, or since the child was due."""

    line: Line
    age_days: int
    standing: Standing


@dataclass(frozen=True)
class Point:
    """shown: by the age that is read; other: by the other one, None where the two are not told apart or the other
    age has no chart."""

    on: date
    value: Decimal
    unit: str
    shown: Reading
    other: Reading | None


@dataclass(frozen=True)
class Curve:
    """The points of one measure, one or more, in the order of time."""

    measure: Measure
    sex: Sex
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Growth:
    """curves: weight, length and head, as far as they were measured. unread: how many have no place on a chart."""

    curves: tuple[Curve, ...]
    unread: int


def growth_of(child: Child, measured: Iterable[tuple[date, tuple[Measurement, ...]]]) -> Growth:
    """Without a curve for a child who has no chart."""
    sex = growth.with_chart(child.gender)
    if sex is None:
        return Growth((), 0)
    found: dict[Measure, list[Point | None]] = {"weight": [], "length": [], "head": []}
    for on, measurements in sorted(measured, key=lambda each: each[0]):
        for each in measurements:
            if each.measure is not None:
                found[each.measure].append(_point(child, sex, each.measure, on, each))
    curves = tuple(
        Curve(measure, sex, points)
        for measure, every in found.items()
        if (points := tuple(point for point in every if point is not None))
    )
    return Growth(curves, sum(every.count(None) for every in found.values()))


def _point(child: Child, sex: Sex, measure: Measure, on: date, measurement: Measurement) -> Point | None:
    gestation = None if child.gestation is None else child.gestation.in_days
    ages: dict[Line, int] = {"chronological": (on - child.born_on).days}
    # Who was born at term is read at the age since birth, and has no second age to be explained.
    if gestation is not None and gestation < growth.PRETERM_BEFORE_DAYS:
        ages["corrected"] = growth.corrected_days(child.born_on, on, gestation)
    line = growth.shown(child.born_on, on, gestation)
    readings = {
        each: Reading(each, days, standing)
        for each, days in ages.items()
        if (standing := _standing(measure, measurement.value, sex, days)) is not None
    }
    shown = readings.pop(line, None)
    if shown is None:
        return None
    return Point(on, measurement.value, measurement.unit, shown, next(iter(readings.values()), None))


def _standing(measure: Measure, value: Decimal, sex: Sex, age_days: int) -> Standing | None:
    try:
        return growth.standing(measure, value, sex=sex, age_days=age_days)
    except (growth.NoReference, growth.Implausible):
        return None
