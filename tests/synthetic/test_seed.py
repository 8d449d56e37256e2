import stat
from datetime import UTC, date, datetime
from itertools import islice

import pytest

from healthvisit.access.scopes import parse
from healthvisit.accounts import people
from healthvisit.exact_json import dumps
from healthvisit.record import record as the_record
from healthvisit.reviews import caseload, national, quarter, scoring, timeline
from healthvisit.synthetic import demo, seed
from healthvisit.synthetic.population import World, allotted, families
from healthvisit.synthetic.resources import Writer, transaction
from tests.builders import a_requester

AS_AT = date(2021, 2, 15)
AT = datetime(2021, 2, 15, 9, tzinfo=UTC)


class Seeded:
    """A seeded record, and what each of the demonstration's people sees in it."""

    def __init__(self, database, definitions, folder):
        self.database, self.definitions, self.folder = database, definitions, folder
        self.progress = []
        self.sign_ins = self.again()

    def again(self):
        return seed.seed(
            self.database,
            self.definitions,
            children=60,
            as_at=AS_AT,
            keys_folder=self.folder,
            progress=lambda done, total: self.progress.append((done, total)),
        )

    def requester(self, sign_in_name):
        with self.database.reading() as connection:
            account = people.named(connection, sign_in_name)
            return people.requester_for(
                connection, account, on=AS_AT, scopes=parse("user/*.rs"), client=None, epoch=1
            )

    def opened(self, requester):
        return the_record.opened(self.database, requester, definitions=self.definitions, at=AT)

    def count(self, type_):
        with self.opened(a_requester("service")) as record:
            return sum(1 for _ in record.each(type_, []))


@pytest.fixture
def seeded(furnished, definitions, tmp_path):
    return Seeded(furnished, definitions, tmp_path / "keys")


def test_the_same_seed_writes_the_same_bytes(definitions):
    def written():
        world = World(AS_AT, scoring.form_windows(definitions.pack))
        writer = Writer(definitions, {borough: ["Practitioner/1"] for borough in allotted(1)})
        return [dumps(transaction(list(writer.entries(family)))) for family in families(300, world)]

    assert written() == written()


def test_a_seeded_record_holds_the_children_and_serves_each_person(seeded):
    assert seeded.progress[-1] == (60, 60)
    assert seeded.count("Patient") == 60

    parent = seeded.requester("parent")
    (child,) = parent.children
    with seeded.opened(parent) as record:
        found = timeline.of_child(record, child, on=AS_AT)
    assert found.next.code == "two-year"
    assert any(review.results for review in found.reviews)

    for borough in ("bury", "salford"):
        nurse = seeded.requester(borough)
        with seeded.opened(nurse) as record:
            document = caseload.of_practitioner(record, nurse.fhir_user, on=AS_AT)
        assert document["organization"]["reference"] == f"Organization/{borough}-health-visiting"
        assert document["children"]
        if borough == "bury":
            assert child in {row["patient"]["id"] for row in document["children"]}

    with seeded.opened(seeded.requester("commissioner")) as record:
        quarters = quarter.figures(record)
        assert national.frozen(record) == [each.quarter for each in quarters]
    assert [str(each.quarter) for each in quarters][::8] == ["2018-19 Q4", "2020-21 Q4"]
    (missing,) = [each for each in quarters if each.reporting < 10]
    assert str(missing.quarter) == "2019-20 Q1"
    assert {area.provisional for area in quarters[-1].boroughs} == {"open-quarter"}

    key = seeded.folder / demo.KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600

    written = seeded.count("Encounter")
    assert seeded.again() == seeded.sign_ins
    assert (seeded.count("Patient"), seeded.count("Encounter")) == (60, written)


def test_a_seed_that_was_interrupted_goes_on_where_it_stood(furnished, definitions, tmp_path):
    class Stopped(Exception):
        pass

    def stop(done, total):
        if done < total:
            raise Stopped

    def run(children, progress):
        seed.seed(
            furnished,
            definitions,
            children=children,
            as_at=AS_AT,
            keys_folder=tmp_path,
            progress=progress,
        )

    with pytest.raises(Stopped):
        run(90, stop)
    run(90, lambda _done, _total: None)
    with the_record.opened(furnished, a_requester("service"), definitions=definitions, at=AT) as record:
        assert sum(1 for _ in record.each("Patient", [])) == 90
        assert not list(islice(record.each("Practitioner", [("name", "Nobody")]), 1))
