"""What the contract tests run every operation on: shapes, layouts, values, dtypes.

A sample is a function of tensors, the arrays it is called with, and what NumPy (or a
formula in higher precision) says the result is. Nothing here calls chainrule to find
out what chainrule should answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.tensor import Tensor

Array = np.ndarray[Any, Any]

#: Shapes of one operand: a number, no elements, one element, primes, several axes.
SHAPES: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (7,), (2, 3), (3, 0, 2), (1, 5))

#: Shapes of two operands that broadcast.
PAIRS: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((), ()),
    ((3,), ()),
    ((), (2, 3)),
    ((2, 3), (3,)),
    ((2, 1), (1, 5)),
    ((0,), (1,)),
    ((0, 3), (3,)),
    ((3, 1, 2), (5, 1)),
    ((7,), (7,)),
)

#: Ways in which the same values can lie in memory.
LAYOUTS: tuple[str, ...] = ("C", "reversed", "strided", "transposed")


def laid_out(array: Array, layout: str) -> Array:
    """Equal values with another layout: negative strides, gaps, Fortran order."""
    if layout == "C" or not array.ndim:
        return np.array(array, order="C")
    if layout == "reversed":
        return np.flip(np.ascontiguousarray(np.flip(array)))
    if layout == "strided":
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    return np.asfortranarray(array)


def node_of(array: Array) -> Tensor:
    """A leaf that holds this very array, whatever its layout."""
    array = np.asarray(array)  # an element of an array is none itself
    return Tensor(None, (), {}, array.shape, array.dtype, array)


@dataclass(frozen=True)
class Sample:
    """One call of an operation.

    Attributes:
        call: the operation on tensors.
        arrays: the operands, float64 unless the operation wants integers or bools.
        expected: the meaning on arrays, by NumPy; None where only the gradient and the
            declaration are checked (the values are then checked elsewhere).
        kinds: the kinds of dtype it takes: f(loat), i(nteger), u(nsigned), b(ool).
        cast: which operands take those dtypes in turn; the others stay as they are.
        order: how often it is differentiated; 0 where there is no gradient.
        wrt: which operands have a gradient.
    """

    call: Callable[..., Any]
    arrays: tuple[Array, ...]
    expected: Callable[..., Any] | None
    kinds: str = "f"
    cast: tuple[int, ...] | None = None
    order: int = 2
    wrt: tuple[int, ...] | None = None
    label: str = ""

    @property
    def casting(self) -> tuple[int, ...]:
        """The operands that are tried in other dtypes."""
        return tuple(range(len(self.arrays))) if self.cast is None else self.cast

    @property
    def differentiable(self) -> tuple[int, ...]:
        """The operands with a gradient."""
        if self.order == 0:
            return ()
        if self.wrt is not None:
            return self.wrt
        return tuple(i for i, a in enumerate(self.arrays) if a.dtype.kind == "f")


@dataclass
class Values:
    """Random operands; a new seed for each, so that no two samples are alike."""

    seed: int = 0
    low: float = -2.0
    high: float = 2.0
    away: tuple[float, ...] = field(default_factory=tuple)

    def __call__(self, shape: tuple[int, ...]) -> Array:
        """Values between ``low`` and ``high``, at least 0.1 away from ``away``."""
        self.seed += 1
        rng = np.random.default_rng(self.seed)
        found = np.asarray(rng.uniform(self.low, self.high, shape))
        for point in self.away:
            near = np.abs(found - point) < 0.1
            found = np.where(near, found + 0.25, found)
        return found


def unary(
    call: Callable[..., Any],
    expected: Callable[..., Any],
    *,
    low: float = -2.0,
    high: float = 2.0,
    away: tuple[float, ...] = (),
    kinds: str = "fiub",
    order: int = 2,
) -> Iterator[Sample]:
    """Samples of a function of one operand, over shapes and layouts."""
    values = Values(1, low, high, away)
    for shape in SHAPES:
        yield Sample(
            call, (values(shape),), expected, kinds, order=order, label=str(shape)
        )
    for layout in LAYOUTS[1:]:
        arrays = (laid_out(values((3, 5)), layout),)
        yield Sample(call, arrays, expected, kinds, order=order, label=layout)


def binary(
    call: Callable[..., Any],
    expected: Callable[..., Any],
    *,
    low: tuple[float, float] = (-2.0, -2.0),
    high: tuple[float, float] = (2.0, 2.0),
    away: tuple[float, ...] = (),
    kinds: str = "fiub",
    order: int = 2,
    wrt: tuple[int, ...] | None = None,
) -> Iterator[Sample]:
    """Samples of a function of two operands, over shapes that broadcast and layouts."""
    first = Values(100, low[0], high[0], away)
    second = Values(200, low[1], high[1], away)
    settings: dict[str, Any] = {"kinds": kinds, "order": order, "wrt": wrt}
    for a, b in PAIRS:
        arrays = (first(a), second(b))
        yield Sample(call, arrays, expected, label=f"{a} {b}", **settings)
    for layout in LAYOUTS[1:]:
        arrays = (laid_out(first((3, 5)), layout), second((3, 5)))
        yield Sample(call, arrays, expected, label=layout, **settings)


#: (shape, axis) of reductions; axis as users write it.
REDUCTIONS: tuple[tuple[tuple[int, ...], Any], ...] = (
    ((), None),
    ((1,), 0),
    ((7,), -1),
    ((2, 3), None),
    ((2, 3), 0),
    ((2, 3), (0, 1)),
    ((2, 3, 5), (0, -1)),
    ((2, 3, 5), ()),
    ((0, 3), 1),
    ((1, 1, 1), 1),
)

#: Reductions without elements, for those that have a value there.
EMPTY_REDUCTIONS: tuple[tuple[tuple[int, ...], Any], ...] = (
    ((0,), None),
    ((3, 0, 2), 1),
    ((3, 0, 2), None),
)


def reductions(
    call: Callable[..., Any],
    expected: Callable[..., Any],
    *,
    empty: bool,
    low: float = -2.0,
    high: float = 2.0,
    kinds: str = "fiub",
    order: int = 2,
) -> Iterator[Sample]:
    """Samples of a reduction, with and without keepdims, over axes and layouts."""
    values = Values(300, low, high)
    for shape, axis in (*REDUCTIONS, *(EMPTY_REDUCTIONS if empty else ())):
        for keepdims in (False, True):
            yield Sample(
                lambda x, a=axis, k=keepdims: call(x, axis=a, keepdims=k),
                (values(shape),),
                lambda x, a=axis, k=keepdims: expected(x, axis=a, keepdims=k),
                kinds,
                order=order,
                label=f"{shape} axis={axis} keepdims={keepdims}",
            )
    for layout in LAYOUTS[1:]:
        yield Sample(
            lambda x: call(x, axis=0, keepdims=False),
            (laid_out(values((3, 5)), layout),),
            lambda x: expected(x, axis=0, keepdims=False),
            kinds,
            order=order,
            label=layout,
        )


def along_axis(
    call: Callable[..., Any],
    expected: Callable[..., Any],
    *,
    kinds: str = "fiub",
    order: int = 2,
    empty: bool = True,
    low: float = -2.0,
) -> Iterator[Sample]:
    """Samples of a function along one axis, which it keeps or removes."""
    values = Values(400, low)
    shapes = [((1,), 0), ((7,), -1), ((2, 3), 0), ((2, 3), 1), ((3, 2, 5), 1)]
    if empty:
        shapes += [((0,), 0), ((3, 0), 0), ((3, 0), 1)]
    for shape, axis in shapes:
        yield Sample(
            lambda x, a=axis: call(x, axis=a),
            (values(shape),),
            lambda x, a=axis: expected(x, axis=a),
            kinds,
            order=order,
            label=f"{shape} axis={axis}",
        )
    for layout in LAYOUTS[1:]:
        yield Sample(
            lambda x: call(x, axis=1),
            (laid_out(values((3, 5)), layout),),
            lambda x: expected(x, axis=1),
            kinds,
            order=order,
            label=layout,
        )
