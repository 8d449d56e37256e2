"""The record against a model of it in plain Python: whatever two teams do in turn, both say the same.

Two boroughs, three children (one of whom moved from Bury to Salford), their measurements. The model knows
versions, who answers for whom, and who wrote what; it knows no SQL, no index and no page. HEALTHVISIT_TEST_RUNS
sets how many histories are tried (scripts/model).
"""

import os
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as try_histories

from healthvisit.access.requester import Requester
from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, dumps, loads
from healthvisit.record.errors import (
    Forbidden,
    Gone,
    NotFound,
    RecordError,
    Unprocessable,
    VersionConflict,
)
from healthvisit.record.record import Record, opened
from tests.builders import NOW, a_child, a_requester, a_transaction, an_entry, an_episode, an_observation
from tests.conftest import Copy, kept

RUNS = int(os.environ.get("HEALTHVISIT_TEST_RUNS", "12"))
STEPS = 30
TEAMS = ("bury", "salford")
# Who answers for each child today, and who did before.
CHILDREN = {"stayed": ("bury",), "neighbour": ("salford",), "moved": ("salford", "bury")}
MOVED_ON = "2021-02-08"

CODES = ("27113001", "364589006", "169876006")
STATUSES = ("final", "amended", "preliminary")
DAYS = ("2019-06-30", "2020-02-29", "2020-12-31", "2021-01-01", "2021-02-01", "2021-02-14")
WEIGHTS = ("3.5", "3.50", "9.9", "12.40", "12.4", "39")

measurements = st.builds(
    dict,
    code=st.sampled_from(CODES),
    status=st.sampled_from(STATUSES),
    on=st.sampled_from(DAYS),
    value=st.sampled_from(WEIGHTS),
)
teams = st.sampled_from(TEAMS)
children = st.sampled_from(sorted(CHILDREN))


@dataclass
class Kept:
    """One measurement as the model knows it. versions: (body or None for a deletion, by which team)."""

    id: str
    child: str
    made: int
    versions: list[tuple[JSON | None, str]] = field(default_factory=list)

    @property
    def body(self) -> JSON | None:
        return self.versions[-1][0]

    @property
    def version(self) -> int:
        return len(self.versions)

    def is_known_to(self, team: str) -> bool:
        return CHILDREN[self.child][0] == team or self.versions[-1][1] == team

    def shows_version(self, team: str, number: int) -> bool:
        return CHILDREN[self.child][0] == team or self.versions[number - 1][1] == team


class Teams(RuleBasedStateMachine):
    """Subclassed by the test with a database."""

    copy: Copy
    folder: Path
    definitions: Definitions

    written = Bundle("written")

    @initialize()
    def a_morning(self) -> None:
        self.url = self.copy(self.folder)
        self.database = kept(self.url)
        self.at = NOW
        self.kept: list[Kept] = []
        self.children: dict[str, str] = {}
        for name, (now, *before) in CHILDREN.items():
            child = a_child(borough=before[0] if before else now, until=MOVED_ON if before else None).kept_in(
                self.database, self.definitions
            )
            self.children[name] = child.reference
            if before:
                with self.opened(a_requester("service")) as record:
                    record.create("EpisodeOfCare", an_episode(child.reference, borough=now, start=MOVED_ON))

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.dispose()
            self.copy.forget(self.url)

    def opened(self, requester: Requester, *, writing: bool = True) -> Any:
        if writing:
            self.at += timedelta(seconds=1)
        return opened(self.database, requester, definitions=self.definitions, at=self.at, writing=writing)

    def body(self, child: str, what: dict[str, str]) -> JSON:
        found = an_observation(self.children[child], on=what["on"], code=what["code"], value=what["value"])
        return {**found, "status": what["status"]}

    def keep(self, child: str, body: JSON, team: str, id_: str) -> Kept:
        found = Kept(id_, child, len(self.kept), [(body, team)])
        self.kept.append(found)
        return found

    def refused(self, team: str, ask: Any) -> type[RecordError]:
        with pytest.raises(RecordError) as met, self.opened(a_requester(boroughs=[team])) as record:
            ask(record)
        return type(met.value)

    def answer_to_a_change(self, team: str, kept: Kept, version: int) -> type[RecordError] | None:
        """What the model expects a change of that version by the team to be answered with."""
        if not kept.is_known_to(team):
            return NotFound
        if kept.body is None:
            return Gone
        if CHILDREN[kept.child][0] != team:
            return Forbidden
        return None if version == kept.version else VersionConflict

    # Writers

    @rule(target=written, team=teams, child=children, what=measurements)
    def a_measurement_is_entered(self, team: str, child: str, what: dict[str, str]) -> Any:
        body = self.body(child, what)
        if CHILDREN[child][0] != team:
            # Whoever had the child before still knows of it, but enters nothing more.
            expected = Forbidden if team in CHILDREN[child] else Unprocessable
            assert self.refused(team, lambda record: record.create("Observation", body)) is expected
            return multiple()
        with self.opened(a_requester(boroughs=[team])) as record:
            made = record.create("Observation", body)
        assert made.created
        assert made.version.version == 1
        return self.keep(child, body, team, made.version.id)

    @rule(target=written, child=st.just("moved"), what=measurements)
    def the_team_before_had_entered_one(self, child: str, what: dict[str, str]) -> Kept:
        # The service writes what happened while Bury answered for the child, on Bury's behalf.
        body = self.body(child, {**what, "on": "2021-01-01"})
        with self.opened(a_requester("service")) as record:
            made = record.create("Observation", body)
        return self.keep(child, body, "bury", made.version.id)

    @rule(team=teams, kept=written, what=measurements, behind=st.integers(0, 2))
    def one_is_corrected(self, team: str, kept: Kept, what: dict[str, str], behind: int) -> None:
        body = {**self.body(kept.child, what), "id": kept.id}
        version = max(kept.version - behind, 0)
        expected = self.answer_to_a_change(team, kept, version)

        def correct(record: Record) -> Any:
            return record.update("Observation", kept.id, body, if_match=f'W/"{version}"')

        if expected is not None:
            assert self.refused(team, correct) is expected
            return
        with self.opened(a_requester(boroughs=[team])) as record:
            assert correct(record).version.version == kept.version + 1
        kept.versions.append((body, team))

    @rule(team=teams, kept=written, status=st.sampled_from(STATUSES), behind=st.integers(0, 1))
    def its_status_alone_is_changed(self, team: str, kept: Kept, status: str, behind: int) -> None:
        version = max(kept.version - behind, 0)
        expected = self.answer_to_a_change(team, kept, version)
        patch = {
            "resourceType": "Binary",
            "contentType": "application/json-patch+json",
            "data": b64encode(dumps([{"op": "replace", "path": "/status", "value": status}])).decode(),
        }

        def change(record: Record) -> Any:
            return record.patch("Observation", kept.id, patch, if_match=f'W/"{version}"')

        if expected is not None:
            # A patch is tried on the version it was made for, before it is asked who may write.
            also = VersionConflict if expected is Forbidden and version != kept.version else expected
            assert self.refused(team, change) in (expected, also)
            return
        with self.opened(a_requester(boroughs=[team])) as record:
            change(record)
        assert kept.body is not None
        kept.versions.append(({**kept.body, "status": status}, team))

    @rule(team=teams, kept=written)
    def one_is_deleted(self, team: str, kept: Kept) -> None:
        expected = self.answer_to_a_change(team, kept, kept.version)
        if expected is Gone:
            # To delete again what is deleted is no fault, and changes nothing.
            if CHILDREN[kept.child][0] == team:
                with self.opened(a_requester(boroughs=[team])) as record:
                    record.delete("Observation", kept.id)
            return
        if expected is not None:
            assert self.refused(team, lambda record: record.delete("Observation", kept.id)) is expected
            return
        with self.opened(a_requester(boroughs=[team])) as record:
            record.delete("Observation", kept.id)
        kept.versions.append((None, team))

    @rule(
        target=written,
        team=teams,
        entered=st.lists(st.tuples(children, measurements), min_size=1, max_size=4),
        corrected=st.none() | st.tuples(written, measurements),
        deleted=st.none() | written,
    )
    def a_tablet_sends_several_at_once(
        self, team: str, entered: Sequence[Any], corrected: Any, deleted: Kept | None
    ) -> Any:
        """All is done, or nothing is."""
        entries = [an_entry(self.body(child, what)) for child, what in entered]
        is_good = all(CHILDREN[child][0] == team for child, _ in entered)
        changed = None
        if corrected is not None and corrected[0] is not deleted:
            kept, what = corrected
            changed = kept, {**self.body(kept.child, what), "id": kept.id}
            entries.append(
                {
                    "resource": changed[1],
                    "request": {
                        "method": "PUT", "url": f"Observation/{kept.id}", "ifMatch": f'W/"{kept.version}"'
                    },
                }
            )  # fmt: skip
            is_good &= self.answer_to_a_change(team, kept, kept.version) is None
        if deleted is not None:
            entries.append({"request": {"method": "DELETE", "url": f"Observation/{deleted.id}"}})
            of_team = CHILDREN[deleted.child][0] == team
            is_good &= of_team
        bundle = a_transaction(*entries)
        if not is_good:
            self.refused(team, lambda record: record.transact(bundle))
            return multiple()
        with self.opened(a_requester(boroughs=[team])) as record:
            answer = record.transact(bundle)
        if changed is not None:
            changed[0].versions.append((changed[1], team))
        if deleted is not None and deleted.body is not None:
            deleted.versions.append((None, team))
        made = [entry["response"]["location"].split("/")[-3] for entry in answer["entry"][: len(entered)]]
        return multiple(
            *(
                self.keep(child, self.body(child, what), team, id_)
                for (child, what), id_ in zip(entered, made, strict=True)
            )
        )

    # Readers

    @rule(team=teams, kept=written)
    def one_is_read_with_all_its_versions(self, team: str, kept: Kept) -> None:
        with self.opened(a_requester(boroughs=[team]), writing=False) as record:
            if not kept.is_known_to(team):
                with pytest.raises(NotFound):
                    record.read("Observation", kept.id)
            elif kept.body is None:
                with pytest.raises(Gone):
                    record.read("Observation", kept.id)
            else:
                assert shown(record.read("Observation", kept.id).json()) == shown(kept.body)
        seen = [number for number in range(kept.version, 0, -1) if kept.shows_version(team, number)]
        with self.opened(a_requester(boroughs=[team]), writing=False) as record:
            if not seen:
                with pytest.raises(NotFound):
                    record.history("Observation", kept.id)
                return
            history, page = [], None
            while page is not None or not history:
                found = record.history("Observation", kept.id, count=2, page=page)
                assert found.total == len(seen)
                history += found.matches
                page = found.next
                if page is None:
                    break
        assert [each.version for each in history] == seen
        for each in history:
            body = kept.versions[each.version - 1][0]
            assert (loads(each.body) if each.body else None) is None or shown(loads(each.body)) == shown(body)
            assert bool(each.body) == (body is not None)

    @rule(
        team=teams,
        child=st.none() | children,
        code=st.none() | st.lists(st.sampled_from(CODES), min_size=1, max_size=2, unique=True),
        status=st.none() | st.tuples(st.booleans(), st.sampled_from(STATUSES)),
        when=st.none()
        | st.tuples(st.sampled_from(("eq", "ge", "lt", "sa")), st.sampled_from((*DAYS, "2020", "2021-02"))),
        weight=st.none()
        | st.tuples(st.sampled_from(("eq", "gt", "le")), st.sampled_from(("3.5", "12.4", "50"))),
        sort=st.sampled_from((None, "date", "-date", "status", "-_lastUpdated,_id")),
        count=st.sampled_from((1, 2, 3, 50)),
    )
    def they_are_searched(
        self,
        team: str,
        child: str | None,
        code: list[str] | None,
        status: Any,
        when: Any,
        weight: Any,
        sort: str | None,
        count: int,
    ) -> None:
        asked = [("_count", str(count)), ("_total", "accurate")]
        wanted = [each for each in self.kept if each.body is not None and each.is_known_to(team)]
        if child is not None:
            asked.append(("patient", self.children[child]))
            wanted = [each for each in wanted if each.child == child]
        if code is not None:
            asked.append(("code", ",".join(code)))
            wanted = [each for each in wanted if stated(each)["code"]["coding"][0]["code"] in code]
        if status is not None:
            but, value = status
            asked.append(("status:not" if but else "status", value))
            wanted = [each for each in wanted if (stated(each)["status"] == value) != but]
        if when is not None:
            prefix, day = when
            asked.append(("date", f"{prefix}{day}"))
            wanted = [each for each in wanted if is_then(stated(each)["effectiveDateTime"], prefix, day)]
        if weight is not None:
            prefix, number = weight
            asked.append(("value-quantity", f"{prefix}{number}"))
            wanted = [
                each for each in wanted if weighs(stated(each)["valueQuantity"]["value"], prefix, number)
            ]
        if sort is not None:
            asked.append(("_sort", sort))
        found, page = [], None
        while True:
            with self.opened(a_requester(boroughs=[team]), writing=False) as record:
                here = record.search("Observation", asked + ([("_page", page)] if page else []))
            assert here.total == len(wanted)
            assert len(here.matches) <= count
            found += here.matches
            page = here.next
            if page is None:
                break
        assert sorted(each.id for each in found) == sorted(each.id for each in wanted)
        by_id = {each.id: each for each in wanted}
        for each in found:
            assert shown(each.json()) == shown(stated(by_id[each.id]))
        if sort in ("date", "-date"):
            days = [each.json()["effectiveDateTime"] for each in found]
            assert days == sorted(days, reverse=sort == "-date")
        if sort == "status":
            statuses = [each.json()["status"] for each in found]
            assert statuses == sorted(statuses)
        if sort == "-_lastUpdated,_id":
            times = [each.updated_at for each in found]
            assert times == sorted(times, reverse=True)

    @invariant()
    def no_version_is_lost(self) -> None:
        if not hasattr(self, "database"):
            return
        with self.database.reading() as connection:
            standing = connection.exec_driver_sql(
                "select count(*) from resource_version v join resource r on r.rid = v.rid "
                "where r.type = 'Observation'"
            ).scalar_one()
        assert standing == sum(each.version for each in self.kept)


def shown(body: JSON | None) -> JSON:
    """What both sides must agree on: everything but what the server alone decides."""
    assert body is not None
    found = {name: value for name, value in body.items() if name not in ("id", "meta")}
    weight = found["valueQuantity"]["value"]
    # 3.5 and 3.50 are two measurements: one was read off a finer scale.
    return {**found, "valueQuantity": {**found["valueQuantity"], "value": str(weight)}}


def stated(kept: Kept) -> JSON:
    assert kept.body is not None
    return kept.body


def is_then(stated_at: str, prefix: str, day: str) -> bool:
    """Whether ten o'clock on the stated day stands so to a day, month or year (no summer time is near)."""
    on = date.fromisoformat(stated_at[:10])
    parts = [int(part) for part in day.split("-")]
    first = date(*[*parts, 1, 1][:3])
    if len(parts) == 1:
        after = date(first.year + 1, 1, 1)
    elif len(parts) == 2:
        after = (first + timedelta(days=31)).replace(day=1)
    else:
        after = first + timedelta(days=1)
    match prefix:
        case "eq":
            return first <= on < after
        case "ge":
            return on >= first
        case "lt":
            return on < first
    return on >= after


def weighs(value: Decimal, prefix: str, number: str) -> bool:
    """ "eq" is to the digits that were asked with: 3.5 is from 3.45 to before 3.55."""
    asked = Decimal(number)
    half = Decimal(5).scaleb(asked.as_tuple().exponent - 1)
    match prefix:
        case "eq":
            return asked - half <= value < asked + half
        case "gt":
            return value > asked
    return value <= asked


def test_whatever_two_teams_do_the_record_and_its_model_say_the_same(request, definitions, tmp_path_factory):
    class Here(Teams):
        def __init__(self) -> None:
            self.folder = tmp_path_factory.mktemp("history")
            super().__init__()

    Here.copy = request.getfixturevalue("_with_definitions")
    Here.definitions = definitions
    try_histories(
        Here,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
