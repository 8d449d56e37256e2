"""Pages of those who work with children, besides the tablet's: children moving in and out, children whose care ends,
children of other boroughs in an emergency, reviews of a paper backlog that are perhaps a child's, visits that another
team recorded before the child came, the children behind a frozen number, and the team's tablets.

Must not know FHIR, SQL, nor who may do what: the record says it. They work without a script, on any screen.
"""

from flask import Blueprint

blueprint = Blueprint("staff", __name__, url_prefix="/staff", template_folder="templates")

# The routes stand in this module; importing it puts them on the blueprint.
from healthvisit.faces.staff import ending, figures, importing, late, moving, opening, tablets  # noqa: E402

__all__ = ["blueprint", "ending", "figures", "importing", "late", "moving", "opening", "tablets"]
