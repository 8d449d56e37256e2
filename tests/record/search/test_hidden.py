"""What a search answers depends on nothing that its reader does not reach: not on how much of it there is either."""

from typing import Any

import pytest

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON
from healthvisit.record.search import select
from tests.record.search import shelf
from tests.record.search.shelf import observation

NURSE = [{"reference": "Practitioner/n"}]


def _of(code: str, **elements: Any) -> JSON:
    return {"code": {"coding": [{"system": "s", "code": code}]}, **elements}


# Those entered last are the oldest, so that an order tells what it is by.
REACHED = [
    observation(f"o{n}", **_of("a", effectiveDateTime=f"20{20 - n}-03-01", performer=NURSE)) for n in range(6)
]
# Of each range, one that makes it the longer one.
HIDDEN = {
    "of the code": [_of("a")] * 1500,
    "of the performer": [_of("b", performer=NURSE)] * 1500,
    "of the dates": [_of("b", effectiveDateTime="2018-03-01")] * 1500,
    "of each": [_of("a", effectiveDateTime="2018-03-01", performer=NURSE)] * 1500,
}
ASKED = [
    (("code", "a"), ("status", "final")),
    (("code", "a"), ("performer", "Practitioner/n")),
    (("performer", "Practitioner/n"), ("code", "a"), ("date", "ge2015")),
    (("code", "a"), ("date", "ge2015")),
    (("code", "a"), ("_lastUpdated", "ge1970-01-01")),
    (("date", "ge2015"), ("_lastUpdated", "ge1970-01-01")),
    (("code", "a"), ("status", "final"), ("_sort", "-date")),
    (("performer", "n"), ("code", "a,b")),
    (("code:not", "b"),),
    (),
]


def _answers(database: Database, definitions: Definitions) -> list[list[Any]]:
    """Of each question every page: ids in their order, total, and the link to the next."""
    answers = []
    for pairs in ASKED:
        pages: list[Any] = []
        following: list[tuple[str, str]] = []
        while not pages or following:
            asked = (*pairs, ("_count", "4"), *following)
            page = shelf.page(database, definitions, "Observation", *asked)
            pages.append(([each.id for each in page.matches], page.total, page.next))
            following = [] if page.next is None else [("_page", page.next)]
        answers.append(pages)
    return answers


@pytest.mark.parametrize("what", HIDDEN)
@pytest.mark.parametrize("long", [1000, 10_000])
def test_rows_out_of_reach_change_no_total_no_order_and_no_link(
    what: str, long: int, database: Database, definitions: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(select, "LONG", long)
    shelf.keep(database, definitions, REACHED)
    alone = _answers(database, definitions)
    assert all(len(pages) == 2 for pages in alone)
    hidden = [observation(f"h{n}", **elements) for n, elements in enumerate(HIDDEN[what])]
    shelf.keep(database, definitions, [*REACHED, *hidden], hidden=[f"h{n}" for n in range(len(hidden))])
    for pairs, before, after in zip(ASKED, alone, _answers(database, definitions), strict=True):
        assert after == before, pairs
