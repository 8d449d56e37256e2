"""A frozen number opens into its children for those who lead its borough's team, and for nobody else."""

from datetime import date

import pytest

from healthvisit.accounts import people
from healthvisit.record import audit
from tests.builders import BOROUGHS, NOW, a_requester
from tests.faces.layout.pages import PASSWORD, Browser, a_commissioner, a_parent, an_app, words_of
from tests.reviews.town import Town, a_row, a_score, seen

Q3 = "2020-21+Q3"
FROZEN_ON = date(2021, 2, 10)
BURY = BOROUGHS["bury"]
REVIEWED = seen("six-to-eight-week", "2020-10-08", fed="totally")


@pytest.fixture
def app(furnished, tmp_path):
    return an_app(furnished, tmp_path)


@pytest.fixture
def town(furnished, definitions):
    return Town(furnished, definitions)


def someone(database, role, *boroughs):
    name = "-".join((role, *boroughs))
    with database.writing() as connection:
        people.create_account(
            connection,
            role=role,
            name=name,
            sign_in_name=name,
            password=PASSWORD,
            boroughs=[BOROUGHS[borough] for borough in boroughs],
        )
    return name


@pytest.fixture
def lead(app, furnished):
    return Browser(app).signed_in(someone(furnished, "team-lead", "bury"))


def opened(browser, code, borough=BURY, quarter=Q3):
    return browser.get(f"/staff/figures/{borough}/{code}?quarter={quarter}")


def test_a_number_opens_into_the_children_who_count_and_who_do_not(town, lead):
    town.keep(*(a_row("2020-08-20", "bury", REVIEWED) for _ in range(10)))
    town.keep(*(a_row(f"2020-08-{day}", "bury") for day in range(11, 20)))
    town.keep(*(a_row("2020-08-20", "wigan", REVIEWED) for _ in range(10)))
    town.close(on=FROZEN_ON)
    said = words_of(opened(lead, "C8i").text)
    assert "As frozen on 10 February 2021: counted 10, of 19, share 52.6%." in said
    assert "You reach 19 children of this number today." in said
    assert "Not counted: 9 Counted: 10" in said
    # Who can still be visited stands first.
    assert said.index("Born 11 August 2020") < said.index("Born 20 August 2020")
    fed = words_of(opened(lead, "C8ii").text)
    assert "Not counted: something was not recorded: 9 Counted: 10" in fed


def test_a_count_opens_into_those_who_were_asked(town, lead):
    def scored(points):
        return {**seen("two-year", "2020-11-01"), **a_score(points)}

    town.keep(*(a_row("2018-05-20", "bury", scored(60)) for _ in range(9)))
    town.keep(
        a_row("2018-05-20", "bury", scored(0)), a_row("2018-05-20", "bury", seen("two-year", "2020-11-01"))
    )
    town.close(on=FROZEN_ON)
    page = opened(lead, "all-five").text
    assert "You reach 10 children of this number today." in words_of(page)
    assert "Not counted: 1 Counted: 9" in words_of(page)
    assert "invented" in words_of(page)


def test_a_child_who_has_left_since_is_not_among_them(town, lead):
    stays = [
        {"borough": BURY, "from": date(2020, 8, 20), "to": date(2021, 2, 12)},
        {"borough": BOROUGHS["salford"], "from": date(2021, 2, 12), "to": None},
    ]
    town.keep(*(a_row("2020-08-20", "bury", REVIEWED) for _ in range(10)))
    town.keep(*(a_row("2020-08-20", "bury", REVIEWED, stays=stays) for _ in range(2)))
    town.close(on=FROZEN_ON)
    said = words_of(opened(lead, "C8i").text)
    assert "counted 12, of 12" in said
    assert "You reach 10 children of this number today." in said


def test_who_leads_in_two_boroughs_opens_the_children_of_each_by_itself(app, town, furnished):
    town.keep(*(a_row("2020-08-20", "bury", REVIEWED) for _ in range(10)))
    town.keep(*(a_row("2020-08-20", "salford", REVIEWED) for _ in range(12)))
    town.close(on=FROZEN_ON)
    both = Browser(app).signed_in(someone(furnished, "team-lead", "bury", "salford"))
    said = words_of(both.get("/staff/figures").text)
    assert "Bury, October to December 2020" in said
    assert "Salford, October to December 2020" in said
    assert "You reach 10 children of this number today." in words_of(opened(both, "C8i").text)
    assert "You reach 12 children" in words_of(opened(both, "C8i", BOROUGHS["salford"]).text)


def test_the_indicators_of_the_own_borough_lead_to_their_children(town, lead):
    said = words_of(lead.get("/staff/figures").text)
    assert "No quarter has been closed yet." in said
    town.keep(*(a_row("2020-08-20", "bury", REVIEWED) for _ in range(10)))
    town.close(on=FROZEN_ON)
    page = lead.get("/staff/figures").text
    assert "Bury, October to December 2020 (2020-21 Q3)" in words_of(page)
    assert "Counted 10 Of 10 Share 100%" in words_of(page)
    assert "Wigan" not in words_of(page)
    assert page.count(f"/staff/figures/{BURY}/") == 14
    assert opened(lead, "C8i").status_code == 200


def test_only_those_who_lead_the_borough_open_its_numbers(app, town, furnished, lead):
    town.keep(*(a_row("2020-08-20", "bury", REVIEWED) for _ in range(10)))
    town.keep(*(a_row("2020-08-20", "salford", REVIEWED) for _ in range(10)))
    town.close(on=FROZEN_ON)
    for name in (
        a_commissioner(furnished),
        a_parent(furnished),
        someone(furnished, "health-visitor", "bury"),
        someone(furnished, "administrator", "bury"),
    ):
        browser = Browser(app).signed_in(name)
        for answer in (opened(browser, "C8i"), browser.get("/staff/figures")):
            assert answer.status_code == 403
            assert "Poppy" not in answer.text
    salford = Browser(app).signed_in(someone(furnished, "team-lead", "salford"))
    assert "Poppy" in opened(salford, "C8i", BOROUGHS["salford"]).text
    missing = [
        opened(salford, "C8i"),
        opened(lead, "C8i", BOROUGHS["salford"]),
        opened(lead, "C1"),
        opened(lead, "digitisation"),
        opened(lead, "C8i", "E08000035"),
        opened(lead, "C8i", quarter="2019-20+Q1"),
        opened(lead, "C8i", quarter="x"),
        lead.get(f"/staff/figures/{BURY}/C8i"),
    ]
    assert {answer.status_code for answer in missing} == {404}
    assert all("Poppy" not in answer.text for answer in missing)


def test_that_a_child_was_listed_is_told_to_whoever_asks_who_saw_it(town, furnished, lead):
    town.keep(*(a_row("2020-08-20", "bury", REVIEWED) for _ in range(10)))
    town.close(on=FROZEN_ON)
    with town.opened(a_requester("service")) as record:
        child = next(iter(record.each("Patient", []))).id
    assert opened(lead, "C8i").status_code == 200
    found = audit.who_saw(furnished, a_requester("service"), child, at=NOW)
    assert "team-lead" in {each.role for each in found}
