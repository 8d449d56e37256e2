"""A commissioner sees a percentage, and a review more moves it by exactly that review."""

import csv
import io
import uuid

from click.testing import CliRunner

from healthvisit.cli import main
from healthvisit.reviews import quarter as quarters
from tests import builders
from tests.flows.demonstration import Demonstration

QUARTER = "2020-21 Q4"


def published(demonstration: Demonstration) -> dict[str, list[str]]:
    """Rows of the CSV of this quarter by borough."""
    browser = demonstration.browser("commissioner")
    answer = browser.get("/commissioning/digitisation.csv")
    assert answer.status_code == 200, answer.text
    rows = list(csv.reader(io.StringIO(answer.text)))
    return {row_name(row): row for row in rows if QUARTER in row}


def row_name(row):
    return next(cell for cell in row if cell in ("Bury", "Salford", "Greater Manchester") or cell.istitle())


def figures(demonstration: Demonstration, borough: str):
    from healthvisit.record import record as the_record

    house = demonstration.app.extensions["healthvisit"]
    with the_record.opened(
        house.database, builders.a_requester("commissioner"), definitions=house.definitions, at=builders.NOW
    ) as record:
        found = quarters.figures(record)
    this = next(each for each in found if str(each.quarter) == QUARTER)
    return next(area for area in this.areas if area.name.startswith(borough))


def refreeze(demonstration: Demonstration) -> None:
    settings = demonstration.settings
    answer = CliRunner().invoke(
        main,
        ["close-quarter", QUARTER],
        env={
            "HEALTHVISIT_DATABASE_URL": settings.database_url,
            "HEALTHVISIT_SECRETS_FOLDER": str(settings.secrets_folder),
            "HEALTHVISIT_CLOCK_OFFSET_DAYS": str(settings.clock_offset_days),
        },
        catch_exceptions=False,
    )
    assert answer.exit_code == 0, answer.output


def record_review(demonstration: Demonstration) -> None:
    tablet = demonstration.tablet("bury")
    form = tablet.found("Questionnaire", ("_id", "two-year-review"))[0]
    # The open quarter's return goes to the day before today: a visit of today is known to the record alone.
    visit = builders.a_visit(f"Patient/{demonstration.a_child(tablet)}", on="2021-02-15")
    contact, response = (entry["resource"] for entry in visit["entry"])
    contact["period"] = {"start": "2021-02-15T00:00:00Z", "end": "2021-02-15T00:00:01Z"}
    contact["extension"] = [each for each in contact["extension"] if not each["url"].endswith("released-at")]
    response |= {"questionnaire": f"{form['url']}|{form['version']}", "authored": "2021-02-15T00:00:01Z"}
    answer = tablet.post("/fhir", visit, operation=str(uuid.uuid4()))
    assert answer.status_code == 200, answer.text
