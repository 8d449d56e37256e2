from datetime import date

import pytest

from healthvisit.definitions import BadDefinition, Definitions
from healthvisit.programme.pathway import Span
from healthvisit.reviews import windows

TODAY = date(2021, 2, 15)


def test_the_five_statutory_reviews_stand_in_their_order(definitions):
    codes = [window.code for window in windows.in_force(definitions, TODAY).reviews]
    assert codes == ["antenatal", "new-birth", "six-to-eight-week", "one-year", "two-year"]


def test_a_windows_edges_are_those_of_the_table(definitions):
    two_year = windows.in_force(definitions, TODAY).reviews[4]
    assert two_year.title == "2 to 2½ year review"
    assert (two_year.opens, two_year.closes) == (Span(months=24), Span(months=30))
    assert two_year.first_on(date(2019, 1, 15)) == date(2021, 1, 15)


def test_the_stages_are_nine_and_the_targeted_one_says_so(definitions):
    stages = windows.in_force(definitions, TODAY).stages
    assert [stage.window.code for stage in stages] == ["1", "2", "3", "4", "4b", "5", "6", "7", "8"]
    assert [stage.window.code for stage in stages if stage.window.targeted] == ["4b"]
    assert stages[3].reviews == {"one-year"}
    assert not stages[0].reviews


def test_the_suggested_contacts_open_at_their_ages_and_end_where_the_next_one_opens(definitions):
    earlier, later = windows.in_force(definitions, TODAY).contacts
    assert (earlier.code, later.code) == ("three-to-four-month", "six-month")
    born = date(2020, 8, 31)
    assert (earlier.first_on(born), earlier.last_on(born)) == (date(2020, 11, 30), date(2021, 2, 27))
    assert (later.first_on(born), later.last_on(born)) == (date(2021, 2, 28), date(2021, 5, 30))


def changed(definitions, id_, **elements):
    resources = {
        key: {**body, **elements} if key == ("PlanDefinition", id_) else body
        for key, body in definitions.resources.items()
    }
    return Definitions(resources, definitions.elements, definitions.pack)


def test_a_table_counts_only_in_the_days_it_was_in_force(definitions):
    ended = changed(definitions, "statutory-reviews", effectivePeriod={"end": "2020-12-31"})
    assert windows.in_force(ended, date(2020, 12, 31)).reviews
    with pytest.raises(BadDefinition):
        windows.in_force(ended, date(2021, 1, 1))


def test_a_retired_table_counts_no_more(definitions):
    with pytest.raises(BadDefinition):
        windows.in_force(changed(definitions, "gm-stages", status="retired"), TODAY)
