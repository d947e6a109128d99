"""Operations as the textbook writes them: ``(x + y) · z``, ``Wᵀ``, ``σ(z)``.

Beside the road, for ``explain`` only: one table says how each primitive is written, and
a walk over the nodes, without recursion, turns a graph into lines of formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...graph import Graph, Node, in_order
from .numerals import number, subscript

#: Precedence of a phrase: operands of lower precedence get parentheses.
LOGIC, COMPARISON, SUM, PRODUCT, SIGN, POWER, ATOM = range(7)

_BINARY = {
    "add": (" + ", SUM),
    "subtract": (" − ", SUM),
    "multiply": (" · ", PRODUCT),
    "divide": (" / ", PRODUCT),
    "remainder": (" mod ", PRODUCT),
    "floor_divide": (" // ", PRODUCT),
    "matmul": (" @ ", PRODUCT),
    "power": (" ^ ", POWER),
    "equal": (" = ", COMPARISON),
    "not_equal": (" ≠ ", COMPARISON),
    "less": (" < ", COMPARISON),
    "less_equal": (" ≤ ", COMPARISON),
    "greater": (" > ", COMPARISON),
    "greater_equal": (" ≥ ", COMPARISON),
    "logical_and": (" and ", LOGIC),
    "logical_or": (" or ", LOGIC),
    "logical_xor": (" xor ", LOGIC),
}
_FUNCTIONS = {"sigmoid": "σ", "log": "ln", "sqrt": "√", "alias": ""}
_ASSOCIATIVE = {"add", "multiply"}
#: The default settings of a window.
_PLAIN = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}


@dataclass(frozen=True)
class Phrase:
    """A piece of a formula, and its precedence."""

    text: str
    strength: int = ATOM
    sign: str = ""

    def beside(self, strength: int) -> str:
        """The text inside something of this strength."""
        return self.text if self.strength >= strength else f"({self.text})"


def numeral(value: Any) -> Phrase:
    """A number; a negative one gets parentheses on the right of an operator."""
    text = number(value)
    return Phrase(text, SIGN if text.startswith("−") else ATOM)


def phrase(node: Node, operands: Sequence[Phrase], *, whole: bool = False) -> Phrase:
    """An operation applied to operands.

    Arguments:
        whole: whether to say the shape of a ``reshape`` too, which the result has.
    """
    name = node.op.name if node.op is not None else "leaf"
    if name in _BINARY:
        return _infix(name, *operands)
    if name == "negative":
        return Phrase(f"−{operands[0].beside(POWER)}", SIGN)
    if name == "logical_not":
        return Phrase(f"not {operands[0].beside(ATOM)}", SIGN)
    if name == "abs":
        return Phrase(f"|{operands[0].text}|")
    if name == "transpose" and node.params["axes"] == _swapped(len(node.shape)):
        return Phrase(f"{operands[0].beside(ATOM)}ᵀ")
    if name == "cast":
        return Phrase(f"{node.dtype}({operands[0].text})")
    if name == "project":
        return Phrase(f"{operands[0].beside(ATOM)}[{node.params['index']}]")
    if name == "slice":
        return Phrase(f"{operands[0].beside(ATOM)}[{_slices(node)}]")
    if name == "alias":
        return operands[0]
    called = _FUNCTIONS.get(name, name)
    arguments = [each.text for each in operands] + _settings(node, whole)
    return Phrase(f"{called}({', '.join(arguments)})")


def _infix(name: str, left: Phrase, right: Phrase) -> Phrase:
    sign, strength = _BINARY[name]
    same = name in _ASSOCIATIVE and right.sign in ("", sign)
    inner = strength if same else strength + 1
    if right.strength == SIGN:
        inner = ATOM
    outer = strength + (strength in (POWER, COMPARISON, LOGIC))
    if left.sign != sign and " @ " in (left.sign, sign):
        outer = max(outer, strength + 1)  # (x · y) @ z, where an order is easily missed
    return Phrase(left.beside(outer) + sign + right.beside(inner), strength, sign)


def _swapped(ndim: int) -> tuple[int, ...]:
    """The order of axes that transposes each matrix."""
    return (*range(ndim - 2), ndim - 1, ndim - 2)


def _slices(node: Node) -> str:
    """``0:2, ::2``: a slice as it is typed, whole axes as ``:``."""
    params, shown = node.params, []
    for n, start, stop, step in zip(
        node.inputs[0].shape,
        params["start"],
        params["stop"],
        params["step"],
        strict=True,
    ):
        if (start, stop, step) == (0, n, 1):
            shown.append(":")
        else:
            first, last = start or "", "" if stop >= n else stop
            shown.append(f"{first}:{last}" + (f":{step}" if step != 1 else ""))
    return ", ".join(shown)


def _settings(node: Node, whole: bool) -> list[str]:
    """The static arguments that say something: not the defaults, not a loop's body."""
    shown = []
    for name, value in node.params.items():
        if isinstance(value, Graph) or name in ("split", "what") or value is False:
            continue
        if name == "shape" and node.inputs and not whole:
            continue
        everything = tuple(range(len(node.inputs[0].shape))) if node.inputs else ()
        if name == "axis" and value == everything and not node.shape:
            continue
        if name in _PLAIN and set(np.ravel([value])) == {_PLAIN[name]}:
            continue
        if isinstance(value, float):
            shown.append(f"{name}={number(value)}")
        elif isinstance(value, tuple):
            inner = ", ".join(map(str, value))
            one = len(value) == 1 and name in ("axis", "axes")
            shown.append(f"{name}={inner if one else f'({inner})'}")
        else:
            shown.append(f"{name}={value}")
    return shown


#: A shared part of a formula that is longer than this is written once, on its own line.
SHARED = 12


def formulas(
    outputs: Sequence[Node], names: Mapping[Node, str], longest: int = 72
) -> tuple[list[tuple[str, str]], list[str]]:
    """The outputs as formulas of the named nodes, after the definitions they share.

    Returns pairs (name, formula) for parts that are used twice or would make a line too
    long, and then one formula for each output.
    """
    nodes = in_order(outputs, stop=names)
    uses: dict[Node, int] = {}
    for node in nodes:
        for each in node.inputs if node not in names else ():
            uses[each] = uses.get(each, 0) + 1
    known: dict[Node, Phrase] = {n: Phrase(name) for n, name in names.items()}
    definitions: list[tuple[str, str]] = []
    wanted = set(outputs)
    for node in nodes:
        if node in known:
            continue
        whole = _leaf(node) if node.op is None else _applied(node, known)
        often = uses.get(node, 0) > 1 and len(whole.text) > SHARED
        if node.op is not None and (often or len(whole.text) > longest):
            if not (node in wanted and uses.get(node, 0) == 0):
                part = f"t{subscript(len(definitions) + 1)}"
                definitions.append((part, whole.text))
                whole = Phrase(part)
        known[node] = whole
    return definitions, [known[node].text for node in outputs]


def _applied(node: Node, known: Mapping[Node, Phrase]) -> Phrase:
    return phrase(node, [known[each] for each in node.inputs], whole=True)


def _leaf(node: Node) -> Phrase:
    """A constant inside a formula."""
    if node.name:
        return Phrase(node.name)
    if node.value is not None and np.size(node.value) == 1:
        return numeral(np.asarray(node.value).reshape(()))
    return Phrase("constant")
