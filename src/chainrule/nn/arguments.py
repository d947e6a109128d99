"""Checks of layers' arguments and inputs, with one clear error for each mistake.

Place on the road: below all layers, which check their sizes, settings and inputs here,
so that the same mistake has the same message everywhere.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import dtypes
from ..errors import ArgumentError, ChainruleError, DTypeError, ShapeError, StateError
from ..graph import Node
from ..initializers import Initializer, as_initializer
from ..ops.arrays import lift
from ..ops.composed import stack
from ..shapes import Shape
from ..variable import Parameter, Variable


def positive_size(layer: str, name: str, value: Any) -> int:
    """A layer's size: a whole number of at least 1.

    Raises:
        ArgumentError: for anything else.

    Example:
        >>> positive_size("Linear", "in_features", 3)
        3
    """
    try:
        size = None if isinstance(value, bool) else operator.index(value)
    except (TypeError, ChainruleError):
        size = None
    if size is None or size < 1:
        raise ArgumentError(
            f"{layer}: {name}={value!r}: expected a whole number of at least 1"
        )
    return size


def number_within(
    layer: str,
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    rule: str = "a finite number",
) -> float:
    """A layer's setting: a finite number from ``low`` to ``high``.

    Raises:
        ArgumentError: for anything else, with the rule.

    Example:
        >>> number_within("Dropout", "p", 0.5, 0, 1, "a probability")
        0.5
    """
    known = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not known or not math.isfinite(value) or not low <= value <= high:
        raise ArgumentError(f"{layer}: {name}={value!r}: expected {rule}")
    return float(value)


def floats(layer: str, x: Any) -> Any:
    """A layer's input as a tensor of floats.

    Raises:
        DTypeError: for integers and bools.

    Example:
        >>> floats("ReLU", [0.5, 1.0]).shape
        (2,)
    """
    if isinstance(x, tuple) and len(x) == 2 and x[1] is None:
        raise ArgumentError(
            f"{layer}: x is a pair of inputs and no targets: expected inputs",
            fix="for x, _ in data.batches(…): a batch is (inputs, targets)",
        )
    if isinstance(x, tuple) and any(isinstance(each, Node) for each in x):
        raise ArgumentError(
            f"{layer}: x is {len(x)} tensors: expected one",
            fix="after a recurrent layer, which returns (output, state), put "
            "nn.LastStep() or nn.AllSteps(); otherwise output, state = layer(x)",
        )
    (node,) = lift([x])
    if not dtypes.is_float(node.dtype):
        raise DTypeError(
            f"{layer}: x {node.shape} is {node.dtype}: this layer computes with floats",
            fix="x.astype('float32'); for images of 0 … 255, divide by 255.0; for ids "
            "or class numbers, start the network with Embedding",
        )
    return node


def features(layer: str, x: Any, size: int, rule: str, instead: str) -> Any:
    """A layer's input as a tensor of floats whose last axis has ``size`` elements.

    Arguments:
        rule: the requirement in words, for the message.
        instead: a layer that would accept this input, with {} for its size.

    Raises:
        DTypeError: for integers and bools.
        ShapeError: for another last axis.

    Example:
        >>> features("PReLU", [[0.5, 1.0]], 2, "num_parameters", "PReLU({})").shape
        (1, 2)
    """
    node = floats(layer, x)
    if not node.shape:
        raise ShapeError(
            f"{layer}: x (): a single number has no axis of features; {rule}",
            fix="give it an array of shape (rows, features)",
        )
    given = node.shape[-1]
    if given != size:
        raise ShapeError(
            f"{layer}: x {node.shape}: {given} ≠ {size}; {rule}",
            fix=f"{instead.format(given)}, or give it inputs with {size} features"
            + _transposed(node.shape, size),
        )
    return node


def _transposed(shape: Shape, size: int) -> str:
    """Advice for channels first, transposed matrices and a missing Flatten."""
    if len(shape) == 2 and shape[0] == size:
        return "; rows are samples: perhaps x.T"
    if len(shape) > 2 and shape[1] == size:
        return "; features come last here: move axis 1 to the end"
    if len(shape) > 2 and math.prod(shape[1:]) == size:
        return "; Flatten() before it makes one row of each sample"
    return ""


def new_parameter(
    name: str,
    shape: Sequence[int],
    init: Initializer | str,
    dtype: DTypeLike | None,
) -> Parameter:
    """A parameter with initial values from an initializer.

    Raises:
        ShapeError: if the initializer returns another shape.

    Example:
        >>> new_parameter("bias", (2,), "zeros", None)
        parameter([0., 0.], dtype=float32, name='bias')
    """
    first = _initial_values(name, tuple(shape), init, dtype)
    return Parameter(first, name=name)


def new_variable(
    name: str,
    shape: Sequence[int],
    init: Initializer | str,
    dtype: DTypeLike | None,
) -> Variable:
    """A variable that is not trained, with initial values from an initializer.

    Example:
        >>> new_variable("running_mean", (2,), "zeros", None).name
        'running_mean'
    """
    return Variable(_initial_values(name, tuple(shape), init, dtype), name=name)


def by_position(init: Initializer | str, positions: Shape) -> Initializer:
    """An initializer that draws the kernels of each position as those of one layer.

    Example:
        >>> by_position("he_normal", (2, 3))((2, 3, 8, 5, 5, 1)).shape
        (2, 3, 8, 5, 5, 1)
    """
    make = as_initializer(init)

    def draw(shape: Sequence[int], generator: Any = None, dtype: Any = None) -> Any:
        kernels = shape[len(positions) :]
        drawn = [make(kernels, generator, dtype) for _ in range(math.prod(positions))]
        return stack(drawn).reshape(tuple(shape))

    return draw


def _initial_values(
    name: str, shape: Shape, init: Initializer | str, dtype: DTypeLike | None
) -> Any:
    kind = dtypes.as_dtype(float if dtype is None else dtype)
    if not dtypes.is_float(kind):
        raise DTypeError(f"{name}: dtype {kind}: expected float32 or float64")
    make, allowance = as_initializer(init), _allowance.get()
    if allowance is not None:
        allowance.take(name, shape)
        return np.zeros(shape, kind)
    try:
        first = lift([make(shape, dtype=kind)])[0]
    except MemoryError:
        size = math.prod(shape) * kind.itemsize / 2**30
        raise ArgumentError(
            f"{name} {shape} of {kind}: {size:.3g} GiB do not fit into memory",
            fix="smaller sizes; a convolution, or Embedding, shares its weights",
        ) from None
    if first.shape != shape:
        raise ShapeError(
            f"{name}: the initializer returned {first.shape} instead of {shape}"
        )
    converted: Any = first
    return converted.astype(kind)


class _Allowance:
    """How many values the layers that are being built may still hold."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, name: str, shape: Shape) -> None:
        self.left -= math.prod(shape)
        if self.left < 0:
            raise StateError(f"{name} {shape}: more values than the file holds")


_allowance: ContextVar[_Allowance | None] = ContextVar("allowance", default=None)


def awaiting_values() -> bool:
    """Whether the layers that are built now will get their values later."""
    return _allowance.get() is not None


@contextmanager
def without_values(size: int) -> Iterator[None]:
    """Builds layers with zeros instead of random values inside the ``with`` block.

    This is for networks whose values are loaded next; the layers may hold at most
    ``size`` values together.
    """
    token = _allowance.set(_Allowance(size))
    try:
        yield
    finally:
        _allowance.reset(token)
