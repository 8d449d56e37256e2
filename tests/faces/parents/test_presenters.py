from datetime import date
from decimal import Decimal

import pytest

from healthvisit.access import visibility
from healthvisit.faces.parents.presenters import Looked, Progress, looked_at
from healthvisit.record.audit import Seen
from healthvisit.reviews.timeline import (
    Child,
    Contact,
    DomainResult,
    Gestation,
    Measurement,
    Results,
    Review,
    Timeline,
)

TODAY = date(2021, 2, 15)
BORN = date(2019, 1, 15)
POPPY = Child("poppy", "Poppy Ashworth", date(2019, 1, 15), None, None)


def a_review(state="done-on-time", *, code="two-year", results=None, done_on=None, **window):
    if state.startswith("done") and done_on is None:
        done_on = date(2021, 2, 1)
    return Review(
        code,
        "2 to 2½ year review",
        state,
        "",
        window.get("from_on", date(2021, 1, 15)),
        window.get("until_on", date(2021, 7, 15)),
        done_on,
        results=results,
    )


def a_domain(domain, zone, points="40", *, prorated=False):
    return DomainResult(domain, domain.title(), points and Decimal(points), zone, None, prorated)


def progress(*reviews, following=None):
    return Progress.of(Timeline(POPPY, TODAY, reviews, (), following))


def test_an_additional_contact_is_listed_beside_the_reviews_with_what_was_measured():
    weight = Measurement("Weight", Decimal("6.20"), "kg", "weight")
    held = Contact("Other contact", date(2021, 2, 1), Results((weight,)))
    found = Progress.of(Timeline(POPPY, TODAY, (), (), None, (held,)))
    assert found.contacts == ("Other contact, 1 February 2021",)
    assert found.reviews == ()
    assert found.growth.rows[0][0] == "1 February 2021"


def results_of(*domains, practice="Practice instrument: invented, not clinical"):
    return progress(a_review(results=Results(practice=practice, domains=domains))).results[0]


def test_the_age_is_said_in_years_and_months():
    assert progress().age == "2 years and 1 month old"


@pytest.mark.parametrize(
    ("state", "status", "when"),
    [
        ("not-yet", "Planned", "It can be done from 15 January 2021 to 15 July 2021."),
        ("open", "Can be done now", "It can be done now, until 15 July 2021."),
        ("due", "Can be done now", "It can be done now, until 15 July 2021."),
        ("overdue", "Not done yet", "It was planned for before 15 July 2021. Ask your health visitor if"),
        ("done-on-time", "Done", "Done on 1 February 2021."),
        ("done-late", "Done", "Done on 1 February 2021."),
        ("done-early", "Done", "Done on 1 February 2021."),
        ("declined", "Not wanted", "Your family chose not to have it."),
        ("no-access", "Missed", "We tried to see you and could not."),
    ],
)
def test_each_review_says_how_it_stands_and_when(state, status, when):
    line = progress(a_review(state)).reviews[0]
    assert line.status == status
    assert line.when.startswith(when)


def test_an_antenatal_review_without_a_record_is_not_said_to_be_missed():
    line = progress(a_review("not-applicable", code="antenatal")).reviews[0]
    assert line.when == "This review is before the birth. None is written down here."


def test_the_next_review_says_from_when_until_when():
    following = a_review("not-yet")
    assert progress(following, following=following).next.when.endswith("15 January 2021 to 15 July 2021.")


def test_a_window_without_an_end_is_not_given_one():
    assert (
        progress(a_review("open", until_on=None)).reviews[0].when == "Your health visitor will tell you when."
    )


def test_no_next_review_is_none():
    assert progress(a_review()).next is None


def test_each_skill_stands_in_one_group_of_words():
    found = results_of(
        a_domain("gross-motor", "on-schedule"),
        a_domain("communication", "monitor"),
        a_domain("problem-solving", "below"),
        a_domain("personal-social", "not-classified", None),
    )
    assert found.strengths == ("big movements, like walking and climbing",)
    assert found.to_practise == ("talking and understanding",)
    assert found.to_look_at == ("working things out",)
    assert found.not_compared == ("playing and getting on with people",)


def test_points_are_said_as_counted_and_unknown_is_no_nought():
    found = results_of(
        a_domain("communication", "monitor", "37.5", prorated=True),
        a_domain("fine-motor", "not-classified", None),
        a_domain("gross-motor", "below", "0"),
    )
    assert [points for _, points in found.points] == ["37.5, from fewer answers", "too few answers", "0"]


def test_a_practice_instrument_is_named_as_one_and_a_licensed_one_is_not():
    assert results_of(a_domain("communication", "monitor")).is_practice
    assert not results_of(a_domain("communication", "monitor"), practice=None).is_practice


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("totally", "At this review your baby had breast milk only."),
        ("partially", "At this review your baby had breast milk and other milk."),
        ("not-at-all", "At this review your baby had milk other than breast milk."),
    ],
)
def test_feeding_is_told_without_judging_it(status, said):
    assert progress(a_review(results=Results(feeding=(status, "")))).results[0].feeding == said


def test_unknown_feeding_is_not_a_result():
    assert progress(a_review(results=Results(feeding=("unknown", "")))).results == ()


def test_a_review_that_shared_nothing_has_no_result_and_no_growth():
    found = progress(a_review())
    assert found.results == ()
    assert found.growth is None


def a_weight(kg):
    return Results((Measurement("Weight", Decimal(kg), "kg", "weight"),))


def weighed(*weights, gestation=None, gender="female", died_on=None):
    """The growth of Mia, whose weights these are with their days."""
    mia = Child("mia", "Mia <Ashworth>", BORN, gestation, None, died_on, gender=gender)
    reviews = tuple(a_review(done_on=on, results=a_weight(kg)) for on, kg in weights)
    return Progress.of(Timeline(mia, TODAY, reviews, (), None)).growth


@pytest.mark.parametrize(
    ("kg", "sentence"),
    [
        # The median of girls at one year, and the ends.
        ("8.946", "Of 100 girls of the same age, about 50 weigh less and 50 weigh more."),
        ("8.3", "Of 100 girls of the same age, about 27 weigh less and 73 weigh more."),
        ("5.9", "Fewer than 1 of 100 girls of the same age weigh less."),
        ("15.5", "Fewer than 1 of 100 girls of the same age weigh more."),
    ],
)
def test_how_a_weight_compares_is_said_of_a_hundred_children(kg, sentence):
    (chart,) = weighed((date(2020, 1, 15), kg)).charts
    assert chart.title == "Weight"
    assert chart.sentence == sentence


def test_the_newest_measurement_is_the_one_that_is_compared():
    (chart,) = weighed((date(2020, 1, 15), "8.946"), (date(2019, 3, 12), "4.0")).charts
    assert "about 50 weigh less" in chart.sentence


def test_a_chart_says_in_words_what_it_shows_and_its_words_are_no_markup():
    (chart,) = weighed((date(2020, 1, 15), "8.946")).charts
    for drawn in (chart.wide, chart.narrow):
        assert "Weight of Mia &lt;Ashworth&gt; on the growth chart, by age</title>" in drawn
        assert "On 15 January 2020 the point was on the 50th centile." in drawn
        assert "<Ashworth>" not in drawn
        assert "style=" not in drawn
        assert drawn.count("<circle") == 1


def test_of_a_child_born_early_both_ages_are_shown_and_told_apart():
    growth = weighed((date(2019, 3, 12), "2.6"), gestation=Gestation(30, 2))
    assert growth.ages.startswith("Mia <Ashworth> was born 9 weeks early.")
    (chart,) = growth.charts
    # A dot at the age since the due date, and a cross at the age since birth.
    assert chart.wide.count("<circle") == 1
    assert chart.wide.count("l10 10m0 -10l-10 10") == 1


def test_a_child_born_when_due_has_one_age():
    growth = weighed((date(2019, 3, 12), "4.6"), gestation=Gestation(37, 0))
    assert growth.ages is None
    assert "l10 10m0 -10l-10 10" not in growth.charts[0].wide


def test_where_nobody_stated_when_a_child_was_due_it_is_not_taken_to_be_born_then():
    growth = weighed((date(2019, 3, 12), "4.6"))
    assert growth.ages.startswith(
        "The age on the charts is counted from the day of birth. If your child was born early"
    )


@pytest.mark.parametrize("gender", ["other", "unknown", None])
def test_a_child_who_has_no_chart_has_the_numbers_all_the_same(gender):
    growth = weighed((date(2020, 1, 15), "8.9"), gender=gender)
    assert growth.charts == ()
    assert growth.rows[0][2] == "8.9\N{NO-BREAK SPACE}kg"


def test_a_child_who_died_is_compared_with_nobody():
    growth = weighed((date(2020, 1, 15), "8.9"), died_on=date(2020, 6, 1))
    assert growth.charts == ()
    assert growth.unread is None
    assert growth.rows


def test_what_no_child_weighs_is_in_the_table_and_said_to_be_on_no_chart():
    growth = weighed((date(2020, 1, 15), "8.9"), (date(2019, 3, 12), "51"))
    assert growth.unread == "1 number could not be put on a chart. The table has all of them."
    assert [row[2] for row in growth.rows] == ["8.9\N{NO-BREAK SPACE}kg", "51\N{NO-BREAK SPACE}kg"]
    assert growth.charts[0].wide.count("<circle") == 1
    assert weighed((date(2020, 1, 15), "89")).unread.startswith("1 number")


def test_growth_keeps_the_digits_that_were_measured():
    two = Results(
        (Measurement("Weight", Decimal("12.50"), "kg"), Measurement("Height", Decimal("86.0"), "cm"))
    )
    six = Results(
        (
            Measurement("Weight", Decimal("5.10"), "kg"),
            Measurement("Length", Decimal("57.5"), "cm"),
            Measurement("Head circumference", Decimal("39.0"), "cm"),
        )
    )
    growth = progress(
        a_review(code="six-to-eight-week", done_on=date(2019, 3, 12), results=six), a_review(results=two)
    ).growth
    assert growth.columns == ("Date", "Age", "Weight", "Length or height", "Head")
    assert growth.rows == (
        (
            "1 February 2021",
            "2 years",
            "12.50\N{NO-BREAK SPACE}kg",
            "86.0\N{NO-BREAK SPACE}cm",
            "Not measured",
        ),
        (
            "12 March 2019",
            "8 weeks",
            "5.10\N{NO-BREAK SPACE}kg",
            "57.5\N{NO-BREAK SPACE}cm",
            "39.0\N{NO-BREAK SPACE}cm",
        ),
    )
    weight, height = "12.50\N{NO-BREAK SPACE}kg", "86.0\N{NO-BREAK SPACE}cm"
    assert growth.sentence == f"On 1 February 2021 your child’s weight was {weight} and height was {height}."


class TestWhoLooked:
    def seen(
        self, day, type_="Patient", *, role="health-visitor", borough="E08000002", client=None, opened=False
    ):
        return Seen(date(2021, 2, day), role, (borough,), client, type_, opened)

    def test_each_day_tells_what_kind_of_person_looked_at_what(self):
        days = looked_at(
            [self.seen(15, "Observation"), self.seen(15), self.seen(1), self.seen(15, "Encounter")]
        )
        assert days == [
            (
                date(2021, 2, 15),
                [
                    Looked(
                        "Your health visiting team",
                        "name and details, reviews and visits and results and measurements",
                    )
                ],
            ),
            (date(2021, 2, 1), [Looked("Your health visiting team", "name and details")]),
        ]

    def test_an_emergency_and_a_system_are_told_apart_and_no_place_or_app_is_named(self):
        seen = [
            self.seen(15, opened=True, borough="E08000006"),
            self.seen(15, role="system-client", client="lab-7"),
            self.seen(15, client="tablet-3"),
        ]
        ((_, looks),) = looked_at(seen)
        assert [look.who for look in looks] == [
            "Your health visiting team",
            "A health visiting team that does not usually see your child, in an emergency",
            "A computer system of the health service",
        ]
        assert not [word for word in ("E0800", "lab", "tablet") if word in repr(looks)]

    def test_every_kind_of_thing_that_parents_see_has_a_word(self):
        for type_ in visibility.TYPES:
            ((_, (look,)),) = looked_at([self.seen(15, type_)])
            assert look.what
