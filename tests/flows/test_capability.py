"""/metadata says what is so: all that it names is tried over HTTP, and what it does not name is refused."""

import pytest

from healthvisit.exact_json import loads
from healthvisit.openapi import fhir
from tests.flows.demonstration import FHIR

NOBODY = "nobody"


@pytest.fixture
def statement(demonstration):
    return demonstration.app.test_client().get("/fhir/metadata").json


@pytest.fixture
def app(demonstration):
    return demonstration.staff_app("bury")


def asked(app, method, path, body=None, **headers):
    """Status of an answer; a route that is not there counts as None."""
    sent = {"data": body, "content_type": headers.pop("media", FHIR)} if body is not None else {}
    answer = app.client.open(path, method=method, headers=app.headers | headers, **sent)
    if answer.status_code == 404 and "address" in loads(answer.data)["issue"][0]["diagnostics"]:
        return None
    return answer.status_code


# Each interaction as it is asked for of a type; what is sent is wrong, so that nothing is stored.
REQUESTS = {
    "create": ("POST", "", b"{}"),
    "read": ("GET", f"/{NOBODY}", None),
    "vread": ("GET", f"/{NOBODY}/_history/1", None),
    "history-instance": ("GET", f"/{NOBODY}/_history", None),
    "history-type": ("GET", "/_history?_count=1", None),
    "update": ("PUT", f"/{NOBODY}", b"{}"),
    "patch": ("PATCH", f"/{NOBODY}", b'{"resourceType": "Parameters"}'),
    "delete": ("DELETE", f"/{NOBODY}", None),
    "search-type": ("GET", "?_count=1", None),
}


def test_every_interaction_of_every_type_is_served_and_no_other(statement, app):
    for resource in statement["rest"][0]["resource"]:
        type_, told = resource["type"], {each["code"] for each in resource["interaction"]}
        for interaction, (method, path, body) in REQUESTS.items():
            status = asked(app, method, f"/fhir/{type_}{path}", body)
            if interaction in told:
                assert status not in (None, 405), (type_, interaction)
                assert status < 500, (type_, interaction)
            else:
                # The audit has no versions and says so in its own words.
                assert status in (None, 404, 405) or type_ == "AuditEvent", (type_, interaction, status)
        assert told <= REQUESTS.keys()


def test_every_condition_is_understood(statement, app):
    for resource in statement["rest"][0]["resource"]:
        type_ = resource["type"]
        query = f"/fhir/{type_}?_id={NOBODY}"
        assert resource["conditionalUpdate"] == (asked(app, "PUT", query, b"{}") != 405), type_
        deleted = asked(app, "DELETE", query)
        assert (resource["conditionalDelete"] == "single") == (deleted != 405), type_


def test_every_search_parameter_and_include_of_every_type_is_understood(statement, app, definitions):
    for resource in statement["rest"][0]["resource"]:
        type_ = resource["type"]
        for parameter in resource.get("searchParam", ()):
            value = example(parameter, definitions)
            status = asked(app, "GET", f"/fhir/{type_}?{parameter['name']}={value}&_count=1")
            assert status in (200, 403), (type_, parameter["name"])
        for name, values in (("_include", "searchInclude"), ("_revinclude", "searchRevInclude")):
            for value in resource.get(values, ()):
                assert asked(app, "GET", f"/fhir/{type_}?{name}={value}&_count=1") in (200, 403), (
                    type_,
                    value,
                )


def example(parameter, definitions):
    definition = definitions.by_url(parameter["definition"])
    target = definition.get("target", ["Patient"])[0]
    return {
        "date": "2020",
        "reference": f"{target}/x",
        "uri": "urn:x",
        "number": "1",
        "quantity": "1",
        "composite": "x$1" if "quantity" in parameter["name"] else "x$x",
    }.get(parameter["type"], "x")


def test_the_system_serves_what_it_says(statement, app):
    told = {each["code"] for each in statement["rest"][0]["interaction"]}
    assert told == {"transaction", "batch", "history-system", "search-system"}
    for type_ in ("transaction", "batch"):
        bundle = b'{"resourceType": "Bundle", "type": "%s"}' % type_.encode()
        assert asked(app, "POST", "/fhir", bundle) == 200, type_
    assert asked(app, "GET", "/fhir/_history?_count=1") == 200
    assert asked(app, "GET", f"/fhir?_type=Patient&_id={NOBODY}") == 200
    assert statement["rest"][0]["compartment"] == ["http://hl7.org/fhir/CompartmentDefinition/patient"]
    assert asked(app, "GET", f"/fhir/Patient/{NOBODY}/Observation") in (200, 404)


def test_every_operation_is_served(statement, app, definitions):
    rest = statement["rest"][0]
    for type_, operations in [("", rest.get("operation", []))] + [
        (each["type"], each.get("operation", [])) for each in rest["resource"]
    ]:
        for operation in operations:
            definition = definitions.by_url(operation["definition"])
            places = [""] if not type_ else [f"/{type_}"] * definition["type"]
            places += [f"/{type_}/{NOBODY}"] * (bool(type_) and definition["instance"])
            for place in places:
                method = "POST" if definition.get("affectsState") else "GET"
                status = asked(app, method, f"/fhir{place}/${operation['name']}")
                if status == 405:
                    status = asked(app, "POST", f"/fhir{place}/${operation['name']}", b"{}")
                assert status not in (None, 405), (place, operation["name"])
                assert status < 500


def test_every_kind_of_patch_is_taken(statement, app):
    assert set(statement["patchFormat"]) == {fhir.JSON_PATCH, FHIR}
    for media in statement["patchFormat"]:
        status = asked(app, "PATCH", f"/fhir/Observation/{NOBODY}", b"[]", media=media)
        assert status not in (None, 405, 415), media


def test_what_is_no_type_of_this_service_is_nowhere(app):
    assert asked(app, "GET", "/fhir/Medication") in (None, 404)
