"""What every page shares: frame, assets, headers, words, error pages, and pages that belong to no audience.

Must not know what a review is, nor SQL. Visitors use `install` (app.py, once), the template layout/page.html
and the filters of `words`; a page that sends its form to another site loosens its policy by `headers.policy`.
The look is nhsuk-frontend 10.6.1 without its remote font, logo and copyright line, and there is no build step
(decision 12): scripts/assets made what stands in static/.
"""

from flask import Blueprint, Flask

blueprint = Blueprint(
    "layout", __name__, static_folder="static", static_url_path="/assets", template_folder="templates"
)

# The routes stand in this module; importing it puts them on the blueprint.
from healthvisit.faces.layout import errors, headers, templating, views  # noqa: E402


def install(app: Flask) -> None:
    """Join frame, headers and error pages to the app. Call it before anything renders a template."""
    templating.install(app)
    headers.install(app)
    errors.install(app)


__all__ = ["blueprint", "install", "views"]
