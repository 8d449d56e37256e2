"""SMART scopes as an algebra: text to Scope and back, which contains which, and what two have in common.

Grammar: (patient|user|system)/(Type|*).(in-order subset of cruds)[?parameter=value[&parameter=value]...].
Version 1 is understood: .read is rs, .write is cud, .* is cruds.
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
PLAIN = frozenset(
    {
        "openid",
        "fhirUser",
        "launch",
        "launch/patient",
        "launch/encounter",
        "offline_access",
        "online_access",
    }
)

# What a scope may be narrowed by: what the record can ask in SQL, and of a body that is still to be written.
TAG, CATEGORY = "_tag", "category"
BOROUGH_SYSTEM = "https://healthvisit.example/fhir/Id/gss-code"
CATEGORISED = ("Observation", "Condition")

_PATTERN = re.compile(
    r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,40})\.(read|write|\*|c?r?u?d?s?)(?:\?(\S+))?\Z", re.ASCII
)
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
# A system and a code, both of them and one of each: no list, no modifier, no escape.
_VALUES = {
    TAG: re.compile(re.escape(BOROUGH_SYSTEM) + r"\|[ENSW][0-9]{8}\Z", re.ASCII),
    CATEGORY: re.compile(r"[a-z][a-z0-9+.-]*:[A-Za-z0-9._~:/-]{1,200}\|[A-Za-z0-9._-]{1,64}\Z", re.ASCII),
}


class Scope(NamedTuple):
    """conditions: parameter and value, sorted and each once; a resource has to meet all of them."""

    context: Context
    type: str
    letters: str
    conditions: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        asked = "&".join(f"{name}={value}" for name, value in self.conditions)
        return f"{self.context}/{self.type}.{self.letters}{'?' if asked else ''}{asked}"

    def contains(self, other: "Scope") -> bool:
        """True when everything `other` allows is allowed by this scope too."""
        return (
            self.context == other.context
            and self.type in ("*", other.type)
            and set(other.letters) <= set(self.letters)
            and set(self.conditions) <= set(other.conditions)
        )

    def gives(self, type_: str, letter: str) -> bool:
        """Whether it gives this letter for this FHIR type; its conditions say of which resources."""
        return self.type in ("*", type_) and letter in self.letters

    def values(self, parameter: str) -> frozenset[tuple[str, str]]:
        """(system, code) of the conditions on one parameter."""
        found = (value.rpartition("|") for name, value in self.conditions if name == parameter)
        return frozenset((system, code) for system, _, code in found)


class UnknownScope(ValueError):
    """A scope outside the grammar, or one that mixes contexts."""


def parse(text: str) -> tuple[Scope, ...]:
    """Resource scopes of a space-separated scope text; plain scopes (openid, fhirUser ...) are left out.

    Raises UnknownScope for anything else, and where patient/, user/ and system/ stand together: an app that
    holds two contexts could read by one what the other was to keep from it.
    """
    found = [_scope(word) for word in text.split(" ") if word and word not in PLAIN]
    if len({scope.context for scope in found}) > 1:
        raise UnknownScope("patient/, user/ and system/ scopes do not stand together")
    return tuple(found)


def _scope(word: str) -> Scope:
    match = _PATTERN.match(word)
    if match is None or not match[3]:
        raise UnknownScope("a scope is not understood")
    context, type_, letters, asked = match.groups()
    if asked is not None and letters in _VERSION_1:
        raise UnknownScope("scopes of version 1 are not narrowed by parameters")
    pairs = [part.partition("=") for part in asked.split("&")] if asked else []
    conditions = tuple(sorted({(name, value) for name, _, value in pairs}))
    for name, value in conditions:
        pattern = _VALUES.get(name)
        if pattern is None or not pattern.match(value) or (name == CATEGORY and type_ not in CATEGORISED):
            raise UnknownScope("a scope is narrowed by a parameter that is not offered")
    return Scope(cast(Context, context), type_, _VERSION_1.get(letters, letters), conditions)


def meet(scopes: Iterable[Scope], others: Iterable[Scope]) -> tuple[Scope, ...]:
    """What both allow, in normal form; nothing where they have nothing in common."""
    others = tuple(others)
    return normal(both for one in scopes for other in others if (both := _meet(one, other)) is not None)


def _meet(one: Scope, other: Scope) -> Scope | None:
    letters = "".join(letter for letter in LETTERS if letter in one.letters and letter in other.letters)
    if (
        one.context != other.context
        or not letters
        or not (one.type == other.type or "*" in (one.type, other.type))
    ):
        return None
    type_ = other.type if one.type == "*" else one.type
    return Scope(one.context, type_, letters, tuple(sorted({*one.conditions, *other.conditions})))


def normal(scopes: Iterable[Scope]) -> tuple[Scope, ...]:
    """The union of these scopes, written in one way: what another one allows anyway is left out."""
    single = {scope._replace(letters=letter) for scope in scopes for letter in scope.letters}
    widest = [each for each in single if not any(other != each and other.contains(each) for other in single)]
    letters: dict[tuple[Context, str, tuple[tuple[str, str], ...]], set[str]] = {}
    for scope in widest:
        letters.setdefault((scope.context, scope.type, scope.conditions), set()).add(scope.letters)
    return tuple(
        Scope(context, type_, "".join(sorted(given, key=LETTERS.index)), conditions)
        for (context, type_, conditions), given in sorted(letters.items())
    )


def allows(scopes: Iterable[Scope], type_: str, letter: Letter) -> bool:
    """Whether one of the scopes gives this letter for this FHIR type.

    To which of its resources is for `reach.narrowed` to say.
    """
    return any(scope.gives(type_, letter) for scope in scopes)


def within(asked: Iterable[Scope], most: Iterable[Scope]) -> bool:
    """Whether each letter asked is held by some scope of `most`, same context."""
    most = tuple(most)
    return all(
        any(held.contains(scope._replace(letters=letter)) for held in most)
        for scope in asked
        for letter in scope.letters
    )
