"""The dtypes of tensors and how two of them combine: one table.

Place on the road: below the graph. Tensors hold NumPy dtypes; this module says which,
and what an operation on two different ones gives.

    ============  ==============================================================
    operands      result
    ============  ==============================================================
    equal         the same
    bool, T       T
    int, float    the float (int64 with float32 gives float32, unlike NumPy)
    two floats    the wider (float32 beside bfloat16)
    two ints      the smallest that holds both (uint8 with int8 gives int16);
                  uint64 with a signed one has none: an error
    T, a Python   T, if the number's kind fits: 2 and 2.5 are float32 beside a
    number        float32; 2.5 beside an integer is a float of the default dtype
                  (a NumPy float64 scalar is a Python float; other scalars are arrays)
    ============  ==============================================================

Functions with real values (``exp``, ``/``, ``mean``) turn bools and integers into the
default float, ``config.dtype``.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .config import config
from .errors import DTypeError

DType = np.dtype[Any]

bool_ = np.dtype("bool")
int8, int16, int32, int64 = (np.dtype(f"int{bits}") for bits in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (np.dtype(f"uint{bits}") for bits in (8, 16, 32, 64))
float32, float64 = np.dtype("float32"), np.dtype("float64")

#: Every dtype a tensor can have, besides ``bfloat16()``.
SUPPORTED: tuple[DType, ...] = (
    bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64,
)  # fmt: skip


#: The setting ``config.dtype`` → the dtype of Python floats.
DEFAULT_FLOATS: dict[str, DType] = {"float32": float32, "float64": float64}


def default_float() -> DType:
    """The dtype of Python floats: ``config.dtype``."""
    return DEFAULT_FLOATS[config.dtype]


@functools.cache
def bfloat16() -> DType:
    """The dtype of 16-bit numbers with float32's range and 8 bits of precision; NumPy
    knows it once ml_dtypes is imported.
    """
    import ml_dtypes

    found: DType = np.dtype(ml_dtypes.bfloat16)
    return found


def is_bfloat16(dtype: DType) -> bool:
    """Whether this is ``bfloat16``."""
    return dtype.itemsize == 2 and dtype.name == "bfloat16"


def of_sums(dtype: DType) -> DType:
    """The dtype in which products of numbers are added up: float32 for ``bfloat16``,
    else their own.
    """
    return float32 if is_bfloat16(dtype) else dtype


def as_dtype(dtype: DTypeLike) -> DType:
    """The tensor dtype for a name, a NumPy dtype or one of Python's ``bool int float``.

    Raises:
        DTypeError: for anything that no tensor can hold.

    Example:
        >>> as_dtype("float64"), as_dtype(int), as_dtype(float)
        (dtype('float64'), dtype('int64'), dtype('float32'))
    """
    if dtype is float:
        return default_float()
    if isinstance(dtype, str) and dtype == "bfloat16":
        return bfloat16()
    try:
        found: DType = np.dtype(dtype).newbyteorder("=")
    except TypeError:
        raise _unsupported(dtype) from None
    if found not in SUPPORTED and not is_bfloat16(found):
        raise _unsupported(found)
    return found


def _unsupported(dtype: object) -> DTypeError:
    names = ", ".join([*map(str, SUPPORTED), "bfloat16"])
    return DTypeError(
        f"dtype {dtype} is none that a tensor can hold: {names}",
        fix="a shape is one argument: cr.zeros((2, 3))"
        if isinstance(dtype, int)
        else "convert it first, e.g. array.astype('float32')",
    )


def is_float(dtype: DType) -> bool:
    """Whether gradients flow through values of this dtype."""
    return dtype.kind == "f" or is_bfloat16(dtype)


def is_integer(dtype: DType) -> bool:
    """Whether the dtype is a signed or unsigned integer."""
    return dtype.kind in "iu"


def float_for(dtype: DType) -> DType:
    """The dtype of a real-valued function of values of ``dtype``."""
    return dtype if is_float(dtype) else default_float()


def promote(a: DType, b: DType) -> DType:
    """The common dtype of two operands, by the table above.

    Raises:
        DTypeError: for ``uint64`` with a signed integer.

    Example:
        >>> promote(int64, float32), promote(uint8, int8)
        (dtype('float32'), dtype('int16'))
    """
    if a == b:
        return a
    if is_float(a) != is_float(b):
        return a if is_float(a) else b
    common = np.promote_types(a, b)
    if not is_float(a) and is_float(common):
        raise DTypeError(
            f"promote: {a} with {b}: no integer dtype holds the values of both",
            fix="convert one operand: x.astype('int64')",
        )
    return common


def scalar_dtype(value: bool | int | float, beside: DType | None) -> DType:
    """The dtype a Python number takes beside an operand of dtype ``beside``.

    Raises:
        DTypeError: when an integer does not fit the integer dtype beside it.
    """
    if isinstance(value, bool):
        return bool_ if beside is None else beside
    if isinstance(value, float):
        return default_float() if beside is None or not is_float(beside) else beside
    if beside is None or beside == bool_:
        beside = int64
    if is_integer(beside):
        limits = np.iinfo(beside)
        if not limits.min <= value <= limits.max:
            raise DTypeError(
                f"{value} does not fit {beside}, which holds {limits.min} to "
                f"{limits.max}",
                fix="convert the tensor to a wider dtype, or write the number as a "
                "float",
            )
    return beside
