"""People sign in through providers that are real processes, and that misbehave. Threats B9, D1-D3, D10-D15."""

import logging
import re
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import html5lib
import pytest
from sqlalchemy import text

from healthvisit.accounts import clients, federated, people, relationships
from healthvisit.accounts.federated import Adult
from healthvisit.database import Database
from healthvisit.faces.sign_in import outbound
from healthvisit.record import record as the_record
from tests import builders
from tests.faces.sign_in.a_service import CHALLENGE, VERIFIER
from tests.flows import identity
from tests.flows.identity import ADULT, BASE, BURY, SALFORD, Idp, Service, a_mother, a_nurse

OVER, CANCELLED = "Start signing in again", "You did not finish signing in"
UNREACHABLE, UNBELIEVED = "cannot be reached just now", "We could not check your sign-in"
WEAK, NO_ROLE = "Sign in with a stronger method", "Choose a role when you sign in"
UNKNOWN_WORKPLACE = "Your organisation is not connected to this service"
UNKNOWN_POST = "Your role is not connected to this service"
PROOFING, INCOMPLETE = "Prove who you are in NHS login first", "NHS login did not share what we need"
CHANGED, UNLINKED = "Your details do not match ours", "You are not linked to a child yet"
CLOSED = "Your account is closed"

PEOPLE = {"cis2": a_nurse(), "nhs-login": a_mother()}
# What no log may hold of them.
PERSONAL = (
    "Quillfeather", "Wren", "uid-inv", "inv-0001", "profile-inv", "Marlowe", "MARLOWE", "login-0001",
    ADULT.number, ADULT.born_on, "code=", "state=", "nonce=",
)  # fmt: skip

OF_STAFF = {"no acr": WEAK, "unknown acr": WEAK, "acr as a number": WEAK}
OF_PARENTS = {"no vot": PROOFING, "other vot": PROOFING, "two levels in vot": PROOFING}
FORGED = (
    "wrong nonce", "no nonce", "wrong aud", "two auds", "no aud", "wrong azp", "wrong iss",
    "issuer with a slash", "expired", "no exp", "exp as text", "old iat", "iat in the future",
    "not before tomorrow", "no sub", "swapped sub", "wrong at_hash", "alg none", "alg None", "no signature",
    "HS256 with the public key", "another algorithm", "another key of the same kid", "unknown kid", "no kid",
    "jwk header", "jku header", "x5u header", "crit header", "b64 header", "changed after it was signed",
)  # fmt: skip
UNTRUE_OF_STAFF = {
    "other sub": UNBELIEVED, "no sub told": UNBELIEVED, "no selected role": NO_ROLE,
    "role not among them": NO_ROLE, "no roles": NO_ROLE, "roles are no list": NO_ROLE,
    "selected role twice": NO_ROLE, "role without organisation": NO_ROLE, "no user id": NO_ROLE,
}  # fmt: skip
UNTRUE_OF_PARENTS = {
    "other sub": UNBELIEVED, "no sub told": UNBELIEVED, "no NHS number": INCOMPLETE,
    "no such NHS number": INCOMPLETE, "no date of birth": INCOMPLETE, "no family name": INCOMPLETE,
    "no proofing level": PROOFING, "another vot told": PROOFING,
}  # fmt: skip
ON_THE_LINE = (
    "slow", "an octet now and then", "500", "400", "giant", "html", "redirect", "cut", "not JSON", "an array",
    "a name twice", "gone silent",
)  # fmt: skip
DISCOVERED = (
    "another issuer", "endpoint elsewhere", "endpoint in the cloud's own network", "keys elsewhere",
    "endpoint with a name in it", "keys in a file", "no token endpoint", "only shared secrets",
)  # fmt: skip
REFUSALS = [
    *((shape, fault, UNBELIEVED) for shape in PEOPLE for fault in FORGED),
    *(("cis2", *each) for each in (OF_STAFF | UNTRUE_OF_STAFF).items()),
    *(("nhs-login", *each) for each in (OF_PARENTS | UNTRUE_OF_PARENTS).items()),
]


@pytest.fixture(scope="module")
def idps() -> Iterator[dict[str, Idp]]:
    running = {shape: Idp(shape) for shape in PEOPLE}
    yield running
    for idp in running.values():
        idp.stop()


@pytest.fixture
def service(furnished: Database, tmp_path: Path, idps: dict[str, Idp]) -> Iterator[Service]:
    made = identity.a_service(furnished, tmp_path, idps)
    yield made
    made.close()


@pytest.fixture(scope="module")
def of_many(
    _with_definitions: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory, idps: dict[str, Idp]
) -> Iterator[Service]:
    """A service for tables of refusals, to which the adult is linked who is to be refused."""
    folder = tmp_path_factory.mktemp("unchanged")
    database = Database(_with_definitions(folder))
    made = identity.a_service(database, folder, idps)
    made.link(ADULT)
    yield made
    made.close()
    database.dispose()


@pytest.fixture
def unchanged(of_many: Service) -> Service:
    """The same, to whom nobody has come yet: so many in a minute would be told to wait."""
    of_many.forget_attempts()
    return of_many


def shown(answer) -> str:
    """The heading of a page, which is read strictly."""
    html5lib.HTMLParser(strict=True).parse(answer.text)
    return re.search(r"<h1[^>]*>([^<]+)<", answer.text)[1]


def refused(service: Service, shape: str, fault: str, caplog, *, person=None) -> tuple[int, str]:
    """Status and heading of a sign-in that goes wrong, which leaves nothing behind."""
    service.idps[shape].tell(person or PEOPLE[shape], fault)
    before, browser = service.kept(), service.browser()
    with caplog.at_level(logging.INFO):
        answer = browser.sign_in(shape)
    heading = shown(answer)
    assert not browser.is_in()
    assert service.kept() == before
    assert "refused" in caplog.text
    assert [text for text in PERSONAL if text in caplog.text] == []
    assert [text for text in PERSONAL[:-3] if text in answer.text] == []
    return answer.status_code, heading


def test_every_fault_that_the_provider_knows_is_tried(idps):
    assert set(idps["cis2"].faults["id token"]) == {*FORGED, *OF_STAFF, *OF_PARENTS}
    assert set(idps["cis2"].faults["what is told"]) == {*UNTRUE_OF_STAFF, *UNTRUE_OF_PARENTS}
    assert set(idps["cis2"].faults["line"]) == set(ON_THE_LINE)
    assert set(idps["cis2"].faults["discovery"]) == set(DISCOVERED)


@pytest.mark.parametrize(("shape", "fault", "heading"), REFUSALS)
def test_an_answer_that_does_not_stand_lets_nobody_in(unchanged, caplog, shape, fault, heading):
    assert refused(unchanged, shape, fault, caplog) == (403, heading)


@pytest.mark.parametrize("fault", ON_THE_LINE)
@pytest.mark.parametrize("endpoint", ["discovery", "jwks", "token", "userinfo"])
def test_a_provider_that_is_not_well_is_told_of_and_nothing_is_lost(
    unchanged, caplog, monkeypatch, endpoint, fault
):
    monkeypatch.setattr(outbound, "LONGEST_CALL_S", 1.0)
    unchanged.forget_providers()
    status, heading = refused(unchanged, "cis2", f"{endpoint} {fault}", caplog)
    if fault == "400":
        assert (status, heading) == (403, UNBELIEVED)
    else:
        assert (status, heading.replace("Care Identity ", "")) == (503, UNREACHABLE)
    # A redirect was not followed.
    assert unchanged.idps["cis2"].seen()["calls"][endpoint] == 1


@pytest.mark.parametrize("fault", DISCOVERED)
def test_a_provider_that_names_another_place_is_not_followed(unchanged, caplog, fault):
    unchanged.forget_providers()
    assert refused(unchanged, "cis2", fault, caplog) == (403, UNBELIEVED)
    assert "token" not in unchanged.idps["cis2"].seen()["calls"]
    unchanged.forget_providers()


@pytest.mark.parametrize(
    ("changes", "heading"),
    [
        ({"acr": "AAL1_TEST"}, WEAK),
        ({"organisation": "INV8"}, UNKNOWN_WORKPLACE),
        # Worked in Salford until 2021.
        ({"organisation": "INV9"}, UNKNOWN_WORKPLACE),
        ({"organisation": "ELSEWHERE"}, UNKNOWN_WORKPLACE),
        ({"role": "S0:G0:R7"}, UNKNOWN_POST),
        ({"role": "s0:g0:r1"}, UNKNOWN_POST),
        ({"role": "R1"}, UNKNOWN_POST),
    ],
)
def test_staff_without_work_here_are_told_why(unchanged, caplog, changes, heading):
    assert refused(unchanged, "cis2", "", caplog, person=a_nurse(**changes)) == (403, heading)


@pytest.mark.parametrize(
    ("changes", "heading"),
    [
        ({"vot": "P5.Cp.Cd", "identity_proofing_level": "P5"}, PROOFING),
        ({"vot": "P0.Cp.Cd", "identity_proofing_level": "P0"}, PROOFING),
        ({"vot": "P9.Cp.Cd", "identity_proofing_level": "P5"}, PROOFING),
        ({"vot": "P5.Cp.Cd", "identity_proofing_level": "P9"}, PROOFING),
        ({"vot": "P9.Cp"}, PROOFING),
        ({"vot": "P9"}, PROOFING),
        ({"vot": ""}, PROOFING),
        ({"vot": "P99.Cp.Cd"}, PROOFING),
        ({"birthdate": "1991-04-18"}, CHANGED),
        ({"family_name": "Marlow"}, CHANGED),
        ({"birthdate": "1991-4-17"}, INCOMPLETE),
        ({"birthdate": 19910417}, INCOMPLETE),
        ({"family_name": "  "}, INCOMPLETE),
        ({"nhs_number": ADULT.number + " "}, INCOMPLETE),
        ({"nhs_number": identity.number_of(700_001)}, UNLINKED),
    ],
)
def test_an_adult_who_is_not_the_one_that_was_linked_is_refused(unchanged, caplog, changes, heading):
    assert refused(unchanged, "nhs-login", "", caplog, person=a_mother(**changes)) == (403, heading)


@pytest.mark.parametrize("vot", ["P9.Cp.Cd", "P9.Cp.Ck", "P9.Cm", "Cd.Cp.P9", "P9.Cp.Cd.Ck"])
def test_a_parent_of_full_proof_comes_to_her_children(service, vot):
    service.link(ADULT)
    service.idps["nhs-login"].tell(a_mother(vot=vot))
    browser = service.browser()
    answer = browser.sign_in("nhs-login")
    assert (answer.status_code, answer.location) == (303, "/parents/"), answer.text
    assert browser.is_in()
    asked = service.idps["nhs-login"].seen()["asked"]
    assert asked["vtr"] == '["P9.Cp.Cd","P9.Cp.Ck","P9.Cm"]'
    # Not offered by this provider.
    assert "code_challenge" not in asked
    assert [row["acr"] for row in service.rows("session")] == [vot]


def test_one_adult_is_one_identity(service):
    service.link(ADULT)
    first = service.browser()
    service.idps["nhs-login"].tell(a_mother())
    assert first.sign_in("nhs-login").status_code == 303
    before = service.kept()
    # Somebody else's account with the same NHS number, even with all the same details.
    service.idps["nhs-login"].tell(a_mother("login-0002"))
    assert shown(service.browser().sign_in("nhs-login")) == CHANGED
    # Her own account, with another number or date of birth than it had.
    for changes in ({"nhs_number": identity.number_of(5)}, {"birthdate": "1990-01-01"}):
        service.idps["nhs-login"].tell(a_mother(**changes))
        assert shown(service.browser().sign_in("nhs-login")) == CHANGED
    assert service.kept() == before
    assert first.is_in()
    # A name may change by marriage, once it is known who she is.
    service.idps["nhs-login"].tell(a_mother(family_name="Thistlewood"))
    assert service.browser().sign_in("nhs-login").status_code == 303


def test_a_parent_whose_link_was_withdrawn_is_told_what_to_do(service):
    account = service.link(ADULT)
    service.idps["nhs-login"].tell(a_mother())
    browser = service.browser()
    browser.sign_in("nhs-login")
    with service.database.writing() as connection:
        relationships.withdraw(connection, account=account, child="child-1", at=builders.NOW)
    assert shown(service.browser().sign_in("nhs-login")) == UNLINKED


def test_a_link_that_is_over_admits_nobody(service):
    service.link(ADULT, until_on=date(2021, 1, 1))
    service.idps["nhs-login"].tell(a_mother())
    assert shown(service.browser().sign_in("nhs-login")) == UNLINKED


def test_a_health_visitor_works_where_her_selected_role_works(service):
    service.idps["cis2"].tell(a_nurse())
    browser = service.browser()
    answer = browser.sign_in("cis2")
    assert (answer.status_code, answer.location) == (303, "/tablet/"), answer.text
    [account] = service.rows("account")
    assert (account["kind"], account["role"]) == ("federated", "health-visitor")
    assert [row["borough"] for row in service.rows("account_borough")] == [BURY]
    asked = service.idps["cis2"].seen()["asked"]
    assert asked["acr_values"] == "AAL2_TEST AAL3_TEST"
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "openid profile nationalrbacaccess selectedrole"
    [session] = service.rows("session")
    assert (session["provider"], session["acr"]) == ("cis2", "AAL3_TEST")
    # Nothing that opens a door is kept, nor the names and numbers of who signed in beyond the account's.
    begun = service.rows("begun_sign_in")
    assert len(begun) == 1
    assert asked["state"] not in str(begun)
    assert asked["nonce"] not in str(begun)


def test_she_is_the_practitioner_of_her_sds_number_where_the_record_has_one(service, definitions):
    service.idps["cis2"].tell(a_nurse())
    assert service.browser().sign_in("cis2").status_code == 303
    assert [row["fhir_user"] for row in service.rows("account")] == [None]
    before = [row for row in service.rows("resource") if row["type"] == "Practitioner"]
    assert before == [], "nobody is entered by signing in"
    with the_record.opened(
        service.database,
        builders.a_requester("service"),
        definitions=definitions,
        at=builders.NOW,
        writing=True,
    ) as record:
        entered = record.create(
            "Practitioner",
            {
                "resourceType": "Practitioner",
                "identifier": [{"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "uid-inv-0001"}],
                "name": [{"family": "Quillfeather"}],
            },
        )
    assert service.browser().sign_in("cis2").status_code == 303
    assert [row["fhir_user"] for row in service.rows("account")] == [f"Practitioner/{entered.version.id}"]


def test_another_role_puts_what_was_opened_with_the_first_out(service):
    service.idps["cis2"].tell(a_nurse())
    clinic, desk = service.browser(), service.browser()
    clinic.sign_in("cis2")
    desk.sign_in("cis2")
    assert clinic.is_in(), "the same role in two browsers"
    service.idps["cis2"].tell(a_nurse(organisation="INV2", role="S0:G0:R2"))
    assert desk.sign_in("cis2").status_code == 303
    assert not clinic.is_in()
    assert desk.is_in()
    [account] = service.rows("account")
    assert account["role"] == "team-lead"
    assert {row["borough"] for row in service.rows("account_borough")} == {BURY, SALFORD}


def test_the_work_of_a_selected_role_ends_with_its_last_session(service):
    service.idps["cis2"].tell(a_nurse())
    clinic, desk = service.browser(), service.browser()
    clinic.sign_in("cis2")
    desk.sign_in("cis2")
    desk.sign_out()
    assert clinic.is_in()
    assert service.rows("account_borough")
    clinic.sign_out()
    assert not clinic.is_in()
    assert service.rows("account_borough") == []


def test_what_an_app_was_given_ends_with_the_session_of_a_selected_role(service):
    there = "https://app.example/cb"
    with service.database.writing() as connection:
        clients.register(
            connection, client_id="other", name="Other", scope="user/Patient.rs offline_access",
            redirect_uris=[there],
        )  # fmt: skip
    service.idps["cis2"].tell(a_nurse())
    browser = service.browser()
    browser.sign_in("cis2")
    # An hour before the session ends by itself.
    service.wait(7 * 3600)
    asked = {
        "response_type": "code", "client_id": "other", "redirect_uri": there, "state": "s",
        "scope": "user/Patient.rs offline_access", "aud": f"{BASE}/fhir", "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }  # fmt: skip
    token = re.search(
        r'"csrf_token" value="([^"]+)"', browser.here.get("/authorize", query_string=asked).text
    )
    sent = {"csrf_token": token[1], "decision": "allow"}
    allowed = browser.here.post("/authorize", query_string=asked, data=sent)
    code = parse_qs(urlsplit(allowed.location).query)["code"][0]
    app = service.app.test_client()
    answer = app.post("/token", data={
        "grant_type": "authorization_code", "client_id": "other", "redirect_uri": there, "code": code,
        "code_verifier": VERIFIER,
    })  # fmt: skip
    given = answer.json
    shown_ = {"Authorization": f"Bearer {given['access_token']}"}
    assert app.get("/fhir/Patient", headers=shown_).status_code == 200
    [family], [session] = service.rows("token_family"), service.rows("session")
    assert family["expires_at"] <= session["expires_at"]
    browser.sign_out()
    assert app.get("/fhir/Patient", headers=shown_).status_code == 401
    again = {"grant_type": "refresh_token", "client_id": "other", "refresh_token": given["refresh_token"]}
    assert app.post("/token", data=again).status_code == 400


def test_a_table_that_changes_puts_out_those_whose_work_changes_and_no_others(service):
    here, there = service.browser(), service.browser()
    service.idps["cis2"].tell(a_nurse("inv-0001", organisation="INV1"))
    here.sign_in("cis2")
    service.idps["cis2"].tell(a_nurse("inv-0002", organisation="INV2"))
    there.sign_in("cis2")
    # The contract of the first organisation went to another.
    assert service.works(("INV2", BURY), ("INV2", SALFORD)) == 1
    assert not here.is_in()
    assert there.is_in()
    service.idps["cis2"].tell(a_nurse("inv-0001", organisation="INV1"))
    assert shown(here.sign_in("cis2")) == UNKNOWN_WORKPLACE


def test_an_account_that_was_closed_stays_closed(service):
    service.idps["cis2"].tell(a_nurse())
    browser = service.browser()
    browser.sign_in("cis2")
    with service.database.writing() as connection:
        people.close_account(connection, service.rows("account")[0]["id"])
    assert not browser.is_in()
    assert shown(browser.sign_in("cis2")) == CLOSED


@pytest.mark.parametrize(
    "change",
    [
        lambda at: at.replace("state=", "state=x"),
        lambda at: re.sub(r"state=[^&]+", "state=", at),
        lambda at: re.sub(r"&?state=[^&]+", "", at),
        lambda at: f"{at}&state=again",
        lambda at: f"{at}&code=another",
        # The answer of one provider at the address of another: mix-up.
        lambda at: at.replace("/from/cis2", "/from/nhs-login"),
    ],
)
def test_an_answer_to_nothing_that_was_asked_is_refused(service, change):
    service.idps["cis2"].tell(a_nurse())
    browser = service.browser()
    address = browser.away(browser.begin("cis2"))
    before = service.kept()
    answer = browser.back(change(address))
    assert (answer.status_code, shown(answer)) == (400, OVER)
    assert service.kept() == before
    assert "token" not in service.idps["cis2"].seen()["calls"]


@pytest.mark.parametrize(
    ("change", "status", "heading"),
    [
        (lambda at: re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fanother.example", at), 403, UNBELIEVED),
        (lambda at: re.sub(r"&?iss=[^&]+", "", at), 403, UNBELIEVED),
        (lambda at: re.sub(r"code=[^&]+", "code=", at), 403, UNBELIEVED),
        (lambda at: re.sub(r"code=[^&]+", "code=made-up", at), 403, UNBELIEVED),
        (lambda at: re.sub(r"code=[^&]+", f"code={'x' * 5000}", at), 403, UNBELIEVED),
        (lambda at: re.sub(r"code=[^&]+", "error=access_denied", at), 403, CANCELLED),
        (lambda at: re.sub(r"code=[^&]+", "error=%3Cscript%3E", at), 403, CANCELLED),
        (lambda at: re.sub(r"code=[^&]+", "error=temporarily_unavailable", at), 503, None),
    ],
)
def test_an_answer_that_was_changed_on_the_way_is_refused(service, change, status, heading):
    service.idps["cis2"].tell(a_nurse())
    browser = service.browser()
    answer = browser.back(change(browser.away(browser.begin("cis2"))))
    assert answer.status_code == status
    assert shown(answer) == (heading or "Care Identity cannot be reached just now")
    assert not browser.is_in()


def test_a_person_who_stops_at_the_provider_may_begin_again(service):
    service.idps["cis2"].tell(a_nurse(), "answers access_denied")
    browser = service.browser()
    assert shown(browser.sign_in("cis2")) == CANCELLED
    service.idps["cis2"].tell(a_nurse())
    assert browser.sign_in("cis2").status_code == 303


def test_an_answer_is_good_once_and_in_the_browser_that_asked(service):
    service.idps["cis2"].tell(a_nurse())
    hers, his = service.browser(), service.browser()
    address = hers.away(hers.begin("cis2"))
    # Sent to another, who has begun a sign-in of his own, to put him into her account.
    his.begin("cis2")
    assert shown(his.back(address)) == OVER
    assert hers.back(address).status_code == 303
    assert shown(hers.back(address)) == OVER
    assert hers.is_in()


def test_an_answer_is_used_up_also_where_it_went_wrong(service):
    service.idps["cis2"].tell(a_nurse(), "token 500")
    browser = service.browser()
    address = browser.away(browser.begin("cis2"))
    assert browser.back(address).status_code == 503
    service.idps["cis2"].tell(a_nurse())
    assert shown(browser.back(address)) == OVER
    assert service.idps["cis2"].seen()["calls"] == {}


def test_an_answer_after_ten_minutes_is_too_late(service):
    service.idps["cis2"].tell(a_nurse())
    browser = service.browser()
    address = browser.away(browser.begin("cis2"))
    service.wait(601)
    assert shown(browser.back(address)) == OVER


def test_two_tabs_of_one_browser_do_not_disturb_each_other(service):
    service.idps["cis2"].tell(a_nurse())
    browser = service.browser()
    first, second = (browser.away(browser.begin("cis2", next=f"/apps?{n}")) for n in (1, 2))
    assert browser.back(second).location == "/apps?2"
    # The first begun belongs to a browser that has signed in since, and is a new one.
    assert shown(browser.back(first)) == OVER


def test_what_the_browser_was_given_before_is_worth_nothing_after(service):
    service.idps["cis2"].tell(a_nurse())
    browser = service.browser()
    browser.sign_in("cis2")
    before = {cookie.key: cookie.value for cookie in browser.here._cookies.values()}
    browser.sign_in("cis2")
    assert len({row["hash"] for row in service.rows("session")}) == 2
    assert sum(row["ended_at"] is None for row in service.rows("session")) == 1
    thief = service.browser()
    for name, value in before.items():
        thief.here.set_cookie(name, value)
    assert not thief.is_in()


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil"]
)
def test_nobody_is_led_elsewhere(service, elsewhere):
    service.idps["cis2"].tell(a_nurse())
    assert service.browser().sign_in("cis2", next=elsewhere).location == "/tablet/"


def test_the_person_comes_to_where_they_wanted(service):
    service.idps["cis2"].tell(a_nurse())
    assert service.browser().sign_in("cis2", next="/apps?patient=1").location == "/apps?patient=1"


def test_a_key_that_was_turned_is_fetched_but_not_for_every_made_up_name(service, caplog, monkeypatch):
    service.idps["cis2"].tell(a_nurse())
    assert service.browser().sign_in("cis2").status_code == 303
    for _ in range(3):
        service.idps["cis2"].tell(a_nurse(), "unknown kid")
        assert shown(service.browser().sign_in("cis2")) == UNBELIEVED
        assert "jwks" not in service.idps["cis2"].seen()["calls"]
    held = service.app.extensions["healthvisit_federation"].held
    name = f"keys {service.idps['cis2'].issuer}"
    # As a set that was fetched two minutes ago, and did not have the key yet.
    held[name] = type(held[name])({"keys": []}, held[name].since - 120)
    service.idps["cis2"].tell(a_nurse())
    assert service.browser().sign_in("cis2").status_code == 303
    assert service.idps["cis2"].seen()["calls"]["jwks"] == 1


def test_who_must_show_again_who_they_are_is_asked_and_an_old_sign_in_is_not_enough(service):
    service.idps["cis2"].tell(a_nurse() | {"at": 1_600_000_000})
    browser = service.browser()
    assert browser.sign_in("cis2").status_code == 303
    assert "prompt" not in service.idps["cis2"].seen()["asked"]
    assert shown(browser.sign_in("cis2", afresh="yes")) == UNBELIEVED
    asked = service.idps["cis2"].seen()["asked"]
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    service.idps["cis2"].tell(a_nurse())
    assert browser.sign_in("cis2", afresh="yes").status_code == 303


def test_signing_out_ends_it_here_and_leads_to_the_provider_s_own_end(service):
    service.idps["cis2"].tell(a_nurse())
    browser = service.browser()
    browser.sign_in("cis2")
    answer = browser.sign_out()
    assert not browser.is_in()
    assert answer.status_code == 200
    assert shown(answer) == "You are signed out here"
    address = answer.headers["Refresh"].removeprefix("0; url=")
    assert address.startswith(f"{service.idps['cis2'].issuer}/session/end?")
    asked = parse_qs(urlsplit(address).query)
    assert asked == {"client_id": [identity.CLIENT], "post_logout_redirect_uri": [f"{BASE}/sign-in"]}
    assert browser.there.get(address, timeout=20).status_code == 200


def test_signing_out_works_while_the_provider_does_not(service, monkeypatch):
    service.idps["cis2"].tell(a_nurse())
    browser = service.browser()
    browser.sign_in("cis2")
    service.idps["cis2"].tell(a_nurse(), "discovery 500")
    service.forget_providers()
    answer = browser.sign_out()
    assert (answer.status_code, answer.location) == (303, "/")
    assert not browser.is_in()


@pytest.mark.parametrize("by", ["sub", "sid", "both"])
def test_who_signs_out_at_the_provider_is_out_here(service, by):
    service.idps["cis2"].tell(a_nurse())
    browser, other = service.browser(), service.browser()
    browser.sign_in("cis2")
    service.idps["cis2"].tell(a_nurse("inv-0002"))
    other.sign_in("cis2")
    [sid] = [row["sid"] for row in service.rows("session") if row["account"] == _account(service, "inv-0001")]
    names = {"sub": {"sub": "inv-0001"}, "sid": {"sid": sid}, "both": {"sub": "inv-0001", "sid": sid}}[by]
    token = service.idps["cis2"].logout_token(**names)
    told = service.app.test_client()
    assert told.post("/sign-in/ended/cis2", data={"logout_token": token}).status_code == 200
    assert not browser.is_in()
    assert other.is_in()
    assert told.post("/sign-in/ended/cis2", data={"logout_token": token}).status_code == 400, "told twice"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"}, {"iss": "https://another.example"}, {"iat": 1_600_000_000}, {"iat": None},
        {"exp": 1_600_000_000}, {"events": {}}, {"events": None}, {"nonce": "n"}, {"jti": None},
        {"sub": None}, {"sub": 5},
    ],
)  # fmt: skip
def test_nobody_is_signed_out_by_what_does_not_stand(service, claims):
    service.idps["cis2"].tell(a_nurse())
    browser = service.browser()
    browser.sign_in("cis2")
    token = service.idps["cis2"].logout_token(**{"sub": "inv-0001", **claims})
    told = service.app.test_client()
    for sent in ({"logout_token": token}, {"logout_token": "a.b.c"}, {}):
        assert told.post("/sign-in/ended/cis2", data=sent).status_code == 400
    # Of another provider.
    assert told.post("/sign-in/ended/nhs-login", data={"logout_token": token}).status_code == 400
    assert browser.is_in()


def test_a_provider_that_nobody_named_is_not_there(service):
    browser = service.browser()
    for name in ("unknown", "CIS2", "cis2/", "..%2fcis2"):
        assert browser.begin(name).status_code in (404, 405)
    assert browser.here.get("/sign-in/from/unknown?code=x&state=y").status_code == 404
    assert browser.here.post("/sign-in/ended/unknown").status_code == 404


def test_beginning_without_the_page_s_form_is_refused(service):
    assert service.app.test_client().post("/sign-in/with/cis2").status_code == 400
    assert service.rows("begun_sign_in") == []


def test_who_begins_too_often_waits(service):
    service.idps["cis2"].tell(a_nurse())
    browser = service.browser()
    browser.begin("cis2")
    with service.database.writing() as connection:
        connection.execute(text("update sign_in_attempt set failures = 100"))
    answer = browser.begin("cis2")
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_one_adult_of_two_children_has_one_account_and_is_linked_to_each_once(service):
    account = service.link(ADULT)
    assert service.link(ADULT, child="child-2") == account
    with pytest.raises(federated.BadRegistration, match="already"):
        service.link(ADULT)
    with pytest.raises(federated.BadRegistration, match="another date of birth or family name"):
        service.link(Adult(ADULT.number, "1991-04-18", ADULT.family), child="child-3")


def _account(service: Service, subject: str) -> str:
    return next(row["account"] for row in service.rows("federated_identity") if row["subject"] == subject)
