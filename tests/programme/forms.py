"""Forms and answers by chance, faults included, and what the tablet's rules say of them.

`a_case(seed)` is a form, its value sets and two responses, plain JSON, the same for the same seed. `differences` asks
Python and one process of Node about many, and tells where they part.
Run as `python -m tests.programme.forms N`: from seed 0 on, with what the cases held.
"""

import argparse
import copy
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from healthvisit import exact_json
from healthvisit.exact_json import JSON
from healthvisit.programme import form as rules

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "tablet" / "form_rules.js"
UCUM = "http://unitsofmeasure.org"
COLOURS = "urn:colours"
VALUE_SETS = {COLOURS: [["urn:colour", "red"], ["urn:colour", "blue"], ["", "bare"]]}

# As texts, so that every digit is the one written here.
NUMBERS = [
    "0",
    "1",
    "2",
    "2.0",
    "2.50",
    "2.5",
    "-1",
    "3",
    "7.125",
    "1e1",
    "10",
    "2.5000000000000000000001",
    "-0.5",
    "40.0",
    "12E-1",
    "99999999999999999999.9",
]
WHOLE = ["0", "1", "2", "3", "5", "-4", "2147483647", "2147483648", "1.0"]
DAYS = [
    "2021",
    "2021-02",
    "2021-02-15",
    "2020-02-29",
    "2000-02-29",
    "1900-02-29",
    "2021-02-29",
    "2019-12-31",
    "0000-01-01",
    "21-02-15",
    "2021-2-1",
]
MOMENTS = [
    "2021-02-15T10:00:00Z", "2021-02-15T11:00:00+01:00", "2021-02-15T10:00:00.000+00:00", "2021-02-15T09:59:60Z",
    "2021-02-15T05:00:00-05:00",
    "2021-02-15T10:00:00.001Z", "0001-01-01T00:00:00+14:00", "2021-02-15T10:00:00", "2021-02-15T24:00:00Z",
    "2021-02-15", "2021-02", "2021-02-15T10:00Z", "2021-02-30T10:00:00Z", "9999-12-31T23:59:59-14:00",
]  # fmt: skip
TIMES = ["10:00:00", "10:00:00.0", "09:59:59.999", "12:30:00", "24:00:00", "10:00", "23:59:60", "10:00:00Z"]
WORDS = [
    "yes",
    "no",
    "a b",
    "ab",
    "AB12",
    "é",
    "𝒜𝒷",
    "",
    " ",
    "\n",
    "x" * 12,
    "yes ",
    "ﬁ",
    "\u00a0",
    "Ada\nL",
]
PATTERNS = [r"[A-Z]{2}\d+", r"yes|no", r"[^ ]+", r"[^.]{1,3}", r"a[ ]?b", r"(?:ab|AB)?\d*"]
CODES = [
    ("urn:colour", "red"),
    ("urn:colour", "blue"),
    ("urn:colour", "green"),
    ("urn:other", "red"),
    ("", "bare"),
]
UNITS = ["kg", "g", "cm"]
QUESTIONS = [
    "boolean", "decimal", "integer", "date", "dateTime", "time", "string", "text", "url", "choice", "open-choice",
    "quantity",
]  # fmt: skip


def a_case(seed: int) -> JSON:
    chance = Random(seed)
    questionnaire = _Maker(chance).form()
    before = {"resourceType": "QuestionnaireResponse", "item": _answers(chance, questionnaire["item"])}
    spoilt = chance.choice([0, 0, 1, 2, 4])
    for _ in range(spoilt):
        _spoil(chance, before, questionnaire)
    after = copy.deepcopy(before)
    for _ in range(chance.choice([0, 1, 2])):
        _spoil(chance, after, questionnaire)
    if chance.random() < 0.3:
        after["item"] = _answers(chance, questionnaire["item"])
    return {"questionnaire": questionnaire, "value_sets": VALUE_SETS, "before": before, "after": after}


class _Maker:
    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.links: list[str] = []

    def form(self) -> JSON:
        questionnaire = {"resourceType": "Questionnaire", "item": self.items(self.chance.randint(2, 6), 0)}
        made = list(_all(questionnaire["item"]))
        for item in made:
            if self.chance.random() < 0.45:
                self._condition(item, made, questionnaire)
        return questionnaire

    def items(self, number: int, depth: int) -> list[JSON]:
        return [self.item(depth) for _ in range(number)]

    def item(self, depth: int) -> JSON:
        chance = self.chance
        link = chance.choice(["q", "part.", "1.", "ä"]) + str(len(self.links))
        self.links.append(link)
        kind = chance.choice(["group", "display", *QUESTIONS]) if depth < 3 else chance.choice(QUESTIONS)
        item: JSON = {"linkId": link, "type": kind}
        if chance.random() < 0.9:
            item["text"] = f"Question {link}"
        if kind == "display":
            return item
        if chance.random() < 0.35:
            item["repeats"] = chance.random() < 0.9
        if chance.random() < 0.35:
            item["required"] = chance.random() < 0.9
        if kind == "group" or (depth < 3 and chance.random() < 0.2):
            item["item"] = self.items(chance.randint(1, 3), depth + 1)
        self._limits(item)
        return item

    def _limits(self, item: JSON) -> None:
        chance, kind = self.chance, item["type"]
        extension: list[JSON] = []
        if kind in ("choice", "open-choice"):
            if chance.random() < 0.3:
                item["answerValueSet"] = COLOURS
            else:
                options = [{"valueCoding": _coding(code)} for code in chance.sample(CODES, 2)]
                if chance.random() < 0.4:
                    options += [{"valueString": "yes"}, {"valueInteger": 2}, {"valueDate": "2021-02-15"}]
                item["answerOption"] = options
        if kind == "quantity":
            several = chance.random() < 0.4
            name = "questionnaire-unitOption" if several else "questionnaire-unit"
            extension += [_unit(name, unit) for unit in (chance.sample(UNITS, 2) if several else ["kg"])]
            if several:
                item["extension"] = extension
                return
        if kind in ("decimal", "integer") and chance.random() < 0.5:
            extension.append(_unit("questionnaire-unit", "cm"))
        if kind in ("decimal", "quantity", "integer", "date", "dateTime", "time"):
            for url in ("minValue", "maxValue", "unlikely-below", "unlikely-above"):
                if chance.random() < 0.4:
                    base = rules.OWN if url.startswith("unlikely") else rules.CORE
                    extension.append({"url": base + url, **self._limit(kind)})
        if kind in ("decimal", "quantity") and chance.random() < 0.4:
            extension.append({"url": f"{rules.CORE}maxDecimalPlaces", "valueInteger": chance.randint(0, 3)})
        if kind in ("string", "text", "url", "open-choice"):
            if chance.random() < 0.4:
                item["maxLength"] = chance.randint(1, 5)
            if chance.random() < 0.3:
                extension.append({"url": f"{rules.CORE}minLength", "valueInteger": chance.randint(1, 4)})
            if chance.random() < 0.3:
                extension.append({"url": f"{rules.CORE}regex", "valueString": chance.choice(PATTERNS)})
        if extension:
            item["extension"] = extension

    def _limit(self, kind: str) -> JSON:
        chance = self.chance
        match kind:
            case "date":
                return {"valueDate": chance.choice(DAYS[:4])}
            case "dateTime":
                return {"valueDateTime": chance.choice(MOMENTS[:4])}
            case "time":
                return {"valueTime": chance.choice(TIMES[:4])}
            case "integer" if chance.random() < 0.5:
                return {"valueInteger": chance.randint(-1, 4)}
        return {"valueDecimal": _number(chance.choice([each for each in NUMBERS if "e" not in each.lower()]))}

    def _condition(self, item: JSON, made: Sequence[JSON], questionnaire: JSON) -> None:
        chance = self.chance
        conditions = []
        for _ in range(chance.choice([1, 1, 2, 3])):
            asked = chance.choice(made)
            operator = chance.choice(["exists", "=", "!=", ">", "<", ">=", "<="])
            value = {"valueBoolean": chance.random() < 0.7} if operator == "exists" else _value(chance, asked)
            ((name, wanted),) = value.items() or [("", None)]
            condition = {"question": asked["linkId"], "operator": operator, f"answer{name[5:]}": wanted}
            if _stands(questionnaire, item, {"enableWhen": [condition]}):
                conditions.append(condition)
        # Two that hold each for itself can still wait for each other.
        behaviour = {"enableBehavior": chance.choice(["all", "any"])}
        if conditions and _stands(questionnaire, item, {"enableWhen": conditions, **behaviour}):
            item.update({"enableWhen": conditions, **behaviour})


def _stands(questionnaire: JSON, item: JSON, conditions: JSON) -> bool:
    item.update(conditions)
    try:
        rules.form(questionnaire, _pairs())
    except rules.Unusable:
        return False
    finally:
        for name in conditions:
            del item[name]
    return True


def _pairs() -> rules.ValueSets:
    return {url: [(system, code) for system, code in codes] for url, codes in VALUE_SETS.items()}


def _all(items: Sequence[JSON]) -> Iterator[JSON]:
    for item in items:
        yield item
        yield from _all(item.get("item", ()))


def _number(text: str) -> Any:
    return exact_json.loads(text.encode())


def _coding(code: tuple[str, str]) -> JSON:
    system, name = code
    return {**({"system": system} if system else {}), "code": name, "display": name.title()}


def _unit(name: str, code: str) -> JSON:
    return {"url": rules.CORE + name, "valueCoding": {"system": UCUM, "code": code, "display": f"{code}."}}


def _value(chance: Random, item: JSON) -> JSON:
    """An answer that is of the item's kind more often than not."""
    match item["type"]:
        case "boolean":
            return {"valueBoolean": chance.random() < 0.5}
        case "decimal":
            return {"valueDecimal": _number(chance.choice(NUMBERS))}
        case "integer":
            return {"valueInteger": _number(chance.choice(WHOLE))}
        case "date":
            return {"valueDate": chance.choice(DAYS)}
        case "dateTime":
            return {"valueDateTime": chance.choice(MOMENTS)}
        case "time":
            return {"valueTime": chance.choice(TIMES)}
        case "string" | "text":
            return {"valueString": chance.choice(WORDS)}
        case "url":
            return {"valueUri": chance.choice(["https://www.nhs.uk", "urn:x", "a b", *WORDS])}
        case "quantity":
            unit = chance.choice(["kg", *UNITS])
            value = {"value": _number(chance.choice(NUMBERS)), "unit": unit, "system": UCUM, "code": unit}
            return {"valueQuantity": value | ({"comparator": "<"} if chance.random() < 0.05 else {})}
        case "choice" | "open-choice":
            options = item.get("answerOption")
            if options and chance.random() < 0.6:
                return dict(chance.choice(options))
            if item["type"] == "open-choice" and chance.random() < 0.4:
                return {"valueString": chance.choice(WORDS)}
            return {"valueCoding": _coding(chance.choice(CODES))}
    return {"valueString": "words where none are asked for"}


def _answers(chance: Random, items: Sequence[JSON]) -> list[JSON]:
    given: list[JSON] = []
    for item in items:
        if item["type"] == "display" or chance.random() < 0.25:
            continue
        for _ in range(chance.choice([1, 1, 2, 3]) if item["type"] == "group" and item.get("repeats") else 1):
            made: JSON = {"linkId": item["linkId"]}
            if item["type"] == "group":
                made["item"] = _answers(chance, item["item"])
            else:
                made["answer"] = [
                    _answer(chance, item)
                    for _ in range(chance.choice([1, 2, 3]) if item.get("repeats") else 1)
                ]
            given.append(made)
    return given


def _answer(chance: Random, item: JSON) -> JSON:
    inner = _answers(chance, item.get("item", ()))
    return _value(chance, item) | ({"item": inner} if inner else {})


def _spoil(chance: Random, response: JSON, questionnaire: JSON) -> None:
    """One fault, or one change that may be none."""
    forms = list(_all(questionnaire["item"]))
    holders = [response, *_holders(response)]
    holder = chance.choice(holders)
    contents: list[JSON] = holder.setdefault("item", [])
    match chance.randrange(9):
        case 0:
            contents.insert(
                chance.randint(0, len(contents)), {"linkId": "Ada", "answer": [{"valueString": "x"}]}
            )
        case 1:
            item = chance.choice(forms)
            contents.insert(
                chance.randint(0, len(contents)), {"linkId": item["linkId"], "answer": [_value(chance, item)]}
            )
        case 2:
            chance.shuffle(contents)
        case 3 if contents:
            contents.append(copy.deepcopy(chance.choice(contents)))
        case 4 if contents:
            contents.pop(chance.randrange(len(contents)))
        case 5 if contents:
            chance.choice(contents).setdefault("answer", []).append(_value(chance, chance.choice(forms)))
        case 6 if contents:
            chance.choice(contents)["answer"] = [
                chance.choice([{}, {"valueDecimal": "5"}, {"valueBoolean": 1}, {"valueString": None}])
            ]
        case 7 if contents:
            chance.choice(contents).setdefault("item", []).extend(_answers(chance, forms[:2]))
        case 8 if contents:
            item = chance.choice(forms)
            chance.choice(contents)["answer"] = [_answer(chance, item)]


def _holders(parent: JSON) -> Iterator[JSON]:
    for item in parent.get("item", ()):
        yield item
        for inner in (item, *item.get("answer", ())):
            yield from _holders(inner)


def by_python(case: JSON) -> JSON:
    judged = rules.form(case["questionnaire"], _pairs())
    findings = [rules.examine(judged, case[response]) for response in ("before", "after")]
    return {
        "findings": [
            {
                "enabled": list(found.enabled),
                "missing": [fault._asdict() for fault in found.missing],
                "faults": [fault._asdict() for fault in found.faults],
                "questions": [fault._asdict() for fault in found.questions],
            }
            for found in findings
        ],
        "changes": [
            {"path": path, "before": list(before), "after": list(after)}
            for path, before, after in rules.changes(case["before"], case["after"])
        ],
    }


def by_tablet(cases: Sequence[JSON]) -> list[JSON]:
    """One process for all: what node costs is its start."""
    sent = b"".join(exact_json.dumps(case) + b"\n" for case in cases)
    done = subprocess.run(
        [Path(sys.executable).parent / "node", SCRIPT],
        input=sent,
        capture_output=True,
        check=True,
        timeout=300,
    )
    return [exact_json.loads(line) for line in done.stdout.split(b"\n") if line]


def differences(seeds: Sequence[int]) -> tuple[list[int], Counter[str]]:
    """Seeds on which the two part, and how often each code was found."""
    # Read again from its own text, so that both begin from the same JSON.
    cases = [exact_json.loads(exact_json.dumps(a_case(seed))) for seed in seeds]
    found = [by_python(case) for case in cases]
    counts = Counter(
        fault["code"]
        for each in found
        for findings in each["findings"]
        for kind in ("missing", "faults", "questions")
        for fault in findings[kind]
    )
    counts["change"] = sum(len(each["changes"]) for each in found)
    counts["condition"] = sum(
        "enableWhen" in item for case in cases for item in _all(case["questionnaire"]["item"])
    )
    told = by_tablet(cases)
    # repr, because 5.1 and 5.10 are equal and not the same.
    return [
        seed for seed, one, other in zip(seeds, found, told, strict=True) if repr(one) != repr(other)
    ], counts


def main() -> int:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("number", type=int, nargs="?", default=2000)
    arguments.add_argument("--seed", type=int, default=0)
    asked = arguments.parse_args()
    parted, counts = differences(range(asked.seed, asked.seed + asked.number))
    for code, count in sorted(counts.items()):
        print(f"{count:8,} {code}")
    print(f"{asked.number:,} forms with two responses each, {len(parted)} told otherwise by the tablet")
    if parted:
        print(f"first of them: --seed {parted[0]}")
    return 1 if parted else 0


if __name__ == "__main__":
    sys.exit(main())
