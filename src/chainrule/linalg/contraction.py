"""``einsum``: sums of products along named axes, and ``tensordot``.

Place on the road: beside the rest of this room, made of transposes, diagonals, products
of matrices and sums, which the chain rule goes through. What to do first is planned
from the subscripts and the shapes, by NumPy's ``einsum_path``, and remembered.

Labels of axes are letters. An axis under an ellipsis gets a label of its own, counted
from the last one, so that those of several operands meet as in broadcasting.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, SupportsIndex

import numpy as np

from .. import shapes
from ..arrays.matrices import diagonal
from ..errors import ArgumentError, DTypeError, ShapeError
from ..graph import Node
from ..ops.arrays import lift
from ..ops.matmul import matmul
from ..ops.movement import reshape, transpose
from ..ops.primitive import common_dtype
from ..ops.reduction import sum as total
from ..shapes import Shape

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Labels of the axes under an ellipsis, the last axis first.
UNDER_ELLIPSIS = "".join(map(chr, range(0x3B1, 0x3B1 + 64)))


class Plan(NamedTuple):
    """What einsum does: the labels of each operand, of the result, and the order.

    Attributes:
        terms: for each operand its labels, one an axis.
        output: the labels of the result.
        sizes: label → length.
        path: the operands that are combined in each step, as ``np.einsum_path`` says.
    """

    terms: tuple[str, ...]
    output: str
    sizes: dict[str, int]
    path: tuple[tuple[int, ...], ...]


class Labelled(NamedTuple):
    """An operand and the labels of its axes, no label twice."""

    value: Any
    labels: str


# Subscripts. --------------------------------------------------------------------------


def _wrong(subscripts: str, fault: str, fix: str | None = None) -> ArgumentError:
    return ArgumentError(f"einsum: '{subscripts}': {fault}", fix=fix)


def _expanded(subscripts: str, term: str, ndim: int, operand: str) -> str:
    """A term with a label for each axis under its ellipsis."""
    letters = term.replace("...", "", 1)
    strange = [letter for letter in letters if letter not in LETTERS]
    if strange:
        raise _wrong(subscripts, f"{strange[0]!r} is no letter, comma, arrow or '...'")
    if "..." not in term:
        if len(letters) != ndim:
            raise ShapeError(
                f"einsum: '{subscripts}': {operand} with the subscripts '{term}': "
                f"{ndim} axes ≠ {len(letters)} letters",
                fix="'...' stands for all the axes that have no letter",
            )
        return letters
    hidden = ndim - len(letters)
    if hidden < 0:
        raise ShapeError(
            f"einsum: '{subscripts}': {operand} with the subscripts '{term}': {ndim} "
            f"axes < {len(letters)} letters"
        )
    return term.replace("...", UNDER_ELLIPSIS[:hidden][::-1])


def _output(subscripts: str, terms: Sequence[str], given: str | None) -> str:
    """The labels of the result: those given, or all that occur once, in order."""
    together = "".join(terms)
    hidden = "".join(each for each in UNDER_ELLIPSIS if each in together)[::-1]
    if given is None:
        once = [each for each in sorted(set(together)) if together.count(each) == 1]
        return hidden + "".join(each for each in once if each not in hidden)
    if hidden and "..." not in given:
        raise _wrong(
            subscripts,
            f"the result '{given}' has no place for the axes under '...'",
            f"'...{given}' keeps them; letters in place of '...' are summed over",
        )
    output = given.replace("...", hidden, 1)
    for letter in output:
        if output.count(letter) > 1:
            raise _wrong(subscripts, f"the result has {letter!r} twice")
        if letter not in together:
            raise _wrong(subscripts, f"no operand has {letter!r}, which the result has")
    return output


def _sizes(
    subscripts: str,
    terms: Sequence[str],
    operands: Sequence[Shape],
    names: Sequence[str],
) -> dict[str, int]:
    """The length of each label; an axis of length 1 is repeated, as in NumPy."""
    sizes: dict[str, int] = {}
    for term, shape, name in zip(terms, operands, names, strict=True):
        for axis, (label, length) in enumerate(zip(term, shape, strict=True)):
            known = sizes.get(label, 1)
            if length != known and 1 not in (length, known):
                shown = "..." if label in UNDER_ELLIPSIS else label
                raise ShapeError(
                    f"einsum: '{subscripts}': {', '.join(names)}: '{shown}' is {known} "
                    f"and, at axis {axis} of {name}, {length}; axes of one letter must "
                    "be equal"
                )
            sizes[label] = length if known == 1 else known
    return sizes


def plan(subscripts: str, operands: Sequence[Shape], names: Sequence[str]) -> Plan:
    """What to do for these subscripts and shapes; the names are for messages.

    Raises:
        ArgumentError, ShapeError: for subscripts that say nothing, or do not fit.
    """
    plain = subscripts.replace(" ", "")
    left, arrow, right = plain.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise _wrong(
            subscripts,
            f"{len(terms)} groups of letters for {len(operands)} operands",
            "one group for each operand, with commas between: 'ij,jk->ik'",
        )
    labelled = [
        _expanded(subscripts, term, len(shape), name)
        for term, shape, name in zip(terms, operands, names, strict=True)
    ]
    if arrow and [c for c in right.replace("...", "", 1) if c not in LETTERS]:
        raise _wrong(subscripts, f"the result '{right}' has more than letters")
    output = _output(subscripts, labelled, right if arrow else None)
    sizes = _sizes(subscripts, labelled, operands, names)
    path: tuple[tuple[int, ...], ...] = (tuple(range(len(labelled))),)
    if len(labelled) > 2:
        path = _path(labelled, output, operands)
    return Plan(tuple(labelled), output, sizes, path)


@functools.lru_cache(maxsize=1024)
def _remembered(subscripts: str, operands: tuple[Shape, ...]) -> Plan:
    return plan(subscripts, operands, [str(shape) for shape in operands])


def _path(
    terms: Sequence[str], output: str, operands: Sequence[Shape]
) -> tuple[tuple[int, ...], ...]:
    """In which order NumPy would combine them: of few all orders are compared."""
    used = sorted(set("".join(terms)))
    if len(used) > len(LETTERS):  # more than NumPy has letters for: from left to right
        return tuple((0, 1) for _ in terms[1:])
    letters = str.maketrans(dict(zip(used, LETTERS, strict=False)))
    text = ",".join(terms).translate(letters) + "->" + output.translate(letters)
    shaped = [np.broadcast_to(np.float32(0), shape) for shape in operands]
    method = "optimal" if len(terms) <= 4 else "greedy"
    _, *steps = np.einsum_path(text, *shaped, optimize=method)[0]
    return tuple(tuple(step) for step in steps)


# Steps. -------------------------------------------------------------------------------


def _without_repeats(operand: Any, labels: str) -> Labelled:
    """Diagonals where a label occurs twice."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            i = labels.index(label)
            j = labels.index(label, i + 1)
            rest = [k for k in range(len(labels)) if k not in (i, j)]
            operand = diagonal(operand, 0, i, j)
            labels = "".join(labels[k] for k in rest) + label
    return Labelled(operand, labels)


def _summed(operand: Labelled, kept: Iterable[str]) -> Labelled:
    """The sum over all labels that nobody needs any more."""
    kept = set(kept)
    axes = [i for i, label in enumerate(operand.labels) if label not in kept]
    if not axes:
        return operand
    value = total(operand.value, axes).astype(operand.value.dtype)
    return Labelled(value, "".join(each for each in operand.labels if each in kept))


def _arranged(operand: Labelled, *groups: str) -> Any:
    """The axes of each group side by side, as one axis a group."""
    order = [operand.labels.index(label) for label in "".join(groups)]
    lengths = dict(zip(operand.labels, operand.value.shape, strict=True))
    sizes = [math.prod(lengths[label] for label in group) for group in groups]
    return reshape(transpose(operand.value, order), sizes)


def _product(
    a: Labelled, b: Labelled, kept: set[str], sizes: dict[str, int]
) -> Labelled:
    """Two operands multiplied, and summed over the labels that are not kept."""
    a = _summed(a, kept | set(b.labels))
    b = _summed(b, kept | set(a.labels))
    both = [label for label in a.labels if label in b.labels]
    batch = "".join(label for label in both if label in kept)
    inner = "".join(label for label in both if label not in kept)
    left = "".join(label for label in a.labels if label not in both)
    right = "".join(label for label in b.labels if label not in both)
    labels = batch + left + right
    if inner and (left or right or not batch):
        rows = _arranged(a, *([batch] if batch else []), left, inner)
        columns = _arranged(b, *([batch] if batch else []), inner, right)
        value = matmul(rows, columns)
    else:  # without a sum, or with nothing beside it: element by element
        first = _arranged(a, batch, left, "", inner)
        second = _arranged(b, batch, "", right, inner)
        value = first * second
        value = total(value, 3).astype(value.dtype) if inner else value
    return Labelled(reshape(value, [sizes[each] for each in labels]), labels)


def _carry_out(planned: Plan, operands: Sequence[Any]) -> Any:
    known: list[Labelled] = []
    for operand, term in zip(operands, planned.terms, strict=True):
        value, labels = _without_repeats(operand, term)
        repeated = [
            i
            for i, label in enumerate(labels)
            if value.shape[i] == 1 and planned.sizes[label] != 1
        ]
        if repeated:  # broadcasting: the other operands have this axis
            value = reshape(value, shapes.reduced(value.shape, tuple(repeated), False))
            labels = "".join(c for i, c in enumerate(labels) if i not in repeated)
        known.append(Labelled(value, labels))
    for step in planned.path:
        chosen = [known[i] for i in sorted(step)]
        known = [each for i, each in enumerate(known) if i not in step]
        elsewhere = set(planned.output).union(*(each.labels for each in known))
        made = chosen[0]
        for n, other in enumerate(chosen[1:], start=2):
            later = {label for each in chosen[n:] for label in each.labels}
            made = _product(made, other, elsewhere | later, planned.sizes)
        known.append(made)
    result = _summed(known[0], planned.output)
    return transpose(
        result.value, [result.labels.index(label) for label in planned.output]
    )


# Functions. ---------------------------------------------------------------------------


def einsum(subscripts: Any, *operands: Any) -> Any:
    """Einstein's summation: products of tensors whose axes have letters, summed over
    the letters that the result does not have.

    Formula, for "ij,jk->ik": yᵢₖ = Σⱼ aᵢⱼ bⱼₖ, the product of matrices. The products
    are computed as such, in the order that takes the fewest multiplications.

    Arguments:
        subscripts: a group of letters for each operand, commas between them, and behind
            "->" those of the result. A letter twice in one group is a diagonal; "..."
            stands for all further axes, which broadcast. Without "->" the result has
            the letters that occur once, in alphabetical order.
        operands: the tensors. The other form of NumPy is taken, too: ``einsum(a, [0,
            1], b, [1, 2], [0, 2])``.

    Raises:
        ArgumentError: for subscripts that say nothing.
        ShapeError: where an operand has another number of axes than letters, or two
            axes of one letter differ.

    Source: Einstein (1916), section 5; the names are NumPy's.

    Example:
        >>> import chainrule as cr
        >>> a, b = cr.tensor([[1.0, 2.0], [3.0, 4.0]]), cr.tensor([1.0, 10.0])
        >>> cr.einsum("ij,j->i", a, b).numpy()
        array([21., 43.], dtype=float32)
        >>> cr.einsum("ii", a).item()
        5.0
    """
    if not isinstance(subscripts, str):
        subscripts, operands = _from_lists([subscripts, *operands])
    if not operands:
        raise _wrong(subscripts, "there are no operands")
    nodes = common_dtype("einsum", lift(operands), real=False)
    if nodes[0].dtype.kind == "b":
        raise DTypeError(
            f"einsum: '{subscripts}': {', '.join(map(Node.describe, nodes))}: bools "
            "have no product",
            fix="convert them: x.astype('float32')",
        )
    given = tuple(node.shape for node in nodes)
    try:
        known = _remembered(subscripts, given)
    except (ArgumentError, ShapeError):  # the same error, with the operands' names
        known = plan(subscripts, given, [node.describe() for node in nodes])
    return _carry_out(known, nodes)


def _from_lists(given: list[Any]) -> tuple[str, tuple[Any, ...]]:
    """Subscripts and operands of ``einsum(a, [0, 1], b, [1, 2], [0, 2])``."""
    output = _letters(given.pop()) if len(given) % 2 else None
    groups = [_letters(each) for each in given[1::2]]
    text = ",".join(groups)
    return text if output is None else f"{text}->{output}", tuple(given[::2])


def _letters(labels: Any) -> str:
    if isinstance(labels, (str, Node)) or not isinstance(labels, Sequence):
        raise ArgumentError(
            f"einsum: {type(labels).__name__} in the place of a list of labels: "
            "expected subscripts and operands, or operands with a list of whole "
            "numbers each",
            fix="cr.einsum('ij,jk->ik', a, b)",
        )
    text = ""
    for label in labels:
        if label is Ellipsis:
            text += "..."
        elif isinstance(label, SupportsIndex) and 0 <= label.__index__() < len(LETTERS):
            text += LETTERS[label.__index__()]
        else:
            raise ArgumentError(
                f"einsum: label {label!r}: expected whole numbers from 0 to "
                f"{len(LETTERS) - 1}, or ..."
            )
    return text


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Products of two tensors, summed over pairs of axes.

    Arguments:
        axes: a number n: the last n axes of a with the first n of b; or a pair of lists
            of axes, of a and of b.

    Raises:
        ArgumentError: for lists of different lengths.
        ShapeError: where a pair of axes differs in length.

    Example:
        >>> import chainrule as cr
        >>> cr.tensordot(cr.ones((2, 3, 4)), cr.ones((3, 4, 5))).shape
        (2, 5)
    """
    left, right = common_dtype("tensordot", lift([a, b]), real=False)
    n, m = len(left.shape), len(right.shape)
    if isinstance(axes, SupportsIndex):
        count = axes.__index__()
        pairs = [list(range(n - count, n)), list(range(count))]
    else:
        pairs = [
            [each.__index__()] if isinstance(each, SupportsIndex) else list(each)
            for each in axes
        ]
    if len(pairs) != 2 or len(pairs[0]) != len(pairs[1]):
        raise ArgumentError(
            f"tensordot: axes={axes!r}: expected a number, or two lists of equally "
            "many axes"
        )
    first = [shapes.normal_axis("tensordot", axis, n) for axis in pairs[0]]
    second = [shapes.normal_axis("tensordot", axis, m) for axis in pairs[1]]
    for i, j in zip(first, second, strict=True):
        if left.shape[i] != right.shape[j]:
            raise ShapeError(
                f"tensordot: {left.describe()} with {right.describe()}: axis {i} and "
                f"axis {j}: {left.shape[i]} ≠ {right.shape[j]}"
            )
    labels = list(range(n))
    others = [n + j for j in range(m)]
    for i, j in zip(first, second, strict=True):
        others[j] = i
    kept = [i for i in labels if i not in first] + [j for j in others if j >= n]
    return einsum(left, labels, right, others, kept)
