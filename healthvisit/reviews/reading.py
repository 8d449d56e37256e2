"""The record's searches as the reviews ask them: bodies of all pages, and many ids in few searches."""

from collections.abc import Iterator, Sequence
from itertools import islice

from healthvisit.exact_json import JSON
from healthvisit.record.record import Record

# As many values as one search parameter takes (record/search/query.py).
CHUNK = 200


def bodies(record: Record, type_: str, *parameters: tuple[str, str]) -> Iterator[JSON]:
    return (version.json() for version in record.each(type_, list(parameters)))


def chunks(ids: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(ids)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
