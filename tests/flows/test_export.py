"""A borough's system takes its own children's record away, in files: Bulk Data, as an app meets it over HTTP."""

import gzip
import json
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy

from healthvisit.accounts import clients, people
from healthvisit.cli import DEMO_DAY
from healthvisit.exact_json import loads
from healthvisit.exports import Worker
from healthvisit.record import export
from healthvisit.synthetic import demo
from tests import builders
from tests.flows.demonstration import BASE, Demonstration, faults, leave_bury

ASYNC = {"Prefer": "respond-async", "Accept": "application/fhir+json"}
NEVER = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def service(demonstration, tmp_path):
    """The demonstration, with a folder of its own for exports."""
    made = demonstration.app.extensions["healthvisit"]
    settings = made.settings.model_copy(update={"export_folder": tmp_path / "exports"})
    demonstration.app.extensions["healthvisit"] = replace(made, settings=settings)
    return demonstration


def worker(service, clock=None):
    house = service.app.extensions["healthvisit"]
    return Worker(house.settings, house.database, house.definitions, clock or house.clock)


def asked(app, path="$export", **headers):
    """Path of the status of an export that was asked for."""
    answer = app.get(f"/fhir/{path}", **(ASYNC | headers))
    assert answer.status_code == 202, answer.text
    return answer.headers["Content-Location"].removeprefix(BASE)


def made(service, app, path="$export"):
    """The manifest, and the resources by type."""
    status = asked(app, path)
    assert worker(service).once()
    answer = app.get(status)
    assert answer.status_code == 200, answer.text
    manifest = json.loads(answer.data)
    found = {}
    for each in manifest["output"]:
        file = app.get(each["url"].removeprefix(BASE))
        assert file.status_code == 200
        assert file.content_type == "application/fhir+ndjson"
        lines = file.data.splitlines()
        assert len(lines) == each["count"]
        found.setdefault(each["type"], []).extend(loads(line) for line in lines)
    return manifest, found


def every(app, type_):
    return sorted(each["id"] for each in app.found(type_, ("_count", "1000")))


def ids(resources):
    return sorted(each["id"] for each in resources)


def test_a_system_takes_all_that_it_may_read(service):
    system = service.system()
    status = asked(system)
    waiting = system.get(status)
    assert waiting.status_code == 202
    assert waiting.headers["Retry-After"]
    assert "resources" in waiting.headers["X-Progress"]
    assert worker(service).once()
    answer = system.get(status)
    assert answer.headers["Expires"]
    manifest = json.loads(answer.data)
    assert manifest["requiresAccessToken"] is True
    assert manifest["request"] == f"{BASE}/fhir/$export"
    assert manifest["error"] == manifest["deleted"] == []
    assert datetime.fromisoformat(manifest["transactionTime"]).date() in (
        DEMO_DAY,
        DEMO_DAY - timedelta(days=1),
    )
    types = {each["type"] for each in manifest["output"]}
    assert {"Patient", "Encounter", "Observation", "Organization", "Questionnaire"} <= types


def test_the_files_hold_what_search_finds_as_it_is_stored(service):
    system = service.system()
    _, found = made(service, system, "$export?_type=Patient,Encounter,EpisodeOfCare")
    assert found.keys() == {"Patient", "Encounter", "EpisodeOfCare"}
    for type_, resources in found.items():
        assert ids(resources) == every(system, type_)
    for each in found["Patient"][:5]:
        assert system.read(f"/fhir/Patient/{each['id']}") == each


def test_nothing_of_another_borough_is_in_them(service):
    _, bury = made(service, service.system())
    _, salford = made(service, service.staff_app("salford"))
    children = {each["id"] for each in bury["Patient"]}
    assert children
    assert children.isdisjoint(each["id"] for each in salford["Patient"])
    told = [each for type_, each_type in salford.items() if type_ != "Patient" for each in each_type]
    assert not [each for each in told if any(f"Patient/{child}" in str(each) for child in children)]


def test_of_all_children_and_no_one_else(service):
    system = service.system()
    _, found = made(service, system, "Patient/$export")
    assert ids(found["Patient"]) == every(system, "Patient")
    assert found.keys().isdisjoint({"Organization", "Questionnaire", "MeasureReport"})


def test_of_some_children(service):
    system = service.system()
    mine = every(system, "Patient")[:2]
    foreign = every(service.staff_app("salford"), "Patient")[0]
    asked_for = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "valueReference": {"reference": f"Patient/{id_}"}} for id_ in (*mine, foreign)
        ],
    }
    answer = system.post("/fhir/Patient/$export", asked_for, **ASYNC)
    worker(service).once()
    manifest = json.loads(system.get(answer.headers["Content-Location"].removeprefix(BASE)).data)
    [patients] = [each for each in manifest["output"] if each["type"] == "Patient"]
    assert ids(map(loads, system.get(patients["url"].removeprefix(BASE)).data.splitlines())) == mine


def test_of_a_group_within_reach(service):
    system = service.system()
    mine = every(system, "Patient")[:3]
    group = {
        "resourceType": "Group",
        "type": "person",
        "actual": True,
        "member": [{"entity": {"reference": f"Patient/{id_}"}} for id_ in mine[:2]]
        + [{"entity": {"reference": f"Patient/{mine[2]}"}, "inactive": True}],
    }
    created = system.post("/fhir/Group", group)
    assert created.status_code == 201, created.text
    path = f"Group/{created.json['id']}/$export"
    _, found = made(service, system, path)
    assert ids(found["Patient"]) == mine[:2]
    assert {each["subject"]["reference"] for each in found["Encounter"]} <= {
        f"Patient/{id_}" for id_ in mine[:2]
    }
    _, filtered = made(service, system, f"{path}?_typeFilter=Encounter%3Fstatus%3Dfinished")
    assert {each["subject"]["reference"] for each in filtered["Encounter"]} <= {
        f"Patient/{id_}" for id_ in mine[:2]
    }
    salford = service.staff_app("salford")
    answers = [salford.get(f"/fhir/Group/{id_}/$export", **ASYNC) for id_ in (created.json["id"], NEVER)]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].data == answers[1].data


def test_a_filter_is_a_search(service):
    system = service.system()
    _, found = made(
        service,
        system,
        "$export?_type=Encounter,EpisodeOfCare&_typeFilter=Encounter%3Fstatus%3Dcancelled,Encounter%3Fstatus%3Dcancelled,finished",
    )
    expected = system.found("Encounter", ("status", "cancelled,finished"), ("_count", "1000"))
    assert ids(found["Encounter"]) == ids(expected)
    assert ids(found["EpisodeOfCare"]) == every(system, "EpisodeOfCare")


def test_only_what_changed_since_and_what_was_deleted(service):
    system = service.system()
    child = service.a_child(system)
    for table in ("resource", "resource_version"):
        with service.database.writing() as connection:
            connection.exec_driver_sql(f"update {table} set updated_at = 1")
    kept = system.post("/fhir/Observation", builders.an_observation(f"Patient/{child}")).json["id"]
    gone = system.post("/fhir/Observation", builders.an_observation(f"Patient/{child}")).json["id"]
    with service.database.writing() as connection:
        connection.exec_driver_sql(f"update resource set deleted = true where id = '{gone}'")
    manifest, found = made(service, system, f"$export?_since={DEMO_DAY}T00:00:00Z")
    assert {type_: ids(each) for type_, each in found.items()} == {"Observation": [kept]}
    [deleted] = manifest["deleted"]
    bundle = loads(system.get(deleted["url"].removeprefix(BASE)).data)
    assert bundle["type"] == "transaction"
    assert bundle["entry"] == [{"request": {"method": "DELETE", "url": f"Observation/{gone}"}}]
    manifest, _ = made(service, service.staff_app("salford"), f"$export?_since={DEMO_DAY}T00:00:00Z")
    assert manifest["output"] == manifest["deleted"] == []


def test_a_type_without_its_scope_is_left_out_and_refused_by_name(service):
    narrow = service.app_of("bury", "user/Patient.rs")
    _, found = made(service, narrow)
    assert found.keys() == {"Patient"}
    assert narrow.get("/fhir/$export?_type=Encounter", **ASYNC).status_code == 403


def test_a_commissioner_takes_figures_and_no_child(service):
    _, found = made(service, service.app_of("commissioner", "user/*.rs"))
    assert "MeasureReport" in found
    assert found.keys().isdisjoint({"Patient", "Encounter", "Observation"})
    assert (
        service.app_of("commissioner", "user/*.rs").get("/fhir/Patient/$export", **ASYNC).status_code == 403
    )


def test_a_parent_takes_none(service):
    parent = service.app_of("parent", "user/*.rs")
    for path in ("$export", "Patient/$export", "$export-status/x", "$export-status/x/y"):
        assert parent.get(f"/fhir/{path}", **ASYNC).status_code == 403


@pytest.mark.parametrize(
    ("query", "place"),
    [("_type=Banana", "_type"), ("_since=yesterday", "_since"), ("_outputFormat=csv", "_outputFormat"),
     ("_typeFilter=Banana%3Fx%3D1", "_typeFilter"), ("_typeFilter=Encounter%3Fbanana%3D1", "banana"),
     ("_typeFilter=Encounter%3F_count%3D1", "_typeFilter"), ("_elements=id", "_elements"),
     ("_type=Patient&_typeFilter=Encounter%3Fstatus%3Dfinished", "_typeFilter"), ("colour=red", "colour")],
)  # fmt: skip
def test_what_is_not_understood_is_refused(service, query, place):
    answer = service.system().get(f"/fhir/$export?{query}", **ASYNC)
    assert answer.status_code == 400, answer.text
    assert faults(answer)[0][1] == [place]


def test_an_unknown_type_is_left_out_where_the_client_is_lenient(service):
    system = service.system()
    asked(system, "$export?_type=Banana,Patient", Prefer="respond-async, handling=lenient")
    assert system.get("/fhir/$export").status_code == 400


def test_another_account_or_app_never_learns_of_a_job(service):
    system = service.system()
    status = asked(system, "$export?_type=Patient")
    worker(service).once()
    file = json.loads(system.get(status).data)["output"][0]["url"].removeprefix(BASE)
    for other in (service.staff_app("bury"), service.staff_app("salford")):
        for path in (status, file):
            foreign = other.get(path)
            assert foreign.status_code == 404
            assert foreign.data == other.get(path.replace(status.split("/")[-1], NEVER)).data
        assert other.client.delete(status, headers=other.headers).status_code == 404
    assert service.app.test_client().get(file).status_code == 401
    assert system.get(file).status_code == 200
    # The same person's other app is another app.
    first = service.staff_app("bury")
    own = asked(first, "$export?_type=Patient")
    assert service.app_of("bury", "user/*.rs").get(own).status_code == 404


def test_a_name_that_is_no_file_of_the_job_is_not_found(service):
    system = service.system()
    status = asked(system, "$export?_type=Patient")
    worker(service).once()
    for name in ("x", "..%2F..%2Fsecrets", "Patient-2.ndjson", "%2Fetc%2Fpasswd"):
        assert system.get(f"{status}/{name}").status_code == 404


def test_a_cancelled_export_is_gone_with_its_files(service):
    system = service.system()
    folder = service.app.extensions["healthvisit"].settings.export_folder
    status = asked(system)
    worker(service).once()
    file = json.loads(system.get(status).data)["output"][0]["url"].removeprefix(BASE)
    assert system.client.delete(status, headers=system.headers).status_code == 202
    for path in (status, file):
        assert system.get(path).status_code == 404
    worker(service).once()
    assert not list(folder.iterdir())


def test_an_export_that_is_cancelled_while_it_is_made_writes_no_more(service, monkeypatch):
    system = service.system()
    status = asked(system, "$export?_type=Patient")
    monkeypatch.setattr(export, "PAGE", 5)
    pages = interrupted(monkeypatch, lambda: system.client.delete(status, headers=system.headers))
    worker(service).once()
    assert len(pages) == 1
    assert system.get(status).status_code == 404
    folder = service.app.extensions["healthvisit"].settings.export_folder
    assert not list(folder.rglob("*.ndjson"))


def interrupted(monkeypatch, meanwhile):
    """Does something after the first page that is written; gives the pages that were."""
    pages, put = [], export._Run._put

    def counting(run, type_, lines):
        if not pages:
            meanwhile()
        pages.append(type_)
        put(run, type_, lines)

    monkeypatch.setattr(export, "_page", export._page.__wrapped__)
    monkeypatch.setattr(export._Run, "_put", counting)
    return pages


def test_files_end_with_their_hours(service):
    system = service.system()
    status = asked(system, "$export?_type=Patient")
    worker(service).once()
    house = service.app.extensions["healthvisit"]
    assert list(house.settings.export_folder.rglob("*.ndjson"))
    later = datetime.now(UTC) + timedelta(hours=house.settings.export_hours, minutes=1)
    with service.database.writing() as connection:
        connection.exec_driver_sql("update export_job set expires_at = 1")
    assert system.get(status).status_code == 404
    worker(service, clock=lambda: later).once()
    assert not list(house.settings.export_folder.iterdir())


def test_files_are_their_owners_alone_on_the_disk(service):
    asked(service.system(), "$export?_type=Patient")
    worker(service).once()
    folder = service.app.extensions["healthvisit"].settings.export_folder
    [file] = folder.rglob("*.ndjson")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_is_packed_where_it_is_asked_for(service):
    system = service.system()
    status = asked(system, "$export?_type=Patient")
    worker(service).once()
    path = json.loads(system.get(status).data)["output"][0]["url"].removeprefix(BASE)
    packed = system.get(path, **{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == system.get(path).data


def test_an_account_has_two_exports_under_way_and_no_more(service):
    system = service.system()
    asked(system)
    asked(system)
    refused = system.get("/fhir/$export", **ASYNC)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"]
    assert faults(refused)[0][0] == "throttled"
    asked(service.staff_app("bury"))
    worker(service).once()
    asked(system)


class TestAnAccountThatChanges:
    def test_one_that_is_closed_gets_nothing_more(self, service):
        app = service.staff_app("bury")
        asked(app)
        with service.database.writing() as connection:
            people.close_account(connection, people.named(connection, "bury"))
        worker(service).once()
        assert state(service) == "failed"
        folder = service.app.extensions["healthvisit"].settings.export_folder
        assert not list(folder.rglob("*.ndjson"))

    def test_one_that_leaves_the_borough_before_it_is_made_gets_none_of_its_children(self, service):
        app = service.staff_app("bury")
        status = asked(app)
        leave_bury(service)
        worker(service).once()
        manifest = json.loads(app.get(status).data)
        assert "Patient" not in {each["type"] for each in manifest["output"]}

    def test_one_that_leaves_while_it_is_made_gets_no_further_page(self, service, monkeypatch):
        app = service.staff_app("bury")
        status = asked(app, "$export?_type=Patient")
        whole = len(every(app, "Patient"))
        monkeypatch.setattr(export, "PAGE", 5)
        pages = interrupted(monkeypatch, lambda: leave_bury(service))
        worker(service).once()
        assert len(pages) == 1 < whole / 5
        [file] = json.loads(app.get(status).data)["output"]
        assert file["count"] == 5
        assert app.get(file["url"].removeprefix(BASE)).status_code == 403

    def test_one_that_left_since_fetches_no_file(self, service):
        app = service.staff_app("bury")
        status = asked(app, "$export?_type=Patient")
        worker(service).once()
        file = json.loads(app.get(status).data)["output"][0]["url"].removeprefix(BASE)
        assert app.get(file).status_code == 200
        leave_bury(service)
        assert app.get(file).status_code == 403

    def test_an_app_that_is_closed_gets_nothing_more(self, service):
        asked(service.system())
        with service.database.writing() as connection:
            connection.exec_driver_sql(
                f"update client_app set active = false where client_id = '{demo.CLIENT_ID}'"
            )
            assert clients.find(connection, demo.CLIENT_ID) is None
        worker(service).once()
        assert state(service) == "failed"


class TestARestart:
    def test_a_job_that_nobody_took_is_done_after_it(self, service):
        system = service.system()
        status = asked(system)
        again = Demonstration(service.settings.database_url, service.secrets)
        again.app.extensions["healthvisit"] = service.app.extensions["healthvisit"]
        worker(again).once()
        assert system.get(status).status_code == 200
        again.database.dispose()

    def test_a_job_whose_worker_was_killed_is_done_again_from_its_beginning(self, service, tmp_path):
        system = service.system()
        status = asked(system, "$export?_type=Patient,Encounter")
        killed = subprocess.run(
            [
                sys.executable,
                "-c",
                KILLED,
                service.settings.database_url,
                str(service.secrets),
                str(tmp_path / "exports"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert killed.returncode == -9, killed.stderr
        assert state(service) == "running"
        assert list((tmp_path / "exports").rglob("*.ndjson"))
        # Its lease still stands: nobody else takes the job.
        assert not worker(service).once()
        assert system.get(status).status_code == 202
        later = datetime.now(UTC) + export.LEASE + timedelta(seconds=1)
        assert worker(service, clock=lambda: later).once()
        manifest = json.loads(system.get(status).data)
        for each in manifest["output"]:
            lines = system.get(each["url"].removeprefix(BASE)).data.splitlines()
            assert sorted(loads(line)["id"] for line in lines) == every(system, each["type"])

    def test_a_worker_that_lost_its_lease_changes_nothing(self, service):
        system = service.system()
        status = asked(system, "$export?_type=Patient")
        slow = worker(service)
        job = export.take(service.database, at=datetime.now(UTC))
        later = datetime.now(UTC) + export.LEASE + timedelta(seconds=1)
        quick = worker(service, clock=lambda: later)
        assert quick.once()
        export.do(slow.work, job)
        file = json.loads(system.get(status).data)["output"][0]["url"].removeprefix(BASE)
        assert system.get(file).status_code == 200
        assert state(service) == "done"

    def test_a_job_that_kills_every_worker_is_given_up(self, service):
        system = service.system()
        status = asked(system)
        with service.database.writing() as connection:
            connection.execute(
                sqlalchemy.text("update export_job set attempt = :most"), {"most": export.MOST_ATTEMPTS}
            )
        worker(service).once()
        answer = system.get(status)
        assert answer.status_code == 500
        assert faults(answer)[0][0] == "exception"


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.flows.demonstration import Demonstration
from healthvisit.exports import Worker
from healthvisit.record import export

service = Demonstration(sys.argv[1], Path(sys.argv[2]))
house = service.app.extensions["healthvisit"]
settings = house.settings.model_copy(update={"export_folder": Path(sys.argv[3])})
renew = export._Run._renew

def killed(run):
    for handle, _, _ in run.files._open.values():
        handle.flush()
    os.kill(os.getpid(), signal.SIGKILL)

export._Run._renew = killed
Worker(settings, house.database, house.definitions, house.clock).once()
"""


def state(service):
    with service.database.reading() as connection:
        return connection.exec_driver_sql("select state from export_job").scalar_one()


def test_the_audit_tells_what_was_asked_what_was_written_and_what_was_fetched(service):
    system = service.system()
    manifest, found = made(service, system, "$export?_type=Patient")
    with service.database.reading() as connection:
        rows = connection.exec_driver_sql(
            "select type, detail, outcome, client from audit_event where interaction = 'operation' order by seq"
        ).all()
    count = len(found["Patient"])
    assert [tuple(row) for row in rows] == [
        (None, "$export", 0, demo.CLIENT_ID),
        ("Patient", f"$export {count}", 0, demo.CLIENT_ID),
        (None, f"$export file Patient {count}", 0, demo.CLIENT_ID),
    ]
    assert manifest["output"][0]["count"] == count


def test_as_many_statements_whatever_the_number_of_types(service):
    system = service.system()

    def statements(path):
        asked(system, path)
        told = []
        hear = lambda *words: told.append(words[2])  # noqa: E731
        sqlalchemy.event.listen(service.database.engine, "before_cursor_execute", hear)
        worker(service).once()
        sqlalchemy.event.remove(service.database.engine, "before_cursor_execute", hear)
        return len(told)

    assert statements("$export?_type=Patient") == statements("$export?_type=Patient,Encounter,EpisodeOfCare")
