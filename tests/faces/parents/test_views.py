import re
from datetime import timedelta

import pytest

from healthvisit.faces.parents.views import NEWEST_DAYS
from healthvisit.record import record as the_record
from healthvisit.reviews import arrival
from tests import builders
from tests.builders import a_child
from tests.faces.layout.pages import Browser, a_commissioner, a_parent, an_app, words_of

ZONES = {"communication": ("not-yet",) * 6, "gross-motor": ("yes",) * 6}


@pytest.fixture
def app(furnished, tmp_path):
    return an_app(furnished, tmp_path)


def a_visit_of(child, database, definitions, *, released):
    """A two-year review as a tablet sends it, with the server's scores."""
    urn = builders.a_urn()
    bundle = builders.a_transaction(
        builders.an_entry(
            builders.an_encounter(child.reference, episode=f"EpisodeOfCare/{child.made['episode']}"),
            full_url=urn,
        ),
        builders.an_entry(builders.a_response(child.reference, urn, asq3=ZONES, released=released)),
    )
    with the_record.opened(
        database, builders.a_requester("service"), definitions=definitions, at=builders.NOW, writing=True
    ) as record:
        record.transact(arrival.complete(bundle, definitions))


def said_to_a_parent(app, database, child):
    browser = Browser(app).signed_in(a_parent(database, child.id))
    return words_of(browser.get(f"/parents/children/{child.id}").text)


def test_a_parent_of_one_child_is_led_straight_to_the_child(app, furnished, definitions):
    child = a_child().kept_in(furnished, definitions)
    answer = Browser(app).signed_in(a_parent(furnished, child.id)).get("/parents/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/parents/children/{child.id}"


def test_a_parent_of_two_children_chooses(app, furnished, definitions):
    poppy = a_child().kept_in(furnished, definitions)
    rose = a_child(family="Barlow").kept_in(furnished, definitions)
    page = Browser(app).signed_in(a_parent(furnished, poppy.id, rose.id)).get("/parents/")
    for child in (poppy, rose):
        assert f"/parents/children/{child.id}" in page.text


def test_a_parent_whose_access_ended_sees_no_child(app, furnished):
    page = Browser(app).signed_in(a_parent(furnished)).get("/parents/")
    assert "No child’s record is open to you." in words_of(page.text)


def test_a_parent_sees_what_comes_next_and_what_was_done(app, furnished, definitions):
    child = a_child().with_review("new-birth", on="2019-01-26").kept_in(furnished, definitions)
    said = said_to_a_parent(app, furnished, child)
    assert "Poppy Ashworth’s progress 2 years and 1 month old" in said
    assert "2 to 2½ year review It can be done now, until 15 July 2021." in said
    assert "New birth visit Done Done on 26 January 2019." in said


def test_a_released_result_is_told_strengths_first_and_words_before_numbers(app, furnished, definitions):
    child = a_child().kept_in(furnished, definitions)
    a_visit_of(child, furnished, definitions, released=True)
    said = said_to_a_parent(app, furnished, child)
    well, look, number = (
        said.index(each)
        for each in ("Your child is doing well at:", "look more closely", "added up, from 0 to 60")
    )
    assert well < look < number
    assert "These questions were made up" in said
    assert "weight was 12.40 kg" in said


def test_an_unreleased_result_is_as_if_it_were_not_there(app, furnished, definitions):
    bare = a_child(family="Ashworth").with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    with_result = a_child(family="Ashworth").kept_in(furnished, definitions)
    a_visit_of(with_result, furnished, definitions, released=False)
    one = Browser(app).signed_in(a_parent(furnished, bare.id, name="one"))
    other = Browser(app).signed_in(a_parent(furnished, with_result.id, name="other"))
    assert _told(one.get(f"/parents/children/{bare.id}")) == _told(
        other.get(f"/parents/children/{with_result.id}")
    )


def _told(answer):
    """The page without the form's own token, which is another one for each browser, and the child's own address."""
    assert answer.status_code == 200
    return re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text).replace(answer.request.path, "")


def test_somebody_elses_child_and_no_child_at_all_give_the_same_page(app, furnished, definitions):
    own = a_child().kept_in(furnished, definitions)
    other = a_child(family="Barlow").kept_in(furnished, definitions)
    browser = Browser(app).signed_in(a_parent(furnished, own.id))
    answers = [
        browser.get(f"/parents/children/{id_}")
        for id_ in (other.id, "01a20871-0000-7000-8000-000000000000", "never-was", "a" * 200, "x%00y")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({_told_of_404(answer) for answer in answers}) == 1


def _told_of_404(answer):
    return re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text)


def a_staff_member_reads(child, database, definitions, *, on):
    with the_record.opened(database, builders.a_requester(), definitions=definitions, at=on) as record:
        record.read("Patient", child.id)


def test_a_parent_reads_who_has_looked_and_older_days_are_folded_away(app, furnished, definitions):
    child = a_child().kept_in(furnished, definitions)
    browser = Browser(app).signed_in(a_parent(furnished, child.id))
    address = f"/parents/children/{child.id}"
    assert f'href="{address}/seen"' in browser.get(address).text
    assert "Nobody has looked yet." in words_of(browser.get(f"{address}/seen").text)
    for days in range(NEWEST_DAYS + 1):
        a_staff_member_reads(child, furnished, definitions, on=builders.NOW - timedelta(days=days))
    page = browser.get(f"{address}/seen").text
    newest, earlier = page.split("Show earlier days")
    assert newest.count("Your health visiting team") == NEWEST_DAYS
    assert earlier.count("Your health visiting team") == 1
    assert "E08000002" not in page


def test_who_looked_at_somebody_elses_child_is_as_if_it_were_no_child(app, furnished, definitions):
    own = a_child().kept_in(furnished, definitions)
    other = a_child(family="Barlow").kept_in(furnished, definitions)
    a_staff_member_reads(other, furnished, definitions, on=builders.NOW)
    browser = Browser(app).signed_in(a_parent(furnished, own.id))
    answers = [browser.get(f"/parents/children/{id_}/seen") for id_ in (other.id, "never-was", "x%00y")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({_told_of_404(answer) for answer in answers}) == 1


def test_a_name_that_looks_like_html_is_text(app, furnished, definitions):
    child = a_child(family="<script>alert(1)</script>").kept_in(furnished, definitions)
    page = Browser(app).signed_in(a_parent(furnished, child.id)).get(f"/parents/children/{child.id}")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text


@pytest.mark.parametrize("address", ["/parents/", "/parents/children/x", "/parents/children/x/seen"])
def test_only_a_parent_enters(app, furnished, address):
    assert Browser(app).get(address).status_code == 303
    assert Browser(app).signed_in(a_commissioner(furnished)).get(address).status_code == 403
