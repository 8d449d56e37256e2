"""A child moves from Bury to Salford while Bury's tablet holds a visit: Salford's lead decides what becomes of it."""

import json
import re
import uuid

import html5lib
import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from healthvisit import cli
from healthvisit.accounts import people
from healthvisit.cli import DEMO_DAY
from healthvisit.exact_json import dumps, loads
from healthvisit.programme import nhs_number
from healthvisit.record import late
from healthvisit.record import record as the_record
from healthvisit.record.errors import Forbidden
from healthvisit.record.tables import audit_event, late_visit, resource, responsibility
from healthvisit.synthetic.demo import PASSWORD
from tests import builders
from tests.faces.tablet.a_tablet import a_draft, said
from tests.flows.demonstration import faults, form_token, leave_bury
from tests.flows.test_move import asked, offered

NEVER = "01890000-0000-7000-8000-000000000000"
WORD = "Canary: the family spoke of the move"


def shown(answer, status=200):
    assert answer.status_code == status, answer.text
    html5lib.HTMLParser(strict=True).parse(answer.text)
    assert "None<" not in answer.text
    return answer.text


@pytest.fixture
def bury(demonstration):
    return demonstration.staff_app("bury")


@pytest.fixture
def salford(demonstration):
    return demonstration.staff_app("salford")


@pytest.fixture
def child(demonstration):
    """A child of two on the caseload of Bury's health visitor, not reviewed yet."""
    carried = demonstration.tablet("bury").read("/tablet/caseload")["children"]
    return next(
        each["patient"]["id"]
        for each in carried
        if each["patient"]["birthDate"] < "2019-03-01"
        and any(row["review"] == "two-year" and row["done_on"] is None for row in each["reviews"])
    )


@pytest.fixture
def visit(demonstration, child):
    """Operation and bytes of what the tablet's own modules recorded before the child moved."""
    return recorded(demonstration, child)


def recorded(demonstration, child, review="two-year"):
    caseload = demonstration.tablet("bury").read("/tablet/caseload")
    answers, contact = {"weight": "12.50", "service-level": "targeted", "plan-notes": WORD}, {}
    if review == "ad-hoc":
        answers, contact = {"about": WORD}, {"mode": "face-to-face"}
    operation = str(uuid.uuid4())
    draft = a_draft(f"Patient/{child}", review, answers=answers, contact=contact)
    return operation, said(plain(caseload), draft, operation)


def plain(caseload):
    """With numbers as the page reads them."""
    return json.loads(dumps(caseload))


def moved(bury, salford, child):
    asked(salford, "$accept-transfer", transfer=offered(bury, child))


def handed_in(app, operation, body, status=200):
    answer = app.client.post(
        "/tablet/late-visits", json={"operation": operation, "visit": body.decode()}, headers=app.headers
    )
    assert answer.status_code == status, answer.text
    return answer


def a_lead(demonstration, borough, role="team-lead"):
    name = f"{role}-of-{borough}"
    with demonstration.database.writing() as connection:
        people.create_account(
            connection, role=role, name="Lena Hargreaves", sign_in_name=name, password=PASSWORD,
            boroughs=[builders.BOROUGHS[borough]],
        )  # fmt: skip
    return demonstration.browser(name)


def waiting(browser):
    """Addresses of what waits, in the order of the page."""
    return re.findall(r'href="(/staff/late-visits/[^"?]+)"', shown(browser.get("/staff/late-visits")))


def sent(browser, address, where, **form):
    token = form_token(browser.get("/staff/moves").text)
    row = address.rpartition("/")[2]
    return browser.post(f"/staff/late-visits/{where}", data={"visit": row, "csrf_token": token, **form})


def rows(demonstration):
    with demonstration.database.reading() as connection:
        return connection.execute(select(late_visit).order_by(late_visit.c.received_at)).all()


def reviews(app, child):
    return app.found("Encounter", ("patient", child), ("type", "two-year"))


def test_a_visit_of_a_child_who_moved_is_taken_by_the_lead_of_the_team_that_has_the_child(
    demonstration, bury, salford, child, visit
):
    operation, body = visit
    tablet = demonstration.tablet("bury")
    moved(bury, salford, child)
    assert tablet.post("/fhir", body, operation=operation).status_code in (403, 422)
    receipt = handed_in(tablet, operation, body)
    assert set(receipt.json) == {"reference", "received_at"}
    assert handed_in(tablet, operation, body).data == receipt.data
    (row,) = rows(demonstration)
    assert (row.content, row.state) == (body, "waiting")

    # Who does not lead, who leads elsewhere and who recorded it are shown nothing of it.
    theirs, ours = a_lead(demonstration, "salford"), demonstration.browser("team-lead")
    (address,) = waiting(theirs)
    assert address.endswith(receipt.json["reference"])
    for other in (ours, demonstration.browser("safeguarding-lead"), a_lead(demonstration, "wigan")):
        assert waiting(other) == []
        assert other.get(address).status_code == 404
        assert sent(other, address, "taken").status_code == 404
        assert sent(other, address, "refused", reason="wrong").status_code == 404
    for name in ("bury", "salford"):
        browser = demonstration.browser(name)
        assert browser.get("/staff/late-visits").status_code == 403
        assert browser.get(address).status_code == 403
        assert sent(browser, address, "taken").status_code == 403
    assert [row.state for row in rows(demonstration)] == ["waiting"]
    assert reviews(salford, child) == []

    page = shown(theirs.get(address))
    for word in (WORD, "12.50 kg", "2 to 2½ year review", "14 February 2021, 10:15", "Bury", "Targeted",
                 "Completed"):  # fmt: skip
        assert word in page, word
    answer = sent(theirs, address, "taken")
    assert (answer.status_code, answer.location) == (303, "/staff/late-visits?done=taken")
    assert "in the child’s record" in shown(theirs.get(answer.location))

    # Once, as it was recorded, by who recorded it, and scored.
    (encounter,) = reviews(salford, child)
    assert encounter["period"]["start"].startswith("2021-02-14T10:15")
    recorder = plain(tablet.read("/tablet/caseload"))["practitioner"]["reference"]
    assert encounter["participant"][0]["individual"]["reference"] == recorder
    (weight,) = salford.found("Observation", ("encounter", encounter["id"]))
    assert str(weight["valueQuantity"]["value"]) == "12.50"
    (form,) = salford.found("QuestionnaireResponse", ("encounter", encounter["id"]))
    assert WORD in str(form)
    (told,) = salford.found("Provenance", ("target", f"Encounter/{encounter['id']}"))
    assert [each["type"]["coding"][0]["code"] for each in told["agent"]] == ["author", "enterer"]
    assert told["agent"][0]["who"]["reference"] == recorder
    (row,) = rows(demonstration)
    assert (row.state, row.content, row.encounter) == ("taken", None, encounter["id"])
    for where in ("taken", "refused"):
        assert sent(theirs, address, where, reason="wrong").status_code == 409
    assert waiting(theirs) == []
    assert handed_in(tablet, operation, body).data == receipt.data
    assert len(reviews(salford, child)) == len(rows(demonstration)) == 1

    # Bury learns nothing: not of the visit, nor of where the child is.
    for path in (f"/fhir/Encounter/{encounter['id']}", f"/fhir/Provenance/{told['id']}"):
        assert bury.get(path).status_code == 404
    assert WORD not in bury.get("/fhir/QuestionnaireResponse?_count=1000").text
    with demonstration.database.reading() as connection:
        events = connection.execute(select(audit_event).where(audit_event.c.detail.is_not(None))).all()
    assert {"$hand-in-visit", "$late-visits", "$late-visit", "$take-late-visit"} <= {
        each.detail for each in events
    }
    refused = {each.account for each in events if each.detail == "$late-visit" and each.outcome == 4}
    # The three who are not to decide, and who came after it was decided.
    assert len(refused) == 4


def test_a_visit_that_is_not_taken_is_kept_and_can_be_taken_after_all(
    demonstration, bury, salford, child, visit
):
    moved(bury, salford, child)
    handed_in(demonstration.tablet("bury"), *visit)
    lead = a_lead(demonstration, "salford", "safeguarding-lead")
    (address,) = waiting(lead)
    assert "Choose why" in shown(sent(lead, address, "refused"), 400)
    assert "Choose why" in shown(sent(lead, address, "refused", reason="because"), 400)
    answer = sent(lead, address, "refused", reason="wrong-child")
    assert answer.location == "/staff/late-visits?done=refused"
    page = shown(lead.get(answer.location))
    assert "Not taken" in page
    (row,) = rows(demonstration)
    assert (row.state, row.content, row.reason) == ("refused", visit[1], "wrong-child")
    assert "It is not about this child" in shown(lead.get(address))
    assert reviews(salford, child) == []
    assert sent(lead, address, "taken").status_code == 303
    assert len(reviews(salford, child)) == 1
    assert rows(demonstration)[0].reason is None


def test_what_the_record_does_not_take_is_told_and_kept(demonstration, bury, salford, child, visit):
    operation, body = visit
    moved(bury, salford, child)
    handed_in(demonstration.tablet("bury"), operation, body.replace(b"12.50", b"512.50"))
    lead = a_lead(demonstration, "salford")
    (address,) = waiting(lead)
    assert "The record does not take it" in shown(sent(lead, address, "taken"), 422)
    assert rows(demonstration)[0].state == "waiting"
    assert reviews(salford, child) == []


def test_whoever_answers_for_the_child_or_nobody_the_receipt_says_the_same(
    demonstration, bury, salford, shell
):
    """One stays, one moved, one was adopted, one left: who hands in, and left as well, is not told which."""
    tablet, lead = demonstration.tablet("bury"), a_lead(demonstration, "salford")
    carried = tablet.read("/tablet/caseload")["children"]
    born = [each["patient"]["id"] for each in carried if each["patient"]["birthDate"] < "2021-02-01"]
    stays, gone, adopted, left = born[:4]
    visits = {each: recorded(demonstration, each, "ad-hoc") for each in (stays, gone, adopted, left)}
    moved(bury, salford, gone)
    number = nhs_number.test_number(899_990)
    told = shell("adopt", adopted, "--borough", builders.BOROUGHS["salford"], typed=f"{number}\nA\nB\ny\n")
    assert told.exit_code == 0, told.output
    with demonstration.database.writing() as connection:
        rid = select(resource.c.rid).where(resource.c.id == left).scalar_subquery()
        connection.execute(
            update(responsibility).where(responsibility.c.child_rid == rid).values(until_on=DEMO_DAY)
        )
    leave_bury(demonstration)
    assert tablet.read("/tablet/caseload")["children"] == []
    for operation, body in visits.values():
        answer = tablet.post("/fhir", body, operation=operation)
        assert answer.status_code == 422
        # By this the tablet knows that the child has gone, as tests/tablet/outbox.test.js has it.
        assert ("not-found", ["Bundle.entry[0].resource.subject"]) in faults(answer)
    receipts = [handed_in(tablet, *visits[each]).json for each in (stays, gone, adopted, left)]
    assert [set(each) for each in receipts] == [{"reference", "received_at"}] * 4
    assert len(waiting(lead)) == 1
    assert len(waiting(demonstration.browser("team-lead"))) == 1
    # One who never was, and one whom Bury never had, are answered alike.
    foreign = next(each for each in demonstration.children(salford) if each != gone)
    operation, body = visits[stays]
    said_ = []
    for other in (NEVER, foreign):
        fresh = str(uuid.uuid4())
        changed = body.replace(stays.encode(), other.encode()).replace(operation.encode(), fresh.encode())
        answer = handed_in(tablet, fresh, changed, 422)
        said_.append(answer.data)
    assert said_[0] == said_[1]
    assert len(rows(demonstration)) == 4


@pytest.fixture
def shell(demonstration, monkeypatch):
    demonstration.in_shell(monkeypatch)
    return lambda *words, typed="": CliRunner().invoke(cli.main, words, input=typed)


def test_a_visit_that_nobody_is_shown_is_told_of_in_the_shell(
    demonstration, bury, salford, child, visit, shell
):
    moved(bury, salford, child)
    handed_in(demonstration.tablet("bury"), *visit)
    told = shell("unanswered-visits")
    assert (told.exit_code, told.stdout) == (0, "")
    with demonstration.database.writing() as connection:
        rid = connection.scalar(select(resource.c.rid).where(resource.c.id == child))
        connection.execute(
            update(responsibility)
            .where(responsibility.c.child_rid == rid, responsibility.c.until_on.is_(None))
            .values(until_on=DEMO_DAY)
        )
    assert waiting(a_lead(demonstration, "salford")) == []
    told = shell("unanswered-visits")
    ((received, borough, patient, row),) = [line.split("\t") for line in told.stdout.splitlines()]
    assert (borough, patient) == (builders.BOROUGHS["bury"], f"Patient/{child}")
    assert received.startswith(str(DEMO_DAY))
    assert row in {each.id for each in rows(demonstration)}
    assert WORD not in told.output


def test_only_the_shell_is_told_of_visits_that_nobody_is_shown(demonstration, definitions):
    for role in ("safeguarding-lead", "administrator", "support", "commissioner", "system-client"):
        with (
            pytest.raises(Forbidden),
            the_record.opened(
                demonstration.database, builders.a_requester(role), definitions=definitions, at=builders.NOW
            ) as record,
        ):
            late.unanswered(record)


def test_a_visit_goes_with_the_child_and_waits_while_nobody_answers(
    demonstration, bury, salford, child, visit
):
    moved(bury, salford, child)
    handed_in(demonstration.tablet("bury"), *visit)
    ours, theirs = demonstration.browser("team-lead"), a_lead(demonstration, "salford")
    assert (len(waiting(ours)), len(waiting(theirs))) == (0, 1)
    asked(bury, "$accept-transfer", transfer=offered(salford, child, to="Organization/bury-health-visiting"))
    assert (len(waiting(ours)), len(waiting(theirs))) == (1, 0)


def test_a_restricted_visit_is_for_the_safeguarding_lead(demonstration, bury, salford, child, visit):
    operation, body = visit
    bundle = loads(body)
    mark = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    bundle["entry"][1]["resource"]["meta"] = {"security": [mark]}
    moved(bury, salford, child)
    handed_in(demonstration.tablet("bury"), operation, dumps(bundle))
    (address,) = waiting(a_lead(demonstration, "salford", "safeguarding-lead"))
    lead = a_lead(demonstration, "salford")
    assert waiting(lead) == []
    assert lead.get(address).status_code == 404


def test_from_where_a_sensitive_child_came_is_not_told(demonstration, bury, salford, child, visit):
    moved(bury, salford, child)
    handed_in(demonstration.tablet("bury"), *visit)
    lead = a_lead(demonstration, "salford")
    patient = salford.read(f"/fhir/Patient/{child}")
    mark = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
    marked = {**patient, "meta": {**patient["meta"], "security": [mark]}}
    answer = salford.put(f"/fhir/Patient/{child}", marked, If_Match=f'W/"{patient["meta"]["versionId"]}"')
    assert answer.status_code == 200, answer.text
    (address,) = waiting(lead)
    assert "whereabouts are kept hidden" in shown(lead.get(address))


def entry(type_, **request):
    return {
        "fullUrl": uuid.uuid4().urn,
        "resource": {"resourceType": type_},
        "request": {"method": "POST", "url": type_, **request},
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda bundle: bundle["entry"].append(entry("Flag")),
        lambda bundle: bundle["entry"].append({"request": {"method": "DELETE", "url": f"Encounter/{NEVER}"}}),
        lambda bundle: bundle["entry"].append({"request": {"method": "GET", "url": "Patient"}}),
        lambda bundle: bundle["entry"].append(bundle["entry"][0] | {"fullUrl": uuid.uuid4().urn}),
        lambda bundle: bundle["entry"][0]["request"].update(ifNoneExist="identifier=x|y"),
        lambda bundle: bundle["entry"][0]["resource"].update(subject={"reference": "Patient?family=Smith"}),
        lambda bundle: bundle["entry"][1]["resource"].update(subject={"reference": f"Patient/{NEVER}"}),
        lambda bundle: bundle["entry"][0]["resource"].update(
            serviceProvider={"reference": "Organization/salford-health-visiting"}
        ),
        lambda bundle: bundle["entry"].pop(0),
        lambda bundle: bundle["identifier"].update(value=uuid.uuid4().urn),
        lambda bundle: bundle.update(type="batch"),
    ],
)
def test_only_a_visit_is_kept(demonstration, bury, salford, child, visit, change):
    """Whoever takes it does what is in it, and must have seen all of that."""
    operation, body = visit
    moved(bury, salford, child)
    bundle = loads(body)
    change(bundle)
    answer = demonstration.tablet("bury").client.post(
        "/tablet/late-visits",
        json={"operation": operation, "visit": dumps(bundle).decode()},
        headers=demonstration.tablet("bury").headers,
    )
    assert answer.status_code in (400, 422), answer.text
    assert rows(demonstration) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"operation": "x", "visit": ""}', b'{"operation": 1}'])
def test_what_is_no_visit_is_refused(demonstration, body):
    tablet = demonstration.tablet("bury")
    answer = tablet.client.post("/tablet/late-visits", data=body, headers=tablet.headers)
    assert answer.status_code == 400, answer.text
    assert tablet.client.post("/tablet/late-visits", data=body).status_code == 401
    system = demonstration.system()
    assert system.client.post("/tablet/late-visits", data=body, headers=system.headers).status_code == 403


def test_an_operation_is_stored_or_handed_in_and_never_both(demonstration, bury, salford, child, visit):
    operation, body = visit
    tablet = demonstration.tablet("bury")
    assert tablet.post("/fhir", body, operation=operation).status_code == 200
    handed_in(tablet, operation, body, 422)
    operation, body = recorded(demonstration, child, "ad-hoc")
    handed_in(tablet, operation, body)
    assert tablet.post("/fhir", body, operation=operation).status_code == 422
    assert len(rows(demonstration)) == 1


def test_a_visit_is_taken_once_where_two_leads_decide(demonstration, bury, salford, child, visit):
    moved(bury, salford, child)
    handed_in(demonstration.tablet("bury"), *visit)
    first, second = a_lead(demonstration, "salford"), a_lead(demonstration, "salford", "safeguarding-lead")
    (address,) = waiting(first)
    assert waiting(second) == [address]
    assert sent(first, address, "taken").status_code == 303
    assert sent(second, address, "taken").status_code == 409
    assert len(reviews(salford, child)) == 1
