"""An app finds the service, is given a token, and searches within what it was given."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from healthvisit.accounts import clients
from healthvisit.exact_json import loads
from tests.flows.demonstration import BASE, App, faults, form_token, leave_bury


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


def test_an_app_that_a_health_visitor_opens_for_a_child_reaches_that_child_alone(demonstration):
    nurse = demonstration.staff_app("bury")
    child = demonstration.a_child(nurse)
    sibling = next(other for other in demonstration.children(nurse) if other != child)
    app = opened_for(demonstration, child)

    assert app.read(f"/fhir/Patient/{child}")["id"] == child
    assert nurse.get(f"/fhir/Patient/{sibling}").status_code == 200
    assert app.get(f"/fhir/Patient/{sibling}").status_code == 404
    assert [patient["id"] for patient in app.found("Patient", ("_count", "1000"))] == [child]
    subjects = {seen["subject"]["reference"] for seen in app.found("Observation", ("_count", "1000"))}
    assert subjects == {f"Patient/{child}"}
    assert app.found("Observation", ("patient", sibling)) == []
    assert app.found("Observation", ("patient", child)) == nurse.found("Observation", ("patient", child))


def test_what_was_opened_for_a_child_ends_when_the_health_visitor_leaves_the_borough(demonstration):
    child = demonstration.a_child(demonstration.staff_app("bury"))
    app = opened_for(demonstration, child)
    assert app.get(f"/fhir/Patient/{child}").status_code == 200
    leave_bury(demonstration)
    assert app.get(f"/fhir/Patient/{child}").status_code == 404


OPENER, OPENER_URI = "opener", "https://opener.example/cb"
OPENER_SCOPE = "openid fhirUser launch patient/Patient.read patient/Observation.rs"


def opened_for(demonstration, child):
    """An app of other makers, opened by the health visitor of Bury on the page of this child."""
    with demonstration.database.writing() as connection:
        clients.register(
            connection, name="Opener", client_id=OPENER, redirect_uris=[OPENER_URI], scope=OPENER_SCOPE,
            launch_uri="https://opener.example/launch",
        )  # fmt: skip
    browser = demonstration.browser("bury")
    page = browser.get("/apps", query_string={"patient": child})
    sent = {"csrf_token": form_token(page.text), "patient": child, "app": OPENER}
    launched = parse_qs(urlsplit(browser.post("/apps", data=sent).location).query)
    assert launched["iss"] == [f"{BASE}/fhir"]
    verifier = "x" * 43
    asked = {
        "response_type": "code",
        "client_id": OPENER,
        "redirect_uri": OPENER_URI,
        "scope": OPENER_SCOPE,
        "launch": launched["launch"][0],
        "state": "s",
        "aud": f"{BASE}/fhir",
        "code_challenge": urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    agreed = browser.post(
        "/authorize",
        query_string=asked,
        data={
            "csrf_token": form_token(browser.get("/authorize", query_string=asked).text),
            "decision": "allow",
        },
    )
    given = browser.post(
        "/token",
        data={
            "grant_type": "authorization_code",
            "client_id": OPENER,
            "redirect_uri": OPENER_URI,
            "code": parse_qs(urlsplit(agreed.location).query)["code"][0],
            "code_verifier": verifier,
        },
    ).json
    assert given["patient"] == child
    assert given["scope"] == OPENER_SCOPE
    assert given["fhirUser"].startswith(f"{BASE}/fhir/Practitioner/")
    return App(demonstration.app.test_client(), given["access_token"])
