"""A child moves from Bury to Salford while both boroughs are signed in, each on its own tablet."""

import re
from typing import NamedTuple

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import SIZES, is_wider_than_the_screen, violations
from tests.browser.test_story import PIN, open_tablet


class Child(NamedTuple):
    name: str
    number: str


def a_child(tablet: Page) -> Child:
    """The last of those who are overdue: no other test's."""
    tablet.locator("#list-overdue").click()
    row = tablet.locator("main .hv-list").last.locator("li").last
    number = re.search(r"NHS (\d{3} \d{3} \d{4})", row.inner_text())
    assert number, row.inner_text()
    return Child(row.locator(".hv-row__name").inner_text(), number[1])


def update(tablet: Page) -> None:
    """The health visitor asks her tablet for what is new."""
    with tablet.expect_response(lambda answer: answer.url.endswith("/tablet/caseload")):
        tablet.get_by_role("button", name="Update").click()


def moving(tablet: Page, child: Child) -> Locator:
    return tablet.get_by_role("region", name="Moving in and out").locator("li", has_text=child.number)


def carried(tablet: Page, child: Child) -> Locator:
    """The child among all of the caseload, as the search finds it."""
    tablet.get_by_role("link", name=re.compile("Search all")).click()
    tablet.locator("main input").first.fill(child.number)
    return tablet.locator("main li", has_text=child.number)


def back(tablet: Page) -> None:
    tablet.get_by_role("link", name="Today").first.click()
    expect(tablet.get_by_role("heading", level=1)).to_contain_text("Today")


def test_both_tablets_tell_where_a_child_is(browse):
    ours, theirs = open_tablet(browse, "bury"), open_tablet(browse, "salford")
    child = a_child(ours)

    # Before: on Bury's caseload, and on neither list.
    for tablet, count in ((ours, 1), (theirs, 0)):
        expect(moving(tablet, child)).to_have_count(0)
        expect(carried(tablet, child)).to_have_count(count)
        back(tablet)

    # Offered, on the page to which the list leads: both lists tell of it, and the child is Bury's still.
    page = ours.context.new_page()
    page.goto(f"{browse.address}/staff/moves")
    page.get_by_label("NHS number of the child").fill(child.number)
    page.get_by_label("To the service of").select_option(label="Salford")
    page.get_by_label("The family has moved").check(force=True)
    page.get_by_role("button", name="Offer the child").click()
    expect(page.get_by_role("alert")).to_contain_text("The child is offered")
    for tablet, words, count in (
        (ours, "Offered to Salford", 1),
        (theirs, "Offered to your team by Bury", 0),
    ):
        update(tablet)
        expect(moving(tablet, child)).to_contain_text(words)
        expect(moving(tablet, child)).to_contain_text(child.name)
        for width, height in SIZES.values():
            tablet.set_viewport_size({"width": width, "height": height})
            assert violations(tablet) == []
            assert not is_wider_than_the_screen(tablet)
        expect(carried(tablet, child)).to_have_count(count)
        back(tablet)

    # Accepted, by the link in the list: the child changes tablets, and neither list tells of it any more.
    moving(theirs, child).get_by_role("link").click()
    card = theirs.locator(".nhsuk-card", has_text=child.number)
    card.get_by_role("button", name=re.compile("Accept")).click()
    expect(theirs.get_by_role("alert")).to_contain_text("The child is accepted")
    other = theirs.context.new_page()
    other.goto(f"{browse.address}/tablet/")
    other.get_by_label("PIN", exact=True).fill(PIN)
    other.get_by_role("button", name="Unlock").click()
    expect(other.get_by_role("heading", level=1)).to_contain_text("Today")
    for tablet, count in ((ours, 0), (other, 1)):
        update(tablet)
        expect(moving(tablet, child)).to_have_count(0)
        expect(carried(tablet, child)).to_have_count(count)
        back(tablet)


def test_what_was_begun_for_a_child_whose_care_ended_is_told_and_kept(browse):
    parents = browse.signed_in("parent", "/parents/", "phone")
    # The parent's child is in another test.
    own = parents.get_by_role("heading", level=1).inner_text().split("’")[0]
    tablet = open_tablet(browse, "bury")
    rows = tablet.locator("main li", has_text="2 to 2½ year review").filter(has_not_text=own)
    number = re.search(r"NHS (\d{3} \d{3} \d{4})", rows.last.inner_text())
    child = Child(rows.last.locator(".hv-row__name").inner_text(), number[1])
    rows.last.get_by_role("link").click()
    tablet.get_by_role("link", name=re.compile("Record review.*2 to 2½ year")).click()
    tablet.locator("main fieldset:visible").first.get_by_role("radio").first.check(force=True)
    tablet.locator("main").get_by_role("button", name="Continue").click()
    tablet.goto(f"{browse.address}/tablet/#/")
    expect(tablet.get_by_role("region", name="Unfinished")).to_contain_text(f"Continue with {child.name}")

    lead = browse.signed_in("team-lead", "/staff/endings")
    lead.get_by_label("NHS number of the child").fill(child.number)
    lead.get_by_label("The child has started school").check(force=True)
    for part, value in (("Day", "15"), ("Month", "2"), ("Year", "2021")):
        lead.get_by_label(part, exact=True).fill(value)
    lead.get_by_role("button", name="Continue").click()
    expect(lead.locator("main")).to_contain_text(child.name)
    lead.get_by_role("button", name="End care").click()
    expect(lead.get_by_role("alert")).to_contain_text("Care has ended")

    update(tablet)
    unfinished = tablet.get_by_role("region", name="Unfinished").locator("li", has_text=child.name)
    expect(unfinished).to_contain_text("No longer on your caseload")
    expect(tablet.locator("main .hv-list").last.locator("li", has_text=child.number)).to_have_count(0)
    assert violations(tablet) == []
    unfinished.get_by_role("link").click()
    expect(tablet.locator("main")).to_contain_text("No longer on your caseload")
