"""The whole story: a health visitor records a review with no signal, a parent sees it, and Bury's figure moves by it."""

import csv
import io
import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import reference, sign_in, violations

QUARTER = "2020-21 Q4"
PIN = "246810"


def open_tablet(browse, name: str) -> Page:
    page = browse.page("tablet")
    page.goto(f"{browse.address}/tablet/")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/sign-in**")
    sign_in(page, name)
    page.get_by_label("PIN", exact=True).fill(PIN)
    page.get_by_label("The same PIN again").fill(PIN)
    page.get_by_role("button", name="Save PIN").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Today")
    return page


def open_child_with_two_year_review(page: Page) -> None:
    page.locator("main li", has_text="2 to 2½ year review").first.get_by_role("link").first.click()
    page.get_by_role("link", name="Record review").first.wait_for()


def carry_on(page: Page) -> None:
    page.locator("main").get_by_role("button", name="Continue").click()


def record_two_year_review(page: Page) -> None:
    """All sixteen steps, with one domain of "not yet" throughout."""
    page.get_by_role("link", name=re.compile("Record review.*2 to 2½ year")).click()
    steps = []
    while True:
        heading = page.get_by_role("heading", level=1).inner_text()
        if "Check your answers" in heading:
            break
        assert not steps or steps[-1] != heading, f"stuck at {heading}"
        steps.append(heading)
        answer = "Not yet" if "Gross motor" in heading else None
        for group in page.locator("main fieldset:visible").all():
            choices = group.get_by_role("radio")
            if choices.count():
                assert group.locator("input:checked").count() == 0, (
                    "an answer was given before anyone gave it"
                )
                (group.get_by_label(answer, exact=True) if answer else choices.first).check(force=True)
        for label, value in (("Weight", "12.35"), ("Height", "86.5")):
            field = page.locator("main").get_by_label(label, exact=False)
            if field.count() and field.first.is_visible():
                field.first.fill(value)
        # What an answer asks for besides, such as to whom a referral was made.
        for words in page.locator("main textarea:visible").all():
            words.fill("As agreed.")
        carry_on(page)
        page.wait_for_function("h => document.querySelector('h1').innerText !== h", arg=heading)
    assert len(steps) == 15, steps


def published(page: Page, address: str, area: str) -> dict[str, str]:
    text = page.request.get(f"{address}/commissioning/digitisation.csv").text()
    rows = csv.DictReader(io.StringIO(text))
    return next(row for row in rows if (row["quarter"], row["area"], row["review"]) == (QUARTER, area, "all"))


def test_one_review_from_the_tablet_to_the_percentage(browse, served):
    commissioner = browse.signed_in("commissioner", "/commissioning/", "desktop")
    served.run("close-quarter", QUARTER)
    before = published(commissioner, browse.address, "Bury")
    parent = browse.signed_in("parent", "/parents/", "phone")
    child = parent.get_by_role("heading", level=1).inner_text().split("’")[0]
    assert "12.35" not in parent.locator("main").inner_text()

    tablet = open_tablet(browse, "bury")
    tablet.context.set_offline(True)
    tablet.get_by_role("link", name=child).click()
    record_two_year_review(tablet)
    tablet.get_by_role("button", name="Confirm and send").click()
    expect(tablet.get_by_role("heading", level=1)).to_contain_text("waiting to send")
    assert "Received" not in tablet.locator("main").inner_text()

    tablet.context.set_offline(False)
    expect(tablet.get_by_role("heading", level=1)).to_contain_text("Received", timeout=15_000)
    shown = tablet.locator("main")
    expect(shown).to_contain_text("0 of 60")
    expect(shown).to_contain_text("Below")
    assert reference(shown.inner_text())

    # How the child grows stands on its page, read by the charts that came with the tablet.
    tablet.goto(f"{browse.address}/tablet/")
    if tablet.get_by_label("PIN", exact=True).count():
        tablet.get_by_label("PIN", exact=True).fill(PIN)
        tablet.get_by_role("button", name="Unlock").click()
    tablet.get_by_role("link", name=child).first.click()
    expect(tablet.get_by_role("heading", name="Growth")).to_be_visible(timeout=15_000)
    expect(tablet.locator("main .hv-growing").last).to_contain_text("Weight on 1")
    expect(tablet.locator("main .hv-growing").last).to_contain_text("centile")
    assert violations(tablet) == []

    parent.reload()
    seen = parent.locator("main")
    expect(seen).to_contain_text("12.35")
    expect(seen).to_contain_text("These questions were made up")
    expect(seen).to_contain_text("Done on 1")

    assert published(commissioner, browse.address, "Bury") == before
    served.run("close-quarter", QUARTER)
    after = published(commissioner, browse.address, "Bury")
    assert int(after["recorded_digitally"]) == int(before["recorded_digitally"]) + 1
    assert int(after["reviews_done"]) == int(before["reviews_done"]) + 1
    commissioner.reload()
    row = commissioner.get_by_role("row", name="Bury")
    expect(row.first).to_contain_text(after["recorded_digitally"])


def test_a_tablet_that_dies_in_the_middle_opens_at_the_same_question(browse):
    tablet = open_tablet(browse, "salford")
    open_child_with_two_year_review(tablet)
    tablet.get_by_role("link", name="Record review").first.click()
    tablet.locator("main fieldset:visible").first.get_by_role("radio").first.check(force=True)
    at = tablet.get_by_role("heading", level=1).inner_text()
    address = tablet.url

    again = tablet.context.new_page()
    tablet.close()
    tablet.context.set_offline(True)
    again.goto(address)
    again.get_by_label("PIN", exact=True).fill(PIN)
    again.get_by_role("button", name="Unlock").click()

    expect(again.get_by_role("heading", level=1)).to_have_text(at)
    assert again.locator("main fieldset:visible").first.locator("input:checked").count() == 1
    again.context.set_offline(False)
