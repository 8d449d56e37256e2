"""Requests made of a CapabilityStatement: every type, interaction, parameter and modifier, and every way through.

A cell is (type, interaction, parameter, modifier). What is asked in it is drawn from what is hidden from the caller, so
that an answer which depends on it would show; from what the caller sees; and from what nobody ever wrote.
"""

import base64
import json
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from random import Random
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from healthvisit.exact_json import JSON, dumps, loads
from tests import builders
from tests.builders import BOROUGHS, organization
from tests.reach.families import CONFIDENTIALITY, canary
from tests.reach.families import places as _places
from tests.reach.served import BASE, Answered, Asked, Told

FHIR = "application/fhir+json"
JSON_PATCH = "application/json-patch+json"
FORM = "application/x-www-form-urlencoded"

_ORDERED = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
# https://hl7.org/fhir/R4/search.html#modifiers: those that are not offered must be refused alike, too.
MODIFIERS: dict[str, tuple[str, ...]] = {
    "token": ("", ":not", ":missing", ":of-type", ":in", ":not-in", ":text", ":above", ":below"),
    "string": ("", ":exact", ":contains", ":missing"),
    "date": ("", ":missing", *_ORDERED),
    "reference": ("", ":missing", ":identifier", ":typed", ":above", ":below"),
    "uri": ("", ":above", ":below", ":missing"),
    "quantity": ("", ":missing", *_ORDERED),
    "number": ("", ":missing", *_ORDERED),
    "composite": ("",),
}
RESULTS: tuple[tuple[str, str], ...] = (
    ("_total", "accurate"), ("_total", "estimate"), ("_total", "none"), ("_summary", "count"), ("_summary", "true"),
    ("_summary", "text"), ("_summary", "data"), ("_summary", "false"), ("_count", "0"), ("_count", "1"),
    ("_count", "2"), ("_count", "1000"), ("_elements", "id,status,subject"), ("_elements", "name,address,identifier"),
    ("_pretty", "true"), ("_format", "json"), ("_format", "xml"),
    # Not offered: refused, whatever is hidden.
    ("_filter", "name eq x"), ("_query", "all"), ("_text", "x"), ("_content", "x"), ("_list", "x"),
    ("_contained", "true"),
)  # fmt: skip
# With a right one a child is opened: nobody here was born on it.
NOBODYS_BIRTHDAY = "2019-01-16"
_WRITING = {"create", "update", "patch", "delete"}
_KEPT = 400


class Cell(NamedTuple):
    type: str
    interaction: str
    parameter: str = ""
    modifier: str = ""


class Questions:
    """For one caller. capability, openapi: as the running service tells them. worlds: what stands in each of the two.

    seen: ids that the caller finds by searching. open_types: types that the caller may search. coming: ids of the
    offers that the caller is told of.
    often: sorts of cells that deserve more than their turn: what may be done with a child's papers, what is searched
    for by many ways, pages and links.
    """

    def __init__(
        self,
        capability: JSON,
        openapi: JSON,
        worlds: Sequence[Told],
        seen: set[str],
        open_types: set[str],
        random: Random,
        coming: Collection[str] = (),
    ) -> None:
        rest = capability["rest"][0]
        self.random, self.seen, self.worlds, self.coming = random, seen, worlds, coming
        self.of = {each["type"]: each for each in rest["resource"]}
        self.kinds = {
            type_: {each["name"]: each["type"] for each in of.get("searchParam", ())}
            for type_, of in self.of.items()
        }
        # Type -> (other type, its reference) that may lead there.
        self.back = {
            type_: [tuple(each.split(":")) for each in of.get("searchRevInclude", ())]
            for type_, of in self.of.items()
        }
        self.service = rest
        self.openapi = openapi
        self.following: deque[tuple[Cell, str]] = deque(maxlen=_KEPT)
        self.made: list[tuple[str, str]] = []
        self.number = 0
        one, other = worlds
        self.values: dict[tuple[str, str], tuple[list[str], list[str], list[str]]] = {}
        for key in one.values.keys() | other.values.keys():
            found, again = one.values.get(key, []), other.values.get(key, [])
            differing = {text for text, _ in set(found) ^ set(again)}
            hidden = {text for text, id_ in (*found, *again) if id_ not in seen}
            shown = {text for text, id_ in found if id_ in seen}
            self.values[key] = sorted(differing), sorted(hidden), sorted(shown)
        self.bodies: dict[str, list[JSON]] = {}
        for world in worlds:
            for (type_, _), body in sorted(world.bodies.items()):
                self.bodies.setdefault(type_, []).append(loads(body))
        self.cells = list(self._cells())
        own = [cell for cell in self.cells if cell.type in open_types & self.bodies.keys()]
        self.often = [
            [cell for cell in self.cells if cell.type == ""],
            [cell for cell in own if cell.interaction != "search"] or self.cells,
            [cell for cell in own if _goes_far(cell)] or self.cells,
            [cell for cell in own if cell.interaction == "search" and not _goes_far(cell)] or self.cells,
        ]

    # Which cells there are

    def _cells(self) -> Iterator[Cell]:
        for type_, of in self.of.items():
            for each in of["interaction"]:
                yield Cell(type_, each["code"])
            yield Cell(type_, "conditional-read")
            for code, element in (
                ("create", "Create"),
                ("update", "Update"),
                ("patch", "Update"),
                ("delete", "Delete"),
            ):
                if of.get(f"conditional{element}", False) not in (False, "not-supported"):
                    yield Cell(type_, f"conditional-{code}")
            if "patch" in {each["code"] for each in of["interaction"]}:
                yield Cell(type_, "patch", "FHIRPath")
            for name, kind in self.kinds[type_].items():
                for modifier in MODIFIERS[kind]:
                    yield Cell(type_, "search", name, modifier)
                yield Cell(type_, "search", "_sort", name)
            for name, value in RESULTS:
                yield Cell(type_, "search", name, value)
            for each in of.get("searchInclude", ()):
                yield Cell(type_, "search", "_include", each)
                yield Cell(type_, "search", "_include:iterate", each)
            for each in of.get("searchRevInclude", ()):
                yield Cell(type_, "search", "_revinclude", each)
                yield Cell(type_, "search", "_revinclude:iterate", each)
                yield Cell(type_, "search", "_has", each)
                other, code = each.split(":")
                yield Cell(other, "search", f"{code}:{type_}", "chain")
            yield Cell(type_, "search", "_include", "*")
            yield Cell(type_, "search", "in compartment")
            for each in of.get("operation", ()):
                yield Cell(type_, f"${each['name']}")
            for code in ("batch", "transaction"):
                yield Cell(type_, code)
        for each in self.service["interaction"]:
            yield Cell("", each["code"])
        for each in self.service.get("operation", ()):
            yield Cell("", f"${each['name']}")
        yield Cell("", "metadata")
        for path, methods in sorted(self.openapi["paths"].items()):
            if not path.startswith("/fhir") and "get" in methods:
                yield Cell("", "page", path)
            if path.startswith("/staff/") and "post" in methods:
                yield Cell("", "form", path)
        yield Cell("", "hand in", "/tablet/late-visits")
        for name in ("$export-status", "/introspect", "/token", "/revoke", "/authorize"):
            yield Cell("", "page", name)
        yield Cell("", "links followed")

    # One request

    def ask(self, cell: Cell) -> Asked:
        self.number += 1
        asked = self._ask(cell)
        headers = list(asked.headers)
        if self.random.random() < 0.1:
            headers.append(("Accept-Encoding", "gzip"))
        if asked.method == "GET" and self.random.random() < 0.03:
            asked = asked._replace(method="HEAD")
        return asked._replace(number=self.number, headers=tuple(headers))

    def look(self, cell: Cell, answered: Answered) -> None:
        """Keep what an answer leads to, for a later request."""
        for name in ("Location", "Content-Location"):
            where = answered.header(name)
            if where and where.startswith(f"{BASE}/fhir/"):
                self.following.append((cell, where))
                if answered.status.startswith("201"):
                    type_, id_ = where.removeprefix(f"{BASE}/fhir/").split("/")[:2]
                    self.made.append((type_, id_))
        is_one = "ndjson" not in (answered.header("Content-Type") or "") and answered.body[:1] == b"{"
        if is_one and (b'"next"' in answered.body or b'"output"' in answered.body):
            body = json.loads(answered.body)
            found = [each["url"] for each in body.get("link", ()) if each["relation"] == "next"]
            for where in found + [each["url"] for each in body.get("output", ()) if "url" in each]:
                self.following.append((cell, where))

    def _ask(self, cell: Cell) -> Asked:
        type_, interaction = cell.type, cell.interaction
        match interaction:
            case "read" | "conditional-read":
                held = {
                    "If-None-Match": f'W/"{self.random.choice((1, 1, 2, 3))}"',
                    "If-Modified-Since": _LATE,
                }
                name = self.random.choice(list(held))
                headers = ((name, held[name]),) if interaction != "read" else ()
                return Asked(0, "GET", f"/fhir/{type_}/{self._id(type_)}", headers=headers)
            case "vread":
                version = self.random.choice(("1", "1", "2", "3", "0", "x"))
                return Asked(0, "GET", f"/fhir/{type_}/{self._id(type_)}/_history/{version}")
            case "history-instance":
                return Asked(0, "GET", f"/fhir/{type_}/{self._id(type_)}/_history", self._of_history())
            case "history-type":
                return Asked(0, "GET", f"/fhir/{type_}/_history", self._of_history())
            case "history-system":
                return Asked(0, "GET", "/fhir/_history", self._of_history())
            case "search-type":
                return self._search(type_, [])
            case "search-system":
                types = ",".join(self.random.sample(sorted(self.of), self.random.randint(1, 4)))
                return self._search("", [("_type", types), *self._plain(self.random.choice(sorted(self.of)))])
            case "search":
                return self._search(type_, self._of_cell(cell))
            case "metadata":
                return Asked(0, "GET", "/fhir/metadata", credential=self.random.choice(("", "token")))
            case "batch" | "transaction":
                entries = [self._entry(type_ or self._a_type()) for _ in range(self.random.randint(1, 3))]
                return _sent(
                    "POST", "/fhir", {"resourceType": "Bundle", "type": interaction, "entry": entries}
                )
            case "page":
                return self._page(cell.parameter)
            case "form":
                return self._form(cell.parameter)
            case "links followed":
                return self._followed()
            case "hand in":
                return self._late_visit(cell.parameter)
        if interaction.startswith("$"):
            return self._operation(type_, interaction)
        entry = self._changing(type_, interaction, cell.parameter)
        request = entry["request"]
        headers = [
            (name, request[key])
            for key, name in (("ifMatch", "If-Match"), ("ifNoneExist", "If-None-Exist"))
            if key in request
        ]
        path, _, query = request["url"].partition("?")
        body = entry.get("resource")
        if body is not None and body["resourceType"] == "Binary" and request["method"] == "PATCH":
            text, media = request["patch"], JSON_PATCH
        else:
            text, media = dumps(body) if body is not None else b"", FHIR
        return Asked(0, request["method"], f"/fhir/{path}", query, (*headers, ("Content-Type", media)), text)

    # Searching

    def _search(self, type_: str, pairs: list[tuple[str, str]]) -> Asked:
        if self.random.random() < 0.3:
            pairs = [*pairs, self.random.choice(RESULTS[:12])]
        if type_ and self.random.random() < 0.1:
            pairs = [*pairs, ("_sort", self.random.choice(("", "-")) + self._a_parameter(type_))]
        if type_ and self.random.random() < 0.1:
            pairs = [*pairs, self._an_include(type_)]
        if type_ and self.random.random() < 0.15:
            pairs = [*pairs, *self._plain(type_)]
        path = f"/fhir/{type_}" if type_ else "/fhir"
        if self.random.random() < 0.2:
            body = urlencode(pairs).encode()
            return Asked(0, "POST", f"{path}/_search", "", (("Content-Type", FORM),), body)
        return Asked(0, "GET", path, urlencode(pairs))

    def _of_cell(self, cell: Cell) -> list[tuple[str, str]]:
        type_, _, name, modifier = cell
        if modifier == "chain":
            code, other = name.split(":")
            inner, value = self._inner(other)
            typed = f"{code}:{other}" if self.random.random() < 0.8 else code
            return [(f"{typed}.{inner}", value)]
        match name:
            case "_has":
                other, code = modifier.split(":")
                inner, value = self._inner(other)
                return [(f"_has:{other}:{code}:{inner}", value)]
            case "_sort":
                return [("_sort", self.random.choice(("", "-")) + modifier)]
            case "in compartment":
                return [("_id", self._id(type_))]
            case _ if name not in self.kinds[type_]:
                return [(name, modifier), *self._plain(type_)]
        return [self._condition(type_, name, modifier)]

    def _condition(self, type_: str, name: str, modifier: str) -> tuple[str, str]:
        kind = self.kinds[type_][name]
        value = self._value(type_, name)
        match modifier:
            case ":missing":
                return f"{name}:missing", self.random.choice(("true", "false"))
            case ":identifier":
                return f"{name}:identifier", self._value(self._a_type(), "identifier")
            case ":typed":
                return f"{name}:{self._a_type()}", value.rpartition("/")[2]
            case ":of-type":
                return (
                    f"{name}:of-type",
                    f"http://terminology.hl7.org/CodeSystem/v2-0203|MR|{value.rpartition('|')[2]}",
                )
            case _ if modifier in _ORDERED:
                return name, f"{modifier}{value}"
        if modifier == "" and self.random.random() < 0.2 and kind != "composite":
            value = f"{value},{self._value(type_, name)}"
        return f"{name}{modifier}", value

    def _inner(self, type_: str, depth: int = 1) -> tuple[str, str]:
        """What the end of a chain, or of _has, asks of the type; sometimes by one more step."""
        if depth < 3 and self.back[type_] and self.random.random() < 0.2:
            other, code = self.random.choice(self.back[type_])
            inner, value = self._inner(other, depth + 1)
            return f"_has:{other}:{code}:{inner}", value
        name = self._a_parameter(type_)
        references = [
            (code, target)
            for target in self.back
            for each, code in self.back[target]
            if each == type_ and code == name
        ]
        if depth < 3 and references and self.random.random() < 0.5:
            code, target = self.random.choice(references)
            inner, value = self._inner(target, depth + 1)
            return f"{code}:{target}.{inner}", value
        return self._condition(type_, name, self.random.choice(MODIFIERS[self.kinds[type_][name]]))

    def _plain(self, type_: str) -> list[tuple[str, str]]:
        name = self._a_parameter(type_)
        return [self._condition(type_, name, "")]

    def _an_include(self, type_: str) -> tuple[str, str]:
        of = self.of[type_]
        ways = [("_include", each) for each in of.get("searchInclude", ())]
        ways += [("_revinclude", each) for each in of.get("searchRevInclude", ())]
        return self.random.choice(ways or [("_include", "*")])

    def _of_history(self) -> str:
        pairs: list[tuple[str, str]] = []
        if self.random.random() < 0.4:
            pairs.append(("_count", self.random.choice(("0", "1", "2", "50", "1000"))))
        if self.random.random() < 0.4:
            name = self.random.choice(("_since", "_at"))
            pairs.append((name, self._value(self._a_type(), "_lastUpdated")))
        return urlencode(pairs)

    # Values

    def _a_type(self) -> str:
        return self.random.choice(sorted(self.bodies) or sorted(self.of))

    def _a_parameter(self, type_: str) -> str:
        # Those that somebody has written something for come first: the others find nothing in either world.
        names = sorted(self.kinds[type_])
        filled = [name for name in names if (type_, name) in self.values]
        return self.random.choice(filled if filled and self.random.random() < 0.8 else names)

    def _value(self, type_: str, name: str) -> str:
        found = self.values.get((type_, name))
        if found is None and self.kinds.get(type_, {}).get(name) == "reference":
            child = self._a_type()
            return (
                f"{child}/{self._id(child)}"
                if self.random.random() < 0.5
                else f"Patient/{self._id('Patient')}"
            )
        value = self._drawn(found) if found is not None else None
        return value if value is not None else self.random.choice(_NONSENSE)

    def _drawn(self, found: tuple[list[str], list[str], list[str]]) -> str | None:
        differing, hidden, shown = found
        chance = self.random.random()
        pool = differing if chance < 0.35 else hidden if chance < 0.6 else shown if chance < 0.92 else []
        pool = pool or (hidden or shown if chance < 0.92 else [])
        return self.random.choice(pool) if pool else None

    def _id(self, type_: str) -> str:
        found = self.values.get((type_, "_id"))
        value = self._drawn(found) if found is not None else None
        if value is None and self.random.random() < 0.5:
            value = self._drawn(self.values.get((self._a_type(), "_id"), ([], [], [])))
        return value or "01920000-0000-7000-8000-000000000000"

    # Writing

    def _entry(self, type_: str) -> JSON:
        codes = [each["code"] for each in self.of[type_]["interaction"] if each["code"] in _WRITING]
        code = self.random.choice([*codes, "read", "search", "vread"])
        if code == "search":
            return {"request": {"method": "GET", "url": f"{type_}?{urlencode(self._plain(type_))}"}}
        if code in ("read", "vread"):
            url = f"{type_}/{self._id(type_)}" + ("/_history/1" if code == "vread" else "")
            return {"request": {"method": "GET", "url": url}}
        if self.random.random() < 0.3:
            code = f"conditional-{code}"
        entry = self._changing(type_, code, "")
        entry["request"].pop("patch", None)
        return entry

    def _changing(self, type_: str, code: str, how: str) -> JSON:
        """An entry of a bundle: what is changed, and how it is asked."""
        by_query = code.startswith("conditional-")
        code = code.removeprefix("conditional-")
        criteria = urlencode([self._condition(type_, self._a_parameter(type_), "")])
        if code == "create":
            request: JSON = {"method": "POST", "url": type_}
            if by_query:
                request["ifNoneExist"] = criteria
            return {"resource": self._body(type_), "request": request}
        id_ = self._id_to_change(type_, code)
        request = {"url": f"{type_}?{criteria}" if by_query else f"{type_}/{id_}"}
        if self.random.random() < 0.9:
            request["ifMatch"] = f'W/"{self._version(type_, id_)}"'
        if code == "delete":
            return {"request": {"method": "DELETE", **request}}
        if code == "update":
            body = self._body(type_, id_)
            if not by_query:
                body["id"] = id_
            return {"resource": body, "request": {"method": "PUT", **request}}
        request["method"] = "PATCH"
        name, value = self.random.choice((("status", "final"), ("language", "en"), ("gender", "other")))
        if how == "FHIRPath":
            part = [
                {"name": "type", "valueCode": "add"}, {"name": "path", "valueString": type_},
                {"name": "name", "valueString": name}, {"name": "value", "valueCode": value},
            ]  # fmt: skip
            return {
                "resource": {
                    "resourceType": "Parameters",
                    "parameter": [{"name": "operation", "part": part}],
                },
                "request": request,
            }
        ops = [{"op": "add", "path": f"/{name}", "value": value}]
        if self.random.random() < 0.5:
            ops.insert(
                0, {"op": "test", "path": "/identifier/0/value", "value": self._value(type_, "identifier")}
            )
        text = json.dumps(ops).encode()
        return {"resource": _binary(text), "request": {**request, "patch": text}}

    def _id_to_change(self, type_: str, code: str) -> str:
        made = [id_ for each, id_ in self.made[-_KEPT:] if each == type_]
        if made and self.random.random() < 0.5:
            return self.random.choice(made)
        differing, hidden, shown = self.values.get((type_, "_id"), ([], [], []))
        # What is seen is seldom taken away: there would soon be nothing left to ask for.
        kept = code == "delete" and self.random.random() < 0.9
        pool = [*differing, *hidden, *(() if kept else shown)]
        return self.random.choice(pool) if pool else "01920000-0000-7000-8000-000000000000"

    def _version(self, type_: str, id_: str) -> int:
        versions = [world.versions.get((type_, id_)) for world in self.worlds]
        return self.random.choice([*(each for each in versions if each), 1])

    def _body(self, type_: str, id_: str | None = None) -> JSON:
        pool = self.bodies.get(type_)
        if not pool:
            return {"resourceType": type_}
        own = [each for each in pool if id_ is not None and each["id"] == id_]
        body: JSON = loads(dumps(self.random.choice(own or pool)))
        body.pop("id")
        body.pop("meta", None)
        if self.random.random() < 0.1:
            # What is marked takes what is about it along, whoever wrote that.
            body["meta"] = {"security": [{"system": CONFIDENTIALITY, "code": self.random.choice("RV")}]}
        references = [
            holder for holder, key in _places(body) if key == "reference" and isinstance(holder[key], str)
        ]
        if references and self.random.random() < 0.4:
            holder = self.random.choice(references)
            named = holder["reference"].partition("/")[0]
            holder["reference"] = f"{named}/{self._id(named)}"
        return body

    # Operations and pages

    def _operation(self, type_: str, name: str) -> Asked:
        chance = self.random.random()
        ask: list[tuple[str, str]] = []
        headers: tuple[tuple[str, str], ...] = ()
        path = f"/fhir/{type_}/{name}" if type_ else f"/fhir/{name}"
        known = ("everything", "document", "offer-transfer", "end-care")
        at_one = type_ and (name[1:] in known or (name != "$lastn" and chance < 0.5))
        if at_one:
            # Whose care ends is seen by nobody any more.
            id_ = self._id_to_change(type_, "delete") if name == "$end-care" else self._id(type_)
            path = f"/fhir/{type_}/{id_}/{name}"
        match name:
            case "$export":
                headers = (("Prefer", "respond-async"),)
                if type_ == "Group":
                    path = f"/fhir/Group/{self._id('Group')}/$export"
                if chance < 0.4:
                    ask.append(("_type", f"{self._a_type()},{self._a_type()}"))
                if chance < 0.2:
                    each = self._a_type()
                    ask[:] = [("_typeFilter", f"{each}?{urlencode(self._plain(each))}"), ("_type", each)]
            case "$everything":
                pairs = [
                    ("_type", "Observation,Encounter"),
                    ("_count", "2"),
                    ("_since", "2021-02-10T00:00:00Z"),
                ]
                ask = [pair for pair in pairs if self.random.random() < 0.3]
            case "$lastn":
                ask = [("patient", f"Patient/{self._id('Patient')}"), ("max", self.random.choice("123"))]
                if chance < 0.5:
                    ask.append(("code", self._value("Observation", "code")))
            case "$validate":
                body = self._body(type_, None)
                if at_one:
                    body["id"] = path.split("/")[3]
                mode = "update" if at_one else "create"
                parameters = [{"name": "resource", "resource": body}, {"name": "mode", "valueCode": mode}]
                return _sent("POST", path, {"resourceType": "Parameters", "parameter": parameters})
            case "$expand" | "$validate-code":
                ask = [
                    ("code", self._value("Observation", "code").rpartition("|")[2] or "x"),
                    ("system", "http://loinc.org"),
                ]
                ask = ask if name == "$validate-code" else [("filter", "a")]
            case "$lookup":
                system, _, code = self._value("Observation", "code").rpartition("|")
                ask = [("system", system or "http://loinc.org"), ("code", code or "x")]
            case "$document" | "$questionnaire-package" | "$transfers":
                pass
            case _:
                # Whatever else there is changes something: it is sent what it needs, and is refused or done alike.
                parameters = self._needed(name)
                if chance < 0.1:
                    parameters = parameters[1:]
                return _sent("POST", path, {"resourceType": "Parameters", "parameter": parameters})
        return Asked(0, "GET", path, urlencode(ask), headers)

    def _needed(self, name: str) -> list[JSON]:
        """The parameters of an operation that changes something."""
        given: dict[str, JSON] = {}
        match name:
            case "$offer-transfer":
                slug = self.random.choice(list(BOROUGHS))
                given = {
                    "to": {"valueReference": {"reference": organization(slug)}},
                    "restricted": {"valueBoolean": self.random.random() < 0.5},
                }
            case "$accept-transfer" | "$decline-transfer" | "$withdraw-transfer":
                given = {"transfer": {"valueString": self._an_offer(is_taken=name == "$accept-transfer")}}
            case "$end-care":
                given = {"day": {"valueDate": "2021-02-15"}}
            case "$open":
                given = {
                    "nhs-number": {"valueString": self._a_number()},
                    "born": {"valueDate": NOBODYS_BIRTHDAY},
                    "sentence": {"valueString": "Nobody was born on this day."},
                }
        if name == "$open":
            given["reason"] = {"valueCode": "safety"}
        elif name not in ("$accept-transfer", "$withdraw-transfer"):
            given["reason"] = {"valueCode": "school-nursing" if name == "$end-care" else "other"}
        return [{"name": each, **value} for each, value in given.items()]

    def _an_offer(self, *, is_taken: bool) -> str:
        """is_taken: one that is not on offer to the caller. Whose child comes sees what was hidden."""
        found = self._value("transfer", "id")
        return found if not (is_taken and found in self.coming) else self._id("Patient")

    def _a_number(self) -> str:
        found = self._value("Patient", "identifier").rpartition("|")[2]
        return found if found.startswith("999") else "9990000018"

    def _form(self, path: str) -> Asked:
        """A page's form, as its caller would send it."""
        is_taken = path == "/staff/moves/accepted"
        fields = {
            "transfer": self._an_offer(is_taken=is_taken),
            "opening": self._value("opening", "id"),
            "ending": self._id("Patient"),
            "row": self._value("import", "id"),
            "visit": self._value("late", "id"),
            "child": "another" if self.random.random() < 0.3 else self._id("Patient"),
            "outcome": "justified",
            "nhs_number": self._a_number(),
            "to": f"{self.random.choice(list(BOROUGHS))}-health-visiting",
            "reason": "safety"
            if path == "/staff/open"
            else "school-nursing"
            if "endings" in path
            else "cannot-be-told"
            if "imports" in path
            else "wrong"
            if "late-visits" in path
            else "other",
            "sentence": "Nobody was born on this day.",
        }
        day = date.fromisoformat(NOBODYS_BIRTHDAY if path == "/staff/open" else "2021-02-15")
        for name in ("born", "day"):
            fields |= {
                f"{name}-day": str(day.day),
                f"{name}-month": str(day.month),
                f"{name}-year": str(day.year),
            }
        if self.random.random() < 0.1:
            del fields[self.random.choice(list(fields))]
        return Asked(0, "POST", path, "", (("Content-Type", FORM),), urlencode(fields).encode(), "form")

    def _late_visit(self, path: str) -> Asked:
        """A visit of a child who may have gone, for a borough that the caller may work for."""
        operation = str(UUID(int=self.random.getrandbits(128), version=4))
        borough = self.random.choice(list(BOROUGHS))
        visit = builders.a_visit(f"Patient/{self._id('Patient')}", operation=operation, borough=borough)
        body = {"operation": operation, "visit": dumps(visit).decode()}
        return Asked(0, "POST", path, "", (("Content-Type", "application/json"),), dumps(body))

    def _page(self, path: str) -> Asked:
        match path:
            case "$export-status":
                job = self.random.choice((self._id("Group"), canary("a job"), self._id("Patient")))
                file = self.random.choice(("", "/Patient.1.ndjson"))
                return Asked(0, self.random.choice(("GET", "DELETE")), f"/fhir/$export-status/{job}{file}")
            case "/introspect" | "/token" | "/revoke":
                body = urlencode(
                    {"token": self._id("Patient"), "grant_type": "refresh_token", "client_id": "app"}
                )
                return Asked(0, "POST", path, "", (("Content-Type", FORM),), body.encode(), "")
            case "/authorize":
                query = {"response_type": "code", "client_id": "app", "scope": "launch/patient", "state": "x"}
                return Asked(0, "GET", path, urlencode(query), credential="cookie")
            case "/tablet/caseload":
                return Asked(0, "GET", path)
        filled = path
        for name in [each.partition("}")[0] for each in path.split("{")[1:]]:
            match name:
                case "gss":
                    value = self.random.choice(list(BOROUGHS.values()))
                case "row_id":
                    value = self._value("import", "id")
                case "visit_id":
                    value = self._value("late", "id")
                case _:
                    value = self._id("Patient")
            filled = filled.replace("{" + name + "}", quote(value))
        query = urlencode({"patient": self._id("Patient")}) if self.random.random() < 0.3 else ""
        return Asked(0, "GET", filled, query, credential="cookie")

    def _followed(self) -> Asked:
        if not self.following:
            return Asked(0, "GET", "/fhir/Patient", "_count=1")
        index = self.random.randrange(len(self.following))
        _, where = self.following[index]
        del self.following[index]
        parts = urlsplit(where.removeprefix(BASE))
        method = "DELETE" if "$export-status" in where and self.random.random() < 0.1 else "GET"
        return Asked(0, method, parts.path, parts.query)


def _goes_far(cell: Cell) -> bool:
    """Whether it goes through other resources, or counts or sorts them."""
    return cell.modifier == "chain" or cell.parameter in (
        "_has",
        "_include",
        "_revinclude",
        "_total",
        "_sort",
        "_count",
    )


def _sent(method: str, path: str, body: JSON) -> Asked:
    return Asked(0, method, path, "", (("Content-Type", FHIR),), dumps(body))


def _binary(text: bytes) -> JSON:
    return {
        "resourceType": "Binary",
        "contentType": JSON_PATCH,
        "data": base64.b64encode(text).decode("ascii"),
    }


_LATE = "Tue, 16 Feb 2021 09:00:00 GMT"
_NONSENSE = (
    "nobody",
    "x|y",
    "2021-02-01",
    "Patient/nobody",
    "1",
    "E08000009",
    "http://x.example",
    "true",
    "Ashworth",
)
