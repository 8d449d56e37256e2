"""The walks of record/search/index.py, held to an independent FHIRPath engine over HL7's own examples."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.models import models

from healthvisit.config import packaged
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, loads
from healthvisit.record import audit
from healthvisit.record.search import (
    composite,
    date,
    index,
    parameter,
    quantity,
    reference,
    string,
    token,
)
from tests.record.search.shelf import child, contact, observation

ELEMENTS = loads((packaged("fhir") / "r4" / "elements.json").read_bytes())
EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.json"))


@cache
def _engine(expression: str) -> Any:
    # The engine cannot resolve references; what they point at is told by how they begin.
    told = re.sub(r"resolve\(\) is (\w+)", r"reference.startsWith('\1/')", expression)
    # "as" of a list is an error to the engine; search parameters mean each of them that is of the type.
    told = re.sub(r"\(([\w.]+) as (\w+)\)", r"\1.ofType(\2)", told)
    return fhirpathpy.compile(told, models["r4"])


def _said_by_fhirpath(resource: JSON, definition: JSON) -> list[Any]:
    mine = [
        part
        for part in re.split(r" \| (?![^(]*\))", definition["expression"])
        if re.match(rf"\(?({resource['resourceType']}|Resource)\b", part)
    ]
    # The engine knows no type above that of the resource.
    told = [re.sub(r"^Resource\b", resource["resourceType"], part) for part in mine]
    return [value for part in told for value in _engine(part)(resource)]


def _pairs_by_fhirpath(resource: JSON, definition: JSON) -> set[tuple[Any, ...]]:
    """Pairs of a composite: what its two expressions find in each repeat."""
    type_ = resource["resourceType"]
    asked = parameter.compiled(definition, type_, ELEMENTS)
    found: set[tuple[Any, ...]] = set()
    for root in (part for part in definition["expression"].split(" | ") if part.split(".")[0] == type_):
        many = [""] if root == type_ else [f"[{at}]" for at in range(len(_engine(root)(resource)))]
        for place in many:
            first, second = (
                [
                    value
                    for part in component["expression"].split(" | ")
                    for value in _engine(re.sub(r"\.as\(", ".ofType(", f"{root}{place}.{part}"))(resource)
                ]
                for component in definition["component"]
            )
            pair = asked.pairs[0]
            systems = pair.first[0].system, pair.second[0].system
            found |= set(composite.of_elements(first, second, *systems, pair.second_kind))
    return found


def _expected(values: list[Any], asked: parameter.Parameter) -> set[tuple[Any, ...]]:
    if asked.code == "deceased":
        return {("true" if values == [True] else "false", token.BOOLEAN)}
    system = asked.paths[0].system if asked.paths else ""
    match asked.kind:
        case "token" | "uri":
            return {pair for value in values for pair in token.of_element(value, system)}
        case "string":
            return {pair for value in values for pair in string.of_element(value)}
        case "reference":
            # Where a choice is no reference but a paper, a parameter for references does not read it.
            named = [each for each in values if type(each) is str or "title" not in each]
            return {pair for value in named for pair in reference.of_element(value)}
        case "quantity" | "number":
            return {row for value in values for row in quantity.of_element(value)}
    return {interval for value in values if (interval := date.of_element(value))}


def _indexed(rows: index.IndexRows, asked: parameter.Parameter) -> set[tuple[Any, ...]]:
    match asked.kind:
        case "token" | "uri":
            return {row[2:4] for row in rows.token if row[1] == asked.read_as}
        case "string":
            return {row[2:4] for row in rows.string if row[1] == asked.read_as}
        case "reference":
            return {
                row[2:4] for row in rows.reference if row[1] == asked.read_as and asked.target in ("", row[2])
            }
        case "quantity" | "number":
            return {row[2:6] for row in rows.quantity if row[1] == asked.read_as}
        case "composite":
            return {row[2:8] for row in rows.pair if row[1] == asked.read_as}
    return {row[2:4] for row in rows.date if row[1] == asked.read_as and row[2:4] != date.ABSENT}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_what_is_indexed_of_hl7s_examples_is_what_fhirpath_finds(
    example: Path, definitions: Definitions
) -> None:
    resource = loads(example.read_bytes())
    type_ = resource["resourceType"]
    rows = index.rows(resource, 7, definitions)
    defined = {d["code"]: d for d in definitions.of_type("SearchParameter") if type_ in d["base"]}
    for asked in parameter.parameters(definitions)[type_].values():
        if asked.code in parameter.COLUMNS:
            continue
        if asked.kind == "composite":
            assert _indexed(rows, asked) == _pairs_by_fhirpath(resource, defined[asked.code]), asked.code
            continue
        values = _said_by_fhirpath(resource, defined[asked.code])
        assert _indexed(rows, asked) == _expected(values, asked), asked.code


def test_hl7s_examples_put_most_parameters_to_the_test(definitions: Definitions) -> None:
    seen = set()
    for example in EXAMPLES:
        rows = index.rows(loads(example.read_bytes()), 7, definitions)
        seen |= {row[:2] for kind in rows[:6] for row in kind}
    asked = {
        (type_, each.code)
        for type_, of_type in parameter.parameters(definitions).items()
        for each in of_type.values()
        if each.paths and "healthvisit" not in str(each.paths) and not each.code.startswith("_")
    }
    assert len(seen & asked) > 0.75 * len(asked)


def test_the_identifier_of_a_reference_is_indexed_where_it_stands(definitions: Definitions) -> None:
    named = {"identifier": {"system": "s", "value": "9"}, "display": "someone"}
    rows = index.rows(observation("o", subject=named), 7, definitions)
    assert ("Observation", "subject:identifier", "9", "s", 7) in rows.token
    assert not [row for row in index.rows(observation("o"), 7, definitions).token if ":" in row[1]]


def test_an_identifier_is_indexed_by_its_type_where_it_has_one(definitions: Definitions) -> None:
    typed = {"type": {"coding": [{"system": "t", "code": "MR"}]}, "system": "s", "value": "9"}
    rows = index.rows(child("p", identifier=[typed, {"value": "8"}]), 7, definitions)
    assert [row[2:4] for row in rows.token if row[1] == "identifier:of-type"] == [("MR\x1f9", "t")]


def test_every_type_of_the_record_can_be_searched(definitions: Definitions) -> None:
    known = parameter.parameters(definitions)
    assert "_id" in set.intersection(*(set(of_type) for of_type in known.values()))
    assert {"patient", "code", "category", "date", "derived-from", "encounter", "component-code"} <= set(
        known["Observation"]
    )
    assert {
        "type", "date", "patient", "status", "episode-of-care", "participant", "service-provider",
        "outcome", "capture-mode", "place", "practitioner-type",
    } <= set(known["Encounter"])  # fmt: skip
    assert {"patient", "organization", "care-manager", "date", "status"} <= set(known["EpisodeOfCare"])
    # Audit events are searched in their own table, by no more than these.
    assert set(known["AuditEvent"]) == set(audit.PARAMETERS)
    for type_ in ("Questionnaire", "PlanDefinition", "CodeSystem", "ValueSet", "Measure"):
        assert "url" in known[type_]


def test_the_outcome_of_a_review_is_indexed_from_our_extension(definitions: Definitions) -> None:
    system = "https://healthvisit.example/fhir/CodeSystem/review-outcome"
    review = contact(
        "c",
        extension=[
            {
                "url": "https://healthvisit.example/fhir/StructureDefinition/review-outcome",
                "valueCoding": {"system": system, "code": "declined"},
            },
            {"url": "https://example.org/other", "valueCoding": {"code": "not ours"}},
        ],
    )
    rows = index.rows(review, 7, definitions)
    assert ("Encounter", "outcome", "declined", system, 7) in rows.token
    assert not [row for row in rows.token if row[2] == "not ours"]


def test_every_row_of_a_resource_that_refers_carries_its_main_date(definitions: Definitions) -> None:
    weight = observation(
        "o", subject={"reference": "Patient/p"}, effectiveDateTime="2021-02-15T10:00:00+00:00"
    )
    rows = index.rows(weight, 7, definitions)
    assert rows.main_date == 1_613_383_200_000_000
    assert rows.reference == [("Observation", "subject", "Patient", "p", rows.main_date, 7)]


def test_a_resource_without_its_main_date_stands_at_the_beginning_of_time(definitions: Definitions) -> None:
    rows = index.rows(child("p"), 7, definitions)
    assert rows.main_date == date.LEAST
    assert rows.date == [("Patient", "birthdate", *date.ABSENT, 7)]


def test_what_stands_twice_in_a_resource_stands_once_in_the_index(definitions: Definitions) -> None:
    twin = child("p", name=[{"family": "Khan"}, {"family": "Khan", "given": ["Khan"]}])
    rows = index.rows(twin, 7, definitions)
    assert len(rows.string) == len(set(rows.string))
    assert [row for row in rows.string if row[1] == "name"] == [("Patient", "name", "khan", "Khan", 7)]


def test_a_text_of_any_length_fits_into_the_index(definitions: Definitions) -> None:
    long = child("p", name=[{"family": "Ω" * 5000}], identifier=[{"system": "u" * 5000, "value": "9" * 5000}])
    rows = index.rows(long, 7, definitions)
    for row in [*rows.token, *rows.string]:
        # A row of an index is at most a third of a page of 8 kB in PostgreSQL.
        assert sum(len(part.encode()) for part in row if isinstance(part, str)) < 2600


def test_a_definition_is_found_by_its_url_with_and_without_a_version(definitions: Definitions) -> None:
    response = {
        "resourceType": "QuestionnaireResponse",
        "id": "r",
        "status": "completed",
        "questionnaire": "https://example.org/Questionnaire/a|2",
    }
    rows = index.rows(response, 7, definitions)
    assert [row[2:4] for row in rows.reference] == [
        ("", "https://example.org/Questionnaire/a"),
        ("", "https://example.org/Questionnaire/a|2"),
    ]
