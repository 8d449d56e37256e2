"""What an adult sees of the children in the adult's care: reviews, released results, growth.

Must not know FHIR, SQL, nor who may see what: the record gives a parent only what was released, through the
parents' allow-list. `presenters` says it in words for a reading age of 9 to 11; app.py registers `blueprint`.
"""

from flask import Blueprint

blueprint = Blueprint("parents", __name__, url_prefix="/parents", template_folder="templates")

# The routes stand in these modules; importing them puts them on the blueprint.
from healthvisit.faces.parents import copies, views  # noqa: E402

__all__ = ["blueprint", "copies", "views"]
