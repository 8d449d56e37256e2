import re
import sys

import html5lib
import pytest

from healthvisit.exact_json import loads
from tests.builders import a_child
from tests.faces.layout.pages import Browser, a_commissioner, a_parent, an_app, words_of
from tests.faces.parents.test_views import a_visit_of
from tests.pdf import Document, bare


@pytest.fixture
def app(furnished, tmp_path):
    return an_app(furnished, tmp_path)


@pytest.fixture
def poppy(furnished, definitions):
    return (
        a_child()
        .with_review("new-birth", on="2019-01-27")
        .with_review("one-year", on="2020-01-10", outcome="declined")
        .kept_in(furnished, definitions)
    )


@pytest.fixture
def parent(app, furnished, poppy):
    return Browser(app).signed_in(a_parent(furnished, poppy.id))


def of(child, rest=""):
    return f"/parents/children/{child.id}{rest}"


def test_a_parent_finds_the_copy_from_the_childs_page(parent, poppy):
    assert f'href="{of(poppy, "/copy")}"' in parent.get(of(poppy)).text
    page = parent.get(of(poppy, "/copy"))
    said = words_of(page.text)
    assert said.startswith(
        "A copy of Poppy Ashworth’s record You can keep a copy of all that is shared with you"
    )
    assert "Think about who else uses your phone" in said
    for ending in ("pdf", "json"):
        assert f'href="{of(poppy, f"/copy.{ending}")}"' in page.text


def test_a_parent_keeps_a_document_that_another_system_can_read(parent, poppy):
    answer = parent.get(of(poppy, "/copy.json"))
    assert answer.status_code == 200
    assert answer.content_type == "application/fhir+json"
    types = [entry["resource"]["resourceType"] for entry in loads(answer.data)["entry"]]
    assert types == ["Composition", "Patient", "Encounter", "Encounter"]


@pytest.mark.parametrize("ending", ["json", "pdf"])
def test_a_file_is_kept_under_a_name_that_tells_nothing_of_the_child(parent, poppy, ending):
    answer = parent.get(of(poppy, f"/copy.{ending}"))
    assert answer.headers["Content-Disposition"] == f'attachment; filename="health-visiting-record.{ending}"'
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("rest", ["/copy", "/copy.json", "/copy.pdf"])
def test_a_copy_of_somebody_elses_child_is_that_of_a_child_who_never_was(
    parent, furnished, definitions, rest
):
    other = a_child(family="Barlow").kept_in(furnished, definitions)
    answers = [
        parent.get(f"/parents/children/{id_}{rest}")
        for id_ in (other.id, "01a20871-0000-7000-8000-000000000000", "never-was", "a" * 200, "x%00y")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({re.sub(r'name="csrf_token" value="[^"]+"', "", answer.text) for answer in answers}) == 1


@pytest.mark.parametrize("rest", ["/copy", "/copy.json", "/copy.pdf"])
def test_only_a_parent_takes_a_copy(app, furnished, poppy, rest):
    assert Browser(app).get(of(poppy, rest)).status_code == 303
    assert Browser(app).signed_in(a_commissioner(furnished)).get(of(poppy, rest)).status_code == 403


# The page to print

# What is said on the page alone: its headings, what comes later, and what reviews are for.
_OF_THE_PAGE = (
    "What we found",
    "More results come here",
    "All reviews",
    "Every child is offered five reviews",
)
_PIECES = ("h2", "h3", "p", "li", "th", "td", "caption", "summary")


def said_on(page):
    """What a parent reads in the page's own parts of results, growth and reviews, piece by piece."""
    document = html5lib.parse(page.text, namespaceHTMLElements=False)
    for part in document.iter("section"):
        if part.get("aria-labelledby") not in ("results", "growth", "reviews"):
            continue
        for each in part.iter():
            kind = each.get("class", "")
            for within in each.findall("span[@class='nhsuk-table__heading']"):
                # The column's name, said again in each cell for narrow screens.
                within.text = ""
            if kind in ("hv-reviews__title", "hv-reviews__when") or (
                each.tag in _PIECES and kind != "hv-reviews__item"
            ):
                yield " ".join("".join(each.itertext()).split())


def test_a_pdf_says_what_the_page_says_and_can_be_heard(parent, poppy, furnished, definitions):
    a_visit_of(poppy, furnished, definitions, released=True)
    page = parent.get(of(poppy))
    answer = parent.get(of(poppy, "/copy.pdf"))
    assert answer.status_code == 200
    assert answer.content_type == "application/pdf"
    document = Document(answer.data)

    every = [each for each in said_on(page) if not each.startswith(_OF_THE_PAGE)]
    for words in ("Your child is doing well at:", "12.40 kg", "1 year review", "Done on 27 January 2019."):
        assert words in every
    assert [each for each in every if not document.says(each)] == []

    assert document.root["/Lang"] == "en-GB"
    assert document.root["/MarkInfo"]["/Marked"]
    assert document.root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert document.reader.metadata.title == "Poppy Ashworth’s health visiting record"
    assert b'pdfuaid:part="1"' in document.root["/Metadata"].get_data()
    headings = [name for name, _ in document.tags if re.fullmatch(r"H\d", name)]
    assert headings[:3] == ["H1", "H2", "H2"]
    assert set(headings[1:]) == {"H2", "H3"}
    (figure,) = (alternative for name, alternative in document.tags if name == "Figure")
    assert figure.startswith("Weight of Poppy Ashworth on the growth chart, by age. Nine lines show")
    names = {name for name, _ in document.tags}
    assert {"Table", "Caption", "THead", "TR", "TH", "TD", "L", "LI", "P"} <= names


def test_the_pdf_of_one_child_has_no_word_of_a_sibling(app, furnished, definitions):
    poppy = a_child().with_review("two-year", on="2021-02-01").kept_in(furnished, definitions)
    rose = a_child(family="Barlow").with_review("two-year", on="2021-01-20").kept_in(furnished, definitions)
    parent = Browser(app).signed_in(a_parent(furnished, poppy.id, rose.id))
    document = Document(parent.get(of(poppy, "/copy.pdf")).data)
    assert document.says("Poppy Ashworth’s health visiting record")
    for word in ("Barlow", bare(rose.nhs_number), "20 January 2021"):
        assert not document.says(word)


def test_where_no_pdf_can_be_made_the_page_says_so_and_has_the_other_file(parent, poppy, monkeypatch, caplog):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    answer = parent.get(of(poppy, "/copy.pdf"))
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"
    assert "<title>Error: A copy of Poppy" in answer.text
    said = words_of(answer.text)
    assert said.startswith("There is a problem The PDF could not be made just now. Nothing was lost.")
    assert f'href="{of(poppy, "/copy.json")}"' in answer.text
    assert "no PDF was made: missing: nothing that is known; ended 1" in caplog.text
    assert "Poppy" not in caplog.text
    assert poppy.id not in caplog.text
