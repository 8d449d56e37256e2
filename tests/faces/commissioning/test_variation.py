"""What a commissioner reads of a series: a word, a sentence, an icon, a chart and a table that say the same."""

import re
from fractions import Fraction
from xml.etree import ElementTree

import pytest

from healthvisit.faces.commissioning import variation
from healthvisit.faces.commissioning.indicators import IndicatorPage
from healthvisit.faces.commissioning.presenters import BoroughPage, Overview
from healthvisit.faces.commissioning.variation import Series, Told
from healthvisit.programme import spc
from healthvisit.programme.boroughs import BY_SLUG
from healthvisit.programme.dates import Quarter
from tests.faces.commissioning.figures import NO_RETURN, Q3, Q4, WITHHELD, a_quarter
from tests.faces.commissioning.test_indicators import a_figure, an_indicator

SVG = "{http://www.w3.org/2000/svg}"
LEVEL = [59, 61] * 5


def quarters(count, last=Q3):
    """So many quarters to the last, earliest first."""
    found = [last]
    while len(found) < count:
        found.insert(0, found[0].previous)
    return found


def told(shares, *, good="high", target=None, key="chart"):
    """shares: of a hundred, to 2020-21 Q3; None where one is not published."""
    known = dict(
        zip(
            quarters(len(shares)),
            (None if each is None else Fraction(each, 100) for each in shares),
            strict=True,
        )
    )
    return Told.of("Bury", Series.of(known), title="Share", good=good, target=target, key=key)


def svg(found):
    return ElementTree.fromstring(str(found.wide))


def kinds(found):
    return [each.get("data-told") for each in svg(found).iter(f"{SVG}polygon")]


def test_a_wobble_is_called_ordinary_variation():
    found = told([*LEVEL, 62, 58])
    assert found.verdict == "Ordinary variation"
    assert found.sentence == (
        "In its newest final quarter with a share, October to December 2020 (2020-21 Q3), Bury moved no more than it "
        "always has."
    )
    assert kinds(found) == []
    assert {row.tells for row in found.rows} == {"Ordinary variation"}


@pytest.mark.parametrize(
    ("shares", "good", "verdict", "sentence"),
    [
        (
            [*LEVEL, *[64, 63] * 4],
            "high",
            "Special cause: improving",
            "Since January to March 2019 (2018-19 Q4) Bury has stood above its mean of 61.6%: 8 quarters in a row. "
            "That is "
            "an improvement.",
        ),
        (
            [*LEVEL, *[56, 57] * 4],
            "high",
            "Special cause: getting worse",
            "Since January to March 2019 (2018-19 Q4) Bury has stood below its mean of 58.4%: 8 quarters in a row. "
            "That is "
            "a change for the worse.",
        ),
        (
            [*LEVEL, *LEVEL, 80],
            "high",
            "Special cause: improving",
            "In October to December 2020 (2020-21 Q3) Bury stood above the limit of its ordinary variation, 66.3%. "
            "That is "
            "an improvement.",
        ),
        (
            [*LEVEL, *LEVEL, 80],
            "neither",
            "Special cause: a change that is neither better nor worse",
            "In October to December 2020 (2020-21 Q3) Bury stood above the limit of its ordinary variation, 66.3%. "
            "Neither "
            "higher nor lower is better by itself.",
        ),
        (
            [60, 57, 62, 58, 61, 59, 62, 57, 54, 55, 56, 58, 60, 62, 64],
            "high",
            "Special cause: improving",
            "Since April to June 2019 (2019-20 Q1) Bury has risen quarter after quarter: six times in a row. That is an "
            "improvement.",
        ),
        (
            [59, 61] * 10 + [65, 60, 65],
            "high",
            "Special cause: improving",
            "Since April to June 2020 (2020-21 Q1) at least two of three quarters have stood far above Bury's mean of "
            "60.4%: "
            "more than two thirds of the way to the limit. That is an improvement.",
        ),
    ],
)
def test_what_changed_since_when_is_one_sentence(shares, good, verdict, sentence):
    found = told(shares, good=good)
    assert (found.verdict, found.sentence) == (verdict, sentence)


def test_with_fewer_than_ten_quarters_there_are_too_few_to_tell_and_the_points_stand_there():
    found = told([*LEVEL[:8]])
    assert found.verdict == "Too few points to tell"
    assert found.sentence == (
        "8 quarters have a final share that is published; 10 are the fewest that can tell a change from ordinary "
        "variation."
    )
    assert (found.icon, found.assurance, found.limits, found.legend) == (None, "", "", ())
    assert len(list(svg(found).iter(f"{SVG}circle"))) == 8
    assert {row.tells for row in found.rows} == {""}


def test_without_any_share_there_is_no_chart():
    found = told([None, None])
    assert (found.verdict, found.wide, found.rows) == ("Too few points to tell", None, ())
    assert found.sentence.startswith("0 quarters have")


def test_where_limits_have_no_width_nothing_is_told():
    found = told([0] * 19 + [50])
    assert found.verdict == "Not assessable"
    assert "cannot be told" in found.sentence


def test_quarters_that_do_not_follow_each_other_are_too_few_steps():
    assert told([60, None] * 10).sentence == (
        "10 quarters have a final share, and too few of them follow each other."
    )


def test_a_share_that_is_not_published_is_a_gap_in_chart_and_table_and_never_a_nought():
    found = told([*LEVEL[:5], None, *LEVEL[5:]])
    (line,) = [each.get("d") for each in svg(found).iter(f"{SVG}path") if each.get("stroke-width") == "2"]
    assert line.count("M") == 2
    gap = found.rows[5]
    assert (gap.share, gap.tells) == ("None published", "A gap")
    assert [row.quarter for row in found.rows] == [str(each) for each in reversed(quarters(11))]


def test_a_quarter_that_was_never_frozen_is_a_gap_between_those_that_were():
    first, missing, last = quarters(3)
    found = Series.of({first: Fraction(1, 2), last: Fraction(1, 2), last.next: None})
    assert found.quarters == (first, missing, last)
    assert found.shares == (Fraction(1, 2), None, Fraction(1, 2))


@pytest.mark.parametrize(
    ("shares", "word"), [([100] * 10, "Will pass"), (LEVEL, "Will fail"), ([97, 99] * 5, "Hit and miss")]
)
def test_the_target_is_held_against_the_limits_and_named(shares, word):
    found = told(shares, target=Fraction(1))
    assert found.assurance.startswith(f"{word}: going on like this")
    assert "the target of 100%" in found.assurance
    assert found.assurance_icon is not None
    assert "changing" not in found.assurance
    assert told(shares).assurance == ""


def test_limits_of_a_share_that_changes_are_said_to_be_of_before_and_after():
    found = told([*LEVEL, *[64, 63] * 4], target=Fraction(1))
    assert found.assurance.endswith(
        "these limits are those of all its quarters, before the change and after."
    )


def test_which_side_is_good_is_said_and_no_limit_is_said_that_no_share_can_reach():
    assert told([97, 99] * 5).limits == (
        "Higher is better. Its mean is 98.0%, and as long as nothing changes its quarters lie from 92.7% to 100%."
    )
    assert told(LEVEL, good="neither").limits.startswith("Neither higher nor lower is better by itself.")


def test_a_point_is_told_by_its_shape_its_row_and_the_legend():
    found = told([*LEVEL, *[64, 63] * 4])
    assert kinds(found) == ["worsening"] * 10 + ["improving"] * 8
    assert [row.tells for row in found.rows[:8]] == ["One of 8 in a row above the mean"] * 8
    assert [meaning for _, meaning in found.legend] == ["Improving (square)", "Getting worse (diamond)"]
    shapes = [
        [
            each.get("points").count(",")
            for each in svg(told([*LEVEL, *LEVEL, last], good=good)).iter(f"{SVG}polygon")
        ]
        for last, good in ((80, "high"), (40, "high"), (80, "neither"))
    ]
    assert shapes == [[4], [4], [3]]


def test_two_signs_that_point_both_ways_are_said_to():
    found = told([0, 2] * 8 + [60, 59, 58, 57, 56, 55, 54])
    assert found.verdict == "Special cause: its signs point both ways"
    assert found.sentence.endswith(
        "Another rule points the other way, so it is called neither better nor worse."
    )
    assert "±" in found.icon


def test_the_chart_is_well_formed_named_and_holds_no_style():
    found = told([*LEVEL, 80], target=Fraction(1))
    for each, size in ((found.wide, "wide"), (found.narrow, "narrow")):
        drawn = ElementTree.fromstring(str(each))
        assert drawn.get("role") == "img"
        assert drawn.get("aria-labelledby").split() == [f"chart-{size}-title", f"chart-{size}-text"]
        assert drawn.find(f"{SVG}title").text == "Share, Bury, by quarter"
        assert found.sentence in drawn.find(f"{SVG}desc").text
        assert "style" not in each


@pytest.mark.parametrize(
    "shares",
    [LEVEL, [*LEVEL, 99, 1], [0, 3] * 6, [97, 100] * 5, [60] * 10, [0] * 10, [100] * 10, [50], [10] * 30],
)
def test_every_point_and_every_word_lies_inside_the_drawing(shares):
    found = told(shares, target=Fraction(1))
    for each in (found.wide, found.narrow):
        drawn = ElementTree.fromstring(str(each))
        _, _, width, height = map(float, drawn.get("viewBox").split())
        places = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in drawn.iter(f"{SVG}circle")]
        places += [(float(text.get("x")), float(text.get("y"))) for text in drawn.iter(f"{SVG}text")]
        for path in drawn.iter(f"{SVG}path"):
            places += [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", path.get("d"))]
        for shape in drawn.iter(f"{SVG}polygon"):
            places += [tuple(map(float, pair.split(","))) for pair in shape.get("points").split()]
        assert all(0 <= x <= width and 0 <= y <= height for x, y in places)


def test_names_are_escaped_in_the_chart():
    series = Series.of({Q3: Fraction(1, 2)})
    found = Told.of('<b>"&', series, title="<i>", good="high", key="chart")
    assert ElementTree.fromstring(str(found.wide)).find(f"{SVG}title").text == '<i>, <b>"&, by quarter'


def test_the_page_explains_each_of_the_four_rules_with_the_numbers_of_the_code():
    said = dict(variation.rules())
    assert len(variation._RULES) == len(spc.RULES)
    assert {term for term, _ in variation._RULES.values()} <= said.keys()
    assert f"{float(spc.LIMITS)} times" in said["Mean and limits"]
    assert f"{float(spc.SCREEN)} times" in said["Mean and limits"]
    assert f"{spc.RUN} or more" in said["A shift"]
    assert f"{spc.FEWEST} or more" in said["Which quarters"]


def figures(shares, **of):
    return [
        a_quarter(quarter, every=(share, 100), **of)
        for quarter, share in zip(quarters(len(shares)), shares, strict=True)
    ]


def test_a_boroughs_page_tells_its_share_and_its_coverage():
    page = BoroughPage.of(figures([*LEVEL, 80]), BY_SLUG["bury"])
    (digitised, share), (covered, coverage) = page.changes
    assert (digitised, share.verdict) == ("Recorded digitally", "Special cause: improving")
    assert (covered, coverage.verdict) == ("Coverage", "Ordinary variation")
    assert share.assurance
    assert not coverage.assurance


def test_a_share_that_is_withheld_or_provisional_is_no_part_of_what_is_told():
    open_quarter = a_quarter(Q4, every=(1, 100), provisional="open-quarter")
    page = BoroughPage.of([*figures(LEVEL), open_quarter], BY_SLUG["bury"])
    assert [each.rows[0].quarter for _, each in page.changes] == [str(Q3), str(Q3)]
    partly = a_quarter(Q4, every=(1, 100), provisional="partial-return")
    page = BoroughPage.of([*figures(LEVEL), partly], BY_SLUG["bury"])
    assert [each.rows[0].quarter for _, each in page.changes] == [str(Q3), str(Q4)]
    hidden = figures(LEVEL)
    hidden[4] = a_quarter(hidden[4].quarter, bury=WITHHELD, wigan=NO_RETURN)
    page = BoroughPage.of(hidden, BY_SLUG["bury"])
    assert page.changes[0][1].verdict == "Too few points to tell"
    assert "12" not in str(page.changes[0][1].rows)


def test_the_monday_page_tells_of_each_borough_and_draws_nothing_for_it():
    found = Overview.of(figures([*LEVEL, 80], bury=(50, 100)), Q3).changes
    assert [each.name for each in found][:3] == ["Greater Manchester", "Bolton", "Bury"]
    assert len(found) == 11
    assert found[0].verdict == "Special cause: improving"
    assert found[2].verdict == "Ordinary variation"
    assert {each.wide for each in found} == {None}


def test_an_indicators_page_tells_of_each_area_and_a_count_has_no_chart(definitions):
    found = [
        an_indicator(a_figure(share, 100), quarter=quarter, borough=borough)
        for quarter, share in zip(quarters(11), [*LEVEL, 80], strict=True)
        for borough in ("bury", None)
    ]
    page = IndicatorPage.of(found, "C2", definitions)
    assert page.changes["Bury"].verdict == "Special cause: improving"
    assert page.changes["Wigan"].verdict == "Too few points to tell"
    ids = [
        each
        for told in page.changes.values()
        for each in re.findall(r' id="([^"]+)"', f"{told.wide}{told.narrow}")
    ]
    assert len(ids) == len(set(ids)) == 8
    late = [an_indicator(each.figure, "C3", each.borough, each.quarter) for each in found]
    assert IndicatorPage.of(late, "C3", definitions).changes["Bury"].verdict == (
        "Special cause: a change that is neither better nor worse"
    )
    counts = [an_indicator(a_figure(31, None, None, "a-count"), "all-five")]
    assert IndicatorPage.of(counts, "all-five", definitions).changes == {}


def test_an_open_quarter_of_an_indicator_is_no_part_of_what_is_told(definitions):
    found = [
        an_indicator(a_figure(share, 100, is_open=quarter == Q4), quarter=quarter)
        for quarter, share in zip(quarters(11, Q4), [*LEVEL, 10], strict=True)
    ]
    assert IndicatorPage.of(found, "C2", definitions).changes["Bury"].verdict == "Ordinary variation"


def test_every_quarter_has_its_own_place():
    series = Series.of(dict.fromkeys(quarters(5), Fraction(1, 2)))
    assert list(series.quarters) == quarters(5)
    assert all(isinstance(each, Quarter) for each in series.quarters)
