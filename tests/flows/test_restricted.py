"""A paper that is marked as restricted: who still finds it, by every route, and that nothing else tells of it."""

import pytest

from healthvisit.accounts import people
from healthvisit.exact_json import loads
from tests import builders
from tests.flows.demonstration import faults, located

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
NEVER = "01890000-0000-7000-8000-000000000000"


def marked(body, code="R", **more):
    return body | {"meta": {"security": [{"system": CONFIDENTIALITY, "code": code} | more]}}


def a_flag(child, text="A canary of concern"):
    return {
        "resourceType": "Flag", "status": "active", "code": {"text": text}, "subject": {"reference": child},
    }  # fmt: skip


@pytest.fixture
def bury(demonstration):
    return demonstration.staff_app("bury")


@pytest.fixture
def child(demonstration, bury):
    return f"Patient/{demonstration.a_child(bury)}"


@pytest.fixture
def arrived(demonstration, bury):
    """A child of Bury who was Salford's until last year, with a restricted flag of Salford's."""
    salford = demonstration.staff_app("salford")
    patient = located(salford.post("/fhir/Patient", builders.a_patient()))
    flag = located(salford.post("/fhir/Flag", marked(a_flag(patient))))
    plain = located(salford.post("/fhir/Flag", a_flag(patient, "A dog")))
    taken_up_in_bury(demonstration, patient)
    return patient, flag, plain


def taken_up_in_bury(demonstration, patient):
    with demonstration.database.writing() as connection:
        rid = connection.exec_driver_sql(
            f"select rid from resource where id = '{patient.partition('/')[2]}'"
        ).scalar_one()
        connection.exec_driver_sql(
            "insert into responsibility (episode_rid, child_rid, borough, from_on, until_on)"
            f" values ({rid}, {rid}, 'E08000002', '2020-01-01', null)"
        )


def test_staff_of_the_borough_that_wrote_it_and_its_lead_read_it_and_nobody_else(demonstration, bury, child):
    flag = located(bury.post("/fhir/Flag", marked(a_flag(child))))
    for name in ("bury", "team-lead", "safeguarding-lead"):
        assert demonstration.staff_app(name).get(f"/fhir/{flag}").status_code == 200
    patient = child.partition("/")[2]
    for app in (demonstration.system(), demonstration.staff_app("salford")):
        for path in (flag, f"{flag}/_history/1", f"{flag}/_history"):
            hidden = app.get(f"/fhir/{path}")
            assert hidden.status_code == 404
            assert hidden.data == app.get(f"/fhir/{path.replace(flag[5:], NEVER)}").data
        id_ = flag.partition("/")[2]
        for path in (
            f"Flag?_id={id_}", f"Flag?patient={patient}", f"Patient?_has:Flag:patient:_id={id_}",
            f"Patient?_id={patient}&_revinclude=Flag:patient", "Flag/_history", "_history?_count=1000",
        ):  # fmt: skip
            answer = app.get(f"/fhir/{path}")
            assert answer.status_code == 200
            # The self link repeats what was asked.
            assert b"canary" not in answer.data
            assert loads(answer.data).get("total", 0) == 0 or id_ not in str(
                loads(answer.data).get("entry", [])
            )
    everything = demonstration.system().get(f"/fhir/{child}/$everything?_count=1000")
    assert everything.status_code == 200
    assert b"canary" not in everything.data
    assert b"canary" in bury.get(f"/fhir/{child}/$everything?_count=1000").data


@pytest.mark.parametrize("code", ["R", "V"])
def test_who_takes_up_a_child_finds_no_trace_of_what_was_restricted_before(
    demonstration, bury, arrived, code
):
    patient, flag, plain = arrived
    id_ = patient.partition("/")[2]
    assert [each["id"] for each in bury.found("Flag", ("patient", id_))] == [plain.partition("/")[2]]
    assert bury.get(f"/fhir/{flag}").status_code == 404
    events = bury.get(f"/fhir/AuditEvent?patient={id_}&_count=1000")
    assert plain.encode() in events.data
    assert flag.encode() not in events.data
    # To refer to it, to match it and to change it all tell nothing.
    assert faults(bury.post("/fhir/List", a_list(patient, flag)))[0][0] == "not-found"
    assert bury.put(f"/fhir/{flag}", a_flag(patient) | {"id": flag[5:]}, If_Match='W/"1"').status_code == 404
    found = bury.post("/fhir/Flag", a_flag(patient), If_None_Exist=f"_id={flag[5:]}")
    assert found.status_code == 201
    # The safeguarding lead of the borough that answers now is told all of it.
    lead = demonstration.staff_app("safeguarding-lead")
    assert lead.get(f"/fhir/{flag}").status_code == 200
    assert lead.found("AuditEvent", ("entity", flag)) != []
    assert bury.found("AuditEvent", ("entity", flag)) == []


def a_list(child, *papers):
    return {
        "resourceType": "List", "status": "current", "mode": "working", "subject": {"reference": child},
        "entry": [{"item": {"reference": paper}} for paper in papers],
    }  # fmt: skip


def a_provenance(target):
    return {
        "resourceType": "Provenance", "target": [{"reference": target}], "recorded": "2021-02-15T09:00:00Z",
        "agent": [{"who": {"display": "Somebody"}}],
    }  # fmt: skip


def test_that_something_restricted_refers_to_a_paper_is_not_told_by_refusing_to_delete_it(
    demonstration, bury
):
    salford = demonstration.staff_app("salford")
    patient = located(salford.post("/fhir/Patient", builders.a_patient()))
    tasks = [
        located(
            salford.post(
                "/fhir/Task",
                {
                    "resourceType": "Task",
                    "status": "requested",
                    "intent": "order",
                    "for": {"reference": patient},
                },
            )
        )
        for _ in range(3)
    ]
    for task, label in ((tasks[0], "R"), (tasks[1], "N")):
        about = {
            "resourceType": "Task", "status": "requested", "intent": "order", "for": {"reference": patient},
            "partOf": [{"reference": task}],
        }  # fmt: skip
        located(salford.post("/fhir/Task", marked(about, label)))
    taken_up_in_bury(demonstration, patient)
    kept = [bury.get(f"/fhir/{task}").headers["ETag"] for task in tasks]
    said = [
        bury.client.delete(f"/fhir/{task}", headers=bury.headers | {"If-Match": version}).status_code
        for task, version in zip(tasks, kept, strict=True)
    ]
    # What can be read holds its paper; what is hidden does as what was never there.
    assert said == [204, 409, 204]


def test_what_another_borough_wrote_about_it_before_is_restricted_with_it_and_no_longer(demonstration, bury):
    salford, lead = demonstration.staff_app("salford"), demonstration.staff_app("safeguarding-lead")
    patient = located(salford.post("/fhir/Patient", builders.a_patient()))
    encounter = located(salford.post("/fhir/Encounter", builders.an_encounter(patient)))
    weight = located(salford.post("/fhir/Observation", builders.an_observation(patient, encounter=encounter)))
    taken_up_in_bury(demonstration, patient)
    for label, of_weight in (("R", 404), ("N", 200)):
        body = bury.read(f"/fhir/{encounter}")
        version = body["meta"]["versionId"]
        answer = bury.put(f"/fhir/{encounter}", marked(body, label), If_Match=f'W/"{version}"')
        assert answer.status_code == 200, answer.text
        assert bury.get(f"/fhir/{encounter}").status_code == 200
        assert bury.get(f"/fhir/{weight}").status_code == of_weight
        assert lead.get(f"/fhir/{weight}").status_code == 200


def test_what_is_about_a_restricted_paper_is_restricted_with_it_and_no_longer(demonstration, bury, child):
    system = demonstration.system()
    flag = located(bury.post("/fhir/Flag", a_flag(child)))
    about = [
        located(bury.post(f"/fhir/{body['resourceType']}", body))
        for body in (
            a_list(child, flag),
            a_provenance(flag),
            {
                "resourceType": "Binary", "contentType": "text/plain", "data": "Y2FuYXJ5",
                "securityContext": {"reference": flag},
            },
        )
    ]  # fmt: skip
    document = {
        "resourceType": "DocumentReference", "status": "current", "subject": {"reference": child},
        "content": [{"attachment": {"contentType": "text/plain", "url": about[2]}}],
    }  # fmt: skip
    about += [located(bury.post("/fhir/DocumentReference", document))]
    about += [located(bury.post("/fhir/List", a_list(child, about[0])))]

    def found(app):
        return [app.get(f"/fhir/{path}").status_code for path in (flag, *about)]

    assert found(system) == [200] * 6
    body = bury.read(f"/fhir/{flag}")
    now = bury.put(f"/fhir/{flag}", marked(body), If_Match='W/"1"')
    assert now.status_code == 200
    assert found(system) == [404] * 6
    assert found(bury) == [200] * 6
    assert system.found("List", ("patient", child.partition("/")[2])) == []
    # And what is made of it from now on.
    made = located(bury.post("/fhir/Provenance", a_provenance(flag)))
    assert system.get(f"/fhir/{made}").status_code == 404
    assert bury.put(f"/fhir/{flag}", body, If_Match='W/"2"').status_code == 200
    assert [*found(system), system.get(f"/fhir/{made}").status_code] == [200] * 7
    # What it said while it was marked, and before, when it held the same.
    assert [system.get(f"/fhir/{flag}/_history/{number}").status_code for number in (1, 2, 3)] == [
        200,
        404,
        200,
    ]


def test_in_one_transaction_what_is_about_it_is_restricted_whatever_its_place(demonstration, bury, child):
    full_url = "urn:uuid:7e1a1b1c-0000-4000-8000-000000000001"
    answer = bury.post(
        "/fhir",
        builders.a_transaction(
            builders.an_entry(a_list(child, full_url)),
            builders.an_entry(marked(a_flag(child)), full_url=full_url),
        ),
    )
    assert answer.status_code == 200, answer.text
    made = ["/".join(entry["response"]["location"].split("/")[-4:-2]) for entry in answer.json["entry"]]
    assert [demonstration.system().get(f"/fhir/{path}").status_code for path in made] == [404, 404]
    assert [bury.get(f"/fhir/{path}").status_code for path in made] == [200, 200]


def test_what_is_contained_carries_no_mark_that_would_restrict_a_part(bury, child):
    flag = a_flag(child) | {
        "contained": [marked({"resourceType": "Practitioner", "id": "p"})],
        "author": {"reference": "#p"},
    }
    assert bury.post("/fhir/Flag", flag).status_code == 422


def test_it_is_never_released_to_a_parent(demonstration, bury):
    with demonstration.database.reading() as connection:
        account = people.named(connection, "parent")
        child = connection.exec_driver_sql(
            f"select child from relationship where account = '{account}'"
        ).scalar_one()
    parent = demonstration.app_of("parent", "user/*.rs")
    seen = parent.found("Observation", ("patient", child))[0]
    before = bury.read(f"/fhir/Observation/{seen['id']}")
    tag = f'W/"{before["meta"]["versionId"]}"'
    assert bury.put(f"/fhir/Observation/{seen['id']}", marked(before), If_Match=tag).status_code == 200
    assert "released-at" in str(bury.read(f"/fhir/Observation/{seen['id']}"))
    assert parent.get(f"/fhir/Observation/{seen['id']}").status_code == 404
    assert seen["id"] not in {each["id"] for each in parent.found("Observation", ("patient", child))}


def test_who_could_not_read_it_afterwards_does_not_write_it(demonstration, child):
    system = demonstration.system()
    refused = system.post("/fhir/Flag", marked(a_flag(child)))
    assert (refused.status_code, faults(refused)[0][0]) == (403, "forbidden")
    flag = located(system.post("/fhir/Flag", a_flag(child)))
    body = system.read(f"/fhir/{flag}")
    assert system.put(f"/fhir/{flag}", marked(body), If_Match='W/"1"').status_code == 403
    assert system.read(f"/fhir/{flag}") == body


@pytest.mark.parametrize("label", [{"system": CONFIDENTIALITY, "code": "R"}, {"code": "V"}])
def test_what_says_who_answers_for_a_child_is_not_restricted(bury, child, label):
    episode = bury.found("EpisodeOfCare", ("patient", child))[0]
    tag = f'W/"{episode["meta"]["versionId"]}"'
    answer = bury.put(
        f"/fhir/EpisodeOfCare/{episode['id']}", episode | {"meta": {"security": [label]}}, If_Match=tag
    )
    assert (answer.status_code, faults(answer)) == (422, [("business-rule", ["EpisodeOfCare.meta.security"])])


@pytest.mark.parametrize(
    "label", [{"system": CONFIDENTIALITY, "code": "N"}, {"system": "urn:x", "code": "R"}]
)
def test_another_label_restricts_nothing(demonstration, bury, child, label):
    made = located(bury.post("/fhir/Flag", a_flag(child) | {"meta": {"security": [label]}}))
    assert demonstration.system().get(f"/fhir/{made}").status_code == 200


def test_a_patch_marks_and_unmarks_as_an_update_does(demonstration, bury, child):
    system = demonstration.system()
    flag = located(bury.post("/fhir/Flag", a_flag(child)))
    patch = [{"op": "add", "path": "/meta/security", "value": [{"system": CONFIDENTIALITY, "code": "R"}]}]
    for change, status in ((patch, 404), ([{"op": "remove", "path": "/meta/security"}], 200)):
        answer = bury.client.patch(
            f"/fhir/{flag}", json=change, headers=bury.headers | {
                "Content-Type": "application/json-patch+json",
                "If-Match": bury.get(f"/fhir/{flag}").headers["ETag"],
            },
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        assert system.get(f"/fhir/{flag}").status_code == status
