"""Given a window and what was done: not yet, open, due, overdue, done, declined.

A window table is data (fhir/plandefinitions). The statutory clock and the Greater Manchester stage clock are
two tables, and every window is judged by itself: a visit at seven weeks and five days satisfies the statutory
6 to 8 week review and stage 3, a visit at ten weeks only stage 3.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from healthvisit.programme.dates import add_months

Anchor = Literal["birth", "conception", "setting"]
Outcome = Literal["completed", "declined", "no-access"]
State = Literal[
    "not-yet", "open", "due", "overdue",
    "done-on-time", "done-late", "done-early", "done",
    "declined", "no-access", "not-applicable",
]  # fmt: skip

# Our proposal: no source says from when an open review presses; a fortnight is one round of planning.
DUE_SOON_DAYS = 14


@dataclass(frozen=True)
class Span:
    """A length of time after an anchor: months first, clamped to the month's end, then weeks and days."""

    months: int = 0
    weeks: int = 0
    days: int = 0

    def after(self, anchor_on: date) -> date:
        return add_months(anchor_on, self.months) + timedelta(weeks=self.weeks, days=self.days)


@dataclass(frozen=True)
class Window:
    """When one review or stage can be done.

    code: of the review or stage. title: its name.
    anchor: birth; conception (the start of the pregnancy as gestation is counted); or setting (a day that the
    record does not hold, such as entry to nursery).
    opens, closes: None where the source gives no such edge.
    closes_included: whether the day that `closes` leads to is still inside, or only the day before it.
    The field writes "9 months 30 days" for the day before turning ten months: closes 10 months, not included.
    targeted: only for a child with needs found earlier.
    """

    code: str
    title: str
    anchor: Anchor
    opens: Span | None = None
    closes: Span | None = None
    closes_included: bool = True
    targeted: bool = False

    def first_on(self, anchor_on: date) -> date | None:
        return None if self.opens is None else self.opens.after(anchor_on)

    def last_on(self, anchor_on: date) -> date | None:
        """The last day on which the review is in its window; None where the window has no stated end."""
        if self.closes is None:
            return None
        day = self.closes.after(anchor_on)
        return day if self.closes_included else day - timedelta(days=1)


@dataclass(frozen=True)
class Event:
    """One attempt at a review: the civil date of the contact, and how it ended."""

    on: date
    outcome: Outcome


@dataclass(frozen=True)
class Standing:
    """How one review stands on a day.

    reason: one plain sentence without personal data.
    from_on, until_on: first and last day it can be done in its window; None where the window has no such
    edge, or its anchor is not known. done_on: day of the completed review that gives the state.

    States: not-yet, open, due (open, with at most 14 days left), overdue (the window passed, nothing
    recorded); done-on-time, done-late, done-early (completed only before the window, which the window's rule
    does not count), done (completed, and the window cannot be tested); declined; no-access (tried, and the
    window passed); not-applicable.
    """

    code: str
    state: State
    reason: str
    from_on: date | None = None
    until_on: date | None = None
    done_on: date | None = None


def standing(
    window: Window,
    born_on: date | None,
    events: Iterable[Event],
    on: date,
    *,
    pregnancy_began_on: date | None = None,
    died_on: date | None = None,
    ended_on: date | None = None,
    needs_found: bool = False,
) -> Standing:
    """How a review stands on a day, from what was known by that day.

    born_on: None for a child not yet born. events: of this review only, in any order; later ones than `on`
    are left out. pregnancy_began_on: the day from which gestation is counted (birth date less gestation at
    birth), None if unknown. ended_on: from which day no service cares for the child. needs_found: needs found
    at an earlier stage, which is what makes a targeted stage apply. Source: regulation 5A, SI 2015/921 (offered
    once in each period); domain facts 2.1, 1.3. Our choices: a refusal stands until a completed review is
    recorded; a visit without access leaves the review open while its window lasts.
    """
    known = sorted((event for event in events if event.on <= on), key=lambda event: event.on)
    completed = [event.on for event in known if event.outcome == "completed"]
    anchor_on = {"birth": born_on, "conception": pregnancy_began_on, "setting": None}[window.anchor]
    first = None if anchor_on is None else window.first_on(anchor_on)
    last = None if anchor_on is None else window.last_on(anchor_on)
    if window.anchor == "conception" and last is None and born_on is not None:
        last = born_on

    def stands(state: State, reason: str, done_on: date | None = None) -> Standing:
        return Standing(window.code, state, reason, first, last, done_on)

    if completed:
        return stands(*_done(completed, first, last, tested=anchor_on is not None))
    if died_on is not None and died_on <= on:
        return stands("not-applicable", "The child has died.")
    if ended_on is not None and ended_on <= on:
        return stands("not-applicable", "Care has ended.")
    if known and known[-1].outcome == "declined":
        return stands("declined", "The family declined.")
    if window.anchor == "setting":
        return stands("not-applicable", "It depends on a day that this record does not hold.")
    if window.anchor == "conception" and born_on is not None and born_on <= on:
        return stands("not-applicable", "The child has been born.")
    if window.targeted and not needs_found:
        return stands("not-applicable", "Only for a child with needs found earlier.")
    if anchor_on is None:
        return stands("not-yet", "The day it is counted from is not known yet.")
    if first is not None and on < first:
        return stands("not-yet", "Its window has not opened.")
    if last is not None and on > last:
        if known:
            return stands("no-access", "Tried without access, and its window has passed.")
        return stands("overdue", "Its window has passed.")
    tried = "Tried without access; its window is open." if known else "Its window is open."
    if last is not None and (last - on).days <= DUE_SOON_DAYS:
        return stands("due", tried)
    return stands("open", tried)


def _done(
    completed: Sequence[date], first: date | None, last: date | None, *, tested: bool
) -> tuple[State, str, date]:
    """State, reason and day. A review inside the window is told before a late one, a late one before an early
    one."""
    if not tested:
        return "done", "Completed; its window cannot be tested.", completed[0]
    not_early = [day for day in completed if first is None or day >= first]
    if not not_early:
        return "done-early", "Completed before its window opened.", completed[-1]
    day = not_early[0]
    if last is not None and day > last:
        return "done-late", "Completed after its window.", day
    return "done-on-time", "Completed in its window.", day
