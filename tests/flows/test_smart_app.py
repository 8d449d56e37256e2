"""An app finds the service, is given a token, and searches within what it was given."""

from urllib.parse import urlsplit

from healthvisit.exact_json import loads
from tests.flows.demonstration import BASE, faults


def test_an_app_finds_where_to_ask_for_a_token(demonstration):
    client = demonstration.app.test_client()
    found = client.get("/fhir/.well-known/smart-configuration", headers={"Accept": "text/html"}).json
    assert found["token_endpoint"] == f"{BASE}/token"
    assert found["authorization_endpoint"] == f"{BASE}/authorize"
    assert found["code_challenge_methods_supported"] == ["S256"]


def test_a_system_searches_by_patient_and_code_page_by_page(demonstration):
    system = demonstration.system()
    child = demonstration.a_child(system)
    everything = system.found("Observation", ("patient", child), ("_count", "1000"), ("_sort", "-date"))

    pages, where = [], f"/fhir/Observation?patient={child}&_count=2&_sort=-date"
    while where:
        page = loads(system.get(where).data)
        assert page["total"] == len(everything)
        pages += [entry["resource"]["id"] for entry in page.get("entry", ())]
        following = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        where = following and following.removeprefix(BASE)

    assert pages == [resource["id"] for resource in everything]
    assert len(set(pages)) == len(pages)


def test_a_search_includes_what_it_asks_for(demonstration):
    system = demonstration.system()
    child = demonstration.a_child(system)
    bundle = system.read(f"/fhir/Encounter?patient={child}&_include=Encounter:patient&_count=3")
    modes = {(entry["resource"]["resourceType"], entry["search"]["mode"]) for entry in bundle["entry"]}
    assert modes == {("Encounter", "match"), ("Patient", "include")}
    for entry in bundle["entry"]:
        resource = entry["resource"]
        assert entry["fullUrl"] == f"{BASE}/fhir/{resource['resourceType']}/{resource['id']}"


def test_a_number_is_searched_by_post_so_that_it_stands_in_no_address(demonstration):
    system = demonstration.system()
    child = system.read(f"/fhir/Patient/{demonstration.a_child(system)}")
    number = child["identifier"][0]["value"]
    answer = system.client.post(
        "/fhir/Patient/_search",
        data={"identifier": f"https://fhir.nhs.uk/Id/nhs-number|{number}"},
        headers=system.headers,
    )
    assert answer.status_code == 200, answer.text
    assert [entry["resource"]["id"] for entry in answer.json["entry"]] == [child["id"]]


def test_a_known_version_is_not_sent_again(demonstration):
    system = demonstration.system()
    address = f"/fhir/Patient/{demonstration.a_child(system)}"
    first = system.get(address)
    again = system.get(address, **{"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""


def test_the_audit_of_a_child_says_who_saw_it(demonstration):
    app = demonstration.staff_app("bury")
    child = demonstration.a_child(app)
    app.read(f"/fhir/Patient/{child}")
    events = app.found("AuditEvent", ("patient", f"Patient/{child}"), ("_count", "20"))
    assert "read" in {event["subtype"][0]["code"] for event in events}


def test_a_scope_that_was_not_given_is_refused(demonstration):
    tablet = demonstration.tablet("bury")
    answer = tablet.get("/fhir/AuditEvent?_count=1")
    assert answer.status_code == 403
    assert faults(answer)[0][0] == "forbidden"
    assert urlsplit(BASE).hostname not in answer.text
