import pytest
from flask import Flask, render_template_string
from jinja2 import TemplateError, UndefinedError

from healthvisit.faces.layout import templating


@pytest.fixture
def app():
    made = Flask("pages", static_folder=None, template_folder=None)
    templating.install(made)
    made.template_context_processors[None] = []
    return made


def _rendered(app, text, **given):
    with app.test_request_context("/"):
        return render_template_string(text, **given)


def test_a_value_that_a_page_forgot_is_a_fault_and_not_an_empty_space(app):
    with pytest.raises(UndefinedError):
        _rendered(app, "{{ weight_kg }}")


def test_a_component_may_leave_out_what_it_does_not_need(app):
    text = '{% from "nhsuk/components/button/macro.jinja" import button %}{{ button({"text": "Continue"}) }}'
    assert "Continue" in _rendered(app, text)


@pytest.mark.parametrize("element", ["text", "classes", "href"])
def test_a_component_escapes_what_it_is_given(app, element):
    text = '{% from "nhsuk/components/button/macro.jinja" import button %}{{ button(given) }}'
    given = {"text": "x", element: '"><script>alert(1)</script>'}
    assert "<script" not in _rendered(app, text, given=given)


def test_a_childs_name_is_never_read_as_html(app):
    assert _rendered(app, "{{ name }}", name="<b>Poppy") == "&lt;b&gt;Poppy"


def test_the_frames_own_script_comes_from_a_file(app):
    shown = _rendered(app, '{% extends "nhsuk/template.jinja" %}')
    assert '<script src="/assets/supported.js"></script>' in shown
    assert "document.body" not in shown


def test_another_version_of_the_frame_stops_the_page_rather_than_run_unseen():
    with pytest.raises(TemplateError, match="not the one this layout was written for"):
        templating._without_inline_script("<body><script>other()</script>")


def test_templates_are_installed_before_any_is_used():
    late = Flask("late")
    assert late.jinja_env
    with pytest.raises(RuntimeError, match="already in use"):
        templating.install(late)
