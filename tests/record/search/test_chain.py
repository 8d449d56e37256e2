"""Chains and _has, held to a plain Python walk over what may be read; and what they never tell."""

from typing import Any

import pytest
import sqlalchemy
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON
from healthvisit.record.errors import Invalid
from healthvisit.record.record import opened
from healthvisit.record.search import query, select
from healthvisit.record.tables import responsibility
from tests.builders import BOROUGHS, NOW, a_child, a_requester, an_encounter, an_episode
from tests.record.search import shelf
from tests.record.search.shelf import SEARCHED, child, contact, observation

_children = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(["Khan", "Jones"]), "gender": st.sampled_from("fm")}),
    min_size=1,
    max_size=4,
)
_contacts = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["finished", "planned"]), st.none() | st.integers(0, 2)),
    max_size=5,
)
_measured = st.lists(
    st.tuples(st.integers(0, 3), st.none() | st.integers(0, 4), st.sampled_from(["a", "b"])), max_size=6
)

# Query by name, and what a match says of itself through what may be read.
_ASKED: list[tuple[str, str, str]] = [
    ("Observation", "patient.family", "khan"),
    ("Observation", "subject:Patient.gender:not", "f"),
    ("Observation", "encounter.status", "finished"),
    ("Observation", "encounter.patient.family", "jones"),
    ("Observation", "encounter.part-of.status", "finished"),
    ("Encounter", "part-of.patient.gender", "f"),
    ("Encounter", "patient._has:Observation:patient:code", "a"),
    ("Patient", "_has:Observation:patient:code", "a,b"),
    ("Patient", "_has:Observation:patient:encounter.status", "planned"),
    ("Patient", "_has:Encounter:patient:_has:Observation:encounter:code", "b"),
    ("Encounter", "_has:Encounter:part-of:status", "finished"),
    ("Encounter", "_has:Observation:encounter:code:not", "a"),
]


class _Model:
    """The resources that may be read, and what a search is by the words of the specification."""

    def __init__(self, resources: list[JSON], hidden: set[str]) -> None:
        self.seen = {f"{r['resourceType']}/{r['id']}": r for r in resources if r["id"] not in hidden}

    def matches(self, type_: str, name: str, text: str) -> list[str]:
        return [
            r["id"] for r in self.seen.values() if r["resourceType"] == type_ and self.holds(r, name, text)
        ]

    def holds(self, resource: JSON, name: str, text: str) -> bool:
        if name.startswith("_has:"):
            _, type_, code, rest = name.split(":", 3)
            reference = f"{resource['resourceType']}/{resource['id']}"
            return any(
                r["resourceType"] == type_ and self.target(r, code) == reference and self.holds(r, rest, text)
                for r in self.seen.values()
            )
        head, point, rest = name.partition(".")
        if point:
            target = self.seen.get(self.target(resource, head.partition(":")[0]))
            return target is not None and self.holds(target, rest, text)
        code, _, modifier = head.partition(":")
        found = self.value(resource, code) in text.split(",")
        return found is not (modifier == "not")

    def target(self, resource: JSON, code: str) -> str:
        name = {"patient": "subject", "part-of": "partOf"}.get(code, code)
        return str(resource.get(name, {}).get("reference", ""))

    def value(self, resource: JSON, code: str) -> str:
        match code:
            case "family":
                return str(resource["name"][0]["family"].lower())
            case "code":
                return str(resource["code"]["coding"][0]["code"])
        return str(resource[code])


@pytest.mark.parametrize("most", [0, 1, 200], ids=["by seeks", "mixed", "by references"])
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    children=_children,
    contacts=_contacts,
    measured=_measured,
    hidden=st.sets(st.sampled_from(["p0", "p1", "c0", "c1", "c2", "o0", "o1", "o2"]), max_size=3),
    size=st.integers(1, 3),
)
def test_a_chain_finds_what_may_be_read_through_what_may_be_read(
    most: int,
    children: list[dict[str, str]],
    contacts: list[tuple[int, str, int | None]],
    measured: list[tuple[int, int | None, str]],
    hidden: set[str],
    size: int,
    database: Database,
    definitions: Definitions,
) -> None:
    def of(number: int, kind: str, many: list[Any]) -> JSON:
        return {"reference": f"{'Patient' if kind == 'p' else 'Encounter'}/{kind}{number % len(many)}"}

    resources = [
        child(f"p{n}", name=[{"family": each["name"]}], gender=each["gender"])
        for n, each in enumerate(children)
    ]
    resources += [
        contact(
            f"c{n}",
            subject=of(whose, "p", children),
            status=status,
            **({} if part is None else {"partOf": of(part, "c", contacts)}),
        )
        for n, (whose, status, part) in enumerate(contacts)
    ]
    resources += [
        observation(
            f"o{n}",
            subject=of(whose, "p", children),
            code={"coding": [{"code": code}]},
            **({} if where is None or not contacts else {"encounter": of(where, "c", contacts)}),
        )
        for n, (whose, where, code) in enumerate(measured)
    ]
    shelf.keep(database, definitions, resources, hidden=hidden)
    model = _Model(resources, hidden)
    before, select.MOST_RESOLVED = select.MOST_RESOLVED, most
    try:
        for type_, name, text in _ASKED:
            expected = model.matches(type_, name, text)
            assert shelf.ids(database, definitions, type_, (name, text), ("_count", str(size))) == expected, (
                name
            )
            counted = shelf.page(database, definitions, type_, (name, text), ("_summary", "count"))
            assert counted.total == len(expected)
    finally:
        select.MOST_RESOLVED = before


@pytest.mark.parametrize("most", [0, 200])
def test_a_type_that_may_not_be_read_is_not_searched_through(
    most: int, database: Database, definitions: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(select, "MOST_RESOLVED", most)
    weight = observation("o", subject={"reference": "Patient/p"})
    shelf.keep(database, definitions, [child("p", name=[{"family": "Khan"}]), weight])
    for type_, asked, through in (
        ("Observation", ("patient.name", "khan"), "Patient"),
        ("Patient", ("_has:Observation:patient:status", "final"), "Observation"),
    ):
        assert len(shelf.ids(database, definitions, type_, asked)) == 1
        types = set(SEARCHED) - {through}
        assert shelf.ids(database, definitions, type_, asked, types=types) == []


def test_chains_are_few_and_not_deep(definitions: Definitions) -> None:
    for pairs in (
        [("patient.name", "x")] * 9,
        [("patient.name", "x")] * 50,
        [("encounter.part-of.part-of.part-of.status", "x")],
        [("encounter." * 500 + "status", "x")],
        [("_has:Observation:encounter:" * 4 + "status", "x")],
    ):
        with pytest.raises(Invalid):
            query.parse("Observation", pairs, definitions)


def test_who_sees_no_more_than_a_view_asks_through_nothing(definitions: Definitions) -> None:
    for pair in (
        ("patient.address", "x"),
        ("_has:Encounter:patient:status", "finished"),
        ("_revinclude", "Encounter:subject"),
        ("_include:iterate", "Encounter:service-provider"),
    ):
        query.parse("Observation" if pair[0][0] == "p" else "Patient", [pair], definitions)
        for type_ in ("Observation", "Patient", "Organization"):
            with pytest.raises(Invalid):
                query.parse(type_, [pair], definitions, direct=True)


def test_a_team_that_a_child_has_left_learns_nothing_of_the_child_by_a_chain(
    furnished: Database, definitions: Definitions
) -> None:
    # Salford may read the contact that it recorded, but no longer the child.
    there = a_child(borough="bury", until="2021-02-15").kept_in(furnished, definitions)
    salford = a_requester(boroughs=["salford"])
    with opened(furnished, a_requester("service"), definitions=definitions, at=NOW, writing=True) as record:
        record.create("EpisodeOfCare", an_episode(there.reference, borough="salford", start="2021-02-15"))
    with opened(furnished, salford, definitions=definitions, at=NOW, writing=True) as record:
        record.create("Encounter", an_encounter(there.reference, borough="salford", on="2021-02-15"))
        assert len(record.search("Encounter", [("patient.name", "ashworth")]).matches) == 1
    with furnished.writing() as connection:
        connection.execute(
            sqlalchemy.delete(responsibility).where(responsibility.c.borough == BOROUGHS["salford"])
        )
    asked: list[tuple[str, tuple[str, str]]] = [
        ("Encounter", ("patient.name", "ashworth")),
        ("Encounter", ("patient.birthdate:missing", "false")),
        ("Encounter", ("patient._has:Encounter:patient:status", "finished")),
        ("Patient", ("_has:Encounter:patient:status", "finished")),
    ]
    with opened(furnished, salford, definitions=definitions, at=NOW) as record:
        own = record.search("Encounter", [("patient", there.id)])
        assert len(own.matches) == 1
        assert (
            record.search("Encounter", [("patient", there.id), ("_include", "Encounter:subject")]).included
            == []
        )
        for type_, pair in asked:
            page = record.search(type_, [pair, ("_total", "accurate")])
            assert (page.matches, page.total) == ([], 0)
        assert record.search("Encounter", [], compartment=("Patient", there.id)).matches == []


@pytest.mark.parametrize(
    ("type_", "pairs"),
    [
        ("Observation", [("patient.identifier", "9")]),
        ("Observation", [("patient.family", "khan"), ("_sort", "-date")]),
        ("Observation", [("status", "final"), ("_include", "Observation:subject")]),
        (
            "Observation",
            [
                ("status", "final"),
                ("_include", "Observation:encounter"),
                ("_include:iterate", "Encounter:part-of"),
            ],
        ),
        ("Patient", [("family", "khan"), ("_revinclude", "Observation:subject")]),
        ("Patient", [("_has:Observation:patient:status", "final")]),
    ],
)
def test_the_number_of_statements_does_not_grow_with_the_page(
    type_: str, pairs: list[tuple[str, str]], database: Database, definitions: Definitions
) -> None:
    counts = set()
    for many in (2, 40):
        resources = [
            child(f"p{n}", name=[{"family": "Khan"}], identifier=[{"value": "9"}]) for n in range(many)
        ]
        resources += [contact(f"c{n}", partOf={"reference": f"Encounter/c{n // 20}"}) for n in range(many)]
        resources += [
            observation(
                f"o{n}",
                subject={"reference": f"Patient/p{n}"},
                encounter={"reference": f"Encounter/c{n}"},
            )
            for n in range(many)
        ]
        shelf.keep(database, definitions, resources)
        counts.add(len(shelf.statements(database, definitions, type_, *pairs, ("_count", str(many)))))
    assert len(counts) == 1
    assert counts.pop() <= 4
