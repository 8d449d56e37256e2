"""A form and its answers so far: what is asked, what is missing, what is wrong and where, what changed.

A form is a Questionnaire and its answers a QuestionnaireResponse, both as the plain JSON that `exact_json`
reads. https://hl7.org/fhir/R4/questionnaire.html, https://hl7.org/fhir/R4/questionnaireresponse.html
The tablet has the same rules in faces/tablet/static/form_rules.js; both read tests/cases/form.

Rules of ours where the standard leaves room:
- A group that does not repeat is a heading: what is required in it is missing even where the whole group is
  left out. A group that repeats may stand there no time at all.
- What stands under a question is asked once the question has an answer; its help text always.
- A condition looks at the nearest occurrence of its question: in the item's own repeat of a group, not in its
  neighbour's. An answer that is not asked for, or not of its type and unit, opens nothing.
- `!=` holds when no answer is equal, so also when there is none. The definitions of > < >= <= in R4 say "no
  answer" by a slip that later releases mend: here too they hold when one answer does.
- Two dates of unlike precision, such as 2021-02 and 2021-02-15, are neither equal nor in an order.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

JSON = dict[str, Any]

CORE = "http://hl7.org/fhir/StructureDefinition/"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/"
OWN = "https://healthvisit.example/fhir/StructureDefinition/"

ValueSets = Mapping[str, Collection[tuple[str, str]]]

_VALUE_NAMES = {
    "boolean": "valueBoolean",
    "decimal": "valueDecimal",
    "integer": "valueInteger",
    "date": "valueDate",
    "dateTime": "valueDateTime",
    "time": "valueTime",
    "string": "valueString",
    "text": "valueString",
    "url": "valueUri",
    "quantity": "valueQuantity",
}
_CHOICES = ("choice", "open-choice")
_OPTION_NAMES = ("valueCoding", "valueString", "valueInteger", "valueDate", "valueTime")
_ORDERED = ("valueDecimal", "valueInteger", "valueQuantity", "valueDate", "valueDateTime", "valueTime")
_NUMBERS = ("valueDecimal", "valueInteger", "valueQuantity")
_OPERATORS: Mapping[str, Callable[[int], bool]] = {
    "=": lambda order: order == 0,
    ">": lambda order: order > 0,
    "<": lambda order: order < 0,
    ">=": lambda order: order >= 0,
    "<=": lambda order: order <= 0,
}
# Each would change what is asked or allowed, and is not read here.
_UNREAD = (
    f"{SDC}sdc-questionnaire-enableWhenExpression",
    f"{SDC}sdc-questionnaire-answerExpression",
    f"{CORE}questionnaire-constraint",
    f"{CORE}questionnaire-minOccurs",
    f"{CORE}questionnaire-maxOccurs",
)
_KINDS = {
    "boolean": "yes or no",
    "decimal": "a number",
    "integer": "a whole number",
    "date": "a date",
    "dateTime": "a date, or a date and a time",
    "time": "a time of day",
    "string": "words",
    "text": "words",
    "url": "an address",
    "choice": "an answer from its list",
    "open-choice": "an answer from its list, or words",
    "quantity": "a number with its unit",
}
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(\.\d+)?", re.ASCII)
_ZONE = re.compile(r"Z|([+-])(0\d|1[0-3]|14):([0-5]\d)", re.ASCII)
_WORDLESS = re.compile(r"[ \t\r\n]*")
# What Python and JavaScript read alike, and cannot be kept busy by: no group is repeated without end.
_PLAIN = r"A-Za-z0-9 _,:;@#%='\"<>!/"
_ATOM = (
    rf"(?:[{_PLAIN}&~-]|\\[d.\\/()\[\]{{}}+*?|^$]"
    rf"|\[\^?(?:[A-Z]-[A-Z]|[a-z]-[a-z]|[0-9]-[0-9]|[{_PLAIN}.()+*?{{}}$]|\\[d\]\\-])+\])"
)
_PART = rf"(?:{_ATOM}(?:[?*+]|\{{[0-9]{{1,4}}(?:,[0-9]{{0,4}})?\}})?)"
_PATTERN = re.compile(rf"(?:{_PART}|\||\((?:\?:)?(?:{_PART}|\|)*\)\??)*")
_INTEGERS = range(-(2**31), 2**31)


class Unusable(ValueError):
    """The form cannot be judged by: it contradicts itself, or asks what is not read here. Safe to show."""


class Fault(NamedTuple):
    """One thing about one item.

    path: linkIds from the top, by "/"; from the second repeat on with [n], from a second answer on with #n,
    both counted from 0. An item that the form does not have is "?", so that nothing sent is said again.
    text: a sentence for a person; it speaks of the form and never of the answer.
    expression: where it stands, as FHIRPath from the response; for what is missing, where it would belong.
    """

    path: str
    code: str
    text: str
    expression: str


class Change(NamedTuple):
    """An item's answers before and after: value[x] by its name, empty where there was none."""

    path: str
    before: tuple[JSON, ...]
    after: tuple[JSON, ...]


@dataclass(frozen=True)
class Findings:
    """enabled: paths of what is asked, groups and texts included, in the order of the form.
    missing, faults: what keeps the form from being complete, and from being right.
    questions: answers that are possible and unlikely; a person looks again, and may keep them.
    """

    enabled: tuple[str, ...]
    missing: tuple[Fault, ...]
    faults: tuple[Fault, ...]
    questions: tuple[Fault, ...]


@dataclass(frozen=True)
class Form:
    """A Questionnaire that can be judged by. items: by linkId. above: linkIds an item stands under."""

    questionnaire: JSON
    value_sets: ValueSets
    items: Mapping[str, JSON]
    above: Mapping[str, tuple[str, ...]]


def form(questionnaire: JSON, value_sets: ValueSets | None = None) -> Form:
    """value_sets: the (system, code) pairs of each value set the form names, by its URL as it stands there.

    Raises Unusable, with the item's linkId.
    """
    items: dict[str, JSON] = {}
    above: dict[str, tuple[str, ...]] = {}
    for item, over in _walk(questionnaire.get("item", ()), ()):
        link = item["linkId"]
        if link in items:
            raise Unusable(f"{link}: stands twice")
        items[link], above[link] = item, over
    made = Form(questionnaire, value_sets or {}, items, above)
    for item in items.values():
        try:
            _check(item, made)
        except Unusable as fault:
            raise Unusable(f"{item['linkId']}: {fault}") from None
    _refuse_circles(made)
    return made


def examine(form: Form, response: JSON) -> Findings:
    """Every finding about a response to this form, complete or not.

    response: of the shape of a QuestionnaireResponse; each item has its linkId.
    """
    return _Examination(form).of(response)


def changes(before: JSON, after: JSON) -> tuple[Change, ...]:
    """Items answered otherwise, those of the first response first.

    Values are compared exactly: 5.1 and 5.10 differ. A code's wording and a unit's are not part of its value.
    The n-th repeat is compared with the n-th, so a repeat taken out shows as a change in those after it.
    """
    old, new = dict(_answered(before, "")), dict(_answered(after, ""))
    return tuple(
        Change(path, old.get(path, ()), new.get(path, ()))
        for path in {**old, **new}
        if [_bare(each) for each in old.get(path, ())] != [_bare(each) for each in new.get(path, ())]
    )


def _answered(parent: JSON, path: str) -> Iterator[tuple[str, tuple[JSON, ...]]]:
    seen: dict[str, int] = {}
    for item in parent.get("item", ()):
        count = seen[item["linkId"]] = seen.get(item["linkId"], -1) + 1
        here = _joined(path, item["linkId"], count)
        given = item.get("answer", ())
        if given:
            values = [{name: answer[name] for name in answer if name.startswith("value")} for answer in given]
            yield here, tuple(values)
        yield from _answered(item, here)
        for number, answer in enumerate(given):
            yield from _answered(answer, f"{here}#{number}" if number else here)


def _bare(value: Any) -> Any:
    """What makes two values the same, with every digit."""
    if isinstance(value, list):
        return [_bare(each) for each in value]
    if isinstance(value, dict):
        words = ("display", "unit", "userSelected") if "code" in value else ()
        return {name: _bare(inner) for name, inner in value.items() if name not in words}
    if _is_number(value):
        return Decimal(value).as_tuple()
    return value


def _joined(path: str, link: str, count: int = 0) -> str:
    return f"{path}{'/' if path else ''}{link}{f'[{count}]' if count else ''}"


def _walk(items: Sequence[JSON], over: tuple[str, ...]) -> Iterator[tuple[JSON, tuple[str, ...]]]:
    for item in items:
        yield item, over
        yield from _walk(item.get("item", ()), (*over, item["linkId"]))


# The form itself.


def _check(item: JSON, form: Form) -> None:
    type_ = item["type"]
    if "modifierExtension" in item or any(_extension(item, url) is not None for url in _UNREAD):
        raise Unusable("asks for what is not read here")
    if type_ not in ("group", "display", *_CHOICES, *_VALUE_NAMES):
        raise Unusable(f"no item type {type_} here")
    if type_ == "display" and (item.get("item") or item.get("required") or item.get("repeats")):
        raise Unusable("a text is not answered")
    _check_options(item, form)
    _check_limits(item)
    pattern = _extension(item, f"{CORE}regex")
    if pattern is not None and not _is_readable(pattern):
        raise Unusable("a pattern that is not read alike everywhere")
    conditions = item.get("enableWhen", ())
    if len(conditions) > 1 and item.get("enableBehavior") not in ("all", "any"):
        raise Unusable("more than one condition, and neither all nor any")
    for condition in conditions:
        _check_condition(condition, form)


def _check_options(item: JSON, form: Form) -> None:
    options, url = item.get("answerOption", ()), item.get("answerValueSet")
    if (item["type"] in _CHOICES) != bool(options or url) or (options and url):
        raise Unusable("a choice has options or a value set, and nothing else has")
    if url is not None and url not in form.value_sets:
        raise Unusable("a value set that is not known")
    for option in options:
        name, value = _valued(option)
        if name not in _OPTION_NAMES or not _is_of(name, value):
            raise Unusable("an option that is no value")


def _check_limits(item: JSON) -> None:
    names = _value_names(item)
    for url in (f"{CORE}minValue", f"{OWN}unlikely-below", f"{OWN}unlikely-above", f"{CORE}maxValue"):
        limit = _limit(item, url)
        if limit is None:
            continue
        name, value = limit
        fits = name in _NUMBERS[:2] if names[0] in _NUMBERS else name == names[0]
        if not fits or name not in _ORDERED or not _is_of(name, value):
            raise Unusable("a limit of another type than its answer")
        if names[0] == "valueQuantity" and len(_units(item)) != 1:
            raise Unusable("a limit, and not one unit")


def _is_readable(pattern: str) -> bool:
    if _PATTERN.fullmatch(pattern) is None:
        return False
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _check_condition(condition: JSON, form: Form) -> None:
    operator, (name, value) = condition["operator"], _valued(condition, "answer")
    asked = form.items.get(condition["question"])
    if asked is None or asked["type"] in ("group", "display"):
        raise Unusable("a condition on what is no question of the form")
    if operator == "exists":
        if not isinstance(value, bool):
            raise Unusable("whether an answer exists is yes or no")
        return
    if operator not in (*_OPERATORS, "!="):
        raise Unusable("a condition with an operator that is not read here")
    if name not in _value_names(asked) or not _is_of(name, value):
        raise Unusable("a condition on an answer of another type")
    if operator not in ("=", "!=") and name not in _ORDERED:
        raise Unusable("a condition on the order of what has none")
    if name == "valueQuantity" and not _is_in_unit(asked, value):
        raise Unusable("a condition in a unit that its question has not")


def _refuse_circles(form: Form) -> None:
    """An item waits for the item it stands under, and for the questions of its conditions."""
    waits = {
        link: [*form.above[link][-1:], *(when["question"] for when in item.get("enableWhen", ()))]
        for link, item in form.items.items()
    }
    while waits:
        free = [link for link, others in waits.items() if not any(other in waits for other in others)]
        if not free:
            raise Unusable(f"{min(waits)}: conditions that wait for each other")
        for link in free:
            del waits[link]


def _extension(item: JSON, url: str) -> Any:
    found = _limit(item, url)
    return None if found is None else found[1]


def _limit(item: JSON, url: str) -> tuple[str, Any] | None:
    """Name and value of an extension."""
    return next((_valued(each) for each in item.get("extension", ()) if each["url"] == url), None)


def _valued(element: JSON, prefix: str = "value") -> tuple[str, Any]:
    """Name and value of value[x]; answer[x] by the name value[x] would have."""
    for name, value in element.items():
        if name.startswith(prefix):
            return f"value{name.removeprefix(prefix)}", value
    return "", None


def _value_names(item: JSON) -> tuple[str, ...]:
    if item["type"] not in _CHOICES:
        return (_VALUE_NAMES.get(item["type"], ""),)
    options = item.get("answerOption", ())
    names = [_valued(option)[0] for option in options] if options else ["valueCoding"]
    return (*dict.fromkeys(names), *(["valueString"] if item["type"] == "open-choice" else []))


def _units(item: JSON) -> list[JSON]:
    """Codings of the units an answer may be in; none where the form leaves it open."""
    several = [
        each["valueCoding"]
        for each in item.get("extension", ())
        if each["url"] == f"{CORE}questionnaire-unitOption"
    ]
    one = _extension(item, f"{CORE}questionnaire-unit")
    return several or ([] if one is None else [one])


def _unit_words(item: JSON) -> str:
    return " or ".join(str(unit.get("display", unit["code"])) for unit in _units(item))


def _is_in_unit(item: JSON, quantity: JSON) -> bool:
    units = _units(item)
    return not units or any(_is_same_code(unit, quantity) for unit in units)


# Values.


def _is_number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _is_of(name: str, value: Any) -> bool:
    """Whether the JSON value is one of the FHIR type.  https://hl7.org/fhir/R4/datatypes.html#primitive"""
    match name:
        case "valueBoolean":
            return isinstance(value, bool)
        case "valueInteger":
            return isinstance(value, int) and not isinstance(value, bool) and value in _INTEGERS
        case "valueDecimal":
            return _is_number(value)
        case "valueCoding":
            return isinstance(value, dict) and _is_words(value.get("code")) and _is_named(value.get("system"))
        case "valueQuantity":
            # A measurement known only to be under or over a number cannot be compared.
            return isinstance(value, dict) and _is_number(value.get("value")) and "comparator" not in value
    if not _is_words(value):
        return False
    match name:
        case "valueDate":
            return _is_day(value)
        case "valueDateTime":
            return _is_day(value) or _instant(value) is not None
        case "valueTime":
            return _TIME.fullmatch(value) is not None
        case "valueUri":
            return not any(blank in value for blank in " \t\r\n")
    return name == "valueString"


def _is_words(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_named(system: Any) -> bool:
    return system is None or _is_words(system)


def _is_day(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    year, month, day = (int(part or 1) for part in found.groups())
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _instant(text: str) -> Decimal | None:
    """Seconds of a moment with its zone, from the first day of the calendar; None for what is none."""
    day, _, rest = text.partition("T")
    clock = _TIME.match(rest)
    if clock is None or len(day) != len("2021-02-15") or not _is_day(day):
        return None
    zone = _ZONE.fullmatch(rest[clock.end() :])
    if zone is None:
        return None
    sign, hours, minutes = zone.groups()
    offset = 0 if sign is None else (int(hours) * 60 + int(minutes)) * (-60 if sign == "-" else 60)
    return _seconds(clock) + date.fromisoformat(day).toordinal() * 86_400 - offset


def _seconds(clock: re.Match[str]) -> Decimal:
    hours, minutes, seconds, fraction = clock.groups()
    return Decimal(f"{int(hours) * 3600 + int(minutes) * 60 + int(seconds)}{fraction or ''}")


def _is_same_code(one: JSON, other: JSON) -> bool:
    return (one.get("system", ""), one.get("code")) == (other.get("system", ""), other.get("code"))


def _order(name: str, one: Any, other: Any) -> int | None:
    """-1, 0 or 1; None where the two are not equal and have no order, or where it cannot be known."""
    match name:
        case "valueDecimal" | "valueInteger":
            return _side(one, other)
        case "valueQuantity":
            return _order("valueDecimal", one["value"], other["value"]) if _is_same_code(one, other) else None
        case "valueCoding":
            return 0 if _is_same_code(one, other) else None
        case "valueDate" | "valueDateTime":
            return _order_of_days(one, other)
        case "valueTime":
            first, second = (_seconds(clock) for each in (one, other) if (clock := _TIME.fullmatch(each)))
            return _side(first, second)
    return 0 if one == other else None


def _side(one: int | Decimal, other: int | Decimal) -> int:
    return (one > other) - (one < other)


def _order_of_days(one: str, other: str) -> int | None:
    first, second = _instant(one), _instant(other)
    if first is not None and second is not None:
        return _side(first, second)
    # As far as both are known: a day has no zone, and is the one that the writer saw on the wall.
    days = one.partition("T")[0], other.partition("T")[0]
    known = min(len(day) for day in days)
    if days[0][:known] != days[1][:known]:
        return 1 if days[0][:known] > days[1][:known] else -1
    return 0 if len(one) == len(other) else None


# A response.


@dataclass(eq=False)
class _Place:
    """An item of the form where the response has it, or would have it.

    given: the response's item, None where it has none. path, expression: as of a Fault.
    values: its answers that are of its type and unit, as (name, value).
    """

    item: JSON
    above: "_Place | None"
    path: str
    expression: str
    given: JSON | None
    values: list[tuple[str, Any]] = field(default_factory=list)
    beneath: list["_Place"] = field(default_factory=list)
    enabled: bool | None = None

    @property
    def link(self) -> str:
        link: str = self.item.get("linkId", "")
        return link

    @property
    def type(self) -> str:
        type_: str = self.item.get("type", "group")
        return type_

    @property
    def is_question(self) -> bool:
        return self.type not in ("group", "display")

    @property
    def answers(self) -> Sequence[JSON]:
        answers: Sequence[JSON] = (self.given or {}).get("answer", ())
        return answers


class _Examination:
    def __init__(self, form: Form) -> None:
        self._form = form
        self._enabled: list[str] = []
        self._missing: list[Fault] = []
        self._faults: list[Fault] = []
        self._questions: list[Fault] = []

    def of(self, response: JSON) -> Findings:
        top = _Place(self._form.questionnaire, None, "", "QuestionnaireResponse", response, enabled=True)
        self._fill(top, response.get("item", ()), top.expression, "")
        self._judge(top, True)
        return Findings(
            tuple(self._enabled), tuple(self._missing), tuple(self._faults), tuple(self._questions)
        )

    # Where each item stands.

    def _fill(self, place: _Place, contents: Sequence[JSON], expression: str, path: str) -> None:
        children = {child["linkId"]: child for child in place.item.get("item", ())}
        order = {link: number for number, link in enumerate(children)}
        found: dict[str, list[tuple[JSON | None, str]]] = {}
        last = 0
        for number, given in enumerate(contents):
            link, here = given["linkId"], f"{expression}.item[{number}]"
            if link not in order:
                self._fault_of_stranger(link, path, here)
                continue
            if order[link] < last:
                self._say(self._faults, children[link], _joined(path, link), "out-of-order", here)
            last = max(last, order[link])
            found.setdefault(link, []).append((given, here))
        for link, child in children.items():
            for count, (instance, here) in enumerate(found.get(link, [(None, expression)])):
                inner = _Place(child, place, _joined(path, link, count), here, instance)
                if count and not (child["type"] == "group" and child.get("repeats")):
                    self._say(self._faults, child, inner.path, "repeated", here)
                place.beneath.append(inner)
                self._fill_beneath(inner)

    def _fill_beneath(self, place: _Place) -> None:
        given = place.given or {}
        if not place.is_question:
            self._fill(place, given.get("item", ()), place.expression, place.path)
            return
        for number, stray in enumerate(given.get("item", ())):
            self._fault_of_stranger(stray["linkId"], place.path, f"{place.expression}.item[{number}]")
        for answer in place.answers:
            name, value = _valued(answer)
            if self._fault_of_type(place.item, name, value) is None:
                place.values.append((name, value))
        for number, answer in enumerate(place.answers):
            path = f"{place.path}#{number}" if number else place.path
            self._fill(place, answer.get("item", ()), f"{place.expression}.answer[{number}]", path)
        if not place.answers:
            self._fill(place, (), place.expression, place.path)

    def _fault_of_stranger(self, link: str, path: str, here: str) -> None:
        known = self._form.items.get(link)
        if known is None:
            self._faults.append(Fault(_joined(path, "?"), "unknown-item", "The form has no such item", here))
        else:
            self._say(self._faults, known, _joined(path, link), "misplaced", here)

    # What is asked.

    def _is_enabled(self, place: _Place) -> bool:
        if place.enabled is None:
            place.enabled = self._is_asked(place)
        return place.enabled

    def _is_asked(self, place: _Place) -> bool:
        above = place.above
        if above is not None:
            if not self._is_enabled(above):
                return False
            if above.is_question and place.type != "display" and not above.answers:
                return False
        conditions = place.item.get("enableWhen", ())
        if not conditions:
            return True
        some = any if place.item.get("enableBehavior") == "any" else all
        return some([self._holds(place, condition) for condition in conditions])

    def _holds(self, place: _Place, condition: JSON) -> bool:
        operator, (name, wanted) = condition["operator"], _valued(condition, "answer")
        values = [
            value
            for asked in self._occurrences(place, condition["question"])
            if self._is_enabled(asked)
            for value in asked.values
        ]
        if operator == "exists":
            return bool(values) is wanted
        orders = [_order(name, value, wanted) for given, value in values if given == name]
        if operator == "!=":
            return 0 not in orders
        return any(order is not None and _OPERATORS[operator](order) for order in orders)

    def _occurrences(self, place: _Place, question: str) -> list[_Place]:
        """The places of a question that are nearest to a place: those under the first thing that holds both."""
        over = place.above
        while over is not None and over.above is not None:
            if over.link == question:
                return [over]
            if over.link in self._form.above[question]:
                break
            over = over.above
        return [] if over is None else list(_beneath(over, question))

    # What is missing and wrong.

    def _judge(self, above: _Place, is_there: bool) -> None:
        """is_there: not inside a repeat that the response does not have."""
        for place in above.beneath:
            if not self._is_enabled(place):
                if place.given is not None and _holds_answer(place.given):
                    self._say(self._faults, place.item, place.path, "disabled", place.expression)
                continue
            self._enabled.append(place.path)
            if place.is_question:
                self._judge_answers(place)
            elif place.answers:
                self._say(self._faults, place.item, place.path, "not-a-question", place.expression)
            is_given = _holds_answer(place.given or {}) if place.type == "group" else bool(place.answers)
            if place.item.get("required") and is_there and not is_given:
                self._say(self._missing, place.item, place.path, "required", place.expression)
            self._judge(place, is_there and not (place.given is None and place.item.get("repeats", False)))

    def _judge_answers(self, place: _Place) -> None:
        item = place.item
        if len(place.answers) > 1 and not item.get("repeats"):
            self._say(self._faults, item, place.path, "too-many-answers", place.expression)
        for number, answer in enumerate(place.answers):
            path = f"{place.path}#{number}" if number else place.path
            here = f"{place.expression}.answer[{number}]"
            name, value = _valued(answer)
            code = self._fault_of_type(item, name, value) or self._fault_of_value(item, name, value)
            if code is not None:
                self._say(self._faults, item, path, code, here)
                continue
            for code, url, side in (
                ("unlikely-below", f"{OWN}unlikely-below", -1),
                ("unlikely-above", f"{OWN}unlikely-above", 1),
            ):
                if _is_past(item, url, name, value, side):
                    self._say(self._questions, item, path, code, here)

    def _fault_of_type(self, item: JSON, name: str, value: Any) -> str | None:
        if value is None or (isinstance(value, str) and _WORDLESS.fullmatch(value)):
            return "no-value"
        if name not in _value_names(item) or not _is_of(name, value):
            return "wrong-type"
        if name == "valueQuantity" and not _is_in_unit(item, value):
            return "wrong-unit"
        return None

    def _fault_of_value(self, item: JSON, name: str, value: Any) -> str | None:
        if item["type"] in _CHOICES and not self._is_option(item, name, value):
            return "not-an-option"
        if _is_past(item, f"{CORE}minValue", name, value, -1):
            return "too-small"
        if _is_past(item, f"{CORE}maxValue", name, value, 1):
            return "too-great"
        places = _extension(item, f"{CORE}maxDecimalPlaces")
        if places is not None and name in _NUMBERS and _places(value, name) > places:
            return "too-many-digits"
        if name not in ("valueString", "valueUri"):
            return None
        longest, shortest = item.get("maxLength"), _extension(item, f"{CORE}minLength")
        if longest is not None and len(value) > longest:
            return "too-long"
        if shortest is not None and len(value) < shortest:
            return "too-short"
        pattern = _extension(item, f"{CORE}regex")
        if pattern is not None and re.fullmatch(pattern, value, re.ASCII) is None:
            return "wrong-pattern"
        return None

    def _is_option(self, item: JSON, name: str, value: Any) -> bool:
        if name == "valueString" and item["type"] == "open-choice":
            return True
        if "answerValueSet" in item:
            return (value.get("system", ""), value["code"]) in self._form.value_sets[item["answerValueSet"]]
        options = (_valued(option) for option in item["answerOption"])
        return any(given == name and _order(name, value, option) == 0 for given, option in options)

    def _say(self, where: list[Fault], item: JSON, path: str, code: str, expression: str) -> None:
        where.append(Fault(path, code, _sentence(item, code), expression))


def _beneath(place: _Place, link: str) -> Iterator[_Place]:
    for inner in place.beneath:
        if inner.link == link:
            yield inner
        yield from _beneath(inner, link)


def _holds_answer(given: JSON) -> bool:
    return bool(given.get("answer")) or any(_holds_answer(inner) for inner in given.get("item", ()))


def _is_past(item: JSON, url: str, name: str, value: Any, side: int) -> bool:
    found = _limit(item, url)
    if found is None:
        return False
    if name == "valueQuantity":
        name, value = "valueDecimal", value["value"]
    return _order(name, value, found[1]) == side


def _places(value: Any, name: str) -> int:
    exponent = Decimal(value["value"] if name == "valueQuantity" else value).as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _sentence(item: JSON, code: str) -> str:
    text, unit = item.get("text", item["linkId"]), _unit_words(item)
    number = f" {unit}" if unit else ""
    least, most = (_written(_extension(item, f"{CORE}{name}")) for name in ("minValue", "maxValue"))
    low, high = (_written(_extension(item, f"{OWN}unlikely-{side}")) for side in ("below", "above"))
    longest, shortest = item.get("maxLength"), _extension(item, f"{CORE}minLength")
    is_counted = _value_names(item)[0] in _NUMBERS
    return {
        "misplaced": f"{text} does not stand where the form has it",
        "out-of-order": f"{text} stands after what follows it in the form",
        "repeated": f"{text} is given more than once",
        "disabled": f"{text} is answered, and after the other answers it is not asked",
        "not-a-question": f"{text} has an answer, and is no question",
        "required": f"{text} is not answered",
        "too-many-answers": f"{text} has more than one answer",
        "no-value": f"{text} has an answer that says nothing",
        "wrong-type": f"{text} must be {_KINDS.get(item['type'], 'left out')}",
        "wrong-unit": f"{text} must be in {unit}",
        "not-an-option": f"{text} must be an answer from its list",
        "too-small": f"{text} must be {least}{number} or {'more' if is_counted else 'later'}",
        "too-great": f"{text} must be {most}{number} or {'less' if is_counted else 'earlier'}",
        "too-many-digits": f"{text} has too many digits after the point: "
        f"{_extension(item, f'{CORE}maxDecimalPlaces')} at most",
        "too-long": f"{text} is too long: {longest} characters at most",
        "too-short": f"{text} is too short: {shortest} characters at least",
        "wrong-pattern": f"{text} is not written as the form asks",
        "unlikely-below": f"{text} is under {low}{number}: is that right?",
        "unlikely-above": f"{text} is over {high}{number}: is that right?",
    }[code]


def _written(limit: Any) -> str:
    return f"{limit:f}" if isinstance(limit, Decimal) else f"{limit}"
