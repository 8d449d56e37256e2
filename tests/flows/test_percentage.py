"""A commissioner sees a percentage, and one review more moves it by exactly that review."""

import csv
import io
import uuid

import pytest
from click.testing import CliRunner

from healthvisit.cli import main
from healthvisit.reviews.quarter import DIGITISATION
from tests import builders
from tests.flows.demonstration import Demonstration

QUARTER = "2020-21 Q4"


def published(demonstration: Demonstration, area: str) -> dict[str, str]:
    """The row of all reviews of this quarter that a commissioner downloads."""
    answer = demonstration.browser("commissioner").get("/commissioning/digitisation.csv")
    assert answer.status_code == 200, answer.text
    rows = csv.DictReader(io.StringIO(answer.text))
    return next(row for row in rows if (row["quarter"], row["area"], row["review"]) == (QUARTER, area, "all"))


def refreeze(demonstration: Demonstration, quarter: str = QUARTER) -> None:
    settings = demonstration.settings
    answer = CliRunner().invoke(
        main,
        ["close-quarter", quarter],
        env={
            "HEALTHVISIT_DATABASE_URL": demonstration.database.engine.url.render_as_string(
                hide_password=False
            ),
            "HEALTHVISIT_SECRETS_FOLDER": str(settings.secrets_folder),
            "HEALTHVISIT_CLOCK_OFFSET_DAYS": str(settings.clock_offset_days),
        },
        catch_exceptions=False,
    )
    assert answer.exit_code == 0, answer.output


def record_reviews(demonstration: Demonstration, children: list[str], review: str = "two-year") -> None:
    """A review of today for each: the borough's return goes to yesterday, so the record alone knows of them."""
    tablet = demonstration.tablet("bury")
    form = tablet.found("Questionnaire", ("_id", f"{review}-review"))[0]
    for child in (f"Patient/{id_}" for id_ in children):
        encounter = builders.a_urn()
        contact = builders.an_encounter(child, on="2021-02-15", review=review, released=False)
        response = builders.a_response(
            child,
            encounter,
            questionnaire=f"{review}-review",
            weight="12.40" if review == "two-year" else "4.80",
        )
        visit = builders.a_transaction(
            builders.an_entry(contact, full_url=encounter), builders.an_entry(response)
        )
        contact["period"] = {"start": "2021-02-15T00:00:00Z", "end": "2021-02-15T00:00:01Z"}
        response |= {"questionnaire": f"{form['url']}|{form['version']}", "authored": "2021-02-15T00:00:01Z"}
        answer = tablet.post("/fhir", visit, operation=str(uuid.uuid4()))
        assert answer.status_code == 200, answer.text


@pytest.fixture
def counted(demonstration):
    """Bury with enough reviews this quarter for its counts to be published."""
    children = demonstration.children(demonstration.tablet("bury"))
    for review in ("two-year", "six-to-eight-week"):
        record_reviews(demonstration, children[1:], review)
    refreeze(demonstration)
    return demonstration


def test_a_review_more_moves_the_boroughs_figure_by_exactly_that_review(counted):
    before = published(counted, "Bury")
    record_reviews(counted, counted.children(counted.tablet("bury"))[:1])
    assert published(counted, "Bury") == before, "a frozen figure moved before the quarter was frozen again"

    refreeze(counted)
    after = published(counted, "Bury")

    assert int(after["recorded_digitally"]) == int(before["recorded_digitally"]) + 1
    assert int(after["reviews_done"]) == int(before["reviews_done"]) + 1
    expected = 100 * int(after["recorded_digitally"]) / int(after["reviews_done"])
    assert float(after["share_percent"]) == pytest.approx(expected, abs=0.051)


def test_the_review_moves_no_other_boroughs_figure(counted):
    before = published(counted, "Salford")
    record_reviews(counted, counted.children(counted.tablet("bury"))[:1])
    refreeze(counted)
    after = published(counted, "Salford")
    del before["counted_at"], after["counted_at"]
    assert after == before


def test_greater_manchester_is_the_sum_and_not_the_mean(demonstration):
    answer = demonstration.browser("commissioner").get("/commissioning/")
    assert answer.status_code == 200
    assert "Greater Manchester" in answer.text


def test_a_commissioner_reaches_no_childs_row(demonstration):
    browser = demonstration.browser("commissioner")
    child = demonstration.a_child(demonstration.tablet("bury"))
    assert browser.get(f"/parents/children/{child}").status_code == 403
    assert browser.get("/tablet/caseload").status_code == 401
    assert browser.get(f"/fhir/Patient/{child}").status_code == 401


def test_the_earlier_frozen_figures_are_kept(counted):
    tablet = counted.tablet("bury")
    app = counted.staff_app("bury")
    asked = (
        ("measure", DIGITISATION),
        ("reporter", "Organization/bury-health-visiting"),
        ("period", "ge2021-01-01"),
        ("_count", "100"),
    )
    assert tablet.get("/fhir/MeasureReport").status_code == 403
    before = len(app.found("MeasureReport", *asked))
    refreeze(counted)
    assert len(app.found("MeasureReport", *asked)) == before + 1


def test_a_bad_quarter_is_told_in_words(demonstration):
    answer = demonstration.browser("commissioner").get("/commissioning/?quarter=2020-21+Q9")
    assert answer.status_code == 400
    assert "There is a problem" in answer.text
