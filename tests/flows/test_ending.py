"""The care of a child ends by who leads the team: with a reason, from a day, for everybody at once."""

import re

import html5lib
import pytest

from healthvisit.exact_json import loads
from tests import builders
from tests.flows.demonstration import faults, form_token, located
from tests.flows.test_emergency import typed
from tests.flows.test_restricted import marked

DAY = "2021-02-15"
SALFORD = "Organization/salford-health-visiting"
NEVER = "01890000-0000-7000-8000-000000000000"
REASON = "https://healthvisit.example/fhir/StructureDefinition/end-reason"
PLACE, SERVICE = "A canary street in Leeds", "A canary team in Leeds"


@pytest.fixture
def lead(demonstration):
    return demonstration.staff_app("team-lead")


@pytest.fixture
def bury(demonstration):
    return demonstration.staff_app("bury")


@pytest.fixture
def child(demonstration, lead):
    """A child on the caseload of Bury's health visitor, who has been seen."""
    tablet = demonstration.tablet("bury")
    seen = {contact["subject"]["reference"] for contact in tablet.found("Encounter", ("_count", "1000"))}
    carried = [each["patient"]["id"] for each in tablet.read("/tablet/caseload")["children"]]
    return next(each for each in carried if f"Patient/{each}" in seen)


def parameters(**given):
    kinds = {"day": "valueDate", "reason": "valueCode"}
    found = [{"name": name, kinds.get(name, "valueString"): value} for name, value in given.items()]
    return {"resourceType": "Parameters", "parameter": found}


def ended(app, child, *, day=DAY, reason="school-nursing", **more):
    answer = app.post(f"/fhir/Patient/{child}/$end-care", parameters(day=day, reason=reason, **more))
    assert answer.status_code == 200, answer.text
    found = {each["name"]: each for each in loads(answer.data)["parameter"]}
    return found["episode"]["valueReference"]["reference"], found["cancelled"]["valueInteger"]


def carried(demonstration, name="bury"):
    return {each["patient"]["id"] for each in demonstration.tablet(name).read("/tablet/caseload")["children"]}


def an_appointment(child, start=None, status="booked"):
    body = {"resourceType": "Appointment", "status": status, "created": "2021-02-01"}
    body["participant"] = [{"actor": {"reference": f"Patient/{child}"}, "status": "accepted"}]
    return body if start is None else body | {"start": start, "end": start}


def test_the_episode_is_finished_and_the_team_reads_on_what_it_wrote(demonstration, lead, bury, child):
    before = {type_: bury.found(type_, ("patient", child), ("_count", "1000"))
              for type_ in ("Encounter", "Observation")}  # fmt: skip
    episode, _ = ended(lead, child)
    body = bury.read(f"/fhir/{episode}")
    assert (body["status"], body["period"]["end"]) == ("finished", DAY)
    assert [each["valueCoding"]["code"] for each in body["extension"] if each["url"] == REASON] == [
        "school-nursing"
    ]
    for type_, found in before.items():
        assert bury.found(type_, ("patient", child), ("_count", "1000")) == found
    patient = bury.read(f"/fhir/Patient/{child}")
    assert bury.put(f"/fhir/Patient/{child}", patient, If_Match='W/"2"').status_code == 403
    assert bury.post("/fhir/Encounter", builders.an_encounter(f"Patient/{child}")).status_code == 403
    assert bury.found("AuditEvent", ("patient", child)) == []
    assert demonstration.staff_app("salford").get(f"/fhir/Patient/{child}").status_code == 404
    assert child not in carried(demonstration)
    assert (
        lead.post(f"/fhir/Patient/{child}/$end-care", parameters(day=DAY, reason="died")).status_code == 409
    )


def test_it_is_told_who_did_it(demonstration, lead, child):
    episode, _ = ended(lead, child)
    with demonstration.database.reading() as connection:
        rows = connection.exec_driver_sql(
            "select interaction, detail, a.type, role from audit_event a join resource r on r.rid = a.child_rid"
            f" where r.id = '{child}' and role = 'team-lead' order by seq"
        ).all()
        account = connection.exec_driver_sql(
            "select id from account where sign_in_name = 'team-lead'"
        ).scalar_one()
        writer = connection.exec_driver_sql(
            "select v.account from resource_version v join resource r on r.rid = v.rid and r.version = v.version"
            f" where r.id = '{episode.partition('/')[2]}'"
        ).scalar_one()
    assert ("operation", "$end-care", "Patient", "team-lead") in [tuple(row) for row in rows]
    assert ("update", None, "EpisodeOfCare", "team-lead") in [tuple(row) for row in rows]
    assert writer == account


def test_a_visit_that_a_tablet_sends_too_late_is_refused_and_kept(demonstration, lead, child):
    tablet = demonstration.tablet("bury")
    visit = builders.a_visit(f"Patient/{child}", on=DAY, operation="7f1c3f86-0f3c-4bb1-9d55-1a2b3c4d5e6f")
    ended(lead, child)
    answer = tablet.post("/fhir", visit)
    assert answer.status_code == 403
    assert {issue["details"]["coding"][0]["code"] for issue in loads(answer.data)["issue"]} == {"child-moved"}
    assert "Another service" not in answer.text


def test_an_offer_is_taken_back(demonstration, lead, bury, child):
    given = [
        {"name": "to", "valueReference": {"reference": SALFORD}},
        {"name": "reason", "valueCode": "other"},
    ]
    offer = {"resourceType": "Parameters", "parameter": given}
    answer = bury.post(f"/fhir/Patient/{child}/$offer-transfer", offer)
    id_ = next(each for each in answer.json["parameter"] if each["name"] == "transfer")["valueString"]
    ended(lead, child)
    salford = demonstration.staff_app("salford")
    assert salford.read("/fhir/$transfers") == {"resourceType": "Parameters"}
    late = salford.post("/fhir/$accept-transfer", parameters(transfer=id_))
    assert late.status_code == 409
    assert "taken back" in late.text


def test_what_was_booked_for_later_is_cancelled(lead, bury, child):
    booked = {
        "later": an_appointment(child, "2021-03-01T10:00:00Z"),
        "some day": an_appointment(child, status="proposed"),
        "before": an_appointment(child, "2021-02-14T10:00:00Z"),
        "kept": an_appointment(child, "2021-03-02T10:00:00Z", "fulfilled"),
        "hidden": marked(an_appointment(child, "2021-03-03T10:00:00Z")),
    }
    there = {name: located(bury.post("/fhir/Appointment", body)) for name, body in booked.items()}
    _, cancelled = ended(lead, child)
    states = {name: bury.read(f"/fhir/{where}")["status"] for name, where in there.items()}
    assert states == {
        "later": "cancelled", "some day": "cancelled", "before": "booked", "kept": "fulfilled",
        "hidden": "cancelled",
    }  # fmt: skip
    assert cancelled == 3


def test_a_death_is_written_on_the_child_in_the_same_transaction(lead, bury, child):
    ended(lead, child, reason="died")
    patient = bury.read(f"/fhir/Patient/{child}")
    assert (patient["deceasedDateTime"], patient["meta"]["versionId"]) == (DAY, "2")


def test_where_a_family_went_stands_in_nothing_that_an_app_reads(demonstration, lead, bury, child):
    ended(lead, child, reason="left-for-england", where=PLACE, service=SERVICE)
    whole = bury.get("/fhir/_history?_count=1000").text + bury.get(f"/fhir/Patient/{child}/$everything").text
    whole += bury.get("/fhir/EpisodeOfCare?_count=1000").text + lead.get(f"/fhir/Patient/{child}").text
    assert "canary" not in whole


@pytest.mark.parametrize(
    ("given", "status", "place"),
    [
        ({}, 400, "day"),
        ({"day": DAY}, 400, "reason"),
        ({"day": "2021-02", "reason": "died"}, 400, "day"),
        ({"day": "20210215", "reason": "died"}, 400, "day"),
        ({"day": "2021-02-30", "reason": "died"}, 400, "day"),
        ({"day": "2021-02-16", "reason": "died"}, 422, "day"),
        ({"day": "2001-02-16", "reason": "died"}, 422, "day"),
        ({"day": DAY, "reason": "declined"}, 422, "reason"),
        ({"day": DAY, "reason": "left-england"}, 422, "where"),
        ({"day": DAY, "reason": "left-for-england", "service": "A"}, 422, "where"),
        ({"day": DAY, "reason": "left-england", "where": "x" * 501}, 422, "where"),
        ({"day": DAY, "reason": "school-nursing", "service": "x" * 501}, 422, "service"),
        ({"day": DAY, "reason": "died", "where": "Leeds"}, 422, "where"),
        ({"day": DAY, "reason": "died", "note": "x"}, 400, "Parameters.parameter[2]"),
    ],
)
def test_what_cannot_be_taken_is_told_as_an_outcome_and_changes_nothing(lead, child, given, status, place):
    answer = lead.post(f"/fhir/Patient/{child}/$end-care", parameters(**given))
    assert answer.status_code == status, answer.text
    assert faults(answer)[0][1] == [place]
    assert lead.read(f"/fhir/Patient/{child}")["meta"]["versionId"] == "1"
    assert "deceasedDateTime" not in lead.read(f"/fhir/Patient/{child}")


def test_not_before_the_child_was_last_seen(lead, child):
    lead.post("/fhir/Encounter", builders.an_encounter(f"Patient/{child}", on="2021-02-12"))
    early = lead.post(f"/fhir/Patient/{child}/$end-care", parameters(day="2021-02-11", reason="died"))
    assert (early.status_code, faults(early)[0][1]) == (422, ["day"])
    assert "seen after that day" in early.text
    ended(lead, child, day="2021-02-15")


def test_a_child_whose_record_says_that_it_died_did_not_leave(lead, bury, child):
    patient = bury.read(f"/fhir/Patient/{child}") | {"deceasedDateTime": "2021-02-14"}
    assert bury.put(f"/fhir/Patient/{child}", patient, If_Match='W/"1"').status_code == 200
    for reason, place in (("school-nursing", "reason"), ("died", "day")):
        answer = lead.post(f"/fhir/Patient/{child}/$end-care", parameters(day=DAY, reason=reason))
        assert (answer.status_code, faults(answer)[0][1]) == (422, [place])


def test_who_does_not_lead_and_who_leads_elsewhere_ends_nothing(demonstration, lead, bury, child):
    given = parameters(day=DAY, reason="died")
    for app in (bury, demonstration.tablet("team-lead"), demonstration.system()):
        assert app.post(f"/fhir/Patient/{child}/$end-care", given).status_code == 403
    foreign = demonstration.a_child(demonstration.staff_app("salford"))
    answers = [lead.post(f"/fhir/Patient/{each}/$end-care", given) for each in (foreign, NEVER)]
    assert [each.status_code for each in answers] == [404, 404]
    assert answers[0].data == answers[1].data
    narrow = demonstration.app_of("team-lead", "user/Patient.ru user/EpisodeOfCare.r")
    assert narrow.post(f"/fhir/Patient/{child}/$end-care", given).status_code == 403
    assert child in carried(demonstration)


def test_a_child_of_another_borough_that_is_open_in_an_emergency_is_not_ended(demonstration, lead):
    salford = demonstration.staff_app("salford")
    foreign = salford.read(f"/fhir/Patient/{demonstration.a_child(salford)}")
    browser = demonstration.browser("team-lead")
    form = typed(foreign) | {"csrf_token": form_token(browser.get("/staff/open").text)}
    assert browser.post("/staff/open", data=form).status_code == 303
    answer = lead.post(f"/fhir/Patient/{foreign['id']}/$end-care", parameters(day=DAY, reason="died"))
    assert answer.status_code == 403
    page = TestPages.sent(browser, "/check", TestPages.form(foreign))
    assert page.status_code == 403
    assert "does not answer for the child" in page.text


def test_a_child_whose_care_was_ended_by_mistake_is_taken_up_again(demonstration, lead, bury, child):
    ended(lead, child)
    again = builders.an_episode(f"Patient/{child}", start=DAY)
    assert demonstration.staff_app("salford").post("/fhir/EpisodeOfCare", again).status_code == 422
    assert bury.post("/fhir/EpisodeOfCare", again).status_code == 201
    assert child in {each["patient"]["reference"].partition("/")[2]
                     for each in bury.found("EpisodeOfCare", ("status", "active"), ("_count", "1000"))}  # fmt: skip
    assert bury.post("/fhir/Encounter", builders.an_encounter(f"Patient/{child}")).status_code == 201


def test_a_child_who_came_from_another_borough_can_be_taken_up_again_too(demonstration, lead, bury):
    salford = demonstration.staff_app("salford")
    child = demonstration.a_child(salford)
    given = [
        {"name": "to", "valueReference": {"reference": "Organization/bury-health-visiting"}},
        {"name": "reason", "valueCode": "other"},
    ]
    offer = {"resourceType": "Parameters", "parameter": given}
    answer = salford.post(f"/fhir/Patient/{child}/$offer-transfer", offer)
    id_ = next(each for each in answer.json["parameter"] if each["name"] == "transfer")["valueString"]
    assert bury.post("/fhir/$accept-transfer", parameters(transfer=id_)).status_code == 200
    ended(lead, child)
    assert bury.get(f"/fhir/Patient/{child}").status_code == 200
    # The service before wrote an older version, and keeps that one alone.
    assert salford.get(f"/fhir/Patient/{child}").status_code == 404
    assert (
        bury.post("/fhir/EpisodeOfCare", builders.an_episode(f"Patient/{child}", start=DAY)).status_code
        == 201
    )


def test_no_episode_that_would_have_begun_later_begins(lead, bury, child):
    later = builders.an_episode(f"Patient/{child}", start="2021-06-01")
    there = located(bury.post("/fhir/EpisodeOfCare", later))
    ended(lead, child)
    assert bury.read(f"/fhir/{there}")["status"] == "cancelled"


class TestPages:
    """The same by those who lead, without a script."""

    @pytest.fixture
    def browser(self, demonstration):
        return demonstration.browser("team-lead")

    @pytest.fixture
    def patient(self, lead, child):
        return lead.read(f"/fhir/Patient/{child}")

    @staticmethod
    def form(patient, **changes):
        return {
            "nhs_number": patient["identifier"][0]["value"], "reason": "left-for-england", "day-day": "15",
            "day-month": "2", "day-year": "2021", "where": PLACE, "service": SERVICE,
        } | changes  # fmt: skip

    @staticmethod
    def sent(browser, where, form):
        page = browser.get("/staff/endings").text
        return browser.post(f"/staff/endings{where}", data=form | {"csrf_token": form_token(page)})

    @staticmethod
    def shown(answer, status=200):
        assert answer.status_code == status, answer.text
        html5lib.HTMLParser(strict=True).parse(answer.text)
        assert "None<" not in answer.text
        return answer.text

    def test_it_is_looked_at_before_it_is_done(self, demonstration, browser, patient, child):
        page = self.shown(self.sent(browser, "/check", self.form(patient)))
        for word in (patient["name"][0]["family"], "15 February 2021", PLACE, SERVICE, "End care"):
            assert word in page
        assert child in carried(demonstration)
        kept = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page))
        answer = browser.post("/staff/endings", data=kept)
        assert (answer.status_code, answer.location) == (303, "/staff/endings?done=ended")
        page = self.shown(browser.get(answer.location))
        for word in ("Care has ended", patient["name"][0]["family"], PLACE, SERVICE, "Written down on"):
            assert word in page
        assert child not in carried(demonstration)

    def test_a_child_is_taken_up_again(self, demonstration, lead, browser, patient, child):
        self.sent(browser, "", self.form(patient, reason="died", where="", service=""))
        assert "deceasedDateTime" in lead.read(f"/fhir/Patient/{child}")
        (ending,) = re.findall(r'name="ending" value="([^"]+)"', browser.get("/staff/endings").text)
        answer = self.sent(browser, "/taken-up", {"ending": ending})
        assert answer.location == "/staff/endings?done=taken-up"
        page = self.shown(browser.get(answer.location))
        assert "A service answers for the child again." in page
        assert "Take up again" not in page
        assert "deceasedDateTime" not in lead.read(f"/fhir/Patient/{child}")
        episodes = lead.found("EpisodeOfCare", ("patient", child), ("status", "active"))
        assert [each["period"] for each in episodes] == [{"start": DAY}]
        assert "answers for the child already" in self.shown(
            self.sent(browser, "/taken-up", {"ending": ending}), 409
        )

    @pytest.mark.parametrize(
        ("changes", "status", "field"),
        [
            ({"nhs_number": ""}, 400, "nhs_number"),
            ({"nhs_number": "<script>"}, 400, "nhs_number"),
            ({"nhs_number": builders.an_nhs_number(900_555)}, 404, "nhs_number"),
            ({"reason": ""}, 400, "reason"),
            ({"reason": "declined"}, 400, "reason"),
            ({"day-day": "31"}, 400, "day-day"),
            ({"day-year": ""}, 400, "day-day"),
            ({"day-day": "16"}, 422, "day-day"),
            ({"day-year": "2001"}, 422, "day-day"),
            ({"where": " "}, 400, "where"),
            ({"where": "x" * 501}, 400, "where"),
            ({"service": "x" * 501}, 400, "service"),
            ({"reason": "died"}, 422, "where"),
        ],
    )
    def test_what_does_not_fit_is_told_by_its_field(
        self, demonstration, browser, patient, child, changes, status, field
    ):
        for where in ("/check", ""):
            page = self.shown(self.sent(browser, where, self.form(patient, **changes)), status)
            assert f'href="#{field}"' in page
            assert f'id="{field}"' in page
            assert "<script>" not in page
        assert child in carried(demonstration)

    def test_another_boroughs_lead_is_told_nothing_and_takes_nothing_up(
        self, demonstration, browser, patient
    ):
        self.sent(browser, "", self.form(patient))
        (ending,) = re.findall(r'name="ending" value="([^"]+)"', browser.get("/staff/endings").text)
        with demonstration.database.writing() as connection:
            connection.exec_driver_sql(
                "update account_borough set borough = 'E08000006' where account in"
                " (select id from account where sign_in_name = 'safeguarding-lead')"
            )
        other = demonstration.browser("safeguarding-lead")
        assert PLACE not in self.shown(other.get("/staff/endings"))
        # Nor when the child came there afterwards.
        self.sent(browser, "/taken-up", {"ending": ending})
        given = [
            {"name": "to", "valueReference": {"reference": SALFORD}},
            {"name": "reason", "valueCode": "other"},
        ]
        offer = {"resourceType": "Parameters", "parameter": given}
        answer = demonstration.staff_app("bury").post(f"/fhir/Patient/{patient['id']}/$offer-transfer", offer)
        id_ = next(each for each in answer.json["parameter"] if each["name"] == "transfer")["valueString"]
        salford = demonstration.staff_app("salford")
        assert salford.post("/fhir/$accept-transfer", parameters(transfer=id_)).status_code == 200
        assert PLACE not in self.shown(other.get("/staff/endings"))
        assert self.sent(other, "/taken-up", {"ending": ending}).status_code == 404
        assert self.sent(other, "/taken-up", {}).status_code == 404

    def test_where_a_family_that_is_kept_hidden_went_is_for_the_safeguarding_lead(
        self, demonstration, browser, patient
    ):
        protecting = demonstration.staff_app("safeguarding-lead")
        etag = f'W/"{patient["meta"]["versionId"]}"'
        assert (
            protecting.put(f"/fhir/Patient/{patient['id']}", marked(patient), If_Match=etag).status_code
            == 200
        )
        self.sent(browser, "", self.form(patient))
        page = self.shown(browser.get("/staff/endings"))
        assert patient["name"][0]["family"] in page
        assert PLACE not in page
        assert SERVICE not in page
        page = self.shown(demonstration.browser("safeguarding-lead").get("/staff/endings"))
        assert PLACE in page
        assert SERVICE in page

    @pytest.mark.parametrize("name", ["bury", "parent", "commissioner", "administrator"])
    def test_it_is_for_who_leads(self, demonstration, name):
        browser = demonstration.browser(name)
        assert browser.get("/staff/endings").status_code == 403
        token = form_token(browser.get("/account").text)
        for where in ("", "/check", "/taken-up"):
            assert browser.post(f"/staff/endings{where}", data={"csrf_token": token}).status_code == 403


class TestTheParentsPage:
    """No page reminds a family of a review that nobody does."""

    REMINDERS = ("Can be done now", "Not done yet", "Planned", "What comes next", "Every child is offered",
                 "ask your health visitor", "Ask your health visitor", "would still help", "Missed",
                 "Talk to your")  # fmt: skip

    @pytest.fixture
    def own(self, demonstration):
        return demonstration.app_of("parent", "user/*.rs").found("Patient")[0]["id"]

    @staticmethod
    def page(demonstration, child):
        answer = demonstration.browser("parent").get(f"/parents/children/{child}")
        assert answer.status_code == 200
        html5lib.HTMLParser(strict=True).parse(answer.text)
        return answer.text

    def test_before_it_speaks_of_what_comes(self, demonstration, own):
        assert any(word in self.page(demonstration, own) for word in self.REMINDERS)

    @pytest.mark.parametrize("reason", ["school-nursing", "died"])
    def test_after_care_ended_it_tells_of_what_was_done_alone(self, demonstration, lead, own, reason):
        ended(lead, own, reason=reason)
        page = self.page(demonstration, own)
        assert [word for word in self.REMINDERS if word in page] == []
        assert "No reviews are planned." in page
        assert "’s progress" not in page
        assert "Done on" in page
        assert (" old</span>" in page) == (reason != "died")

    def test_a_death_that_is_written_down_is_enough(self, demonstration, bury, own):
        patient = bury.read(f"/fhir/Patient/{own}")
        changed = patient | {"deceasedDateTime": DAY}
        etag = f'W/"{patient["meta"]["versionId"]}"'
        assert bury.put(f"/fhir/Patient/{own}", changed, If_Match=etag).status_code == 200
        page = self.page(demonstration, own)
        assert [word for word in self.REMINDERS if word in page] == []

    def test_a_child_taken_up_again_is_reminded_again(self, demonstration, lead, bury, own):
        ended(lead, own)
        assert (
            bury.post("/fhir/EpisodeOfCare", builders.an_episode(f"Patient/{own}", start=DAY)).status_code
            == 201
        )
        assert any(word in self.page(demonstration, own) for word in self.REMINDERS)
