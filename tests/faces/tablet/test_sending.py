"""What the tablet's own modules make of a draft, met by the service."""

import json
import uuid

import pytest

from tests.faces.tablet.a_tablet import a_draft, said

DOMAINS = ("communication", "gross-motor", "fine-motor", "problem-solving", "personal-social")


@pytest.fixture
def caseload(tablet):
    return json.loads(tablet.get("/tablet/caseload").text)


def child_of(caseload, given):
    found = (each["patient"] for each in caseload["children"])
    return next(f"Patient/{patient['id']}" for patient in found if patient["name"][0]["given"] == [given])


def sent(tablet, caseload, draft):
    operation = str(uuid.uuid4())
    answer = tablet.send(said(caseload, draft, operation), operation)
    assert answer.status_code == 200, answer.text
    return "/".join(answer.json["entry"][0]["response"]["location"].split("/")[:2])


def observations(tablet, encounter):
    bundle = tablet.get(f"/fhir/Observation?encounter={encounter}&_count=100").json
    return [entry["resource"] for entry in bundle.get("entry", ())]


def standing(tablet, child, review):
    for each in tablet.get("/tablet/caseload").json["children"]:
        if f"Patient/{each['patient']['id']}" == child:
            return next(row for row in each["reviews"] if row["review"] == review)
    raise AssertionError(child)


def test_a_two_year_review_of_the_tablet_is_stored_scored_and_done(tablet, caseload):
    child = child_of(caseload, "Ada")
    answers = {f"asq3-{domain}-{item}": "yes" for domain in DOMAINS for item in range(1, 7)}
    answers |= {"asq3-form": "24", "weight": "12.50", "height": "86,4", "service-level": "universal"}
    encounter = sent(tablet, caseload, a_draft(child, "two-year", answers=answers))

    found = observations(tablet, encounter)
    score = next(each for each in found if "component" in each)
    assert {part["interpretation"][0]["coding"][0]["code"] for part in score["component"]} == {"on-schedule"}
    assert '"value":12.50' in tablet.get(f"/fhir/Observation?encounter={encounter}").text.replace(" ", "")
    assert standing(tablet, child, "two-year")["state"] == "done-on-time"


def test_a_one_year_review_of_the_tablet_is_scored_by_the_form_that_was_chosen(tablet, caseload):
    child = child_of(caseload, "Bilal")
    answers = {f"asq3-{domain}-{item}": "sometimes" for domain in DOMAINS for item in range(1, 7)}
    encounter = sent(
        tablet, caseload, a_draft(child, "one-year", answers=answers | {"asq3-form": "10", "weight": "9.4"})
    )
    score = next(each for each in observations(tablet, encounter) if "component" in each)
    assert [part["valueQuantity"]["value"] for part in score["component"]] == [30] * 5
    # 30 points are on schedule by no form, and on the edge by the 9 month form: its edges are not these.
    assert {part["interpretation"][0]["coding"][0]["code"] for part in score["component"]} == {"monitor"}
    assert {part["referenceRange"][0]["low"]["value"] for part in score["component"]} == {22.5}


def test_what_follows_from_an_answer_is_taken_and_without_that_answer_refused_in_words(tablet, caseload):
    child = child_of(caseload, "Bilal")
    answers = {"weight": "9.4", "child-concern": "yes", "child-concern-notes": "Told the team lead today."}
    draft = a_draft(child, "one-year", answers=answers, contact={"share": "yes"})
    yes, no = b'"code":"yes","display":"Yes"', b'"code":"no","display":"No"'
    body = said(caseload, draft, operation := str(uuid.uuid4()))
    assert yes in body
    switched_off = tablet.send(body.replace(yes, no), operation)
    assert 400 <= switched_off.status_code < 500
    (told,) = switched_off.json["issue"]
    assert "is switched off by the other answers and must be absent" in told["diagnostics"]
    operation = str(uuid.uuid4())
    answer = tablet.send(said(caseload, draft, operation), operation)
    assert answer.status_code == 200, answer.text
    encounter = "/".join(answer.json["entry"][0]["response"]["location"].split("/")[:2])
    assert {each["code"]["text"] for each in observations(tablet, encounter)} == {"Weight"}


def test_a_form_filled_in_before_the_form_was_changed_is_still_taken(tablet, caseload):
    child = child_of(caseload, "Bilal")
    draft = a_draft(child, "one-year", answers={"weight": "9.4", "dentist": "no"})
    body = said(caseload, draft, operation := str(uuid.uuid4()))
    current = next(form for form in caseload["questionnaires"] if form["id"] == "one-year-review")
    assert current["version"].encode() in body
    answer = tablet.send(body.replace(current["version"].encode(), b"1.0.0"), operation)
    assert answer.status_code == 200, answer.text
    stored = tablet.get(f"/fhir/{answer.json['entry'][1]['response']['location'].split('/_history')[0]}").json
    assert stored["questionnaire"].endswith("/one-year-review|1.0.0")


def test_a_six_to_eight_week_review_of_the_tablet_is_stored_with_its_feeding(tablet, caseload):
    child = child_of(caseload, "Bilal")
    answers = {
        "weight": "5.10",
        "length": "57.0",
        "head-circumference": "38.5",
        "feeding-status": "partially",
    }
    encounter = sent(tablet, caseload, a_draft(child, "six-to-eight-week", answers=answers))
    assert len(observations(tablet, encounter)) == 4
    assert standing(tablet, child, "six-to-eight-week")["state"] == "done-on-time"


@pytest.mark.parametrize(
    ("review", "answers", "results"),
    [
        (
            "new-birth",
            {
                "weight": "3.410",
                "feeding-status": "totally",
                "hearing": "result-awaited",
                "safer-sleep": "yes",
            },
            {"Weight", "Is the baby having breast milk now?"},
        ),
        (
            "one-year",
            {"weight": "9.4", "length": "74.0", "dentist": "no", "smoking-at-home": "not-asked"},
            {"Weight", "Length"},
        ),
    ],
)
def test_what_is_measured_becomes_results_and_what_the_family_says_stays_in_the_form(
    tablet, caseload, review, answers, results
):
    child = child_of(caseload, "Bilal")
    encounter = sent(tablet, caseload, a_draft(child, review, answers=answers))
    assert {each["code"]["text"] for each in observations(tablet, encounter)} == results
    (form,) = tablet.get(f"/fhir/QuestionnaireResponse?encounter={encounter}").json["entry"]
    told = {item["linkId"] for group in form["resource"]["item"] for item in group["item"]}
    assert told == set(answers)
    assert standing(tablet, child, review)["done_on"] == "2021-02-14"


ADDITIONAL = {
    "three-to-four-month": {"weight": "6.2", "feeding-status": "partially", "service-level": "universal"},
    "six-month": {"weight": "7.6", "feeding-status": "not-at-all"},
    "ad-hoc": {"about": "The family asked about sleep.", "weight": "6.2"},
}


def kinds(tablet, encounter):
    body = tablet.get(f"/fhir/{encounter}").json
    return body, [(each["system"].rsplit("/", 1)[1], each["code"]) for each in body["type"][0]["coding"]]


@pytest.mark.parametrize(("kind", "answers"), ADDITIONAL.items())
def test_an_additional_contact_is_recorded_as_such_and_is_no_review(tablet, caseload, kind, answers):
    child = child_of(caseload, "Bilal")
    before = next(each for each in caseload["children"] if f"Patient/{each['patient']['id']}" == child)
    draft = a_draft(child, kind, answers=answers, contact={"mode": "telephone", "place": "family-home"})
    encounter = sent(tablet, caseload, draft)

    body, coded = kinds(tablet, encounter)
    assert coded == [("contact", kind)]
    assert body["class"]["code"] == "VR"
    stated = {each["url"].rsplit("/", 1)[1] for each in body["extension"]}
    assert "contact-mode" in stated
    assert not stated & {"place", "released-at"}, "a call has no place, and nobody shared it"
    after = next(
        each
        for each in tablet.get("/tablet/caseload").json["children"]
        if each["patient"]["id"] == before["patient"]["id"]
    )
    assert after["reviews"] == before["reviews"]
    assert {each["review"]: each["done_on"] for each in after["contacts"]}[kind] == "2021-02-14"


def test_an_additional_contact_that_was_shared_is_released_with_its_results(tablet, caseload):
    contact = {"mode": "face-to-face", "share": "yes"}
    draft = a_draft(child_of(caseload, "Bilal"), "ad-hoc", answers=ADDITIONAL["ad-hoc"], contact=contact)
    encounter = sent(tablet, caseload, draft)
    body, _ = kinds(tablet, encounter)
    (weight,) = observations(tablet, encounter)
    for each in (body, weight):
        assert any(one["url"].endswith("/released-at") for one in each["extension"])
    assert body["class"]["code"] == "HH"


@pytest.mark.parametrize("mode", ["transcribed", "document", "paper-only"])
def test_a_review_that_was_on_paper_is_recorded_as_such(tablet, caseload, mode):
    child = child_of(caseload, "Ada")
    draft = a_draft(child, "two-year", contact={"capture_mode": mode}, answers={"weight": "12.5"})
    encounter = tablet.get(f"/fhir/{sent(tablet, caseload, draft)}").json
    stated = {each["url"].rsplit("/", 1)[1]: each for each in encounter["extension"]}
    assert stated["capture-mode"]["valueCoding"]["code"] == mode
    assert len(observations(tablet, f"Encounter/{encounter['id']}")) == (1 if mode == "transcribed" else 0)


@pytest.mark.parametrize("outcome", ["declined", "no-access"])
def test_a_visit_that_did_not_happen_is_recorded_in_two_taps(tablet, caseload, outcome):
    child = child_of(caseload, "Ada")
    contact = {"outcome": outcome, "place": None, "practitioner_type": None, "share": None}
    encounter = tablet.get(
        f"/fhir/{sent(tablet, caseload, a_draft(child, 'two-year', contact=contact))}"
    ).json
    assert encounter["status"] == "cancelled"
    assert standing(tablet, child, "two-year")["state"] == ("declined" if outcome == "declined" else "open")


def test_a_review_that_the_server_refuses_comes_back_with_a_reason_in_words(tablet, caseload):
    draft = a_draft(child_of(caseload, "Ada"), "two-year", answers={"weight": "12.5"})
    body = said(caseload, draft, operation := str(uuid.uuid4())).replace(b"12.5", b"512.5")
    answer = tablet.send(body, operation)
    assert 400 <= answer.status_code < 500
    assert answer.json["resourceType"] == "OperationOutcome"
    assert answer.json["issue"][0]["diagnostics"]
