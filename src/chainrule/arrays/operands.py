"""What these functions begin with: operands as nodes, as floats, or as known values."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, ChainruleError, DTypeError, TraceError
from ..graph import Array
from ..ops.arrays import lift
from ..ops.primitive import common_dtype


def node(x: Any) -> Any:
    """An operand as a node.

    Example:
        >>> node([1, 2]).shape
        (2,)
    """
    (found,) = lift([x])
    return found


def real(x: Any) -> Any:
    """An operand as a node of floats; bools and integers become the default float.

    Example:
        >>> real([1, 2]).dtype
        dtype('float32')
    """
    found = node(x)
    return found.astype(dtypes.float_for(found.dtype))


def real_pair(operation: str, a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands as nodes of one float dtype.

    Example:
        >>> [each.dtype.name for each in real_pair("hypot", [1.0], 2)]
        ['float32', 'float32']
    """
    left, right = common_dtype(operation, lift([a, b]), real=True)
    return left, right


def integers(operation: str, x: Any) -> Any:
    """An operand as a node of integers.

    Raises:
        DTypeError: for other numbers.
    """
    found = node(x)
    if not dtypes.is_integer(found.dtype):
        raise DTypeError(
            f"{operation}: {found.describe()} is {found.dtype}: expected integers",
            fix="convert it: x.astype('int64')",
        )
    return found


def whole(operation: str, name: str, value: Any, rule: str = "") -> int:
    """An argument as a whole number.

    Raises:
        ArgumentError: for anything else.

    Example:
        >>> whole("tril", "k", -1)
        -1
    """
    try:
        return operator.index(value)
    except (TypeError, ChainruleError):
        raise ArgumentError(
            f"{operation}: {name}={value!r}: expected a whole number{rule}"
        ) from None


def number(operation: str, name: str, value: Any) -> float:
    """An argument as a number.

    Raises:
        ArgumentError: for anything else.

    Example:
        >>> number("cov", "ddof", 1)
        1.0
    """
    found = numbers(operation, name, value)
    if found.ndim:
        raise ArgumentError(f"{operation}: {name}={value!r}: expected a number")
    return float(found)


def numbers(operation: str, name: str, value: Any) -> Array:
    """An argument as an array of float64, exact where numbers were given.

    Raises:
        ArgumentError: for what are no numbers.

    Example:
        >>> numbers("histogram", "range", (0, 1))
        array([0., 1.])
    """
    try:
        text = isinstance(value, (str, bytes)) or np.iscomplexobj(value)
        found = None if text else np.asarray(value, np.float64)
    except (TypeError, ValueError):
        found = None
    if found is None:
        raise ArgumentError(f"{operation}: {name}={value!r}: expected numbers")
    return found


def sequence(operation: str, tensors: Any) -> list[Any]:
    """Several operands, as nodes.

    Raises:
        ArgumentError: for something that is not several.

    Example:
        >>> len(sequence("vstack", [[1.0], [2.0]]))
        2
    """
    if isinstance(tensors, (str, bytes)) or not hasattr(tensors, "__iter__"):
        raise ArgumentError(
            f"{operation}: {tensors!r}: expected several tensors, in a list or tuple"
        )
    return [node(each) for each in tensors]


def known(operation: str, x: Any, depends: str, fix: str) -> Array:
    """The value of an operand that must be known.

    Arguments:
        depends: what depends on the value, for the message.
        fix: what to do while a function is traced.

    Raises:
        TraceError: while tracing, where there is no value.
    """
    found = node(x)
    if found.value is None:
        raise TraceError(
            f"{operation}: {found.describe()}: {depends}, which are not known while a "
            "function is traced",
            fix=fix,
        )
    value: Array = found.value
    return value
