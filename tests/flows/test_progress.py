"""A parent looks at progress: what was released, in plain words, and nothing else."""

import re
import uuid

import pytest

from tests import builders
from tests.flows.demonstration import Demonstration


@pytest.fixture
def parent(demonstration):
    """The parent's browser, and the id of the child whom it shows."""
    browser = demonstration.browser("parent")
    page = browser.get("/parents/", follow_redirects=True)
    assert page.status_code == 200
    return browser, page.request.path.rstrip("/").split("/")[-1]


def record_review(demonstration: Demonstration, child: str, *, released: bool) -> None:
    tablet = demonstration.tablet("bury")
    form = tablet.found("Questionnaire", ("_id", "two-year-review"))[0]
    visit = builders.a_visit(f"Patient/{child}", on="2021-02-14")
    response = visit["entry"][1]["resource"]
    response |= {"questionnaire": f"{form['url']}|{form['version']}", "authored": "2021-02-14T10:40:00Z"}
    if released:
        response["extension"] = [builders.extension("released-at", valueDateTime="2021-02-14T10:45:00Z")]
    answer = tablet.post("/fhir", visit, operation=str(uuid.uuid4()))
    assert answer.status_code == 200, answer.text


def test_a_released_review_is_shown_with_its_results(demonstration, parent):
    browser, child = parent
    before = browser.get(f"/parents/children/{child}").text

    record_review(demonstration, child, released=True)
    after = browser.get(f"/parents/children/{child}").text

    assert "14 February 2021" not in before
    assert "14 February 2021" in after
    assert "12.4" in after
    assert "These questions were made up" in after


def test_a_review_that_is_not_released_shows_that_it_took_place_and_no_result(demonstration, parent):
    browser, child = parent

    record_review(demonstration, child, released=False)
    page = browser.get(f"/parents/children/{child}").text

    assert "14 February 2021" in page
    assert not re.search(r"12\.40?\s*kg", page)


def test_the_page_of_another_child_is_the_page_of_a_child_who_never_was(demonstration, parent):
    browser, own = parent
    tablet = demonstration.tablet("bury")
    other = next(child["id"] for child in tablet.found("Patient", ("_count", "50")) if child["id"] != own)

    foreign = browser.get(f"/parents/children/{other}")
    never = browser.get("/parents/children/01890000-0000-7000-8000-000000000000")

    assert foreign.status_code == never.status_code == 404
    token = re.compile(r'name="csrf_token" value="[^"]*"')
    assert token.sub("", foreign.text) == token.sub("", never.text)


def test_the_page_names_no_address_team_or_health_visitor(demonstration, parent):
    browser, child = parent
    record_review(demonstration, child, released=True)
    tablet = demonstration.tablet("bury")
    patient = tablet.read(f"/fhir/Patient/{child}")
    page = browser.get(f"/parents/children/{child}").text

    for address in patient.get("address", ()):
        assert address["postalCode"] not in page
    assert "Organization/" not in page
    assert "Practitioner/" not in page


def test_a_parent_reaches_no_face_of_staff_or_commissioners(parent):
    browser, _ = parent
    assert browser.get("/commissioning/").status_code == 403
    assert browser.get("/tablet/caseload").status_code == 401
