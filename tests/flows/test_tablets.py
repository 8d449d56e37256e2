"""Who leads sees which tablets the team uses, when each was last heard from, and what it still holds."""

import re
import uuid

import pytest
from sqlalchemy import select, update

from healthvisit.accounts import devices, people
from healthvisit.accounts.tables import account, account_borough, tablet
from healthvisit.cli import DEMO_DAY
from tests.flows.demonstration import leave_bury
from tests.flows.test_late_visit import a_lead, handed_in, recorded, shown

DEVICE = "0f5d1f5e-6d5a-4f3e-9f43-2a4b8c1d7e01"
BUILD = "0123456789abcdef"
DAY_US = 86_400_000_000


def beat(app, *, device=DEVICE, unsent=0, age_s=None, status=204, **changed):
    body = {"device": device, "build": BUILD, "unsent": unsent, "oldest_age_s": age_s, **changed}
    answer = app.client.post("/tablet/heartbeat", json=body, headers=app.headers)
    assert answer.status_code == status, answer.text
    return answer


def told(browser):
    """The rows of the page, as a person reads them."""
    page = shown(browser.get("/staff/tablets"))
    body = page.partition("<tbody")[2].partition("</tbody>")[0]
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in body.split("<tr")[1:]]


def heard_before(demonstration, days):
    with demonstration.database.writing() as connection:
        connection.execute(update(tablet).values(heard_at=tablet.c.heard_at - days * DAY_US))


def test_a_tablet_that_is_silent_with_unsent_visits_is_marked_for_those_who_lead(demonstration):
    lead, joan = demonstration.browser("team-lead"), demonstration.tablet("bury")
    assert told(lead) == []
    beat(joan, unsent=2, age_s=7200)
    (row,) = told(lead)
    for words in ("Last contact Today,", "Unsent visits 2", "Oldest unsent", f"Tablet {DEVICE[:8]}"):
        assert words in row, row
    assert "Silent" not in row
    heard_before(demonstration, devices.SILENT_DAYS - 1)
    assert "Silent" not in told(lead)[0]
    heard_before(demonstration, 1)
    (row,) = told(lead)
    assert "Silent with unsent visits" in row
    assert f"{devices.SILENT_DAYS} days ago" in row
    assert "1 tablet is silent with unsent visits" in shown(lead.get("/staff/tablets"))
    # Its next word takes the mark away; with nothing unsent silence is no news.
    beat(joan)
    assert "Silent" not in told(lead)[0]
    heard_before(demonstration, 30)
    assert "Silent" not in told(lead)[0]
    heard_before(demonstration, devices.TOLD_DAYS)
    assert told(lead) == []


def test_the_tablets_are_told_to_those_who_lead_in_their_borough_alone(demonstration):
    beat(demonstration.tablet("bury"), unsent=1, age_s=60)
    assert len(told(demonstration.browser("safeguarding-lead"))) == 1
    assert told(a_lead(demonstration, "salford")) == []
    for name in ("bury", "salford", "administrator", "commissioner", "parent"):
        assert demonstration.browser(name).get("/staff/tablets").status_code == 403
    assert demonstration.app.test_client().get("/staff/tablets").status_code == 303


def test_unsent_visits_of_a_nurse_who_left_stay_in_the_eyes_of_the_team_she_left(demonstration):
    lead, joan = demonstration.browser("team-lead"), demonstration.tablet("bury")
    beat(joan, unsent=3, age_s=86_400)
    beat(joan, device=str(uuid.uuid4()))
    leave_bury(demonstration)
    with demonstration.database.writing() as connection:
        id_ = people.named(connection, "bury")
        people.join_borough(connection, id_, "E08000006", from_on=DEMO_DAY)
    beat(joan, unsent=3, age_s=86_400)
    assert len(told(lead)) == 2
    assert len(told(a_lead(demonstration, "salford"))) == 1
    with demonstration.database.writing() as connection:
        people.close_account(connection, id_)
    assert "(account closed)" in told(lead)[0]
    beat(joan, status=401)


def test_a_visit_is_handed_in_by_whom_only_the_tablet_remembers_at_the_borough(demonstration):
    """An identity provider tells of today's borough alone, and what it told before is not kept."""
    joan = demonstration.tablet("bury")
    child = joan.read("/tablet/caseload")["children"][0]["patient"]["id"]
    visit = recorded(demonstration, child, "ad-hoc")
    beat(joan, unsent=1, age_s=60)
    with demonstration.database.writing() as connection:
        id_ = people.named(connection, "bury")
        connection.execute(account_borough.delete().where(account_borough.c.account == id_))
    handed_in(joan, *visit)


def test_a_shared_tablet_is_told_of_for_each_person(demonstration):
    beat(demonstration.tablet("bury"), unsent=1, age_s=60)
    beat(demonstration.tablet("salford"), unsent=2, age_s=60)
    with demonstration.database.reading() as connection:
        found = connection.execute(
            select(account.c.sign_in_name, tablet.c.unsent).join(account, account.c.id == tablet.c.account)
        ).all()
    assert sorted(found) == [("bury", 1), ("salford", 2)]


@pytest.mark.parametrize(
    "changed",
    [
        {"device": "x"}, {"build": "<script>"}, {"unsent": -1}, {"unsent": "1"}, {"unsent": 10**9},
        {"oldest_age_s": -1}, {"oldest_age_s": 10**12}, {"note": "Ada was poorly"},
    ],
)  # fmt: skip
def test_a_tablet_says_these_numbers_and_nothing_else(demonstration, changed):
    beat(demonstration.tablet("bury"), status=400, **changed)
    with demonstration.database.reading() as connection:
        assert connection.execute(select(tablet)).all() == []


def test_a_person_has_no_more_than_some_tablets(demonstration, monkeypatch):
    monkeypatch.setattr(devices, "MOST", 2)
    joan = demonstration.tablet("bury")
    kept = [str(uuid.uuid4()) for _ in range(2)]
    for device in kept:
        beat(joan, device=device)
    beat(joan, device=DEVICE, status=429)
    beat(joan, device=kept[0], unsent=1, age_s=1)
