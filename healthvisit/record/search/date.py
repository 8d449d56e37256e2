"""Date search: resource and parameter values are intervals.  https://hl7.org/fhir/R4/search.html#date

An interval is its first and its last microsecond since 1970 UTC. A date without a time is a civil date in
the United Kingdom, so 1 July begins at 23:00 UTC on 30 June.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, or_

LEAST = -(2**63)
GREATEST = 2**63 - 1

# A resource without its main date has this interval, so that a list by date leaves nobody out. It ends
# before any real interval does, and no search by date finds it.
ABSENT = (LEAST, LEAST)

# Longer intervals are in an index of their own (tables.search_date). Two days cover every contact and every
# date.
SHORT_US = 172_800_000_000

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")

Interval = tuple[int, int]

_LONDON = ZoneInfo("Europe/London")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  arithmetic on wall clocks; the offset is subtracted apart
_US = timedelta(microseconds=1)

_VALUE = re.compile(
    r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?"
    r"(\d{4}(?:-\d\d(?:-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?)?)?)\Z",
    re.ASCII,
)
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?\Z", re.ASCII)


class DateValue(NamedTuple):
    """prefix: one of PREFIXES. low, high: the interval that the value's precision implies."""

    prefix: str
    low: int
    high: int


def parsed(text: str) -> DateValue:
    """[prefix]date of a query. Raises ValueError for anything else, 30 February included."""
    match = _VALUE.match(text)
    if match is None:
        raise ValueError("is not a date")
    try:
        return DateValue(match[1] or "eq", *interval(match[2]))
    except ValueError:
        raise ValueError("is not a date that there is") from None


def interval(text: str) -> Interval:
    """Interval of a FHIR date, dateTime or instant of any precision. Raises ValueError where it is none.

    A time without a zone is taken as wall clock in the United Kingdom.
    """
    return _civil(text) if len(text) <= 10 else _moment(text)


def of_element(value: Any) -> Interval | None:
    """Interval of a date, dateTime, instant, Period or Timing as it stands in a resource; None where it has
    none."""
    if type(value) is str:
        try:
            return interval(value)
        except ValueError:
            return None
    if type(value) is not dict:
        return None
    if "event" in value or "repeat" in value:
        bounds = value.get("repeat", {}).get("boundsPeriod")
        parts = [of_element(moment) for moment in (*value.get("event", ()), *([bounds] if bounds else ()))]
        found = [part for part in parts if part]
        return (min(low for low, _ in found), max(high for _, high in found)) if found else None
    start, end = value.get("start"), value.get("end")
    low = of_element(start) if start else None
    high = of_element(end) if end else None
    if low is None and high is None:
        return None
    return low[0] if low else LEAST, high[1] if high else GREATEST


@lru_cache(maxsize=8192)
def _civil(text: str) -> Interval:
    """Year, month or day."""
    parts = [int(part) for part in text.split("-")]
    year, month, day = (*parts, 1, 1)[:3]
    first = date(year, month, day)
    if len(text) == 4:
        after = date(year + 1, 1, 1) if year < 9999 else None
    elif len(text) == 7:
        after = (first + timedelta(days=31)).replace(day=1) if (year, month) != (9999, 12) else None
    elif len(text) == 10:
        after = first + timedelta(days=1) if first < date.max else None
    else:
        raise ValueError("not a date")
    return _midnight(first), (_midnight(after) - 1 if after else GREATEST)


def _midnight(day: date) -> int:
    moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001
    offset = moment.replace(tzinfo=_LONDON).utcoffset()
    assert offset is not None
    return (moment - _EPOCH - offset) // _US


def _moment(text: str) -> Interval:
    match = _MOMENT.match(text)
    if match is None:
        raise ValueError("not a date and time")
    day, hour, minute, second, fraction, zone = match.groups()
    # A leap second is the last second that a clock without leap seconds can show.
    seconds = min(int(second or 0), 59)
    moment = datetime.combine(date.fromisoformat(day), datetime.min.time()).replace(
        hour=int(hour), minute=int(minute), second=seconds
    )
    if second and int(second) > 60:
        raise ValueError("not a time")
    if zone is None:
        found = moment.replace(tzinfo=_LONDON).utcoffset()
        assert found is not None
        offset = found
    elif zone == "Z":
        offset = timedelta(0)
    else:
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        if hours > 14 or minutes > 59:
            raise ValueError("not a zone")
        offset = timedelta(hours=hours, minutes=minutes)
        offset = -offset if zone[0] == "-" else offset
    low = (moment - _EPOCH - offset) // _US
    if second is None:
        return low, low + 60_000_000 - 1
    if fraction is None:
        return low, low + 1_000_000 - 1
    low += int(fraction[:6].ljust(6, "0"))
    return low, low + 10 ** max(6 - len(fraction), 0) - 1


def settled(value: DateValue, at: datetime) -> DateValue:
    """An "ap" with its tolerance worked out: a tenth of its distance from now on either side.

    at: aware UTC instant of the request.
    """
    if value.prefix != "ap":
        return value
    now = (at.astimezone(UTC).replace(tzinfo=None) - _EPOCH) // _US
    distance = max(value.low - now, now - value.high, 0) // 10
    return DateValue("ap", max(value.low - distance, LEAST + 1), min(value.high + distance, GREATEST))


def condition(
    low: ColumnElement[int], high: ColumnElement[int], values: tuple[DateValue, ...]
) -> ColumnElement[bool]:
    """Whether the interval in these two columns matches one of the values, "ap" settled.

    An ABSENT interval matches nothing.
    """
    return or_(*(_matches(low, high, value) for value in values))


def _matches(low: ColumnElement[int], high: ColumnElement[int], value: DateValue) -> ColumnElement[bool]:
    real = high > LEAST
    contained = and_(low >= value.low, high <= value.high)
    match value.prefix:
        case "eq":
            return and_(contained, real)
        case "ne":
            return and_(or_(low < value.low, high > value.high), real)
        case "gt":
            return high > value.high
        case "lt":
            return and_(low < value.low, real)
        case "ge":
            return or_(high > value.high, and_(contained, real))
        case "le":
            return and_(or_(low < value.low, high <= value.high), real)
        case "sa":
            return low > value.high
        case "eb":
            return and_(high < value.low, real)
    return and_(low <= value.high, high >= value.low, real)


class Bounds(NamedTuple):
    """What a match's interval must satisfy at least: first <= low <= last, and high >= reached."""

    first: int = LEAST
    last: int = GREATEST
    reached: int = LEAST

    def and_(self, other: "Bounds") -> "Bounds":
        return Bounds(
            max(self.first, other.first), min(self.last, other.last), max(self.reached, other.reached)
        )

    def or_(self, other: "Bounds") -> "Bounds":
        return Bounds(
            min(self.first, other.first), max(self.last, other.last), min(self.reached, other.reached)
        )


def bounds(value: DateValue) -> Bounds:
    """The widest range of index rows in which a match for this value can stand, "ap" settled."""
    match value.prefix:
        case "eq":
            return Bounds(value.low, value.high, value.low)
        case "gt":
            return Bounds(reached=min(value.high, GREATEST - 1) + 1)
        case "ge":
            return Bounds(reached=value.low)
        case "lt" | "eb":
            return Bounds(last=value.low - 1)
        case "le":
            return Bounds(last=value.high)
        case "sa":
            return Bounds(first=min(value.high, GREATEST - 1) + 1, reached=value.high)
        case "ap":
            return Bounds(last=value.high, reached=value.low)
    return Bounds()
