"""Templates: ours are strict, the components of nhsuk-frontend-jinja are read as they were written.

Those components ask for parameters that were never given, and need Jinja's ChainableUndefined. On our own
pages that would print an empty space where a child's weight should stand, so each has its own environment.
"""

from collections.abc import MutableMapping
from typing import Any, cast

import nhsuk_frontend_jinja
from flask import Flask, session
from flask.templating import Environment
from jinja2 import ChainableUndefined, ChoiceLoader, PackageLoader, StrictUndefined, Template, TemplateError
from jinja2.environment import Environment as PlainEnvironment

from healthvisit.faces import door
from healthvisit.faces.layout import words

COMPONENTS = "nhsuk/"
FRAME = "nhsuk/template.jinja"

_INLINE_SCRIPT = "<script {%- if cspNonce %}"
_END_OF_SCRIPT = "</script>"
# Our policy runs no script that stands in a page, so the frame's own one comes from a file.
_SCRIPT = '<script src="{{ assetPath }}/supported.js"></script>'


class Pages(Environment):
    """Flask's environment; a name below nhsuk/ is looked up in an overlay of its own."""

    def __init__(self, app: Flask, **options: Any) -> None:
        super().__init__(app, **options)
        self.components = self.overlay(undefined=ChainableUndefined)
        self.components.components = self.components

    def get_template(
        self,
        name: str | Template,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,  # noqa: A002  the name is Jinja's
    ) -> Template:
        if isinstance(name, str) and name.startswith(COMPONENTS) and self is not self.components:
            return self.components.get_template(name, parent, globals)
        return super().get_template(name, parent, globals)


class Components(PackageLoader):
    """The component templates, with the frame's inline script taken out."""

    def __init__(self) -> None:
        super().__init__(nhsuk_frontend_jinja.__name__)

    def get_source(self, environment: PlainEnvironment, template: str) -> Any:
        source, path, is_fresh = super().get_source(environment, template)
        return (_without_inline_script(source) if template == FRAME else source), path, is_fresh


def install(app: Flask) -> None:
    """Give the app its environment. Raises RuntimeError where a template was already rendered."""
    if "jinja_env" in app.__dict__:
        raise RuntimeError("the templates are already in use")
    app.jinja_environment = Pages  # type: ignore[assignment]  # its class stands there as a plain name
    # Flask escapes by the name's ending and knows no .jinja: a child's name would be read as HTML there.
    app.jinja_options = {
        **app.jinja_options,
        "undefined": StrictUndefined,
        "autoescape": True,
        "trim_blocks": True,
        "lstrip_blocks": True,
    }
    environment = cast(Pages, app.jinja_env)
    ours = environment.loader
    assert ours is not None
    environment.loader = environment.components.loader = ChoiceLoader([Components(), ours])
    environment.filters.update(words.FILTERS)
    app.context_processor(_frame)


def _frame() -> dict[str, Any]:
    here = door.house()
    return {
        "demonstration": here.settings.mode == "demo",
        # Told wherever the calendar is not the one on the wall (decision 7).
        "set_to": door.today() if here.settings.clock_offset_days else None,
        "is_signed_in": door.SESSION_ID in session,
    }


def _without_inline_script(source: str) -> str:
    start = source.find(_INLINE_SCRIPT)
    end = source.find(_END_OF_SCRIPT, start)
    if start < 0 or end < 0 or source.find("<script", end) >= 0:
        raise TemplateError(f"{FRAME} is not the one this layout was written for")
    return source[:start] + _SCRIPT + source[end + len(_END_OF_SCRIPT) :]
