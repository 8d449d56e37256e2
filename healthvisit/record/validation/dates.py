"""What FHIR's partial dates mean as days.

A date of less precision means a span: "2021" is 1 January to 31 December. A moment is read as its day in
the United Kingdom, where every visit takes place.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
EARLIEST = date(1900, 1, 1)


def days(value: str) -> tuple[date, date]:
    """First and last civil day that a well-formed date, dateTime or instant can mean."""
    if len(value) > 10:
        day = datetime.fromisoformat(value).astimezone(LONDON).date()
        return day, day
    year, month, day_ = int(value[:4]), int(value[5:7] or 0), int(value[8:10] or 0)
    if day_:
        return date(year, month, day_), date(year, month, day_)
    last = month or 12
    return date(year, month or 1, 1), date(year, last, monthrange(year, last)[1])


def span(value: str) -> tuple[datetime, datetime]:
    """First and last moment, in UTC, that a well-formed date, dateTime or instant can mean."""
    if len(value) > 10:
        moment = datetime.fromisoformat(value).astimezone(UTC)
        return moment, moment
    first, last = days(value)
    return datetime.combine(first, time.min, LONDON), datetime.combine(last, time.max, LONDON)
