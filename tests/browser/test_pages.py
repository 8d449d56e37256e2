"""Every page is usable on a phone, a tablet and a desktop, and breaks no rule of axe."""

import pytest

from tests.browser.conftest import SIZES, is_wider_than_the_screen, violations
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
    for path in ("/commissioning/", "/commissioning/boroughs/E08000002", "/commissioning/?quarter=never"):
        page.goto(f"{browse.address}{path}")
        assert violations(page) == [], path
        assert not is_wider_than_the_screen(page), path


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
