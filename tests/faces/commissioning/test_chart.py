import re
from fractions import Fraction
from xml.etree import ElementTree

import pytest

from healthvisit.faces.commissioning.presenters import Overview
from tests.faces.commissioning.figures import NO_RETURN, Q2, Q3, Q4, a_quarter

SVG = "{http://www.w3.org/2000/svg}"
BLUE = "#005eb8"
QUARTERS = (
    a_quarter(Q2, every=(50, 100), line="0.5"),
    a_quarter(Q3, every=(80, 100), line="0.75"),
    a_quarter(Q4, every=(100, 100), line="1"),
)


def charts(*quarters):
    page = Overview.of(quarters, quarters[-1].quarter)
    return page, [ElementTree.fromstring(str(each)) for each in (page.chart_wide, page.chart_narrow)]


def dots(svg):
    return [each for each in svg.iter(f"{SVG}circle") if each.get("fill") == BLUE]


def test_the_chart_is_well_formed_and_says_in_words_what_it_shows():
    for svg in charts(*QUARTERS)[1]:
        named = [svg.find(f"{SVG}{part}") for part in ("title", "desc")]
        assert svg.get("role") == "img"
        assert svg.get("aria-labelledby").split() == [part.get("id") for part in named]
        assert named[1].text.startswith(
            "Greater Manchester: 2020-21 Q2 50.0%; 2020-21 Q3 80.0%; 2020-21 Q4 100%."
        )


def test_the_two_charts_of_a_page_share_no_id():
    page, _ = charts(*QUARTERS)
    found = re.findall(r' id="([^"]+)"', page.chart_wide + page.chart_narrow)
    assert len(found) == len(set(found)) == 4


def test_the_chart_and_the_table_have_the_same_numbers():
    page, (svg, _) = charts(*QUARTERS)
    spoken = dict(re.findall(r"(\S+ Q\d) ([\d.]+%)", svg.find(f"{SVG}desc").text))
    assert spoken == {row.name: row.share for row in page.trend_rows}
    height = dict(_scale(svg))
    drawn = [float(dot.get("cy")) for dot in dots(svg)]
    span = height[0] - height[100]
    assert drawn == pytest.approx([height[0] - span * share for share in (0.5, 0.8, 1.0)], abs=0.11)


def _scale(svg):
    """Percentage and height of each grid line."""
    for text in svg.iter(f"{SVG}text"):
        if text.text.endswith("%"):
            yield int(text.text[:-1]), float(text.get("y")) - 5


def test_a_quarter_without_a_figure_is_a_gap_and_never_a_nought():
    _, drawn = charts(QUARTERS[0], a_quarter(Q3, wigan=NO_RETURN), QUARTERS[2])
    for svg in drawn:
        assert len(dots(svg)) == 2
        assert not [each for each in svg.iter(f"{SVG}path") if each.get("stroke") == BLUE]
        assert "Q3" not in svg.find(f"{SVG}desc").text


def test_every_point_lies_inside_the_drawing():
    for svg in charts(*QUARTERS)[1]:
        _, _, width, height = map(float, svg.get("viewBox").split())
        places = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in svg.iter(f"{SVG}circle")]
        for path in svg.iter(f"{SVG}path"):
            places += [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", path.get("d"))]
        assert all(0 <= x <= width and 0 <= y <= height for x, y in places)


def test_the_chart_holds_no_style_that_the_policy_would_refuse():
    for text in charts(*QUARTERS)[0].chart_wide, charts(*QUARTERS)[0].chart_narrow:
        assert "style=" not in text
        assert "<style" not in text


def test_before_any_figure_for_all_the_chart_says_so():
    _, drawn = charts(a_quarter(Q3, wigan=NO_RETURN))
    assert drawn[0].find(f"{SVG}desc").text == "No quarter has a figure for all ten boroughs yet."


def test_one_quarter_alone_is_drawn():
    assert len(dots(charts(a_quarter(Q4, line=Fraction(1)))[1][0])) == 1
