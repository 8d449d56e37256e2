"""The national indicators from the rows of the record: tests/oracle, which shares no code with them, counts them too."""

import random
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from healthvisit.definitions import CANONICAL
from healthvisit.programme import disclosure
from healthvisit.programme.boroughs import BOROUGHS as TEN
from healthvisit.programme.dates import Quarter
from healthvisit.record import record as the_record
from healthvisit.reviews import national
from tests.builders import (
    BOROUGHS,
    DOMAINS,
    FORMS,
    a_patient,
    a_requester,
    a_transaction,
    a_urn,
    an_encounter,
    an_entry,
    an_episode,
    code_of,
    extension,
)
from tests.oracle import indicators as oracle
from tests.oracle import rows

Q3 = Quarter.parse("2020-21 Q3")
SLUGS = {gss: slug for slug, gss in BOROUGHS.items()}
# After everything that the rows tell of.
LATER = datetime(2027, 6, 1, 9, tzinfo=UTC)
VISITED = {"face-to-face": "HH", "remote": "VR", "unknown": "AMB"}
WHO = {"health-visitor": "scphn", "other": "nursery-nurse"}


class Town:
    """A record of rows as tests/oracle/rows.py has them, and what is frozen of it."""

    def __init__(self, database, definitions):
        self.database, self.definitions = database, definitions
        self.children = []
        self.minutes = 0

    def opened(self, requester, *, at=LATER, writing=False):
        return the_record.opened(
            self.database, requester, definitions=self.definitions, at=at, writing=writing
        )

    def keep(self, *children, at=LATER):
        for child in children:
            self.children.append(child)
            with self.opened(a_requester("service"), writing=True, at=at) as record:
                record.transact(a_transaction(*_entries(child)))

    def close(self, quarter=Q3, on=None, **options):
        self.minutes += 1
        on = on or LATER.date()
        at = datetime(on.year, on.month, on.day, 9, self.minutes, tzinfo=UTC)
        with self.opened(a_requester("service"), writing=True, at=at) as record:
            national.close(record, quarter, on=on, **options)

    def frozen(self, code, borough="bury", quarter=Q3):
        """An indicator as a commissioner reads it."""
        with self.opened(a_requester("commissioner")) as record:
            return next(
                each
                for each in national.of_quarter(record, quarter)
                if (each.code, each.borough) == (code, borough)
            )

    def counts(self, code, borough="bury", quarter=Q3):
        figure = self.frozen(code, borough, quarter).figure
        return figure.numerator, figure.denominator


def a_row(born="2020-09-20", borough="bury", *contacts, died=None, stays=None):
    """One child as a raw row. contacts: `seen`."""
    born = date.fromisoformat(born)
    return {
        "born": born,
        "died": died,
        "stays": stays or [{"borough": BOROUGHS[borough], "from": born, "to": None}],
        "contacts": list(contacts),
    }


def seen(kind="new-birth", on="2020-10-01", **of):
    return {
        "kind": kind, "on": date.fromisoformat(on), "result": "completed", "how": "face-to-face",
        "who": "health-visitor", "fed": "unknown", "tool": None, "sheet": None, "scores": {}, **of,
    }  # fmt: skip


def a_score(points=60, sheet="24", **domains):
    return {
        "tool": "asq-3",
        "sheet": sheet,
        "scores": {domain: Decimal(domains.get(domain.replace("-", "_"), points)) for domain in DOMAINS},
    }


def _entries(row):
    child = a_urn()
    patient = a_patient(born=str(row["born"]))
    if row["died"]:
        patient["deceasedDateTime"] = str(row["died"])
    yield an_entry(patient, full_url=child)
    for stay in row["stays"]:
        until = stay["to"] and str(stay["to"])
        yield an_entry(an_episode(child, borough=SLUGS[stay["borough"]], start=str(stay["from"]), end=until))
    for contact in row["contacts"]:
        yield from _contact(child, contact)


def _contact(child, contact):
    encounter = a_urn()
    body = an_encounter(child, review=contact["kind"], on=str(contact["on"]), outcome=contact["result"])
    body["class"]["code"] = VISITED[contact["how"]]
    left = {"place"} if contact["how"] != "face-to-face" else set()
    body["extension"] = [
        each
        for each in body["extension"]
        if each["url"].rpartition("/")[2] not in {"practitioner-type", *left}
    ]
    if contact["who"] in WHO:
        type_ = code_of("practitioner-type", WHO[contact["who"]])
        body["extension"].append(extension("practitioner-type", valueCoding=type_))
    yield an_entry(body, full_url=encounter)
    if contact["result"] != "completed":
        return
    about = {
        "status": "final",
        "subject": {"reference": child},
        "encounter": {"reference": encounter},
        "effectiveDateTime": f"{contact['on']}T10:00:00Z",
    }
    if contact["kind"] == "six-to-eight-week":
        fed = {"coding": [code_of("feeding-status", contact["fed"])]}
        code = {"coding": [code_of("observation-code", "feeding-status")]}
        yield an_entry({"resourceType": "Observation", "code": code, "valueCodeableConcept": fed, **about})
    if contact["tool"] == "asq-3":
        components = [
            {
                "code": {"coding": [code_of("domain", domain)]},
                "valueQuantity": {"value": points, "unit": "points"},
            }
            for domain, points in contact["scores"].items()
        ]
        score = {
            "resourceType": "Observation",
            "code": {"coding": [code_of("observation-code", "practice-instrument")]},
            **({"component": components} if components else {}),
            **about,
        }
        yield an_entry(score)
        if contact["sheet"]:
            yield an_entry(_form(child, encounter, contact))


def _form(child, encounter, contact):
    chosen = {"linkId": "asq3-form", "answer": [{"valueCoding": code_of("asq3-form", contact["sheet"])}]}
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{CANONICAL}/Questionnaire/two-year-review|{FORMS['two-year-review']}",
        "status": "completed",
        "subject": {"reference": child},
        "encounter": {"reference": encounter},
        "authored": f"{contact['on']}T10:45:00Z",
        "item": [{"linkId": "asq3", "item": [chosen]}],
    }


@pytest.fixture
def town(furnished, definitions):
    return Town(furnished, definitions)


@pytest.fixture
def everything_shown(monkeypatch):
    """No count is small: for what is counted, not for what is withheld."""
    monkeypatch.setattr(disclosure, "SMALLEST_PUBLISHED", 1)


def _recordable(row):
    """A random row without what this record has no code for, or does not take."""
    contacts = [
        {
            **contact,
            "who": "health-visitor" if contact["who"] == "family-nurse" else contact["who"],
            "tool": None if contact["tool"] == "other" else contact["tool"],
        }
        for contact in row["contacts"]
        if contact["on"] >= row["born"] and not (row["died"] and contact["on"] > row["died"])
    ]
    stays = [stay for stay in row["stays"] if stay["to"] != stay["from"]]
    return {**row, "contacts": contacts, "stays": stays}


def test_what_is_frozen_from_the_rows_is_what_the_second_count_makes_of_them(
    town, definitions, everything_shown
):
    draw = random.Random(7)
    # Born so that the quarters below ask for them; the days on which rules are usually wrong are among them.
    known = [
        each for each in rows.children(3000, 2021) if date(2018, 3, 1) <= each["born"] <= date(2020, 12, 31)
    ]
    town.keep(*(_recordable(each) for each in draw.sample(known, 260)))
    limits = {
        (form, domain): Decimal(content["cut_off"])
        for form, each in definitions.pack["forms"].items()
        for domain, content in each["domains"].items()
    }
    compared = {"share": 0, "none": 0}
    for name in ("2019-20 Q4", "2020-21 Q3", "2021-22 Q2"):
        quarter = Quarter.parse(name)
        town.close(quarter)
        for borough in TEN:
            told = oracle.count(town.children, [], borough.gss, quarter.year, quarter.number, limits)
            for code, expected in told.items():
                if code in ("C1", "C7"):
                    continue
                figure = town.frozen(code, borough.slug, quarter).figure
                match expected:
                    case ("share", of, counted, _):
                        assert (figure.numerator, figure.denominator) == (counted, of), (name, borough, code)
                    case ("none", "no-denominator", counted):
                        assert (figure.numerator, figure.reason) == (counted, "a-count")
                    case ("none", why, _):
                        assert figure.reason == why, (name, borough, code)
                compared[expected[0]] += figure.numerator != 0
    # A record in which nothing was ever counted would agree too.
    assert compared["share"] > 50
    assert compared["none"]


def test_what_the_record_cannot_say_is_not_assessable(town):
    town.keep(*(a_row("2020-09-20", "bury", seen()) for _ in range(10)))
    town.close()
    assert town.frozen("C1").figure.reason == "no-mothers-record"
    assert town.frozen("C1", None).figure.rate is None
    town.close(Quarter.parse("2021-22 Q1"), on=date(2021, 5, 1))
    assert town.frozen("C8ii", quarter=Quarter.parse("2021-22 Q1")).figure.reason == "open-quarter"


def test_a_remote_visit_that_would_change_the_figure_leaves_it_not_assessable(town):
    town.keep(*(a_row("2020-09-20", "bury", seen()) for _ in range(10)))
    town.keep(a_row("2020-09-20", "bury", seen(how="remote")))
    town.close()
    assert town.frozen("C2").figure.reason == "remote-rule-unknown"
    assert town.frozen("C2", None).figure.reason == "remote-rule-unknown"
    assert town.frozen("C2", "salford").figure.reason == "none-due"


def test_an_open_quarter_counts_whose_day_has_come_and_is_provisional(town):
    town.keep(*(a_row("2020-09-20", "bury", seen()) for _ in range(10)))
    town.keep(*(a_row("2020-11-25", "bury") for _ in range(9)))
    town.close(on=date(2020, 12, 1))
    assert town.counts("C2") == (10, 10)
    assert town.frozen("C2").figure.provisional == "open-quarter"


def test_a_small_count_is_withheld_and_so_is_what_would_give_it_back(town):
    # Three of Bury's infants without a visit, and none of Salford's.
    town.keep(*(a_row("2020-09-20", "bury", seen()) for _ in range(20)))
    town.keep(*(a_row("2020-09-20", "bury") for _ in range(3)))
    town.keep(*(a_row("2020-09-20", "salford", seen()) for _ in range(20)))
    town.close()
    assert town.counts("C2") == (None, 23)
    shown = [town.counts("C2", each.slug)[0] for each in TEN]
    # One number alone that is withheld comes back from the sum.
    assert shown.count(None) > 1 or town.counts("C2", None)[0] is None


def test_what_was_found_stands_where_a_few_that_came_late_would_be_told(town):
    born = "2020-08-20"
    fed = seen("six-to-eight-week", "2020-10-08", fed="totally")
    town.keep(*(a_row(born, "bury", fed) for _ in range(20)))
    town.close()
    assert town.counts("C8ii") == (20, 20)
    town.keep(a_row(born, "bury", fed))
    town.close()
    assert (town.counts("C8ii"), town.counts("C8i")) == ((20, 20), (21, 21))
    assert [each.numerator for each in town.frozen("C8i").earlier] == [20]
    town.keep(*(a_row(born, "bury", fed) for _ in range(7)))
    town.close()
    assert town.counts("C8ii") == (28, 28)


def test_the_figures_are_everybodys_to_read_and_nobodys_to_write(town):
    town.keep(*(a_row("2020-09-20", "bury", seen()) for _ in range(10)))
    town.close(boroughs=["bury"])
    for requester in (a_requester("system-client", boroughs=["salford"]), a_requester("commissioner")):
        with town.opened(requester) as record:
            assert len(national.of_quarter(record, Q3)) == 2 * len(national.INDICATORS)
            assert len(national.of_borough(record, "bury")) == len(national.INDICATORS)
            assert national.frozen(record) == [Q3]


def test_a_figure_that_rests_on_an_invented_instrument_says_so(town):
    score = {**seen("two-year", "2020-11-01"), **a_score()}
    town.keep(*(a_row("2018-05-20", "bury", score) for _ in range(10)))
    town.close()
    assert "invented" in town.frozen("C6-communication").figure.practice
    assert town.frozen("C8ii").figure.practice is None
    assert town.counts("C6-communication") == (10, 10)
    assert town.counts("all-five") == (10, None)
    assert round(town.frozen("C6ii").figure.interval.low, 2) == 0.72


def test_a_quarter_to_come_has_no_figures(town):
    with pytest.raises(ValueError, match="has not begun"):
        town.close(Quarter.parse("2030-31 Q1"))
