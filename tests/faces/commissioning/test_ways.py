import re
from xml.etree import ElementTree

import pytest

from healthvisit.faces.commissioning import queries, ways
from healthvisit.faces.commissioning.ways import Page, lost
from healthvisit.programme.funnel import NOT_RECORDED, STEPS, Way
from healthvisit.record.errors import NotFound
from healthvisit.reviews.quarter import REVIEWS
from tests.faces.commissioning.figures import NO_RETURN, Q2, Q3, WITHHELD, a_quarter
from tests.faces.commissioning.test_indicators import a_figure, every_area


def a_way(**counts):
    full = {"due": 1204, "attended": 992, "done": 989, "recorded": 934, "digital": 900}
    return Way(full | counts | dict.fromkeys(NOT_RECORDED, "not-recorded"))


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        (
            {},
            "The biggest drop is from due to attended in time: 212 of 1,204 children due had no review in time (17.6%).",
        ),
        (
            {"recorded": 700, "digital": 690},
            "The biggest drop is from done to recorded as complete data: 289 of 989 reviews done stayed on paper, came "
            "as a "
            "document, or left something out (29.2%).",
        ),
        (
            {"digital": 500},
            "The biggest drop is from recorded to recorded digitally: 434 of 989 reviews done were typed in later "
            "(43.9%).",
        ),
        (
            {"attended": "withheld"},
            "The biggest drop that is known is from done to recorded as complete data: 55 of 989 reviews done stayed on "
            "paper, came as a document, or left something out (5.6%).",
        ),
        (
            {"due": 20, "attended": 13, "recorded": 989, "digital": 989},
            "The biggest drop is from due to attended in time: fewer than eight of 20 children due had no review in "
            "time.",
        ),
        (
            {"due": 992, "recorded": 989, "digital": 989},
            "Between the steps that are known none is lost.",
        ),
        (
            {"due": "not-assessable", "recorded": "withheld"},
            "Where most are lost is not assessable: no two steps that follow each other are known.",
        ),
    ],
)
def test_the_biggest_drop_is_named_in_a_sentence(counts, sentence):
    assert lost(a_way(**counts)) == sentence


def page(definitions, *figures, review="two-year", found=()):
    return Page.of(review, figures, found, figures[-1].quarter if figures else None, definitions)


def test_every_step_has_its_count_its_meaning_and_its_source(definitions):
    found = page(definitions, a_quarter(), found=every_area("C6i", figure=a_figure(70, 100)))
    assert found.steps == (
        ("Due", "100", "100%"),
        ("Invited", "Not recorded", "Not recorded"),
        ("Attended in time", "70", "70.0%"),
        ("Reviews done", "1,000", "100%"),
        ("Recorded as complete data", "800", "80.0%"),
        ("Recorded digitally", "800", "80.0%"),
        ("In the national return", "Not recorded", "Not recorded"),
    )
    assert [each.step for each in found.definitions] == [name for name, _, _ in found.steps]
    assert all(each.meaning and each.source for each in found.definitions)
    assert "turned 30 months" in found.definitions[0].meaning
    assert found.definitions[0].code == "C6i"
    assert "no invitation is written down" in found.definitions[1].meaning
    assert found.sentence.startswith(
        "The biggest drop is from due to attended in time: 30 of 100 children due"
    )


@pytest.mark.parametrize("review", REVIEWS)
def test_each_review_has_its_page_and_says_what_its_steps_count(definitions, review):
    found = page(definitions, a_quarter(), review=review)
    assert len(found.definitions) == len(STEPS)
    assert len(found.rows) == 10
    assert found.steps[0][1] == "Not known"


def test_what_is_withheld_or_not_returned_is_said_and_drawn_as_a_broken_line(definitions):
    found = page(
        definitions,
        a_quarter(bury=WITHHELD, wigan=NO_RETURN),
        found=every_area("C6i", figure=a_figure(None, 100, reason="withheld")),
    )
    rows = {row.name: row.cells for row in found.rows}
    assert rows["Bury"] == ("100", "Not recorded", "Withheld", "12", "Withheld", "Withheld", "Not recorded")
    assert rows["Wigan"][3:6] == ("No return",) * 3
    drawn = ElementTree.fromstring(str(found.wide))
    assert len([each for each in drawn.iter() if each.get("stroke-dasharray")]) == 6
    assert len([each for each in drawn.iter() if each.tag.endswith("rect")]) == 1


def test_the_chart_is_named_holds_no_style_and_stays_within_its_frame(definitions):
    found = page(definitions, a_quarter(), found=every_area("C6i", figure=a_figure(70, 100)))
    for each, size in ((found.wide, "wide"), (found.narrow, "narrow")):
        drawn = ElementTree.fromstring(str(each))
        width = float(drawn.get("viewBox").split()[2])
        bars = [float(bar.get("width")) for bar in drawn.iter() if bar.tag.endswith("rect")]
        assert len(bars) == 5
        assert max(bars) <= width
        assert drawn.get("aria-labelledby") == f"way-{size}-title way-{size}-text"
        assert "style" not in each
    ids = re.findall(r' id="([^"]+)"', f"{found.wide}{found.narrow}")
    assert len(ids) == len(set(ids)) == 4


def test_the_quarter_asked_for_is_shown_and_before_any_there_is_none(definitions):
    found = Page.of("two-year", (a_quarter(Q2), a_quarter(Q3)), [], Q2, definitions)
    assert (found.quarter, found.quarters) == (Q2, (Q3, Q2))
    assert page(definitions).quarter is None


def test_a_code_of_no_review_is_not_found():
    assert queries.review("two-year") == "two-year"
    for code in ("C6i", "two-years", "", "all"):
        with pytest.raises(NotFound):
            queries.review(code)


def test_every_way_of_losing_a_review_has_its_words():
    whole = a_way()
    assert {(drop.start, drop.end) for drop in whole.drops()} == set(ways._LOST)


def test_a_share_of_what_is_withheld_or_of_none_is_no_share(definitions):
    withheld = page(
        definitions, a_quarter(), found=every_area("C6i", figure=a_figure(70, None, reason="withheld"))
    )
    assert withheld.steps[2] == ("Attended in time", "70", "Withheld")
    none = page(definitions, a_quarter(), found=every_area("C6i", figure=a_figure(0, 0, reason="none-due")))
    assert none.steps[2] == ("Attended in time", "0", "None")
