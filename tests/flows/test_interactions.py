"""Every interaction of an app with the record, as it goes over the wire."""

import gzip
import json
import uuid

import pytest

from healthvisit.database import Contended
from healthvisit.exact_json import dumps, loads
from healthvisit.faces.rest import wire
from healthvisit.record.record import Record
from tests import builders
from tests.flows.demonstration import FHIR, faults, located

JSON_PATCH = "application/json-patch+json"


@pytest.fixture
def app(demonstration):
    return demonstration.staff_app("bury")


@pytest.fixture
def child(demonstration, app):
    return f"Patient/{demonstration.a_child(app)}"


@pytest.fixture
def weight(app, child):
    """The address of a weight that stands in the record."""
    return f"/fhir/{located(app.post('/fhir/Observation', builders.an_observation(child)))}"


def send(app, method, path, body=None, **headers):
    data = body if body is None or isinstance(body, bytes) else dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.client.open(
        path, method=method, data=data, headers={**app.headers, "Content-Type": FHIR, **named}
    )


def heavier(value="12.50"):
    return b'[{"op":"replace","path":"/valueQuantity/value","value":%s}]' % value.encode()


def identified(body, value):
    return {**body, "identifier": [{"system": "urn:app", "value": value}]}


def a_batch(*entries, operation=None):
    return {**builders.a_transaction(*entries, operation=operation), "type": "batch"}


def versions(demonstration):
    with demonstration.database.reading() as connection:
        return connection.exec_driver_sql("select count(*) from resource_version").scalar()


def statuses(answer):
    assert answer.status_code == 200, answer.text
    return [entry["response"]["status"][:3] for entry in answer.json["entry"]]


# Deleting


def test_what_is_deleted_is_gone_and_what_never_was_is_not_found(app, weight):
    for _ in range(2):
        answer = send(app, "DELETE", weight)
        assert (answer.status_code, answer.data) == (204, b"")
    gone = app.get(weight)
    assert (gone.status_code, faults(gone)[0][0]) == (410, "deleted")
    assert app.get(f"{weight}/_history/2").status_code == 410
    assert app.get(f"{weight}/_history/1").status_code == 200
    newest = app.get(f"{weight}/_history").json["entry"][0]
    assert newest["request"] == {"method": "DELETE", "url": weight.removeprefix("/fhir/")}
    assert newest["response"]["status"] == "204 No Content"
    assert "resource" not in newest
    back = send(app, "PUT", weight, app.read(f"{weight}/_history/1"), If_Match='W/"2"')
    assert back.status_code == 410


def test_another_borough_is_not_told_that_anything_was_deleted(demonstration, app, weight):
    send(app, "DELETE", weight)
    salford = demonstration.staff_app("salford")
    nothing = f"/fhir/Observation/{uuid.uuid4()}"
    for method in ("GET", "DELETE"):
        answers = [send(salford, method, path) for path in (weight, nothing)]
        assert {(each.status_code, each.data) for each in answers} == {(404, answers[0].data)}


def test_what_is_not_deleted_here(app, child):
    assert send(app, "DELETE", f"/fhir/{child}").status_code == 405
    assert send(app, "DELETE", "/fhir/Patient?family=x").status_code == 405
    assert send(app, "DELETE", "/fhir/Observation").status_code == 400
    assert "DELETE" not in send(app, "DELETE", f"/fhir/{child}").headers.get("Allow", "")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_what_the_whole_service_does_not_take_is_told_as_an_outcome(app, method):
    for path in ("/fhir", "/fhir/"):
        refused = send(app, method, path)
        assert refused.status_code == 405
        assert faults(refused) == [("not-supported", [])]
        assert refused.headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/fhir/Questionnaire"),
        ("PUT", "/fhir/Questionnaire/two-year-review"),
        ("PUT", "/fhir/Questionnaire?url=x"),
        ("PATCH", "/fhir/Questionnaire/two-year-review"),
        ("PATCH", "/fhir/Questionnaire?url=x"),
    ],
)
def test_what_is_not_written_here_is_refused_before_its_body_is_read(app, method, path):
    assert send(app, method, path, {"resourceType": "Nonsense"}).status_code == 405


def test_a_forms_result_is_deleted_with_its_form_and_not_before(demonstration, app, child):
    answer = app.post("/fhir", builders.a_visit(child))
    form = answer.json["entry"][1]["response"]["location"].rpartition("/_history")[0]
    results = [f"Observation/{each['id']}" for each in app.found("Observation", ("derived-from", form))]
    assert results
    assert send(app, "DELETE", f"/fhir/{results[0]}").status_code == 422
    assert send(app, "DELETE", f"/fhir/{form}").status_code == 409
    deletions = [{"request": {"method": "DELETE", "url": each}} for each in (form, *results)]
    assert statuses(app.post("/fhir", builders.a_transaction(*deletions))) == ["204"] * len(deletions)


# Patch


def test_a_patch_by_either_kind_and_no_other(app, weight):
    answer = send(app, "PATCH", weight, heavier(), Content_Type=JSON_PATCH, If_Match='W/"1"')
    assert answer.status_code == 200
    assert answer.headers["ETag"] == 'W/"2"'
    assert b'"value":12.50' in answer.data
    parts = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Observation.status"},
        {"name": "value", "valueCode": "amended"},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    assert send(app, "PATCH", weight, parameters, If_Match='W/"2"').json["status"] == "amended"
    other = send(app, "PATCH", weight, b"<diff/>", Content_Type="application/xml-patch+xml", If_Match='W/"3"')
    assert other.status_code == 415
    assert JSON_PATCH in other.headers["Accept-Patch"]
    for tag, status in ((None, 400), ('W/"1"', 412)):
        headers = {} if tag is None else {"If_Match": tag}
        assert send(app, "PATCH", weight, heavier(), Content_Type=JSON_PATCH, **headers).status_code == status
    failing = b'[{"op":"test","path":"/status","value":"final"}]'
    assert send(app, "PATCH", weight, failing, Content_Type=JSON_PATCH, If_Match='W/"3"').status_code == 422
    assert send(app, "PATCH", weight, {"resourceType": "Patient"}, If_Match='W/"3"').status_code == 400


# By query


def test_one_resource_is_made_changed_and_deleted_by_its_identifier(app, child):
    path = "/fhir/Observation?identifier=urn%3Aapp%7Cone"
    body = identified(builders.an_observation(child), "one")
    made = send(app, "PUT", path, body)
    assert made.status_code == 201
    assert send(app, "PUT", path, body).status_code == 400
    assert send(app, "PUT", path, body, If_Match='W/"1"').status_code == 200
    patched = send(app, "PATCH", path, heavier(), Content_Type=JSON_PATCH, If_Match='W/"2"')
    assert patched.headers["Location"] == made.headers["Location"].replace("_history/1", "_history/3")
    assert send(app, "DELETE", path).status_code == 204
    assert send(app, "DELETE", path).status_code == 204
    assert send(app, "PATCH", path, heavier(), Content_Type=JSON_PATCH, If_Match='W/"3"').status_code == 404


# Conditional reading


def test_a_reader_who_has_it_is_not_sent_it_again(app, weight):
    first = app.get(weight)
    for headers in (
        {"If-None-Match": first.headers["ETag"]},
        {"If-None-Match": 'W/"9", W/"1"'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": first.headers["Last-Modified"]},
    ):
        answer = app.get(weight, **headers)
        assert (answer.status_code, answer.data) == (304, b""), headers
    for headers in (
        {"If-None-Match": 'W/"2"', "If-Modified-Since": first.headers["Last-Modified"]},
        {"If-Modified-Since": "Mon, 01 Jan 2018 00:00:00 GMT"},
    ):
        assert app.get(weight, **headers).status_code == 200, headers


@pytest.mark.parametrize("place", ["", "/_history", "/_history/1"])
def test_a_head_is_the_same_without_the_body(app, weight, place):
    whole, head = app.get(weight + place), send(app, "HEAD", weight + place)
    assert (head.status_code, head.data) == (200, b"")
    for name in ("ETag", "Last-Modified", "Content-Length", "Content-Type", "Cache-Control"):
        assert head.headers.get(name) == whole.headers.get(name)


# Batch


def test_each_entry_of_a_batch_is_kept_or_refused_by_itself(demonstration, app, child, weight):
    one = builders.an_entry(builders.an_observation(child), full_url=builders.a_urn())
    before = versions(demonstration)
    answer = app.post(
        "/fhir",
        a_batch(
            one,
            builders.an_entry({**builders.an_observation(child), "status": "banana"}),
            {"request": {"method": "GET", "url": weight.removeprefix("/fhir/")}},
            {"request": {"method": "GET", "url": "Observation/nobody"}},
            {"request": {"method": "DELETE", "url": weight.removeprefix("/fhir/")}},
            {"request": {"method": "FLY", "url": "Observation"}},
            "Observation",
            # A reference to another entry leads nowhere in a batch.
            builders.an_entry(
                {**builders.an_observation(child), "derivedFrom": [{"reference": one["fullUrl"]}]}
            ),
            {"request": {"method": "GET", "url": f"Observation?patient={child}&_count=1"}},
        ),
    )
    assert answer.json["type"] == "batch-response"
    assert statuses(answer) == ["201", "422", "200", "404", "204", "400", "400", "422", "200"]
    places = [
        entry["response"]["outcome"]["issue"][0].get("expression")
        for entry in answer.json["entry"]
        if "outcome" in entry["response"]
    ]
    assert places[0] == ["Bundle.entry[1].resource.status"]
    assert places[4] == ["Bundle.entry[7].resource.derivedFrom[0]"]
    assert versions(demonstration) == before + 2


def test_a_batch_sent_again_does_nothing_twice(demonstration, app, child):
    operation = str(uuid.uuid4())
    batch = a_batch(
        *(builders.an_entry(builders.an_observation(child)) for _ in range(2)),
        builders.an_entry({**builders.an_observation(child), "status": "banana"}),
    )
    first = app.post("/fhir", batch, operation=operation)
    before = versions(demonstration)
    assert app.post("/fhir", batch, operation=operation).json["entry"][:2] == first.json["entry"][:2]
    assert versions(demonstration) == before
    other = a_batch(builders.an_entry(builders.an_observation(child, value="13.00")))
    assert statuses(app.post("/fhir", other, operation=operation)) == ["422"]
    assert versions(demonstration) == before
    assert statuses(app.post("/fhir", batch)) == ["201", "201", "422"]


def test_a_form_in_a_batch_has_its_scores(app, child):
    contact = builders.an_encounter(child)
    encounter = located(app.post("/fhir/Encounter", contact))
    answer = app.post("/fhir", a_batch(builders.an_entry(builders.a_response(child, encounter))))
    assert statuses(answer) == ["201"]
    form = answer.json["entry"][0]["response"]["location"].rpartition("/_history")[0]
    assert app.found("Observation", ("derived-from", form))


@pytest.mark.parametrize("type_", ["batch", "transaction"])
def test_a_bundle_over_the_limit_is_refused_whole(demonstration, app, type_):
    before = versions(demonstration)
    entry = {"request": {"method": "GET", "url": "Patient?_count=1"}}
    bundle = {"resourceType": "Bundle", "type": type_, "entry": [entry] * 2001}
    answer = app.post("/fhir", bundle)
    assert (answer.status_code, faults(answer)) == (400, [("too-costly", ["Bundle.entry"])])
    assert versions(demonstration) == before


def test_an_empty_bundle_is_done_at_once(app):
    for type_ in ("batch", "transaction"):
        answer = app.post("/fhir", {"resourceType": "Bundle", "type": type_})
        assert answer.json == {"resourceType": "Bundle", "type": f"{type_}-response"}


# What is sent back


@pytest.mark.parametrize("type_", ["batch", "transaction"])
def test_a_bundles_answer_says_as_much_as_is_asked(app, child, type_):
    def ask(preference):
        bundle = {**builders.a_transaction(builders.an_entry(builders.an_observation(child))), "type": type_}
        return app.post("/fhir", bundle, Prefer=f"return={preference}").json["entry"][0]

    whole = ask("representation")
    assert whole["resource"]["id"] == whole["response"]["location"].split("/")[1]
    assert "resource" not in ask("minimal")
    assert ask("OperationOutcome")["response"]["outcome"]["resourceType"] == "OperationOutcome"


def test_the_answer_is_packed_for_who_takes_it_so(app, child):
    plain = app.get(f"/fhir/Observation?patient={child}")
    packed = app.get(f"/fhir/Observation?patient={child}", **{"Accept-Encoding": "br, gzip;q=0.5"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 2
    assert gzip.decompress(packed.data) == plain.data
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert answer.headers["Cache-Control"] == "no-store"
    for refused in ("gzip;q=0", "identity"):
        answer = app.get(f"/fhir/Observation?patient={child}", **{"Accept-Encoding": refused})
        assert "Content-Encoding" not in answer.headers
    small = app.get(f"/fhir/Observation/{uuid.uuid4()}", **{"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers


def test_a_packed_body_is_taken_within_the_same_bounds(demonstration, app, child):
    before = versions(demonstration)
    body = dumps(builders.an_observation(child))

    def post(data, packing="gzip"):
        return send(app, "POST", "/fhir/Observation", data, Content_Encoding=packing)

    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 100_000
    for data, status in (
        (bomb, 413),
        (b"not packed", 400),
        (gzip.compress(body)[:-9], 400),
        (gzip.compress(body) * 2, 400),
        (b"", 400),
    ):
        assert post(data).status_code == status
    assert post(body, "br").status_code == 415
    assert versions(demonstration) == before
    assert post(gzip.compress(body)).status_code == 201
    assert post(body, "identity").status_code == 201


def test_an_answer_is_indented_where_it_is_asked_and_says_the_same(app, weight):
    plain, indented = app.get(weight), app.get(f"{weight}?_pretty=true")
    assert b'\n  "resourceType": "Observation"' in indented.data
    assert loads(indented.data) == loads(plain.data)
    assert b"12.40" in indented.data


def test_a_client_sets_no_tag_of_a_borough(app, child):
    body = builders.an_observation(child) | {
        "meta": {"tag": [{"system": "https://healthvisit.example/fhir/Id/gss-code", "code": "E08000006"}]}
    }
    answer = app.post("/fhir/Observation", body)
    assert (answer.status_code, faults(answer)[0][1]) == (422, ["Observation.meta.tag[0]"])


# Two writers


@pytest.mark.parametrize(("times", "status"), [(2, 201), (3, 503)])
def test_a_writer_who_had_to_give_in_tries_again(demonstration, app, child, monkeypatch, times, status):
    monkeypatch.setattr(wire, "_PAUSES_S", (0, 0))
    before = versions(demonstration)
    given_in = []
    one = Record.one

    def contended(self, entry, **more):
        found = one(self, entry, **more)
        if len(given_in) < times:
            given_in.append(entry)
            raise Contended("DeadlockDetected")
        return found

    monkeypatch.setattr(Record, "one", contended)
    answer = app.post("/fhir/Observation", builders.an_observation(child))
    assert answer.status_code == status
    assert versions(demonstration) == before + (status == 201)
    if status == 503:
        assert "Retry-After" in answer.headers


# Whatever is sent, to any type, by any interaction


HOSTILE = {
    "cut off": b'{"resourceType": "%s", ',
    "a name twice": b'{"resourceType": "%s", "resourceType": "%s"}',
    "NaN": b'{"resourceType": "%s", "x": NaN}',
    "5,000 digits": b'{"resourceType": "%s", "x": ' + b"9" * 5000 + b"}",
    "half a surrogate": b'{"resourceType": "%s", "language": "\\ud800"}',
    "nothing": b"",
    "a list": b"[]",
    "an id of a list": b'{"resourceType": "%s", "id": []}',
    "a meta of text": b'{"resourceType": "%s", "id": "x", "meta": "x"}',
    "tags of text": b'{"resourceType": "%s", "id": "x", "meta": {"tag": ["x", 1, null]}}',
    "contained without an id": b'{"resourceType": "%s", "id": "x", "contained": [{"resourceType": "Patient"}]}',
    "contained twice": b'{"resourceType": "%s", "id": "x", "contained": [{"resourceType": "Patient", "id": "a"},'
    b' {"resourceType": "Patient", "id": "a"}]}',
    "contained of text": b'{"resourceType": "%s", "id": "x", "contained": "x"}',
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_wrong_is_refused_for_every_type_by_every_interaction(demonstration, app, what):
    before = versions(demonstration)
    types = [each["type"] for each in app.get("/fhir/metadata").json["rest"][0]["resource"]]
    for type_ in types:
        body = HOSTILE[what].replace(b"%s", type_.encode())
        answers = [
            send(app, "POST", f"/fhir/{type_}", body),
            send(app, "PUT", f"/fhir/{type_}/x", body, If_Match='W/"1"'),
            send(app, "PUT", f"/fhir/{type_}?_id=x", body),
            send(app, "PATCH", f"/fhir/{type_}/x", body, If_Match='W/"1"'),
            send(app, "PATCH", f"/fhir/{type_}/x", body, Content_Type=JSON_PATCH, If_Match='W/"1"'),
        ]
        for answer in answers:
            assert 400 <= answer.status_code < 500, (type_, answer.text)
            assert answer.json["resourceType"] == "OperationOutcome"
    for entry in (
        {"resource": json.loads('{"meta":1}')},
        {"request": 1},
        {"request": {"method": {}}},
        [],
        None,
    ):
        assert app.post("/fhir", a_batch(entry)).status_code == 200
        assert app.post("/fhir", builders.a_transaction(entry)).status_code == 400
    assert versions(demonstration) == before
