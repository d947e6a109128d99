"""The product of matrices, the one primitive where a network spends its time."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes, shapes
from ..dtypes import DType
from ..errors import DTypeError, ShapeError
from ..graph import Array, Node
from ..shapes import Shape
from .arrays import lift, like, with_wide_sums
from .movement import reshape, transpose
from .primitive import Kind, Primitive, common_dtype


def _infer(a: Node, b: Node) -> tuple[Shape, DType]:
    if a.dtype.kind == "b":
        raise DTypeError(
            f"matmul: {a.describe()} @ {b.describe()}: bool operands have no product",
            fix="convert one: x.astype('float32')",
        )
    shape = shapes.matmul(a.shape, b.shape, map(Node.describe, (a, b)))
    return shape, dtypes.of_sums(a.dtype)


def swap(x: Any) -> Any:
    """The last two axes exchanged: every matrix of a batch transposed."""
    ndim = len(x.shape)
    return transpose(x, [*range(ndim - 2), ndim - 1, ndim - 2])


@with_wide_sums
def _product(a: Array, b: Array) -> Array:
    result: Array = np.matmul(a, b)
    return result


_matmul: Primitive = Primitive(
    "matmul",
    "yᵢⱼ = Σₖ aᵢₖ bₖⱼ, for every matrix of a batch",
    _infer,
    _product,
    lambda g, y, a, b: (like(_matmul(g, swap(b)), a), like(_matmul(swap(a), g), b)),
    kind=Kind.CONTRACTION,
    promotes=True,
)


def matmul(a: Any, b: Any) -> Any:
    """The product of matrices: yᵢⱼ = Σₖ aᵢₖ bₖⱼ; leading axes are a batch and
    broadcast.

    Shapes: (…, n, k) @ (…, k, m) → (…, n, m). A vector on the left is a row, on the
    right a column, and its axis is not in the result. For Y = A B: ∂L/∂A = G Bᵀ, ∂L/∂B
    = Aᵀ G.

    Raises:
        ShapeError: when the inner sizes differ, or a side is a single number.

    Example:
        >>> import chainrule as cr
        >>> cr.matmul(cr.tensor([[1.0, 2.0]]), cr.tensor([3.0, 4.0])).numpy()
        array([11.], dtype=float32)
    """
    left, right = common_dtype("matmul", lift([a, b]), real=False)
    if not left.shape or not right.shape:
        raise ShapeError(
            f"matmul: {left.describe()} @ {right.describe()}: a single number is no "
            "matrix",
            fix="multiply by a number with *",
        )
    row, column = len(left.shape) == 1, len(right.shape) == 1
    if row:
        left = reshape(left, (1, *left.shape))
    if column:
        right = reshape(right, (*right.shape, 1))
    y = _matmul(left, right)
    if y.dtype != left.dtype:  # bfloat16, whose sums are float32
        y = y.astype(left.dtype)
    if row or column:
        kept = (
            y.shape[:-2]
            + (() if row else y.shape[-2:-1])
            + (() if column else y.shape[-1:])
        )
        y = reshape(y, kept)
    return y
