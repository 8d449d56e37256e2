"""String search: by how it begins, whatever the case and the accents.
https://hl7.org/fhir/R4/search.html#string"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, and_, func, or_

# A query is shorter than what the index keeps, so that a text cut there never equals it by chance.
MOST_CHARACTERS = 255
_KEPT = MOST_CHARACTERS + 1

# Any part of a HumanName or Address.
_PARTS = (
    "family", "given", "prefix", "suffix", "text",
    "line", "city", "district", "state", "postalCode", "country",
)  # fmt: skip

# Letters with a stroke are letters of their own to Unicode, but not to someone who spells a name over the
# telephone.
_STROKES = str.maketrans("łøđħıŧ’‘‐‑–", "lodhit''---")


class StringValue(NamedTuple):
    """after: the least text that follows all that begin with `folded`, "" where there is none."""

    text: str
    folded: str
    after: str


@lru_cache(maxsize=16384)
def folded(text: str) -> str:
    """Lower case, no accents, single spaces."""
    plain = unicodedata.normalize("NFKD", text)
    if not plain.isascii():
        plain = unicodedata.normalize("NFKD", plain.casefold()).translate(_STROKES)
        plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return " ".join(plain.casefold().split())


def of_element(value: Any) -> Iterable[tuple[str, str]]:
    """(folded, exact) of a string, or of each part of a HumanName or Address, cut to what the index keeps."""
    if type(value) is str:
        return ((folded(value)[:_KEPT], value[:_KEPT]),)
    if type(value) is not dict:
        return ()
    found = []
    for part in _PARTS:
        inner = value.get(part)
        if type(inner) is str:
            found.append((folded(inner)[:_KEPT], inner[:_KEPT]))
        elif inner:
            found += [(folded(text)[:_KEPT], text[:_KEPT]) for text in inner if type(text) is str]
    return found or (("", ""),)


def parsed(text: str, modifier: str) -> StringValue:
    """A text of a query. Raises ValueError where it is too long, or has nothing to search by."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"is longer than {MOST_CHARACTERS} characters")
    plain = folded(text)
    if modifier != "exact" and not plain:
        raise ValueError("has no letter or digit to search by")
    return StringValue(text, plain[:_KEPT], _after(plain))


def condition(row: FromClause, values: tuple[StringValue, ...], modifier: str) -> ColumnElement[bool]:
    """Whether a row of search_string begins with one of the values; is it (:exact); or holds it
    (:contains)."""
    if modifier == "exact":
        # The folded text comes first in the index.
        return or_(*(and_(row.c.folded == value.folded, row.c.exact == value.text) for value in values))
    if modifier == "contains":
        held = (func.replace(row.c.folded, value.folded, "") for value in values)
        return or_(*(row.c.folded != without for without in held))
    return or_(*(_begins(row.c.folded, value) for value in values))


def _begins(column: ColumnElement[str], value: StringValue) -> ColumnElement[bool]:
    """A range, which both databases read from the index; LIKE only under some settings."""
    begins = column >= value.folded
    return and_(begins, column < value.after) if value.after else begins


def _after(prefix: str) -> str:
    """The least text that is greater than all that begin with the prefix, by code point; "" where there is
    none."""
    prefix = prefix.rstrip("\U0010ffff")
    if not prefix:
        return ""
    last = ord(prefix[-1]) + 1
    # Surrogates are no characters; the next one follows them.
    return prefix[:-1] + chr(0xE000 if last == 0xD800 else last)
