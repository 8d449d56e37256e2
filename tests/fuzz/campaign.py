"""Random requests made from /openapi.json, each answer held against it: no 5xx, and nothing that it does not say.

    scripts/fuzz [CASES] [--seed N]

The service runs in this process on a fresh demonstration with 30 invented children, asked with real tokens and
sessions. Half of the resources that are sent are whole ones of this service or of HL7's examples with a few places
spoilt, and half of the ids that are named stand in the record, so that requests come past the first gate.
Ends with 1 where an answer was wrong.
"""

import argparse
import copy
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from healthvisit import definitions as the_definitions
from healthvisit.config import packaged
from healthvisit.database import Database
from healthvisit.openapi import ADDRESS
from tests.conftest import migrate
from tests.flows.demonstration import Demonstration, fill

CASES, CHILDREN = 5_000, 30
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = Path(__file__).resolve().parents[1] / "record"
PEOPLE = {
    "parent": "parent",
    "commissioner": "commissioner",
    "health-visitor": "bury",
    **{role: role for role in ("team-lead", "safeguarding-lead", "administrator")},
}
# Session routes are asked as somebody who has signed in, but for the one that would end it.
LEAVING = "/sign-out"
FHIR = "application/fhir+json"
OPS = ("add", "remove", "replace", "move", "copy", "test")

# What a spoilt place may hold: other types, other lengths, what no reader of JSON likes.
ODD: list[Any] = [
    None, True, 0, -1, 1e308, 10**18, 0.1, "", " ", "x", "x" * 70_000, "\x00", "\u202e", "é" * 300, "<script>",
    "0000-00-00", "2020-02-30", "9999-12-31T23:59:60Z", "urn:uuid:x", "#", "#x", "Patient/", "Patient/x/_history/0",
    "Patient?identifier=x|y", "javascript:alert(1)", "http://[", "%", "a|b|c", [], [None], [[]], {}, {"": ""},
    {"extension": [{"url": "x"}]}, {"reference": "Patient/nobody"}, {"resourceType": "Patient"},
]  # fmt: skip


@dataclass
class Result:
    """cases: how many answers were looked at; statuses: how many of each; faults: what was wrong, and how often."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)


class Campaign:
    def __init__(self, demonstration: Demonstration) -> None:
        self.demonstration = demonstration
        app = demonstration.app
        self.schema = schemathesis.openapi.from_wsgi(ADDRESS, app)
        self.schema.config.generation.update(modes=list(GenerationMode))
        self.staff = demonstration.staff_app("bury")
        self.cookies = {role: _cookie(demonstration, name) for role, name in PEOPLE.items()}
        self.ids: dict[str, list[str]] = defaultdict(list)
        self.bodies: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._gather()
        self.result = Result()

    def run(self, cases: int, *, seed: int) -> Result:
        operations = [found.ok() for found in self.schema.get_all_operations()]
        each = max(1, -(-cases // len(operations)))
        for number, operation in enumerate(operations):

            @hypothesis.seed(seed + number)
            @hypothesis.settings(
                max_examples=each,
                phases=[Phase.generate],
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(), data=st.data())
            def ask(case: schemathesis.Case, data: st.DataObject) -> None:
                self._ask(case, data)

            ask()
        return self.result

    def _ask(self, case: schemathesis.Case, data: st.DataObject) -> None:
        self._mend(case, data)
        answer = case.call(headers=self._headers(case), cookies=self._cookies(case))
        self.result.cases += 1
        self.result.statuses[answer.status_code] += 1
        if answer.status_code == 201 and (where := answer.headers.get("location")):
            _, type_, id_, *_ = where[0].split("/fhir")[1].split("/")
            self.ids[type_].append(id_)
        try:
            case.validate_response(answer, checks=CHECKS)
        except FailureGroup as group:
            for failure in group.exceptions:
                fault = f"{case.method} {case.path}: {answer.status_code} {failure.title}: {failure.message[:200]}"
                self.result.faults[fault] += 1
                self.result.examples.setdefault(fault, case.as_curl_command()[:2_000])

    # What makes a request more than noise

    def _mend(self, case: schemathesis.Case, data: st.DataObject) -> None:
        type_ = case.path.split("/")[2] if case.path.startswith("/fhir/") else ""
        known = self.ids.get(type_)
        is_known = bool(known) and "id" in (case.path_parameters or {}) and data.draw(st.booleans())
        if is_known:
            case.path_parameters["id"] = data.draw(st.sampled_from(known))
            if case.method in ("PUT", "PATCH", "DELETE") and data.draw(st.booleans()):
                case.headers["If-Match"] = 'W/"1"'
        bodies = self.bodies.get(type_)
        if not data.draw(st.booleans()):
            return
        if case.method in ("POST", "PUT", "PATCH") and data.draw(st.booleans()):
            # A condition made at random is refused before the body is read.
            for name in ("If-None-Exist", "Idempotency-Key", "Prefer"):
                case.headers.pop(name, None)
        if case.path == "/fhir" and case.method == "POST":
            case.media_type = FHIR
            case.body = {
                "resourceType": "Bundle",
                "type": data.draw(st.sampled_from(["transaction", "batch"])),
                "entry": [self._entry(data) for _ in range(data.draw(st.integers(1, 4)))],
            }
        elif bodies and case.method in ("POST", "PUT") and case.media_type == FHIR:
            case.body = _spoilt(data.draw(st.sampled_from(bodies)), data)
            if case.method == "PUT" and is_known:
                case.body["id"] = case.path_parameters["id"]
        elif bodies and case.method == "PATCH":
            case.body = _patch(data.draw(st.sampled_from(bodies)), case.media_type, data)

    def _entry(self, data: st.DataObject) -> Any:
        type_ = data.draw(st.sampled_from(sorted(self.bodies)))
        method = data.draw(st.sampled_from(["POST", "PUT", "GET", "DELETE", "PATCH"]))
        known = self.ids.get(type_) or ["nobody"]
        url = type_ if method == "POST" else f"{type_}/{data.draw(st.sampled_from(known))}"
        entry: dict[str, Any] = {"request": {"method": method, "url": url}}
        if method in ("POST", "PUT"):
            entry["resource"] = copy.deepcopy(data.draw(st.sampled_from(self.bodies[type_])))
            if method == "PUT":
                entry["resource"]["id"] = url.rpartition("/")[2]
                entry["request"]["ifMatch"] = 'W/"1"'
        return _spoilt(entry, data)

    def _gather(self) -> None:
        """Ids and whole resources of each type, of this record and of HL7's examples, all about children here."""
        child = self.demonstration.a_child(self.staff)
        for resource in self.staff.client.get("/fhir/metadata").json["rest"][0]["resource"]:
            type_ = resource["type"]
            for entry in (self.staff.get(f"/fhir/{type_}?_count=20").json or {}).get("entry", ()):
                self.ids[type_].append(entry["resource"]["id"])
                self.bodies[type_].append(entry["resource"])
        self.ids["Patient"].insert(0, child)
        for path in sorted(EXAMPLES.rglob("examples/*.json")):
            body = json.loads(path.read_text("utf-8"))
            self.bodies[body["resourceType"]].append(body)
        for body in (each for bodies in self.bodies.values() for each in bodies):
            for holder, key in list(_places(body)):
                if key == "reference" and isinstance(holder[key], str):
                    known = self.ids.get(holder[key].partition("/")[0])
                    holder.update(
                        {"reference": f"{holder[key].partition('/')[0]}/{known[0]}"} if known else {}
                    )
                    if not known and not holder[key].startswith("#"):
                        holder[key.replace("reference", "display")] = holder.pop(key)

    def _headers(self, case: schemathesis.Case) -> dict[str, str]:
        # The checks read what comes back as it is.
        plain = {"Accept-Encoding": "identity"}
        return plain | (self.staff.headers if case.path.startswith(("/fhir", "/tablet/caseload")) else {})

    def _cookies(self, case: schemathesis.Case) -> dict[str, str]:
        roles = case.operation.definition.raw.get("x-roles", ())
        if case.path.startswith("/fhir") or not roles or case.path == LEAVING:
            return {}
        return self.cookies[next(role for role in roles if role in self.cookies)]


def _cookie(demonstration: Demonstration, name: str) -> dict[str, str]:
    cookie = demonstration.browser(name).get_cookie("healthvisit_session")
    assert cookie is not None
    return {cookie.key: cookie.value}


def _spoilt(body: dict[str, Any], data: st.DataObject) -> dict[str, Any]:
    """A copy with up to three places changed: taken away, doubled, or replaced by what is odd there."""
    found = copy.deepcopy(body)
    for _ in range(data.draw(st.sampled_from([0, 0, 1, 2, 3]))):
        places = list(_places(found))
        if not places:
            break
        holder, key = data.draw(st.sampled_from(places))
        match data.draw(st.sampled_from(["away", "odd", "twice"])):
            case "away":
                del holder[key]
            case "odd":
                holder[key] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
            case "twice":
                holder[key] = [holder[key], copy.deepcopy(holder[key])]
    return found


def _patch(body: dict[str, Any], media: str | None, data: st.DataObject) -> Any:
    """Changes in places that such a resource has."""
    places = [*_pointers(body, ""), "/nowhere"]
    changes = data.draw(
        st.lists(st.tuples(st.sampled_from(OPS), st.sampled_from(places), st.sampled_from(ODD)), max_size=3)
    )
    if media != FHIR:
        return [{"op": op, "path": place, "from": place, "value": value} for op, place, value in changes]
    return {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [
                    {"name": "type", "valueCode": {"remove": "delete", "copy": "insert"}.get(op, op)},
                    {"name": "path", "valueString": body["resourceType"] + place.replace("/", ".")},
                    {"name": "value", "valueString": value if isinstance(value, str) else "x"},
                ],
            }
            for op, place, value in changes
        ],
    }


def _pointers(value: Any, at: str) -> Iterator[str]:
    """JSON Pointers of every place."""
    for holder, key in _places(value):
        if holder is value:
            yield f"{at}/{key}"
            yield from _pointers(value[key], f"{at}/{key}")


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])


def a_demonstration(folder: Path) -> Demonstration:
    """A service on a fresh record of invented children."""
    found = packaged("fhir")
    definitions = the_definitions.load(found, found / "packs" / "practice")
    url = f"sqlite:///{folder / 'healthvisit.db'}"
    database = Database(url)
    migrate(database)
    fill(database, definitions, folder / "secrets", children=CHILDREN)
    database.dispose()
    return Demonstration(url, folder / "secrets")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("cases", type=int, nargs="?", default=CASES)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        result = Campaign(a_demonstration(Path(folder))).run(asked.cases, seed=asked.seed)
    statuses = ", ".join(f"{count} x {status}" for status, count in sorted(result.statuses.items()))
    print(f"{result.cases} cases in {time.monotonic() - begun:.0f} s, seed {asked.seed}: {statuses}")
    for fault, count in result.faults.most_common():
        print(f"\n{count} x {fault}\n  {result.examples[fault]}")
    sys.exit(bool(result.faults))


if __name__ == "__main__":
    main()
