"""A QuestionnaireResponse against its Questionnaire.  https://hl7.org/fhir/R4/questionnaireresponse.html

Questions that are not in the form, answers of the wrong type or outside the options and limits, and, once a
form is completed, what was required and not answered, or answered though switched off. A response that
names no Questionnaire is only held to its own shape.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from healthvisit.definitions import Definitions, UnknownDefinition
from healthvisit.exact_json import JSON
from healthvisit.record.validation.faults import Fault, Faults, blamed

_HL7 = "http://hl7.org/fhir/StructureDefinition"
_ANSWERS: Mapping[str, tuple[str, ...]] = {
    "boolean": ("valueBoolean",),
    "decimal": ("valueDecimal",),
    "integer": ("valueInteger",),
    "date": ("valueDate",),
    "dateTime": ("valueDateTime",),
    "time": ("valueTime",),
    "string": ("valueString",),
    "text": ("valueString",),
    "url": ("valueUri",),
    "choice": ("valueCoding",),
    "open-choice": ("valueCoding", "valueString"),
    "attachment": ("valueAttachment",),
    "reference": ("valueReference",),
    "quantity": ("valueQuantity",),
}
_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_FINISHED = ("completed", "amended")

# Answers by linkId, wherever in the response they stand.
Given = Mapping[str, Sequence[Any]]


class Question(NamedTuple):
    """One item of a form. names: the value[x] an answer may have, none for a group or a display.

    options: keys of the allowed answers, or None for any. least, most: limits of a number, both included.
    """

    type: str
    required: bool
    repeats: bool
    names: tuple[str, ...]
    options: frozenset[Any] | None
    least: Decimal | int | None
    most: Decimal | int | None
    places: int | None
    longest: int | None
    conditions: tuple[JSON, ...]
    any_condition: bool
    beneath: "Level"


class Level(NamedTuple):
    """The items beneath one parent, by linkId."""

    questions: dict[str, Question]
    required: tuple[str, ...]


class Form(NamedTuple):
    """everywhere: every linkId. conditional: whether any item is switched on and off by answers."""

    top: Level
    everywhere: frozenset[str]
    conditional: bool


def faults(response: JSON, definitions: Definitions) -> list[Fault]:
    """Faults of a response whose shape has been checked; places are from the response."""
    canonical = response.get("questionnaire")
    if canonical is None:
        return []
    form = _form(canonical, response, definitions)
    if form is None:
        text = "is not a form this service knows, or not in this version"
        return [_fault("business-rule", text, ".questionnaire")]
    given: dict[str, list[Any]] = {}
    if form.conditional:
        _collect(response.get("item", ()), given)
    finished = response["status"] in _FINISHED
    return _Reading(form, given, finished).items(response, form.top)


def _fault(code: str, text: str, path: str = "") -> Fault:
    return Fault(code, text, path, business=True)


def _form(canonical: str, response: JSON, definitions: Definitions) -> Form | None:
    if canonical.startswith("#"):
        for inner in response.get("contained", ()):
            if inner["id"] == canonical[1:] and inner["resourceType"] == "Questionnaire":
                return _compiled(inner)
        return None
    return _known(canonical, definitions)


@lru_cache(maxsize=64)
def _known(canonical: str, definitions: Definitions) -> Form | None:
    try:
        found = definitions.by_url(canonical)
    except UnknownDefinition:
        return None
    return _compiled(found) if found["resourceType"] == "Questionnaire" else None


def _compiled(questionnaire: JSON) -> Form:
    met: dict[str, JSON] = {}
    top = _level(questionnaire.get("item", ()), met)
    return Form(top, frozenset(met), any("enableWhen" in item for item in met.values()))


def _level(items: Sequence[JSON], met: dict[str, JSON]) -> Level:
    met |= {item["linkId"]: item for item in items}
    questions = {item["linkId"]: _question(item, met) for item in items}
    return Level(questions, tuple(link for link, question in questions.items() if question.required))


def _question(item: JSON, met: dict[str, JSON]) -> Question:
    options = [_value(option) for option in item.get("answerOption", ())]
    names = {name for name, _ in options} | ({"valueString"} if item["type"] == "open-choice" else set())
    limits = {extension["url"]: _value(extension)[1] for extension in item.get("extension", ())}
    return Question(
        type=item["type"],
        required=item.get("required") is True,
        repeats=item.get("repeats") is True,
        names=tuple(sorted(names)) if options else _ANSWERS.get(item["type"], ()),
        options=frozenset(_key(*option) for option in options) if options else None,
        least=limits.get(f"{_HL7}/minValue"),
        most=limits.get(f"{_HL7}/maxValue"),
        places=limits.get(f"{_HL7}/maxDecimalPlaces"),
        longest=item.get("maxLength"),
        conditions=tuple(item.get("enableWhen", ())),
        any_condition=item.get("enableBehavior") == "any",
        beneath=_level(item.get("item", ()), met),
    )


def _value(holder: JSON, stem: str = "value") -> tuple[str, Any]:
    """Name and value of a choice of types, ("", None) where it is absent."""
    for name, value in holder.items():
        if name.startswith(stem):
            return name, value
    return "", None


def _key(name: str, value: Any) -> Any:
    """What two answers are compared by: the code of a coding, whatever its display says."""
    if name == "valueCoding" or name == "answerCoding":
        return value.get("system"), value.get("code")
    return repr(sorted(value.items())) if isinstance(value, dict) else value


def _collect(items: Sequence[JSON], given: dict[str, list[Any]]) -> None:
    for item in items:
        for answer in item.get("answer", ()):
            name, value = _value(answer)
            if name:
                given.setdefault(item["linkId"], []).append(_key(name, value))
            if "item" in answer:
                _collect(answer["item"], given)
        if "item" in item:
            _collect(item["item"], given)


class _Reading:
    """One response read against its form. Faults have their place from the value that was given."""

    def __init__(self, form: Form, given: Given, finished: bool) -> None:
        self.form = form
        self.given = given
        self.finished = finished

    def items(self, parent: JSON, level: Level) -> list[Fault]:
        """Faults of the items beneath one parent: the response, a group, or an answer."""
        found: list[Fault] = []
        met: set[str] = set()
        for at, item in enumerate(parent.get("item", ())):
            link = item["linkId"]
            question = level.questions.get(link)
            if question is None:
                where = (
                    "stands in another place of the form"
                    if link in self.form.everywhere
                    else "is not in the form"
                )
                found.append(_fault("structure", f"this linkId {where}", f".item[{at}].linkId"))
                continue
            if link in met and not (question.repeats and question.type == "group"):
                found.append(_fault("structure", "this linkId is answered twice", f".item[{at}].linkId"))
            met.add(link)
            if bad := self._item(item, question):
                found += blamed(f".item[{at}]", bad)
        if self.finished:
            for link in level.required:
                if link not in met and self._is_on(level.questions[link]):
                    found.append(_fault("required", f"{link} is required in a completed form", ".item"))
        return found

    def _item(self, item: JSON, question: Question) -> list[Fault]:
        answers = item.get("answer", ())
        found: list[Fault] = []
        if self.finished and (answers or "item" in item) and not self._is_on(question):
            found.append(_fault("business-rule", "is switched off by the other answers and must be absent"))
        if not question.names:
            if answers:
                found.append(_fault("structure", f"a {question.type} has no answer", ".answer"))
            return found + self.items(item, question.beneath)
        if "item" in item:
            found.append(_fault("structure", "what follows a question stands beneath its answer", ".item"))
        if len(answers) > 1 and not question.repeats:
            found.append(_fault("structure", "only one answer may be given", ".answer"))
        if question.required and self.finished and not answers:
            found.append(_fault("required", "needs an answer in a completed form", ".answer"))
        for at, answer in enumerate(answers):
            bad = _answer(answer, question)
            if "item" in answer or question.beneath.required:
                bad = [*(bad or ()), *self.items(answer, question.beneath)]
            if bad:
                found += blamed(f".answer[{at}]", bad)
        return found

    def _is_on(self, question: Question) -> bool:
        """enableWhen of R4, over every answer in the response."""
        if not question.conditions:
            return True
        truths = (_true(condition, self.given) for condition in question.conditions)
        return any(truths) if question.any_condition else all(truths)


def _answer(answer: JSON, question: Question) -> Faults:
    for name in question.names:
        if name in answer:
            break
    else:
        if not _value(answer)[0]:
            return None
        return [_fault("value", f"an answer here is {' or '.join(question.names)}", ".value")]
    value = answer[name]
    if question.options is None:
        return _limits(value, question)
    # The free text of an open choice is no option.
    if _key(name, value) in question.options or (question.type == "open-choice" and name == "valueString"):
        return None
    return [_fault("code-invalid", "is not one of the answers the form offers", ".value")]


def _limits(value: Any, question: Question) -> Faults:
    if type(value) is str:
        if question.longest is None or len(value) <= question.longest:
            return None
        return [_fault("value", f"must not be longer than {question.longest} characters", ".value")]
    if question.type == "quantity" and isinstance(value, dict):
        value = value.get("value")
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        return None
    least, most, places = question.least, question.most, question.places
    if (least is not None and value < least) or (most is not None and value > most):
        span = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
        return [_fault("business-rule", f"must be {' and '.join(span)}", ".value")]
    if places is not None and isinstance(value, Decimal) and _places(value) > places:
        return [_fault("value", f"must not have more than {places} decimal places", ".value")]
    return None


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _true(condition: JSON, given: Given) -> bool:
    answers = given.get(condition["question"], ())
    name, wanted = _value(condition, "answer")
    if condition["operator"] == "exists":
        return bool(answers) is bool(wanted)
    compared, key = _COMPARED.get(condition["operator"]), _key(name, wanted)
    if condition["operator"] == "!=":
        # R4 asks that no answer is equal, so it holds for an unanswered question too.
        return key not in answers
    if compared is None:
        return False
    try:
        return any(compared(answer, key) for answer in answers)
    except TypeError:
        # Answers of another type than the condition speaks of do not meet it.
        return False
