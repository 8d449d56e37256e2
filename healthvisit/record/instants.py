"""Instants in the three forms the record knows: aware datetime, microseconds since 1970 UTC, FHIR text."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND_US = 1000


def micros(at: datetime) -> int:
    """Microseconds since 1970 UTC of an aware instant."""
    return (at - EPOCH) // timedelta(microseconds=1)


def from_micros(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


@lru_cache(maxsize=1024)
def text(us: int) -> str:
    """FHIR instant in UTC with milliseconds."""
    return from_micros(us).isoformat(timespec="milliseconds").replace("+00:00", "Z")
