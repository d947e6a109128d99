"""Tensors from nothing but a shape: constants of one value, ranges, the identity.

They are leaves of the graph, made from ``constant``; there is no operation behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .. import dtypes, shapes
from ..errors import ArgumentError
from .arrays import constant


def full(
    shape: int | Sequence[int], value: float, dtype: DTypeLike | None = None
) -> Any:
    """A tensor of one value everywhere.

    Raises:
        ArgumentError: for a shape that is not of whole numbers of at least 0.

    Example:
        >>> import chainrule as cr
        >>> cr.full((2,), 7.0).numpy()
        array([7., 7.], dtype=float32)
    """
    sizes = shapes.sizes("full", shape)
    return constant(np.full(sizes, constant(value, dtype).value))


def zeros(shape: int | Sequence[int], dtype: DTypeLike | None = None) -> Any:
    """A tensor of zeros, of the default dtype unless another is given.

    Example:
        >>> import chainrule as cr
        >>> cr.zeros((2, 3)).shape
        (2, 3)
    """
    return full(shape, 0.0, dtype)


def ones(shape: int | Sequence[int], dtype: DTypeLike | None = None) -> Any:
    """A tensor of ones, of the default dtype unless another is given.

    Example:
        >>> import chainrule as cr
        >>> cr.ones(3).numpy()
        array([1., 1., 1.], dtype=float32)
    """
    return full(shape, 1.0, dtype)


def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    dtype: DTypeLike | None = None,
) -> Any:
    """The numbers from ``start`` up to, without, ``stop``; from 0 with one argument.

    Whole numbers give int64, others the default float.

    Raises:
        ArgumentError: for a step of 0.

    Example:
        >>> import chainrule as cr
        >>> cr.arange(3).numpy()
        array([0, 1, 2])
    """
    if step == 0:
        raise ArgumentError("arange: step=0: the numbers would never reach the end")
    first, last = (0, start) if stop is None else (start, stop)
    values = np.arange(first, last, step)
    natural = dtypes.default_float() if values.dtype.kind == "f" else dtypes.int64
    return constant(values, natural if dtype is None else dtype)


def eye(n: int, dtype: DTypeLike | None = None) -> Any:
    """The identity matrix of size n.

    Example:
        >>> import chainrule as cr
        >>> cr.eye(2).numpy()
        array([[1., 0.],
               [0., 1.]], dtype=float32)
    """
    (size,) = shapes.sizes("eye", n)
    return constant(np.eye(size), float if dtype is None else dtype)
