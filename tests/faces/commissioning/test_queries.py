import pytest

from healthvisit.faces.commissioning import queries
from healthvisit.programme.boroughs import BY_SLUG
from healthvisit.record.errors import NotFound
from tests.faces.commissioning.figures import NO_RETURN, Q2, Q3, Q4, a_quarter

SILENT = dict.fromkeys(BY_SLUG, NO_RETURN)
FIGURES = (a_quarter(Q2), a_quarter(Q3), a_quarter(Q4, **SILENT))


def test_the_newest_quarter_that_a_borough_has_reported_is_shown_first():
    assert queries.chosen({}, FIGURES) == (Q3, None)


def test_where_no_borough_has_reported_the_newest_is_shown():
    assert queries.chosen({}, (a_quarter(Q4, **SILENT),)) == (Q4, None)


def test_the_quarter_asked_for_is_shown():
    assert queries.chosen({"quarter": "2020-21 Q2"}, FIGURES) == (Q2, None)


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "x",
        "2020-21 Q5",
        "2020-22 Q1",
        "2031-32 Q1",
        "2020-21",
        "Q1",
        "2020-21 Q1'--",
        "٢٠٢٠-٢١ Q1",
        "9" * 5000,
    ],
)
def test_anything_else_is_an_error_in_words_and_the_newest_is_shown(asked):
    assert queries.chosen({"quarter": asked}, FIGURES) == (Q3, queries.NOT_IN_LIST)


def test_what_the_page_does_not_know_is_left_alone():
    assert queries.chosen({"utm_source": "mail"}, FIGURES).error is None


def test_before_any_quarter_is_closed_none_is_shown():
    assert queries.chosen({}, ()) == (None, None)


def test_a_code_of_no_borough_is_not_found():
    assert queries.borough("E08000002").name == "Bury"
    with pytest.raises(NotFound):
        queries.borough("E08000035")
