"""What the Measures and docs/measures.md say of the national indicators is what the code counts."""

from pathlib import Path

import pytest

from healthvisit.definitions import CANONICAL, load
from healthvisit.programme.dates import Quarter
from healthvisit.programme.intervals import Z_95
from healthvisit.programme.national.quarter import of_quarter
from healthvisit.programme.national.values import Proportion
from healthvisit.reviews import national

ROOT = Path(__file__).parent.parent
COUNTED = of_quarter(Quarter.parse("2021-22 Q4"), [], [], {})
PAGE = (ROOT / "docs" / "measures.md").read_text("utf-8")


@pytest.fixture(scope="module")
def measures():
    """By the code of what they measure."""
    known = load(ROOT / "fhir")
    return {
        group["code"]["coding"][0]["code"]: measure
        for measure in known.of_type("Measure")
        if len(measure["group"]) == 1
        for group in measure["group"]
    }


def test_every_indicator_that_is_defined_has_its_measure(measures):
    assert measures.keys() == COUNTED.keys() - {"C7"}


def test_a_measure_is_in_force_where_its_figures_are_frozen(measures):
    assert {code for code, measure in measures.items() if measure["status"] == "active"} == set(
        national.INDICATORS
    )


def test_a_measure_has_a_denominator_where_the_code_has_one(measures):
    for code, measure in measures.items():
        populations = {each["code"]["coding"][0]["code"] for each in measure["group"][0]["population"]} - {
            "denominator-exclusion"
        }
        scoring = measure["scoring"]["coding"][0]["code"]
        if isinstance(COUNTED[code], Proportion):
            assert (scoring, populations) == ("proportion", {"numerator", "denominator"})
        else:
            assert (scoring, populations) == ("cohort", {"initial-population"})


def test_a_measure_stands_under_our_own_address_and_names_its_source(measures):
    for measure in measures.values():
        assert measure["url"] == f"{CANONICAL}/Measure/{measure['id']}"
        assert all(each["url"].startswith("http") for each in measure["relatedArtifact"])
        assert measure["disclaimer"]


def test_the_page_of_the_numbers_says_what_the_measures_say(measures):
    for code, measure in measures.items():
        words = [
            measure["description"],
            measure["disclaimer"],
            *(each["description"] for each in measure["group"][0]["population"]),
            *(f"[{each['display']}]({each['url']})" for each in measure["relatedArtifact"]),
        ]
        _, found, rest = PAGE.partition(f"\n### {code}: ")
        assert found
        section = rest.partition("\n### ")[0]
        assert [each for each in words if each not in section] == []
    assert f"z = {Z_95}" in PAGE
