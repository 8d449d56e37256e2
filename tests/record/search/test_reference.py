from healthvisit.database import Database
from healthvisit.definitions import Definitions
from tests.record.search import shelf
from tests.record.search.shelf import contact, observation


def test_a_reference_is_found_by_id_by_type_and_id_and_by_address(
    database: Database, definitions: Definitions
) -> None:
    elsewhere = "https://elsewhere.example/fhir/Practitioner/n"
    shelf.keep(
        database,
        definitions,
        [
            observation("o", performer=[{"reference": "Practitioner/n"}]),
            observation("p", performer=[{"reference": "Organization/n"}, {"reference": "Practitioner/m"}]),
            observation("q", performer=[{"reference": elsewhere}]),
            observation("r", performer=[{"display": "a person"}]),
            observation("s"),
            observation("t", performer=[{"reference": "Practitioner/n/_history/2"}]),
        ],
    )

    def found(name: str, value: str) -> list[str]:
        return shelf.ids(database, definitions, "Observation", (name, value))

    assert found("performer", "n") == ["o", "p", "t"]
    assert found("performer", "Practitioner/n") == ["o", "t"]
    assert found("performer:Organization", "n") == ["p"]
    assert found("performer", "Practitioner/n,m") == ["o", "p", "t"]
    assert found("performer", elsewhere) == ["q"]
    assert found("performer:missing", "true") == ["s"]
    assert found("performer:missing", "false") == ["o", "p", "q", "r", "t"]
    assert found("performer", "Practitioner/N") == []


def test_patient_is_a_subject_that_is_a_patient(database: Database, definitions: Definitions) -> None:
    shelf.keep(
        database,
        definitions,
        [
            observation("o", subject={"reference": "Patient/p"}),
            observation("g", subject={"reference": "Group/p"}),
            observation("n"),
        ],
    )

    def found(name: str, value: str) -> list[str]:
        return shelf.ids(database, definitions, "Observation", (name, value))

    assert found("patient", "p") == ["o"]
    # A subject's id alone may be a Group's too.
    assert found("subject", "p") == ["o", "g"]
    assert found("patient:missing", "true") == ["g", "n"]
    assert found("subject:missing", "true") == ["n"]


def test_a_visit_is_found_by_who_made_it_and_for_which_service(
    database: Database, definitions: Definitions
) -> None:
    visits = [
        contact(
            f"c{number}",
            participant=[{"individual": {"reference": f"Practitioner/n{number % 2}"}}],
            serviceProvider={"reference": "Organization/bury-health-visiting"},
            episodeOfCare=[{"reference": f"EpisodeOfCare/e{number}"}],
        )
        for number in range(3)
    ]
    shelf.keep(database, definitions, visits)

    def found(*pairs: tuple[str, str]) -> list[str]:
        return shelf.ids(database, definitions, "Encounter", *pairs)

    assert found(("participant", "Practitioner/n1")) == ["c1"]
    assert found(("practitioner", "n0")) == ["c0", "c2"]
    assert found(("service-provider", "bury-health-visiting"), ("episode-of-care", "e2")) == ["c2"]
    assert found(("service-provider", "Organization/salford-health-visiting")) == []
