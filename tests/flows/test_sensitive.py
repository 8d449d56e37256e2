"""A child who is marked as sensitive: by no route does anybody but who protects it learn where the family is."""

import base64
import json
from dataclasses import replace

import pytest
from sqlalchemy import update

from healthvisit.access import visibility
from healthvisit.accounts import people
from healthvisit.exact_json import dumps, loads
from healthvisit.record.search.rebuild import rebuild
from healthvisit.record.tables import resource
from healthvisit.second_lock import SEARCH
from tests import builders
from tests.conftest import migrate
from tests.flows.demonstration import BASE, faults, located, spelled
from tests.flows.test_emergency import sent, typed
from tests.flows.test_export import asked, made, worker
from tests.flows.test_move import asked as operated
from tests.flows.test_move import offered
from tests.flows.test_restricted import a_flag, a_list, a_provenance, marked

# In every text that tells a place, and nowhere else.
PLACE = "Zzplace"
OTHERS = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
JSON_PATCH = "application/json-patch+json"


def a_family(**more):
    """A Patient with all that can tell where it lives."""
    return builders.a_patient() | {
        "address": [{"line": [f"1 {PLACE} Street"], "city": PLACE, "postalCode": "M9 9ZZ"}],
        "telecom": [{"system": "phone", "value": "0161 999 7777"}],
        "contact": [{"name": {"text": f"Aunt of {PLACE}"}}],
        "generalPractitioner": [{"display": f"{PLACE} surgery"}],
        "managingOrganization": {"reference": builders.organization("bury")},
        "text": {
            "status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{PLACE}</div>',
        },
        "extension": [{"url": OTHERS, "valueAddress": {"city": PLACE}}],
        "active": False,
    } | more  # fmt: skip


def a_visit(child):
    return builders.an_encounter(child, released=False) | {
        "contained": [{"resourceType": "Location", "id": "here", "name": f"{PLACE} clinic"}],
        "location": [{"location": {"reference": "#here"}}],
    }


def papers_of(child):
    """One of each type that can hold a place."""
    return [
        a_visit(child),
        {
            "resourceType": "RelatedPerson", "patient": {"reference": child}, "name": [{"text": "Her mother"}],
            "address": [{"text": PLACE}], "telecom": [{"system": "phone", "value": "0161 999 7777"}],
        },
        {
            "resourceType": "Appointment", "status": "booked", "comment": f"Come to {PLACE}",
            "start": "2021-03-01T09:00:00Z", "end": "2021-03-01T09:30:00Z",
            "participant": [
                {"actor": {"reference": child}, "status": "accepted"},
                {"actor": {"display": f"{PLACE} clinic"}, "status": "accepted"},
            ],
        },
        {
            "resourceType": "Task", "status": "requested", "intent": "order", "for": {"reference": child},
            "location": {"display": PLACE}, "description": "A call",
        },
        {
            "resourceType": "ServiceRequest", "status": "active", "intent": "order", "subject": {"reference": child},
            "code": {"text": "A hearing test"}, "locationCode": [{"text": PLACE}],
        },
        {
            "resourceType": "DocumentReference", "status": "current", "subject": {"reference": child},
            "content": [
                {
                    "attachment": {
                        "contentType": "text/plain", "title": f"Letter to {PLACE}",
                        "data": base64.b64encode(PLACE.encode()).decode(),
                    }
                }
            ],
        },
        a_flag(child, "A dog")
        | {"text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{PLACE}</div>'}},
    ]  # fmt: skip


def unmarked(body):
    meta = {name: value for name, value in body["meta"].items() if name not in ("security", "tag")}
    return body | {"meta": meta}


def untagged(body):
    """What was read, without the word that it is a part."""
    return body | {"meta": {name: value for name, value in body["meta"].items() if name != "tag"}}


class Home:
    """A child of Bury who is marked, and its papers."""

    def __init__(self, demonstration, borough="bury"):
        self.app = demonstration.staff_app(borough)
        self.bodies = {}
        child = a_family(managingOrganization={"reference": builders.organization(borough)})
        self.number = child["identifier"][0]["value"]
        self.born = child["birthDate"]
        self.patient = located(self.app.post("/fhir/Patient", child))
        self.id = self.patient[8:]
        episode = builders.an_episode(self.patient, borough=borough)
        practitioner = self.practitioner(demonstration, borough)
        self.episode = located(
            self.app.post("/fhir/EpisodeOfCare", episode | {"careManager": {"reference": practitioner}})
        )
        self.papers = []
        for body in papers_of(self.patient):
            answer = self.app.post(f"/fhir/{body['resourceType']}", body)
            assert answer.status_code == 201, answer.text
            self.papers.append(located(answer))

    @staticmethod
    def practitioner(demonstration, borough):
        with demonstration.database.reading() as connection:
            account = people.named(connection, borough)
            return connection.exec_driver_sql(
                f"select fhir_user from account where id = '{account}'"
            ).scalar_one()

    def mark(self):
        body = self.app.read(f"/fhir/{self.patient}")
        tag = f'W/"{body["meta"]["versionId"]}"'
        answer = self.app.put(f"/fhir/{self.patient}", marked(body), If_Match=tag)
        assert answer.status_code == 200, answer.text
        return answer

    @property
    def all(self):
        return [self.patient, self.episode, *self.papers]


@pytest.fixture
def home(demonstration):
    found = Home(demonstration)
    found.marking = found.mark()
    return found


@pytest.fixture
def lead(demonstration):
    return demonstration.staff_app("safeguarding-lead")


def ways(home):
    """Addresses under which what is theirs is given out."""
    found = [f"{path}{more}" for path in home.all for more in ("", "/_history/1", "/_history")]
    types = sorted({path.split("/")[0] for path in home.all})
    found += [f"{type_}?patient={home.id}" for type_ in types if type_ != "Patient"]
    found += [f"Patient/{home.id}/{type_}" for type_ in types if type_ != "Patient"]
    return [
        *found, f"Patient?_id={home.id}", f"Patient?_id={home.id}&_elements=address,telecom",
        f"Patient?_id={home.id}&_summary=true", f"Patient?_id={home.id}&_summary=text",
        f"Flag?patient={home.id}&_include=Flag:patient", f"Patient?_id={home.id}&_revinclude=Encounter:patient",
        f"Patient/{home.id}/$everything", "_history?_count=1000", "Patient/_history?_count=1000",
        f"Patient?identifier={visibility.NHS_NUMBER}|{home.number}", f"?_type=Patient,Encounter&_id={home.id}",
        f"Encounter?patient={home.id}&_include=Encounter:location",
        f"EpisodeOfCare?patient={home.id}&_include=EpisodeOfCare:organization&_include:iterate=EpisodeOfCare:care-manager",
    ]  # fmt: skip


def tells(answer):
    return PLACE in answer.text or "999 7777" in answer.text or "M9 9ZZ" in answer.text


def test_the_place_is_shown_to_the_safeguarding_lead_alone(demonstration, home, lead):
    assert not tells(home.marking)
    for app in (
        demonstration.staff_app("bury"),
        demonstration.staff_app("team-lead"),
        demonstration.system(),
    ):
        for way in ways(home):
            answer = app.get(f"/fhir/{way}")
            assert answer.status_code == 200, (way, answer.text)
            assert not tells(answer), way
        # What is not a place is seen as before.
        assert app.read(f"/fhir/{home.patient}")["name"] == builders.a_patient()["name"]
        assert app.read(f"/fhir/{home.episode}")["managingOrganization"]
        assert app.read(f"/fhir/{home.papers[2]}")["participant"] == [
            {"actor": {"reference": home.patient}, "status": "accepted"}
        ]
        told = app.read(f"/fhir/{home.papers[0]}")
        assert [tag["code"] for tag in told["meta"]["tag"]] == ["SUBSETTED"]
    for path in (home.patient, *home.papers):
        assert tells(lead.get(f"/fhir/{path}")), path
        assert tells(lead.get(f"/fhir/{path}/_history/1"))
        type_, _, id_ = path.partition("/")
        assert tells(lead.get(f"/fhir/{type_}?_id={id_}"))
    assert not tells(lead.get(f"/fhir/Patient/{home.id}/$everything"))


def test_nobody_finds_it_by_what_is_hidden(demonstration, home, lead):
    places = [
        "address=Zzplace", "address-city=Zzplace", "address-postalcode=M9", "phone=0161 999 7777",
        "address:missing=false", "telecom:missing=false", "telecom=0161 999 7777", "address:contains=zplac",
    ]  # fmt: skip
    for app in (home.app, demonstration.system(), lead):
        for asked_ in places:
            for type_ in ("Patient", "RelatedPerson"):
                found = app.get(f"/fhir/{type_}?{asked_}&_count=1000")
                assert found.status_code == 200, found.text
                assert home.id not in str(loads(found.data).get("entry", [])), (type_, asked_)
        assert app.found("Encounter", ("patient", home.id), ("location:missing", "false")) == []
        assert home.id in {
            each["id"] for each in app.found("Patient", ("address:missing", "true"), ("_count", "1000"))
        }
    plain = Home(demonstration)
    assert [each["id"] for each in home.app.found("Patient", ("address", "zzplace"))] == [plain.id]
    # A paper that is written while the child is marked.
    aunt = located(home.app.post("/fhir/RelatedPerson", papers_of(home.patient)[1])).partition("/")[2]
    assert [each["id"] for each in home.app.found("RelatedPerson", ("_id", aunt))] == [aunt]
    assert aunt not in str(home.app.found("RelatedPerson", ("address", "zzplace")))


def test_marking_and_unmarking_changes_what_it_is_found_by(demonstration, home, lead):
    body = lead.read(f"/fhir/{home.patient}")
    now = lead.put(f"/fhir/{home.patient}", unmarked(body), If_Match='W/"2"')
    assert now.status_code == 200
    assert [each["id"] for each in home.app.found("Patient", ("address", "zzplace"))] == [home.id]
    assert home.app.found("RelatedPerson", ("address", "zzplace")) != []
    for path in (home.patient, *home.papers):
        shown = home.app.get(f"/fhir/{path}")
        assert tells(shown), path
        assert "SUBSETTED" not in shown.text
        # Nothing was lost meanwhile.
        kept = home.app.read(f"/fhir/{path}")
        assert kept == lead.read(f"/fhir/{path}")


def test_staff_of_the_borough_still_find_it_by_who_works_with_it(demonstration, home):
    practitioner = Home.practitioner(demonstration, "bury")
    found = home.app.found("EpisodeOfCare", ("care-manager", practitioner), ("_count", "1000"))
    assert home.episode[14:] in {each["id"] for each in found}
    carried = demonstration.tablet("bury").get("/tablet/caseload")
    assert home.id in carried.text
    assert not tells(carried)
    lead = demonstration.tablet("safeguarding-lead").get("/tablet/caseload")
    assert not tells(lead)


def opened(demonstration, home):
    """Salford, where somebody has the child open in an emergency."""
    patient = {"identifier": [{"value": home.number}], "birthDate": home.born}
    browser = demonstration.browser("salford")
    there = sent(browser, "/staff/open", typed(patient))
    assert there.status_code == 303, there.text
    page = browser.get(there.location)
    assert page.status_code == 200
    assert not tells(page)
    assert "A dog" in page.text
    return demonstration.staff_app("salford")


def test_who_opens_it_in_an_emergency_learns_neither_place_nor_team(demonstration, home):
    salford = opened(demonstration, home)
    bury = Home.practitioner(demonstration, "bury")
    for way in ways(home):
        answer = salford.get(f"/fhir/{way}")
        assert answer.status_code == 200, (way, answer.text)
        assert not tells(answer), way
        if not way.startswith("_history"):
            assert "bury-health-visiting" not in answer.text, way
            assert bury not in answer.text, way
    assert salford.get(f"/fhir/{home.patient}").status_code == 200
    for asked_ in (
        f"EpisodeOfCare?patient={home.id}&organization=Organization/bury-health-visiting",
        f"EpisodeOfCare?patient={home.id}&organization:missing=false",
        f"EpisodeOfCare?patient={home.id}&care-manager={bury}",
        f"Patient?_id={home.id}&organization=Organization/bury-health-visiting",
        f"Patient?_has:EpisodeOfCare:patient:care-manager={bury}&_id={home.id}",
        f"EpisodeOfCare?patient={home.id}&organization.name=Bury",
        f"Patient?_id={home.id}&_sort=organization",
    ):
        found = salford.get(f"/fhir/{asked_}")
        assert found.status_code in (200, 400), found.text
        assert loads(found.data).get("entry") is None, asked_
        here = home.app.get(f"/fhir/{asked_}")
        assert found.status_code == here.status_code
    for asked_ in ("Organization?_has:EpisodeOfCare:organization:patient=", f"Practitioner?_id={bury[13:]}&_revinclude="
                   "EpisodeOfCare:care-manager&_has:EpisodeOfCare:care-manager:patient="):  # fmt: skip
        assert loads(salford.get(f"/fhir/{asked_}{home.id}").data).get("entry") is None
        assert loads(home.app.get(f"/fhir/{asked_}{home.id}").data)["entry"]
    assert salford.found("EpisodeOfCare", ("patient", home.id)) != []


def test_after_a_move_the_new_lead_sees_it_and_the_old_service_does_not(demonstration):
    home = Home(demonstration, "salford")
    home.mark()
    bury, salford = demonstration.staff_app("bury"), home.app
    salford_practitioner = home.practitioner(demonstration, "salford")
    transfer = offered(salford, home.id, to=builders.organization("bury"))
    assert not tells(bury.get("/fhir/$transfers"))
    operated(bury, "$accept-transfer", transfer=transfer)
    lead = demonstration.staff_app("safeguarding-lead")
    for path in (home.patient, *home.papers):
        assert tells(lead.get(f"/fhir/{path}")), path
        mine, theirs = bury.get(f"/fhir/{path}"), salford.get(f"/fhir/{path}")
        assert not tells(mine)
        assert not tells(theirs)
        assert theirs.status_code == 200
        assert "health-visiting" not in theirs.text
        assert salford_practitioner not in theirs.text
    # Unmarked by who protects it now, its papers of the other service with it.
    body = lead.read(f"/fhir/{home.patient}")
    again = lead.put(f"/fhir/{home.patient}", unmarked(body), If_Match=f'W/"{body["meta"]["versionId"]}"')
    assert again.status_code == 200, again.text
    assert all(tells(bury.get(f"/fhir/{path}")) for path in home.papers)


def test_what_somebody_does_not_see_they_do_not_write_over(home, lead):
    app, whole = home.app, lead.read(f"/fhir/{home.patient}")
    seen = app.read(f"/fhir/{home.patient}")
    tag = 'W/"2"'
    # A part is not the resource.
    assert app.put(f"/fhir/{home.patient}", seen, If_Match=tag).status_code == 422
    for change, place in (
        ({"address": [{"text": "Elsewhere"}]}, "Patient.address"),
        ({"telecom": [{"system": "phone", "value": "1"}]}, "Patient.telecom"),
        ({"identifier": [{"value": "1", "assigner": {"display": "Somebody"}}]}, "Patient.identifier"),
        ({"extension": [{"url": OTHERS, "valueAddress": {"city": "Elsewhere"}}]}, "Patient.extension"),
    ):
        refused = app.put(f"/fhir/{home.patient}", untagged(seen) | change, If_Match=tag)
        assert (refused.status_code, faults(refused)) == (403, [("forbidden", [place])])
        assert "safeguarding lead" in refused.text
    refused = app.put(f"/fhir/{home.patient}", unmarked(seen), If_Match=tag)
    assert (refused.status_code, faults(refused)) == (403, [("forbidden", ["Patient.meta.security"])])
    named = untagged(seen) | {"name": [{"family": "Newname"}]}
    answer = app.put(f"/fhir/{home.patient}", named, If_Match=tag, Prefer="return=representation")
    assert answer.status_code == 200, answer.text
    assert not tells(answer)
    after = lead.read(f"/fhir/{home.patient}")
    kept = ("address", "telecom", "contact", "generalPractitioner", "extension", "managingOrganization")
    assert {name: after[name] for name in kept} == {name: whole[name] for name in kept}
    assert after["name"] == [{"family": "Newname"}]
    assert after["active"] is False
    # The narrative told what is no longer so.
    assert "text" not in after


def patched(app, path, operations, tag, **headers):
    return app.client.patch(
        f"/fhir/{path}",
        data=dumps(operations),
        headers=app.headers | {"Content-Type": JSON_PATCH, "If-Match": tag} | spelled(headers),
    )


def test_a_patch_is_made_of_what_is_seen_and_tells_nothing_of_the_rest(home, lead):
    app, tag = home.app, 'W/"2"'
    for operations in (
        [{"op": "test", "path": "/address/0/city", "value": PLACE}],
        [{"op": "remove", "path": "/address"}],
        [{"op": "replace", "path": "/telecom/0/value", "value": "1"}],
        [{"op": "copy", "from": "/address/0/city", "path": "/name/0/family"}],
    ):
        refused = patched(app, home.patient, operations, tag)
        nowhere = [{**each, "path": each["path"].replace("address", "photo").replace("telecom", "photo"),
                    **({"from": each["from"].replace("address", "photo")} if "from" in each else {})}
                   for each in operations]  # fmt: skip
        assert refused.status_code == patched(app, home.patient, nowhere, tag).status_code >= 400
        assert not tells(refused)
    done = patched(
        app, home.patient, [{"op": "replace", "path": "/gender", "value": "male"}], tag, Prefer="return=representation"
    )  # fmt: skip
    assert done.status_code == 200, done.text
    assert not tells(done)
    after = lead.read(f"/fhir/{home.patient}")
    assert (after["gender"], after["address"][0]["city"]) == ("male", PLACE)
    by_query = app.client.patch(
        f"/fhir/Patient?_id={home.id}", data=dumps([{"op": "replace", "path": "/gender", "value": "other"}]),
        headers=app.headers | {"Content-Type": JSON_PATCH, "If-Match": 'W/"3"'},
    )  # fmt: skip
    assert by_query.status_code == 200, by_query.text
    assert lead.read(f"/fhir/{home.patient}")["address"][0]["city"] == PLACE
    # The entries of a list that are hidden stay, whatever becomes of the others.
    appointment = home.papers[2]
    changed = patched(
        app, appointment, [{"op": "replace", "path": "/participant/0/status", "value": "tentative"}], 'W/"1"'
    )
    assert changed.status_code == 200, changed.text
    assert [each["status"] for each in lead.read(f"/fhir/{appointment}")["participant"]] == [
        "tentative",
        "accepted",
    ]
    assert PLACE in lead.get(f"/fhir/{appointment}").text


def test_whoever_may_write_it_sets_the_mark_and_who_protects_it_takes_it_away(demonstration, lead):
    system = demonstration.system()
    made = located(system.post("/fhir/Patient", a_family()))
    episode = builders.an_episode(made, borough="bury")
    assert system.post("/fhir/EpisodeOfCare", episode).status_code == 201
    assert (
        system.put(f"/fhir/{made}", marked(system.read(f"/fhir/{made}")), If_Match='W/"1"').status_code == 200
    )
    for app in (system, demonstration.staff_app("bury"), demonstration.staff_app("team-lead")):
        seen = app.read(f"/fhir/{made}")
        assert app.put(f"/fhir/{made}", unmarked(seen), If_Match='W/"2"').status_code == 403
        assert patched(app, made, [{"op": "remove", "path": "/meta/security"}], 'W/"2"').status_code == 403
    assert patched(lead, made, [{"op": "remove", "path": "/meta/security"}], 'W/"2"').status_code == 200
    assert tells(demonstration.staff_app("bury").get(f"/fhir/{made}"))


def test_what_is_written_of_a_marked_child_is_marked_whatever_it_refers_to(home, lead):
    app = home.app
    written = [
        a_provenance(home.papers[0]) | {"agent": [{"who": {"display": PLACE}}]},
        {"resourceType": "Binary", "contentType": "text/plain", "data": base64.b64encode(PLACE.encode()).decode(),
         "securityContext": {"reference": home.papers[0]}},
        a_list(home.patient, home.papers[0]) | {"source": {"display": PLACE}},
    ]  # fmt: skip
    for body in written:
        answer = app.post(f"/fhir/{body['resourceType']}", body, Prefer="return=representation")
        assert answer.status_code == 201, answer.text
        assert not tells(answer)
        path = located(answer)
        assert not tells(app.get(f"/fhir/{path}"))
        assert "data" not in app.read(f"/fhir/{path}")
        whole = lead.get(f"/fhir/{path}")
        assert tells(whole) or loads(whole.data)["data"] == written[1]["data"]
    new = {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": "urn:uuid:7e1a1b1c-0000-4000-8000-000000000001", "resource": marked(a_family()),
         "request": {"method": "POST", "url": "Patient"}},
        {"resource": papers_of("urn:uuid:7e1a1b1c-0000-4000-8000-000000000001")[1],
         "request": {"method": "POST", "url": "RelatedPerson"}},
        {"request": {"method": "GET", "url": f"{home.patient}"}},
        {"request": {"method": "GET", "url": f"Patient?_id={home.id}"}},
    ]}  # fmt: skip
    for type_ in ("transaction", "batch"):
        body = (
            {**new, "type": type_}
            if type_ == "transaction"
            else {**new, "type": type_, "entry": new["entry"][2:]}
        )
        answer = app.post("/fhir", body, Prefer="return=representation")
        assert answer.status_code == 200, answer.text
        assert answer.json["entry"][-1]["resource"]["total"] == 1
        assert not tells(answer)


def test_an_answer_that_is_asked_for_again_is_masked_by_now(demonstration):
    home = Home(demonstration)
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"request": {"method": "GET", "url": home.patient}},
        {"resource": a_flag(home.patient), "request": {"method": "POST", "url": "Flag"}},
    ]}  # fmt: skip
    operation = "0b7c9a60-0000-4000-8000-0000000000aa"
    first = home.app.post("/fhir", bundle, operation=operation)
    assert tells(first)
    home.mark()
    again = home.app.post("/fhir", bundle, operation=operation)
    assert again.status_code == 200, again.text
    assert not tells(again)
    assert again.json["entry"][1] == first.json["entry"][1]


def test_a_query_that_finds_it_answers_under_the_mask(home):
    found = home.app.post(
        "/fhir/Patient", a_family(), If_None_Exist=f"identifier={visibility.NHS_NUMBER}|{home.number}",
        Prefer="return=representation",
    )  # fmt: skip
    assert found.status_code == 200, found.text
    assert not tells(found)
    twice = home.app.post(
        "/fhir/Patient",
        a_family() | {"identifier": [{"system": visibility.NHS_NUMBER, "value": home.number}]},
    )
    assert twice.status_code == 409
    assert not tells(twice)
    late = home.app.put(
        f"/fhir/{home.patient}", untagged(home.app.read(f"/fhir/{home.patient}")), If_Match='W/"1"'
    )
    assert late.status_code == 412
    assert not tells(late)


def test_no_event_and_no_line_of_the_log_holds_a_place(demonstration, home, lead, caplog):
    caplog.set_level("DEBUG")
    home.app.get(f"/fhir/Patient?address={PLACE}")
    lead.get(f"/fhir/{home.patient}")
    home.app.put(
        f"/fhir/{home.patient}",
        untagged(home.app.read(f"/fhir/{home.patient}")) | {"address": [{"text": PLACE}]},
        If_Match='W/"2"',
    )
    assert PLACE not in caplog.text
    events = home.app.get(f"/fhir/AuditEvent?patient={home.id}&_count=1000")
    assert loads(events.data)["total"] > 5
    assert not tells(events)


def test_an_export_leaves_it_out_and_one_from_before_is_taken_back(demonstration, tmp_path):
    house = demonstration.app.extensions["healthvisit"]
    settings = house.settings.model_copy(update={"export_folder": tmp_path / "exports"})
    demonstration.app.extensions["healthvisit"] = replace(house, settings=settings)
    service, home, system = demonstration, Home(demonstration), demonstration.system()
    status = asked(system)
    assert worker(service).once()
    manifest = json.loads(system.get(status).data)
    files = [each["url"].removeprefix(BASE) for each in manifest["output"]]
    assert any(PLACE.encode() in system.get(file).data for file in files)
    home.mark()
    assert system.get(status).status_code == 404
    assert [system.get(file).status_code for file in files] == [404] * len(files)
    _, found = made(service, system)
    assert home.id in str(found["Patient"])
    assert PLACE not in str(found)
    for path in (f"$export?_type=Patient&_typeFilter=Patient?_id={home.id}", "Patient/$export"):
        _, found = made(service, system, path)
        assert home.id in str(found["Patient"])
        assert PLACE not in str(found)


def test_no_parent_is_told_more_and_a_document_holds_nothing(demonstration, home, lead):
    composition = {
        "resourceType": "Composition", "status": "final", "type": {"text": "A letter"}, "date": "2021-02-15",
        "title": "A letter", "subject": {"reference": home.patient}, "author": [{"reference": home.patient}],
        "section": [{"title": "Visits", "entry": [{"reference": home.papers[0]}]}],
    }  # fmt: skip
    made_ = located(home.app.post("/fhir/Composition", composition))
    for app in (home.app, lead):
        document = app.get(f"/fhir/{made_}/$document")
        assert document.status_code == 200, document.text
        assert home.papers[0] in document.text
        assert not tells(document)


def test_children_who_were_marked_before_this_was_kept_are_found_by_the_migration(demonstration):
    home, plain, database = Home(demonstration), Home(demonstration), demonstration.database
    home.mark()
    with database.writing() as connection:
        connection.execute(update(resource).values(sensitive=False))
    rebuild(database, demonstration.app.extensions["healthvisit"].definitions)
    assert len(home.app.found("Patient", ("address", "zzplace"))) == 2
    with database.writing() as connection:
        connection.exec_driver_sql("alter table resource drop column sensitive")
        connection.exec_driver_sql("drop table imported_row")
        connection.exec_driver_sql("drop table late_visit")
        connection.exec_driver_sql("drop table tablet")
        connection.exec_driver_sql("update alembic_version set version_num = '0011'")
    migrate(database)
    assert [each["id"] for each in home.app.found("Patient", ("address", "zzplace"))] == [plain.id]
    assert [tells(home.app.get(f"/fhir/{path}")) for path in (*home.papers, *plain.papers)] == [False] * 7 + [
        True
    ] * 7
    # Made again, the search rows are the same.
    before = rows_of(database)
    rebuild(database, demonstration.app.extensions["healthvisit"].definitions)
    assert rows_of(database) == before


def rows_of(database):
    with database.reading() as connection:
        return [sorted(map(tuple, connection.exec_driver_sql(f"select * from {table}"))) for table in SEARCH]


def test_a_safeguarding_lead_of_another_borough_who_opens_it_is_shown_no_more_than_others(demonstration):
    home = Home(demonstration, "salford")
    home.mark()
    patient = {"identifier": [{"value": home.number}], "birthDate": home.born}
    assert sent(demonstration.browser("safeguarding-lead"), "/staff/open", typed(patient)).status_code == 303
    lead = demonstration.staff_app("safeguarding-lead")
    for path in home.all:
        answer = lead.get(f"/fhir/{path}")
        assert answer.status_code == 200
        assert not tells(answer)
        assert "health-visiting" not in answer.text


def test_the_tablet_is_given_no_place_whatever_it_asks_for(demonstration, home):
    for name in ("bury", "safeguarding-lead"):
        tablet = demonstration.tablet(name)
        for path in (home.patient, home.papers[0], f"Patient?_id={home.id}", f"Encounter?patient={home.id}"):
            answer = tablet.get(f"/fhir/{path}")
            assert answer.status_code == 200, answer.text
            assert home.id in answer.text
            assert not tells(answer)
