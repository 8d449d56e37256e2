"""An adopted child's new record leads nobody to the old one, and the old one leads nobody anywhere."""

import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from healthvisit import cli
from healthvisit.access.reach import CHILD_TYPES
from healthvisit.exact_json import loads
from healthvisit.exports import Worker
from healthvisit.programme import nhs_number
from tests import builders
from tests.flows.demonstration import BASE

NEVER = "01890000-0000-7000-8000-000000000000"
SALFORD = "E08000006"
# The last numbers of the test range: nobody in the demonstration has them.
NUMBER, NOBODYS, OTHER = (nhs_number.test_number(index) for index in (899_997, 899_998, 899_999))
GIVEN, FAMILY = "Newgiven", "Newfamily"
SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
RESTRICTED = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
_serial = itertools.count()


@pytest.fixture
def bury(demonstration):
    return demonstration.staff_app("bury")


@pytest.fixture
def salford(demonstration):
    return demonstration.staff_app("salford")


@pytest.fixture
def parent(demonstration):
    """The parent's browser, and her app."""
    return demonstration.browser("parent"), demonstration.app_of("parent", "user/*.rs")


@pytest.fixture
def child(parent):
    browser, _ = parent
    return browser.get("/parents/", follow_redirects=True).request.path.rstrip("/").split("/")[-1]


@pytest.fixture
def shell(demonstration, monkeypatch):
    demonstration.in_shell(monkeypatch)

    def shell(*words, typed=""):
        done = CliRunner().invoke(cli.main, words, input=typed)
        return done.exit_code, done.output

    return shell


def canary():
    return f"canary-{next(_serial):03}-of-the-old-record"


def made(app, body):
    answer = app.post(f"/fhir/{body['resourceType']}", body)
    assert answer.status_code == 201, answer.text
    return loads(answer.data)


def filled(app, child):
    """Papers of every kind that could tell something, each text of them a canary."""
    of = {"reference": f"Patient/{child}"}
    patient = app.read(f"/fhir/Patient/{child}")
    changed = {
        **patient,
        "name": [*patient["name"], {"use": "nickname", "text": canary()}],
        "address": [{"line": [canary()], "city": canary(), "postalCode": "BL9 0ZZ"}],
        "telecom": [{"system": "phone", "value": "0161 496 0999"}],
        "identifier": [*patient["identifier"], {"system": "urn:oid:1.2.3", "value": canary()}],
        "contact": [{"name": {"text": canary()}}],
        "extension": [{"url": "https://elsewhere.example/note", "valueString": canary()}],
    }
    answer = app.put(f"/fhir/Patient/{child}", changed, If_Match=f'W/"{patient["meta"]["versionId"]}"')
    assert answer.status_code == 200, answer.text
    encounter = made(app, builders.an_encounter(f"Patient/{child}", on="2021-02-10"))
    weight = {
        **builders.an_observation(
            f"Patient/{child}", encounter=f"Encounter/{encounter['id']}", on="2021-02-10"
        ),
        "effectiveDateTime": "2021-02-10T10:17:43Z",
        "issued": "2021-02-10T10:18:44Z",
        "identifier": [{"system": "urn:oid:1.2.3", "value": canary()}],
        "note": [{"text": canary(), "authorString": canary(), "time": "2021-02-10T11:19:45Z"}],
        "performer": [{"display": canary()}],
        "device": {"display": canary()},
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{canary()}</div>',
        },
        "extension": [{"url": "https://elsewhere.example/note", "valueString": canary()}],
    }
    weight["code"] = {
        "text": canary(),
        "coding": [
            {"system": SNOMED, "code": "27113001", "display": canary()},
            {"system": "https://elsewhere.example/codes", "code": canary()},
            {"system": LOINC, "code": "29463-7", "version": canary()},
        ],
    }
    weight["valueQuantity"]["unit"] = canary()
    weight["valueQuantity"]["value"] = builders.Decimal("12.40")
    weight["referenceRange"] = [{"text": canary()}]
    weight["category"] = [*weight["category"], {"text": canary()}]
    hearing = {
        "resourceType": "Observation", "status": "corrected", "subject": of,
        "code": {"coding": [{"system": SNOMED, "code": "413083006"}]},
        "effectivePeriod": {"start": "2019-02-01T09:31:00Z", "end": "2019-02-01T09:41:00Z"},
        "valueCodeableConcept": {"coding": [{"system": SNOMED, "code": "164059009"}], "text": canary()},
        "component": [
            {
                "code": {"coding": [{"system": SNOMED, "code": "446077009"}], "text": canary()},
                "valueString": canary(),
            }
        ],
    }  # fmt: skip
    vaccine = {
        "resourceType": "Immunization", "status": "completed", "patient": of,
        "vaccineCode": {
            "coding": [{"system": SNOMED, "code": "1119349007", "display": canary()}], "text": canary(),
        },
        "occurrenceDateTime": "2020-03-04T08:52:00Z",
        "lotNumber": canary(), "note": [{"text": canary()}], "location": {"display": canary()},
        "performer": [{"actor": {"display": canary()}}], "manufacturer": {"display": canary()},
        "protocolApplied": [{"series": canary(), "doseNumberPositiveInt": 1}],
    }  # fmt: skip
    carried = [weight, hearing, vaccine]
    left = [
        # Not of the list, not final, restricted, without its day, in words alone: none of it is copied.
        {**weight, "code": {"coding": [{"system": SNOMED, "code": "160303001"}]}},
        {**weight, "status": "entered-in-error"},
        {**weight, "meta": {"security": [RESTRICTED]}},
        {**weight, "effectiveDateTime": "2021-02"},
        {**weight, "code": {"text": canary()}},
        {**vaccine, "vaccineCode": {"text": canary()}},
        {"resourceType": "Flag", "subject": of, "status": "active", "code": {"text": canary()}},
        {"resourceType": "Condition", "subject": of, "code": {"text": canary()}},
        {"resourceType": "RelatedPerson", "patient": of, "name": [{"text": canary()}]},
        {
            "resourceType": "Task",
            "for": of,
            "status": "requested",
            "intent": "order",
            "description": canary(),
        },
        {"resourceType": "Communication", "subject": of, "status": "completed", "note": [{"text": canary()}]},
        {"resourceType": "CarePlan", "subject": of, "status": "active", "intent": "plan", "title": canary()},
    ]
    for body in (*carried, *left):
        made(app, body)
    return len(carried)


def rows(demonstration, sql):
    with demonstration.database.reading() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def whole(demonstration, child):
    """Every version of every resource of a child, and every event about it: from the database itself."""
    of_child = f"(select child_rid from resource where type = 'Patient' and id = '{child}')"
    bodies = rows(
        demonstration,
        "select v.body from resource_version v join resource r on r.rid = v.rid"
        f" where r.child_rid = {of_child}",
    )
    events = rows(demonstration, f"select id, request from audit_event where child_rid = {of_child}")
    return [loads(bytes(body)) for (body,) in bodies if bytes(body)], {
        text for row in events for text in row if text
    }


# What is the same in every record, or is carried over by design: words of FHIR and codes, units, days of care.
_COMMON = {
    "system",
    "code",
    "resourceType",
    "status",
    "use",
    "gender",
    "birthDate",
    "mode",
    "intent",
    "url",
    "id_",
}
_DAY = re.compile(r"\d{4}-\d{2}(-\d{2})?")


def told(value, key=""):
    """Every text of a body that could be known again: ids, names, words, instants."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from told(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from told(inner, key)
    elif isinstance(value, str) and key not in _COMMON and len(value) > 3 and not _DAY.fullmatch(value):
        # Organizations and people are everybody's; what is the child's is named by its id.
        is_shared = key == "reference" and value.split("/")[0] in ("Organization", "Practitioner")
        if not is_shared:
            yield value.rstrip("/").rpartition("/")[2] if key == "reference" else value


def shown(app, child):
    """All bytes that an app is shown of a child, by every way that names it; and of everything, by no name."""
    named = [
        f"Patient/{child}", f"Patient/{child}/_history", f"Patient/{child}/$everything",
        f"AuditEvent?patient={child}&_count=1000",
        *(f"{type_}?patient={child}&_count=1000" for type_ in ("Encounter", "Observation", "Immunization")),
        f"Patient?_id={child}&_revinclude=Observation:patient&_revinclude=Immunization:patient",
    ]  # fmt: skip
    every = ["_history?_count=1000", "$transfers", *(f"{type_}?_count=1000" for type_ in CHILD_TYPES)]
    return tuple(b"\n".join(app.get(f"/fhir/{path}").data for path in paths) for paths in (named, every))


def adopted(shell, child, *, borough=SALFORD):
    code, output = shell("adopt", child, "--borough", borough, typed=f"{NUMBER}\n{GIVEN}\n{FAMILY}\ny\n")
    assert code == 0, output
    return re.search(r"The new one is Patient/(\S+)\.", output)[1], output


def test_the_two_records_share_nothing_that_anybody_may_read(
    demonstration, bury, salford, parent, child, shell
):
    carried = filled(bury, child)
    before, events = whole(demonstration, child)
    of_old = {text for body in before for text in told(body)} | events | {child}
    # Some stand where a code does.
    canaries = set(re.findall(r"canary-\d{3}-of-the-old-record", str(before)))
    assert len(canaries) > 35
    of_old |= canaries

    new, output = adopted(shell, child)
    after, new_events = whole(demonstration, new)
    of_new = {text for body in after for text in told(body)} | new_events | {new, NUMBER, FAMILY, GIVEN}

    # What the new team is shown of the new record holds nothing of the old one.
    everything = loads(salford.get(f"/fhir/Patient/{new}/$everything").data)
    types = [entry["resource"]["resourceType"] for entry in everything["entry"]]
    assert types.count("Patient") == types.count("EpisodeOfCare") == 1
    # What filled() made, and what the demonstration had of growth and gestation.
    assert types.count("Observation") + types.count("Immunization") >= carried
    assert f"{types.count('Observation') + types.count('Immunization')} papers were copied" in output
    of_the_new, around = shown(salford, new)
    assert new.encode() in of_the_new
    # The demonstration wrote its services in the same moment as its children.
    everybodys = {
        text
        for entry in everything["entry"]
        if entry["resource"]["resourceType"] == "Organization"
        for text in told(entry["resource"])
    }
    of_old -= everybodys
    assert sorted(text for text in of_old if text.encode() in of_the_new) == []
    assert not of_old & of_new
    # Words that other children's records have too are told of those.
    own = canaries | events | {body["id"] for body in before}
    assert sorted(text for text in own if text.encode() in around) == []

    # And nobody who had the old one is shown anything of the new one, or of the old.
    browser, app = parent
    lead = demonstration.staff_app("safeguarding-lead")
    for teller in (bury, lead, app, demonstration.system()):
        of_the_others = b"".join(shown(teller, child) + shown(teller, new))
        # A page repeats what was asked for in its own link.
        of_the_others = of_the_others.replace(new.encode(), b"-").replace(child.encode(), b"-")
        assert sorted(text for text in of_new - {new} if text.encode() in of_the_others) == []
        assert sorted(text for text in own - {child} if text.encode() in of_the_others) == []
    page = browser.get("/parents/").text
    assert "No child’s record is open to you." in page


def test_of_what_is_carried_over_the_codes_values_and_days_are_the_same(bury, salford, child, shell):
    filled(bury, child)
    new, _ = adopted(shell, child)
    weights = salford.found(
        "Observation", ("patient", new), ("code", f"{SNOMED}|27113001"), ("_sort", "-date")
    )
    assert {name: weights[0][name] for name in weights[0].keys() - {"id", "meta"}} == {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": "vital-signs"}]}],
        "code": {"coding": [{"system": SNOMED, "code": "27113001"}, {"system": LOINC, "code": "29463-7"}]},
        "subject": {"reference": f"Patient/{new}"},
        "effectiveDateTime": "2021-02-10",
        "valueQuantity": {
            "value": builders.Decimal("12.40"), "unit": "kg", "system": builders.UCUM, "code": "kg",
        },
    }  # fmt: skip
    assert [each["effectiveDateTime"] for each in weights].count("2021-02-10") == 1
    (hearing,) = salford.found("Observation", ("patient", new), ("code", "413083006"))
    assert hearing["effectiveDateTime"] == "2019-02-01"
    assert hearing["valueCodeableConcept"] == {"coding": [{"system": SNOMED, "code": "164059009"}]}
    assert "component" not in hearing
    (vaccine,) = salford.found("Immunization", ("patient", new))
    assert {name: vaccine[name] for name in vaccine.keys() - {"id", "meta"}} == {
        "resourceType": "Immunization",
        "status": "completed",
        "patient": {"reference": f"Patient/{new}"},
        "vaccineCode": {"coding": [{"system": SNOMED, "code": "1119349007"}]},
        "occurrenceDateTime": "2020-03-04",
        "protocolApplied": [{"doseNumberPositiveInt": 1}],
    }
    patient = salford.read(f"/fhir/Patient/{new}")
    assert patient.keys() == {"resourceType", "id", "meta", "identifier", "name", "gender", "birthDate"}
    assert patient["identifier"] == [{"system": builders.NHS_NUMBER, "value": NUMBER}]
    assert patient["name"] == [{"use": "official", "family": FAMILY, "given": [GIVEN]}]


def test_the_old_record_is_reached_by_nobody(demonstration, bury, parent, child, shell):
    filled(bury, child)
    number = bury.read(f"/fhir/Patient/{child}")["identifier"][0]["value"]
    keys = rows(
        demonstration,
        "select type, id from resource where child_rid ="
        f" (select child_rid from resource where type = 'Patient' and id = '{child}')",
    )
    answering = (
        "select borough from responsibility where child_rid ="
        f" (select child_rid from resource where type = 'Patient' and id = '{child}')"
    )
    assert rows(demonstration, answering)
    browser, app = parent
    assert app.get(f"/fhir/Patient/{child}").status_code == 200
    adopted(shell, child, borough="E08000002")
    assert rows(demonstration, answering) == []

    # Even the borough that answers for the new record, and that wrote every line of the old one.
    for team in (bury, demonstration.staff_app("safeguarding-lead"), demonstration.system()):
        for type_, id_ in keys:
            for path in ("", "/_history/1", "/_history"):
                assert team.get(f"/fhir/{type_}/{id_}{path}").status_code == 404, (type_, path)
        assert loads(team.get(f"/fhir/Patient?identifier={builders.NHS_NUMBER}|{number}").data)["total"] == 0
        assert loads(team.get(f"/fhir/Observation?patient={child}").data)["total"] == 0
    body = bury.post("/fhir/Encounter", builders.an_encounter(f"Patient/{child}"))
    never = bury.post("/fhir/Encounter", builders.an_encounter(f"Patient/{NEVER}"))
    assert (body.status_code, body.data) == (never.status_code, never.data)
    assert body.status_code == 422
    offer = {"resourceType": "Parameters", "parameter": [
        {"name": "to", "valueReference": {"reference": "Organization/salford-health-visiting"}},
        {"name": "reason", "valueCode": "other"},
    ]}  # fmt: skip
    assert bury.post(f"/fhir/Patient/{child}/$offer-transfer", offer).status_code == 404
    assert browser.get(f"/parents/children/{child}").status_code == 404
    assert app.get(f"/fhir/Patient/{child}").status_code == 404
    carried = [
        each["patient"]["id"] for each in demonstration.tablet("bury").read("/tablet/caseload")["children"]
    ]
    assert child not in carried

    # The old number is a number never seen.
    again = bury.post("/fhir/Patient", builders.a_patient(nhs_number=number))
    fresh = bury.post("/fhir/Patient", builders.a_patient(nhs_number=NOBODYS))
    assert again.status_code == fresh.status_code == 201
    assert rows(demonstration, f"select held from child_identifier where value = '{number}'") == [(False,)]


def test_its_history_and_its_audit_stay_for_the_services_own_commands(demonstration, bury, child, shell):
    versions = "select count(*) from resource_version"
    filled(bury, child)
    before = rows(demonstration, versions)
    new, _ = adopted(shell, child)
    copied = rows(
        demonstration,
        f"{versions} v join resource r on r.rid = v.rid where r.child_rid ="
        f" (select rid from resource where type = 'Patient' and id = '{new}')",
    )
    # Not one version of the old record was written or lost: nothing there has the time of the sealing.
    assert rows(demonstration, versions)[0][0] == before[0][0] + copied[0][0]
    code, output = shell("who-saw", child)
    assert code == 0
    assert "\tadopt\t" in output.splitlines()[-1] or "\tadopt\t" in output
    assert "bury" not in output
    assert shell("who-saw", new)[0] == 0
    assert shell("audit-verify")[0] == 0
    assert shell("reindex")[0] == 0
    assert loads(bury.get(f"/fhir/Observation?patient={child}").data)["total"] == 0
    found = "select count(*) from search_token t join resource r on r.rid = t.rid where r.audience = 'sealed'"
    assert rows(demonstration, found) == [(0,)]


def test_what_was_taken_away_in_files_before_is_fetched_no_more(demonstration, tmp_path, child, shell):
    house = demonstration.app.extensions["healthvisit"]
    settings = house.settings.model_copy(update={"export_folder": tmp_path / "exports"})
    demonstration.app.extensions["healthvisit"] = house = replace(house, settings=settings)
    system = demonstration.system()
    asked = system.get("/fhir/$export?_type=Patient", Prefer="respond-async", Accept="application/fhir+json")
    status = asked.headers["Content-Location"].removeprefix(BASE)
    worker = Worker(house.settings, house.database, house.definitions, lambda: datetime.now(UTC))
    assert worker.once()
    file = loads(system.get(status).data)["output"][0]["url"].removeprefix(BASE)
    assert child.encode() in system.get(file).data
    adopted(shell, child)
    assert system.get(file).status_code == 404
    worker.once()
    assert list((tmp_path / "exports").rglob("*.ndjson")) == []


def test_what_is_measured_in_no_unit_of_the_list_is_not_carried_over(bury, salford, child, shell):
    in_kilograms, in_stones = (
        builders.an_observation(
            f"Patient/{child}", on=f"2021-02-0{day}", code="413083006", value="2", unit=unit
        )
        for day, unit in ((1, "kg"), (2, "[stone_av]"))
    )
    for body in (in_kilograms, in_stones):
        made(bury, body)
    new, _ = adopted(shell, child)
    found = salford.found("Observation", ("patient", new), ("date", "ge2021-02-01"))
    assert [each["effectiveDateTime"] for each in found] == ["2021-02-01"]


def test_an_offer_of_the_child_ends(demonstration, bury, salford, child, shell):
    offer = {"resourceType": "Parameters", "parameter": [
        {"name": "to", "valueReference": {"reference": "Organization/salford-health-visiting"}},
        {"name": "reason", "valueCode": "other"},
    ]}  # fmt: skip
    id_ = loads(bury.post(f"/fhir/Patient/{child}/$offer-transfer", offer).data)["parameter"][0][
        "valueString"
    ]
    adopted(shell, child)
    assert rows(demonstration, f"select state from transfer where id = '{id_}'") == [("withdrawn",)]
    assert b"transfer" not in salford.get("/fhir/$transfers").data
    sent = {"resourceType": "Parameters", "parameter": [{"name": "transfer", "valueString": id_}]}
    assert salford.post("/fhir/$accept-transfer", sent).status_code == 404


@pytest.mark.parametrize(
    ("words", "typed", "said"),
    [
        (["{child}", "--borough", "E08000099"], "", "not a borough"),
        (["{child}", "--borough", SALFORD], "9990000000\n", "That is not an NHS number."),
        (["{child}", "--borough", SALFORD], f"{NUMBER}\n \n", "New given names"),
        (["{child}", "--borough", SALFORD], f"{NUMBER}\n{GIVEN}\n{FAMILY}\nn\n", "Aborted!"),
        ([NEVER, "--borough", SALFORD], f"{NUMBER}\n{GIVEN}\n{FAMILY}\ny\n", "No such resource."),
        (["{child}", "--borough", SALFORD], "{own}\nA\nB\ny\n", "Somebody has this NHS number already."),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_sealed(bury, child, shell, words, typed, said):
    own = bury.read(f"/fhir/Patient/{child}")["identifier"][0]["value"]
    code, output = shell(
        "adopt", *(word.format(child=child) for word in words), typed=typed.replace("{own}", own)
    )
    assert code != 0
    assert said in output
    assert bury.get(f"/fhir/Patient/{child}").status_code == 200
    assert own not in output.replace("New NHS number: " + own, "")


def test_a_sealed_record_is_not_sealed_again(child, shell):
    adopted(shell, child)
    code, output = shell("adopt", child, "--borough", SALFORD, typed=f"{OTHER}\nA\nB\ny\n")
    assert (code, "No such resource." in output) == (1, True)
