"""Uri search: exactly as it stands, or by what it stands under.  https://hl7.org/fhir/R4/search.html#uri

The rows are those of a token without a system.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, or_

from healthvisit.record.search.token import kept

# The index keeps the beginning of a longer one, and no more.
_MOST_BELOW = 127


class UriValue(NamedTuple):
    """codes: the one uri. For :above all that it stands under, and itself. For :below the ends of the range
    of what stands under it, and after them itself, where it may be the one."""

    codes: tuple[str, ...]


def parsed(text: str, modifier: str) -> UriValue:
    """A uri of a query. Raises ValueError where :above or :below is asked of what has no parts."""
    if not modifier:
        return UriValue((kept(text),))
    scheme, separator, rest = text.partition("://")
    if not separator or not rest:
        raise ValueError("is not a URL, which alone has something above and below it")
    if modifier == "below":
        if len(text) > _MOST_BELOW:
            raise ValueError(f"is longer than {_MOST_BELOW} characters")
        parts = text.rstrip("/")
        under = f"{parts}/", f"{parts}0"
        return UriValue(under if text.endswith("/") else (*under, parts))
    steps = rest.rstrip("/").split("/")
    parents = [f"{scheme}://{'/'.join(steps[:length])}" for length in range(1, len(steps) + 1)]
    return UriValue(
        tuple(dict.fromkeys(kept(each) for each in (*parents, *(f"{p}/" for p in parents), text)))
    )


def condition(code: ColumnElement[str], values: tuple[UriValue, ...], modifier: str) -> ColumnElement[bool]:
    """Whether a code column holds one of the uris; stands under one (:below); or above one (:above)."""
    if modifier == "below":
        return or_(*(_below(code, *value.codes) for value in values))
    return code.in_([each for value in values for each in value.codes])


def _below(
    code: ColumnElement[str], first: str, after: str, itself: str | None = None
) -> ColumnElement[bool]:
    """A range, which both databases read from the index."""
    under = and_(code >= first, code < after)
    return under if itself is None else or_(code == itself, under)
