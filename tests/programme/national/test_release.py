"""What of a quarter's indicators is withheld: no count of 1 to 7 comes back by adding and taking away."""

import random

import pytest

from healthvisit.programme.asq3 import DOMAINS
from healthvisit.programme.disclosure import ALL, SMALLEST_PUBLISHED
from healthvisit.programme.national.release import CODES, Tally, figures

FOUR = ["bolton", "bury", "oldham", "wigan"]
# A prime far above every count: elimination by it needs no fractions.
PRIME = 2**61 - 1
PARTS = {
    ("C2", "done"): {"visit": ("C2", "C3", "other", "unclear")},
    ("C8i", "done"): {"feeding": ("breastfed", "other", "unclear")},
    ("C6i", "done"): {"instrument": ("asq-3", "other", "unclear")},
    ("instrument", "asq-3"): {
        **{f"scored-{domain}": ("scored", "unscored") for domain in DOMAINS},
        "all-five": ("reached", "other"),
    },
    **{(f"scored-{domain}", "scored"): {domain: ("reached", "below")} for domain in DOMAINS},
}
COHORTS = ("C2", "C8i", "C4", "C5", "C6i")


def a_tally(**boroughs):
    """Every borough has 40 children of each cohort, reviewed in every way and found the same; `boroughs` says what is
    otherwise, by the class: bury={("visit", "C3"): 3} takes three from the first class of the table."""
    tally = Tally()
    for borough in FOUR:
        stated = boroughs.get(borough, {})
        for cohort in COHORTS:
            _fill(tally, borough, cohort, ("done", "not"), 40, stated)
    return tally


def _fill(tally, borough, table, classes, count, stated):
    for class_ in reversed(classes):
        own = count if class_ == classes[0] else stated.get((table, class_), 0)
        count -= own
        tally.counts[table, borough, class_] = own
        for part, its_classes in PARTS.get((table, class_), {}).items():
            _fill(tally, borough, part, its_classes, own, stated)


def shown(tally):
    return figures(tally, FOUR)


def test_nothing_is_withheld_where_nothing_is_small():
    found = shown(a_tally(bury={("C2", "not"): 10, ("visit", "C3"): 12}))
    assert (found["bury", "C2"].numerator, found["bury", "C2"].denominator) == (18, 40)
    assert found["bury", "C3"].numerator == 12
    assert (found[ALL, "C3"].numerator, found[ALL, "C3"].denominator) == (12, 160)


def test_three_late_visits_are_withheld_and_so_is_a_number_that_they_could_be_taken_from():
    found = shown(a_tally(bury={("visit", "C3"): 3}))
    # Bury's alone would be the sum less the other three.
    withheld = [each for each in (*FOUR, ALL) if found[each, "C3"].numerator is None]
    assert "bury" in withheld
    assert len(withheld) > 1


def test_a_borough_whose_reviews_are_withheld_shows_nothing_of_what_they_found():
    found = shown(a_tally(bury={("C6i", "not"): 3}))
    assert found["bury", "C6i"].numerator is None
    for code in CODES[CODES.index("C6ii") :]:
        assert (found["bury", code].numerator, found["bury", code].denominator) == (None, None)


def test_all_five_is_withheld_where_a_domain_of_the_borough_is():
    found = shown(a_tally(bury={("communication", "below"): 3, ("all-five", "other"): 9}))
    assert found["bury", "C6-communication"].numerator is None
    assert found["bury", "all-five"].numerator is None
    assert found[ALL, "all-five"].numerator is None


@pytest.mark.parametrize("seed", range(12))
def test_no_small_count_is_found_from_all_that_is_shown_by_adding_and_taking_away(seed):
    draw = random.Random(seed)
    stated = {
        borough: {
            (table, class_): draw.choice((0, 0, 0, 1, 2, 3, 5, 7, 8, 9))
            for parts in (*PARTS.values(), dict.fromkeys(COHORTS, ("done", "not")))
            for table, classes in parts.items()
            for class_ in classes[1:]
        }
        for borough in FOUR
    }
    # At most three classes of 9 are taken from 40: none is left below nothing.
    tally = a_tally(**stated)
    small = [key for key, count in tally.counts.items() if 0 < count < SMALLEST_PUBLISHED]
    assert small
    known = _Known(tally, shown(tally))
    assert [key for key in small if known.tells(key)] == []


class _Known:
    """What can be worked out of the counts from the figures, and from coverage beside them."""

    def __init__(self, tally, found):
        self.keys = sorted(tally.counts)
        self.rows = {}
        for borough in (*FOUR, ALL):
            of = FOUR if borough == ALL else [borough]
            for code in CODES:
                figure = found[borough, code]
                for shown_count, parts in zip(
                    (figure.numerator, figure.denominator, figure.unknown), _counted(code), strict=True
                ):
                    if shown_count is not None and parts:
                        self.learn([(table, each, class_) for each in of for table, class_ in parts])
            for class_ in ("done", "not"):
                self.learn([(cohort, each, class_) for each in of for cohort in COHORTS if cohort != "C4"])
        for (table, class_), parts in PARTS.items():
            for part, classes in parts.items():
                for borough in FOUR:
                    self.learn([(part, borough, each) for each in classes], [(table, borough, class_)])

    def learn(self, added, taken=()):
        row = self._left(added, taken)
        if row:
            pivot = min(row)
            scale = pow(row[pivot], -1, PRIME)
            self.rows[pivot] = {key: value * scale % PRIME for key, value in row.items()}

    def tells(self, key):
        return not self._left([key])

    def _left(self, added, taken=()):
        row = {}
        for sign, keys in ((1, added), (-1, taken)):
            for key in keys:
                row[key] = (row.get(key, 0) + sign) % PRIME
        done = set()
        while left := sorted(key for key in row if key in self.rows and key not in done):
            key = left[0]
            done.add(key)
            by = row[key]
            for each, value in self.rows[key].items():
                row[each] = (row.get(each, 0) - by * value) % PRIME
            row = {each: value for each, value in row.items() if value}
        return row


def _counted(code):
    """Table and class of what each figure of an indicator counts: numerator, denominator, unknown."""
    cohort = {"C3": "C2", "C8ii": "C8i"}.get(code, code)
    due = [(cohort, "done"), (cohort, "not")]
    match code:
        case "C2" | "C3":
            return [("visit", code)], due, [("visit", "unclear")]
        case "C8ii":
            return [("feeding", "breastfed")], due, [("feeding", "unclear"), ("C8i", "not")]
        case "C6ii":
            return [("instrument", "asq-3")], [("C6i", "done")], [("instrument", "unclear")]
        case "all-five":
            return [("all-five", "reached")], [], []
        case "C8i" | "C4" | "C5" | "C6i":
            return [(code, "done")], due, []
    domain = code.removeprefix("C6-")
    return [(domain, "reached")], [(f"scored-{domain}", "scored")], []
