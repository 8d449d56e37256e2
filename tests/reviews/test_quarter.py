from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from healthvisit.programme.boroughs import BOROUGHS
from healthvisit.programme.dates import Quarter
from healthvisit.programme.digitisation import AtTarget
from healthvisit.record import endings
from healthvisit.record import record as the_record
from healthvisit.record.errors import Unprocessable
from healthvisit.reviews import arrival, encounters, quarter
from tests.builders import (
    CANONICAL,
    NOW,
    a_patient,
    a_requester,
    a_response,
    a_transaction,
    a_urn,
    an_encounter,
    an_entry,
    an_episode,
    code_of,
    extension,
    organization,
)

OPEN = Quarter.parse("2020-21 Q4")
PAST = Quarter.parse("2020-21 Q3")
TODAY = NOW.date()


class Town:
    """A record with children, visits and returns, and the figures that are frozen from it."""

    def __init__(self, database, definitions):
        self.database, self.definitions = database, definitions
        self.closings = 0

    def write(self, *entries, requester=None):
        with self.opened(requester or a_requester("service"), writing=True) as record:
            return record.transact(
                a_transaction(*entries),
                completed_by=lambda bundle: arrival.complete(bundle, self.definitions),
            )

    def opened(self, requester, *, writing=False, at=NOW):
        return the_record.opened(
            self.database, requester, definitions=self.definitions, at=at, writing=writing
        )

    def reviewed(
        self,
        count,
        *,
        review="two-year",
        on="2021-02-01",
        borough="bury",
        mode="point-of-care",
        recorded="10:45",
        recorded_on=None,
        born="2019-01-15",
        form=True,
        outcome="completed",
        asq3=None,
        episodes=None,
    ):
        """So many children of a borough, each with one visit of this kind."""
        entries = []
        for _ in range(count):
            child, contact = a_urn(), a_urn()
            entries.append(an_entry(a_patient(born=born), full_url=child))
            entries += [
                an_entry(an_episode(child, borough=where, start=start, end=end))
                for where, start, end in episodes or [(borough, born, None)]
            ]
            recorded_at = f"{recorded_on or on}T{recorded}:00Z"
            visit = an_encounter(child, review=review, on=on, borough=borough, mode=mode, outcome=outcome)
            if not form:
                visit["extension"].append(extension("recorded-at", valueDateTime=recorded_at))
            entries.append(an_entry(visit, full_url=contact))
            if form:
                name = f"{review}-review"
                entries.append(
                    an_entry(a_response(child, contact, questionnaire=name, authored=recorded_at, asq3=asq3))
                )
        self.write(*entries)

    def returned(self, borough="bury", *, until="2021-02-14", start="2021-01-01", **counts):
        """The borough's own books: counts by review, two_year=25 for example."""
        report = {
            "resourceType": "MeasureReport",
            "status": "complete",
            "type": "summary",
            "measure": f"{CANONICAL}/Measure/borough-return|1.0.0",
            "date": "2021-02-15",
            "reporter": {"reference": organization(borough)},
            "period": {"start": start, "end": until},
            "group": [
                {
                    "code": {"coding": [code_of("review", review.replace("_", "-"))]},
                    "population": [
                        {
                            "code": {
                                "coding": [
                                    {
                                        "system": "http://terminology.hl7.org/CodeSystem/measure-population",
                                        "code": "initial-population",
                                    }
                                ]
                            },
                            "count": count,
                        }
                    ],
                }
                for review, count in counts.items()
            ],
        }
        self.write(an_entry(report), requester=a_requester("system-client", boroughs=[borough]))

    def close(self, which=OPEN, on=TODAY, **options):
        self.closings += 1
        at = datetime(on.year, on.month, on.day, 9, self.closings, tzinfo=ZoneInfo("Europe/London"))
        with self.opened(a_requester("service"), writing=True, at=at) as record:
            quarter.close(record, which, on=on, **options)

    def figures(self, which=OPEN):
        """The quarter as a commissioner reads it."""
        with self.opened(a_requester("commissioner")) as record:
            return next(each for each in quarter.figures(record) if each.quarter == which)

    def area(self, borough="bury", which=OPEN):
        return next(each for each in self.figures(which).boroughs if each.borough == borough)


@pytest.fixture
def town(furnished, definitions):
    return Town(furnished, definitions)


def counted(figure):
    return figure.numerator, figure.denominator


def test_reviews_that_only_the_boroughs_books_know_stand_in_the_denominator(town):
    town.reviewed(10)
    town.returned(two_year=25)
    town.close()
    figure = town.area().digitisation
    assert counted(figure) == (10, 25)
    assert figure.rate == Fraction(10, 25)
    assert figure.classes["D"] == 15
    assert counted(town.area().reviews["two-year"]) == (10, 25)


def test_without_the_boroughs_return_the_rate_is_not_assessable(town):
    town.reviewed(10)
    town.close()
    figure = town.area().digitisation
    assert (figure.rate, figure.reason, figure.numerator) == (None, "no-return", None)
    whole = town.figures()
    assert whole.reporting == 0
    assert (whole.whole.digitisation.rate, whole.whole.digitisation.reason) == (None, "not-all-report")
    assert whole.line is None


def test_greater_manchester_is_the_sum_when_all_ten_report(town):
    town.reviewed(10)
    town.reviewed(8, borough="salford", form=False, mode="paper-only")
    for borough in BOROUGHS:
        town.returned(borough.slug, two_year={"bury": 12, "salford": 8}.get(borough.slug, 0))
    town.close()
    found = town.figures()
    assert found.reporting == 10
    assert counted(found.whole.digitisation) == (10, 20)
    assert found.whole.digitisation.rate == Fraction(1, 2)
    assert found.at_target.at_target == 0


def test_one_borough_that_does_not_report_leaves_greater_manchester_without_a_headline(town):
    town.reviewed(10)
    for borough in BOROUGHS:
        if borough.slug != "oldham":
            town.returned(borough.slug, two_year=10)
    town.close()
    found = town.figures()
    assert found.reporting == 9
    assert found.whole.digitisation.rate is None
    assert found.at_target == AtTarget(1, 9, 10)
    assert town.area().digitisation.rate == 1


def test_one_more_review_changes_the_refrozen_figure_by_exactly_one(town):
    town.reviewed(10)
    town.returned(two_year=25)
    town.close()
    town.reviewed(1, on="2021-02-15", recorded="10:50")
    town.close()
    assert counted(town.area().digitisation) == (11, 26)
    with town.opened(a_requester("commissioner")) as record:
        kept = list(record.each("MeasureReport", [("reporter", organization("bury"))]))
    assert len(kept) == 2


@pytest.mark.parametrize("kind", encounters.CONTACT_FORMS)
def test_an_additional_contact_counts_neither_for_digitisation_nor_for_coverage(town, kind):
    town.reviewed(10)
    town.returned(two_year=25)
    town.close()
    before = town.area()
    child, contact = a_urn(), a_urn()
    visit = an_encounter(child, on="2021-02-01")
    town.write(
        an_entry(a_patient(born="2018-08-20"), full_url=child),
        an_entry(an_episode(child, start="2018-08-20")),
        an_entry({**visit, "type": [{"coding": [code_of("contact", kind)]}]}, full_url=contact),
        an_entry(a_response(child, contact, questionnaire=encounters.CONTACT_FORMS[kind])),
    )
    town.close()
    after = town.area()
    assert after.digitisation == before.digitisation
    assert after.reviews == before.reviews


def test_a_paper_review_keyed_later_takes_the_place_of_one_in_the_books(town):
    town.reviewed(10)
    town.returned(two_year=25)
    town.reviewed(8, mode="transcribed", recorded_on="2021-02-10")
    town.close()
    classes = town.area().digitisation.classes
    assert (classes["A"], classes["B"], classes["D"]) == (10, 8, None)
    assert town.area().digitisation.denominator == 25


def test_a_review_keyed_in_the_evening_was_not_recorded_in_the_contact(town):
    town.reviewed(10)
    town.reviewed(9, recorded="18:30")
    town.returned(two_year=19)
    town.close()
    classes = town.area().digitisation.classes
    assert (classes["A"], classes["B"]) == (10, 9)


def test_a_visit_without_its_form_is_no_data_of_the_review(town):
    town.reviewed(8, form=False)
    town.reviewed(8)
    town.returned(two_year=16)
    town.close()
    classes = town.area().digitisation.classes
    assert (classes["A"], classes["C"]) == (8, 8)


def test_a_two_year_review_with_an_unscored_domain_is_not_class_a(town):
    town.reviewed(8, asq3={"fine-motor": ["yes", None, None, None, "yes", "yes"]})
    town.returned(two_year=8)
    town.close()
    assert town.area().digitisation.classes["C"] == 8
    assert town.area().digitisation.rate == 0


def test_a_review_without_a_form_of_ours_is_judged_by_when_it_was_first_recorded(town):
    town.reviewed(8, review="one-year", form=False)
    town.reviewed(9, review="one-year", form=False, recorded_on="2021-02-09")
    town.returned(one_year=17)
    town.close()
    classes = town.area().digitisation.classes
    assert (classes["A"], classes["B"]) == (8, 9)


def test_the_form_of_a_review_that_needs_no_answer_tells_when_it_was_recorded(town):
    town.reviewed(8, review="new-birth", born="2021-01-20", recorded="10:50")
    town.reviewed(9, review="new-birth", born="2021-01-20", recorded="12:00", recorded_on="2021-02-09")
    town.reviewed(10, review="one-year")
    town.returned(new_birth=17, one_year=10)
    town.close()
    classes = town.area().digitisation.classes
    assert (classes["A"], classes["B"]) == (18, 9)


def test_declined_reviews_are_not_counted(town):
    town.reviewed(9, form=False, outcome="declined")
    town.reviewed(8)
    town.returned(two_year=8)
    town.close()
    assert counted(town.area().digitisation) == (8, 8)


def test_twins_are_two_children(town):
    twins = [a_urn(), a_urn()]
    entries = []
    for child in twins:
        contact = a_urn()
        entries += [
            an_entry(a_patient(), full_url=child),
            an_entry(an_episode(child)),
            an_entry(an_encounter(child), full_url=contact),
            an_entry(a_response(child, contact)),
        ]
    town.write(*entries)
    town.reviewed(8)
    town.returned(two_year=10)
    town.close()
    assert counted(town.area().digitisation) == (10, 10)


def test_a_review_recorded_twice_for_one_child_is_one_review(town):
    child, contacts = a_urn(), [a_urn(), a_urn()]
    town.write(
        an_entry(a_patient(), full_url=child),
        an_entry(an_episode(child)),
        *(an_entry(an_encounter(child), full_url=contact) for contact in contacts),
        *(an_entry(a_response(child, contact)) for contact in contacts),
    )
    town.reviewed(8)
    town.returned(two_year=9)
    town.close()
    assert counted(town.area().digitisation) == (9, 9)


def test_a_move_counts_the_review_for_the_team_that_did_it_and_the_child_for_where_it_lives(town):
    # Turned two and a half in the quarter: due then, and Salford's by its end.
    moved = [("bury", "2018-06-05", "2020-12-01"), ("salford", "2020-12-01", None)]
    town.reviewed(9, on="2020-11-02", born="2018-06-05", episodes=moved)
    for borough in ("bury", "salford"):
        town.returned(borough, start="2020-10-01", until="2020-12-31", two_year=9 * (borough == "bury"))
    town.close(PAST)
    bury, salford = town.area("bury", PAST), town.area("salford", PAST)
    assert counted(bury.digitisation) == (9, 9)
    assert counted(bury.coverage) == (0, 0)
    assert counted(salford.digitisation) == (0, 0)
    assert counted(salford.coverage) == (9, 9)


def test_a_child_due_and_not_reviewed_lowers_coverage(town):
    town.reviewed(10, on="2020-11-02", born="2018-06-05")
    town.reviewed(8, on="2020-11-02", born="2018-06-05", form=False, outcome="no-access")
    town.close(PAST)
    assert counted(town.area(which=PAST).coverage) == (10, 18)


def test_in_an_open_quarter_only_children_whose_day_has_come_are_due(town):
    # Two and a half on 10 February, and on 10 March.
    town.reviewed(9, born="2018-08-10")
    town.reviewed(9, born="2018-09-10")
    town.close()
    assert counted(town.area().coverage) == (9, 9)


def test_a_child_whose_care_has_ended_is_due_nowhere_and_what_was_done_still_counts(town):
    # The second episode would have begun a day after care ended.
    twice = [("bury", "2018-08-10", None), ("bury", "2021-02-12", None)]
    town.reviewed(18, born="2018-08-10", episodes=twice)
    town.returned(two_year=18)
    town.close()
    assert counted(town.area().coverage) == (18, 18)
    lead = a_requester("team-lead")
    with town.opened(lead) as record:
        children = [each.id for each in record.search("Patient", []).matches]
    for child in children[:9]:
        with town.opened(lead, writing=True) as record:
            endings.end(record, child, endings.Ending(date(2021, 2, 11), "school-nursing"))
    town.close()
    assert counted(town.area().coverage) == (9, 9)
    assert counted(town.area().digitisation) == (18, 18)


def test_an_open_quarter_is_provisional(town):
    town.returned(two_year=0)
    town.close()
    assert town.area().provisional == "open-quarter"


def test_a_return_that_does_not_cover_the_whole_quarter_leaves_it_provisional(town):
    town.returned(start="2020-10-01", until="2020-11-30", two_year=0)
    town.returned("salford", start="2020-10-01", until="2020-12-31", two_year=0)
    town.close(PAST)
    assert town.area(which=PAST).provisional == "partial-return"
    assert town.area("salford", PAST).provisional is None


def test_the_return_that_goes_furthest_into_the_quarter_is_used(town):
    town.reviewed(8, on="2020-11-02", born="2018-06-05")
    town.returned(start="2020-10-01", until="2020-12-31", two_year=20)
    town.returned(start="2020-10-01", until="2020-11-30", two_year=99)
    town.close(PAST)
    assert town.area(which=PAST).digitisation.denominator == 20


def test_small_counts_are_withheld_when_frozen(town):
    town.reviewed(10)
    town.reviewed(3, mode="transcribed", recorded_on="2021-02-05")
    town.returned(two_year=13)
    town.close()
    figure = town.area().digitisation
    assert figure.classes["B"] is None
    assert sum(count is None for count in figure.classes.values()) > 1


def test_a_quarter_to_come_cannot_be_closed(town):
    with pytest.raises(ValueError, match="has not begun"):
        town.close(Quarter.parse("2021-22 Q1"))


def test_the_straight_line_begins_at_the_first_assessable_quarter(town):
    town.reviewed(8, on="2020-11-02", born="2018-06-05", mode="paper-only", form=False)
    for borough in BOROUGHS:
        town.returned(
            borough.slug, start="2020-10-01", until="2020-12-31", two_year=8 * (borough.slug == "bury")
        )
    town.close(PAST)
    town.close()
    assert town.figures(PAST).line == 0
    assert town.figures(OPEN).line == 1


def test_a_review_on_the_quarters_last_day_belongs_to_it(town):
    town.reviewed(8, on="2020-12-31", born="2018-12-20")
    town.returned(start="2020-10-01", until="2020-12-31", two_year=8)
    town.close(PAST)
    assert counted(town.area(which=PAST).digitisation) == (8, 8)


def test_a_borough_cannot_write_the_published_figures(town):
    town.reviewed(8)
    town.returned(two_year=8)
    town.close()
    with town.opened(a_requester("commissioner")) as record:
        frozen = next(record.each("MeasureReport", [("reporter", organization("bury"))])).json()
    own = {name: value for name, value in frozen.items() if name not in ("id", "meta")}
    with pytest.raises(Unprocessable) as refused:
        town.write(an_entry(own), requester=a_requester("system-client"))
    assert refused.value.issues[0].expression == "Bundle.entry[0].resource.measure"
