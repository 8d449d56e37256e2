"""Pages, orders, totals, included resources and reach, held to a plain Python list."""

import base64
from typing import Any

import pytest
import sqlalchemy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON
from healthvisit.record import tables
from healthvisit.record.errors import Invalid
from healthvisit.record.search import date as dates
from healthvisit.record.search import select, string
from tests.record.search import shelf
from tests.record.search.shelf import child, contact, observation

SNOMED = "http://snomed.info/sct"

_when = st.none() | st.sampled_from(
    ["2019", "2019-03", "2019-03-02", "2019-03-02T10:00:00Z", "2020-07-01", "2021"]
)
_codes = st.lists(
    st.fixed_dictionaries({"code": st.sampled_from("aAbé")}, optional={"system": st.sampled_from("st")}),
    min_size=1,
    max_size=3,
)
_observations = st.lists(
    st.fixed_dictionaries(
        {
            "status": st.sampled_from(["final", "amended", "preliminary"]),
            "code": _codes.map(lambda codings: {"coding": codings}),
        },
        optional={
            "effectiveDateTime": _when.filter(lambda text: text is not None),
            "subject": st.sampled_from("pq").map(lambda id_: {"reference": f"Patient/{id_}"}),
            "performer": st.lists(
                st.sampled_from(["Practitioner/n", "Organization/n", "Practitioner/m"]),
                min_size=1,
                max_size=3,
            ).map(lambda targets: [{"reference": target} for target in targets]),
        },
    ),
    max_size=14,
)
_criteria = st.dictionaries(
    st.sampled_from(["patient", "code", "status", "date", "performer"]), st.integers(0, 5), max_size=3
)
_asked: dict[str, list[str]] = {
    "patient": ["p", "Patient/p", "p,q", "q", "p,p", "nobody"],
    "code": ["a", "s|a", "|a", "a,b", "s|", "A,é"],
    "status": [
        "final",
        "amended",
        "final,amended",
        "x",
        "http://hl7.org/fhir/observation-status|final",
        "|final",
    ],
    "date": ["ge2019-03", "lt2021", "2019", "ne2019", "ge2019-01-01,lt2018", "sa2019-03-02"],
    "performer": ["n", "Practitioner/n", "Organization/n,m", "m", "Practitioner/m,Practitioner/n", "x"],
}
_sorts = st.lists(
    st.sampled_from(["date", "code", "status", "_id", "_lastUpdated"]).flatmap(
        lambda code: st.sampled_from([code, f"-{code}"])
    ),
    max_size=3,
    unique_by=lambda word: word.lstrip("-"),
)


def _matches(resource: JSON, name: str, text: str) -> bool:
    values = text.split(",")
    match name:
        case "patient":
            target = resource.get("subject", {}).get("reference", "")
            return any(target == f"Patient/{value.removeprefix('Patient/')}" for value in values)
        case "performer":
            targets = [each["reference"] for each in resource.get("performer", [])]
            return any(
                target == value or ("/" not in value and target.split("/")[1] == value)
                for value in values
                for target in targets
            )
        case "code":
            pairs = [(each.get("system", ""), each["code"]) for each in resource["code"]["coding"]]
        case "status":
            pairs = [("http://hl7.org/fhir/observation-status", resource["status"])]
        case "date":
            interval = dates.of_element(resource.get("effectiveDateTime"))
            return interval is not None and any(_dated(value, *interval) for value in values)
    return any(_coded(value, *pair) for value in values for pair in pairs)


def _coded(value: str, system: str, code: str) -> bool:
    wanted, bar, text = value.rpartition("|")
    return (not text or text == code) and (not bar or wanted == system)


def _dated(value: str, low: int, high: int) -> bool:
    asked = dates.parsed(value)
    return {
        "eq": asked.low <= low and high <= asked.high,
        "ne": not (asked.low <= low and high <= asked.high),
        "ge": high > asked.high or (asked.low <= low and high <= asked.high),
        "lt": low < asked.low,
        "sa": low > asked.high,
    }[asked.prefix]


def _sort_key(resource: JSON, code: str, rid: int) -> Any:
    match code:
        case "date":
            interval = dates.of_element(resource.get("effectiveDateTime"))
            return interval[0] if interval else dates.LEAST
        case "code":
            return min(each["code"] for each in resource["code"]["coding"])
        case "status":
            return resource["status"]
        case "_id":
            return resource["id"]
    return rid


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kept=_observations,
    criteria=_criteria,
    negated=st.booleans(),
    sorts=_sorts,
    size=st.integers(1, 5),
    hidden=st.sets(st.integers(0, 13), max_size=4),
)
def test_the_pages_together_are_the_whole_in_its_order_and_within_reach(
    kept: list[JSON],
    criteria: dict[str, int],
    negated: bool,
    sorts: list[str],
    size: int,
    hidden: set[int],
    database: Database,
    definitions: Definitions,
) -> None:
    resources = [observation(f"o{number:02}", **elements) for number, elements in enumerate(kept)]
    out_of_reach = [f"o{number:02}" for number in hidden]
    shelf.keep(database, definitions, resources, hidden=out_of_reach)
    pairs = [(name, _asked[name][which]) for name, which in criteria.items()]
    expected = [
        (rid, resource)
        for rid, resource in enumerate(resources, 1)
        if rid - 1 not in hidden and all(_matches(resource, *pair) for pair in pairs)
    ]
    if negated:
        pairs.append(("code:not", "a,s|b"))
        expected = [each for each in expected if not _matches(each[1], "code", "a,s|b")]
    for word in reversed(sorts):
        expected.sort(key=lambda each: _sort_key(each[1], word.lstrip("-"), each[0]), reverse=word[0] == "-")
    asked = [*pairs, *([("_sort", ",".join(sorts))] if sorts else []), ("_count", str(size))]
    found = shelf.ids(database, definitions, "Observation", *asked)
    assert len(found) == len(set(found))
    assert sorted(found) == [resource["id"] for _, resource in sorted(expected, key=lambda each: each[0])]

    def keys(id_: str) -> list[Any]:
        number = int(id_[1:])
        return [_sort_key(resources[number], word.lstrip("-"), number + 1) for word in sorts]

    # Equals may stand in either order, but always in the same one.
    assert [keys(id_) for id_ in found] == [keys(resource["id"]) for _, resource in expected]
    whole = shelf.page(database, definitions, "Observation", *asked[:-1])
    assert [match.id for match in whole.matches] == found
    assert whole.total == len(found)
    counted = shelf.page(database, definitions, "Observation", *asked, ("_total", "accurate"))
    assert counted.total == len(found)


@pytest.fixture
def family(database: Database, definitions: Definitions) -> Database:
    """Two children with a health visitor between them, four observations each."""
    resources = [
        child("p", name=[{"family": "Khan"}]),
        child("q", name=[{"family": "Jones"}]),
        {"resourceType": "Practitioner", "id": "n"},
    ]
    for whose in "pq":
        resources += [
            observation(
                f"{whose}{year}",
                subject={"reference": f"Patient/{whose}"},
                performer=[{"reference": "Practitioner/n"}],
                effectiveDateTime=str(year),
            )
            for year in range(2017, 2021)
        ]
    shelf.keep(database, definitions, resources)
    return database


def _hide(database: Database, *ids: str) -> None:
    """Take these out of every borough's reach."""
    with database.writing() as connection:
        connection.execute(
            sqlalchemy.update(tables.resource).where(tables.resource.c.id.in_(ids)).values(audience="child")
        )


def test_one_childs_observations_come_newest_first(family: Database, definitions: Definitions) -> None:
    asked = [("patient", "p"), ("code", f"{SNOMED}|27113001"), ("_sort", "-date"), ("_count", "3")]
    first = shelf.page(family, definitions, "Observation", *asked)
    assert [match.id for match in first.matches] == ["p2020", "p2019", "p2018"]
    assert first.next is not None
    second = shelf.page(family, definitions, "Observation", *asked, ("_page", first.next))
    assert [match.id for match in second.matches] == ["p2017"]
    assert second.next is None


def test_a_match_comes_as_its_current_version(family: Database, definitions: Definitions) -> None:
    (found,) = shelf.page(family, definitions, "Patient", ("name", "khan")).matches
    assert (found.type, found.id, found.version, found.method, found.updated_at) == (
        "Patient",
        "p",
        1,
        "POST",
        1,
    )
    assert b"Khan" in found.body


def test_included_resources_come_once_and_are_not_counted(family: Database, definitions: Definitions) -> None:
    asked = [("patient", "p"), ("_include", "Observation:subject"), ("_include", "Observation:performer")]
    found = shelf.page(family, definitions, "Observation", *asked)
    assert found.total == 4
    assert sorted(each.id for each in found.included) == ["n", "p"]
    narrowed = shelf.page(
        family,
        definitions,
        "Observation",
        ("patient", "p"),
        ("_include", "Observation:performer:Organization"),
    )
    assert narrowed.included == []


def test_the_form_of_a_response_is_included_in_the_version_that_was_filled_in(
    database: Database, definitions: Definitions
) -> None:
    url = "https://example.org/form"

    def form(id_: str, version: str) -> JSON:
        return {
            "resourceType": "Questionnaire",
            "id": id_,
            "status": "active",
            "url": url,
            "version": version,
        }

    def response(id_: str, questionnaire: str) -> JSON:
        return {
            "resourceType": "QuestionnaireResponse",
            "id": id_,
            "status": "completed",
            "questionnaire": questionnaire,
        }

    responses = [response("r", f"{url}|2"), response("s", url), response("t", "x")]
    shelf.keep(database, definitions, [form("first", "1"), form("second", "2"), *responses])

    def included(id_: str) -> list[str]:
        asked = [("_id", id_), ("_include", "QuestionnaireResponse:questionnaire")]
        found = shelf.page(database, definitions, "QuestionnaireResponse", *asked)
        return sorted(each.id for each in found.included)

    assert included("r") == ["second"]
    assert included("s") == ["first", "second"]
    assert included("t") == []


def test_what_cannot_be_reached_is_not_included_not_counted_and_not_told(
    family: Database, definitions: Definitions
) -> None:
    _hide(family, "p", "p2018", "p2020", "n")
    asked = [
        ("subject", "Patient/p"),
        ("_include", "Observation:subject"),
        ("_include", "Observation:performer"),
    ]
    found = shelf.page(family, definitions, "Observation", *asked, ("_count", "1"))
    assert [each.id for each in found.matches] == ["p2017"]
    assert found.included == []
    counted = shelf.page(family, definitions, "Observation", *asked, ("_summary", "count"))
    assert (counted.total, counted.matches, counted.included) == (2, [], [])


def test_a_cursor_says_nothing_of_a_resource_out_of_reach(family: Database, definitions: Definitions) -> None:
    # Whoever puts another's id into a cursor could learn by what follows where that child's name stands.
    asked = [("_sort", "family"), ("_count", "1")]
    first = shelf.page(family, definitions, "Patient", *asked)
    assert first.next is not None
    told = base64.urlsafe_b64decode(first.next + "=" * (-len(first.next) % 4)).decode()
    forged = base64.urlsafe_b64encode(told.replace(".q", ".p").encode()).decode().rstrip("=")
    absent = base64.urlsafe_b64encode(told.replace(".q", ".zz").encode()).decode().rstrip("=")
    problems = []
    _hide(family, "p")
    for page in (forged, absent):
        with pytest.raises(Invalid) as refused:
            shelf.page(family, definitions, "Patient", *asked, ("_page", page))
        problems.append(str(refused.value))
    assert problems[0] == problems[1]


@pytest.mark.parametrize("page", ["x", "AAAA", "é", "====", "YS5i", "YS5iLmM", "A" * 201])
def test_what_is_no_cursor_is_refused(page: str, family: Database, definitions: Definitions) -> None:
    with pytest.raises(Invalid) as refused:
        shelf.page(family, definitions, "Patient", ("_page", page))
    assert refused.value.issues[0].expression == "_page"


def test_a_cursor_of_another_search_is_refused(family: Database, definitions: Definitions) -> None:
    first = shelf.page(family, definitions, "Observation", ("patient", "p"), ("_count", "1"))
    assert first.next is not None
    following = ("_page", first.next)
    # The same search may go on with another number on a page.
    shelf.page(family, definitions, "Observation", ("patient", "p"), ("_count", "2"), following)
    for other in ([("patient", "q")], [("patient", "p"), ("_sort", "date")], []):
        with pytest.raises(Invalid):
            shelf.page(family, definitions, "Observation", *other, following)


def test_names_are_sorted_alike_whatever_the_language_of_the_database(
    database: Database, definitions: Definitions
) -> None:
    names = [
        "Zoë",
        "zola",
        "Ann-Marie",
        "Ann Marie",
        "annmarie",
        "Évie",
        "Łucja",
        "Öz",
        "O’Neil",
        "O'Neal",
        "李",
    ]
    shelf.keep(
        database, definitions, [child(f"p{n}", name=[{"family": name}]) for n, name in enumerate(names)]
    )
    found = shelf.ids(database, definitions, "Patient", ("_sort", "family"), ("_count", "2"))
    assert [names[int(id_[1:])] for id_ in found] == sorted(names, key=string.folded)


def test_more_may_be_included_than_a_page_has_but_not_without_limit(
    database: Database, definitions: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(select, "MOST_INCLUDED", 2)
    many = [
        observation("o", hasMember=[{"reference": f"Observation/m{n}"} for n in range(3)]),
        *(observation(f"m{n}") for n in range(3)),
    ]
    shelf.keep(database, definitions, many)
    with pytest.raises(select.TooCostly):
        shelf.page(database, definitions, "Observation", ("_id", "o"), ("_include", "Observation:has-member"))


def test_a_short_look_tells_which_range_to_walk(
    database: Database, definitions: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whichever is walked, the answer is the same.
    reviews = [
        contact(
            f"c{n}",
            type=[{"coding": [{"code": "rare" if n == 7 else "common"}]}],
            period={"start": f"20{n:02}"},
        )
        for n in range(20)
    ]
    shelf.keep(database, definitions, reviews)
    for long in (1, 5, 10_000):
        monkeypatch.setattr(select, "LONG", long)
        for sort in ("date", "-date", "type,-date", "-_lastUpdated"):
            rare = [("status", "finished"), ("type", "rare"), ("_sort", sort)]
            assert shelf.ids(database, definitions, "Encounter", *rare) == ["c7"]
            common = [("status", "finished"), ("type", "common"), ("_sort", sort), ("_count", "3")]
            found = [int(id_[1:]) for id_ in shelf.ids(database, definitions, "Encounter", *common)]
            assert found == sorted(found, reverse="-" in sort)
            assert len(found) == 19


def _plans(database: Database, definitions: Definitions, type_: str, *pairs: tuple[str, str]) -> list[str]:
    """What the database says of how it would answer each statement of a search."""
    told = shelf.statements(database, definitions, type_, *pairs)
    with database.reading() as connection:
        if database.is_sqlite:
            said = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given) for text, given in told]
        else:
            # A table of a few rows is scanned at once; what is asked is how a large one would be read.
            connection.exec_driver_sql("SET enable_seqscan = off")
            connection.exec_driver_sql("SET enable_bitmapscan = off")
            said = [connection.exec_driver_sql(f"EXPLAIN {text}", given) for text, given in told]
        return ["\n".join(str(row[-1]) for row in plan) for plan in said]


def test_one_childs_observations_of_a_code_are_one_range_and_a_seek_for_each(
    family: Database, definitions: Definitions
) -> None:
    asked = [("patient", "p"), ("code", f"{SNOMED}|27113001"), ("_sort", "-date")]
    (plan,) = _plans(family, definitions, "Observation", *asked)
    if family.is_sqlite:
        assert "SEARCH d USING PRIMARY KEY (type=? AND parameter=? AND target_id=? AND target_type=?)" in plan
        assert "SCAN d" not in plan
        assert "SEARCH resource USING INTEGER PRIMARY KEY" in plan
        # The rows of a page are put in order again beside their bodies, and nothing else is sorted.
        assert plan.count("USE TEMP B-TREE") == 1
    else:
        assert "Backward using pk_search_reference on search_reference d" in plan
        assert "using pk_resource on resource" in plan
        assert "Hash" not in plan
        assert "Seq Scan" not in plan


def test_a_quarter_of_a_borough_is_one_range_of_its_rows(family: Database, definitions: Definitions) -> None:
    asked = [("service-provider", "Organization/o"), ("date", "ge2020-10-01"), ("date", "lt2021-01-01")]
    *_, longest, page = _plans(family, definitions, "Encounter", *asked)
    assert "ix_search_date_long" in longest
    if family.is_sqlite:
        assert "target_type=? AND main_date>? AND main_date<?" in page
    else:
        assert "(main_date >= " in page
        assert "(main_date <= " in page
        assert "Hash" not in page
