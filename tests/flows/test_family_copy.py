"""A family takes its copy along: what was shared, in a file that people read and one that systems read."""

from healthvisit.exact_json import loads
from tests import builders
from tests.flows.demonstration import located
from tests.flows.test_progress import record_review
from tests.pdf import Document


def test_a_family_takes_what_was_released_and_no_word_of_the_team(demonstration):
    browser = demonstration.browser("parent")
    child = browser.get("/parents/", follow_redirects=True).request.path.split("/")[-1]
    record_review(demonstration, child, released=True)
    patient = demonstration.tablet("bury").read(f"/fhir/Patient/{child}")

    printed = browser.get(f"/parents/children/{child}/copy.pdf")
    taken = browser.get(f"/parents/children/{child}/copy.json")

    assert printed.status_code == taken.status_code == 200
    document = Document(printed.data)
    assert document.says("2 to 2½ year review, 14 February 2021")
    assert document.says("These questions were made up")
    for name in patient["name"]:
        assert document.says(f"{name['given'][0]} {name['family']}’s health visiting record")
    for word in ("Organization/", "Practitioner/", "Bury", "Duxbury"):
        assert word not in document.everything
        assert word not in taken.text


def test_a_service_that_takes_a_familys_file_in_has_what_the_family_was_shown(demonstration):
    """A child health system is given the file, of a child whom it knows by another number or none."""
    browser = demonstration.browser("parent")
    child = browser.get("/parents/", follow_redirects=True).request.path.split("/")[-1]
    record_review(demonstration, child, released=True)
    taken = loads(browser.get(f"/parents/children/{child}/copy.json").data)
    for entry in taken["entry"]:
        entry["request"] = {"method": "POST", "url": entry["resource"]["resourceType"]}
        # Here the child is known by its number already.
        entry["resource"].pop("identifier", None)
    system = demonstration.system()

    answer = system.post("/fhir", builders.a_transaction(*taken["entry"]))

    assert answer.status_code == 200, answer.text
    composition = located(answer)
    again = system.get(f"/fhir/{composition}/$document")
    assert [entry["resource"]["resourceType"] for entry in loads(again.data)["entry"]] == [
        entry["resource"]["resourceType"] for entry in taken["entry"]
    ]
