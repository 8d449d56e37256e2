from collections import Counter
from datetime import date, timedelta
from itertools import combinations

import pytest

from healthvisit.programme import dates, nhs_number
from healthvisit.programme.asq3 import FormWindow
from healthvisit.programme.boroughs import BOROUGHS
from healthvisit.programme.dates import Age
from healthvisit.synthetic import parameters
from healthvisit.synthetic.population import World, allotted, families

AS_AT = date(2021, 2, 15)
FORMS = tuple(
    FormWindow(form, Age(first, 0), Age(end, 0))
    for form, first, end in (("24", 23, 26), ("27", 26, 29), ("30", 29, 36))
)
WORLD = World(AS_AT, FORMS)


@pytest.fixture(scope="module")
def population():
    return list(families(3000, WORLD))


@pytest.fixture(scope="module")
def children(population):
    return [child for family in population for child in family.children]


def test_the_same_seed_gives_the_same_families(population):
    assert list(families(3000, WORLD)) == population


def test_another_seed_gives_other_families(population):
    assert list(families(3000, World(AS_AT, FORMS, seed="another"))) != population


def test_there_are_as_many_children_as_asked_for(children):
    assert len(children) == 3000


@pytest.mark.parametrize("count", [1, 7, 200, 20_000, 173_000])
def test_every_borough_and_year_of_age_has_its_share_of_the_census(count):
    found = allotted(count)
    residents = sum(sum(borough.under_five) for borough in BOROUGHS)
    assert sum(map(sum, found.values())) == count
    for borough in BOROUGHS:
        for age, number in enumerate(found[borough.slug]):
            assert abs(number - count * borough.under_five[age] / residents) <= 1 + (count < 200)


def test_the_whole_census_fits():
    residents = sum(sum(borough.under_five) for borough in BOROUGHS)
    assert allotted(residents) == {borough.slug: list(borough.under_five) for borough in BOROUGHS}


def test_every_child_is_under_five_on_the_day(children):
    assert {dates.completed_months(child.born_on, AS_AT) // 12 for child in children} == {0, 1, 2, 3, 4}


def test_nhs_numbers_are_valid_of_the_test_range_and_never_twice(children):
    numbers = [child.nhs_number for child in children]
    assert len(set(numbers)) == len(numbers)
    assert all(nhs_number.is_valid(number) and number.startswith("999") for number in numbers)


def test_siblings_share_a_name_and_are_twins_or_born_a_year_apart(population):
    pairs = [pair for family in population for pair in combinations(family.children, 2)]
    gaps = [abs((one.born_on - other.born_on).days) for one, other in pairs]
    assert any(gap == 0 for gap in gaps)
    assert all(gap == 0 or gap > 365 for gap in gaps)
    assert all(one.family == other.family and one.given != other.given for one, other in pairs)


def test_about_eight_in_a_hundred_were_born_before_37_weeks(children):
    preterm = [child.gestation_days for child in children if child.gestation_days is not None]
    assert all(24 * 7 <= days < 37 * 7 for days in preterm)
    assert 0.06 < len(preterm) / len(children) < 0.12


def test_exactly_one_borough_answers_for_a_child_from_birth_on(population):
    for family in population:
        for child in family.children:
            first, *later = child.episodes
            assert first.from_on == child.born_on
            assert child.episodes[-1].borough == family.borough
            assert child.episodes[-1].until_on is None
            for before, after in zip(child.episodes, later, strict=False):
                assert before.until_on == after.from_on
                assert before.borough != after.borough


def test_some_children_have_moved(children):
    assert any(len(child.episodes) == 2 for child in children)


def test_every_visit_was_made_on_a_working_day_before_the_demonstrations_today(children):
    days = [contact.started_at.date() for child in children for contact in child.contacts]
    assert max(days) < AS_AT
    assert max(day.weekday() for day in days) == 4


def test_every_way_a_review_can_end_and_be_captured_occurs(children):
    found = {(contact.review, contact.outcome) for child in children for contact in child.contacts}
    assert found == {
        (review, outcome)
        for review in parameters.TIMING
        for outcome in ("completed", "declined", "no-access")
    }
    assert {contact.capture for child in children for contact in child.contacts} == {
        "point-of-care",
        "transcribed",
        "document",
        "paper-only",
        "unknown",
        None,
    }


def share(children, first, last, borough=None):
    """Share of completed reviews recorded in the contact."""
    modes = Counter(
        contact.capture == "point-of-care"
        for child in children
        for contact in child.contacts
        if contact.outcome == "completed"
        and first <= contact.started_at.date() <= last
        and borough in (None, contact.borough)
    )
    return modes[True] / modes.total()


def test_digitisation_rises_from_2019_to_2021(children):
    years = [share(children, date(year, 1, 1), date(year, 12, 31)) for year in (2018, 2019, 2020, 2021)]
    assert years == sorted(years)
    assert years[1] < 0.2 < 0.7 < years[3]


def test_bury_was_first_and_boroughs_differ(children):
    summer = date(2020, 7, 1), date(2020, 9, 30)
    assert share(children, *summer, "bury") > 2 * share(children, *summer, "oldham")


def test_few_visits_were_made_in_the_first_months_of_the_pandemic(children):
    def visits(first):
        return sum(
            first <= contact.started_at.date() < first + timedelta(91)
            for child in children
            for contact in child.contacts
            if contact.review in ("one-year", "two-year")
        )

    assert visits(date(2020, 4, 1)) < 0.8 * visits(date(2019, 10, 1))


def test_a_form_is_filled_in_where_the_review_was_recorded_or_transcribed(children):
    for child in children:
        for contact in child.contacts:
            formed = contact.review in ("six-to-eight-week", "two-year")
            structured = contact.capture in ("point-of-care", "transcribed")
            assert bool(contact.answers) == (formed and structured and contact.outcome == "completed")


def test_the_demonstration_parents_child_has_shared_results_and_an_open_two_year_review(population):
    family = next(family for family in population if (family.borough, family.number) == ("bury", 0))
    (child,) = family.children
    assert 24 <= dates.completed_months(child.born_on, AS_AT) < 30
    assert {contact.review for contact in child.contacts} == set(parameters.TIMING) - {"two-year"}
    assert any(contact.shared for contact in child.contacts)


def test_the_demonstration_parent_is_there_however_few_the_children():
    (family,) = families(1, WORLD)
    assert (family.borough, family.number) == ("bury", 0)
