"""Every page is usable on a phone, a tablet and a desktop, and breaks no rule of axe."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SIZES, is_wider_than_the_screen, violations
from tests.browser.test_moves import a_child
from tests.browser.test_story import open_child_with_two_year_review, open_tablet

OPEN = ("/", "/sign-in", "/accessibility", "/no-such-page")


@pytest.mark.parametrize("size", SIZES)
def test_pages_that_are_open_to_all(browse, size):
    page = browse.page(size)
    for path in OPEN:
        page.goto(f"{browse.address}{path}")
        assert violations(page) == [], path
        assert not is_wider_than_the_screen(page), path


@pytest.mark.parametrize("size", SIZES)
def test_the_parents_page(browse, size):
    page = browse.signed_in("parent", "/parents/", size)
    assert violations(page) == []
    assert not is_wider_than_the_screen(page)


@pytest.mark.parametrize("size", SIZES)
def test_the_commissioners_pages(browse, size):
    page = browse.signed_in("commissioner", "/commissioning/", size)
    for path in (
        "/commissioning/",
        "/commissioning/boroughs/E08000002",
        "/commissioning/reviews/two-year",
        "/commissioning/?quarter=never",
        "/commissioning/indicators",
        "/commissioning/indicators/C6i",
        # Where nothing can be told, the cells are widest.
        "/commissioning/indicators/C1",
    ):
        page.goto(f"{browse.address}{path}")
        assert violations(page) == [], path
        assert not is_wider_than_the_screen(page), path


@pytest.mark.parametrize("size", SIZES)
def test_the_pages_of_those_who_lead(browse, size):
    page = browse.signed_in("team-lead", "/staff/moves", size)
    for path in ("moves", "open", "openings", "openings/refused", "endings", "imports", "figures"):
        page.goto(f"{browse.address}/staff/{path}")
        assert violations(page) == [], path
        assert not is_wider_than_the_screen(page), path
    # As they stand when nothing was filled in, or what was cannot be done.
    for path, button in (("moves", "Offer the child"), ("open", "Open the record"), ("endings", "Continue")):
        page.goto(f"{browse.address}/staff/{path}")
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
        assert violations(page) == [], path
        assert not is_wider_than_the_screen(page), path


@pytest.mark.parametrize("size", SIZES)
def test_what_would_be_done_is_shown_before_care_ends(browse, size):
    page = browse.signed_in("team-lead", "/staff/endings", size)
    page.get_by_label("NHS number of the child").fill(a_child(open_tablet(browse, "bury")).number)
    page.get_by_label("The child has died").check(force=True)
    for part, value in (("Day", "15"), ("Month", "2"), ("Year", "2021")):
        page.get_by_label(part, exact=True).fill(value)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check before care ends")
    assert violations(page) == []
    assert not is_wider_than_the_screen(page)


def test_the_tablets_screens(browse):
    page = open_tablet(browse, "salford")
    assert violations(page) == []
    open_child_with_two_year_review(page)
    for size in SIZES.values():
        page.set_viewport_size({"width": size[0], "height": size[1]})
        assert violations(page) == []
        assert not is_wider_than_the_screen(page)
    page.get_by_role("link", name="Record review").first.click()
    for size in SIZES.values():
        page.set_viewport_size({"width": size[0], "height": size[1]})
        assert violations(page) == []
        assert not is_wider_than_the_screen(page)
