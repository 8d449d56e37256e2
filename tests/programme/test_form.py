from decimal import Decimal
from pathlib import Path

import pytest

from healthvisit import exact_json
from healthvisit.definitions import CANONICAL
from healthvisit.programme import form as rules
from healthvisit.programme.form import Unusable, changes, examine, form
from tests.programme import forms

ROOT = Path(__file__).parents[2]
FILES = {
    path.name: exact_json.loads(path.read_bytes())
    for path in sorted((ROOT / "tests" / "cases" / "form").glob("*.json"))
}
QUESTIONNAIRES = sorted((ROOT / "fhir" / "questionnaires").rglob("*.json"))


def _of_files(kind):
    return [
        pytest.param(file, case, id=f"{name}: {case['name']}")
        for name, file in FILES.items()
        for case in file.get(kind, ())
    ]


def _brief(faults):
    return [f"{fault.path} {fault.code}" for fault in faults]


@pytest.mark.parametrize(("file", "case"), _of_files("cases"))
def test_findings(file, case):
    value_sets = {url: [tuple(pair) for pair in pairs] for url, pairs in file.get("value_sets", {}).items()}
    found = examine(form(file["form"], value_sets), {"item": case["items"]})
    assert _brief(found.missing) == case.get("missing", [])
    assert _brief(found.faults) == case.get("faults", [])
    assert _brief(found.questions) == case.get("questions", [])
    told = [*found.missing, *found.faults, *found.questions]
    if "enabled" in case:
        assert list(found.enabled) == case["enabled"]
    if "says" in case:
        assert [fault.text for fault in told] == case["says"]
    if "at" in case:
        assert [fault.expression for fault in told] == case["at"]


@pytest.mark.parametrize(("file", "case"), _of_files("changed"))
def test_changes(file, case):
    found = changes({"item": case["before"]}, {"item": case["after"]})
    told = [{"path": path, "before": list(before), "after": list(after)} for path, before, after in found]
    assert repr(told) == repr(case["changes"])


def test_the_tablet_finds_the_same():
    parted, counts = forms.differences(range(300))
    assert parted == []
    # Chance has to bring each of them, or the two agree about nothing.
    assert set(counts) == {
        "required", "unknown-item", "misplaced", "out-of-order", "repeated", "too-many-answers", "disabled",
        "not-a-question", "no-value", "wrong-type", "not-an-option", "too-small", "too-great", "too-many-digits",
        "too-long", "too-short", "wrong-pattern", "wrong-unit", "unlikely-below", "unlikely-above", "change",
        "condition",
    }  # fmt: skip


def test_a_case_by_chance_is_the_same_for_the_same_seed():
    assert repr(forms.a_case(7)) == repr(forms.a_case(7))
    assert repr(forms.a_case(7)) != repr(forms.a_case(8))


@pytest.mark.parametrize("path", QUESTIONNAIRES, ids=lambda path: path.stem)
def test_our_forms_can_be_judged_by_and_an_empty_one_has_no_fault(path):
    found = examine(form(exact_json.loads(path.read_bytes())), {"resourceType": "QuestionnaireResponse"})
    assert found.faults == found.questions == ()
    assert found.enabled


def test_what_is_unlikely_is_said_by_our_own_extension():
    assert f"{CANONICAL}/StructureDefinition/" == rules.OWN


def test_no_sentence_repeats_an_answer():
    secret = "Ada Example of 1 Long Lane"
    questionnaire = {
        "item": [
            {"linkId": kind, "type": kind, "text": "Question"}
            for kind in ("boolean", "decimal", "integer", "date", "dateTime", "time", "quantity")
        ]
    }
    items = [
        {"linkId": kind["linkId"], "answer": [{"valueString": secret}]} for kind in questionnaire["item"]
    ]
    stranger = {"linkId": secret, "answer": [{"valueString": secret}]}
    found = examine(form(questionnaire), {"item": [*items, stranger, stranger]})
    assert len(found.faults) == len(items) + 2
    assert "Ada" not in repr(found)


def _item(**changed):
    return {"linkId": "a", "type": "string", "text": "A", **changed}


def _when(question, operator="exists", **answer):
    return {"question": question, "operator": operator, **(answer or {"answerBoolean": True})}


def _extension(name, **value):
    return {"extension": [{"url": rules.CORE + name, **value}]}


@pytest.mark.parametrize(
    ("items", "fault"),
    [
        ([_item(), _item()], "a: stands twice"),
        ([_item(type="reference")], "no item type reference"),
        ([_item(type="display", required=True)], "a text is not answered"),
        ([_item(type="choice")], "a choice has options"),
        ([_item(answerOption=[{"valueString": "x"}])], "a choice has options"),
        ([_item(type="choice", answerOption=[{"valueDecimal": Decimal(1)}])], "an option that is no value"),
        ([_item(type="choice", answerValueSet="urn:nobody")], "a value set that is not known"),
        ([_item(modifierExtension=[])], "not read here"),
        ([_item(**_extension("questionnaire-minOccurs", valueInteger=1))], "not read here"),
        ([_item(**_extension("minValue", valueInteger=1))], "a limit of another type"),
        ([_item(type="date", **_extension("minValue", valueDate="2021-02-30"))], "a limit of another type"),
        ([_item(type="quantity", **_extension("minValue", valueDecimal=1))], "a limit, and not one unit"),
        ([_item(**_extension("regex", valueString="(a+)+"))], "a pattern"),
        ([_item(**_extension("regex", valueString=r"\w"))], "a pattern"),
        ([_item(**_extension("regex", valueString="a{2,1}"))], "a pattern"),
        ([_item(enableWhen=[_when("b")])], "no question of the form"),
        ([_item(enableWhen=[_when("a")])], "wait for each other"),
        ([_item(enableWhen=[_when("b")]), _item(linkId="b", enableWhen=[_when("a")])], "a: conditions that wait"),
        ([_item(type="group", enableWhen=[_when("b")], item=[_item(linkId="b")])], "wait for each other"),
        ([_item(), _item(linkId="b", enableWhen=[_when("a"), _when("a")])], "neither all nor any"),
        ([_item(), _item(linkId="b", enableWhen=[_when("a", "~", answerString="x")])], "an operator"),
        ([_item(), _item(linkId="b", enableWhen=[_when("a", "=", answerInteger=1)])], "of another type"),
        ([_item(), _item(linkId="b", enableWhen=[_when("a", ">", answerString="x")])], "what has none"),
        ([_item(), _item(linkId="b", enableWhen=[_when("a", answerString="x")])], "yes or no"),
    ],
)  # fmt: skip
def test_a_form_that_cannot_be_judged_by_is_refused(items, fault):
    with pytest.raises(Unusable, match=fault):
        form({"item": items})


def test_a_condition_in_a_unit_that_its_question_has_not_is_refused():
    unit = {"system": "http://unitsofmeasure.org", "code": "kg"}
    weight = _item(type="quantity", **_extension("questionnaire-unit", valueCoding=unit))
    asks = {"value": 1, "system": "http://unitsofmeasure.org", "code": "g"}
    with pytest.raises(Unusable, match="in a unit"):
        form({"item": [weight, _item(linkId="b", enableWhen=[_when("a", ">", answerQuantity=asks)])]})
