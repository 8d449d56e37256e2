"""SMART scopes, version 2: text to Scope and back, and what a set of scopes allows.

Grammar: (patient|user|system)/(Type|*).(in-order subset of cruds).
Source: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
A scope that is not understood is refused, never dropped: a person would believe that it was granted.
"""

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple, cast

Context = Literal["patient", "user", "system"]
Letter = Literal["c", "r", "u", "d", "s"]

LETTERS = "cruds"
# Scopes of identity and session: they say nothing about the record.
PLAIN = frozenset({"openid", "fhirUser", "launch/patient", "offline_access"})

_PATTERN = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,40})\.(c?r?u?d?s?)\Z")


class Scope(NamedTuple):
    context: Context
    type: str
    letters: str

    def __str__(self) -> str:
        return f"{self.context}/{self.type}.{self.letters}"

    def contains(self, other: "Scope") -> bool:
        """True when everything `other` allows is allowed by this scope too."""
        return (
            self.context == other.context
            and self.type in ("*", other.type)
            and set(other.letters) <= set(self.letters)
        )


class UnknownScope(ValueError):
    """A scope outside the grammar, or one that mixes contexts."""


def parse(text: str) -> tuple[Scope, ...]:
    """Resource scopes of a space-separated scope text; plain scopes (openid, fhirUser ...) are left out.

    Raises UnknownScope for anything else, and where patient/, user/ and system/ stand together: an app that
    holds two contexts could read by one what the other was to keep from it.
    """
    found = []
    for word in text.split(" "):
        if not word or word in PLAIN:
            continue
        match = _PATTERN.match(word)
        if match is None or not match[3]:
            raise UnknownScope("a scope is not understood")
        found.append(Scope(cast(Context, match[1]), match[2], match[3]))
    if len({scope.context for scope in found}) > 1:
        raise UnknownScope("patient/, user/ and system/ scopes do not stand together")
    return tuple(found)


def allows(scopes: Iterable[Scope], type_: str, letter: Letter) -> bool:
    """Whether one of the scopes gives this letter for this FHIR type."""
    return any(scope.type in ("*", type_) and letter in scope.letters for scope in scopes)


def within(asked: Iterable[Scope], most: Iterable[Scope]) -> bool:
    """Whether each letter asked is held by some scope of `most`, same context."""
    most = tuple(most)
    return all(
        any(held.contains(Scope(scope.context, scope.type, letter)) for held in most)
        for scope in asked
        for letter in scope.letters
    )
