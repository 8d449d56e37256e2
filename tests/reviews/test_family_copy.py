from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import func, select

from healthvisit.exact_json import dumps, loads
from healthvisit.record import document as documents
from healthvisit.record import record as the_record
from healthvisit.record.errors import NotFound
from healthvisit.record.tables import audit_event, resource
from healthvisit.reviews import arrival, family_copy, timeline
from healthvisit.reviews.family_copy import Finding, Found
from tests.builders import (
    LOINC,
    NOW,
    TODAY,
    UCUM,
    a_child,
    a_requester,
    a_response,
    a_transaction,
    a_urn,
    an_encounter,
    an_entry,
    an_observation,
    extension,
)
from tests.conftest import _opened

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
RELEASED = extension("released-at", valueDateTime="2021-02-01T12:00:00Z")
ZONES = {"communication": ("not-yet",) * 6, "gross-motor": ("yes",) * 6}


@pytest.fixture
def empty(_bare, tmp_path):
    """A database of another system, which has its tables and nothing in them."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    yield from _opened(_bare, folder)


@pytest.fixture
def write(furnished, definitions):
    """Writes resources of a child's record as the service does; the ids that they were given."""

    def send(*entries):
        with the_record.opened(
            furnished, a_requester("service"), definitions=definitions, at=NOW, writing=True
        ) as record:
            answer = record.transact(
                a_transaction(*(each if "resource" in each else an_entry(each) for each in entries)),
                completed_by=lambda bundle: arrival.complete(bundle, definitions, record),
            )
        return [entry["response"]["location"].split("/")[-3] for entry in answer["entry"]]

    return send


@pytest.fixture
def taken(furnished, definitions):
    """The copy of a child that its parent takes, and the document."""

    def take(child, *, requester=None):
        with the_record.opened(
            furnished, requester or a_parent_of(child), definitions=definitions, at=NOW
        ) as record:
            copy = family_copy.of_child(record, child.id, on=TODAY)
            return copy, loads(family_copy.document(record, copy))

    return take


def a_parent_of(*children, account="ana"):
    return a_requester("parent", children=[child.id for child in children], account=account)


def noted(child, code, **value):
    """An Observation of something that no form asks, released."""
    return {
        "resourceType": "Observation",
        "extension": [RELEASED],
        "status": "final",
        "code": code if isinstance(code, dict) else {"text": code},
        "subject": {"reference": child.reference},
        "effectiveDateTime": "2021-02-03",
        **value,
    }


def a_visit_of(child, *, released=True, **of_encounter):
    """A two-year review with the form's results."""
    urn = a_urn()
    return (
        an_entry(
            an_encounter(child.reference, episode=f"EpisodeOfCare/{child.made['episode']}", **of_encounter),
            full_url=urn,
        ),
        an_entry(a_response(child.reference, urn, asq3=ZONES, released=released)),
    )


@pytest.fixture
def poppy(furnished, definitions, write):
    """A child of whom everything was written down that an Observation can hold."""
    child = (
        a_child(family="O’Brían-Łukasz")
        .with_review("new-birth", on="2019-01-27")
        .with_review("six-to-eight-week", on="2019-03-20", outcome="no-access")
        .with_review("one-year", on="2020-01-10", outcome="declined")
        .kept_in(furnished, definitions)
    )
    new_birth = f"Encounter/{child.made['new-birth']}"
    write(
        *a_visit_of(child),
        an_observation(child.reference, encounter=new_birth, on="2019-01-27", value="3.400", released=True),
        noted(child, "Smiles", valueBoolean=True),
        noted(child, "Crawls", valueBoolean=False),
        noted(child, "Teeth", valueInteger=4),
        noted(child, "First words on", valueDateTime="2020-03-01"),
        noted(child, "First step on", valueDateTime="2020-03"),
        noted(
            child,
            {"coding": [{"system": LOINC, "code": "54106-1", "display": "Newborn hearing screen"}]},
            valueCodeableConcept={"text": "Pass <both> ears & no doubt"},
        ),
        noted(
            child,
            "Bilirubin",
            valueQuantity={"value": Decimal("1E+1"), "comparator": "<", "unit": "mg/dL", "system": UCUM},
            interpretation=[{"text": "As expected"}],
        ),
        noted(
            child,
            "Hips",
            dataAbsentReason={
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason",
                        "code": "not-performed",
                    }
                ]
            },
        ),
        noted(
            child,
            "Eyes",
            component=[
                {"code": {"text": "left"}, "valueCodeableConcept": {"text": "follows"}},
                {"code": {"text": "right"}},
            ],
        ),
        {
            "resourceType": "Observation",
            "extension": [RELEASED],
            "status": "preliminary",
            "code": {"text": "Slept through the night"},
            "subject": {"reference": child.reference},
            "effectivePeriod": {"start": "2020-05-01", "end": "2020-05-08"},
        },
    )
    return child


def resources_of(bundle):
    return [entry["resource"] for entry in bundle["entry"]]


def as_stored(body, by):
    """The body without what a server gives it, each reference by another name."""
    text = dumps({name: value for name, value in body.items() if name not in ("id", "meta")}).decode()
    for one, other in by.items():
        text = text.replace(f'"{one}"', f'"{other}"')
    return loads(text.encode())


def sorted_bodies(bodies):
    return sorted(bodies, key=dumps)


# The document


def test_a_document_taken_into_an_empty_system_gives_every_resource_back(poppy, taken, empty, definitions):
    _, bundle = taken(poppy)
    entries = [
        {**entry, "request": {"method": "POST", "url": entry["resource"]["resourceType"]}}
        for entry in bundle["entry"]
    ]
    with the_record.opened(
        empty, a_requester("service"), definitions=definitions, at=NOW, writing=True
    ) as record:
        answer = record.transact(a_transaction(*entries))
    locations = ["/".join(entry["response"]["location"].split("/")[-4:-2]) for entry in answer["entry"]]
    named = dict(zip(locations, (entry["fullUrl"] for entry in entries), strict=True))
    with the_record.opened(empty, a_requester("service"), definitions=definitions, at=NOW) as record:
        for location, sent in zip(locations, resources_of(bundle), strict=True):
            assert as_stored(record.read(*location.split("/")).json(), named) == sent
        # The system that took it in makes the same document of it.
        again = loads(documents.of(record, locations[0].split("/")[1], base="https://elsewhere.example/fhir"))
    assert sorted_bodies(as_stored(body, named) for body in resources_of(again)) == sorted_bodies(
        resources_of(bundle)
    )
    with empty.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(resource)) == len(entries)


def test_the_document_holds_every_element_and_digit_that_the_parent_is_shown(
    poppy, taken, furnished, definitions
):
    _, bundle = taken(poppy)
    shown = []
    with the_record.opened(furnished, a_parent_of(poppy), definitions=definitions, at=NOW) as record:
        for type_, name in (("Patient", "_id"), ("Encounter", "patient"), ("Observation", "patient")):
            shown += [version.json() for version in record.each(type_, [(name, poppy.id)])]
    held = [body for body in resources_of(bundle) if body["resourceType"] != "Composition"]
    names = {}
    for body in shown:
        (name,) = (
            entry["fullUrl"]
            for entry in bundle["entry"]
            if _alike(entry["resource"], body) and entry["fullUrl"] not in names.values()
        )
        names[f"{body['resourceType']}/{body['id']}"] = name
    assert len(shown) == len(held) == 18
    assert sorted_bodies(as_stored(body, names) for body in shown) == sorted_bodies(held)
    assert b'"value":3.400,' in dumps(bundle)


def _alike(one, other):
    """Whether they are the same but for names."""
    bare = [
        {name: value for name, value in body.items() if name not in ("id", "subject", "encounter")}
        for body in (one, other)
    ]
    return bare[0] == bare[1]


def test_a_document_is_what_fhir_calls_one(poppy, taken):
    _, bundle = taken(poppy)
    assert bundle["type"] == "document"
    assert bundle["identifier"]["value"].startswith("urn:uuid:")
    assert bundle["timestamp"] == "2021-02-15T09:00:00.000Z"
    first = bundle["entry"][0]["resource"]
    assert first["resourceType"] == "Composition"
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls)
    assert all(UUID(url.removeprefix("urn:uuid:")).urn == url for url in urls)
    named = [first["subject"]["reference"]]
    named += [entry["reference"] for section in first["section"] for entry in section.get("entry", ())]
    # Whatever the Composition names is in the document, and nothing else.
    assert sorted(named) == sorted(urls[1:])


def test_the_narrative_says_what_the_entries_hold(poppy, taken):
    _, bundle = taken(poppy)
    composition = bundle["entry"][0]["resource"]
    said = "".join(section["text"]["div"] for section in composition["section"])
    assert "2019-01-27, New birth visit: completed" in said
    assert "2020-01-10, 1 year review: declined" in said
    assert "3.400\N{NO-BREAK SPACE}kg" in said
    assert "Communication: 0\N{NO-BREAK SPACE}points, Below the cut-off" in said
    assert "Newborn hearing screen: Pass &lt;both&gt; ears &amp; no doubt" in said
    assert 'lang="en-GB"' in composition["text"]["div"]
    assert "Poppy O’Brían-Łukasz" in composition["text"]["div"]


def test_the_names_are_the_readers_own_and_stay(poppy, taken):
    def names(account):
        _, bundle = taken(poppy, requester=a_parent_of(poppy, account=account))
        return [entry["fullUrl"] for entry in bundle["entry"][1:]], bundle["identifier"]["value"]

    (first, one), (again, other), (someone_elses, _) = names("ana"), names("ana"), names("ben")
    assert first == again
    assert one != other
    assert not set(first) & set(someone_elses)


def test_no_id_of_this_service_leaves_with_the_document(poppy, taken):
    copy, bundle = taken(poppy)
    text = dumps(bundle).decode()
    for body in copy.resources:
        assert body["id"] not in text


# What is in it, and what is not


def test_what_was_not_released_is_in_neither(poppy, taken, write):
    before, document = taken(poppy)
    hidden = noted(poppy, "Not for parents", valueInteger=7)
    del hidden["extension"]
    write(an_encounter(poppy.reference, on="2021-02-10", released=False), hidden)
    after, again = taken(poppy)
    assert after == before
    assert len(again["entry"]) == len(document["entry"])
    assert b"Not for parents" not in dumps(again)


def test_papers_of_the_staff_are_in_neither(poppy, taken, write):
    before, document = taken(poppy)
    restricted = {"security": [{"system": CONFIDENTIALITY, "code": "R"}]}
    write(
        {
            "resourceType": "Flag",
            "status": "active",
            "code": {"text": "Child protection plan"},
            "subject": {"reference": poppy.reference},
        },
        {
            "resourceType": "Condition",
            "meta": restricted,
            "code": {"text": "Bruise"},
            "subject": {"reference": poppy.reference},
        },
        # A mistake of whoever wrote it: what is restricted is not released.
        {**noted(poppy, "Bruise on the arm", valueBoolean=True), "meta": restricted},
    )
    after, again = taken(poppy)
    assert after == before
    assert len(again["entry"]) == len(document["entry"])


def test_the_copy_of_one_child_has_no_word_of_a_sibling(taken, furnished, definitions, write):
    poppy = (
        a_child(family="Ashworth").with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    )
    rose = a_child(family="Barlow").with_review("two-year", on="2021-02-02").kept_in(furnished, definitions)
    write(noted(rose, "Speaks of Rose", valueBoolean=True))
    parent = a_parent_of(poppy, rose)
    copy, bundle = taken(poppy, requester=parent)
    assert {body.get("subject", {}).get("reference") for body in copy.resources} == {None, poppy.reference}
    text = dumps(bundle).decode()
    for word in ("Barlow", "Speaks of Rose", rose.nhs_number, rose.id, "2021-02-02"):
        assert word not in text
    assert "Speaks of Rose" in dumps(taken(rose, requester=parent)[1]).decode()


def test_no_team_place_colleague_or_number_of_a_version_is_in_it(poppy, taken):
    text = dumps(taken(poppy)[1]).decode()
    for word in ("Hidden Street", "BL9", "Organization", "Practitioner", "Bury", "family-home", "versionId"):
        assert word not in text


def test_what_was_entered_in_error_is_left_out_with_all_that_was_found_there(
    taken, furnished, definitions, write
):
    child = a_child().kept_in(furnished, definitions)
    urn = a_urn()
    wrong = an_encounter(child.reference, on="2021-01-30") | {"status": "entered-in-error"}
    write(
        an_entry(wrong, full_url=urn),
        an_observation(child.reference, encounter=urn, value="9.99", released=True),
        noted(child, "A slip", valueInteger=3) | {"status": "entered-in-error"},
    )
    copy, bundle = taken(child)
    assert (copy.contacts, copy.beside) == ((), Found((), ()))
    assert [body["resourceType"] for body in resources_of(bundle)] == ["Composition", "Patient"]
    assert [section["title"] for section in bundle["entry"][0]["resource"]["section"]] == [
        "What is not in this copy"
    ]


def test_what_was_found_at_a_contact_that_is_not_shared_names_no_contact(
    taken, furnished, definitions, write
):
    child = a_child().kept_in(furnished, definitions)
    urn = a_urn()
    write(
        an_entry(an_encounter(child.reference, released=False), full_url=urn),
        an_observation(child.reference, encounter=urn, value="12.40", released=True),
    )
    copy, bundle = taken(child)
    assert copy.contacts == ()
    assert [finding.value for finding in copy.beside.findings] == ["12.40\N{NO-BREAK SPACE}kg"]
    assert "encounter" not in resources_of(bundle)[2]


def test_everything_that_was_written_down_is_said_in_words(poppy, taken):
    copy, _ = taken(poppy)
    day = date(2021, 2, 3)
    assert copy.beside.findings == (
        Finding("Slept through the night", "Nothing", date(2020, 5, 1)),
        Finding("Smiles", "Yes", day),
        Finding("Crawls", "No", day),
        Finding("Teeth", "4", day),
        Finding("First words on", date(2020, 3, 1), day),
        Finding("First step on", "2020-03", day),
        Finding("Newborn hearing screen", "Pass <both> ears & no doubt", day),
        Finding("Bilirubin", "<10\N{NO-BREAK SPACE}mg/dL, As expected", day),
        Finding("Hips", "Not known (not-performed)", day),
        Finding("Eyes: left", "follows", day),
        Finding("Eyes: right", "Nothing", day),
    )


def test_contacts_stand_newest_first_with_how_they_ended_and_what_was_found(poppy, taken):
    copy, _ = taken(poppy)
    assert [(each.title, each.on, each.outcome) for each in copy.contacts] == [
        ("2 to 2½ year review", date(2021, 2, 1), "completed"),
        ("1 year review", date(2020, 1, 10), "declined"),
        ("6 to 8 week review", date(2019, 3, 20), "no-access"),
        ("New birth visit", date(2019, 1, 27), "completed"),
    ]
    two_year, *_, new_birth = copy.contacts
    assert [finding.name for finding in two_year.found.findings] == ["Weight"]
    (instrument,) = two_year.found.instruments
    assert [domain.zone for domain in instrument.domains][:2] == ["below", "on-schedule"]
    assert [finding.value for finding in new_birth.found.findings] == ["3.400\N{NO-BREAK SPACE}kg"]
    assert new_birth.found.instruments == ()


def test_the_copy_and_the_page_say_the_same_of_reviews_and_growth(poppy, taken, furnished, definitions):
    copy, _ = taken(poppy)
    with the_record.opened(furnished, a_parent_of(poppy), definitions=definitions, at=NOW) as record:
        assert copy.timeline == timeline.of_child(record, poppy.id, on=TODAY)


# Who takes it


def test_another_familys_child_is_not_found(poppy, taken, furnished, definitions):
    other = a_child(family="Barlow").kept_in(furnished, definitions)
    with pytest.raises(NotFound):
        taken(poppy, requester=a_parent_of(other))


def test_that_a_copy_was_taken_stands_in_the_audit_of_the_child(poppy, taken, furnished):
    taken(poppy)
    with furnished.reading() as connection:
        child = connection.scalar(select(resource.c.rid).where(resource.c.id == poppy.id))
        told = connection.execute(
            select(audit_event.c.account, audit_event.c.child_rid, audit_event.c.resource_id).where(
                audit_event.c.detail == "$family-copy"
            )
        ).all()
    assert told == [("ana", child, poppy.id)]
