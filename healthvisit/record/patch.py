"""A stored resource and a patch -> the body of an update. The gate judges the result as any other body.

JSON Patch: https://www.rfc-editor.org/rfc/rfc6902, pointers https://www.rfc-editor.org/rfc/rfc6901
FHIRPath Patch: https://hl7.org/fhir/R4/fhirpatch.html

Both come to the same few steps on the tree of JSON. Own code, since decimals must keep their digits, true is not 1,
and what a patch can make must stay bounded.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, NamedTuple

from healthvisit.definitions import Definitions
from healthvisit.exact_json import JSON, Malformed, dumps, loads
from healthvisit.record.elements import Field, fields
from healthvisit.record.errors import Invalid, Issue, Unprocessable

JSON_PATCH = "application/json-patch+json"
MOST_OPERATIONS = 1000
# Copies of copies double: what all of them come to is counted.
MOST_COPIED_BYTES = 5_000_000

_MEMBERS: Mapping[str, frozenset[str]] = {
    "add": frozenset(("path", "value")),
    "remove": frozenset(("path",)),
    "replace": frozenset(("path", "value")),
    "move": frozenset(("from", "path")),
    "copy": frozenset(("from", "path")),
    "test": frozenset(("path", "value")),
}
_PARTS: Mapping[str, frozenset[str]] = {
    "add": frozenset(("name", "value")),
    "insert": frozenset(("index", "value")),
    "delete": frozenset(),
    "replace": frozenset(("value",)),
    "move": frozenset(("source", "destination")),
}
_POSITION = re.compile(r"0|[1-9][0-9]{0,8}\Z")
_STEP = re.compile(
    r"where\((?P<where>[A-Za-z][A-Za-z0-9.]*)\s*=\s*"
    r"(?:'(?P<text>(?:[^'\\]|\\['\\/])*)'|(?P<word>true|false|-?[0-9]{1,30}(?:\.[0-9]{1,30})?))\)"
    r"|(?P<first>first\(\))"
    r"|(?P<name>[A-Za-z][A-Za-z0-9]*)"
    r"|\[(?P<index>[0-9]{1,9})\]"
)


def json_patch(stored: JSON, operations: Any, place: str) -> JSON:
    """The resource as the operations leave it; `stored` is not touched.

    operations: the JSON Patch document. Raises Invalid for what is no such document, Unprocessable for an
    operation that cannot be done or a test that fails.
    """
    if not isinstance(operations, list) or len(operations) > MOST_OPERATIONS:
        raise Invalid(
            (Issue("structure", f"A list of at most {MOST_OPERATIONS} operations is needed.", place),)
        )
    tree = _Tree(loads(dumps(stored)), place)
    with _bounded(place):
        for number, operation in enumerate(operations):
            # The document is a list, and stands in no element: its operations are told by their number.
            tree.problem = f"Operation {number}: "
            tree.apply(operation)
        return _settled(tree.root, stored, place)


class _Tree:
    """A resource while operations change it."""

    def __init__(self, root: Any, place: str) -> None:
        self.root = root
        self.place = place
        self.problem = ""
        self._copied_bytes = 0

    def apply(self, operation: Any) -> None:
        kind = operation.get("op") if isinstance(operation, dict) else None
        members = _MEMBERS.get(kind) if isinstance(kind, str) else None
        if members is None or not members <= operation.keys():
            raise Invalid((Issue("structure", f"{self.problem}it is none of JSON Patch.", self.place),))
        path = self._pointer(operation["path"])
        match kind:
            case "add":
                self.add(path, operation["value"])
            case "remove":
                self.remove(path)
            case "replace":
                self.replace(path, operation["value"])
            case "move":
                source = self._pointer(operation["from"])
                if path[: len(source)] == source and path != source:
                    raise self._refusal("a value is not moved into itself.")
                self.add(path, self.remove(source))
            case "copy":
                self.add(path, self._copy(self.found(self._pointer(operation["from"]))))
            case "test":
                if not same(self.found(path), operation["value"]):
                    raise self._refusal("the test fails: another value stands there.")

    def found(self, path: Sequence[str]) -> Any:
        value = self.root
        for token in path:
            if isinstance(value, dict) and token in value:
                value = value[token]
            elif isinstance(value, list):
                value = value[self._position(token, len(value) - 1)]
            else:
                raise self._refusal("nothing stands there.")
        return value

    def add(self, path: Sequence[str], value: Any) -> None:
        if not path:
            self.root = value
            return
        holder, last = self.found(path[:-1]), path[-1]
        if isinstance(holder, dict):
            holder[last] = value
        elif isinstance(holder, list):
            holder.insert(len(holder) if last == "-" else self._position(last, len(holder)), value)
        else:
            raise self._refusal("nothing can stand there.")

    def remove(self, path: Sequence[str]) -> Any:
        value = self.found(path)
        if not path:
            raise self._refusal("the whole is deleted, not patched away.")
        holder = self.found(path[:-1])
        del holder[path[-1] if isinstance(holder, dict) else int(path[-1])]
        return value

    def replace(self, path: Sequence[str], value: Any) -> None:
        self.found(path)
        if not path:
            self.root = value
            return
        holder = self.found(path[:-1])
        holder[path[-1] if isinstance(holder, dict) else int(path[-1])] = value

    def _copy(self, value: Any) -> Any:
        text = dumps(value)
        self._copied_bytes += len(text)
        if self._copied_bytes > MOST_COPIED_BYTES:
            raise self._refusal("the patch copies too much.", "too-costly")
        return loads(text)

    def _pointer(self, text: Any) -> list[str]:
        if not isinstance(text, str) or (text and not text.startswith("/")):
            raise Invalid((Issue("value", f"{self.problem}a JSON Pointer is needed.", self.place),))
        return [token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:]]

    def _position(self, token: str, most: int) -> int:
        if not _POSITION.fullmatch(token) or int(token) > most:
            raise self._refusal("nothing stands there.")
        return int(token)

    def _refusal(self, problem: str, code: str = "processing") -> Unprocessable:
        return Unprocessable((Issue(code, self.problem + problem, self.place),))


@contextmanager
def _bounded(place: str) -> Iterator[None]:
    """What is nested so deep that it cannot be walked is refused."""
    try:
        yield
    except RecursionError:
        raise Unprocessable("The patch nests too deep.", place) from None


def same(one: Any, other: Any) -> bool:
    """Equality of JSON values: numbers by their value, and true is no number. RFC 6902, section 4.6."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def fhirpath(stored: JSON, parameters: JSON, definitions: Definitions, place: str) -> JSON:
    """The resource as a FHIRPath Patch leaves it; `stored` is not touched.

    parameters: a Parameters resource. Paths are names, [n], where(x = 'y') and first(). Raises Invalid for what
    is no such patch, Unprocessable for an operation that cannot be done.
    """
    sent = parameters.get("parameter")
    if not isinstance(sent, list) or not sent or len(sent) > MOST_OPERATIONS:
        problem = f"One to {MOST_OPERATIONS} operations are needed."
        raise Invalid((Issue("structure", problem, f"{place}.parameter"),))
    root = loads(dumps(stored))
    with _bounded(place):
        for number, operation in enumerate(sent):
            _Patching(root, definitions, f"{place}.parameter[{number}]").apply(operation)
        return _settled(_without_empty(root), stored, place)


class _Spot(NamedTuple):
    """Where an element stands: in an object under its JSON name, or in the list of that name.

    owner: type of the object. at: its place in the list, None where the element does not repeat.
    """

    holder: JSON
    owner: str
    name: str
    field: Field
    at: int | None

    @property
    def value(self) -> Any:
        value = self.holder[self.name]
        return value if self.at is None else value[self.at]

    @property
    def type(self) -> str:
        """Of an object; that of a contained resource is its own."""
        return str(self.value.get("resourceType", self.field.type))


class _Patching:
    """One operation of a FHIRPath Patch on a resource, which it changes."""

    def __init__(self, root: JSON, definitions: Definitions, place: str) -> None:
        self.root = root
        self.definitions = definitions
        self.place = place

    def apply(self, operation: Any) -> None:
        if not isinstance(operation, dict) or operation.get("name") != "operation":
            raise self._malformed("A parameter of the name operation is needed.")
        parts = self._named(operation)
        kind, path = self._text(parts, "type"), self._text(parts, "path")
        needed = _PARTS.get(kind)
        if needed is None:
            raise self._malformed("The type is add, insert, delete, replace or move.")
        if not needed <= parts.keys():
            raise self._malformed(f"It needs {', '.join(sorted(needed))}.")
        match kind:
            case "add":
                self._add(path, self._text(parts, "name"), parts["value"])
            case "insert":
                lists, field = self._lists(path)
                index = self._whole(parts, "index", len(lists[0]))
                _insert(lists, index, self._value(parts["value"], field.type))
            case "delete":
                found = self._spots(path)
                if len(found) > 1:
                    raise self._refusal("The path means more than one element.")
                for spot in found:
                    _take_away(spot)
            case "replace":
                self._replace(path, parts["value"])
            case "move":
                lists, _ = self._lists(path)
                most = len(lists[0]) - 1
                source, target = (self._whole(parts, name, most) for name in ("source", "destination"))
                for items in lists:
                    items.insert(target, items.pop(source))

    def _add(self, path: str, name: str, part: JSON) -> None:
        (spot,) = self._one(path)
        if not isinstance(spot.value, dict):
            raise self._refusal("Nothing can be added there.")
        label, field = self._label(spot.type, name, part)
        value = self._value(part, field.type)
        if field.many:
            lists = _beside(spot.value, label)
            _insert(lists, len(lists[0]), value)
            return
        known = fields(self.definitions, spot.type)
        if any(each in known and known[each].name == name for each in spot.value):
            raise self._refusal("It stands there already: replace it.")
        spot.value[label] = value

    def _replace(self, path: str, part: JSON) -> None:
        (spot,) = self._one(path)
        if not spot.name:
            raise self._refusal("The whole is updated, not patched.")
        label, field = self._label(spot.owner, spot.field.name, part)
        value = self._value(part, field.type)
        _take_away(spot)
        if spot.at is None:
            spot.holder[label] = value
        else:
            _insert(_beside(spot.holder, label), spot.at, value)

    # Paths

    def _one(self, path: str) -> list[_Spot]:
        found = self._spots(path)
        if len(found) != 1:
            raise self._refusal("The path means one element.")
        return found

    def _lists(self, path: str) -> tuple[list[list[Any]], Field]:
        """The list that a path names, with that of its items' extensions where there is one."""
        *above, last = self._steps(path)
        name = last["name"] if above else None
        if name is None:
            raise self._refusal("The path ends in the name of a list.")
        found = self._follow(above)
        spot = found[0] if len(found) == 1 and isinstance(found[0].value, dict) else None
        known = fields(self.definitions, spot.type) if spot else {}
        if spot is None or name not in known or not known[name].many:
            raise self._refusal("The path names no list.")
        return _beside(spot.value, name), known[name]

    def _spots(self, path: str) -> list[_Spot]:
        return self._follow(self._steps(path))

    def _steps(self, path: str) -> list[re.Match[str]]:
        steps, at = [], 0
        while True:
            step = _STEP.match(path, at)
            if step is None:
                raise self._refusal("Paths are names, [n], where(x = 'y') and first().", "not-supported")
            steps.append(step)
            at = step.end()
            if at == len(path):
                return steps
            # A place in a list follows at once, all else after a point.
            if path[at] == ".":
                at += 1
            elif path[at] != "[":
                raise self._refusal("Paths are names, [n], where(x = 'y') and first().", "not-supported")

    def _follow(self, steps: Sequence[re.Match[str]]) -> list[_Spot]:
        type_ = str(self.root["resourceType"])
        found = [_Spot({"": self.root}, "", "", Field("", type_, many=False), None)]
        if steps and steps[0]["name"] == type_:
            steps = steps[1:]
        for step in steps:
            if step["name"]:
                found = [inner for spot in found for inner in self._below(spot, step["name"])]
            elif step["index"]:
                found = found[int(step["index"]) :][:1]
            elif step["first"]:
                found = found[:1]
            else:
                found = [spot for spot in found if self._holds(spot, step)]
        return found

    def _below(self, spot: _Spot, name: str) -> Iterator[_Spot]:
        value = spot.value
        if not isinstance(value, dict):
            return
        type_ = spot.type
        for label, field in fields(self.definitions, type_).items():
            if field.name != name or label not in value:
                continue
            if field.many:
                for index in range(len(value[label])):
                    yield _Spot(value, type_, label, field, index)
            else:
                yield _Spot(value, type_, label, field, None)

    def _holds(self, spot: _Spot, step: re.Match[str]) -> bool:
        found = [spot]
        for name in step["where"].split("."):
            found = [inner for each in found for inner in self._below(each, name)]
        if step["text"] is not None:
            wanted: Any = re.sub(r"\\(.)", r"\1", step["text"])
        elif step["word"] in ("true", "false"):
            wanted = step["word"] == "true"
        else:
            wanted = Decimal(step["word"])
        return any(same(each.value, wanted) for each in found)

    # Parts

    def _named(self, operation: JSON) -> dict[str, JSON]:
        parts = operation.get("part")
        if not isinstance(parts, list) or not all(
            isinstance(part, dict) and isinstance(part.get("name"), str) for part in parts
        ):
            raise self._malformed("Parts with names are needed.")
        named = {part["name"]: part for part in parts}
        if len(named) < len(parts):
            raise self._malformed("A part stands twice.")
        return named

    def _text(self, parts: Mapping[str, JSON], name: str) -> str:
        value = self._plain(parts.get(name, {}))[1]
        if not isinstance(value, str):
            raise self._malformed(f"The {name} is a text.")
        return value

    def _whole(self, parts: Mapping[str, JSON], name: str, most: int) -> int:
        value = self._plain(parts.get(name, {}))[1]
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._malformed(f"The {name} is a whole number.")
        if value > most:
            raise self._refusal("Nothing stands at that place of the list.")
        return value

    def _plain(self, part: JSON) -> tuple[str, Any]:
        """The name and the value of value[x]; "" and None for a part that has none."""
        names = [name for name in part if name.startswith(("value", "_value"))]
        if len(names) > 1 or any(name.startswith("_") for name in names):
            raise self._refusal("One value is given, without extensions.", "not-supported")
        return (names[0], part[names[0]]) if names else ("", None)

    def _value(self, part: JSON, type_: str) -> Any:
        """The JSON of a value: of value[x] as it stands, of a nameless type from its parts."""
        name, value = self._plain(part)
        if name:
            return value
        made: JSON = {}
        parts = part.get("part")
        if not isinstance(parts, list) or not parts:
            raise self._malformed("A value is needed.")
        for inner in parts:
            if not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
                raise self._malformed("Parts with names are needed.")
            label, field = self._label(type_, inner["name"], inner)
            fresh = self._value(inner, field.type)
            if field.many:
                made.setdefault(label, []).append(fresh)
            elif label in made:
                raise self._malformed("A part stands twice.")
            else:
                made[label] = fresh
        return made

    def _label(self, owner: str, name: str, part: JSON) -> tuple[str, Field]:
        """The name in JSON, and the element, that a value is given to; of a choice, by the type of the value."""
        known = fields(self.definitions, owner)
        if name in known and known[name].name == name:
            return name, known[name]
        label = name + self._plain(part)[0].removeprefix("value")
        if label not in known or known[label].name != name:
            raise self._refusal("There is no such element, or not of this type.")
        return label, known[label]

    def _malformed(self, problem: str) -> Invalid:
        return Invalid((Issue("structure", problem, self.place),))

    def _refusal(self, problem: str, code: str = "processing") -> Unprocessable:
        return Unprocessable((Issue(code, problem, self.place),))


def _beside(holder: JSON, name: str) -> list[list[Any]]:
    """A list of an object, which then is there, and that of its items' extensions, as long as it.

    https://hl7.org/fhir/R4/json.html#primitive
    """
    items = holder.setdefault(name, [])
    extensions = holder.get(f"_{name}")
    if extensions is None:
        return [items]
    extensions += [None] * (len(items) - len(extensions))
    items += [None] * (len(extensions) - len(items))
    return [items, extensions]


def _insert(lists: Sequence[list[Any]], index: int, value: Any) -> None:
    lists[0].insert(index, value)
    for extensions in lists[1:]:
        extensions.insert(index, None)


def _take_away(spot: _Spot) -> None:
    if spot.at is None:
        del spot.holder[spot.name]
        spot.holder.pop(f"_{spot.name}", None)
    else:
        for items in _beside(spot.holder, spot.name):
            del items[spot.at]


def _without_empty(value: Any) -> Any:
    """The value without the lists and objects that deletions have left with nothing in them."""
    if isinstance(value, dict):
        kept = {name: _without_empty(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner not in ({}, [])}
    if isinstance(value, list):
        items = [_without_empty(inner) for inner in value]
        return [] if all(inner in (None, {}, []) for inner in items) else [i for i in items if i != {}]
    return value


def _settled(root: Any, stored: JSON, place: str) -> JSON:
    """Raises Unprocessable for another resource than the one that was patched, or one nested too deep."""
    if not isinstance(root, dict) or any(root.get(name) != stored[name] for name in ("resourceType", "id")):
        raise Unprocessable("The type and the id of a resource stay as they are.", place)
    try:
        found: JSON = loads(dumps(root))
    except Malformed as error:
        raise Unprocessable(f"The patch makes what cannot be stored: {error}.", place) from None
    return found
