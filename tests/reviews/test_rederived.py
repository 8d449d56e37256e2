"""Every published number of a quarter, counted again from the rows."""

from datetime import date

import pytest
from click.testing import CliRunner

from healthvisit import cli
from healthvisit.accounts import keys
from healthvisit.programme.dates import Quarter
from healthvisit.reviews import national, rederived
from healthvisit.reviews import quarter as quarters
from tests.builders import a_requester
from tests.reviews.town import LATER, Q3, Town, a_row, seen

FED = seen("six-to-eight-week", "2020-10-08", fed="totally")


@pytest.fixture
def town(furnished, definitions):
    return Town(furnished, definitions)


def again(town, quarter=Q3):
    with town.opened(a_requester("service")) as record:
        return rederived.of_quarter(record, quarter)


def altered(town, code, borough, **counts):
    """A newer report of an indicator, that says what nobody counted."""
    town.minutes += 1
    with town.opened(a_requester("service"), writing=True, at=LATER.replace(minute=town.minutes)) as record:
        asked = ("measure", national.measure(code)), ("reporter", quarters.organization(borough))
        report = next(iter(record.each("MeasureReport", list(asked)))).json()
        report["date"] = record.at.isoformat()
        for population in report["group"][0]["population"]:
            name = population["code"]["coding"][0]["code"]
            if name in counts:
                population["count"] = counts[name]
        record.create(
            "MeasureReport", {key: value for key, value in report.items() if key not in ("id", "meta")}
        )


def test_a_quarter_just_frozen_is_found_again_number_by_number_and_nothing_is_written(town):
    town.keep(*(a_row("2020-09-20", "bury", seen(), FED) for _ in range(20)))
    town.keep(*(a_row("2018-05-20", "wigan", seen("two-year", "2020-11-01")) for _ in range(9)))
    town.close_all()

    def written():
        with town.opened(a_requester("service")) as record:
            return sum(1 for _ in record.each("MeasureReport", []))

    before = written()
    found = again(town)
    assert found.differences == []
    # 14 indicators of two counts at most and one of unknown, in eleven areas, and coverage beside digitisation.
    assert found.numbers > 11 * 20
    assert written() == before


def test_what_was_recorded_after_the_quarter_was_frozen_is_told(town):
    town.keep(*(a_row("2020-08-20", "bury", FED) for _ in range(20)))
    town.close_all()
    town.keep(a_row("2020-08-20", "bury", FED))
    told = {
        (each.group, each.reporter, each.number): (each.frozen, each.now) for each in again(town).differences
    }
    bury = quarters.organization("bury")
    assert told["C8i", bury, "numerator"] == (20, 21)
    assert told["C8ii", bury, "denominator"] == (20, 21)
    assert told["coverage", quarters.GREATER_MANCHESTER, "numerator"] == (20, 21)
    assert {group for group, _, _ in told} == {"C8i", "C8ii", "coverage"}


def test_a_report_that_was_altered_is_told(town):
    town.keep(*(a_row("2020-08-20", "bury", FED) for _ in range(20)))
    town.close_all()
    altered(town, "C8i", "bury", numerator=19)
    (told,) = again(town).differences
    assert (told.group, told.number, told.frozen, told.now) == ("C8i", "numerator", 19, 20)


def test_what_is_withheld_is_compared_as_withheld(town):
    town.keep(*(a_row("2020-08-20", "bury", FED) for _ in range(20)), a_row("2020-08-20", "bury"))
    town.close_all()
    altered(town, "C8i", "bury", numerator=20)
    told = {each.frozen: each.now for each in again(town).differences}
    assert told == {20: rederived.WITHHELD}


def test_an_open_quarter_is_counted_as_on_the_day_on_which_it_was_frozen(town):
    town.keep(*(a_row("2020-09-20", "bury", seen(on="2020-10-01")) for _ in range(10)))
    town.keep(*(a_row("2020-11-25", "bury") for _ in range(9)))
    town.close_all(on=date(2020, 12, 1))
    assert again(town).differences == []


def test_the_command_says_what_differs_and_ends_with_one(town, furnished, tmp_path, monkeypatch):
    monkeypatch.setenv("HEALTHVISIT_DATABASE_URL", furnished.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("HEALTHVISIT_SECRETS_FOLDER", str(tmp_path / "secrets"))
    keys.ensure(tmp_path / "secrets")

    def rederive(quarter=str(Q3)):
        done = CliRunner().invoke(cli.main, ["rederive", quarter])
        return done.exit_code, done.output

    assert rederive() == (1, "Error: No figure of 2020-21 Q3 is frozen.\n")
    town.keep(*(a_row("2020-08-20", "bury", FED) for _ in range(20)))
    town.close_all()
    code, said = rederive()
    assert code == 0
    assert said.endswith("numbers of 2020-21 Q3 were counted again from the rows; none differs.\n")
    altered(town, "C8i", "bury", numerator=19)
    code, said = rederive()
    assert code == 1
    assert "C8i\tOrganization/bury-health-visiting\tnumerator\tfrozen 19\tfrom the rows 20\n" in said
    assert "; not the same: 1." in said
    assert rederive("2020-21 Q9")[0] == 2
    assert rederive(str(Quarter.parse("2018-19 Q4")))[0] == 1
