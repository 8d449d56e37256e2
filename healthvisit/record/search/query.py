"""Query pairs -> SearchQuery; what is not understood is refused, never ignored.

https://hl7.org/fhir/R4/search.html
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, NoReturn

from healthvisit.definitions import Definitions
from healthvisit.record.errors import Invalid, Issue
from healthvisit.record.search import date, reference, string
from healthvisit.record.search.date import DateValue
from healthvisit.record.search.parameter import Parameter, main_date, parameters
from healthvisit.record.search.reference import ReferenceValue
from healthvisit.record.search.string import StringValue
from healthvisit.record.search.token import TokenValue, kept

COUNT = 50
MOST_COUNT = 1000
MOST_PARAMETERS = 50
MOST_VALUES = 200
MOST_CHARACTERS = 2000
MOST_SORTS = 4
MOST_INCLUDES = 10

Value = TokenValue | DateValue | ReferenceValue | StringValue | str

_MODIFIERS: Mapping[str, tuple[str, ...]] = {
    "token": ("not", "missing"),
    "string": ("exact", "contains", "missing"),
    "date": ("missing",),
    "reference": ("missing",),
    "uri": ("missing",),
}

# Characters that no code, date or name has and that a database may refuse: controls and unpaired surrogates.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}\Z", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}\Z", re.ASCII)


class Criterion(NamedTuple):
    """One parameter of the query: a match has one of the values.

    modifier: "", "not", "exact" or "contains". missing: for :missing, whether the element is to be missing.
    """

    parameter: Parameter
    modifier: str
    values: tuple[Value, ...]
    missing: bool | None = None


class Sort(NamedTuple):
    parameter: Parameter
    descending: bool


class Include(NamedTuple):
    """target: the one type that is included, "" for any."""

    parameter: Parameter
    target: str


@dataclass(frozen=True)
class SearchQuery:
    """One search that was understood.

    patients: ids of the Patients that the search names, for the audit; sorted, each once.
    processed: the parameters as they were understood, in the order given, for the self link; without _page.
    count: most matches on a page, 0 to 1000; 0 asks for the total alone.
    counted: whether the total was asked for.
    main: the date that lists of the type are sorted by, None where the type has none.
    page: the cursor as it came, "" for the first page. key: what the cursors of this query, and no other,
    begin with.
    """

    type: str
    criteria: tuple[Criterion, ...]
    sorts: tuple[Sort, ...]
    includes: tuple[Include, ...]
    count: int
    counted: bool
    main: Parameter | None
    page: str
    key: str
    patients: tuple[str, ...]
    processed: tuple[tuple[str, str], ...]


def parse(
    type_: str,
    parameters: Sequence[tuple[str, str]],
    definitions: Definitions,
    *,
    base: str = "",
    only: Collection[str] | None = None,
) -> SearchQuery:
    """The query of decoded name-value pairs, _count _sort _include _total _summary and _page among them.

    base: address of this service's FHIR endpoint without a final slash; a reference that begins with it is
    ours.
    only: names of the parameters that this requester may ask by, sort by and include by, None for all; any
    other is refused like one that does not exist, because a search by a hidden element tells the element.
    Raises Invalid, with the parameter's name as expression.
    """
    return _Reader(type_, definitions, base, only).read(parameters)


class _Reader:
    """The parameters of one search, read one after the other."""

    def __init__(self, type_: str, definitions: Definitions, base: str, only: Collection[str] | None) -> None:
        self.type = type_
        self.definitions = definitions
        self.base = base
        known = parameters(definitions).get(type_, {})
        self.known = {code: known[code] for code in known if only is None or code in only}
        self.criteria: list[Criterion] = []
        self.sorts: tuple[Sort, ...] = ()
        self.includes: list[Include] = []
        self.count = COUNT
        self.total = "none"
        self.summary = "false"
        self.page = ""
        self.results: Mapping[str, Callable[[str], str]] = {
            "_count": self._count,
            "_sort": self._sort,
            "_include": self._include,
            "_total": self._total,
            "_summary": self._summary,
            "_page": self._page,
        }

    def read(self, pairs: Sequence[tuple[str, str]]) -> SearchQuery:
        if len(pairs) > MOST_PARAMETERS:
            raise Invalid([Issue("too-costly", f"more than {MOST_PARAMETERS} parameters")])
        processed: list[tuple[str, str]] = []
        given: set[str] = set()
        for name, text in pairs:
            if len(text) > MOST_CHARACTERS * 10 or _UNPRINTABLE.search(text):
                _refuse(
                    "value", "a value that is too long or has characters that nothing is written with", name
                )
            reader = self.results.get(name)
            if reader is None:
                self.criteria.append(self._criterion(name, text))
                processed.append((name, text))
                continue
            if name in given and name != "_include":
                _refuse("invalid", "stands more than once", name)
            given.add(name)
            understood = reader(text)
            if name != "_page":
                processed.append((name, understood))
        alone = self.count == 0 or self.summary == "count"
        told = (self.type, [pair for pair in processed if pair[0] not in ("_count", "_total")])
        return SearchQuery(
            type=self.type,
            criteria=tuple(self.criteria),
            sorts=self.sorts,
            includes=tuple(dict.fromkeys(self.includes)),
            count=0 if alone else self.count,
            counted=alone or self.total == "accurate",
            main=main_date(self.definitions, self.type),
            page=self.page,
            key=sha256(repr(told).encode()).hexdigest()[:12],
            patients=self._patients(),
            processed=tuple(processed),
        )

    def _patients(self) -> tuple[str, ...]:
        found = set()
        for parameter, _, values, _ in self.criteria:
            for value in values:
                # An id alone may mean a Patient wherever the parameter may refer to one.
                if isinstance(value, ReferenceValue) and (
                    value.type == "Patient" or (value.type is None and "Patient" in parameter.targets)
                ):
                    found.add(value.id)
                if parameter.code == "_id" and self.type == "Patient" and isinstance(value, str):
                    found.add(value)
        return tuple(sorted(found))

    # One criterion

    def _criterion(self, name: str, text: str) -> Criterion:
        code, colon, modifier = name.partition(":")
        parameter = self.known.get(code)
        if parameter is None:
            _refuse("not-supported", f"is not a search parameter of {self.type}", name)
        if colon and code.startswith("_"):
            _refuse("not-supported", "has no modifier", name)
        if modifier == "missing":
            if text not in ("true", "false"):
                _refuse("value", "is true or false", name)
            return Criterion(parameter, "", (), missing=text == "true")
        typed = ""
        if colon:
            if parameter.kind == "reference" and modifier in parameter.targets:
                typed, modifier = modifier, ""
            elif modifier not in _MODIFIERS[parameter.kind]:
                _refuse("not-supported", "has a modifier that is not supported here", name)
        words = _split(text, ",")
        if len(words) > MOST_VALUES:
            _refuse("too-costly", f"has more than {MOST_VALUES} values", name)
        values: dict[Value, None] = {}
        for word in words:
            if not word or len(word) > MOST_CHARACTERS:
                _refuse("value", "has a value that is empty or too long", name)
            try:
                values[self._value(parameter, word, typed, modifier)] = None
            except ValueError as error:
                _refuse("value", str(error), name)
        return Criterion(parameter, modifier, tuple(values))

    def _value(self, parameter: Parameter, word: str, typed: str, modifier: str) -> Value:
        """Raises ValueError with what is wrong; the text names no value."""
        if parameter.code == "_id":
            # What cannot be an id matches nothing, but is no reason to look.
            if not _ID.match(word):
                raise ValueError("is not an id")
            return word
        match parameter.kind:
            case "token":
                return _token(parameter, word)
            case "date":
                return date.parsed(_unescaped(word))
            case "reference":
                return self._reference(parameter, _unescaped(word), typed)
            case "uri":
                return TokenValue(None, kept(_unescaped(word)))
        return string.parsed(_unescaped(word), modifier)

    def _reference(self, parameter: Parameter, text: str, typed: str) -> ReferenceValue:
        targets = (typed,) if typed else parameter.targets
        found = reference.parsed(text, targets, self.base)
        if not parameter.canonical or found.type == "":
            return found
        # A definition of ours may be named by its id too, but is referred to by its URL.
        for type_ in (found.type,) if found.type else targets:
            definition = self.definitions.resources.get((type_, found.id))
            if definition is not None and "url" in definition:
                return ReferenceValue("", kept(definition["url"]))
        return found

    # Result parameters: each returns what was understood

    def _count(self, text: str) -> str:
        if not text.isascii() or not text.isdecimal():
            _refuse("value", "is a whole number", "_count")
        digits = text.lstrip("0")
        self.count = min(int(digits or "0"), MOST_COUNT) if len(digits) < 10 else MOST_COUNT
        return str(self.count)

    def _sort(self, text: str) -> str:
        words = text.split(",")
        if len(words) > MOST_SORTS:
            _refuse("too-costly", f"has more than {MOST_SORTS} keys", "_sort")
        found: dict[str, Sort] = {}
        for word in words:
            descending = word.startswith("-")
            parameter = self.known.get(word[1:] if descending else word)
            if parameter is None or parameter.kind not in ("date", "string", "token"):
                _refuse("not-supported", f"has a key that {self.type} cannot be sorted by", "_sort")
            found.setdefault(parameter.code, Sort(parameter, descending))
        self.sorts = tuple(found.values())
        return text

    def _include(self, text: str) -> str:
        type_, _, rest = text.partition(":")
        code, _, target = rest.partition(":")
        parameter = self.known.get(code)
        if type_ != self.type or parameter is None or parameter.kind != "reference":
            _refuse("not-supported", f"is not a reference parameter of {self.type}", "_include")
        if target and target not in parameter.targets:
            _refuse("not-supported", "names a type that the parameter does not refer to", "_include")
        self.includes.append(Include(parameter, target))
        if len(self.includes) > MOST_INCLUDES:
            _refuse("too-costly", f"stands more than {MOST_INCLUDES} times", "_include")
        return text

    def _total(self, text: str) -> str:
        if text not in ("none", "accurate"):
            _refuse("not-supported", "is none or accurate", "_total")
        self.total = text
        return text

    def _summary(self, text: str) -> str:
        if text not in ("false", "count"):
            _refuse("not-supported", "is count or false", "_summary")
        self.summary = text
        return text

    def _page(self, text: str) -> str:
        if not text or len(text) > 200:
            _refuse("value", "is not a page of this search", "_page")
        self.page = text
        return text


def _refuse(code: str, problem: str, name: str) -> NoReturn:
    """The parameter's name is told only where it can be one: a value may have been typed in its place."""
    named = name if _NAME.match(name) else "parameter"
    raise Invalid([Issue(code, f"{named} {problem}", named)])


def _token(parameter: Parameter, word: str) -> TokenValue:
    parts = _split(word, "|")
    if len(parts) > 2:
        raise ValueError("has more than one |")
    if len(parts) == 1:
        # Where the element implies a system, every row has it, and the index is read by both.
        implied = {path.system for path in parameter.paths}
        system = implied.pop() if len(implied) == 1 else ""
        return TokenValue(system or None, kept(_unescaped(word)))
    system, code = (kept(_unescaped(part)) for part in parts)
    if not system and not code:
        raise ValueError("names neither system nor code")
    return TokenValue(system, code or None)


def _split(text: str, separator: str) -> list[str]:
    r"""Parts between separators that no backslash stands before; the escapes stay in them."""
    if "\\" not in text:
        return text.split(separator)
    parts, start, position = [], 0, 0
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        if text[position] == separator:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def _unescaped(text: str) -> str:
    r"""\, \| \$ and \\ stand for the character itself; any other escape is an error."""
    if "\\" not in text:
        return text
    if any(escaped[1] not in (",", "|", "$", "\\") for escaped in _ESCAPE.finditer(text)):
        raise ValueError("has an escape that is not known")
    return _ESCAPE.sub(r"\1", text)
