"""Canaries: words that stand in one place alone, looked for in every byte that leaves.

Every name, address, telephone, note, answer of a form, narrative, attachment and code of the families (families.py) is
a canary, and so is why somebody offered a child or opened it in an emergency. Each kind of caller goes through the
service; all that comes back, with what is logged and printed meanwhile, is searched for canaries and NHS numbers that
this caller may not have, whatever they are wrapped in, and for passwords, tokens and what they are kept as. Which
canaries a caller may have is told by the oracle.
"""

import base64
import binascii
import copy
import html
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from urllib.parse import unquote

from healthvisit.accounts import keys
from healthvisit.exact_json import JSON, dumps, loads
from tests import builders
from tests.pdf import Document
from tests.reach import families, oracle
from tests.reach.families import CANARY, PARENTS_SEE, Deed, Written
from tests.reach.questions import Questions
from tests.reach.served import CALLERS, Answered, Asked, Caller, Told
from tests.reach.twin_worlds import First, Side, coming, first_world

NHS_NUMBER = re.compile(r"(?<!\d)999\d{7}(?!\d)")
_ENCODED = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
# What of a parent's resources has no word in the parents' view: of a reference no more than where it leads.
_WORDLESS = {"subject", "encounter", "extension", "resourceType"}
BATCH = 40


@dataclass(frozen=True)
class Leak:
    """word: the canary, NHS number or secret. where: what it came in. place: where it stands in the record."""

    caller: str
    word: str
    where: str
    place: str


def words(text: str) -> set[str]:
    """Canaries and NHS numbers in a text."""
    return {*CANARY.findall(text), *NHS_NUMBER.findall(text)}


def texts(body: bytes) -> Iterator[str]:
    """The text, and what it is when it is unpacked and unwrapped, in the ways in which such answers are wrapped."""
    if body[:2] == b"\x1f\x8b":
        body = zlib.decompressobj(wbits=31).decompress(body)
    if body[:5] == b"%PDF-":
        body = Document(body).everything.encode()
    plain = body.decode("utf-8", "replace")
    yield plain.lower()
    if "\\u" in plain:
        yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), plain).lower()
    if "&#" in plain:
        yield html.unescape(plain).lower()
    if "%" in plain:
        yield unquote(plain).lower()
    for match in _ENCODED.finditer(body):
        run = match[0].rstrip(b"=").translate(_STANDARD)
        for encoded in (run[: len(run) // 4 * 4], run + b"=" * (-len(run) % 4)):
            try:
                yield base64.b64decode(encoded).decode("latin-1").lower()
            except (binascii.Error, ValueError):
                continue


_STANDARD = bytes.maketrans(b"-_", b"+/")


def places(steps: Iterable[Written], deeds: Iterable[Deed]) -> dict[str, str]:
    """Where each word stands."""
    found = {word: deed.name for deed in deeds for word in words(deed.words)}
    for step in steps:
        for name, element in (step.body or {}).items():
            for word in _words_of({name: element}):
                found.setdefault(word, f"{step.paper}, {step.type}.{name}")
    return found


def allowed(steps: Iterable[Written], deeds: Iterable[Deed], caller: Caller) -> set[str]:
    """Words that the caller may have, by the oracle."""
    steps, deeds = tuple(steps), tuple(deeds)
    told, asker = families.world(steps, deeds), replace(caller.asker(), role=caller.role or "parent")
    by_search = {type_: oracle.search(told, asker, type_) for type_ in oracle.TYPES}
    found: set[str] = set()
    numbers: dict[str, int] = {}
    for step in steps:
        number = numbers[step.paper] = numbers.get(step.paper, 0) + 1
        paper = told.papers[step.type, step.paper]
        if step.body is None or number not in families.shown(told, asker, paper, by_search[paper.type]):
            continue
        body = copy.deepcopy(step.body)
        for holder, key in oracle.hidden(step.type, body, oracle.veiled(told, asker, paper)):
            del holder[key]
        if asker.role == "parent":
            names = PARENTS_SEE[step.type] - _WORDLESS
            body = {name: value for name, value in body.items() if name in names}
            if "identifier" in body:
                body["identifier"] = [
                    each for each in body["identifier"] if each["system"] == builders.NHS_NUMBER
                ]
        found |= _words_of(body)
    for deed in deeds:
        found |= _of_deed(told, asker, deed, steps)
    return found


def _of_deed(told: oracle.World, asker: oracle.Asker, deed: Deed, steps: Iterable[Written]) -> set[str]:
    """Why it was done; who the child is, for those whom it is offered to; and all that a row says."""
    if deed.what == "import":
        is_told = oracle.brought(asker, builders.BOROUGHS[deed.by])
        return _words_of(families.imported(deed)) if is_told else set()
    if deed.what == "late":
        is_told = oracle.came_late(told, asker, deed.child, restricted=deed.restricted)
        return words(deed.words) if is_told else set()
    if deed.what == "open":
        is_told = oracle.followed(told, asker, deed.child) and asker.role == "safeguarding-lead"
        return words(deed.words) if is_told and not deed.mistaken else set()
    match oracle.offered(told, asker, told.offers[deed.name]):
        case "all":
            return words(deed.words)
        case "that it comes":
            patients = [each for each in steps if each.type == "Patient" and each.child == deed.child]
            body = patients[-1].body or {}
            numbers = [each for each in body["identifier"] if each["system"] == builders.NHS_NUMBER]
            return _words_of({"name": body["name"], "identifier": numbers})
    return set()


def _words_of(value: JSON) -> set[str]:
    return {word for text in texts(dumps(value)) for word in words(text)}


class Search:
    """Goes through the service as one caller after the other, and keeps what should not have come."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self.folder, self.seed = folder, seed
        self.steps = families.first(families.everything())
        self.deeds = families.first(families.deeds())
        self.places = places(self.steps, self.deeds)
        self.leaks: list[Leak] = []
        self.answers: dict[str, int] = {}
        self.found: dict[str, set[str]] = {}

    def run(self, callers: Iterable[str], count: int) -> list[Leak]:
        """count: requests of each, beside those that look at everything the caller finds."""
        keys.ensure(self.folder / "secrets")
        with ExitStack() as stack:
            side = Side()
            stack.callback(side.end)
            first = stack.enter_context(first_world(side, self.folder))
            for name in callers:
                self._by(side, first, CALLERS[name], count)
            side.send("heard", None)
            self._look("whoever reads the log", set(), set(), "log", str(side.receive()).encode())
        return self.leaks

    def _by(self, side: Side, first: First, caller: Caller, count: int) -> None:
        own = self.folder / f"canaries {caller.name}"
        own.mkdir()
        side.send("open", (first.copy(own), first.ids, self.folder, caller.name, self.seed, 1))
        told: Told = side.receive()
        side.send("secrets", None)
        secrets = side.receive()
        may_have = allowed(self.steps, self.deeds, caller)

        def ask(asked: list[Asked]) -> list[Answered]:
            side.send("ask", asked)
            answers: list[Answered] = side.receive()
            for request, answer in zip(asked, answers, strict=True):
                where = f"{request.method} {request.path}?{request.query} {answer.status}"
                headers = "\n".join(f"{name}: {value}" for name, value in answer.headers)
                self._look(caller.name, may_have, secrets, where, headers.encode())
                self._look(caller.name, may_have, secrets, where, answer.body)
            self.answers[caller.name] = self.answers.get(caller.name, 0) + len(asked)
            return answers

        questions = self._questions(ask, caller, told, may_have)
        for _ in range(-(-count // BATCH)):
            cells = [questions.random.choice(each) for each in questions.often for _ in range(BATCH // 4)]
            for cell, answer in zip(cells, ask([questions.ask(cell) for cell in cells]), strict=True):
                questions.look(cell, answer)

    def _questions(
        self,
        ask: Callable[[list[Asked]], list[Answered]],
        caller: Caller,
        told: Told,
        may_have: set[str],
    ) -> Questions:
        capability, openapi = (
            loads(answer.body)
            for answer in ask(
                [Asked(0, "GET", "/fhir/metadata"), Asked(0, "GET", "/openapi.json", credential="")]
            )
        )
        types = [each["type"] for each in capability["rest"][0]["resource"]]
        seen: set[str] = set()
        answered = ask([Asked(0, "GET", f"/fhir/{type_}", "_count=1000") for type_ in types])
        open_types = {
            type_ for type_, answer in zip(types, answered, strict=True) if answer.status.startswith("200")
        }
        for answer in answered:
            seen |= {each["resource"]["id"] for each in loads(answer.body).get("entry", ())}
        # Pages, and what is done with children beside what is written of them.
        listed, *_ = ask(
            [
                Asked(0, "GET", "/fhir/$transfers"),
                *(
                    Asked(0, "GET", path, credential="cookie")
                    for path, methods in sorted(openapi["paths"].items())
                    if "get" in methods and "{" not in path and not path.startswith("/fhir")
                ),
            ]
        )
        patients = [id_ for type_, id_ in sorted(told.versions) if type_ == "Patient"]
        ask([Asked(0, "GET", f"/fhir/Patient/{id_}/$everything") for id_ in patients])
        if caller.role == "parent":
            ask(
                [
                    Asked(0, "GET", f"/parents/children/{id_}/copy.{ending}", credential="cookie")
                    for id_ in patients
                    for ending in ("json", "pdf")
                ]
            )
        ask([Asked(0, "GET", f"/fhir/{type_}/_history", "_count=1000") for type_ in types])
        # Whoever asks by a word is told it again: of what is hidden only ids are asked for.
        known = Told(
            told.ids,
            {
                key: [(text, id_) for text, id_ in values if words(text) <= may_have]
                for key, values in told.values.items()
            },
            {key: body for key, body in told.bodies.items() if key[1] in seen},
            told.versions,
        )
        return Questions(
            capability,
            openapi,
            (known, known),
            seen,
            open_types,
            Random(f"{self.seed} {caller.name}"),
            coming(listed),
        )

    def _look(self, caller: str, may_have: set[str], secrets: set[str], where: str, body: bytes) -> None:
        for text in texts(body):
            there = words(text)
            self.found.setdefault(caller, set()).update(there & may_have)
            for word in there - may_have:
                if word in self.places:
                    self.leaks.append(Leak(caller, word, where, self.places[word]))
        plain = body.decode("latin-1")
        if "Set-Cookie" not in plain:
            self.leaks += [Leak(caller, word[:12], where, "a secret") for word in secrets if word in plain]
