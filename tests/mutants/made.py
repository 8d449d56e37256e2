"""Mutants of a module: one place each, changed so that a rule is lost, turned round or made wider.

Plain functions over Python's own syntax trees; knows nothing of what the module is for.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

# SQLAlchemy's words and Python's, and the words that turn each round.
_OTHER_WAY = {
    "and_": "or_", "or_": "and_", "any": "all", "all": "any", "true": "false", "false": "true",
    "in_": "not_in", "not_in": "in_", "is_": "is_not", "is_not": "is_", "min": "max", "max": "min",
}  # fmt: skip
_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
# Calls whose arguments are conditions that all, or one of which, must hold.
_CONDITIONS = ("and_", "or_", "where")
_LETTERS = "cruds"
_LONGEST = 110


class Mutant(NamedTuple):
    """line: of the module as it stands. name: the function, what stood there and what stands there instead: the
    same wherever in the file the function has moved to."""

    line: int
    name: str
    source: str


class Change(NamedTuple):
    """What stands in the place of a node, and in words."""

    new: ast.AST
    told: str


class _Place(NamedTuple):
    """Where a node hangs: in a field of its parent, at the index where the field is a list."""

    node: ast.AST
    parent: ast.AST
    field: str
    index: int | None
    inside: str

    def put(self, new: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, new)
        else:
            getattr(self.parent, self.field)[self.index] = new


def mutants(source: str) -> list[Mutant]:
    """Every mutant of a module, in the order of its lines; no two with one name."""
    tree = ast.parse(source)
    met: Counter[str] = Counter()
    found = []
    for place in list(_places(tree, tree, "module")):
        for change in _changes(place):
            name = f"{place.inside}: {change.told}"
            met[name] += 1
            place.put(change.new)
            text = ast.unparse(tree)
            place.put(place.node)
            line = getattr(place.node, "lineno", None) or getattr(place.parent, "lineno", 0)
            found.append(Mutant(line, name if met[name] == 1 else f"{name} ({met[name]})", text))
    return sorted(found, key=lambda mutant: mutant.line)


def _places(tree: ast.AST, node: ast.AST, inside: str) -> Iterator[_Place]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        inside = node.name if inside == "module" else f"{inside}.{node.name}"
    if isinstance(node, ast.Assign) and _is_type(node.value):
        return
    for field, value in ast.iter_fields(node):
        # Types and decorators say nothing of who may reach what.
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST):
                yield _Place(child, node, field, index, inside)
                yield from _places(tree, child, inside)


def _is_type(value: ast.AST) -> bool:
    """A union of classes, as an alias of a type is written, or a type of what is in a container."""
    match value:
        case ast.BinOp(left, ast.BitOr(), right):
            return _is_type(left) and _is_type(right)
        case ast.Subscript(ast.Name(name)):
            return name in ("Literal", "tuple", "Callable", "dict", "frozenset")
        case ast.Name(name):
            return name[:1].isupper() and not name.isupper()
    return False


def _changes(place: _Place) -> Iterator[Change]:
    node = place.node
    yield from _logic(node)
    yield from _called(node)
    yield from _steps(node)
    yield from _members(node, place)
    yield from _letters(node, place)
    yield from _shown(node, place)


def _instead(node: ast.AST, new: ast.AST) -> Change:
    return Change(new, f"{_short(node)} -> {_short(new)}")


def _without(part: ast.AST, whole: ast.AST, left: ast.AST) -> Change:
    return Change(left, f"{_short(whole)} without {_short(part)}")


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 30]} ... {text[-25:]}"


def _but(parts: list[ast.expr], index: int) -> list[ast.expr]:
    return parts[:index] + parts[index + 1 :]


def _logic(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.BoolOp(op, values):
            for index, part in enumerate(values):
                left = _but(values, index)
                yield _without(part, node, left[0] if len(left) == 1 else ast.BoolOp(op, left))
            yield _instead(node, ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values))
        case ast.UnaryOp(ast.Not() | ast.Invert(), operand):
            yield _instead(node, operand)
        case ast.BinOp(left, ast.BitAnd() | ast.BitOr() | ast.Sub() as operator, right) if not _is_type(node):
            yield _instead(node, left)
            yield _instead(node, right)
            if not isinstance(operator, ast.Sub):
                other = ast.BitOr() if isinstance(operator, ast.BitAnd) else ast.BitAnd()
                yield _instead(node, ast.BinOp(left, other, right))
        case ast.IfExp(_, body, orelse):
            yield _instead(node, body)
            yield _instead(node, orelse)
        case ast.Constant(True | False as value):
            yield _instead(node, ast.Constant(not value))
        case ast.Compare(left, [operator], right):
            for other in _COMPARED[type(operator)]:
                yield _instead(node, ast.Compare(left, [other()], right))


def _called(node: ast.AST) -> Iterator[Change]:
    if not isinstance(node, ast.Call):
        return
    name = _name(node)
    if name in _OTHER_WAY:
        other = _OTHER_WAY[name]
        func = ast.Name(other) if isinstance(node.func, ast.Name) else ast.Attribute(node.func.value, other)  # type: ignore[attr-defined]
        yield _instead(node, ast.Call(func, node.args, node.keywords))
    if name == "Nothing":
        yield _instead(node, ast.Call(ast.Name("WholeRecord"), [], []))
    if name == "where" and ast.unparse(node).startswith("exists()"):
        yield _instead(node, ast.UnaryOp(ast.Invert(), node))
    if name == "get" and len(node.args) == 2 and ast.unparse(node.args[1]) == "''":
        yield _instead(node, ast.Call(node.func, [node.args[0], ast.Constant(_LETTERS)], []))
    if name in _CONDITIONS:
        for index, part in enumerate(node.args):
            left = _but(node.args, index)
            if left or name == "where":
                yield _without(part, node, ast.Call(node.func, left, node.keywords))


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name(name) | ast.Call(ast.Name(name) | ast.Attribute(_, name)):
            return name
    return ""


def _steps(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.If(test, body, orelse):
            for answer in (False, True):
                new = ast.If(ast.Constant(answer), body, orelse)
                yield Change(new, f"if {_short(test)} -> if {answer}")
        case ast.AugAssign() | ast.Raise():
            yield Change(ast.Pass(), f"{_short(node)} left out")
        case ast.comprehension(target, iter_, ifs, is_async):
            for index, part in enumerate(ifs):
                left = ast.comprehension(target, iter_, _but(ifs, index), is_async)
                yield Change(left, f"if {_short(part)} left out of a comprehension")
        case ast.Match(subject, cases):
            for index, case in enumerate(cases):
                others = cases[:index] + cases[index + 1 :]
                pattern = f"case {_short(case.pattern)}"
                # What cannot be is written for the type checker.
                if others and not ast.unparse(case.body).startswith("assert_never"):
                    yield Change(ast.Match(subject, others), f"{pattern} left out")
                if case.guard is not None:
                    open_case = ast.match_case(case.pattern, None, case.body)
                    new = ast.Match(subject, [*cases[:index], open_case, *cases[index + 1 :]])
                    yield Change(new, f"{pattern} without its if")
        case ast.MatchOr(patterns):
            for index, pattern in enumerate(patterns):
                left = patterns[:index] + patterns[index + 1 :]
                yield _without(pattern, node, left[0] if len(left) == 1 else ast.MatchOr(left))


def _members(node: ast.AST, place: _Place) -> Iterator[Change]:
    """A list of words, or a table, without one of them."""
    match node:
        case ast.Tuple(parts) | ast.List(parts) | ast.Set(parts):
            if place.field in ("targets", "target", "slice") or not all(
                isinstance(part, ast.Constant | ast.Starred) for part in parts
            ):
                return
            for index, part in enumerate(parts):
                left = _but(parts, index)
                if left or not isinstance(node, ast.Set):
                    yield _without(part, node, type(node)(left))
        case ast.Dict(keys, values):
            for index, (key, value) in enumerate(zip(keys, values, strict=True)):
                left = ast.Dict(keys[:index] + keys[index + 1 :], _but(values, index))
                yield _without(value if key is None else key, node, left)


def _letters(node: ast.AST, place: _Place) -> Iterator[Change]:
    """What may be done, in SMART's letters: one less, and one more."""
    is_value = (isinstance(place.parent, ast.Dict) and place.field == "values") or (
        _name(place.parent) == "fromkeys"
    )
    match node:
        case ast.Constant(str() as text) if is_value and text:
            if "".join(letter for letter in _LETTERS if letter in text) != text:
                return
            for letter in _LETTERS:
                other = "".join(each for each in _LETTERS if (each in text) != (each == letter))
                new = ast.Constant(other)
                yield Change(new, f"{_held(place)}: {text} -> {other or 'nothing'}")


def _shown(node: ast.AST, place: _Place) -> Iterator[Change]:
    """An element shown whole, where parts of it are."""
    is_shown = isinstance(place.parent, ast.keyword) or (
        isinstance(place.parent, ast.Dict) and place.field == "values"
    )
    name = _name(node)
    if is_shown and (name in ("_plain", "_each", "_of", "_only") or (name[:1] == "_" and name[1:].isupper())):
        whole = ast.parse("lambda value: value", mode="eval").body
        yield Change(whole, f"{_held(place)} shown whole")


def _held(place: _Place) -> str:
    """What names the place: the key in a table, else all that it is a part of."""
    if isinstance(place.parent, ast.Dict) and place.index is not None:
        key = place.parent.keys[place.index]
        return _short(key if key is not None else place.node)
    return _short(place.parent)
