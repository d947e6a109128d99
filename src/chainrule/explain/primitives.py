"""All primitives on one page: definition, operands, and the backward rule as a formula.

Beside the road, for ``explain`` and the documentation. Nothing about a rule is written
here: each is applied to nodes without values, and the resulting graph is printed.
What is written here is one example of operands for primitives that take arguments.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .. import dtypes
from .. import linalg as linalg  # its primitives belong on the page
from ..backprop import pullback
from ..errors import ArgumentError, unknown_option
from ..graph import Graph, Node, Trace, in_order
from ..ops.control import project, scan
from ..ops.primitive import REGISTRY, Primitive
from .words.formulas import formulas
from .words.numerals import sizes, subscript

Operand = tuple[tuple[int, ...], Any]


@dataclass(frozen=True)
class Example:
    """Operands that a primitive can be applied to: shapes, dtypes, static arguments."""

    operands: tuple[Operand, ...]
    params: Mapping[str, Any] = field(default_factory=dict)


_F, _I, _B = dtypes.float32, dtypes.int64, dtypes.bool_
_ROW: Operand = ((3,), _F)
_MATRIX: Operand = ((2, 3), _F)
_STATE: Operand = ((4,), dtypes.uint32)
_SEQUENCE: Operand = ((2, 9, 4), _F)
_KERNEL: Operand = ((6, 3, 4), _F)
_SEEN: Operand = ((2, 5, 6), _F)
_STEPS = {"stride": (2,), "dilation": (1,)}
_SQUARE: Operand = ((3, 3), _F)
_SIDES: Operand = ((3, 2), _F)
_FORM = {"stride": (2,), "padding": ((1, 1),), "dilation": (1,), "groups": 1}

#: Examples for primitives that are no plain function of float tensors of one shape.
EXAMPLES: dict[str, Example] = {
    "where": Example((((3,), _B), _ROW, _ROW)),
    "logical_not": Example((((3,), _B),)),
    "cast": Example((_ROW,), {"dtype": dtypes.float64}),
    "normal_index": Example((((2,), _I),), {"size": 3, "what": "label"}),
    "take": Example((_MATRIX, ((4,), _I)), {"axis": 0}),
    "put": Example((((4, 3), _F), ((2,), _I), ((2, 3), _F)), {"axis": 0}),
    "scatter_add": Example((((4, 3), _F), ((4,), _I)), {"axis": 0, "size": 2}),
    "take_along_axis": Example((_MATRIX, ((2, 1), _I)), {"axis": 1}),
    "scatter_along_axis": Example((((2, 1), _F), ((2, 1), _I)), {"axis": 1, "size": 3}),
    "reshape": Example((_MATRIX,), {"shape": (6,)}),
    "transpose": Example((((2, 3, 4), _F),), {"axes": (2, 0, 1)}),
    "broadcast_to": Example((_ROW,), {"shape": (2, 3)}),
    "slice": Example((((6,), _F),), {"start": (1,), "stop": (6,), "step": (2,)}),
    "pad": Example((_ROW,), {"widths": ((1, 2, 0),), "value": 0.0}),
    "concatenate": Example((_MATRIX, ((1, 3), _F)), {"axis": 0}),
    "flip": Example((_MATRIX,), {"axes": (1,)}),
    "matmul": Example((_MATRIX, ((3, 4), _F))),
    "convolution": Example((_SEQUENCE, _KERNEL), _FORM),
    "convolution_transposed": Example((_SEEN, _KERNEL), {"size": (9,), **_FORM}),
    "convolution_kernel": Example((_SEQUENCE, _SEEN), {"kernel": (3,), **_FORM}),
    "windows": Example(
        (_SEQUENCE,), {"kernel": (3,), "stride": (2,), "dilation": (1,)}
    ),
    "overlap_add": Example(
        (((2, 4, 3, 4), _F),), {"size": (9,), "stride": (2,), "dilation": (1,)}
    ),
    **{
        name: Example((_MATRIX,), {"axis": (1,), "keepdims": False})
        for name in ("sum", "prod", "max", "min")
    },
    **{
        name: Example((_MATRIX,), {"axis": 1})
        for name in ("argmax", "argmin", "cumsum", "argsort")
    },
    "solve": Example((_SQUARE, _SIDES), {"operation": "solve"}),
    "inv": Example((_SQUARE,), {"operation": "inv"}),
    "solve_triangular": Example(
        (_SQUARE, _SIDES),
        {"lower": True, "trans": 0, "unit": False, "operation": "solve_triangular"},
    ),
    **dict.fromkeys(("cholesky", "det", "cofactors", "slogdet"), Example((_SQUARE,))),
    "eigh": Example((_SQUARE,), {"triangle": "L", "operation": "eigh"}),
    **dict.fromkeys(("qr", "complement"), Example((((4, 3), _F),))),
    "svd": Example((((4, 3), _F),), {"operation": "svd"}),
    "over_differences": Example((_SQUARE, _ROW), {"operation": "eigh"}),
    "pinv": Example((((4, 3), _F),), {"rcond": 1e-6, "operation": "pinv"}),
    "lstsq": Example((((4, 3), _F), ((4, 2), _F)), {"rcond": 1e-6}),
    "random_bits": Example((_STATE,), {"shape": (2, 3)}),
    "random_uniform": Example((_STATE,), {"shape": (2, 3), "dtype": _F}),
    "next_state": Example((_STATE,)),
}


@dataclass(frozen=True)
class Entry:
    """One primitive of the page.

    Attributes:
        name, definition: as its declaration says.
        operands: each as ``x (2, 3)``; the static arguments after them.
        rules: pairs (operand, gradient), the gradient "" where there is none; first the
            parts that several of them share.
        note: what a formula cannot say.
    """

    name: str
    definition: str
    operands: list[str]
    shared: list[tuple[str, str]]
    rules: list[tuple[str, str]]
    note: str = ""


def entry(name: str) -> Entry:
    """The page's entry of a primitive.

    Raises:
        OptionError: for a name that no primitive has.
        ArgumentError: for a primitive with arguments and without an example here.

    Example:
        >>> entry("multiply").rules
        [('a', 'g · b'), ('b', 'g · a')]
        >>> entry("tanh").rules
        [('x', 'g · (1 − y · y)')]
    """
    if name not in REGISTRY:
        raise unknown_option("primitive", name, REGISTRY)
    op = REGISTRY[name]
    with Trace(purpose=f"the rule of {name}"):
        if name in ("scan", "project"):
            return _of_a_loop(op)
        names, example = operand_names(op), _example(op)
        inputs = [
            _leaf(shape, dtype, each)
            for each, (shape, dtype) in zip(names, example.operands, strict=True)
        ]
        shape, dtype = op.infer(*inputs, **example.params)
        y = Node.kind(op, tuple(inputs), example.params, shape, dtype, None, "y")
        results = (
            op.backward(_leaf(shape, dtype, "g"), y, *inputs) if op.backward else ()
        )
    shown = [f"{n.name} ({sizes(n.shape)})" if n.shape else n.name for n in inputs]
    shown += [f"{key}={_setting(value)}" for key, value in example.params.items()]
    return _entry(op, shown, inputs, results, {y: "y"})


def _entry(
    op: Primitive,
    shown: list[str],
    inputs: Sequence[Node],
    results: Sequence[Any],
    names: Mapping[Node, str],
) -> Entry:
    known = dict(names) | {node: node.name for node in inputs}
    kept = [each for each in results if each is not None]
    shared, texts = formulas(kept, known)
    rest = iter(texts)
    rules = [
        (node.name, "" if result is None else next(rest))
        for node, result in zip(inputs, results, strict=False)
    ]
    return Entry(op.name, op.summary, shown, shared, rules)


def _leaf(shape: Any, dtype: Any, name: str) -> Node:
    return Node.kind(None, (), {}, shape, dtype, None, name)


def _setting(value: Any) -> str:
    return str(value) if not isinstance(value, str) else repr(value)


def operand_names(op: Primitive) -> list[str]:
    """What a primitive's own declaration calls its operands."""
    if op.backward is not None:
        parameters = list(inspect.signature(op.backward).parameters.values())[2:]
    else:
        parameters = list(inspect.signature(op.infer).parameters.values())
    taken = set(EXAMPLES[op.name].params) if op.name in EXAMPLES else set()
    names = []
    for each in parameters:
        if each.kind is inspect.Parameter.VAR_POSITIONAL:
            count = len(EXAMPLES[op.name].operands)
            names += [f"x{subscript(i + 1)}" for i in range(count)]
        elif each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
            if each.name not in taken:
                names.append(each.name)
    return names


def _example(op: Primitive) -> Example:
    """The example above, or tensors of one shape where there are no arguments."""
    if op.name in EXAMPLES:
        return EXAMPLES[op.name]
    parameters = inspect.signature(op.infer).parameters.values()
    count = len(operand_names(op))
    if any(each.kind is inspect.Parameter.KEYWORD_ONLY for each in parameters):
        raise ArgumentError(
            f"primitives: {op.name} takes arguments, and has no example of them",
            fix=f"add {op.name!r} to EXAMPLES in explain/primitives.py",
        )
    return Example((_ROW,) * count)


def _of_a_loop(op: Primitive) -> Entry:
    """``scan`` and its results, on the example carryₜ₊₁ = tanh(w · carryₜ + xₜ)."""
    tanh: Any = REGISTRY["tanh"]
    w, c, xs = _leaf((), _F, "w"), _leaf((), _F, "c"), _leaf((5,), _F, "xs")
    last: Any
    last, _ = scan(lambda carry, x: (tanh(w * carry + x), None), c, xs)
    loop = last.inputs[0]
    if op is project:
        note = "a loop is handed the gradients of all its results at once"
        rules = [("results", "(g, none, …)")]
        return Entry(op.name, op.summary, ["results", "index=0"], [], rules, note)
    first = _leaf(loop.types[0].shape, _F, f"g{subscript(0)}")
    g = [first, *[None] * (len(loop.types) - 1)]
    results = op.gradients(g, loop, pullback)
    shown = ["w", "c", "xs (5)", "body: tanh(w · carry + x)", "length=5"]
    made = _entry(op, shown, [w, c, xs], results, {loop: "y", first: "g"})
    behind = in_order([each for each in results if each is not None], stop=[loop])
    (back,) = [each for each in behind if each.op is op and each is not loop]
    return replace(made, note=_body(back.params["body"]))


def _body(body: Graph) -> str:
    """What each step of a backward loop computes, in formulas."""
    shared, gives = formulas(body.outputs, {n: n.name for n in body.inputs})
    taken = ", ".join(n.name for n in body.inputs)
    lines = [f"{name} = {text}" for name, text in shared]
    inside = [f"`{_cell(line)}`" for line in [*lines, f"gives {', '.join(gives)}"]]
    return "<br>".join([f"each step of it, from {taken}:", *inside])


#: Where the package declares primitives.
_ROOMS = ("chainrule.ops.", "chainrule.linalg.")

#: The files of these in the order in which to read about them; others come last.
CHAPTERS = (
    "elementwise", "indexing", "movement", "matmul", "reduction", "random", "control",
    "windows", "convolution", "systems", "factors", "spectral", "determinants",
    "least_squares",
)  # fmt: skip


def groups() -> list[tuple[str, list[str]]]:
    """The primitives' names by the file that declares them, under its first line."""
    names_in: dict[str, list[str]] = {}
    home = ""
    for name, op in REGISTRY.items():
        home = _home(op) or home
        names_in.setdefault(home, []).append(name)
    chapters = sorted(names_in, key=_chapter)
    return [(_title(module), names_in[module]) for module in chapters]


def _chapter(module: str) -> tuple[int, str]:
    """The place of a file in the page, whatever the order of imports."""
    name = module.rpartition(".")[2]
    known = name in CHAPTERS
    return CHAPTERS.index(name) if known else len(CHAPTERS), name


def _home(op: Primitive) -> str:
    for part in (op.backward, op.numpy, op.infer):
        module = getattr(part, "__module__", "") or ""
        if module.startswith(_ROOMS) and not module.endswith(".primitive"):
            return module
    return ""


def _title(module: str) -> str:
    text = inspect.getdoc(sys.modules[module]) or module
    return text.split("\n\n")[0].replace("\n", " ").rstrip(".")


def markdown() -> str:
    """The page for the documentation."""
    lines = ["# Primitives and their rules", "", *_INTRODUCTION, ""]
    for title, names in groups():
        lines += [f"## {title}", "", *_HEAD]
        lines += [_row(entry(name)) for name in names]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


_INTRODUCTION = [
    "<!-- Written by docs/generate.py. Do not edit: change the rule, and run it. -->",
    "",
    f"Every operation of a graph is one of the {len(REGISTRY)} below, or made of them.",
    "The backward rules are not typed here: each was applied to symbols, and the",
    "resulting graph is printed. In a rule y is the result, g = ∂L/∂y, and",
    "what stands after ∂L/∂x is the gradient handed back. Where an operand was",
    "broadcast, `backprop` afterwards sums its gradient over the copies. Shapes and",
    "arguments are those of an example; `·` and `/` work element by element, `@` is",
    "the matrix product and `ᵀ` swaps the last two axes.",
    "",
    "The column *work* is what passes and engines go by (`Kind` and `Cost` in",
    "`ops/primitive.py`): which elements a result is made of, and what computing it",
    "again costs beside reading it from memory: nothing (*free*: a view), no more",
    "(*cheap*), or more (*costly*). A *linear* operation may change places with a sum;",
    "an *associative* reduction may be computed in parts.",
]
_HEAD = [
    "| primitive | definition | work | operands | backward rule |",
    "| --- | --- | --- | --- | --- |",
]


def _row(shown: Entry) -> str:
    operands = ", ".join(shown.operands)
    lines = [f"{name} = {formula}" for name, formula in shown.shared]
    lines += [f"∂L/∂{name} = {formula}" for name, formula in shown.rules if formula]
    none = [name for name, formula in shown.rules if not formula]
    rule = "<br>".join(f"`{_cell(line)}`" for line in lines)
    if not lines and not shown.note:
        rule = "none: no gradient flows back"
    elif lines and none:
        rule += f"<br>none for {', '.join(none)}"
    if shown.note:
        rule += ("<br>" if rule else "") + shown.note
    cells = [_cell(shown.definition), _work(REGISTRY[shown.name]), _cell(operands)]
    return f"| `{shown.name}` | {' | '.join(cells)} | {rule} |"


def _work(op: Primitive) -> str:
    """Kind and cost of a primitive, and what passes may do with it."""
    may = {"linear": op.linear, "associative": op.associative}
    words = [name for name, holds in may.items() if holds]
    return ", ".join([op.kind.value, op.cost.value, *words])


def _cell(text: str) -> str:
    """Text inside a cell of a table, where a bar would end the cell."""
    return text.replace("|", "\\|")
