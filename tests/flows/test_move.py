"""A child moves from Bury to Salford while both boroughs are signed in (threats A15, A16; users.md B14).

At each station both teams ask the same questions, by every way there is of asking, and what each is shown is
written down beside what it should be.
"""

import pytest

from healthvisit.exact_json import loads
from tests import builders
from tests.flows.demonstration import faults, form_token

BURY = "Organization/bury-health-visiting"
SALFORD = "Organization/salford-health-visiting"
DAY = "2021-02-15"
NEVER = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def bury(demonstration):
    return demonstration.staff_app("bury")


@pytest.fixture
def salford(demonstration):
    return demonstration.staff_app("salford")


@pytest.fixture
def child(demonstration):
    """A child on the caseload of Bury's health visitor, who has been seen."""
    tablet = demonstration.tablet("bury")
    seen = {contact["subject"]["reference"] for contact in tablet.found("Encounter", ("_count", "1000"))}
    carried = [each["patient"]["id"] for each in tablet.read("/tablet/caseload")["children"]]
    return next(each for each in carried if f"Patient/{each}" in seen)


@pytest.fixture
def contact(bury, child):
    return bury.found("Encounter", ("patient", child))[0]["id"]


def parameters(**given):
    """FHIR Parameters; a bool, a "Type/id" or a text each."""
    found = []
    for name, value in given.items():
        kind = "valueBoolean" if isinstance(value, bool) else "valueString"
        if isinstance(value, str) and "/" in value:
            kind, value = "valueReference", {"reference": value}
        found.append({"name": name, kind: value})
    return {"resourceType": "Parameters", "parameter": found}


def asked(app, name, **given):
    answer = app.post(f"/fhir/{name}", parameters(**given))
    assert answer.status_code == 200, answer.text
    return {
        each["name"]: next(value for key, value in each.items() if key.startswith("value"))
        for each in loads(answer.data)["parameter"]
    }


def offered(app, child, *, to=SALFORD, **more):
    return asked(app, f"Patient/{child}/$offer-transfer", to=to, reason="family-moved", **more)["transfer"]


def moves(app):
    """Parts of each transfer that is told, by side."""
    found = {"arriving": [], "leaving": []}
    for transfer in app.read("/fhir/$transfers").get("parameter", []):
        parts = {
            part["name"]: next(value for key, value in part.items() if key.startswith("value"))
            for part in transfer["part"]
        }
        found[parts.pop("side")].append(parts)
    return found


def count(app, query):
    answer = app.get(f"/fhir/{query}")
    assert answer.status_code == 200, answer.text
    return loads(answer.data)["total"]


def reaches(app, child, contact):
    """What a team is shown of the child, of one old contact, and of all that is the child's, by every way."""
    number = builders.NHS_NUMBER
    known = app.get(f"/fhir/Patient/{child}")
    identifier = loads(known.data)["identifier"][0]["value"] if known.status_code == 200 else "9990000000"
    included = loads(app.get(f"/fhir/Encounter?_id={contact}&_include=Encounter:patient").data)
    return {
        "patient": known.status_code,
        "versions": app.get(f"/fhir/Patient/{child}/_history").status_code,
        "version": app.get(f"/fhir/Patient/{child}/_history/1").status_code,
        "contact": app.get(f"/fhir/Encounter/{contact}").status_code,
        "search": count(app, f"Patient?_id={child}"),
        "number": count(app, f"Patient?identifier={number}|{identifier}"),
        "chain": count(app, f"Encounter?_id={contact}&patient.birthdate=gt1900"),
        "has": count(app, f"Patient?_id={child}&_has:Encounter:patient:_id={contact}"),
        "included": sum(
            each["search"]["mode"] == "include" and each["resource"]["id"] == child
            for each in included.get("entry", ())
        ),
        "everything": app.get(f"/fhir/Patient/{child}/$everything").status_code,
        "audit": count(app, f"AuditEvent?patient={child}&_count=0") > 0,
        "writes": app.post("/fhir/Encounter", builders.an_encounter(f"Patient/{child}")).status_code,
    }


def carried(demonstration, name):
    document = demonstration.tablet(name).read("/tablet/caseload")
    return {each["patient"]["id"] for each in document["children"]}, document["moves"]


WHOLE = {
    "patient": 200, "versions": 200, "version": 200, "contact": 200, "search": 1, "number": 1, "chain": 1,
    "has": 1, "included": 1, "everything": 200, "audit": True, "writes": 201,
}  # fmt: skip
NOTHING = {
    "patient": 404, "versions": 404, "version": 404, "contact": 404, "search": 0, "number": 0, "chain": 0,
    "has": 0, "included": 0, "everything": 404, "audit": False, "writes": 422,
}  # fmt: skip
# What the team before wrote itself it reads; it writes no more and is not told who sees the child now.
BEFORE = WHOLE | {"audit": False, "writes": 403}


def test_who_reaches_the_child_before_while_and_after(demonstration, bury, salford, child, contact):
    # Before: Bury's alone.
    assert reaches(bury, child, contact) == WHOLE
    assert reaches(salford, child, contact) == NOTHING
    assert child in carried(demonstration, "bury")[0]

    # Offered: nothing has changed but that both lists tell of it, and Salford is told six things.
    id_ = offered(bury, child, note="Canary: she is shy.", restricted=True)
    assert reaches(bury, child, contact) == WHOLE
    assert reaches(salford, child, contact) == NOTHING
    (leaving,), (arriving,) = moves(bury)["leaving"], moves(salford)["arriving"]
    assert moves(bury)["arriving"] == moves(salford)["leaving"] == []
    assert arriving.keys() == {
        "id", "state", "to", "offered", "working-days", "long", "outstanding", "restricted", "name",
        "nhs-number", "from", "born",
    }  # fmt: skip
    assert (arriving["id"], arriving["restricted"], arriving["from"]["code"]) == (id_, True, "E08000002")
    assert arriving["name"].keys() <= {"family", "given", "text"}
    assert leaving["patient"] == {"reference": f"Patient/{child}"}
    shown = salford.get("/fhir/$transfers").text + str(carried(demonstration, "salford")[1])
    for hidden in (child, contact, "Canary", "she is shy"):
        assert hidden not in shown
    for name, side in (("bury", "leaving"), ("salford", "arriving")):
        assert [each["transfer"] for each in carried(demonstration, name)[1][side]] == [id_]
    assert child in carried(demonstration, "bury")[0]
    assert child not in carried(demonstration, "salford")[0]

    # Accepted, on the day itself: Salford's, and Bury reads what it wrote.
    answer = asked(salford, "$accept-transfer", transfer=id_)
    assert answer["patient"] == {"reference": f"Patient/{child}"}
    assert reaches(salford, child, contact) == WHOLE
    assert reaches(bury, child, contact) == BEFORE
    assert child not in carried(demonstration, "bury")[0]
    assert child in carried(demonstration, "salford")[0]
    assert moves(bury)["leaving"] == []
    assert [each["note"] for each in moves(salford)["arriving"]] == ["Canary: she is shy."]

    # Salford writes: of that Bury reads nothing, and of what Salford changed only its own version.
    patient = salford.read(f"/fhir/Patient/{child}")
    changed = {**patient, "address": [{"text": "Canary: a hidden street in Salford"}]}
    assert salford.put(f"/fhir/Patient/{child}", changed, If_Match='W/"1"').status_code == 200
    note = builders.an_observation(f"Patient/{child}", on=DAY)
    newer = loads(salford.post("/fhir/Observation", note).data)["id"]
    assert bury.get(f"/fhir/Patient/{child}/_history/1").status_code == 200
    for path in (
        f"Patient/{child}", f"Patient/{child}/_history/2", f"Observation/{newer}",
        f"EpisodeOfCare/{answer['episode']['reference'].split('/')[1]}", f"Patient/{child}/$everything",
    ):  # fmt: skip
        assert bury.get(f"/fhir/{path}").status_code == 404, path
    for query in (
        f"Patient?_id={child}", f"Observation?_id={newer}", f"Observation?patient={child}&_id={newer}",
        f"Encounter?_id={contact}&patient.birthdate=gt1900",
    ):  # fmt: skip
        assert count(bury, query) == 0, query
    assert count(bury, f"Encounter?_id={contact}") == 1
    everything_of_bury = bury.get("/fhir/_history?_count=1000").text + bury.get("/fhir/$transfers").text
    assert "Canary: a hidden street" not in everything_of_bury
    assert newer not in everything_of_bury

    # A later return: Bury's again, with all that happened in between; Salford keeps reading what it wrote.
    asked(bury, "$accept-transfer", transfer=offered(salford, child, to=BURY))
    assert reaches(bury, child, contact) == WHOLE
    assert bury.get(f"/fhir/Observation/{newer}").status_code == 200
    assert salford.get(f"/fhir/Observation/{newer}").status_code == 200
    assert salford.post("/fhir/Observation", note).status_code == 403
    assert child in carried(demonstration, "bury")[0]
    assert child not in carried(demonstration, "salford")[0]


def test_what_a_tablet_recorded_before_the_move_is_not_lost(demonstration, bury, salford, child):
    """The visit of a health visitor who was out of signal while the child moved."""
    tablet = demonstration.tablet("bury")
    visit = builders.a_visit(f"Patient/{child}", on=DAY, operation="7f1c3f86-0f3c-4bb1-9d55-1a2b3c4d5e6f")
    asked(salford, "$accept-transfer", transfer=offered(bury, child))
    first = tablet.post("/fhir", visit)
    patient = salford.read(f"/fhir/Patient/{child}")
    salford.put(f"/fhir/Patient/{child}", {**patient, "gender": "unknown"}, If_Match='W/"1"')
    # Now the tablet cannot even read the child any more.
    second = tablet.post("/fhir", visit)
    for answer, status in ((first, 403), (second, 422)):
        assert answer.status_code == status, answer.text
        issues = loads(answer.data)["issue"]
        assert {issue["details"]["coding"][0]["code"] for issue in issues} == {"child-moved"}
        assert {issue["diagnostics"] for issue in issues} == {
            "This service does not answer for the child today."
        }
    # It is still good: whoever answers for the child again may send it, and it is stored once.
    asked(bury, "$accept-transfer", transfer=offered(salford, child, to=BURY))
    assert tablet.post("/fhir", visit).status_code == 200
    assert tablet.post("/fhir", visit).data == tablet.post("/fhir", visit).data
    assert count(bury, f"Encounter?patient={child}&date={DAY}&type=two-year") == 1


def test_a_child_who_never_was_theirs_is_not_said_to_have_moved(salford, child):
    for patient in (child, NEVER):
        answer = salford.post("/fhir/Encounter", builders.an_encounter(f"Patient/{patient}"))
        assert answer.status_code == 422
        assert "details" not in loads(answer.data)["issue"][0]


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        (parameters(), 400, "to"),
        (parameters(to=SALFORD), 400, "reason"),
        (parameters(to=BURY, reason="other"), 422, "to"),
        (parameters(to="Organization/nowhere", reason="other"), 422, "to"),
        (parameters(to=SALFORD, reason="because"), 422, "reason"),
        (parameters(to=SALFORD, reason="other", note="x" * 501), 422, "note"),
        (parameters(to=SALFORD, reason="other", restricted="perhaps"), 400, "restricted"),
        (parameters(to=SALFORD, reason="other", when="now"), 400, "Parameters.parameter[2]"),
    ],
)
def test_an_offer_that_cannot_be_taken_is_told_as_an_outcome(bury, child, body, status, place):
    answer = bury.post(f"/fhir/Patient/{child}/$offer-transfer", body)
    assert answer.status_code == status, answer.text
    assert faults(answer)[0][1] == [place]


def test_what_is_not_theirs_is_answered_as_what_never_was(bury, salford, demonstration, child):
    def said(answer):
        return answer.status_code, answer.data

    offer = parameters(to=SALFORD, reason="other")
    foreign = salford.post(f"/fhir/Patient/{child}/$offer-transfer", offer)
    assert foreign.status_code == 404
    assert said(foreign) == said(salford.post(f"/fhir/Patient/{NEVER}/$offer-transfer", offer))
    id_ = offered(bury, child)
    for name, given in (("accept", {}), ("decline", {"reason": "not-here"})):
        foreign = bury.post(f"/fhir/${name}-transfer", parameters(transfer=id_, **given))
        assert foreign.status_code == 404
        assert said(foreign) == said(
            bury.post(f"/fhir/${name}-transfer", parameters(transfer=NEVER, **given))
        )
    foreign = salford.post("/fhir/$withdraw-transfer", parameters(transfer=id_))
    assert said(foreign) == said(salford.post("/fhir/$withdraw-transfer", parameters(transfer=NEVER)))
    assert foreign.status_code == 404


def test_no_system_and_no_parent_moves_a_child(demonstration, bury, child):
    system = demonstration.system()
    offer = parameters(to=SALFORD, reason="other")
    assert system.post(f"/fhir/Patient/{child}/$offer-transfer", offer).status_code == 403
    assert system.get("/fhir/$transfers").status_code == 403
    page = demonstration.browser("parent").get("/staff/moves")
    assert page.status_code == 403
    assert demonstration.app.test_client().get("/staff/moves").status_code == 303


def test_the_tablets_own_token_moves_no_child(demonstration, child):
    """A tablet reads who answers for a child; it was not given to change it."""
    tablet = demonstration.tablet("bury")
    offer = parameters(to=SALFORD, reason="other")
    assert tablet.post(f"/fhir/Patient/{child}/$offer-transfer", offer).status_code == 403


class TestPages:
    """The same on the page of both teams, without a script."""

    @pytest.fixture
    def browsers(self, demonstration):
        return demonstration.browser("bury"), demonstration.browser("salford")

    @pytest.fixture
    def number(self, bury, child):
        return bury.read(f"/fhir/Patient/{child}")["identifier"][0]["value"]

    @staticmethod
    def sent(browser, where, **fields):
        token = form_token(browser.get("/staff/moves").text)
        return browser.post(f"/staff/moves/{where}", data={"csrf_token": token, **fields})

    @staticmethod
    def waiting(demonstration, name, side="arriving"):
        return carried(demonstration, name)[1][side][0]["transfer"]

    def test_a_child_is_offered_and_accepted(self, demonstration, browsers, salford, child, number):
        bury, other = browsers
        spaced = f"{number[:3]} {number[3:6]} {number[6:]}"
        answer = self.sent(
            bury,
            "offered",
            nhs_number=spaced,
            to="salford-health-visiting",
            reason="family-moved",
            note="Hello",
        )
        assert (answer.status_code, answer.location) == (303, "/staff/moves?done=offered")
        assert "Take the offer back" in bury.get(answer.location).text
        page = other.get("/staff/moves").text
        assert spaced in page
        assert "Bury" in page
        assert "Hello" not in page
        answer = self.sent(other, "accepted", transfer=self.waiting(demonstration, "salford"))
        assert answer.location == "/staff/moves?done=accepted"
        assert "Hello" in other.get(answer.location).text
        assert salford.get(f"/fhir/Patient/{child}").status_code == 200
        assert spaced not in bury.get("/staff/moves").text

    def test_a_child_is_declined_with_a_reason(self, demonstration, browsers, number):
        bury, other = browsers
        self.sent(bury, "offered", nhs_number=number, to="salford-health-visiting", reason="other")
        id_ = self.waiting(demonstration, "salford")
        answer = self.sent(other, "declined", transfer=id_)
        assert answer.status_code == 400
        assert f'href="#reason-{id_}"' in answer.text
        assert "Error: Children moving in and out" in answer.text
        assert self.sent(other, "declined", transfer=id_, reason="elsewhere").status_code == 303
        assert "Salford has declined: The family lives in a third borough" in bury.get("/staff/moves").text

    def test_an_offer_is_taken_back(self, demonstration, browsers, number):
        bury, other = browsers
        self.sent(bury, "offered", nhs_number=number, to="salford-health-visiting", reason="other")
        id_ = self.waiting(demonstration, "bury", "leaving")
        assert self.sent(bury, "withdrawn", transfer=id_).status_code == 303
        answer = self.sent(other, "accepted", transfer=id_)
        assert answer.status_code == 409
        assert "This offer was taken back." in answer.text
        assert "There is a problem" in answer.text

    @pytest.mark.parametrize(
        ("change", "status", "field"),
        [
            ({"nhs_number": ""}, 400, "nhs_number"),
            ({"nhs_number": "999 000 0000"}, 400, "nhs_number"),
            ({"nhs_number": "<script>"}, 400, "nhs_number"),
            ({"to": ""}, 400, "to"),
            ({"to": "nowhere"}, 422, "to"),
            ({"to": "bury-health-visiting"}, 422, "to"),
            ({"reason": ""}, 400, "reason"),
            ({"reason": "because"}, 422, "reason"),
            ({"note": "x" * 501}, 400, "note"),
            ({"restricted": "perhaps"}, 400, "restricted"),
        ],
    )
    def test_a_form_that_cannot_be_taken_says_where(self, browsers, number, change, status, field):
        form = {"nhs_number": number, "to": "salford-health-visiting", "reason": "other", "note": "Kept"}
        answer = self.sent(browsers[0], "offered", **form | change)
        assert answer.status_code == status, answer.text
        assert f'href="#{field}"' in answer.text
        assert f'id="{field}"' in answer.text
        assert "<script>" not in answer.text
        # What was typed stands there still.
        assert "Kept" in answer.text or "note" in change

    def test_a_child_out_of_reach_is_a_child_who_never_was(self, browsers, number):
        answers = [
            self.sent(browsers[1], "offered", nhs_number=each, to="bury-health-visiting", reason="other")
            for each in (number, builders.an_nhs_number(900_003))
        ]
        assert [each.status_code for each in answers] == [404, 404]
        told = [each.text.split("nhs_number-error")[1].split("</span>")[1] for each in answers]
        assert told[0] == told[1]

    def test_what_no_page_sends_is_not_found(self, browsers):
        for where, fields in (
            ("accepted", {}),
            ("declined", {"transfer": "x" * 65}),
            ("withdrawn", {"transfer": NEVER}),
        ):
            assert self.sent(browsers[0], where, **fields).status_code == 404
        assert browsers[0].post("/staff/moves/accepted", data={"transfer": NEVER}).status_code == 400

    # The demonstration's day is a Monday: a Saturday before is no working day.
    @pytest.mark.parametrize(("days", "working_days"), [(0, 0), (2, 1), (3, 1), (4, 2), (9, 6)])
    def test_from_two_working_days_on_both_sides_see_it_marked(
        self, demonstration, browsers, number, days, working_days
    ):
        self.sent(browsers[0], "offered", nhs_number=number, to="salford-health-visiting", reason="other")
        with demonstration.database.writing() as connection:
            passed = days * 24 * 3600 * 1_000_000
            connection.exec_driver_sql(f"update transfer set offered_at = offered_at - {passed}")
        for browser, name, side in zip(browsers, ("bury", "salford"), ("leaving", "arriving"), strict=True):
            (told,) = carried(demonstration, name)[1][side]
            assert (told["working_days"], told["is_long"]) == (working_days, working_days >= 2)
            page = browser.get("/staff/moves").text
            assert (f"Waiting {working_days} working days" in page) is (working_days >= 2)
