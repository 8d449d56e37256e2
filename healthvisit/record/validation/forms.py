"""A QuestionnaireResponse against its Questionnaire.  https://hl7.org/fhir/R4/questionnaireresponse.html

Questions that are not in the form, answers of the wrong type or outside the options and limits, and, once a
form is completed, what was required and not answered, or answered though switched off. A response that
names no Questionnaire is only held to its own shape.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from healthvisit.definitions import Definitions, UnknownDefinition
from healthvisit.exact_json import JSON
from healthvisit.record.validation.faults import Fault, blamed

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
    "!=": operator.ne,
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
    items: "dict[str, Question]"


class Form(NamedTuple):
    items: dict[str, Question]
    everywhere: frozenset[str]


def faults(response: JSON, definitions: Definitions) -> list[Fault]:
    """Faults of a response whose shape has been checked; places are from the response."""
    canonical = response.get("questionnaire")
    if canonical is None:
        return []
    form = _form(canonical, response, definitions)
    if form is None:
        return [
            _fault(
                "business-rule", "is not a form this service knows, or not in this version", ".questionnaire"
            )
        ]
    given: dict[str, list[Any]] = {}
    _collect(response.get("item", ()), given)
    return list(_items(response, form.items, form, given, response["status"] in _FINISHED))


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
    everywhere: set[str] = set()
    return Form(_questions(questionnaire.get("item", ()), everywhere), frozenset(everywhere))


def _questions(items: Sequence[JSON], everywhere: set[str]) -> dict[str, Question]:
    return {item["linkId"]: _question(item, everywhere) for item in items}


def _question(item: JSON, everywhere: set[str]) -> Question:
    everywhere.add(item["linkId"])
    options = item.get("answerOption", ())
    names = {_value(option)[0] for option in options} | (
        {"valueString"} if item["type"] == "open-choice" else set()
    )
    limits = {extension["url"]: _value(extension)[1] for extension in item.get("extension", ())}
    return Question(
        type=item["type"],
        required=item.get("required") is True,
        repeats=item.get("repeats") is True,
        names=tuple(sorted(names)) if options else _ANSWERS.get(item["type"], ()),
        options=frozenset(_key(*_value(option)) for option in options) if options else None,
        least=limits.get(f"{_HL7}/minValue"),
        most=limits.get(f"{_HL7}/maxValue"),
        places=limits.get(f"{_HL7}/maxDecimalPlaces"),
        longest=item.get("maxLength"),
        conditions=tuple(item.get("enableWhen", ())),
        any_condition=item.get("enableBehavior") == "any",
        items=_questions(item.get("item", ()), everywhere),
    )


def _value(holder: JSON, stem: str = "value") -> tuple[str, Any]:
    """Name and value of a choice of types, ("", None) where it is absent."""
    for name, value in holder.items():
        if name.startswith(stem):
            return name, value
    return "", None


def _key(name: str, value: Any) -> Any:
    """What two answers are compared by: the code of a coding, whatever its display says."""
    if name.endswith("Coding"):
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


def _items(
    parent: JSON, questions: dict[str, Question], form: Form, given: Given, finished: bool
) -> Iterator[Fault]:
    """Faults of the items beneath one parent: the response, a group, or an answer."""
    met: set[str] = set()
    for at, item in enumerate(parent.get("item", ())):
        link = item["linkId"]
        question = questions.get(link)
        if question is None:
            where = "stands in another place of the form" if link in form.everywhere else "is not in the form"
            yield _fault("structure", f"this linkId {where}", f".item[{at}].linkId")
            continue
        if link in met and not (question.repeats and question.type == "group"):
            yield _fault("structure", "this linkId is answered twice", f".item[{at}].linkId")
        met.add(link)
        if bad := list(_item(item, question, form, given, finished)):
            yield from blamed(f".item[{at}]", bad)
    if finished:
        for link, question in questions.items():
            if question.required and link not in met and _enabled(question, given):
                yield _fault("required", f"{link} is required in a completed form", ".item")


def _item(item: JSON, question: Question, form: Form, given: Given, finished: bool) -> Iterator[Fault]:
    answers = item.get("answer", ())
    if finished and question.conditions and not _enabled(question, given) and (answers or "item" in item):
        yield _fault("business-rule", "is switched off by the other answers and must be absent")
    if not question.names:
        if answers:
            yield _fault("structure", f"a {question.type} has no answer", ".answer")
        yield from _items(item, question.items, form, given, finished)
        return
    if "item" in item:
        yield _fault("structure", "what follows a question stands beneath its answer", ".item")
    if len(answers) > 1 and not question.repeats:
        yield _fault("structure", "only one answer may be given", ".answer")
    if finished and question.required and not answers:
        yield _fault("required", "needs an answer in a completed form", ".answer")
    for at, answer in enumerate(answers):
        if bad := [*_answer(answer, question), *_items(answer, question.items, form, given, finished)]:
            yield from blamed(f".answer[{at}]", bad)


def _answer(answer: JSON, question: Question) -> list[Fault]:
    for name in question.names:
        if name in answer:
            break
    else:
        if _value(answer)[0]:
            return [_fault("value", f"an answer here is {' or '.join(question.names)}", ".value")]
        return []
    value = answer[name]
    # The free text of an open choice is no option.
    if question.options is not None and not (question.type == "open-choice" and name == "valueString"):
        if _key(name, value) not in question.options:
            return [_fault("code-invalid", "is not one of the answers the form offers", ".value")]
        return []
    return _limits(value, question)


def _limits(value: Any, question: Question) -> list[Fault]:
    if type(value) is str:
        if question.longest is not None and len(value) > question.longest:
            return [_fault("value", f"must not be longer than {question.longest} characters", ".value")]
        return []
    if isinstance(value, dict):
        value = value.get("value") if question.type == "quantity" else None
    if isinstance(value, bool) or not isinstance(value, Decimal | int):
        return []
    least, most, places = question.least, question.most, question.places
    if (least is not None and value < least) or (most is not None and value > most):
        span = f"from {least}" * (least is not None) + f" up to {most}" * (most is not None)
        return [_fault("business-rule", f"must be {span.strip()}", ".value")]
    if places is not None and isinstance(value, Decimal) and _places(value) > places:
        return [_fault("value", f"must not have more than {places} decimal places", ".value")]
    return []


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _enabled(question: Question, given: Given) -> bool:
    """enableWhen of R4, over every answer in the response."""
    if not question.conditions:
        return True
    truths = (_true(condition, given) for condition in question.conditions)
    return any(truths) if question.any_condition else all(truths)


def _true(condition: JSON, given: Given) -> bool:
    answers = given.get(condition["question"], ())
    name, wanted = _value(condition, "answer")
    if condition["operator"] == "exists":
        return bool(answers) is bool(wanted)
    compared, key = _COMPARED[condition["operator"]], _key(name, wanted)
    try:
        return any(compared(answer, key) for answer in answers)
    except TypeError:
        # Answers of another type than the condition speaks of do not meet it.
        return False
