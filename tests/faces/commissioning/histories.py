"""Many frozen quarters, written as the service freezes them: more than any demonstration has closed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from healthvisit.database import Database
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON
from healthvisit.programme.boroughs import BOROUGHS
from healthvisit.programme.dates import Quarter
from healthvisit.programme.digitisation import CLASSES
from healthvisit.record import record as the_record
from healthvisit.reviews import national
from healthvisit.reviews import quarter as quarters
from tests import builders

Counts = tuple[int, int]


def freeze(
    database: Database,
    definitions: Definitions,
    shares: Mapping[Quarter, Mapping[str, Sequence[Counts]]],
    *,
    at: datetime = builders.NOW,
) -> None:
    """shares: by quarter and slug the counts recorded digitally of those done, those covered of those due, and those of
    C2 and of its denominator. Greater Manchester has the sums."""
    with the_record.opened(
        database, builders.a_requester("service"), definitions=definitions, at=at, writing=True
    ) as record:
        words = quarters._Words(definitions)
        for quarter, boroughs in shares.items():
            areas = {borough.slug: boroughs[borough.slug] for borough in BOROUGHS}
            areas[quarters.ALL] = [
                (sum(one[0] for one in each), sum(one[1] for one in each))
                for each in zip(*areas.values(), strict=True)
            ]
            for slug, (digital, covered, visited) in areas.items():
                for report in (
                    _digitisation(record, words, digital, covered),
                    _indicator(record, visited),
                ):
                    reporter = (
                        quarters.GREATER_MANCHESTER if slug == quarters.ALL else quarters.organization(slug)
                    )
                    record.create(
                        "MeasureReport",
                        {
                            "resourceType": "MeasureReport",
                            "status": "complete",
                            "type": "summary",
                            "date": at.isoformat(),
                            "reporter": {"reference": reporter},
                            "period": {
                                "start": quarter.first_on.isoformat(),
                                "end": quarter.last_on.isoformat(),
                            },
                            **report,
                        },
                    )


def _digitisation(
    record: the_record.Record, words: quarters._Words, digital: Counts, covered: Counts
) -> JSON:
    counts = dict.fromkeys(CLASSES, 0) | {
        "A": digital[0],
        "D": digital[1] - digital[0],
        quarters.ALL: digital[1],
    }
    groups = [words.digitised(review, counts) for review in (*quarters.REVIEWS, quarters.ALL)]
    version = record.definitions.by_url(quarters.DIGITISATION)["version"]
    return {
        "measure": f"{quarters.DIGITISATION}|{version}",
        "group": [*groups, words.covered(*covered)],
    }


def _indicator(record: the_record.Record, counts: Counts) -> JSON:
    url = national.measure("C2")
    coding = {"system": "https://healthvisit.example/fhir/CodeSystem/indicator", "code": "C2"}
    group: JSON = {
        "code": {"coding": [coding]},
        "population": [
            quarters.populated("numerator", counts[0]),
            quarters.populated("denominator", counts[1]),
        ],
    }
    quarters.scored(group, *counts)
    return {"measure": f"{url}|{record.definitions.by_url(url)['version']}", "group": [group]}
