import csv
import io
import re
import zipfile

import pytest

from healthvisit.definitions import CANONICAL
from healthvisit.programme.boroughs import BY_SLUG
from healthvisit.programme.dates import Quarter
from healthvisit.record import record as the_record
from healthvisit.reviews import national
from healthvisit.reviews import quarter as quarters
from tests import builders
from tests.builders import a_child
from tests.faces.commissioning import histories
from tests.faces.layout.pages import Browser, a_commissioner, a_parent, an_app, words_of

Q4 = Quarter.parse("2020-21 Q4")
PAGES = (
    "/commissioning/",
    "/commissioning/boroughs/E08000002",
    "/commissioning/reviews/two-year",
    "/commissioning/digitisation.csv",
    "/commissioning/indicators",
    "/commissioning/indicators/C6i",
    "/commissioning/indicators.csv",
    "/commissioning/digitisation.xlsx",
    "/commissioning/indicators.xlsx",
)


@pytest.fixture
def app(furnished, tmp_path):
    return an_app(furnished, tmp_path)


def a_return(borough, **done):
    """A borough's own count of completed reviews until the demonstration's day."""
    return {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": f"{CANONICAL}/Measure/borough-return|1.0.0",
        "date": "2021-02-14T18:00:00Z",
        "reporter": {"reference": builders.organization(borough)},
        "period": {"start": "2021-01-01", "end": "2021-02-14"},
        "group": [
            {
                "code": {"coding": [builders.code_of("review", review.replace("_", "-"))]},
                "population": [
                    {
                        "code": {"coding": [{"system": quarters.POPULATION, "code": "initial-population"}]},
                        "count": count,
                    }
                ],
            }
            for review, count in done.items()
        ],
    }


def shared_strings(workbook):
    """Every text of a workbook."""
    with zipfile.ZipFile(io.BytesIO(workbook)) as content:
        return "".join(
            content.read(name).decode() for name in content.namelist() if name.endswith((".xml", ".rels"))
        )


def closed(database, definitions, *returns):
    """The quarter closed, as the service itself does it."""
    with the_record.opened(
        database, builders.a_requester("service"), definitions=definitions, at=builders.NOW, writing=True
    ) as record:
        for each in returns:
            record.create("MeasureReport", each)
        quarters.close(record, Q4, on=builders.TODAY)
        national.close(record, Q4, on=builders.TODAY)


def test_before_a_quarter_is_closed_the_page_says_so(app, furnished):
    page = Browser(app).signed_in(a_commissioner(furnished)).get("/commissioning/")
    assert page.status_code == 200
    assert "No quarter has been closed yet." in words_of(page.text)


def test_a_borough_that_sent_no_return_is_not_assessable_and_is_named(app, furnished, definitions):
    closed(furnished, definitions, a_return("bury", new_birth=20))
    said = words_of(Browser(app).signed_in(a_commissioner(furnished)).get("/commissioning/").text)
    assert "1 of 10 boroughs have reported" in said
    assert "Bolton, Manchester, Oldham, Rochdale, Salford, Stockport, Tameside, Trafford and Wigan" in said
    assert "Bury Recorded digitally 0 Reviews done 20 Share 0%" in said
    assert "Share Not assessable" in said


def test_a_quarter_that_is_not_in_the_list_is_an_error_summary(app, furnished, definitions):
    closed(furnished, definitions)
    page = Browser(app).signed_in(a_commissioner(furnished)).get("/commissioning/?quarter=2020-21%20Q9")
    assert page.status_code == 400
    assert "<title>Error: " in page.text
    assert 'href="#quarter"' in page.text
    assert "There is a problem Select a quarter from the list" in words_of(page.text)


def test_what_is_asked_for_is_never_written_back(app, furnished, definitions):
    closed(furnished, definitions)
    page = Browser(app).signed_in(a_commissioner(furnished)).get("/commissioning/?quarter=<script>alert(1)")
    assert page.status_code == 400
    assert "alert(1)" not in page.text


def test_each_borough_has_its_page_and_no_other_code_has_one(app, furnished, definitions):
    closed(furnished, definitions, a_return("bury", new_birth=20))
    browser = Browser(app).signed_in(a_commissioner(furnished))
    front = browser.get("/commissioning/").text
    links = re.findall(r'href="(/commissioning/boroughs/[^"]+)"', front)
    assert len(links) == 10
    assert {browser.get(link).status_code for link in links} == {200}
    assert browser.get("/commissioning/boroughs/E08000035").status_code == 404
    assert browser.get("/commissioning/boroughs/bury").status_code == 404


def test_the_csv_has_the_numbers_of_the_page(app, furnished, definitions):
    closed(furnished, definitions, a_return("bury", new_birth=20))
    answer = Browser(app).signed_in(a_commissioner(furnished)).get("/commissioning/digitisation.csv")
    assert answer.content_type == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="digitisation.csv"'
    bury = next(
        row
        for row in csv.DictReader(io.StringIO(answer.text))
        if (row["area"], row["review"]) == ("Bury", "all")
    )
    assert (bury["recorded_digitally"], bury["reviews_done"], bury["provisional"]) == (
        "0",
        "20",
        "open-quarter",
    )


def test_the_national_indicators_of_a_quarter_are_read_with_why_there_is_none(app, furnished, definitions):
    browser = Browser(app).signed_in(a_commissioner(furnished))
    assert "No quarter has been closed yet." in words_of(browser.get("/commissioning/indicators").text)
    closed(furnished, definitions)
    said = words_of(browser.get("/commissioning/indicators").text)
    assert "January to March 2021 (2020-21 Q4)" in said
    assert "Standing No record of mothers" in said
    assert "Quarter has not ended: what was found in children" in said
    assert said.count("Greater Manchester Counted") == len(national.INDICATORS)
    wrong = browser.get("/commissioning/indicators?quarter=<script>alert(1)")
    assert wrong.status_code == 400
    assert 'href="#quarter"' in wrong.text
    assert "alert(1)" not in wrong.text


def test_each_indicator_has_its_page_and_no_other_code_has_one(app, furnished, definitions):
    closed(furnished, definitions)
    browser = Browser(app).signed_in(a_commissioner(furnished))
    links = set(
        re.findall(r'href="(/commissioning/indicators/[^"]+)"', browser.get("/commissioning/indicators").text)
    )
    assert len(links) == len(national.INDICATORS)
    for link in links:
        said = words_of(browser.get(link).text)
        assert "What it counts" in said
        assert "2020-21 Q4" in said
    assert browser.get("/commissioning/indicators/C7").status_code == 404


def test_the_indicators_as_csv_have_a_row_for_each_area(app, furnished, definitions):
    closed(furnished, definitions)
    answer = Browser(app).signed_in(a_commissioner(furnished)).get("/commissioning/indicators.csv")
    assert answer.content_type == "text/csv; charset=utf-8; header=present"
    found = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(found) == 11 * len(national.INDICATORS)
    assert {row["stands"] for row in found} == {"yes"}


def test_a_commissioner_sees_published_figures_and_no_child(app, furnished, definitions):
    child = (
        a_child(family="Ashworth").with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    )
    closed(furnished, definitions, a_return("bury", two_year=1))
    browser = Browser(app).signed_in(a_commissioner(furnished))
    for address in PAGES:
        answer = browser.get(address)
        assert answer.status_code == 200
        text = answer.text if answer.mimetype.startswith("text/") else shared_strings(answer.data)
        assert child.id not in text
        assert "Ashworth" not in text
        assert child.nhs_number not in text
    for address in ("/parents/", f"/parents/children/{child.id}", "/parents/children/x"):
        answer = browser.get(address)
        assert answer.status_code == 403
        assert "Ashworth" not in answer.text


def test_one_review_done_is_withheld_and_not_shown_as_one(app, furnished, definitions):
    a_child().with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    closed(furnished, definitions, a_return("bury", two_year=1))
    said = words_of(Browser(app).signed_in(a_commissioner(furnished)).get("/commissioning/").text)
    assert (
        "Bury Recorded digitally Withheld" in said
        or "Bury Recorded digitally 0 Reviews done Withheld" in said
    )


@pytest.mark.parametrize("address", PAGES)
def test_only_a_commissioner_enters(app, furnished, address):
    assert Browser(app).get(address).status_code == 303
    assert Browser(app).signed_in(a_parent(furnished)).get(address).status_code == 403


def a_history(database, definitions):
    """Twelve quarters: Bury's share recorded digitally jumps in the last, the others go up and down a little."""
    last = Quarter.parse("2020-21 Q3")
    known = [last]
    while len(known) < 12:
        known.insert(0, known[0].previous)
    shares = {}
    for number, quarter in enumerate(known):
        wobble = (590 + 20 * (number % 2), 1000)
        shares[quarter] = dict.fromkeys(BY_SLUG, (wobble, wobble, wobble))
    shares[last]["bury"] = ((800, 1000), (600, 1000), (600, 1000))
    histories.freeze(database, definitions, shares)


def test_what_changed_is_told_beside_the_standard_icon_and_a_wobble_is_ordinary_variation(
    app, furnished, definitions
):
    a_history(furnished, definitions)
    browser = Browser(app).signed_in(a_commissioner(furnished))
    said = words_of(browser.get("/commissioning/").text)
    assert "Bury: Special cause: improving In October to December 2020 (2020-21 Q3) Bury stood above" in said
    assert "Salford: Ordinary variation In its newest final quarter with a share" in said
    bury = browser.get("/commissioning/boroughs/E08000002").text
    assert 'data-told="improving"' in bury
    assert "Two of three Of three quarters in a row" in words_of(bury)
    assert (
        "Will fail: going on like this, no quarter would reach the target of 100%. But it is changing"
        in words_of(bury)
    )
    indicator = words_of(browser.get("/commissioning/indicators/C2").text)
    assert indicator.count("moved no more than it always has.") >= 11


def test_with_few_quarters_every_page_says_that_they_are_too_few(app, furnished, definitions):
    closed(furnished, definitions, a_return("bury", new_birth=20))
    browser = Browser(app).signed_in(a_commissioner(furnished))
    for address in ("/commissioning/", "/commissioning/boroughs/E08000002", "/commissioning/indicators/C6i"):
        assert "Too few points to tell" in words_of(browser.get(address).text)
    assert "A count has no such chart" in words_of(browser.get("/commissioning/indicators/C1").text)


def test_each_review_has_its_way_from_due_to_digital(app, furnished, definitions):
    browser = Browser(app).signed_in(a_commissioner(furnished))
    assert "No quarter has been closed yet." in words_of(browser.get("/commissioning/reviews/two-year").text)
    closed(furnished, definitions, a_return("bury", two_year=20))
    front = browser.get("/commissioning/").text
    links = set(re.findall(r'href="(/commissioning/reviews/[^"]+)"', front))
    assert len(links) == len(quarters.REVIEWS)
    for link in links:
        said = words_of(browser.get(link.replace("&amp;", "&")).text)
        assert "January to March 2021 (2020-21 Q4)" in said
        assert "In the national return Count Not recorded" in said
    bury = words_of(browser.get("/commissioning/reviews/two-year").text)
    assert "Borough Bury Due 0 Invited Not recorded Attended in time 0 Reviews done 20" in bury
    assert browser.get("/commissioning/reviews/three-year").status_code == 404
    wrong = browser.get("/commissioning/reviews/two-year?quarter=<script>alert(1)")
    assert wrong.status_code == 400
    assert 'href="#quarter"' in wrong.text
    assert "alert(1)" not in wrong.text
