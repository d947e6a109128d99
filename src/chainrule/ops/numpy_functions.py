"""NumPy's own functions of tensors: ``np.exp(x)``, and ``array + x``.

Place on the road: beside the operators. NumPy asks a tensor what its functions are of
it; this file answers with the operation of that name. It must not know of gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import DTypeError
from ..graph import Node
from . import composed, elementwise, matmul
from .arrays import lift

_ALIKE = (
    "absolute add arctan2 ceil cos divide equal exp expm1 floor floor_divide greater "
    "greater_equal isfinite isnan less less_equal log log1p logical_and logical_not "
    "logical_or logical_xor maximum minimum multiply negative not_equal remainder sign "
    "sin sqrt subtract tanh"
)

#: NumPy's elementwise functions and operators, and what they are of tensors.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{name: getattr(elementwise, name) for name in _ALIKE.split()},
    "bitwise_and": lambda a, b: elementwise.logical_and(*bools("&", a, b)),
    "bitwise_or": lambda a, b: elementwise.logical_or(*bools("|", a, b)),
    "bitwise_xor": lambda a, b: elementwise.logical_xor(*bools("^", a, b)),
    "matmul": matmul.matmul,
    "power": composed.power,
    "square": composed.square,
}


def numpy_function(
    x: Any,
    ufunc: np.ufunc,
    method: str,
    inputs: tuple[Any, ...],
    options: Mapping[str, Any],
) -> Any:
    """What a universal function of NumPy is of a tensor among its inputs.

    Arguments:
        x: the tensor that was asked.
        ufunc: ``np.exp``, ``np.add`` …
        method: "__call__", or "reduce" and the like, which tensors do not have.
        inputs: what it is applied to.
        options: with ``out``, an array that the values are written to, as in
            ``array += x``.

    Raises:
        DTypeError: where there is no such function of tensors.
    """
    if "out" in options:
        arrays = [np.asarray(a) if isinstance(a, Node) else a for a in inputs]
        return getattr(ufunc, method)(*arrays, **options)
    own = FUNCTIONS.get(ufunc.__name__)
    if own is None or method != "__call__" or options:
        name = ufunc.__name__ + ("" if method == "__call__" else f".{method}")
        raise DTypeError(
            f"np.{name}: {x.describe()}: there is no such function of tensors",
            fix=f"np.{name}(x.numpy()) is an array, without a gradient",
        )
    return own(*inputs)


def bools(operator: str, a: Any, b: Any) -> list[Node]:
    """Both sides of a logical operator, which are bools.

    Raises:
        DTypeError: when one is not.
    """
    nodes = lift([a, b])
    for node in nodes:
        if node.dtype != dtypes.bool_:
            raise DTypeError(
                f"{operator}: {node.describe()} is {node.dtype}: both sides must be "
                "bool",
                fix="compare first, with parentheses: (x > 0) & (x < 1)",
            )
    return nodes
