import re

import pytest

from healthvisit.exact_json import loads
from tests.builders import a_child
from tests.faces.layout.pages import Browser, a_commissioner, a_parent, an_app, words_of


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
    assert f'href="{of(poppy, "/copy.json")}"' in page.text


def test_a_parent_keeps_a_document_that_another_system_can_read(parent, poppy):
    answer = parent.get(of(poppy, "/copy.json"))
    assert answer.status_code == 200
    assert answer.content_type == "application/fhir+json"
    types = [entry["resource"]["resourceType"] for entry in loads(answer.data)["entry"]]
    assert types == ["Composition", "Patient", "Encounter", "Encounter"]


@pytest.mark.parametrize("ending", ["json"])
def test_a_file_is_kept_under_a_name_that_tells_nothing_of_the_child(parent, poppy, ending):
    answer = parent.get(of(poppy, f"/copy.{ending}"))
    assert answer.headers["Content-Disposition"] == f'attachment; filename="health-visiting-record.{ending}"'
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("rest", ["/copy", "/copy.json"])
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


@pytest.mark.parametrize("rest", ["/copy", "/copy.json"])
def test_only_a_parent_takes_a_copy(app, furnished, poppy, rest):
    assert Browser(app).get(of(poppy, rest)).status_code == 303
    assert Browser(app).signed_in(a_commissioner(furnished)).get(of(poppy, rest)).status_code == 403
