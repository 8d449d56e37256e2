"""What comes along with the matches, searches over several types, and one child's compartment."""

import pytest

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.record.errors import Forbidden, Invalid
from healthvisit.record.record import opened
from tests.builders import NOW, a_child, a_requester
from tests.record.search import shelf
from tests.record.search.shelf import SEARCHED, child, contact, observation


@pytest.fixture
def family(database: Database, definitions: Definitions) -> Database:
    """Two children; a contact that is part of another; a result within the first, and one out of reach."""
    shelf.keep(
        database,
        definitions,
        [
            child("p", name=[{"family": "Khan"}]),
            child("q", name=[{"family": "Khan"}]),
            contact("whole", subject={"reference": "Patient/p"}),
            contact("part", subject={"reference": "Patient/p"}, partOf={"reference": "Encounter/whole"}),
            observation("o", subject={"reference": "Patient/p"}, encounter={"reference": "Encounter/part"}),
            observation("hidden", subject={"reference": "Patient/p"}),
            observation("x", subject={"reference": "Patient/q"}),
        ],
        hidden=["hidden"],
    )
    return database


def _included(
    database: Database, definitions: Definitions, type_: str, *pairs: tuple[str, str], **more: set[str]
) -> list[str]:
    found = shelf.page(database, definitions, type_, *pairs, **more)
    assert found.total == len(found.matches)
    return sorted(each.id for each in found.included)


def test_what_refers_to_a_child_comes_with_the_child_and_only_within_reach(
    family: Database, definitions: Definitions
) -> None:
    asked = [("_id", "p"), ("_revinclude", "Observation:subject"), ("_revinclude", "Encounter:patient")]
    assert _included(family, definitions, "Patient", *asked) == ["o", "part", "whole"]
    both = [("family", "khan"), ("_revinclude", "Observation:patient")]
    assert _included(family, definitions, "Patient", *both) == ["o", "x"]
    # What may not be read does not come along, whoever refers to it.
    types = set(SEARCHED) - {"Observation"}
    assert _included(family, definitions, "Patient", *asked, types=types) == ["part", "whole"]


def test_what_is_included_may_bring_more(family: Database, definitions: Definitions) -> None:
    once = [("_id", "o"), ("_include", "Observation:encounter")]
    assert _included(family, definitions, "Observation", *once) == ["part"]
    on = [*once, ("_include:iterate", "Encounter:part-of"), ("_include:iterate", "Encounter:subject")]
    assert _included(family, definitions, "Observation", *on) == ["p", "part", "whole"]
    back = [("_id", "whole"), ("_revinclude", "Encounter:part-of")]
    back += [("_revinclude:iterate", "Observation:encounter")]
    assert _included(family, definitions, "Encounter", *back) == ["o", "part"]


def test_a_circle_of_references_ends(database: Database, definitions: Definitions) -> None:
    shelf.keep(
        database,
        definitions,
        [contact(f"c{n}", partOf={"reference": f"Encounter/c{(n + 1) % 3}"}) for n in range(3)],
    )
    asked = [("_id", "c0"), ("_include:iterate", "Encounter:part-of")]
    assert _included(database, definitions, "Encounter", *asked) == ["c1", "c2"]


def test_several_types_are_searched_in_the_order_of_their_last_update(
    family: Database, definitions: Definitions
) -> None:
    asked = [("_type", "Observation,Encounter,Patient"), ("_count", "2")]
    assert shelf.ids(family, definitions, "", *asked) == ["p", "q", "whole", "part", "o", "x"]
    down = [*asked, ("_sort", "-_lastUpdated")]
    assert shelf.ids(family, definitions, "", *down) == ["x", "o", "part", "whole", "q", "p"]
    counted = shelf.page(family, definitions, "", *asked, ("_total", "accurate"))
    assert counted.total == 6
    assert shelf.page(family, definitions, "", asked[0], ("_id", "o,p")).total == 2
    for pairs in (
        [("_id", "o")],
        [("_type", "Observation,Nothing")],
        [("_type", "AuditEvent")],
        [("_type", "Observation,Patient"), ("code", "x")],
        [("_type", "Observation,Patient"), ("_sort", "_id")],
    ):
        with pytest.raises(Invalid):
            shelf.page(family, definitions, "", *pairs)


def test_a_childs_compartment_has_what_belongs_to_the_child(
    furnished: Database, definitions: Definitions
) -> None:
    ours = a_child(borough="bury").with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    theirs = (
        a_child(borough="salford").with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    )
    with opened(furnished, a_requester(boroughs=["bury"]), definitions=definitions, at=NOW) as record:
        found = record.search("Encounter", [], compartment=("Patient", ours.id))
        assert (len(found.matches), found.total) == (1, 1)
        assert (
            record.search("Encounter", [("status", "planned")], compartment=("Patient", ours.id)).matches
            == []
        )
        assert record.search("Encounter", [], compartment=("Patient", theirs.id)).matches == []
        assert record.search("Encounter", [], compartment=("Patient", "nobody")).matches == []
        assert (
            len(record.search("", [("_type", "Encounter,Patient")], compartment=("Patient", ours.id)).matches)
            == 2
        )


def test_a_page_link_is_good_for_whom_it_was_given_to(furnished: Database, definitions: Definitions) -> None:
    a_child(borough="bury").with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    asked = [("_count", "1")]
    with opened(furnished, a_requester(), definitions=definitions, at=NOW) as record:
        following = record.search("Organization", asked).next
        assert following is not None
        assert record.search("Organization", [*asked, ("_page", following)]).matches
    other = a_requester(account="another")
    with pytest.raises(Invalid), opened(furnished, other, definitions=definitions, at=NOW) as record:
        record.search("Organization", [*asked, ("_page", following)])


def test_a_parent_searches_one_type_and_through_none(furnished: Database, definitions: Definitions) -> None:
    ours = a_child(borough="bury").with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    parent = a_requester("parent", children=[ours.id])
    with opened(furnished, parent, definitions=definitions, at=NOW) as record:
        assert len(record.search("Encounter", [("patient", ours.id)]).matches) == 1
    for type_, pair in (
        ("Questionnaire", ("_has:QuestionnaireResponse:questionnaire:status", "completed")),
        ("Encounter", ("service-provider.name", "x")),
        ("Patient", ("_revinclude", "Encounter:patient")),
    ):
        with pytest.raises(Invalid), opened(furnished, parent, definitions=definitions, at=NOW) as record:
            record.search(type_, [pair])
    with pytest.raises(Forbidden), opened(furnished, parent, definitions=definitions, at=NOW) as record:
        record.search("", [("_type", "Encounter,Patient")])


def test_the_total_is_told_where_it_is_cheap(family: Database, definitions: Definitions) -> None:
    def total(*pairs: tuple[str, str]) -> int | None:
        return shelf.page(family, definitions, "Observation", *pairs).total

    # All on one page, or of one child; else only where it is asked for.
    assert total() == 2
    assert total(("patient", "p"), ("_count", "1")) == 1
    assert total(("_count", "1")) is None
    assert total(("_count", "1"), ("_total", "accurate")) == 2
    assert total(("_count", "1"), ("_total", "estimate")) == 2
    assert total(("_count", "0")) == total(("_summary", "count")) == 2
