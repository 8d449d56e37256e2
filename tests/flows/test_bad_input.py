"""Whatever is wrong with what is sent is told with its place; nothing is stored, and nothing breaks."""

import json
import uuid

import pytest

from healthvisit.exact_json import dumps
from tests import builders
from tests.flows.demonstration import Demonstration, faults


def rows(demonstration: Demonstration) -> int:
    with demonstration.database.reading() as connection:
        return int(connection.exec_driver_sql("select count(*) from resource_version").scalar_one())


@pytest.fixture
def nothing_stored(demonstration):
    """After the test as many versions stand as before it."""
    before = rows(demonstration)
    yield demonstration
    assert rows(demonstration) == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"resourceType": "Patient", ', 400, "structure"),
        (b"", 400, "structure"),
        (b"[]", 400, "invalid"),
        (b"null", 400, "invalid"),
        (b'{"resourceType": "Patient", "resourceType": "Patient"}', 400, "structure"),
        (b'{"resourceType": "Patient", "multipleBirthInteger": NaN}', 400, "structure"),
        (b'{"resourceType": "Patient", "multipleBirthInteger": ' + b"9" * 5000 + b"}", 400, "structure"),
        (b'{"resourceType": "Patient", "multipleBirthInteger": 1e999999}', 400, "structure"),
        (b'{"resourceType": "Patient", "language": "\\ud800"}', 400, "structure"),
        (b'\xff\xfe{"resourceType": "Patient"}', 400, "structure"),
        (b'{"a":' * 51 + b"1" + b"}" * 51, 400, "structure"),
        (b"[" * 100_000, 400, "structure"),
    ],
    ids=[
        "cut off", "empty", "a list", "null", "a name twice", "NaN", "5,000 digits", "a huge exponent",
        "half a surrogate", "not UTF-8", "nested 51 deep", "nested 100,000 deep",
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_read(nothing_stored, body, status, code):
    answer = nothing_stored.staff_app("bury").post("/fhir/Patient", body)
    assert answer.status_code == status
    assert faults(answer)[0][0] == code


def test_a_body_over_the_limit(nothing_stored):
    answer = nothing_stored.staff_app("bury").post("/fhir/Patient", b" " * 5_000_001)
    assert answer.status_code == 413
    assert faults(answer)[0][0] == "too-costly"


@pytest.mark.parametrize(
    "type_", ["text/plain", "application/xml", "application/fhir+json; charset=utf-16", ""]
)
def test_a_body_of_another_type(nothing_stored, type_):
    app = nothing_stored.staff_app("bury")
    answer = app.client.post("/fhir/Patient", data=b"{}", headers={**app.headers, "Content-Type": type_})
    assert answer.status_code == 415
    assert faults(answer)[0][0] == "not-supported"


def test_an_answer_in_another_type(nothing_stored):
    answer = nothing_stored.staff_app("bury").get("/fhir/Patient", Accept="application/fhir+xml")
    assert answer.status_code == 406


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_type(nothing_stored, method):
    app = nothing_stored.staff_app("bury")
    answer = app.client.open(
        "/fhir/Medication",
        method=method,
        headers={**app.headers, "Content-Type": "application/fhir+json"},
        data=b"{}",
    )
    assert answer.status_code == 404
    assert faults(answer)[0][0] == "not-found"


def changed(resource, **changes):
    found = {**resource, **changes}
    return {name: value for name, value in found.items() if value is not None}


@pytest.mark.parametrize(
    ("patient", "status", "code", "place"),
    [
        ({"resourceType": "Practitioner"}, 400, "invalid", "Patient.resourceType"),
        ({"favouriteToy": "bear"}, 400, "structure", "Patient.favouriteToy"),
        ({"active": "true"}, 400, "structure", "Patient.active"),
        ({"gender": "girl"}, 422, "code-invalid", "Patient.gender"),
        ({"birthDate": "2019-02-30"}, 400, "value", "Patient.birthDate"),
        ({"birthDate": "2021-02-16"}, 422, "business-rule", "Patient.birthDate"),
        ({"name": []}, 400, "structure", "Patient.name"),
        (
            {"identifier": [{"system": builders.NHS_NUMBER, "value": "9990000001"}]},
            422,
            "value",
            "Patient.identifier[0].value",
        ),
        (
            {"text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml"><script>1</script></div>'}},
            422,
            "invariant",
            "Patient.text.div",
        ),
    ],
    ids=[
        "another type", "unknown element", "wrong type of value", "unknown code", "no such day", "born tomorrow",
        "an empty list", "bad check digit", "a script",
    ],
)  # fmt: skip
def test_a_patient_that_cannot_be(nothing_stored, patient, status, code, place):
    answer = nothing_stored.staff_app("bury").post("/fhir/Patient", changed(builders.a_patient(), **patient))
    assert answer.status_code == status, answer.text
    found_code, expression = faults(answer)[0]
    assert (found_code, expression) == (code, [place])
    assert "girl" not in answer.text
    assert "Ashworth" not in answer.text


@pytest.fixture
def child(demonstration):
    return demonstration.a_child(demonstration.staff_app("bury"))


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"value": "51.0"}, 422, "business-rule"),
        ({"on": "2021-02-16"}, 422, "business-rule"),
        ({"on": "2001-01-01"}, 422, "business-rule"),
    ],
    ids=["a baby of 51 kg", "tomorrow", "before birth"],
)
def test_a_measurement_that_cannot_be(nothing_stored, child, changes, status, code):
    observation = builders.an_observation(f"Patient/{child}", **changes)
    answer = nothing_stored.staff_app("bury").post("/fhir/Observation", observation)
    assert answer.status_code == status, answer.text
    assert faults(answer)[0][0] in (code, "value")
    assert faults(answer)[0][1], answer.text


def test_a_reference_to_nothing(nothing_stored):
    observation = builders.an_observation("Patient/01890000-0000-7000-8000-000000000000")
    answer = nothing_stored.staff_app("bury").post("/fhir/Observation", observation)
    assert answer.status_code == 422
    assert faults(answer)[0] == ("not-found", ["Observation.subject"])


@pytest.mark.parametrize(
    "query",
    ["favourite-toy=bear", "birthdate=soon", "birthdate:approximately=2019", "_sort=favourite-toy", "_count=-1",
     "_count=lots", "name:matches=x", "_include=Patient:toy", "_page=forged", "_has:Observation:toy:code=1"],
)  # fmt: skip
def test_a_search_that_is_not_understood_is_never_answered_as_if_it_were(nothing_stored, query):
    answer = nothing_stored.staff_app("bury").get(f"/fhir/Patient?{query}")
    assert answer.status_code == 400, answer.text
    assert faults(answer)[0][1]


def test_a_stale_version_and_no_version(nothing_stored, child):
    app = nothing_stored.staff_app("bury")
    patient = app.read(f"/fhir/Patient/{child}")
    assert app.put(f"/fhir/Patient/{child}", patient).status_code == 400
    assert app.put(f"/fhir/Patient/{child}", patient, If_Match="3").status_code == 400
    stale = app.put(f"/fhir/Patient/{child}", patient, If_Match='W/"77"')
    assert stale.status_code == 412
    assert faults(stale)[0][0] == "conflict"


def test_an_update_under_another_id(nothing_stored, child):
    app = nothing_stored.staff_app("bury")
    patient = app.read(f"/fhir/Patient/{child}")
    answer = app.put("/fhir/Patient/another", patient, If_Match='W/"1"')
    assert answer.status_code == 400
    assert faults(answer)[0] == ("invalid", ["Patient.id"])


def test_a_transaction_is_kept_whole_or_not_at_all(nothing_stored, child):
    app = nothing_stored.staff_app("bury")
    visit = builders.a_visit(f"Patient/{child}", on="2021-02-14")
    visit["entry"].append(builders.an_entry(builders.an_observation(f"Patient/{child}", value="51.0")))
    visit["entry"][1]["resource"]["questionnaire"] = (
        "https://healthvisit.example/fhir/Questionnaire/two-year-review"
    )
    answer = app.post("/fhir", visit, operation=str(uuid.uuid4()))
    assert answer.status_code == 422
    assert any("Bundle.entry[2].resource" in place for _, places in faults(answer) for place in places)


@pytest.mark.parametrize(
    "bundle",
    [
        {"resourceType": "Bundle", "type": "message", "entry": []},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{}]},
        {"resourceType": "Bundle", "type": "transaction", "entry": [5]},
        {"resourceType": "Bundle", "type": "transaction", "entry": {"request": 1}},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": [], "request": {"method": "POST"}}]},
        {"resourceType": "Bundle", "type": "transaction",
         "entry": [{"resource": {"resourceType": "Foo"}, "request": {"method": "POST", "url": "Foo"}}]},
        {"resourceType": "Bundle", "type": "transaction", "identifier": "x", "entry": []},
        {"resourceType": "Patient"},
        {},
    ],
)  # fmt: skip
def test_a_bundle_that_is_no_transaction(nothing_stored, bundle):
    answer = nothing_stored.staff_app("bury").post("/fhir", bundle)
    assert answer.status_code in (400, 403), answer.text
    assert faults(answer)


def test_an_operation_number_that_is_none(nothing_stored):
    answer = nothing_stored.staff_app("bury").post("/fhir", builders.a_transaction(), operation="again")
    assert answer.status_code == 400


def test_no_value_of_a_response_breaks_the_service(nothing_stored, child):
    """Every element of a form, replaced by what nobody expects there."""
    app = nothing_stored.staff_app("bury")
    visit = builders.a_visit(f"Patient/{child}", on="2021-02-14")
    form = app.found("Questionnaire", ("_id", "two-year-review"))[0]
    visit["entry"][1]["resource"]["questionnaire"] = f"{form['url']}|{form['version']}"
    text = dumps(visit).decode()
    for place, value in walked(json.loads(text), ()):
        for strange in ([], {}, None, "", "\u0000", -1, True, [[]], {"a": 1}):
            if strange == value:
                continue
            broken = json.loads(text)
            put(broken, place, strange)
            answer = app.post("/fhir", dumps(broken))
            assert 400 <= answer.status_code < 500, (place, strange, answer.text)


def walked(value, place):
    """Every tenth place or so: the whole walk belongs to a longer campaign."""
    if place and sum(map(len, map(str, place))) % 9 == 0:
        yield place, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from walked(each, (*place, name))


def put(value, place, strange):
    for name in place[:-1]:
        value = value[name]
    value[place[-1]] = strange
