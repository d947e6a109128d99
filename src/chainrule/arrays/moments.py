"""Weighted averages, covariances and correlations."""

from __future__ import annotations

from typing import Any, SupportsIndex

from .. import shapes
from ..errors import ArgumentError, ShapeError
from ..ops.composed import clip, expand_dims, mean, squeeze
from ..ops.elementwise import sqrt, stop_gradient
from ..ops.matmul import matmul
from ..ops.movement import broadcast_to, concatenate, reshape, transpose
from ..ops.reduction import Axis, sum
from .operands import node, number, real, real_pair


def average(
    x: Any, axis: Axis = None, weights: Any = None, keepdims: bool = False
) -> Any:
    """The weighted average along ``axis``: Σ w x / Σ w; the mean without weights.

    Arguments:
        weights: of the shape of x, or a vector along one axis.

    Raises:
        ShapeError: when the weights do not fit, or there are no elements.

    Example:
        >>> import chainrule as cr
        >>> cr.average(cr.tensor([1.0, 5.0]), weights=[3.0, 1.0]).item()
        2.0
    """
    if weights is None:
        return mean(x, axis, keepdims)
    value, w = real_pair("average", x, weights)
    if w.shape != value.shape:
        along = None
        if isinstance(axis, SupportsIndex):
            along = shapes.normal_axis("average", axis.__index__(), len(value.shape))
        if along is None or w.shape != (value.shape[along],):
            raise ShapeError(
                f"average: x {value.shape} with weights {w.shape} over axis={axis}: "
                "expected weights of the shape of x, or a vector along one axis"
            )
        others = [1] * len(value.shape)
        others[along] = -1
        w = broadcast_to(reshape(w, others), value.shape)
    return sum(value * w, axis, keepdims) / sum(w, axis, keepdims)


def cov(
    x: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Any:
    """The covariance matrix of variables: (1/(n − ddof)) Σₙ (xₙ − x̄)(xₙ − x̄)ᵀ.

    Formula with weights w (fweights · aweights): Σ w (x − x̄)(x − x̄)ᵀ over Σ w − ddof,
    or over Σ w − ddof Σ w·aweights / Σ w where there are aweights.

    Shapes: (variables, n) → (variables, variables); (n,) is one variable → ().

    Arguments:
        y: more variables, of the form of x.
        rowvar: whether a variable is a row, as in NumPy; with False it is a column.
        bias: ddof=0 instead of 1.
        ddof: what is taken from n; overrides ``bias``.
        fweights: how often each observation was made, (n,).
        aweights: how much each observation counts, (n,).

    Raises:
        ArgumentError: when n − ddof is not positive.
        ShapeError: for more than two axes, and other numbers of observations.

    Example:
        >>> import chainrule as cr
        >>> cr.cov(cr.tensor([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])).numpy()
        array([[ 1., -1.],
               [-1.,  1.]], dtype=float32)
    """
    value = _variables("cov", x, y, rowvar)
    n = value.shape[1]
    less = number("cov", "ddof", (0 if bias else 1) if ddof is None else ddof)
    w = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None:
            each = _weights(name, given, value)
            w = each if w is None else w * each
    if w is None and n - less <= 0:
        raise ArgumentError(
            f"cov: x {value.shape}: {n} observations with ddof={less:g} leave nothing "
            "to divide by"
        )
    if w is None:
        deviation = value - mean(value, 1, keepdims=True)
        product = matmul(deviation, transpose(deviation)) / (n - less)
    else:
        total = sum(w)
        shift = sum(value * w, 1, keepdims=True) / total
        spent = total
        if aweights is not None:
            spent = sum(w * _weights("aweights", aweights, value))
        divisor = total - less * spent / total if less else total
        deviation = value - shift
        product = matmul(deviation * w, transpose(deviation)) / divisor
    return squeeze(product)


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """Pearson's correlation coefficients of variables: cᵢⱼ / √(cᵢᵢ cⱼⱼ) with the
    covariances c. NaN for a variable that is constant.

    Shapes: (variables, n) → (variables, variables); (n,) is one variable → ().

    Arguments:
        y: more variables, of the form of x.
        rowvar: whether a variable is a row, as in NumPy; with False it is a column.

    Raises:
        ShapeError: for more than two axes, and other numbers of observations.

    Example:
        >>> import chainrule as cr
        >>> cr.corrcoef(cr.tensor([[1.0, 2.0, 3.0], [6.0, 4.0, 2.0]])).numpy()
        array([[ 1., -1.],
               [-1.,  1.]], dtype=float32)
    """
    value = _variables("corrcoef", x, y, rowvar)
    deviation = value - mean(value, 1, keepdims=True)
    product = matmul(deviation, transpose(deviation))
    length = sqrt(sum(deviation * deviation, 1, keepdims=True))
    found = product / length / transpose(length)
    return squeeze(found + stop_gradient(clip(found, -1.0, 1.0) - found))


def _variables(operation: str, x: Any, y: Any, rowvar: bool) -> Any:
    """The variables as the rows of one matrix of floats."""
    if y is None:
        return _rows(operation, real(x), rowvar)
    first, second = (_rows(operation, v, rowvar) for v in real_pair(operation, x, y))
    if first.shape[1] != second.shape[1]:
        raise ShapeError(
            f"{operation}: x with {first.shape[1]} observations, y with "
            f"{second.shape[1]}: both must have as many"
        )
    return concatenate([first, second])


def _rows(operation: str, value: Any, rowvar: bool) -> Any:
    if len(value.shape) > 2:
        raise ShapeError(
            f"{operation}: {value.describe()}: expected a vector or a matrix of "
            "variables and observations"
        )
    if len(value.shape) < 2:
        return reshape(value, (1, -1))
    return value if rowvar else transpose(value)


def _weights(name: str, weights: Any, value: Any) -> Any:
    w = node(weights)
    if w.shape != (value.shape[1],):
        raise ShapeError(
            f"cov: x with {value.shape[1]} observations and {name} {w.shape}: one "
            "weight an observation is needed"
        )
    return expand_dims(w.astype(value.dtype), 0)
