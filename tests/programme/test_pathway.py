import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthvisit.programme.pathway import Event, Span, Window, standing

CASES = json.loads((Path(__file__).parent.parent / "cases" / "windows.json").read_text(encoding="utf-8"))

# The windows as their sources state them, apart from the files, which are held to these.
WINDOWS = {
    ("statutory-reviews", "antenatal"): Window(
        "antenatal", "Antenatal review", "conception", Span(weeks=28, days=1)
    ),
    ("statutory-reviews", "new-birth"): Window(
        "new-birth", "New birth visit", "birth", Span(days=1), Span(weeks=2)
    ),
    ("statutory-reviews", "six-to-eight-week"): Window(
        "six-to-eight-week", "6 to 8 week review", "birth", Span(weeks=6), Span(weeks=8)
    ),
    ("statutory-reviews", "one-year"): Window(
        "one-year", "1 year review", "birth", Span(months=9), Span(months=15)
    ),
    ("statutory-reviews", "two-year"): Window(
        "two-year", "2 to 2½ year review", "birth", Span(months=24), Span(months=30)
    ),
    ("gm-stages", "1"): Window(
        "1", "Stage 1: pre-birth", "conception", None, Span(weeks=12, days=6), closes_included=False
    ),
    ("gm-stages", "2"): Window("2", "Stage 2: new birth visit", "birth", Span(days=10), Span(days=14)),
    ("gm-stages", "3"): Window(
        "3", "Stage 3: two months", "birth", Span(months=1), Span(months=3), closes_included=False
    ),
    ("gm-stages", "4"): Window(
        "4", "Stage 4: nine months", "birth", Span(months=9), Span(months=10), closes_included=False
    ),
    ("gm-stages", "4b"): Window(
        "4b",
        "Stage 4b: 18 months, targeted",
        "birth",
        Span(months=17),
        Span(months=19),
        closes_included=False,
        targeted=True,
    ),
    ("gm-stages", "5"): Window("5", "Stage 5: two years", "birth", Span(months=23), Span(months=28, days=15)),
    ("gm-stages", "6"): Window("6", "Stage 6: entry to nursery", "setting"),
    ("gm-stages", "7"): Window("7", "Stage 7: entry to reception", "setting"),
    ("gm-stages", "8"): Window("8", "Stage 8: end of the early years foundation stage", "setting"),
}
EXTENSION = "https://healthvisit.example/fhir/StructureDefinition/window"

BORN = date(2019, 1, 1)
TWO_YEAR = WINDOWS["statutory-reviews", "two-year"]
ANTENATAL = WINDOWS["statutory-reviews", "antenatal"]

births = st.dates(date(2010, 1, 1), date(2030, 1, 1))
dated = st.sampled_from([window for window in WINDOWS.values() if window.anchor == "birth"])
outcomes = st.sampled_from(["completed", "declined", "no-access"])


def _names(cases):
    return [case["name"] for case in cases]


def _date(text):
    return None if text is None else date.fromisoformat(text)


def _span(edge):
    parts = {part["url"]: part["valueInteger"] for part in edge["extension"] if part["url"] != "included"}
    return Span(**parts)


def _from_file(action):
    [extension] = [each for each in action["extension"] if each["url"] == EXTENSION]
    edges = {each["url"]: each for each in extension["extension"]}
    included = [
        part["valueBoolean"]
        for part in edges.get("closes", {}).get("extension", ())
        if "valueBoolean" in part
    ]
    return Window(
        action["code"][0]["coding"][0]["code"],
        action["title"],
        edges["anchor"]["valueCode"],
        _span(edges["opens"]) if "opens" in edges else None,
        _span(edges["closes"]) if "closes" in edges else None,
        closes_included=all(included),
        targeted="targeted" in edges,
    )


@pytest.mark.parametrize("plan", ["statutory-reviews", "gm-stages"])
def test_plan_definitions_state_the_windows_of_their_sources(plan):
    path = Path(__file__).parent.parent.parent / "fhir" / "plandefinitions" / f"{plan}.json"
    found = [_from_file(action) for action in json.loads(path.read_text(encoding="utf-8"))["action"]]
    assert found == [window for (name, _), window in WINDOWS.items() if name == plan]


@pytest.mark.parametrize("case", CASES["windows"], ids=_names(CASES["windows"]))
def test_first_and_last_day_of_a_window(case):
    window = WINDOWS[case["plan"], case["code"]]
    born_on = date.fromisoformat(case["born_on"])
    assert window.first_on(born_on) == _date(case["from_on"])
    assert window.last_on(born_on) == _date(case["until_on"])
    day = timedelta(days=1)
    states = [
        standing(window, born_on, (), on, needs_found=True).state
        for on in (
            _date(case["from_on"]) - day,
            _date(case["from_on"]),
            _date(case["until_on"]),
            _date(case["until_on"]) + day,
        )
    ]
    assert states[0] == "not-yet"
    assert states[1] in ("open", "due")
    assert states[2:] == ["due", "overdue"]


@pytest.mark.parametrize("case", CASES["standings"], ids=_names(CASES["standings"]))
def test_how_a_review_stands(case):
    events = [Event(date.fromisoformat(event["on"]), event["outcome"]) for event in case["events"]]
    found = standing(TWO_YEAR, BORN, events, date.fromisoformat(case["on"]))
    assert (found.state, found.done_on) == (case["state"], _date(case.get("done_on")))
    assert (found.from_on, found.until_on) == (_date(case["from_on"]), _date(case["until_on"]))
    assert found.reason


@given(dated, births, st.integers(-10, 1500), st.lists(st.tuples(st.integers(0, 1500), outcomes), max_size=4))
def test_every_day_of_a_child_has_one_state_that_fits_its_dates(window, born_on, lived, tried):
    on = born_on + timedelta(days=lived)
    events = [Event(born_on + timedelta(days=day), outcome) for day, outcome in tried]
    found = standing(window, born_on, events, on, needs_found=True)
    first, last = found.from_on, found.until_on
    assert first is not None
    assert last is not None
    assert first <= last
    assert (found.done_on is not None) == found.state.startswith("done")
    match found.state:
        case "not-yet":
            assert on < first
        case "open":
            assert first <= on < last - timedelta(days=14)
        case "due":
            assert max(first, last - timedelta(days=14)) <= on <= last
        case "overdue" | "no-access":
            assert on > last
        case "done-on-time":
            assert first <= found.done_on <= min(last, on)
        case "done-late":
            assert last < found.done_on <= on
        case "done-early":
            assert found.done_on < first
            assert found.done_on <= on
        case state:
            assert state == "declined"


@given(dated, births, st.integers(0, 1500), st.lists(st.tuples(st.integers(0, 1500), outcomes), max_size=4))
def test_what_comes_later_does_not_change_how_a_review_stood(window, born_on, lived, tried):
    on = born_on + timedelta(days=lived)
    events = [Event(born_on + timedelta(days=day), outcome) for day, outcome in tried]
    known = [event for event in events if event.on <= on]
    assert standing(window, born_on, events, on) == standing(window, born_on, known, on)


@given(births)
def test_a_visit_at_ten_weeks_satisfies_stage_3_and_not_the_statutory_review(born_on):
    events = [Event(born_on + timedelta(weeks=10), "completed")]
    on = born_on + timedelta(weeks=20)
    statutory = standing(WINDOWS["statutory-reviews", "six-to-eight-week"], born_on, events, on)
    stage = standing(WINDOWS["gm-stages", "3"], born_on, events, on)
    assert (statutory.state, stage.state) == ("done-late", "done-on-time")


def test_a_visit_on_the_first_birthday_is_a_statutory_review_and_no_stage_4():
    events = [Event(date(2020, 1, 1), "completed")]
    on = date(2020, 6, 1)
    assert standing(WINDOWS["statutory-reviews", "one-year"], BORN, events, on).state == "done-on-time"
    assert standing(WINDOWS["gm-stages", "4"], BORN, events, on).state == "done-late"


def test_an_antenatal_review_not_recorded_does_not_apply_to_a_child_who_was_born():
    found = standing(ANTENATAL, BORN, (), BORN, pregnancy_began_on=BORN - timedelta(weeks=39))
    assert (found.state, found.reason) == ("not-applicable", "The child has been born.")


def test_an_antenatal_review_is_not_yet_until_28_weeks_and_1_day():
    began_on = date(2020, 6, 1)

    def state(weeks, days):
        on = began_on + timedelta(weeks=weeks, days=days)
        return standing(ANTENATAL, None, (), on, pregnancy_began_on=began_on).state

    assert [state(28, 0), state(28, 1), state(40, 0)] == ["not-yet", "open", "open"]


@pytest.mark.parametrize(
    ("weeks", "days", "state"), [(28, 0, "done-early"), (28, 1, "done-on-time"), (38, 6, "done-on-time")]
)
def test_an_antenatal_review_recorded_is_judged_by_the_weeks_of_pregnancy(weeks, days, state):
    began_on = BORN - timedelta(weeks=39)
    events = [Event(began_on + timedelta(weeks=weeks, days=days), "completed")]
    assert standing(ANTENATAL, BORN, events, BORN, pregnancy_began_on=began_on).state == state


def test_an_antenatal_review_of_a_pregnancy_of_unknown_length_is_done_without_a_judgement():
    events = [Event(date(2018, 11, 1), "completed")]
    found = standing(ANTENATAL, BORN, events, date(2020, 1, 1))
    assert (found.state, found.done_on) == ("done", date(2018, 11, 1))


def test_a_declined_antenatal_review_stays_declined_after_birth():
    events = [Event(date(2018, 11, 1), "declined")]
    assert standing(ANTENATAL, BORN, events, date(2020, 1, 1)).state == "declined"


def test_a_pregnancy_of_unknown_length_waits():
    assert standing(ANTENATAL, None, (), date(2020, 1, 1)).state == "not-yet"
    assert standing(TWO_YEAR, None, (), date(2020, 1, 1)).state == "not-yet"


def test_a_targeted_stage_applies_only_where_needs_were_found_or_it_was_done():
    stage = WINDOWS["gm-stages", "4b"]
    on = date(2020, 7, 20)
    assert standing(stage, BORN, (), on).state == "not-applicable"
    assert standing(stage, BORN, (), on, needs_found=True).state == "due"
    assert standing(stage, BORN, [Event(date(2020, 7, 1), "completed")], on).state == "done-on-time"


def test_entry_to_nursery_is_a_day_that_the_record_does_not_hold():
    stage = WINDOWS["gm-stages", "6"]
    assert standing(stage, BORN, (), date(2022, 1, 1)).state == "not-applicable"
    assert standing(stage, BORN, [Event(date(2022, 1, 1), "completed")], date(2022, 2, 1)).state == "done"


@pytest.mark.parametrize(("on", "state"), [("2021-01-31", "open"), ("2021-02-01", "not-applicable")])
def test_nothing_is_due_from_the_day_a_child_dies(on, state):
    found = standing(TWO_YEAR, BORN, (), date.fromisoformat(on), died_on=date(2021, 2, 1))
    assert found.state == state


def test_what_was_done_for_a_child_who_died_stays_told():
    events = [Event(date(2021, 1, 20), "completed")]
    found = standing(TWO_YEAR, BORN, events, date(2021, 3, 1), died_on=date(2021, 2, 1))
    assert found.state == "done-on-time"
