"""Query pairs -> SearchQuery; what is not understood is refused, never ignored.

https://hl7.org/fhir/R4/search.html
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import NamedTuple, NoReturn

from healthvisit.definitions import Definitions
from healthvisit.record.errors import Invalid, Issue
from healthvisit.record.search import date, quantity, reference, string, uri, valueset
from healthvisit.record.search.composite import CompositeValue
from healthvisit.record.search.date import DateValue
from healthvisit.record.search.parameter import COLUMNS, Parameter, Path, main_date, parameters
from healthvisit.record.search.quantity import QuantityValue
from healthvisit.record.search.reference import ReferenceValue
from healthvisit.record.search.string import StringValue
from healthvisit.record.search.token import TYPED, TokenSet, TokenValue, kept
from healthvisit.record.search.uri import UriValue

COUNT = 50
MOST_COUNT = 1000
MOST_PARAMETERS = 50
MOST_VALUES = 200
MOST_CHARACTERS = 2000
MOST_SORTS = 4
MOST_INCLUDES = 10
# Chains and _has of one search, and how deep each may go.
MOST_LINKS = 8
MOST_DEPTH = 3

Value = (
    TokenValue
    | TokenSet
    | DateValue
    | ReferenceValue
    | StringValue
    | QuantityValue
    | UriValue
    | CompositeValue
    | str
)

# :text is not among them: its rows would have to be written for every coding of every resource, and nobody
# who looks for a child's record looks by the wording of a code.
_MODIFIERS: Mapping[str, tuple[str, ...]] = {
    "token": ("not", "missing", "of-type", "in", "not-in"),
    "string": ("exact", "contains", "missing"),
    "date": ("missing",),
    "reference": ("missing", "identifier"),
    "uri": ("missing", "above", "below"),
    "quantity": ("missing",),
    "number": ("missing",),
    "composite": (),
}

# Characters that no code, date or name has and that a database may refuse: controls and unpaired surrogates.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}\Z", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}\Z", re.ASCII)
_ELEMENT = re.compile(r"[a-z][A-Za-z0-9]{0,63}\Z", re.ASCII)


class Criterion(NamedTuple):
    """One parameter of the query: a match has one of the values.

    modifier: "", "not", "exact", "contains", "above", "below", "of-type" or "identifier".
    missing: for :missing, whether the element is to be missing.
    """

    parameter: Parameter
    modifier: str
    values: tuple[Value, ...]
    missing: bool | None = None


class Link(NamedTuple):
    """One step of a chain (subject:Patient.name) or of _has.

    forward: a chain, and `parameter` is of the type that is searched; else _has, and it is of the other type.
    type: the type on the other side, one of which satisfies `inner`.
    """

    forward: bool
    parameter: Parameter
    type: str
    inner: "Criterion | Link"


class Sort(NamedTuple):
    parameter: Parameter
    descending: bool


class Include(NamedTuple):
    """target: the one type that is referred to, "" for any. reverse: what refers comes along, not what is
    referred to. iterate: what it brings may bring more."""

    parameter: Parameter
    target: str
    reverse: bool = False
    iterate: bool = False


@dataclass(frozen=True)
class SearchQuery:
    """One search that was understood.

    patients: ids of the Patients that the search names, for the audit; sorted, each once.
    processed: the parameters as they were understood, in the order given, for the self link; without _page.
    count: most matches on a page, 0 to 1000; 0 asks for the total alone.
    total: "accurate", "estimate" or "none" as asked; "" tells it where that is cheap.
    main: the date that lists of the type are sorted by, None where the type has none.
    page: the cursor as it came, "" for the first page. key: what the cursors of this query, and no other,
    begin with.
    summary: true, text, data or false. elements: those that _elements names.
    child: id of the Patient whose compartment is searched, "" for none.
    parts: of a search over several types, the search of each; its own type is "".
    """

    type: str
    criteria: tuple[Criterion, ...]
    links: tuple[Link, ...]
    sorts: tuple[Sort, ...]
    includes: tuple[Include, ...]
    count: int
    total: str
    main: Parameter | None
    page: str
    key: str
    patients: tuple[str, ...]
    processed: tuple[tuple[str, str], ...]
    summary: str = "false"
    elements: tuple[str, ...] = ()
    child: str = ""
    parts: tuple["SearchQuery", ...] = ()


def parse(
    type_: str,
    parameters: Sequence[tuple[str, str]],
    definitions: Definitions,
    *,
    base: str = "",
    only: Collection[str] | None = None,
    direct: bool = False,
    compartment: tuple[str, str] | None = None,
    asked_by: str = "",
) -> SearchQuery:
    """The query of decoded name-value pairs, result parameters such as _count and _page among them.

    type_: "" for a search over the types that _type names.
    base: address of this service's FHIR endpoint without a final slash; a reference that begins with it is
    ours.
    only: names of the parameters that this requester may ask by, sort by and include by, None for all; any
    other is refused like one that does not exist, because a search by a hidden element tells the element.
    direct: whether chains, _has, _revinclude and :iterate are refused, which go through other resources.
    compartment: ("Patient", id), whose own resources alone are searched.
    asked_by: the requester's account; a cursor is good for whom it was given to.
    Raises Invalid, with the parameter's name as expression.
    """
    if compartment is not None and (compartment[0] != "Patient" or not _ID.match(compartment[1])):
        _refuse("not-supported", "is not a compartment of this service", compartment[0])
    bound = (asked_by, compartment[1] if compartment else "")
    if type_:
        return _Reader(type_, definitions, base, only, bound, direct).read(parameters)
    types, rest = _types(parameters, definitions)
    parts = tuple(_Reader(each, definitions, base, only, bound, direct, types).read(rest) for each in types)
    first = parts[0]
    told = [("_type", ",".join(types)), *first.processed]
    key = sha256(repr((first.key, told)).encode()).hexdigest()[:12]
    patients = tuple(sorted({id_ for part in parts for id_ in part.patients}))
    return replace(
        first,
        type="",
        parts=parts,
        key=key,
        processed=tuple(told),
        patients=patients,
        elements=first.elements,
    )


def _types(
    pairs: Sequence[tuple[str, str]], definitions: Definitions
) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """The types that _type names, and the other parameters."""
    named = [text for name, text in pairs if name == "_type"]
    if len(named) != 1:
        _refuse("required", "stands once in a search over several types", "_type")
    types = tuple(dict.fromkeys(named[0].split(",")))
    if not all(each in parameters(definitions) and each != "AuditEvent" for each in types):
        _refuse("not-supported", "names a type that is not searched here", "_type")
    return types, [(name, text) for name, text in pairs if name != "_type"]


class _Reader:
    """The parameters of one search, read one after the other.

    bound: who asks, and the id of the Patient whose compartment is searched. types: those of the whole
    search, where it is over several.
    """

    def __init__(
        self,
        type_: str,
        definitions: Definitions,
        base: str,
        only: Collection[str] | None,
        bound: tuple[str, str],
        direct: bool,
        types: tuple[str, ...] = (),
    ) -> None:
        self.type = type_
        self.types = types or (type_,)
        self.over_types = bool(types)
        self.definitions = definitions
        self.base = base
        self.direct = direct
        self.bound = bound
        known = parameters(definitions).get(type_, {})
        self.known = {code: known[code] for code in known if only is None or code in only}
        self.criteria: list[Criterion] = []
        self.links: list[Link] = []
        self.sorts: tuple[Sort, ...] = ()
        self.includes: list[Include] = []
        self.count = COUNT
        self.total = ""
        self.summary = "false"
        self.elements: tuple[str, ...] = ()
        self.page = ""
        self.results: Mapping[str, Callable[[str], str]] = {
            "_count": self._count,
            "_sort": self._sort,
            "_include": self._include,
            "_include:iterate": lambda text: self._include(text, iterate=True),
            "_revinclude": lambda text: self._revinclude(text, iterate=False),
            "_revinclude:iterate": lambda text: self._revinclude(text, iterate=True),
            "_total": self._total,
            "_summary": self._summary,
            "_elements": self._elements,
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
                found = self._condition(self.type, name, text, name)
                if isinstance(found, Link):
                    self.links.append(found)
                else:
                    self.criteria.append(found)
                processed.append((name, text))
                continue
            if name in given and "include" not in name:
                _refuse("invalid", "stands more than once", name)
            given.add(name)
            understood = reader(text)
            if name != "_page":
                processed.append((name, understood))
        if self.summary == "text" and self.includes:
            _refuse("invalid", "is not text where other resources are included", "_summary")
        if self.summary not in ("false", "count") and self.elements:
            _refuse("invalid", "stands beside _summary", "_elements")
        alone = self.count == 0 or self.summary == "count"
        if (self.links or self.over_types) and not self.sorts:
            # What a chain finds is walked one way today and another tomorrow; its order is told here.
            updated = Parameter(self.type, "_lastUpdated", "date", (), read_as="_lastUpdated")
            self.sorts = (Sort(updated, descending=False),)
        told = (self.type, *self.bound, [pair for pair in processed if pair[0] not in ("_count", "_total")])
        return SearchQuery(
            type=self.type,
            criteria=tuple(self.criteria),
            links=tuple(self.links),
            sorts=self.sorts,
            includes=tuple(dict.fromkeys(self.includes)),
            count=0 if alone else self.count,
            total="accurate" if alone else self.total,
            main=main_date(self.definitions, self.type),
            page=self.page,
            key=sha256(repr(told).encode()).hexdigest()[:12],
            patients=self._patients(),
            processed=tuple(processed),
            summary="false" if self.summary == "count" else self.summary,
            elements=self.elements,
            child=self.bound[1],
        )

    def _patients(self) -> tuple[str, ...]:
        found = {self.bound[1]} if self.bound[1] else set()
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

    # One criterion, or the chain that leads to one

    def _condition(self, type_: str, name: str, text: str, whole: str, depth: int = 0) -> Criterion | Link:
        """name: what is left to read of the whole name."""
        reverse = name.startswith("_has:")
        head, point, rest = name.partition(".")
        if not reverse and not point:
            return self._criterion(type_, name, text, whole)
        if self.direct:
            _refuse("not-supported", f"is not a search parameter of {type_}", whole)
        if depth >= MOST_DEPTH or len(self.links) >= MOST_LINKS:
            _refuse(
                "too-costly", f"goes deeper than {MOST_DEPTH}, or is one of more than {MOST_LINKS}", whole
            )
        if reverse:
            words = name.split(":", 3)
            other, code, rest = words[1:] if len(words) == 4 else ("", "", "")
            parameter = parameters(self.definitions).get(other, {}).get(code)
            if parameter is None or parameter.kind != "reference" or parameter.canonical:
                _refuse("not-supported", "is not _has:[type]:[reference]:[parameter]", whole)
            if type_ not in _targets(parameter):
                _refuse("not-supported", f"names a reference that is not to {type_}", whole)
        else:
            code, _, typed = head.partition(":")
            parameter = self._of(type_).get(code)
            if parameter is None or parameter.kind != "reference" or parameter.canonical:
                _refuse("not-supported", f"begins with what is not a reference of {type_}", whole)
            other = self._target(parameter, typed, rest, whole)
        inner = self._condition(other, rest, text, whole, depth + 1)
        return Link(not reverse, parameter, other, inner)

    def _of(self, type_: str) -> Mapping[str, Parameter]:
        return self.known if type_ == self.type else parameters(self.definitions).get(type_, {})

    def _target(self, parameter: Parameter, typed: str, rest: str, whole: str) -> str:
        """The type that a chain goes to: the one it names, or the only one that has what it asks for next."""
        if typed:
            if typed not in _targets(parameter):
                _refuse("not-supported", "names a type that the parameter does not refer to", whole)
            return typed
        code = re.split(r"[.:]", rest, maxsplit=1)[0]
        fitting = [each for each in _targets(parameter) if code == "_has" or code in self._of(each)]
        if len(fitting) != 1:
            _refuse("not-supported", "does not tell which type it goes to, as in subject:Patient.name", whole)
        return fitting[0]

    def _criterion(self, type_: str, name: str, text: str, whole: str) -> Criterion:
        code, colon, modifier = name.partition(":")
        parameter = self._of(type_).get(code)
        if parameter is None:
            _refuse("not-supported", f"is not a search parameter of {type_}", whole)
        if colon and code in COLUMNS:
            _refuse("not-supported", "has no modifier", whole)
        typed = ""
        if colon:
            if parameter.kind == "reference" and modifier in parameter.targets:
                typed, modifier = modifier, ""
            elif modifier not in _MODIFIERS[parameter.kind] or (
                modifier == "of-type" and not parameter.identified
            ):
                _refuse("not-supported", "has a modifier that is not supported here", whole)
        if modifier == "missing":
            if text not in ("true", "false"):
                _refuse("value", "is true or false", whole)
            return Criterion(parameter, "", (), missing=text == "true")
        words = _split(text, ",")
        if len(words) > MOST_VALUES:
            _refuse("too-costly", f"has more than {MOST_VALUES} values", whole)
        values: dict[Value, None] = {}
        for word in words:
            if not word or len(word) > MOST_CHARACTERS:
                _refuse("value", "has a value that is empty or too long", whole)
            try:
                if modifier in ("in", "not-in"):
                    values |= dict.fromkeys(self._expansion(_unescaped(word)))
                else:
                    values[self._value(parameter, word, typed, modifier)] = None
            except ValueError as error:
                _refuse("value", str(error), whole)
        plain = {"in": "", "not-in": "not"}
        return Criterion(parameter, plain.get(modifier, modifier), tuple(values))

    def _value(self, parameter: Parameter, word: str, typed: str, modifier: str) -> Value:
        """Raises ValueError with what is wrong; the text names no value."""
        if parameter.code == "_id":
            # What cannot be an id matches nothing, but is no reason to look.
            if not _ID.match(word):
                raise ValueError("is not an id")
            return word
        match parameter.kind:
            case "token":
                return _typed(word) if modifier == "of-type" else _token(parameter.paths, word)
            case "date":
                return date.parsed(_unescaped(word))
            case "reference":
                if modifier == "identifier":
                    return _token((), word)
                return self._reference(parameter, _unescaped(word), typed)
            case "uri":
                return uri.parsed(_unescaped(word), modifier)
            case "quantity":
                return quantity.parsed([_unescaped(part) for part in _split(word, "|")])
            case "number":
                return quantity.parsed([_unescaped(word)])
            case "composite":
                return _composite(parameter, word)
        return string.parsed(_unescaped(word), modifier)

    def _expansion(self, url: str) -> list[TokenSet]:
        """The codes of a value set that this service ships."""
        every = valueset.codes(url, self.definitions)
        return [TokenSet(kept(system), tuple(map(kept, codes))) for system, codes in every.items()]

    def _reference(self, parameter: Parameter, text: str, typed: str) -> ReferenceValue:
        targets = (typed,) if typed else _targets(parameter)
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
        self.sorts = self._sorts(text)
        return text

    def _sorts(self, text: str) -> tuple[Sort, ...]:
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
        if self.over_types and set(found) != {"_lastUpdated"}:
            _refuse("not-supported", "is by _lastUpdated where several types are searched", "_sort")
        return tuple(found.values())

    def _include(self, text: str, *, iterate: bool = False) -> str:
        name = "_include:iterate" if iterate else "_include"
        parameter, target = self._included(text, name)
        if not iterate and parameter.type not in self.types:
            _refuse("not-supported", f"is not a reference parameter of {self.type}", name)
        self.includes.append(Include(parameter, target, iterate=iterate))
        return text

    def _revinclude(self, text: str, *, iterate: bool) -> str:
        name = "_revinclude:iterate" if iterate else "_revinclude"
        if self.direct:
            _refuse("not-supported", f"is not a search parameter of {self.type}", name)
        parameter, target = self._included(text, name)
        wanted = (target,) if target else _targets(parameter)
        if parameter.canonical or (not iterate and not set(wanted) & set(self.types)):
            _refuse("not-supported", f"does not refer to {self.type}", name)
        self.includes.append(Include(parameter, target, reverse=True, iterate=iterate))
        return text

    def _included(self, text: str, name: str) -> tuple[Parameter, str]:
        """Type:parameter[:target] of an include."""
        type_, _, rest = text.partition(":")
        code, _, target = rest.partition(":")
        parameter = self._of(type_).get(code) if type_ == self.type or not self.direct else None
        if parameter is None or parameter.kind != "reference":
            _refuse("not-supported", f"is not a reference parameter of {self.type}", name)
        if target and target not in parameter.targets:
            _refuse("not-supported", "names a type that the parameter does not refer to", name)
        if len(self.includes) >= MOST_INCLUDES:
            _refuse("too-costly", f"stands more than {MOST_INCLUDES} times", name)
        return parameter, target

    def _total(self, text: str) -> str:
        if text not in ("none", "accurate", "estimate"):
            _refuse("not-supported", "is none, accurate or estimate", "_total")
        self.total = text
        return text

    def _summary(self, text: str) -> str:
        if text not in ("true", "text", "data", "count", "false"):
            _refuse("not-supported", "is true, text, data, count or false", "_summary")
        self.summary = text
        return text

    def _elements(self, text: str) -> str:
        found = dict.fromkeys(text.split(","))
        if not all(_ELEMENT.match(each) for each in found):
            _refuse("value", "is a list of element names", "_elements")
        self.elements = tuple(found)
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


def _targets(parameter: Parameter) -> tuple[str, ...]:
    """The types whose resources a reference parameter finds."""
    return (parameter.target,) if parameter.target else parameter.targets


def _token(paths: Sequence[Path], word: str) -> TokenValue:
    parts = _split(word, "|")
    if len(parts) > 2:
        raise ValueError("has more than one |")
    if len(parts) == 1:
        # Where the element implies a system, every row has it, and the index is read by both.
        implied = {path.system for path in paths}
        system = implied.pop() if len(implied) == 1 else ""
        return TokenValue(system or None, kept(_unescaped(word)))
    system, code = (kept(_unescaped(part)) for part in parts)
    if not system and not code:
        raise ValueError("names neither system nor code")
    return TokenValue(system, code or None)


def _typed(word: str) -> TokenValue:
    """[system]|[code]|[value] of an identifier of one type."""
    parts = [_unescaped(part) for part in _split(word, "|")]
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise ValueError("is not system|code|value")
    return TokenValue(kept(parts[0]) if parts[0] else None, kept(f"{parts[1]}{TYPED}{parts[2]}"))


def _composite(parameter: Parameter, word: str) -> CompositeValue:
    parts = _split(word, "$")
    if len(parts) != 2 or not all(parts):
        raise ValueError("is not two values with $ between them")
    firsts = [path for pair in parameter.pairs for path in pair.first]
    seconds = [path for pair in parameter.pairs for path in pair.second]
    first = _token(firsts, parts[0])
    if parameter.pairs[0].second_kind == "token":
        return CompositeValue(first, _token(seconds, parts[1]))
    return CompositeValue(first, quantity.parsed([_unescaped(part) for part in _split(parts[1], "|")]))


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
