""" "?code=..." -> SearchQuery; a parameter, modifier or value that is not understood is an error, never ignored."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from healthvisit.definitions import Definitions

COUNT = 50
MOST_COUNT = 1000


@dataclass(frozen=True)
class SearchQuery:
    """One search that was understood.

    patients: ids of the Patients that the search names, for the audit; sorted, each once.
    processed: the parameters in the order given, as pairs to put into the self link; without _page.
    count: most matches on a page, 0 to 1000; 0 asks for the total alone.
    """

    type: str
    patients: tuple[str, ...]
    processed: tuple[tuple[str, str], ...]
    count: int


def parse(
    type_: str,
    parameters: Sequence[tuple[str, str]],
    definitions: Definitions,
    *,
    base: str = "",
    only: Collection[str] | None = None,
) -> SearchQuery:
    """The query of decoded name-value pairs, _count _sort _include _total _summary and _page among them.

    base: address of this service's FHIR endpoint without a final slash; a reference that begins with it is ours.
    only: names of the parameters that this requester may ask by or sort by, None for all; any other is refused like
    one that does not exist, because a search by a hidden element tells the element.
    Raises Invalid, with the parameter's name as expression.
    """
    raise NotImplementedError
