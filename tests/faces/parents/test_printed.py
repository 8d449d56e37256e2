from base64 import b64decode
from datetime import date
from decimal import Decimal

import pytest

from healthvisit.faces.parents.printed import Copy
from healthvisit.reviews.family_copy import Contact, FamilyCopy, Finding, Found
from healthvisit.reviews.timeline import (
    Child,
    DomainResult,
    Gestation,
    Measurement,
    Results,
    Review,
    Timeline,
)

TODAY, BORN = date(2021, 2, 15), date(2019, 1, 15)
DONE_ON = date(2020, 1, 10)
WEIGHT = Measurement("Weight", Decimal("8.900"), "kg", "weight")


def a_copy(*contacts, child=None, names=(), beside=(), measured=()):
    poppy = child or Child("poppy", "Poppy <Ashworth>", BORN, None, "9990000018", gender="female")
    review = Review(
        "one-year", "1 year review", "done-on-time", "", None, None, DONE_ON, results=Results(measured)
    )
    return Copy.of(
        FamilyCopy(
            Timeline(poppy, TODAY, (review,), (), None), names, tuple(contacts), Found(tuple(beside), ()), ()
        )
    )


def test_the_details_are_those_that_are_known():
    child = Child("poppy", "Poppy Ashworth", BORN, Gestation(33, 1), "9990000018", gender="female")
    assert a_copy(child=child, names=("Poppy Barlow",)).details == (
        ("Name", "Poppy Ashworth"),
        ("Another name", "Poppy Barlow"),
        ("Born", "15 January 2019"),
        ("Gender", "Female"),
        ("NHS number", "999 000 0018"),
        ("Born after", "33 weeks and 1 day of pregnancy"),
    )
    assert a_copy(child=Child("rose", "Rose", BORN, None, None)).details == (
        ("Name", "Rose"),
        ("Born", "15 January 2019"),
    )


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("completed", "It took place."),
        ("declined", "Your family chose not to have it."),
        ("no-access", "We tried to see you and could not."),
        (None, "It is not over."),
    ],
)
def test_a_visit_says_when_it_was_and_how_it_ended(outcome, said):
    (visit,) = a_copy(Contact("1 year review", DONE_ON, outcome, Found((), ()))).visits
    assert (visit.heading, visit.ended) == ("1 year review, 10 January 2020", said)


def test_a_visit_of_no_day_has_none():
    assert a_copy(Contact("Contact", None, None, Found((), ()))).visits[0].heading == "Contact"


def test_what_was_found_at_a_visit_is_told_in_words_and_as_it_was_written_down():
    domain = DomainResult("communication", "Communication", Decimal("20"), "monitor", None, False)
    findings = (
        Finding("Weight", "8.900 kg", DONE_ON),
        Finding("First step on", date(2020, 1, 2), None),
    )
    (visit,) = a_copy(
        Contact(
            "1 year review",
            DONE_ON,
            "completed",
            Found(findings, (Results(instrument="ASQ-3", domains=(domain,)),)),
        )
    ).visits
    ((instrument, result),) = visit.told.results
    assert instrument == "ASQ-3"
    assert result.to_practise == ("talking and understanding",)
    assert visit.told.findings == (
        ("Weight", "10 January 2020", "8.900 kg"),
        ("First step on", "Not stated", "2 January 2020"),
    )


def test_what_belongs_to_no_visit_is_told_too():
    beside = a_copy(beside=[Finding("Teeth", "4", DONE_ON)]).beside
    assert beside.findings == (("Teeth", "10 January 2020", "4"),)
    assert a_copy().beside is None


def test_a_chart_is_a_picture_with_words_for_whoever_does_not_see_it():
    copy = a_copy(measured=(WEIGHT,))
    (chart,) = copy.charts
    kind, _, drawing = chart.picture.partition(",")
    svg = b64decode(drawing).decode()
    assert kind == "data:image/svg+xml;base64"
    assert svg.startswith("<svg")
    assert svg.count("<circle") == 1
    assert chart.told.startswith(
        "Weight of Poppy <Ashworth> on the growth chart, by age. Nine lines show how children grow. "
        "On 10 January 2020 the point was"
    )
    assert chart.sentence == copy.child.growth.charts[0].sentence


def test_without_a_measurement_there_is_no_chart():
    assert a_copy().charts == ()
