"""Dates as intervals, held to a brute-force reading of the specification's own words.

https://hl7.org/fhir/R4/search.html#prefix
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.record.search import date as dates
from tests.record.search import shelf
from tests.record.search.shelf import AT, contact, observation

LONDON = ZoneInfo("Europe/London")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(at: datetime) -> int:
    return (at.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2020", "2020-01-01T00:00:00+00:00", "2020-12-31T23:59:59.999999+00:00"),
        ("2020-02", "2020-02-01T00:00:00+00:00", "2020-02-29T23:59:59.999999+00:00"),
        ("2020-12", "2020-12-01T00:00:00+00:00", "2020-12-31T23:59:59.999999+00:00"),
        ("2020-02-15", "2020-02-15T00:00:00+00:00", "2020-02-15T23:59:59.999999+00:00"),
        ("2020-07-01", "2020-06-30T23:00:00+00:00", "2020-07-01T22:59:59.999999+00:00"),
        # The clocks go forward: a day of 23 hours. They go back: one of 25.
        ("2020-03-29", "2020-03-29T00:00:00+00:00", "2020-03-29T22:59:59.999999+00:00"),
        ("2020-10-25", "2020-10-24T23:00:00+00:00", "2020-10-25T23:59:59.999999+00:00"),
        ("2020-07-01T10:00", "2020-07-01T09:00:00+00:00", "2020-07-01T09:00:59.999999+00:00"),
        ("2020-07-01T10:00:00Z", "2020-07-01T10:00:00+00:00", "2020-07-01T10:00:00.999999+00:00"),
        ("2020-07-01T10:00:00+05:30", "2020-07-01T04:30:00+00:00", "2020-07-01T04:30:00.999999+00:00"),
        ("2020-07-01T10:00:00-14:00", "2020-07-02T00:00:00+00:00", "2020-07-02T00:00:00.999999+00:00"),
        ("2020-07-01T10:00:00.5Z", "2020-07-01T10:00:00.500000+00:00", "2020-07-01T10:00:00.599999+00:00"),
        ("2020-07-01T10:00:00.123Z", "2020-07-01T10:00:00.123000+00:00", "2020-07-01T10:00:00.123999+00:00"),
        (
            "2020-07-01T10:00:00.123456789Z",
            "2020-07-01T10:00:00.123456+00:00",
            "2020-07-01T10:00:00.123456+00:00",
        ),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00", "2016-12-31T23:59:59.999999+00:00"),
    ],
)
def test_a_date_is_as_long_as_its_precision(text: str, first: str, last: str) -> None:
    assert dates.interval(text) == (
        micros(datetime.fromisoformat(first)),
        micros(datetime.fromisoformat(last)),
    )


@pytest.mark.parametrize(
    "text", ["0001", "0001-01-01", "9999", "9999-12", "9999-12-31", "9999-12-31T23:59:59Z"]
)
def test_the_first_and_the_last_year_are_dates_too(text: str) -> None:
    first, last = dates.interval(text)
    assert dates.LEAST < first <= last <= dates.GREATEST


@pytest.mark.parametrize(
    "text", ["", "2", "2020-1-1", "2020-02-30", "2021-02-29", "2020-00", "0000", "2020-01-01T24:00:00Z",
             "2020-01-01T10:60:00Z", "2020-01-01T10:00:61Z", "2020-01-01T10:00:00+15:00", "2020-01-01T",
             "2020-01-01 10:00", "tomorrow", "2020-01-01T10:00:00z"],
)  # fmt: skip
def test_what_is_no_date_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        dates.parsed(text)


def test_a_period_is_open_where_it_says_nothing() -> None:
    first = dates.interval("2020-01-01")
    assert dates.of_element({"start": "2020-01-01"}) == (first[0], dates.GREATEST)
    assert dates.of_element({"end": "2020-01-01"}) == (dates.LEAST, first[1])
    assert dates.of_element({"extension": []}) is None


def test_a_timing_lasts_from_its_first_event_to_its_last() -> None:
    events = {"event": ["2020-03-01", "2020-01-01", "2020-02-01"]}
    assert dates.of_element(events) == (dates.interval("2020-01-01")[0], dates.interval("2020-03-01")[1])
    assert dates.of_element({"repeat": {"frequency": 1}}) is None


# Around three days, so that random dates meet.
_days = st.dates(date(2020, 3, 28), date(2020, 3, 30)) | st.dates(date(2018, 1, 1), date(2021, 12, 31))
_times = st.sampled_from(["00:00:00", "00:59:59", "12:00:00", "12:00:00.5", "23:00:00", "23:59:59.999"])
_zones = st.sampled_from(["Z", "+01:00", "-05:00"])
_partial = st.one_of(
    _days.map(lambda day: day.strftime("%Y")),
    _days.map(lambda day: day.strftime("%Y-%m")),
    _days.map(str),
    st.builds(lambda day, time, zone: f"{day}T{time}{zone}", _days, _times, _zones),
)
_periods = st.one_of(
    st.builds(lambda start: {"start": start}, _partial),
    st.builds(lambda end: {"end": end}, _partial),
    st.builds(
        lambda one, other: dict(
            zip(("start", "end"), sorted((one, other), key=lambda text: dates.interval(text)), strict=True)
        ),
        _partial,
        _partial,
    ),
)
_prefixed = st.builds(lambda prefix, text: prefix + text, st.sampled_from(["", *dates.PREFIXES]), _partial)


def _said_by_the_specification(prefix: str, low: int, high: int, first: int, last: int) -> bool:
    """low, high: the resource. first, last: the parameter."""
    contains = first <= low and high <= last
    above_overlaps, below_overlaps = high > last, low < first
    now = micros(AT)
    tenth = 0 if first <= now <= last else min(abs(now - first), abs(now - last)) // 10
    return {
        "eq": contains,
        "ne": not contains,
        "gt": above_overlaps,
        "lt": below_overlaps,
        "ge": above_overlaps or contains,
        "le": below_overlaps or contains,
        "sa": low > last,
        "eb": high < first,
        "ap": low <= last + tenth and high >= first - tenth,
    }[prefix]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kept=st.lists(st.one_of(st.none(), _partial, _periods), min_size=1, max_size=12),
    asked=st.lists(st.lists(_prefixed, min_size=1, max_size=2), min_size=1, max_size=2),
    by=st.sampled_from(["", "patient", "code", "sort"]),
)
def test_dates_are_found_as_the_specification_says(
    kept: list[str | dict[str, str] | None],
    asked: list[list[str]],
    by: str,
    database: Database,
    definitions: Definitions,
) -> None:
    resources = [
        observation(
            f"o{number}",
            subject={"reference": "Patient/p"},
            **(
                {}
                if when is None
                else {"effectivePeriod" if isinstance(when, dict) else "effectiveDateTime": when}
            ),
        )
        for number, when in enumerate(kept)
    ]
    shelf.keep(database, definitions, resources)
    intervals = [dates.of_element(when) if when else None for when in kept]

    def matches(interval: tuple[int, int] | None) -> bool:
        return interval is not None and all(
            any(
                _said_by_the_specification(value.prefix, *interval, value.low, value.high) for value in either
            )
            for either in [[dates.parsed(text) for text in texts] for texts in asked]
        )

    expected = [f"o{number}" for number, interval in enumerate(intervals) if matches(interval)]
    also = {
        "": [],
        "patient": [("patient", "p")],
        "code": [("code", "27113001")],
        "sort": [("_sort", "-date")],
    }[by]
    pairs = [("date", ",".join(texts)) for texts in asked]
    found = shelf.ids(database, definitions, "Observation", *also, *pairs, ("_count", "3"))
    assert sorted(found) == sorted(expected)
    if by == "sort":
        lows = [intervals[int(id_[1:])][0] for id_ in found]  # type: ignore[index]
        assert lows == sorted(lows, reverse=True)
    counted = shelf.page(database, definitions, "Observation", *also, *pairs, ("_summary", "count"))
    assert counted.total == len(expected)


def test_a_contact_that_lasts_over_midnight_is_found_from_either_day(
    database: Database, definitions: Definitions
) -> None:
    late = contact("c", period={"start": "2020-09-30T23:30:00+01:00", "end": "2020-10-01T00:30:00+01:00"})
    shelf.keep(database, definitions, [late])

    def found(*texts: str) -> bool:
        return bool(shelf.ids(database, definitions, "Encounter", *(("date", text) for text in texts)))

    assert found("lt2020-10-01")
    assert found("gt2020-09-30")
    assert found("2020")
    assert not found("2020-10-01")
    assert not found("2020-09-30")


def test_a_contact_that_was_never_closed_is_still_found_years_later(
    database: Database, definitions: Definitions
) -> None:
    provider = {"serviceProvider": {"reference": "Organization/o"}}
    shelf.keep(
        database,
        definitions,
        [
            contact("never-closed", period={"start": "2015-01-01"}, **provider),
            contact("long-ago", period={"start": "2016-01-01", "end": "2016-01-01"}, **provider),
            contact("today", period={"start": "2021-02-15", "end": "2021-02-15"}, **provider),
        ],
    )
    for also in ([], [("service-provider", "Organization/o")]):
        quarter = [("date", "ge2021-01-01"), ("date", "lt2021-04-01")]
        found = shelf.ids(database, definitions, "Encounter", *also, *quarter)
        assert found == ["never-closed", "today"]


def test_what_has_no_date_is_found_as_missing_it_and_by_nothing_else(
    database: Database, definitions: Definitions
) -> None:
    shelf.keep(database, definitions, [observation("none"), observation("some", effectiveDateTime="2020")])

    def found(name: str, value: str) -> list[str]:
        return shelf.ids(database, definitions, "Observation", (name, value))

    assert found("date:missing", "true") == ["none"]
    assert found("date:missing", "false") == ["some"]
    assert found("date", "ne2019") == ["some"]
    assert found("date", "lt2030") == ["some"]


def test_when_a_resource_was_updated_is_a_date_too(database: Database, definitions: Definitions) -> None:
    shelf.keep(database, definitions, [observation(f"o{number}") for number in range(3)])

    def found(*texts: str) -> list[str]:
        return shelf.ids(database, definitions, "Observation", *(("_lastUpdated", text) for text in texts))

    assert found("1970-01-01T00:00:00Z") == ["o0", "o1", "o2"]
    assert found("gt1970-01-01T00:00:00.000001Z", "le1970-01-01T00:00:00.000002Z") == ["o1"]
    assert found("sa1970-01-01T00:00:00.000002Z") == ["o2"]
    assert found("lt1970") == []
