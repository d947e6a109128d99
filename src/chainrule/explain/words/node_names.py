"""Names of nodes: the user's own, found in the line that made the node.

Beside the road, for ``explain`` only. A node is called by its own name; else by what
the user's line assigns (``s = x + y`` makes ``s``); else by what it computes, where
that is short (``x + y``); else ``v₁``, ``v₂``, and ``c₁`` for constants. Names are
distinct: the second ``h`` is ``h₂``.

The user's line is read as text and as a syntax tree, and never run.
"""

from __future__ import annotations

import ast
import itertools
import linecache
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...graph import Node
from ...ops.primitive import REGISTRY
from .formulas import Phrase, numeral, phrase
from .numerals import subscript
from .source_lines import own_line

#: The longest expression that is a name by itself.
LONGEST_NAME = 18

#: The operations that a Python operator makes.
_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Mod: "remainder",
    ast.Pow: "multiply",  # x ** 2 is x * x
    ast.MatMult: "matmul",
    ast.USub: "negative",
}
#: Expressions whose nodes are no single result: parts of one, or of a function.
_PARTS = (ast.List, ast.Dict, ast.Set)
_INSIDE = (ast.Lambda, ast.ListComp, ast.DictComp, ast.SetComp, ast.GeneratorExp)


def name_nodes(
    nodes: Sequence[Node], root: Node | None, given: Mapping[Node, str] | None = None
) -> dict[Node, Phrase]:
    """A distinct name for each node, in order; literals are called by their number.

    Arguments:
        nodes: the nodes, each after its inputs.
        root: the node that is called L where the user has no name for it.
        given: names that take precedence over all others.
    """
    wanted = _assigned(nodes)
    wanted.update({node: clean(node.name) for node in nodes if clean(node.name)})
    if root is not None:
        wanted.setdefault(root, "L")
    wanted.update(given or {})
    names: dict[Node, Phrase] = {}
    taken: dict[str, int] = {}
    firm = set(wanted.values())
    numbers = {"c": itertools.count(1), "v": itertools.count(1)}
    for node in nodes:
        if node.literal:
            names[node] = numeral(node.value)
            continue
        name = wanted.get(node)
        known = all(each in names for each in node.inputs)  # not for a body's inputs
        if name is None and node.op is not None and known:
            whole = phrase(node, [names[each] for each in node.inputs])
            if len(whole.text) <= LONGEST_NAME and whole.text not in firm | set(taken):
                taken[whole.text] = 1
                names[node] = whole
                continue
        if name is None:
            letter = "c" if node.op is None else "v"
            name = f"{letter}{subscript(next(numbers[letter]))}"
        names[node] = Phrase(_distinct(name, taken))
    return names


def clean(name: str) -> str:
    """A user's name on one line: what cannot be printed becomes a space."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())


def _distinct(name: str, taken: dict[str, int]) -> str:
    """The name, or the name with the next free number."""
    first = name
    while name in taken:
        taken[first] += 1
        name = f"{first}{subscript(taken[first])}"
    taken[name] = 1
    return name


@dataclass(frozen=True, slots=True)
class _Assignment:
    """A statement of the user: the names on its left, the expression on its right."""

    targets: tuple[str, ...]
    value: ast.expr


def _assigned(nodes: Sequence[Node]) -> dict[Node, str]:
    """The names that the user's assignments give to nodes."""
    files: dict[str, dict[int, _Assignment]] = {}
    groups: dict[int, tuple[_Assignment, list[Node]]] = {}
    statement: dict[Node, int] = {}
    for node in nodes:
        line = own_line(node)
        if node.literal or node.origin is not None or line is None:
            continue
        if line.file not in files:
            files[line.file] = _assignments(line.file)
        found = files[line.file].get(line.line)
        if found is not None:
            groups.setdefault(id(found), (found, []))[1].append(node)
            statement[node] = id(found)
    inner = {
        each
        for node in nodes
        for each in node.inputs
        if node in statement and statement[node] == statement.get(each)
    }
    named: dict[Node, str] = {}
    for assignment, group in groups.values():
        named.update(_shared_out(assignment, group, inner))
    return named


def _shared_out(
    assignment: _Assignment, group: Sequence[Node], inner: set[Node]
) -> dict[Node, str]:
    """Which of a statement's nodes its targets name: those that no node of the same
    statement uses, or, in a loop, those of its outermost operation.
    """
    targets, value = assignment.targets, assignment.value
    results = [node for node in group if node not in inner]
    if len(targets) > 1:
        if isinstance(value, ast.Tuple) and len(results) == len(targets):
            return dict(zip(results, targets, strict=True))
        return _loop_results(results, targets)
    inside = any(isinstance(each, _INSIDE) for each in ast.walk(value))
    if inside or isinstance(value, _PARTS):
        return {}
    outermost = _outermost(value)
    chosen = [
        node
        for node in group
        if node not in inner or (node.op is not None and node.op.name == outermost)
    ]
    return dict.fromkeys(chosen, targets[0])


def _loop_results(results: Sequence[Node], targets: tuple[str, ...]) -> dict[Node, str]:
    """``carry, ys = cr.scan(…)``: each result of a loop by its place."""
    named = {}
    for node in results:
        if node.op is None or node.op.name != "project":
            return {}
        loop = node.inputs[0].params
        if len(loop["body"].outputs) - loop["split"].carry == len(targets):
            named[node] = targets[node.params["index"]]
    return named


def _outermost(value: ast.expr) -> str | None:
    """The operation an expression ends with, if it occurs in it once.

    A function that is no primitive may be made of any of them: then nothing is known.
    """
    operations = [_operation(each) for each in ast.walk(value)]
    if any(
        isinstance(each, ast.Call) and _operation(each) not in REGISTRY
        for each in ast.walk(value)
    ):
        return None
    name = _operation(value)
    return name if name is not None and operations.count(name) == 1 else None


def _operation(node: ast.AST) -> str | None:
    if isinstance(node, (ast.BinOp, ast.UnaryOp)):
        return _OPERATORS.get(type(node.op))
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute):
            return function.attr
        return function.id if isinstance(function, ast.Name) else None
    return None


def _assignments(file: str) -> dict[int, _Assignment]:
    """The assignments of a file by each of their lines; none where it is no Python."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return {}
    by_line: dict[int, _Assignment] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        names = _targets(target)
        if names:
            entry = _Assignment(names, value)
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                by_line[line] = _joined(by_line.get(line), entry)
    return by_line


def _joined(before: _Assignment | None, entry: _Assignment) -> _Assignment:
    """Several statements of one line, ``x = f(); y = g()``, as ``x, y = f(), g()``."""
    if before is None:
        return entry
    both = ast.Tuple([before.value, entry.value])
    return _Assignment(before.targets + entry.targets, both)


def _targets(target: ast.expr) -> tuple[str, ...]:
    """``x, y`` → the two names; nothing for targets that are no plain names."""
    parts = target.elts if isinstance(target, ast.Tuple) else [target]
    names = [
        each.id
        if isinstance(each, ast.Name)
        else each.attr
        if isinstance(each, ast.Attribute)
        else ""
        for each in parts
    ]
    return tuple(names) if all(names) else ()
