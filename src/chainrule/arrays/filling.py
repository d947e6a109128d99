"""Tensors of one value in the shape of another, and evenly spaced numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import dtypes, shapes
from ..errors import ArgumentError
from ..graph import Node
from ..ops.arrays import constant
from ..ops.elementwise import where
from ..ops.movement import broadcast_to, reshape
from .operands import node, numbers, real_pair, whole
from .rearranging import moveaxis


def full_like(x: Any, value: Any, dtype: DTypeLike | None = None) -> Any:
    """A tensor of one value everywhere, with the shape and dtype of ``x``.

    Example:
        >>> import chainrule as cr
        >>> cr.full_like(cr.zeros((1, 2)), 7).numpy()
        array([[7., 7.]], dtype=float32)
    """
    like = node(x)
    kind = like.dtype if dtype is None else dtypes.as_dtype(dtype)
    return broadcast_to(node(value).astype(kind), like.shape)


def zeros_like(x: Any, dtype: DTypeLike | None = None) -> Any:
    """A tensor of zeros with the shape and dtype of ``x``.

    Example:
        >>> import chainrule as cr
        >>> cr.zeros_like(cr.tensor([1, 2])).numpy()
        array([0, 0])
    """
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: DTypeLike | None = None) -> Any:
    """A tensor of ones with the shape and dtype of ``x``.

    Example:
        >>> import chainrule as cr
        >>> cr.ones_like(cr.tensor([1.5, 2.5])).numpy()
        array([1., 1.], dtype=float32)
    """
    return full_like(x, 1, dtype)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    dtype: DTypeLike | None = None,
    axis: int = 0,
) -> Any:
    """``num`` evenly spaced numbers from ``start`` to ``stop``.

    Formula: yᵢ = start + i (stop − start) / (num − 1), the last being ``stop`` itself;
    over num instead of num − 1, and without ``stop``, for ``endpoint=False``. Gradients
    flow to both ends.

    Arguments:
        start, stop: numbers, or tensors that broadcast.
        axis: where the new axis stands among those of the ends.

    Raises:
        ArgumentError: for a negative number of them.

    Example:
        >>> import chainrule as cr
        >>> cr.linspace(0, 1, 5).numpy()
        array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    count = whole("linspace", "num", num, ", 0 or more")
    if count < 0:
        raise ArgumentError(f"linspace: num={num}: expected a whole number, 0 or more")
    if not (isinstance(start, Node) or isinstance(stop, Node)):
        ends = (numbers("linspace", "start", start), numbers("linspace", "stop", stop))
        along = whole("linspace", "axis", axis)
        shapes.normal_axis("linspace", along, max(end.ndim for end in ends) + 1)
        with np.errstate(all="ignore"):
            found = np.linspace(*ends, count, endpoint=bool(endpoint), axis=along)
        own = [end.dtype for end in (start, stop) if hasattr(end, "dtype")]
        natural = dtypes.float_for(np.result_type(*own)) if own else None
        natural = dtypes.default_float() if natural is None else natural
        return constant(found, natural if dtype is None else dtype)
    first, last = real_pair("linspace", start, stop)
    shape = shapes.broadcast(
        "linspace", [first.shape, last.shape], [first.describe(), last.describe()]
    )
    share = np.arange(count) / max(1, count - 1 if endpoint else count)
    steps = reshape(constant(share, first.dtype), (-1, *(1,) * len(shape)))
    # From the nearer end, so that both ends are met exactly.
    from_first = first + steps * (last - first)
    from_last = last - (1.0 - steps) * (last - first)
    found = moveaxis(where(steps < 0.5, from_first, from_last), 0, axis)
    return found if dtype is None else found.astype(dtype)
