"""How digital health visiting is, where, and against the straight line to 100% by 31 March 2021; and the national
indicators of each borough and quarter.

Must not know FHIR, SQL, nor any child: commissioners read frozen figures alone (decision 16), withheld
where small when they were frozen. `presenters` and `indicators` say them in words, `variation` says what changed,
`chart` and `spc_chart` draw them, `table` writes them as CSV.
"""

from flask import Blueprint

blueprint = Blueprint("commissioning", __name__, url_prefix="/commissioning", template_folder="templates")

# The routes stand in this module; importing it puts them on the blueprint.
from healthvisit.faces.commissioning import views  # noqa: E402

__all__ = ["blueprint", "views"]
