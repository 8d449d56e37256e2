"""A health visitor records a two-year review with no signal; when the signal returns the tablet sends it."""

import threading
import uuid

from healthvisit.exact_json import dumps, loads
from tests import builders
from tests.flows.demonstration import Demonstration, faults, leave_bury, located


def scores(tablet, encounter):
    found = tablet.found("Observation", ("encounter", encounter), ("category", "survey"))
    return {
        component["code"]["coding"][0]["code"]: component["interpretation"][0]["coding"][0]["code"]
        for observation in found
        for component in observation["component"]
    }


def group(item, link_id):
    """The answers of the group with this linkId, wherever in the response it stands."""
    found = [each for each in item.get("item", ()) if each["linkId"] == link_id]
    return (
        found[0]["item"]
        if found
        else next(filter(None, (group(i, link_id) for i in item.get("item", ()))), [])
    )


def a_two_year_review(demonstration: Demonstration, child: str, **changes):
    """The bundle of one visit, with the version of the form that the service serves."""
    bundle = builders.a_visit(f"Patient/{child}", on="2021-02-14", **changes)
    response = bundle["entry"][1]["resource"]
    response["authored"] = "2021-02-14T10:40:00Z"
    form = demonstration.tablet("bury").found("Questionnaire", ("_id", "two-year-review"))[0]
    response["questionnaire"] = f"{form['url']}|{form['version']}"
    return bundle


def test_a_review_sent_from_the_tablet_is_stored_and_scored_by_the_server(demonstration):
    tablet = demonstration.tablet("bury")
    child = demonstration.a_child(tablet)
    bundle = a_two_year_review(demonstration, child)
    for item in group(bundle["entry"][1]["resource"], "asq3-gross-motor"):
        item["answer"][0]["valueCoding"]["code"] = "not-yet"

    answer = tablet.post("/fhir", bundle, operation=str(uuid.uuid4()))

    assert answer.status_code == 200, answer.text
    assert [entry["response"]["status"] for entry in answer.json["entry"]] == ["201 Created"] * 2
    zones = scores(tablet, located(answer))
    assert zones["gross-motor"] == "below"
    assert zones["communication"] == "on-schedule"
    assert len(zones) == 5


def test_a_review_sent_twice_is_one_review_and_gets_the_same_answer(demonstration):
    tablet = demonstration.tablet("bury")
    child = demonstration.a_child(tablet)
    bundle, operation = a_two_year_review(demonstration, child), str(uuid.uuid4())

    first = tablet.post("/fhir", bundle, operation=operation)
    before = len(tablet.found("Observation", ("patient", child), ("_count", "1000")))
    again = tablet.post("/fhir", bundle, operation=operation)

    assert first.status_code == 200, first.text
    assert again.data == first.data
    assert len(tablet.found("Observation", ("patient", child), ("_count", "1000"))) == before


def test_a_review_sent_by_two_threads_at_once_is_one_review(demonstration):
    tablet = demonstration.tablet("bury")
    child = demonstration.a_child(tablet)
    bundle, operation = a_two_year_review(demonstration, child), str(uuid.uuid4())
    before = len(tablet.found("Encounter", ("patient", child)))
    together, answers = threading.Barrier(4), []

    def send():
        together.wait()
        answers.append(tablet.post("/fhir", bundle, operation=operation).data)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 4
    assert set(answers) == {answers[0]}
    assert b"transaction-response" in answers[0]
    assert len(tablet.found("Encounter", ("patient", child))) == before + 1


def test_one_operation_number_does_not_carry_two_different_visits(demonstration):
    tablet = demonstration.tablet("bury")
    child = demonstration.a_child(tablet)
    operation = str(uuid.uuid4())
    tablet.post("/fhir", a_two_year_review(demonstration, child), operation=operation)
    other = a_two_year_review(demonstration, child, mode="transcribed")

    answer = tablet.post("/fhir", other, operation=operation)

    assert answer.status_code == 422
    assert faults(answer)[0][0] == "duplicate"


def test_a_review_done_on_paper_is_recorded_without_answers(demonstration):
    tablet = demonstration.tablet("bury")
    child = demonstration.a_child(tablet)
    bundle = a_two_year_review(demonstration, child, mode="paper-only")
    del bundle["entry"][1]

    answer = tablet.post("/fhir", bundle, operation=str(uuid.uuid4()))

    assert answer.status_code == 200, answer.text
    assert scores(tablet, located(answer)) == {}


def test_two_tablets_that_change_one_contact_are_told_apart(demonstration):
    tablet = demonstration.tablet("bury")
    child = demonstration.a_child(tablet)
    encounter = tablet.found("Encounter", ("patient", child))[0]
    tag = f'W/"{encounter["meta"]["versionId"]}"'
    address = f"/fhir/Encounter/{encounter['id']}"

    first = tablet.put(address, encounter, If_Match=tag)
    second = tablet.put(address, encounter, If_Match=tag)

    assert first.status_code == 200, first.text
    assert second.status_code == 412
    assert faults(second)[0][0] == "conflict"
    history = tablet.read(f"{address}/_history")
    assert history["total"] == 2


def test_a_result_is_released_by_an_update_and_says_what_the_server_scored(demonstration):
    app = demonstration.staff_app("bury")
    child = demonstration.a_child(app)
    sent = app.post("/fhir", a_two_year_review(demonstration, child))
    result = app.found("Observation", ("encounter", located(sent)), ("category", "survey"))[0]
    address, tag = f"/fhir/Observation/{result['id']}", f'W/"{result["meta"]["versionId"]}"'
    better = loads(dumps(result))
    better["component"][0]["valueQuantity"]["value"] = 5

    changed = app.put(address, better, If_Match=tag)
    released_at = builders.extension("released-at", valueDateTime="2021-02-14T11:00:00Z")
    released = app.put(address, result | {"extension": [released_at]}, If_Match=tag)

    assert changed.status_code == 422
    assert faults(changed)[0] == ("business-rule", ["Observation"])
    assert released.status_code == 200, released.text
    assert loads(released.data)["component"] == result["component"]


def test_a_nurse_who_left_the_borough_is_out_on_the_next_request(demonstration):
    tablet = demonstration.tablet("bury")
    child = demonstration.a_child(tablet)
    assert tablet.get(f"/fhir/Patient/{child}").status_code == 200

    leave_bury(demonstration)

    assert tablet.get(f"/fhir/Patient/{child}").status_code in (401, 404)
