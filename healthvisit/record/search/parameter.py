"""Which search parameters there are, from `fhir/searchparameters/`, and the walk to the elements each one
reads.

The FHIRPath of a definition is read once into steps over the resource's dict. Only the forms that search
parameters use are known: paths, unions, as, ofType, where on a value or on the type referred to, and
extension(url). Any other stops the service at start: a parameter that found too little would hide a child's
record. https://hl7.org/fhir/R4/searchparameter.html
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple, cast

from healthvisit.definitions import BadDefinition, Definitions
from healthvisit.exact_json import JSON
from healthvisit.record.search.composite import Second
from healthvisit.record.search.token import kept

Kind = Literal["token", "string", "date", "reference", "uri", "quantity", "number", "composite"]

# What lists of a type are sorted by: the first of these that the type has.
_MAIN = ("date", "authored", "recorded", "birthdate")

# Columns of every row, not elements that are indexed.
COLUMNS = ("_id", "_lastUpdated")

# Types of a choice element (value[x]) that a kind of search reads.
_CHOICES: dict[Kind, tuple[str, ...]] = {
    "token": (
        "boolean",
        "code",
        "id",
        "string",
        "uri",
        "Coding",
        "CodeableConcept",
        "ContactPoint",
        "Identifier",
    ),
    "string": ("string", "markdown", "Address", "HumanName"),
    "date": ("date", "dateTime", "instant", "Period", "Timing"),
    "reference": ("Reference", "canonical", "uri"),
    "uri": ("uri", "url", "canonical", "oid", "uuid"),
    "quantity": (
        "Quantity",
        "SimpleQuantity",
        "Age",
        "Duration",
        "Count",
        "Distance",
        "Range",
        "SampledData",
    ),
    "number": ("decimal", "integer", "positiveInt", "unsignedInt", "Range"),
}
# What the second part of a composite may be; the first is a token.
_TOKENS = ("boolean", "code", "Coding", "CodeableConcept", "Identifier")
# Elements of every resource.
_EVERY = ("Resource", "DomainResource")


class Step(NamedTuple):
    """One step down. names: JSON names of the element, several for a choice. Of what is found there, only
    objects are kept whose member `where` has the value `equals`; "resolve()" keeps references to that type;
    "" keeps all."""

    names: tuple[str, ...]
    where: str = ""
    equals: str = ""


class Path(NamedTuple):
    """system: what the element's type implies for a code. exists: only whether the element is there, and
    not false. targets: the types that the element may refer to, empty for any."""

    steps: tuple[Step, ...]
    system: str = ""
    exists: bool = False
    targets: tuple[str, ...] = ()


class Pair(NamedTuple):
    """Two elements of one repeat. root: the way to the repeat, empty for the resource itself."""

    root: tuple[Step, ...]
    first: tuple[Path, ...]
    second: tuple[Path, ...]
    second_kind: Second


class Parameter(NamedTuple):
    """One search parameter of one type.

    targets: types that a reference may name; canonical: it names them by URL. pairs: of a composite, in place
    of paths. identified: whether what it reads may be an Identifier, which says of which type it is.
    read_as, target: whose rows answer: "patient" reads the rows of "subject" whose target is a Patient, so
    that each reference is indexed once. A parameter with rows of its own has read_as == code and target "".
    """

    type: str
    code: str
    kind: Kind
    paths: tuple[Path, ...]
    targets: tuple[str, ...] = ()
    canonical: bool = False
    read_as: str = ""
    target: str = ""
    pairs: tuple[Pair, ...] = ()
    identified: bool = False


@lru_cache(maxsize=8)
def parameters(definitions: Definitions) -> Mapping[str, Mapping[str, Parameter]]:
    """Search parameters by type and code. Raises BadDefinition where one cannot be indexed."""
    found: dict[str, dict[str, Parameter]] = {}
    resolved: dict[tuple[str, str], tuple[str, str]] = {}
    expressions: dict[tuple[str, str], str] = {}
    for definition in definitions.of_type("SearchParameter"):
        code, kind = definition["code"], definition["type"]
        for type_ in definition["base"]:
            expression = _expression(definition, type_)
            if code in COLUMNS:
                found.setdefault(type_, {})[code] = Parameter(type_, code, kind, (), read_as=code)
                continue
            found.setdefault(type_, {})[code] = compiled(definition, type_, definitions.elements)
            expressions[type_, expression] = code
            if match := re.fullmatch(r"([\w.]+)\.where\(resolve\(\) is (\w+)\)", expression):
                resolved[type_, code] = match[1], match[2]
    for (type_, code), (expression, target) in resolved.items():
        wider = expressions.get((type_, expression))
        if wider is not None:
            found[type_][code] = found[type_][code]._replace(paths=(), read_as=wider, target=target)
    return found


@lru_cache(maxsize=256)
def main_date(definitions: Definitions, type_: str) -> Parameter | None:
    """The date parameter that lists of the type are sorted by, None where the type has none."""
    of_type = parameters(definitions).get(type_, {})
    return next((of_type[code] for code in _MAIN if code in of_type and of_type[code].kind == "date"), None)


def compiled(definition: JSON, type_: str, elements: JSON) -> Parameter:
    """The parameter that a definition makes for one type. Raises BadDefinition where it cannot be indexed."""
    code, kind = definition["code"], definition["type"]
    expression = _expression(definition, type_)
    paths: tuple[Path, ...] = ()
    pairs: tuple[Pair, ...] = ()
    leaves: set[str] = set()
    try:
        if kind == "composite":
            pairs = tuple(_pairs(definition, expression, type_, elements))
        else:
            paths, leaves = _paths(expression, type_, kind, elements)
        if not paths and not pairs:
            raise ValueError("no path")
    except (KeyError, IndexError, ValueError) as error:
        raise BadDefinition(f"SearchParameter/{definition['id']}: cannot index {expression}") from error
    return Parameter(
        type_,
        code,
        kind,
        paths,
        _targets(definition, paths),
        "canonical" in leaves,
        code,
        pairs=pairs,
        identified="Identifier" in leaves,
    )


def _targets(definition: JSON, paths: tuple[Path, ...]) -> tuple[str, ...]:
    """The types that a reference may name: a definition of many types tells more than the element of one has."""
    told = tuple(definition.get("target", ()))
    if not all(path.targets for path in paths):
        return told
    of_element = {target for path in paths for target in path.targets}
    return tuple(target for target in told if target in of_element)


def _expression(definition: JSON, type_: str) -> str:
    """The parts of the expression that speak of the type."""
    parts = [part.strip() for part in _split(definition["expression"], " | ")]
    return " | ".join(part for part in parts if re.match(rf"\(?(?:{type_}|{'|'.join(_EVERY)})\b", part))


def _pairs(definition: JSON, expression: str, type_: str, elements: JSON) -> Iterator[Pair]:
    first, second = (component["expression"] for component in definition["component"])
    for part in _split(expression, " | "):
        words = part.strip().split(".")
        if words.pop(0) != type_:
            raise ValueError("another type")
        steps, current = [], type_
        for word in words:
            steps.append(Step((word,)))
            (current,) = _member(elements, current, word)["types"]
        seconds_of: tuple[tuple[Second, tuple[str, ...]], ...]
        seconds_of = ("token", _TOKENS), ("quantity", _CHOICES["quantity"])
        for kind, allowed in seconds_of:
            try:
                firsts = [path for path, _ in _union(first, current, "token", elements, _TOKENS)]
                seconds = [path for path, _ in _union(second, current, kind, elements, allowed)]
            except (KeyError, ValueError):
                if kind == "quantity":
                    raise
                continue
            yield Pair(tuple(steps), tuple(firsts), tuple(seconds), kind)
            break


def _union(
    expression: str, type_: str, kind: Kind, elements: JSON, allowed: tuple[str, ...]
) -> list[tuple[Path, str]]:
    """Paths of an expression that begins at an element of this type, with the types of their leaves."""
    found = [
        each
        for part in _split(expression, " | ")
        for each in _walks(_split(part.strip(), "."), type_, kind, elements, allowed)
    ]
    if not found or any(leaf not in allowed for _, leaf in found):
        raise ValueError("no path")
    return found


def _paths(expression: str, type_: str, kind: Kind, elements: JSON) -> tuple[tuple[Path, ...], set[str]]:
    """The paths of an expression, and the types they end at."""
    if match := re.fullmatch(r"(\w+)\.(\w+)\.exists\(\) and \1\.\2 != false", expression):
        names = _names(elements, type_, match[2], "")
        return tuple(Path((Step((name,)),), exists=True) for name, _ in names), set()
    found: list[Path] = []
    leaves = set()
    for part in _split(expression, " | "):
        # "(a.b as T).c" and "a.b as T" say what a.b.as(T).c says.
        told = re.sub(r"^\(([\w.]+) as (\w+)\)", r"\1.as(\2)", part.strip())
        told = re.sub(r"^([\w.]+) as (\w+)$", r"\1.as(\2)", told)
        words = _split(told, ".")
        if words.pop(0) not in (type_, *_EVERY):
            raise ValueError("another type")
        for path, leaf in _walks(words, type_, kind, elements, _CHOICES[kind]):
            found.append(path)
            leaves.add(leaf)
    return tuple(found), leaves


def _walks(
    words: list[str], current: str, kind: Kind, elements: JSON, allowed: tuple[str, ...]
) -> Iterator[tuple[Path, str]]:
    """One path, once for each JSON name of a choice at its beginning; and the type of its leaf.

    current: the type of the element that the words begin at. allowed: types that a choice may be of.
    """
    steps: list[tuple[list[tuple[str, str]], str, str]] = []
    system, single = "", True
    targets: tuple[str, ...] = ()
    while words:
        word = words.pop(0)
        if match := re.fullmatch(r"extension\('([^']+)'\)", word):
            words[:0] = ["extension", f"where(url='{match[1]}')"]
            continue
        if match := re.fullmatch(r"where\((\w+)\s*=\s*'([^']*)'\)", word):
            steps[-1] = steps[-1][0], match[1], match[2]
            continue
        if match := re.fullmatch(r"where\(resolve\(\) is (\w+)\)", word):
            steps[-1] = steps[-1][0], "resolve()", match[1]
            continue
        chosen = ""
        if words and (match := re.fullmatch(r"(?:as|ofType)\((\w+)\)", words[0])):
            chosen = match[1]
            words.pop(0)
        element, many, codes, targets = _element(elements, current, word)
        names = _names(elements, current, word, chosen)
        if len(names) > 1:
            names = [(name, leaf) for name, leaf in names if leaf in allowed]
        if not names:
            raise ValueError("no such element")
        steps.append((names, "", ""))
        current = names[0][1]
        single = single and not many
        system = _implied(elements, codes) if element == ["code"] else ""
    if kind == "date" and not single:
        # An index range between two dates takes both ends from one interval.
        raise ValueError("a date that repeats")
    first, rest = steps[0], steps[1:]
    tail = tuple(Step(tuple(name for name, _ in names), where, equals) for names, where, equals in rest)
    for name, leaf in first[0]:
        path = Path((Step((name,), first[1], first[2]), *tail), kept(system), targets=targets)
        yield path, current if rest else leaf


def _element(elements: JSON, type_: str, name: str) -> tuple[list[str], bool, str, tuple[str, ...]]:
    """Types of an element, whether it repeats, the name of its required value set, and what it may refer to."""
    found = _member(elements, type_, name)
    return found["types"], found.get("max") == "*", found.get("codes", ""), tuple(found.get("targets", ()))


def _names(elements: JSON, type_: str, name: str, chosen: str) -> list[tuple[str, str]]:
    """(JSON name, type) of an element, several for a choice; only the chosen type where one is."""
    element = _member(elements, type_, name)
    if name in _members(elements, type_):
        return [(name, element["types"][0])]
    return [(f"{name}{leaf[0].upper()}{leaf[1:]}", leaf) for leaf in element["types"] if chosen in ("", leaf)]


def _member(elements: JSON, type_: str, name: str) -> JSON:
    members = _members(elements, type_)
    return cast(JSON, members[name] if name in members else members[f"{name}[x]"])


def _members(elements: JSON, type_: str) -> JSON:
    """Elements of a type, those of its base types among them."""
    found: JSON = {}
    while type_:
        entry = elements["types"][type_]
        found = {**entry.get("elements", {}), **found}
        type_ = entry.get("base", "")
    return found


def _implied(elements: JSON, codes: str) -> str:
    """The one system of a required value set, "" where it has none or several."""
    systems = elements["codes"].get(codes) or {}
    return next(iter(systems)) if len(systems) == 1 else ""


def _split(text: str, separator: str) -> list[str]:
    """Parts between separators that stand outside parentheses and quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    position = 0
    while position < len(text):
        letter = text[position]
        if letter == "'":
            quoted = not quoted
        elif not quoted and letter in "()":
            depth += 1 if letter == "(" else -1
        elif not quoted and depth == 0 and text.startswith(separator, position):
            parts.append(text[start:position])
            position += len(separator)
            start = position
            continue
        position += 1
    return [*parts, text[start:]]
