"""The project's own definitions are whole, and a bad one stops the service with its name and its fault."""

import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from fhir.resources.R4B import get_fhir_model_class

from healthvisit.definitions import CANONICAL, BadDefinition, UnknownDefinition, load
from healthvisit.programme.asq3 import DOMAINS
from healthvisit.programme.boroughs import BOROUGHS
from healthvisit.reviews import encounters

FHIR = Path(__file__).parent.parent / "fhir"
PACK = FHIR / "packs" / "practice"
RESOURCES = [
    path for path in sorted(FHIR.rglob("*.json")) if path.relative_to(FHIR).parts[0] not in ("r4", "packs")
]


def _items(items):
    for item in items:
        yield item
        yield from _items(item.get("item", ()))


def _by_link(questionnaire):
    return {item["linkId"]: item for item in _items(questionnaire["item"])}


@pytest.fixture
def folder(tmp_path):
    """A copy of the definitions to spoil, without the table of elements, which no test here reads."""
    return Path(
        shutil.copytree(FHIR, tmp_path / "fhir", ignore=shutil.ignore_patterns("r4", "searchparameters"))
    )


def _spoil(path, change):
    resource = json.loads(path.read_text(encoding="utf-8"))
    change(resource)
    path.write_text(json.dumps(resource), encoding="utf-8")


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: str(path.relative_to(FHIR)))
def test_a_definition_is_valid_fhir(path):
    resource = json.loads(path.read_text(encoding="utf-8"))
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)


def test_the_folder_of_definitions_holds_no_python():
    assert not list(FHIR.rglob("*.py"))


def test_every_borough_has_its_service_and_greater_manchester_is_no_borough():
    definitions = load(FHIR)
    assert definitions.boroughs == {f"{borough.slug}-health-visiting": borough.gss for borough in BOROUGHS}
    assert definitions.resource("Organization", "greater-manchester")["name"] == "Greater Manchester"


def test_the_forms_have_the_links_that_tablet_and_server_read():
    definitions = load(FHIR)
    early = _by_link(definitions.resource("Questionnaire", "six-to-eight-week-review"))
    late = _by_link(definitions.resource("Questionnaire", "two-year-review"))
    plan = {"measurements", "weight", "plan", "service-level", "plan-notes", "referral"}
    assert early.keys() >= plan | {"length", "head-circumference", "feeding", "feeding-status"}
    asked = {f"asq3-{domain}-{number}" for domain in DOMAINS for number in range(1, 7)}
    assert late.keys() >= plan | asked | {"height", "asq3", "asq3-form"} | {
        f"asq3-{domain}" for domain in DOMAINS
    }


def _released(items, above=False):
    """linkIds of questions whose answer can be shown to parents."""
    for item in items:
        marks = [
            each["valueCoding"]["code"]
            for each in item.get("extension", ())
            if each["url"] == f"{CANONICAL}/StructureDefinition/visibility"
        ]
        shown = "parents" in marks if marks else above
        if shown and item["type"] not in ("group", "display"):
            yield item["linkId"]
        yield from _released(item.get("item", ()), shown)


def test_only_what_is_measured_fed_and_scored_can_be_released_and_nothing_a_family_tells():
    forms = load(FHIR).of_type("Questionnaire")
    found = {link for form in forms for link in _released(form["item"]) if not link.startswith("asq3-")}
    assert found == {"weight", "length", "height", "head-circumference", "feeding-status"}


@pytest.mark.parametrize("form", sorted({*encounters.FORMS.values(), *encounters.CONTACT_FORMS.values()}))
def test_safety_and_family_needs_are_asked_on_every_form_and_kept_for_staff(form):
    (needs,) = (
        group
        for group in load(FHIR).resource("Questionnaire", form)["item"]
        if group["linkId"] == "family-needs"
    )
    (mark,) = needs["extension"]
    assert mark["valueCoding"]["code"] == "staff"
    assert not any("code" in item or "extension" in item for item in needs["item"]), "nothing leaves the form"


def test_prefers_not_to_say_is_an_answer_and_not_a_missing_one():
    items = _by_link(load(FHIR).resource("Questionnaire", "new-birth-review"))

    def offered(link):
        return {option["valueCoding"]["code"] for option in items[link]["answerOption"]}

    assert {"Z", "99"} <= offered("ethnic-group")
    assert {"prefers-not-to-say", "unknown"} <= offered("home-language")
    assert not any(items[link]["required"] for link in ("ethnic-group", "home-language"))


def test_without_a_pack_the_form_shows_item_numbers_and_says_why():
    questionnaire = load(FHIR).by_url(f"{CANONICAL}/Questionnaire/two-year-review|1.1.0")
    items = _by_link(questionnaire)
    assert questionnaire["title"] == "2 to 2½ year review"
    assert [items[f"asq3-communication-{number}"]["text"] for number in (1, 6)] == ["Item 1", "Item 6"]
    assert "not loaded" in items["asq3-notice"]["text"]


def test_with_the_practice_pack_the_form_shows_its_wording_and_names_it_in_version_and_title():
    definitions = load(FHIR, PACK)
    questionnaire = definitions.by_url(f"{CANONICAL}/Questionnaire/two-year-review|1.1.0-practice.2")
    items = _by_link(questionnaire)
    assert questionnaire["title"] == "2 to 2½ year review (Practice instrument)"
    assert items["asq3"]["text"] == "Practice instrument"
    assert items["asq3-notice"]["text"] == "Practice instrument: invented, not clinical"
    assert items["asq3-communication-1"]["text"] == "Practice item: points to the big circle"
    with pytest.raises(UnknownDefinition):
        definitions.by_url(f"{CANONICAL}/Questionnaire/two-year-review|1.1.0")


def test_a_pack_leaves_a_form_without_its_items_as_it_was():
    url = f"{CANONICAL}/Questionnaire/six-to-eight-week-review|1.1.0"
    assert load(FHIR, PACK).by_url(url) == load(FHIR).by_url(url)


def test_every_practice_item_is_labelled_so():
    pack = load(FHIR, PACK).pack
    wordings = [
        item
        for form in pack["forms"].values()
        for domain in form["domains"].values()
        for item in domain["items"]
    ]
    assert len(wordings) == 180
    assert len(set(wordings)) == 60
    assert all(item.startswith("Practice item: ") for item in wordings)


def test_practice_cut_offs_are_the_same_round_numbers_for_every_domain():
    # So that nobody can take them for the numbers of a clinical table.
    for form in load(FHIR, PACK).pack["forms"].values():
        edges = {(domain["cut_off"], domain["monitor_up_to"]) for domain in form["domains"].values()}
        assert len(edges) == 1
        assert all(Decimal(edge) % Decimal("2.5") == 0 for edge in edges.pop())


@pytest.mark.parametrize(
    ("file", "change", "fault"),
    [
        (
            "questionnaires/two-year-review.json",
            lambda r: r.update(url="https://elsewhere.example"),
            "the url",
        ),
        ("questionnaires/two-year-review.json", lambda r: r.pop("version"), "version"),
        ("questionnaires/two-year-review.json", lambda r: r.pop("item"), "'item'"),
        (
            "questionnaires/two-year-review.json",
            lambda r: r["item"][0]["item"][0].update(linkId="height"),
            "linkId height",
        ),
        (
            "questionnaires/two-year-review.json",
            lambda r: r["item"][0]["item"][0]["extension"][1].update(valueDecimal=41),
            "limits",
        ),
        (
            "questionnaires/two-year-review.json",
            lambda r: r["item"][0]["item"][0]["extension"].pop(0),
            "without a unit",
        ),
        ("questionnaires/two-year-review.json", lambda r: r["item"][0].update(type="grid"), "item type grid"),
        ("questionnaires/two-year-review.json", lambda r: r["item"][0].pop("item"), "without items"),
        (
            "questionnaires/two-year-review.json",
            lambda r: r["item"][2]["item"][0].pop("answerOption"),
            "a choice has options",
        ),
        (
            "questionnaires/two-year-review.json",
            lambda r: r["item"][2]["item"][0]["answerOption"][0]["valueCoding"].update(code="gold"),
            "no code gold",
        ),
        (
            "questionnaires/two-year-review.json",
            lambda r: r["item"][0]["item"][0]["extension"][4].update(
                url=f"{CANONICAL}/StructureDefinition/doubtful-below"
            ),
            "doubtful-below",
        ),
        ("codesystems/review.json", lambda r: r["concept"].pop(), "no code two-year|count"),
        ("codesystems/place.json", lambda r: r["concept"].append(r["concept"][0]), "twice"),
        ("codesystems/place.json", lambda r: r["concept"][0].pop("display"), "display"),
        (
            "valuesets/place.json",
            lambda r: r["compose"]["include"][0].update(system=f"{CANONICAL}/CodeSystem/places"),
            "places",
        ),
        ("plandefinitions/gm-stages.json", lambda r: r["action"][0].pop("extension"), "one window"),
        (
            "plandefinitions/gm-stages.json",
            lambda r: r["action"][1]["extension"][0]["extension"][0].update(valueCode="baptism"),
            "anchor",
        ),
        (
            "plandefinitions/gm-stages.json",
            lambda r: r["action"][1]["extension"][0]["extension"][1]["extension"][0].update(valueInteger=15),
            "closes before it opens",
        ),
        (
            "plandefinitions/gm-stages.json",
            lambda r: r["action"][1]["extension"][0]["extension"][1]["extension"][0].update(valueInteger=-1),
            "not a length of time",
        ),
        (
            "plandefinitions/gm-stages.json",
            lambda r: r["action"][1]["extension"][0]["extension"][2]["extension"].pop(),
            "included",
        ),
        ("organizations/bury-health-visiting.json", lambda r: r.update(id="bury"), "not the file's name"),
        ("organizations/bury-health-visiting.json", lambda r: r.pop("resourceType"), "resourceType"),
    ],
)
def test_a_bad_definition_stops_the_service_with_its_file_and_its_fault(folder, file, change, fault):
    _spoil(folder / file, change)
    with pytest.raises(BadDefinition, match=fault) as raised:
        load(folder)
    if "codesystems/review" not in file:
        assert Path(file).name in str(raised.value)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda p: p.pop("notice"), "without notice"),
        (lambda p: p.update(colour="red"), "colour"),
        (lambda p: p.update(version="1+2"), "version"),
        (lambda p: p.update(title=" "), "title"),
        (lambda p: p["code"].update(code="asq"), "no code asq"),
        (lambda p: p["answers"].pop("yes"), "without yes"),
        (lambda p: p["answers"].update(yes=True), "whole number"),
        (lambda p: p["forms"].clear(), "no forms"),
        (lambda p: p["forms"].update({"25": p["forms"]["24"]}), "no form 25"),
        (lambda p: p["forms"]["24"].update(until_months=23), "in order"),
        (lambda p: p["forms"]["24"]["domains"].pop("fine-motor"), "without fine-motor"),
        (lambda p: p["forms"]["24"]["domains"]["fine-motor"]["items"].pop(), "5 items"),
        (lambda p: p["forms"]["24"]["domains"]["fine-motor"]["items"].__setitem__(0, ""), "an item"),
        (lambda p: p.update(earlier=["2"]), "other versions"),
        (lambda p: p["forms"]["24"]["domains"]["fine-motor"].update(cut_off=20.0), "decimals in text"),
        (lambda p: p["forms"]["24"]["domains"]["fine-motor"].update(cut_off=None), "decimals in text"),
        (lambda p: p["forms"]["24"]["domains"]["fine-motor"].update(cut_off="twenty"), "not a number"),
        (lambda p: p["forms"]["24"]["domains"]["fine-motor"].update(cut_off="NaN"), "not in order"),
        (lambda p: p["forms"]["24"]["domains"]["fine-motor"].update(cut_off="30.00"), "not in order"),
        (lambda p: p["forms"]["24"]["domains"]["fine-motor"].update(monitor_up_to="61"), "not in order"),
        (lambda p: p["forms"]["24"]["domains"].update({"fine-motor": []}), "not an object"),
    ],
)
def test_a_pack_that_is_not_whole_stops_the_service(folder, change, fault):
    _spoil(folder / "packs" / "practice" / "pack.json", change)
    with pytest.raises(BadDefinition, match=rf"pack\.json: .*{fault}"):
        load(folder, folder / "packs" / "practice")


def test_a_pack_may_leave_cut_offs_out_and_bring_fewer_forms(folder):
    def change(pack):
        del pack["forms"]["27"], pack["forms"]["30"]
        for domain in pack["forms"]["24"]["domains"].values():
            domain.update(cut_off=None, monitor_up_to=None)

    _spoil(folder / "packs" / "practice" / "pack.json", change)
    definitions = load(folder, folder / "packs" / "practice")
    items = _by_link(definitions.resource("Questionnaire", "two-year-review"))
    assert [option["valueCoding"]["code"] for option in items["asq3-form"]["answerOption"]] == ["24"]


def test_a_pack_without_a_form_for_an_age_leaves_the_instrument_out_of_that_review(folder):
    def change(pack):
        del pack["forms"]["9"], pack["forms"]["10"], pack["forms"]["12"]

    _spoil(folder / "packs" / "practice" / "pack.json", change)
    definitions = load(folder, folder / "packs" / "practice")
    assert not any(
        link.startswith("asq3") for link in _by_link(definitions.resource("Questionnaire", "one-year-review"))
    )
    assert "asq3-form" in _by_link(definitions.resource("Questionnaire", "two-year-review"))


def test_an_item_whose_wording_differs_by_form_keeps_its_number(folder):
    def change(pack):
        pack["forms"]["27"]["domains"]["fine-motor"]["items"][0] = "Another"

    _spoil(folder / "packs" / "practice" / "pack.json", change)
    definitions = load(folder, folder / "packs" / "practice")
    items = _by_link(definitions.resource("Questionnaire", "two-year-review"))
    assert items["asq3-fine-motor-1"]["text"] == "Item 1"
    assert items["asq3-fine-motor-2"]["text"] == "Practice item: peels the sticker from the card"


def test_each_review_has_the_wording_of_its_own_forms():
    definitions = load(FHIR, PACK)
    first = {
        form: _by_link(definitions.resource("Questionnaire", form))["asq3-fine-motor-1"]["text"]
        for form in ("one-year-review", "two-year-review")
    }
    assert first == {
        "one-year-review": "Practice item: squeezes the rubber star",
        "two-year-review": "Practice item: presses the big button",
    }


def test_a_form_filled_in_without_signal_is_known_in_the_version_that_was_filled_in():
    definitions = load(FHIR, PACK)
    form = f"{CANONICAL}/Questionnaire/one-year-review"
    assert definitions.by_url(f"{form}|1.0.0")["id"] == "one-year-review-1.0.0"
    assert definitions.by_url(form)["id"] == "one-year-review"


def test_answers_read_from_an_earlier_pack_with_the_same_words_are_known():
    definitions = load(FHIR, PACK)
    form = f"{CANONICAL}/Questionnaire/two-year-review"
    assert definitions.by_url(f"{form}|1.1.0-practice.1") is definitions.by_url(form)
    assert definitions.by_url(f"{form}|1.0.0-practice.1")["id"] == "two-year-review-1.0.0"
    with pytest.raises(UnknownDefinition):
        definitions.by_url(f"{form}|1.1.0-practice.0")


def test_every_earlier_version_is_of_a_form_in_use_and_older_than_it():
    def number(form):
        return tuple(map(int, form["version"].split(".")))

    definitions = load(FHIR)
    earlier = [form for form in definitions.of_type("Questionnaire") if form["status"] == "retired"]
    assert earlier
    assert all(number(form) < number(definitions.by_url(form["url"])) for form in earlier)


def test_an_earlier_version_of_no_form_stops_the_service(folder):
    (folder / "questionnaires" / "one-year-review.json").unlink()
    with pytest.raises(BadDefinition, match=r"one-year-review-1\.0\.0\.json: an earlier version"):
        load(folder)


def test_a_folder_without_a_pack_is_named(tmp_path):
    with pytest.raises(BadDefinition, match=r"pack\.json"):
        load(FHIR, tmp_path)


def test_a_file_that_is_not_json_is_named(folder):
    (folder / "measures" / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadDefinition, match=r"broken\.json: not JSON at line 1"):
        load(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadDefinition, match="not a folder"):
        load(tmp_path / "nowhere")


def test_no_licensed_wording_or_cut_off_stands_in_the_definitions():
    # The two rows of cut-offs verified in an opened source are for tests alone.
    text = "".join(path.read_text(encoding="utf-8") for path in FHIR.rglob("*.json"))
    for cut_off in ("15.64", "21.49", "34.50", "27.32", "21.73", "30.99", "36.99", "18.07", "30.29", "35.33"):
        assert f'"{cut_off}"' not in text
