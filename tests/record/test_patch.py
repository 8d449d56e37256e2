"""JSON Patch (RFC 6902) and FHIRPath Patch, each with the cases that its own specification is tested by."""

from base64 import b64encode
from decimal import Decimal

import pytest

from healthvisit.exact_json import dumps, loads
from healthvisit.record import patch
from healthvisit.record.errors import (
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    RecordError,
    Unprocessable,
    VersionConflict,
)
from healthvisit.record.record import opened
from healthvisit.reviews import arrival
from tests.builders import (
    NOW,
    a_child,
    a_requester,
    a_transaction,
    a_visit,
    an_entry,
    an_observation,
)

NEVER = "01900000-0000-7000-8000-000000000000"


def json_patched(body, *operations):
    """The body after a JSON Patch, without the resourceType and id that every resource has."""
    found = patch.json_patch({"resourceType": "Patient", "id": "1", **body}, list(operations), "Patient")
    return {name: value for name, value in found.items() if name not in ("resourceType", "id")}


def op(name, path, *value, **more):
    return {"op": name, "path": path, **({"value": value[0]} if value else {}), **more}


# The examples of RFC 6902, appendix A, and of its own test suite.
@pytest.mark.parametrize(
    ("before", "operation", "after"),
    [
        ({"foo": "bar"}, op("add", "/baz", "qux"), {"foo": "bar", "baz": "qux"}),
        ({"foo": ["bar", "baz"]}, op("add", "/foo/1", "qux"), {"foo": ["bar", "qux", "baz"]}),
        ({"foo": ["bar"]}, op("add", "/foo/-", ["abc"]), {"foo": ["bar", ["abc"]]}),
        ({"foo": ["bar"]}, op("add", "/foo/1", "end"), {"foo": ["bar", "end"]}),
        ({"foo": "bar", "baz": 1}, op("remove", "/baz"), {"foo": "bar"}),
        ({"foo": ["a", "b", "c"]}, op("remove", "/foo/1"), {"foo": ["a", "c"]}),
        ({"foo": "bar"}, op("replace", "/foo", None), {"foo": None}),
        (
            {"foo": {"waldo": "fred"}, "qux": {}},
            op("move", "/qux/thud", **{"from": "/foo/waldo"}),
            {"foo": {}, "qux": {"thud": "fred"}},
        ),
        ({"foo": ["a", "b", "c"]}, op("move", "/foo/2", **{"from": "/foo/0"}), {"foo": ["b", "c", "a"]}),
        ({"foo": "bar"}, op("move", "/foo", **{"from": "/foo"}), {"foo": "bar"}),
        ({"foo": [1]}, op("copy", "/bar", **{"from": "/foo"}), {"foo": [1], "bar": [1]}),
        ({"/": 9, "~1": 10}, op("test", "/~01", 10), {"/": 9, "~1": 10}),
        ({"foo": 1}, op("test", "/foo", Decimal("1.0")), {"foo": 1}),
        ({"": 1}, op("add", "/", 2), {"": 2}),
        ({"foo": 1}, op("add", "/baz", "q", xyz=1), {"foo": 1, "baz": "q"}),
        ({"foo": {"a": 1}}, op("test", "/foo", {"a": 1}), {"foo": {"a": 1}}),
    ],
)
def test_an_operation_of_json_patch(before, operation, after):
    assert json_patched(before, operation) == after


@pytest.mark.parametrize(
    "operation",
    [
        op("add", "/baz/bat", "qux"),
        op("add", "/foo/4", "x"),
        op("add", "/foo/01", "x"),
        op("add", "/foo/-1", "x"),
        op("add", "/foo/1e0", "x"),
        op("add", "/bar/x", "x"),
        op("remove", "/baz"),
        op("remove", "/foo/-"),
        op("remove", "/foo/9"),
        op("remove", ""),
        op("replace", "/baz", 1),
        op("move", "/foo/0/x", **{"from": "/foo"}),
        op("copy", "/x", **{"from": "/baz"}),
        op("test", "/bar", "BAR"),
        op("test", "/flag", 1),
        op("test", "/one", True),
        op("test", "/foo", ["b", "a"]),
        op("replace", "/id", "2"),
        op("remove", "/id"),
        op("replace", "/resourceType", "Group"),
        op("replace", "", []),
    ],
)
def test_an_operation_that_cannot_be_done(operation):
    with pytest.raises(Unprocessable):
        json_patched({"foo": ["a", "b"], "bar": "bar", "flag": True, "one": 1}, operation)


@pytest.mark.parametrize(
    "operations",
    [
        {}, "x", None, 1, [1], [{}], [{"op": "spam", "path": "/foo"}], [{"op": "add", "path": "/foo"}],
        [{"op": "add", "value": 1}], [{"op": "move", "path": "/foo"}], [{"op": "add", "path": 1, "value": 1}],
        [{"op": "add", "path": "foo", "value": 1}], [{"op": ["add"], "path": "/a", "value": 1}],
        [{"op": "copy", "path": "/a", "from": None}], [{"op": "test", "path": "/a", "value": 1}] * 1001,
    ],
)  # fmt: skip
def test_what_is_no_json_patch(operations):
    with pytest.raises(Invalid):
        patch.json_patch({"resourceType": "Patient", "id": "1"}, operations, "Patient")


def test_a_patch_does_not_touch_what_it_is_applied_to():
    stored = {"resourceType": "Patient", "id": "1", "foo": {"bar": [1]}}
    before = dumps(stored)
    patch.json_patch(stored, [op("add", "/foo/bar/-", 2), op("remove", "/foo/bar/0")], "Patient")
    assert dumps(stored) == before


def test_what_a_patch_leaves_alone_keeps_its_digits():
    stored = loads(b'{"resourceType":"Observation","id":"1","valueQuantity":{"value":1.500}}')
    patched = patch.json_patch(stored, loads(b'[{"op":"add","path":"/x","value":2.50}]'), "Observation")
    assert b'"value":1.500' in dumps(patched)
    assert b'"x":2.50' in dumps(patched)


def test_a_patch_makes_nothing_without_bounds():
    copies = [op("copy", f"/a{n + 1}", **{"from": ""}) for n in range(60)]
    with pytest.raises(Unprocessable) as met:
        json_patched({"a0": "x" * 100}, *copies)
    assert met.value.issues[0].code == "too-costly"
    nested = [{"op": "add", "path": "/a" * (n + 1), "value": {}} for n in range(200)]
    with pytest.raises(Unprocessable):
        json_patched({}, *nested)
    deep = [
        {"op": "move", "from": "/a", "path": "/b"}
        if n % 2
        else {"op": "add", "path": "/a", "value": {"b": {}}}
        for n in range(900)
    ]
    json_patched({}, *deep)


# FHIRPath Patch


def part(name, **value):
    return {"name": name, **value}


def operation(kind, path, *parts):
    return {
        "name": "operation",
        "part": [part("type", valueCode=kind), part("path", valueString=path), *parts],
    }


def adding(path, name, **value):
    return operation("add", path, part("name", valueString=name), part("value", **value))


def inserting(path, index, **value):
    return operation("insert", path, part("index", valueInteger=index), part("value", **value))


def replacing(path, **value):
    return operation("replace", path, part("value", **value))


def moving(path, source, destination):
    return operation(
        "move", path, part("source", valueInteger=source), part("destination", valueInteger=destination)
    )


def patched(definitions, body, *operations):
    stored = {"resourceType": "Patient", "id": "1", **body}
    parameters = {"resourceType": "Parameters", "parameter": list(operations)}
    found = patch.fhirpath(stored, parameters, definitions, "Patient")
    return {name: value for name, value in found.items() if name not in ("resourceType", "id")}


def identifiers(*values):
    return {"identifier": [{"system": "http://example.org", "value": value} for value in values]}


# HL7's published cases, written from what they test: r4/patch/fhir-path-tests.xml of FHIR/fhir-test-cases.
@pytest.mark.parametrize(
    ("before", "operations", "after"),
    [
        (
            {"birthDate": "1920-01-01"},
            [replacing("Patient.birthDate", valueDate="1930-01-01")],
            {"birthDate": "1930-01-01"},
        ),
        ({"birthDate": "1920-01-01"}, [operation("delete", "Patient.birthDate")], {}),
        (
            {},
            [adding("Patient", "birthDate", valueDate="1930-01-01")],
            {"birthDate": "1930-01-01"},
        ),
        (
            {"contact": [{"name": {"text": "a name"}, "gender": "male"}]},
            [replacing("Patient.contact[0].gender", valueCode="female")],
            {"contact": [{"name": {"text": "a name"}, "gender": "female"}]},
        ),
        (
            {"contact": [{"name": {"text": "a name"}, "gender": "male"}]},
            [operation("delete", "Patient.contact[0].gender")],
            {"contact": [{"name": {"text": "a name"}}]},
        ),
        (
            {"contact": [{"name": {"text": "a name"}}]},
            [adding("Patient.contact[0]", "gender", valueCode="male")],
            {"contact": [{"name": {"text": "a name"}, "gender": "male"}]},
        ),
        (
            {},
            [adding("Patient", "maritalStatus", valueCodeableConcept={"text": "married"})],
            {"maritalStatus": {"text": "married"}},
        ),
        (
            {"maritalStatus": {"text": "married"}},
            [replacing("Patient.maritalStatus", valueCodeableConcept={"text": "not married"})],
            {"maritalStatus": {"text": "not married"}},
        ),
        ({"maritalStatus": {"text": "married"}}, [operation("delete", "Patient.maritalStatus")], {}),
        (
            {},
            [adding("Patient", "contact", part=[part("name", valueHumanName={"text": "a name"})])],
            {"contact": [{"name": {"text": "a name"}}]},
        ),
        ({"contact": [{"name": {"text": "a name"}}]}, [operation("delete", "Patient.contact[0]")], {}),
        (
            identifiers("1", "2", "3"),
            [inserting("Patient.identifier", 3, valueIdentifier=identifiers("4")["identifier"][0])],
            identifiers("1", "2", "3", "4"),
        ),
        (
            identifiers("1", "2", "3"),
            [inserting("Patient.identifier", 0, valueIdentifier=identifiers("0")["identifier"][0])],
            identifiers("0", "1", "2", "3"),
        ),
        (identifiers("1", "2", "3"), [operation("delete", "Patient.identifier[1]")], identifiers("1", "3")),
        (
            identifiers("1", "2", "3"),
            [operation("delete", "Patient.identifier[0]"), operation("delete", "Patient.identifier[0]")],
            identifiers("3"),
        ),
        (
            identifiers("1", "2", "3"),
            [replacing("Patient.identifier[1].value", valueString="two")],
            identifiers("1", "two", "3"),
        ),
        (
            identifiers("1", "2", "3", "4"),
            [moving("Patient.identifier", 3, 1)],
            identifiers("1", "4", "2", "3"),
        ),
        (
            identifiers("1", "2", "3", "4"),
            [
                moving("Patient.identifier", 3, 0),
                moving("Patient.identifier", 3, 1),
                moving("Patient.identifier", 3, 2),
            ],
            identifiers("4", "3", "2", "1"),
        ),
        ({"birthDate": "1920-01-01"}, [operation("delete", "Patient.deceased")], {"birthDate": "1920-01-01"}),
        (
            identifiers("1", "2"),
            [operation("delete", "Patient.identifier.where(value = '2')")],
            identifiers("1"),
        ),
        (
            identifiers("1", "2"),
            [replacing("Patient.identifier.first().value", valueString="one")],
            identifiers("one", "2"),
        ),
        (
            {"deceasedBoolean": False},
            [replacing("Patient.deceased", valueDateTime="2021-01-01")],
            {"deceasedDateTime": "2021-01-01"},
        ),
        (
            {"name": [{"given": ["A", "B"], "_given": [None, {"id": "b"}]}]},
            [inserting("Patient.name[0].given", 0, valueString="C")],
            {"name": [{"given": ["C", "A", "B"], "_given": [None, None, {"id": "b"}]}]},
        ),
        (
            {"name": [{"given": ["A", "B"], "_given": [None, {"id": "b"}]}]},
            [operation("delete", "Patient.name[0].given[1]")],
            {"name": [{"given": ["A"]}]},
        ),
    ],
)  # fmt: skip
def test_an_operation_of_fhirpath_patch(definitions, before, operations, after):
    assert patched(definitions, before, *operations) == after


@pytest.mark.parametrize(
    "one",
    [
        replacing("Patient.birthDate", valueDate="1930-01-01"),
        operation("delete", "Patient.identifier"),
        operation("delete", "Patient.identifier.where(system = 'http://example.org')"),
        operation("delete", "Patient.identifier.ofType(Identifier)"),
        operation("delete", "Patient.identifier[0].value.length()"),
        operation("delete", "Patient.identifier[0]value"),
        operation("delete", ""),
        operation("delete", "Patient.%resource"),
        replacing("Patient", valueString="x"),
        adding("Patient", "favouriteToy", valueString="x"),
        adding("Patient", "gender", valueCode="male"),
        adding("Patient.gender", "x", valueCode="male"),
        adding("Patient", "deceased", valueQuantity={}),
        inserting("Patient.identifier", 3, valueIdentifier={}),
        inserting("Patient.gender", 0, valueCode="male"),
        inserting("Patient.identifier[0]", 0, valueCode="male"),
        moving("Patient.identifier", 0, 2),
        moving("Patient.name", 0, 0),
        replacing("Patient.id", valueId="2"),
        operation("delete", "Patient.id"),
    ],
)  # fmt: skip
def test_an_operation_of_fhirpath_patch_that_cannot_be_done(definitions, one):
    with pytest.raises(Unprocessable):
        patched(definitions, {"gender": "female", **identifiers("1", "2")}, one)


@pytest.mark.parametrize(
    "parameter",
    [
        None, [], {}, "x", [1], [{}], [{"name": "operation"}], [{"name": "operation", "part": 1}],
        [{"name": "operation", "part": [{}]}], [{"name": "other", "part": []}],
        [operation("spam", "Patient.gender")], [operation("add", "Patient")],
        [operation("replace", "Patient.gender")], [operation("replace", "Patient.gender", part("value"))],
        [operation("insert", "Patient.identifier", part("index", valueString="0"), part("value", valueCode="x"))],
        [inserting("Patient.identifier", -1, valueCode="x")],
        [operation("insert", "Patient.identifier", part("index", valueBoolean=True), part("value", valueCode="x"))],
        [operation("delete", "Patient.gender", part("path", valueString="Patient.name"))],
        [operation("replace", "Patient.gender", part("value", part="x"))],
        [operation("delete", "Patient.gender")] * 1001,
    ],
)  # fmt: skip
def test_what_is_no_fhirpath_patch(definitions, parameter):
    with pytest.raises(Invalid):
        patch.fhirpath(
            {"resourceType": "Patient", "id": "1", "gender": "female"},
            {"resourceType": "Parameters", "parameter": parameter},
            definitions,
            "Patient",
        )


# In the record


def a_json_patch(*operations):
    data = b64encode(dumps(list(operations))).decode()
    return {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}


def a_fhirpath_patch(*operations):
    return {"resourceType": "Parameters", "parameter": list(operations)}


@pytest.fixture
def ask(furnished, definitions):
    def ask(what, requester=None):
        with opened(
            furnished, requester or a_requester(), definitions=definitions, at=NOW, writing=True
        ) as record:
            return what(record)

    return ask


@pytest.fixture
def weight(furnished, definitions, ask):
    child = a_child().kept_in(furnished, definitions)
    return ask(lambda record: record.create("Observation", an_observation(child.reference))).version


HEAVIER = a_json_patch(op("replace", "/valueQuantity/value", Decimal("12.50")))


def refused(ask, what, requester=None):
    with pytest.raises(RecordError) as met:
        ask(what, requester)
    return met.value


def test_a_patch_makes_a_new_version_of_what_stood(ask, weight):
    by_path = a_fhirpath_patch(replacing("Observation.value.value", valueDecimal=Decimal("12.60")))
    for number, each in enumerate((HEAVIER, by_path), start=1):
        written = ask(
            lambda record, body=each, tag=f'W/"{number}"': record.patch(
                "Observation", weight.id, body, if_match=tag
            )
        )
        assert not written.created
    assert written.version.version == 3
    assert b'"value":12.60' in written.version.body
    before, after = weight.json(), written.version.json()
    for body in (before, after):
        del body["meta"], body["valueQuantity"]
    assert before == after


def test_a_patch_names_the_version_that_was_seen(ask, weight):
    def send(tag):
        return refused(ask, lambda record: record.patch("Observation", weight.id, HEAVIER, if_match=tag))

    assert send(None).issues[0].code == "required"
    assert isinstance(send('W/"2"'), VersionConflict)
    assert isinstance(send("2021"), VersionConflict)
    assert isinstance(send("x"), Invalid)


def test_what_a_patch_makes_is_judged_as_any_other_body(ask, weight):
    for bad, error in (
        (op("replace", "/status", "banana"), Unprocessable),
        (op("add", "/favouriteToy", "bear"), Invalid),
        (op("remove", "/code"), Invalid),
        (op("replace", "/subject/reference", f"Patient/{NEVER}"), Unprocessable),
    ):
        body = a_json_patch(bad)
        met = refused(
            ask, lambda record, sent=body: record.patch("Observation", weight.id, sent, if_match='W/"1"')
        )
        assert isinstance(met, error)
    assert ask(lambda record: record.read("Observation", weight.id)).version == 1


def test_a_patch_of_nothing_of_what_is_gone_and_of_what_is_out_of_reach(ask, weight):
    def send(id_=weight.id, requester=None):
        return refused(
            ask, lambda record: record.patch("Observation", id_, HEAVIER, if_match='W/"1"'), requester
        )

    salford = a_requester(boroughs=["salford"])
    assert isinstance(send(NEVER), NotFound)
    strange = send(requester=salford)
    assert (type(strange), strange.issues) == (NotFound, NotFound().issues)
    assert isinstance(send(requester=a_requester(scopes="user/Observation.rs")), Forbidden)
    assert isinstance(send(requester=a_requester(scopes="user/Observation.u")), Forbidden)
    ask(lambda record: record.delete("Observation", weight.id))
    assert isinstance(send(), Gone)


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Patient"},
        {"resourceType": "Binary", "contentType": "application/xml-patch+xml", "data": ""},
        {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "%%%"},
        {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "e30"},
        {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": "ew=="},
        {"resourceType": "Binary", "contentType": "application/json-patch+json"},
    ],
)
def test_what_is_no_patch(ask, weight, body):
    error = refused(ask, lambda record: record.patch("Observation", weight.id, body, if_match='W/"1"'))
    assert isinstance(error, Invalid)


def test_a_patch_in_a_transaction_stands_with_the_rest(ask, weight):
    entry = {
        "resource": HEAVIER,
        "request": {"method": "PATCH", "url": f"Observation/{weight.id}", "ifMatch": 'W/"1"'},
    }
    bad = an_entry(an_observation(f"Patient/{NEVER}"))
    refused(ask, lambda record: record.transact(a_transaction(entry, bad)))
    assert ask(lambda record: record.read("Observation", weight.id)).version == 1
    answer = ask(lambda record: record.transact(a_transaction(entry)))
    assert answer["entry"][0]["response"]["etag"] == 'W/"2"'


def test_scores_are_made_again_when_a_patch_changes_the_answers(furnished, definitions, ask):
    child = a_child().kept_in(furnished, definitions)

    def completed(record, bundle):
        return record.transact(
            bundle, completed_by=lambda checked: arrival.complete(checked, definitions, record)
        )

    answer = ask(lambda record: completed(record, a_visit(child.reference)))
    form = answer["entry"][1]["response"]["location"].split("/")[1]
    heavier = a_fhirpath_patch(
        operation(
            "replace",
            "QuestionnaireResponse.item.where(linkId='measurements').item[0].answer[0].value",
            part("value", valueDecimal=Decimal("13.10")),
        )
    )
    entry = {
        "resource": heavier,
        "request": {"method": "PATCH", "url": f"QuestionnaireResponse/{form}", "ifMatch": 'W/"1"'},
    }
    ask(lambda record: completed(record, a_transaction(entry)))
    made = ask(
        lambda record: record.search(
            "Observation", [("derived-from", f"QuestionnaireResponse/{form}"), ("code", "27113001")]
        )
    )
    assert [each.json()["valueQuantity"]["value"] for each in made.matches] == [Decimal("13.10")]
