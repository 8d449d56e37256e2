"""What apps ask by $name: of one child, of a form, of a code. Each under the same reach as a read."""

import pytest
import sqlalchemy

from healthvisit.exact_json import loads
from tests import builders
from tests.flows.demonstration import BASE, FHIR, faults

NEVER = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def bury(demonstration):
    return demonstration.staff_app("bury")


@pytest.fixture
def child(demonstration, bury):
    return demonstration.a_child(bury)


def entries(answer, mode=None):
    assert answer.status_code == 200, answer.text
    found = loads(answer.data).get("entry", [])
    return [e["resource"] for e in found if mode is None or e["search"]["mode"] == mode]


def named(resources):
    return [(each["resourceType"], each["id"]) for each in resources]


def parameters(**given):
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": name.replace("__", "-"), **value} for name, value in given.items()],
    }


def counted(demonstration):
    """Statements that reach the database, while it is entered."""
    statements = []

    class Counted:
        def __enter__(self):
            sqlalchemy.event.listen(demonstration.database.engine, "before_cursor_execute", self.told)
            return statements

        def __exit__(self, *_):
            sqlalchemy.event.remove(demonstration.database.engine, "before_cursor_execute", self.told)

        def told(self, _connection, _cursor, statement, *_):
            statements.append(statement)

    return Counted()


class TestEverything:
    def test_a_child_comes_first_and_then_all_that_search_would_find(self, bury, child):
        answer = bury.get(f"/fhir/Patient/{child}/$everything")
        matches = entries(answer, "match")
        assert named(matches)[0] == ("Patient", child)
        for type_ in ("Encounter", "Observation", "QuestionnaireResponse", "EpisodeOfCare", "RelatedPerson"):
            found = bury.found(type_, ("patient", child), ("_count", "1000"))
            assert sorted(named(found)) == sorted(key for key in named(matches) if key[0] == type_)
        body = loads(answer.data)
        assert body["type"] == "searchset"
        assert body["total"] == len(matches)
        assert body["link"][0]["url"] == f"{BASE}/fhir/Patient/{child}/$everything"

    def test_the_bodies_are_those_of_a_read(self, bury, child):
        for each in entries(bury.get(f"/fhir/Patient/{child}/$everything")):
            assert bury.read(f"/fhir/{each['resourceType']}/{each['id']}") == each

    def test_it_brings_the_people_and_services_that_are_named(self, bury, child):
        included = entries(bury.get(f"/fhir/Patient/{child}/$everything"), "include")
        assert {"Organization", "Practitioner"} <= {each["resourceType"] for each in included}
        assert len(named(included)) == len(set(named(included)))

    def test_pages_neither_repeat_nor_skip_while_others_write(self, bury, child):
        whole = named(entries(bury.get(f"/fhir/Patient/{child}/$everything"), "match"))
        path, seen = f"/fhir/Patient/{child}/$everything?_count=3", []
        while path:
            answer = bury.get(path)
            seen += named(entries(answer, "match"))
            links = {link["relation"]: link["url"] for link in loads(answer.data)["link"]}
            path = links.get("next", "").removeprefix(BASE)
            if len(seen) == 3:
                made = bury.post("/fhir/Observation", builders.an_observation(f"Patient/{child}"))
                assert made.status_code == 201
                whole.append(("Observation", made.json["id"]))
        assert seen == whole

    def test_by_type_and_by_time(self, bury, child):
        path = f"/fhir/Patient/{child}/$everything"
        only = entries(bury.get(f"{path}?_type=Encounter,Observation"))
        assert {each["resourceType"] for each in only} == {"Encounter", "Observation"}
        made = bury.post("/fhir/Observation", builders.an_observation(f"Patient/{child}"))
        at = max(each["meta"]["lastUpdated"] for each in only)
        assert named(entries(bury.get(f"{path}?_since={at}"), "match")) == [("Observation", made.json["id"])]

    def test_by_the_dates_of_care(self, bury, child):
        path = f"/fhir/Patient/{child}/$everything"
        made = bury.post("/fhir/Observation", builders.an_observation(f"Patient/{child}", on="2021-02-10"))
        key = ("Observation", made.json["id"])
        assert key in named(entries(bury.get(f"{path}?start=2021-02-10&end=2021-02-10")))
        assert key in named(entries(bury.get(f"{path}?start=2021-02")))
        assert key not in named(entries(bury.get(f"{path}?start=2021-02-11")))
        assert key not in named(entries(bury.get(f"{path}?end=2021-02-09")))
        assert ("Patient", child) in named(entries(bury.get(f"{path}?start=2021-02-11")))

    def test_what_was_deleted_is_absent(self, demonstration, bury, child):
        made = bury.post("/fhir/Observation", builders.an_observation(f"Patient/{child}"))
        with demonstration.database.writing() as connection:
            connection.exec_driver_sql(f"update resource set deleted = true where id = '{made.json['id']}'")
        found = named(entries(bury.get(f"/fhir/Patient/{child}/$everything")))
        assert ("Observation", made.json["id"]) not in found

    def test_a_post_asks_the_same(self, bury, child):
        path = f"/fhir/Patient/{child}/$everything"
        asked = parameters(_type={"valueCode": "Encounter"}, _count={"valueInteger": 1})
        answer = bury.post(path, asked)
        assert entries(answer) == entries(bury.get(f"{path}?_type=Encounter&_count=1"))

    def test_another_borough_learns_nothing(self, demonstration, child):
        salford = demonstration.staff_app("salford")
        answers = [salford.get(f"/fhir/Patient/{id_}/$everything") for id_ in (child, NEVER)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].data == answers[1].data
        answers = [salford.get(f"/fhir/Patient/{id_}/$everything?_type=Encounter") for id_ in (child, NEVER)]
        assert [answer.status_code for answer in answers] == [404, 404]

    def test_a_type_without_its_scope_is_left_out(self, demonstration, child):
        narrow = demonstration.app_of("bury", "user/Patient.r user/Encounter.r")
        found = entries(narrow.get(f"/fhir/Patient/{child}/$everything"))
        assert {each["resourceType"] for each in found} == {"Patient", "Encounter"}
        without = demonstration.app_of("bury", "user/Encounter.rs")
        assert without.get(f"/fhir/Patient/{child}/$everything").status_code == 403

    def test_a_parent_gets_the_view_of_what_was_released(self, demonstration):
        parent = demonstration.app_of("parent", "user/*.rs")
        [patient] = parent.found("Patient")
        hidden = demonstration.staff_app("bury").post(
            "/fhir/Observation", builders.an_observation(f"Patient/{patient['id']}")
        )
        found = entries(parent.get(f"/fhir/Patient/{patient['id']}/$everything"))
        assert named(found)[0] == ("Patient", patient["id"])
        assert ("Observation", hidden.json["id"]) not in named(found)
        for each in found:
            assert each["resourceType"] in ("Patient", "Encounter", "Observation")
            assert "meta" not in each
            assert each == parent.read(f"/fhir/{each['resourceType']}/{each['id']}")
        shown = {
            each["id"]
            for type_ in ("Encounter", "Observation")
            for each in parent.found(type_, ("_count", "1000"))
        }
        assert {each["id"] for each in found[1:]} == shown

    def test_a_commissioner_reaches_no_child(self, demonstration, child):
        assert (
            demonstration.app_of("commissioner", "user/*.rs")
            .get(f"/fhir/Patient/{child}/$everything")
            .status_code
            == 403
        )

    def test_it_takes_as_many_statements_for_one_resource_as_for_all(self, demonstration, bury, child):
        bury.get(f"/fhir/Patient/{child}/$everything")
        with counted(demonstration) as one:
            bury.get(f"/fhir/Patient/{child}/$everything?_count=1")
        with counted(demonstration) as every:
            bury.get(f"/fhir/Patient/{child}/$everything")
        assert len(every) == len(one) <= 3

    def test_it_leaves_one_event_about_the_child(self, demonstration, bury, child):
        bury.get(f"/fhir/Patient/{child}/$everything")
        with demonstration.database.reading() as connection:
            row = connection.exec_driver_sql(
                "select interaction, detail, r.id from audit_event a join resource r on r.rid = a.child_rid"
                " order by seq desc limit 1"
            ).one()
        assert tuple(row) == ("operation", "$everything", child)
        told = bury.found("AuditEvent", ("patient", child), ("subtype", "operation"))
        assert told[0]["action"] == "E"
        assert "$everything" in [each.get("name") for each in told[0]["entity"]]

    @pytest.mark.parametrize(
        "query",
        ["_type=Banana", "_since=2021-02-15", "_since=never", "start=2021-02-30", "end=eq2021", "_count=0",
         "_count=x", "_page=nothing", "_page=%00", "colour=red", "_count=1&_count=2"],
    )  # fmt: skip
    def test_what_is_not_understood_is_refused(self, bury, child, query):
        answer = bury.get(f"/fhir/Patient/{child}/$everything?{query}")
        assert answer.status_code == 400, answer.text
        assert faults(answer)[0][1] == [query.split("=")[0]]


class TestAskingAtAll:
    @pytest.mark.parametrize(
        "path",
        ["Patient/%00/$everything", "Group/%00/$export", "Composition/a%20b/$document", "$export-status/%00"],
    )
    def test_what_is_no_id_is_not_found(self, bury, path):
        answer = bury.get(f"/fhir/{path}", Prefer="respond-async")
        assert answer.status_code == 404
        assert faults(answer)[0][0] == "not-found"

    @pytest.mark.parametrize(
        "path", ["$banana", "Patient/$everything", "Patient/x/$banana", "Banana/$validate", "$validate"]
    )
    def test_an_unknown_operation_is_not_found(self, bury, path):
        answer = bury.get(f"/fhir/{path}")
        assert answer.status_code == 404
        assert faults(answer)[0][0] == "not-found"

    def test_the_wrong_method_is_told(self, bury, child):
        answer = bury.client.delete(f"/fhir/Patient/{child}/$everything", headers=bury.headers)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET, POST"
        assert bury.get("/fhir/Patient/$validate").status_code == 405

    @pytest.mark.parametrize(
        ("body", "place"),
        [
            ({"resourceType": "Patient"}, "Parameters.resourceType"),
            ({"resourceType": "Parameters", "parameter": {}}, "Parameters.parameter"),
            ({"resourceType": "Parameters", "parameter": [7]}, "Parameters.parameter[0].name"),
            (parameters(colour={"valueString": "red"}), "Parameters.parameter[0]"),
            (parameters(_type={}), "Parameters.parameter[0]"),
            (parameters(_type={"valueCode": "Patient", "valueString": "Patient"}), "Parameters.parameter[0]"),
            (parameters(_type={"valueCode": {"a": 1}}), "Parameters.parameter[0]"),
        ],
    )  # fmt: skip
    def test_parameters_that_are_not_understood(self, bury, child, body, place):
        answer = bury.post(f"/fhir/Patient/{child}/$everything", body)
        assert answer.status_code == 400, answer.text
        assert faults(answer)[0][1] == [place]

    def test_nobody_asks_without_a_token(self, demonstration, child):
        client = demonstration.app.test_client()
        for path in (
            "$export",
            f"Patient/{child}/$everything",
            "ValueSet/review/$expand",
            "$export-status/x",
        ):
            assert client.get(f"/fhir/{path}").status_code == 401

    def test_every_operation_has_its_definition(self, bury):
        from healthvisit.faces.rest.operations import OPERATIONS

        for operation in OPERATIONS:
            definition = bury.read(f"/fhir/OperationDefinition/{operation.definition}")
            assert definition["code"] == operation.name
            assert definition.get("resource", [None]) == [
                operation.type or definition.get("resource", [None])[0]
            ]
            assert {level for level in ("system", "type", "instance") if definition[level]} == set(
                operation.levels
            )


class TestValidate:
    def test_a_good_body_is_told_good_and_not_stored(self, demonstration, bury, child):
        with demonstration.database.reading() as connection:
            before = connection.exec_driver_sql("select count(*) from resource_version").scalar()
        answer = bury.post("/fhir/Observation/$validate", builders.an_observation(f"Patient/{child}"))
        assert answer.status_code == 200
        assert loads(answer.data)["issue"][0]["severity"] == "information"
        with demonstration.database.reading() as connection:
            assert connection.exec_driver_sql("select count(*) from resource_version").scalar() == before

    @pytest.mark.parametrize(
        "change",
        [{"status": "banana"}, {"status": None}, {"valueQuantity": {"value": "12"}}, {"colour": "red"},
         {"effectiveDateTime": "2031-01-01T10:00:00Z"}, {"code": {}}, {"valueString": "x"}],
    )  # fmt: skip
    def test_the_faults_are_those_that_storing_gives(self, bury, child, change):
        body = builders.an_observation(f"Patient/{child}") | change
        told, stored = bury.post("/fhir/Observation/$validate", body), bury.post("/fhir/Observation", body)
        assert told.status_code == 200
        assert stored.status_code in (400, 422)
        assert loads(told.data)["issue"] == loads(stored.data)["issue"]

    def test_within_parameters_and_for_one_resource(self, bury, child):
        body = bury.read(f"/fhir/Patient/{child}")
        asked = parameters(resource={"resource": body}, mode={"valueCode": "update"})
        good = bury.post(f"/fhir/Patient/{child}/$validate", asked)
        assert loads(good.data)["issue"][0]["severity"] == "information"
        other = bury.post(f"/fhir/Patient/{child}/$validate", body | {"id": NEVER})
        assert faults(other) == [("invalid", ["Patient.id"])]
        assert faults(bury.post("/fhir/Observation/$validate", body)) == [
            ("invalid", ["Observation.resourceType"])
        ]

    def test_a_profile_that_is_not_known_is_an_issue(self, bury, child):
        body = builders.an_observation(f"Patient/{child}")

        def asked(profile):
            return bury.post(f"/fhir/Observation/$validate?profile={profile}", body)

        assert faults(asked("http://example.org/StructureDefinition/x")) == [("not-supported", ["profile"])]
        for known in (
            "http://hl7.org/fhir/StructureDefinition/Observation",
            "https://fhir.hl7.org.uk/StructureDefinition/UKCore-Observation",
        ):
            assert loads(asked(known).data)["issue"][0]["severity"] == "information"

    def test_what_cannot_be_asked(self, demonstration, bury, child):
        assert bury.post("/fhir/Observation/$validate", b"").status_code == 400
        body = builders.an_observation(f"Patient/{child}")
        assert bury.post("/fhir/Observation/$validate?mode=banana", body).status_code == 400
        assert bury.post("/fhir/Observation/$validate", b"{").status_code == 400
        assert (
            demonstration.app_of("commissioner", "user/*.rs")
            .post("/fhir/Observation/$validate", body)
            .status_code
            == 403
        )
        salford = demonstration.staff_app("salford")
        for id_ in (child, NEVER):
            assert salford.post(f"/fhir/Observation/{id_}/$validate?mode=delete", b"").status_code == 404


class TestLastN:
    def test_the_latest_of_each_code(self, bury, child):
        for on, value in (("2021-02-08", "12.1"), ("2021-02-10", "12.3"), ("2021-02-09", "12.2")):
            bury.post("/fhir/Observation", builders.an_observation(f"Patient/{child}", on=on, value=value))
        found = entries(bury.get(f"/fhir/Observation/$lastn?patient={child}&max=2&code=27113001"))
        assert [str(each["valueQuantity"]["value"]) for each in found] == ["12.3", "12.2"]
        every = entries(bury.get(f"/fhir/Observation/$lastn?patient=Patient/{child}"))
        codes = [each["code"]["coding"][0]["code"] for each in every]
        assert len(codes) == len(set(codes)) > 1

    def test_another_borough_finds_nothing(self, demonstration, child):
        salford = demonstration.staff_app("salford")
        answers = [salford.get(f"/fhir/Observation/$lastn?patient={id_}") for id_ in (child, NEVER)]
        assert [entries(answer) for answer in answers] == [[], []]

    @pytest.mark.parametrize(
        "query", ["", "patient=a,b", "patient=a&patient=b", "patient=a&max=0", "patient=a&max=x"]
    )
    def test_what_is_not_understood(self, bury, query):
        assert bury.get(f"/fhir/Observation/$lastn?{query}").status_code == 400

    def test_a_parent_gets_the_view(self, demonstration):
        parent = demonstration.app_of("parent", "user/*.rs")
        [patient] = parent.found("Patient")
        for each in entries(parent.get(f"/fhir/Observation/$lastn?patient={patient['id']}")):
            assert each == parent.read(f"/fhir/Observation/{each['id']}")

    def test_without_its_scope(self, demonstration, child):
        narrow = demonstration.app_of("bury", "user/Patient.rs")
        assert narrow.get(f"/fhir/Observation/$lastn?patient={child}").status_code == 403


class TestTerminology:
    URL = "https://healthvisit.example/fhir/ValueSet/zone"
    SYSTEM = "https://healthvisit.example/fhir/CodeSystem/zone"

    def test_a_value_set_is_expanded(self, bury):
        found = loads(bury.get("/fhir/ValueSet/zone/$expand").data)
        assert found["expansion"]["total"] == 4
        assert found["expansion"]["contains"][0] == {
            "system": self.SYSTEM, "code": "on-schedule", "display": "On schedule"
        }  # fmt: skip
        by_url = loads(bury.get(f"/fhir/ValueSet/$expand?url={self.URL}").data)
        assert by_url["expansion"]["contains"] == found["expansion"]["contains"]
        posted = bury.post("/fhir/ValueSet/$expand", parameters(url={"valueUri": self.URL}))
        assert loads(posted.data)["expansion"]["contains"] == found["expansion"]["contains"]

    def test_by_filter_and_page(self, bury):
        found = loads(bury.get("/fhir/ValueSet/zone/$expand?filter=CUT").data)["expansion"]
        assert [each["code"] for each in found["contains"]] == ["below"]
        page = loads(bury.get("/fhir/ValueSet/zone/$expand?offset=1&count=2").data)["expansion"]
        assert (page["total"], page["offset"], len(page["contains"])) == (4, 1, 2)
        assert "contains" not in loads(bury.get("/fhir/ValueSet/zone/$expand?count=0").data)["expansion"]

    def test_whether_a_code_is_in_it(self, bury):
        def result(**given):
            answer = bury.post("/fhir/ValueSet/zone/$validate-code", parameters(**given))
            return {
                each["name"]: next(v for k, v in each.items() if k != "name")
                for each in loads(answer.data)["parameter"]
            }

        known = {"system": self.SYSTEM, "code": "monitor"}
        assert result(coding={"valueCoding": known}) == {"result": True, "display": "Monitor"}
        assert result(codeableConcept={"valueCodeableConcept": {"coding": [known]}})["result"] is True
        assert result(code={"valueCode": "monitor"})["result"] is True
        assert result(code={"valueCode": "monitor"}, system={"valueUri": "http://other"})["result"] is False
        assert result(coding={"valueCoding": known}, display={"valueString": "Other"})["result"] is False
        asked = bury.get(f"/fhir/ValueSet/$validate-code?url={self.URL}&system={self.SYSTEM}&code=banana")
        assert loads(asked.data)["parameter"][0]["valueBoolean"] is False

    def test_a_code_is_looked_up(self, bury):
        found = loads(bury.get(f"/fhir/CodeSystem/$lookup?system={self.SYSTEM}&code=monitor").data)[
            "parameter"
        ]
        assert {"name": "display", "valueString": "Monitor"} in found
        assert bury.get(f"/fhir/CodeSystem/$lookup?system={self.SYSTEM}&code=banana").status_code == 404
        assert bury.get("/fhir/CodeSystem/$lookup?code=monitor").status_code == 400

    def test_every_shipped_set_says_what_it_holds_or_why_not(self, bury):
        for each in bury.found("ValueSet", ("_count", "1000")):
            answer = bury.get(f"/fhir/ValueSet/{each['id']}/$expand")
            assert answer.status_code in (200, 422), (each["id"], answer.text)

    @pytest.mark.parametrize(
        ("path", "status"),
        [("ValueSet/banana/$expand", 404), ("ValueSet/$expand", 400), ("ValueSet/$expand?url=http://other", 404),
         ("ValueSet/zone/$expand?valueSetVersion=9", 404), ("ValueSet/zone/$expand?count=-1", 400),
         ("ValueSet/zone/$validate-code", 400), ("ValueSet/zone/$expand?includeDesignations=true", 400),
         ("ValueSet/zone/$validate-code?coding=monitor", 400)],
    )  # fmt: skip
    def test_what_cannot_be_asked(self, bury, path, status):
        assert bury.get(f"/fhir/{path}").status_code == status

    def test_without_its_scope(self, demonstration):
        assert (
            demonstration.app_of("bury", "user/Patient.rs").get("/fhir/ValueSet/zone/$expand").status_code
            == 403
        )


class TestPackage:
    def test_a_form_comes_with_its_codes(self, bury):
        answer = bury.get("/fhir/Questionnaire/two-year-review/$questionnaire-package")
        body = loads(answer.data)
        assert body["type"] == "collection"
        found = named(entries(answer))
        assert found[0] == ("Questionnaire", "two-year-review")
        assert {("CodeSystem", "asq3-answer"), ("ValueSet", "asq3-answer")} <= set(found)
        url = "https://healthvisit.example/fhir/Questionnaire/two-year-review"
        again = bury.get(f"/fhir/Questionnaire/$questionnaire-package?url={url}")
        assert entries(again) == entries(answer)
        assert entries(answer)[0] == bury.read("/fhir/Questionnaire/two-year-review")

    def test_what_cannot_be_asked(self, demonstration, bury):
        assert bury.get("/fhir/Questionnaire/banana/$questionnaire-package").status_code == 404
        assert bury.get("/fhir/Questionnaire/$questionnaire-package").status_code == 400
        commissioner = demonstration.app_of("commissioner", "user/*.rs")
        assert (
            commissioner.get("/fhir/Questionnaire/two-year-review/$questionnaire-package").status_code == 403
        )


class TestDocument:
    def a_composition(self, bury, child):
        contact = bury.found("Encounter", ("patient", child))[0]
        weight = bury.post("/fhir/Observation", builders.an_observation(f"Patient/{child}")).json["id"]
        answer = bury.post(
            "/fhir/Composition",
            {
                "resourceType": "Composition",
                "status": "final",
                "type": {"text": "Review"},
                "subject": {"reference": f"Patient/{child}"},
                "encounter": {"reference": f"Encounter/{contact['id']}"},
                "date": "2021-02-15T09:00:00Z",
                "author": [{"reference": "Organization/bury-health-visiting"}],
                "title": "Two-year review",
                "section": [{"title": "Growth", "entry": [{"reference": f"Observation/{weight}"}]}],
            },
        )
        assert answer.status_code == 201, answer.text
        return answer.json["id"], {
            ("Patient", child),
            ("Encounter", contact["id"]),
            ("Observation", weight),
            ("Organization", "bury-health-visiting"),
        }

    def test_a_composition_comes_with_what_it_names(self, demonstration, bury, child):
        id_, expected = self.a_composition(bury, child)
        answer = bury.get(f"/fhir/Composition/{id_}/$document")
        body = loads(answer.data)
        assert body["type"] == "document"
        assert body["identifier"]["value"].startswith("urn:uuid:")
        assert "timestamp" in body
        found = named(entries(answer))
        assert found[0] == ("Composition", id_)
        assert set(found[1:]) == expected
        assert body["entry"][0]["fullUrl"] == f"{BASE}/fhir/Composition/{id_}"
        narrow = demonstration.app_of("bury", "user/Composition.r user/Patient.r")
        assert named(entries(narrow.get(f"/fhir/Composition/{id_}/$document"))) == [
            ("Composition", id_),
            ("Patient", child),
        ]
        with counted(demonstration) as statements:
            bury.get(f"/fhir/Composition/{id_}/$document")
        assert len(statements) <= 4

    def test_another_borough_and_a_parent_get_none(self, demonstration, bury, child):
        id_, _ = self.a_composition(bury, child)
        salford = demonstration.staff_app("salford")
        answers = [salford.get(f"/fhir/Composition/{each}/$document") for each in (id_, NEVER)]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].data == answers[1].data
        parent = demonstration.app_of("parent", "user/*.rs")
        assert parent.get(f"/fhir/Composition/{id_}/$document").status_code == 403
        assert bury.get(f"/fhir/Composition/{id_}/$document?persist=true").status_code == 400


def test_json_alone_is_spoken(bury, child):
    assert bury.get(f"/fhir/Patient/{child}/$everything", Accept="application/fhir+xml").status_code == 406
    text = bury.client.post(
        f"/fhir/Patient/{child}/$everything", data=b"x", headers=bury.headers | {"Content-Type": "text/plain"}
    )
    assert text.status_code == 415
    assert bury.get(f"/fhir/Patient/{child}/$everything").content_type.startswith(FHIR)
