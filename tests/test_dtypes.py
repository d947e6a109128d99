"""The promotion table: every pair of dtypes, and Python numbers beside each of them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import dtypes
from chainrule.errors import DTypeError

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float32", "float64")
ALL = ("bool", *INTEGERS, *FLOATS)


def documented(a: str, b: str) -> str | None:
    """The table of ``chainrule.dtypes``, read row by row; None is an error."""
    if a == b:
        return a
    if "bool" in (a, b):
        return b if a == "bool" else a
    if a in FLOATS or b in FLOATS:
        return max(each for each in (a, b) if each in FLOATS)
    bits = {name: int(name.lstrip("uint")) for name in (a, b)}
    if a.startswith("u") == b.startswith("u"):
        return max((a, b), key=lambda name: bits[name])
    unsigned, signed = (a, b) if a.startswith("u") else (b, a)
    needed = max(2 * bits[unsigned], bits[signed])
    return f"int{needed}" if needed <= 64 else None


def test_the_table_covers_every_supported_dtype() -> None:
    assert tuple(map(str, dtypes.SUPPORTED)) == (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32",
        "uint64", "float32", "float64",
    )  # fmt: skip


@pytest.mark.parametrize(("a", "b"), [*itertools.product(ALL, ALL)])
def test_two_dtypes_combine_as_documented(a: str, b: str) -> None:
    wanted = documented(a, b)
    if wanted is None:
        with pytest.raises(DTypeError, match="no integer dtype holds"):
            dtypes.promote(np.dtype(a), np.dtype(b))
        return
    assert dtypes.promote(np.dtype(a), np.dtype(b)) == wanted
    x, y = cr.tensor(np.ones(2, a)), cr.tensor(np.ones(3, b)[:, None])
    for result in (x + y, y * x, cr.maximum(x, y), cr.where(x > 0, x, y)):
        assert result.dtype == wanted == result.numpy().dtype
    assert (x == y).dtype == "bool"


@pytest.mark.parametrize("dtype", ALL)
def test_promotion_agrees_with_numpy_but_for_integers_beside_float32(
    dtype: str,
) -> None:
    for other in ALL:
        wanted = documented(dtype, other)
        if wanted is None or ({dtype, other} & set(INTEGERS) and wanted in FLOATS):
            continue
        assert np.promote_types(dtype, other) == wanted


@pytest.mark.parametrize(
    ("dtype", "number", "wanted"),
    [
        *((name, 2.5, name) for name in FLOATS),
        *((name, 2, name) for name in (*FLOATS, *INTEGERS)),
        *((name, True, name) for name in ALL),
        *((name, 2.5, "float32") for name in (*INTEGERS, "bool")),
        ("bool", 2, "int64"),
        ("float32", np.float64(2.5), "float32"),
        ("float32", np.float32(2.5), "float32"),
        ("float64", np.float32(2.5), "float64"),
        ("int8", np.int16(2), "int16"),
        ("float32", 1e300, "float32"),
        ("float32", 10**30, "float32"),
    ],
)
def test_a_python_number_takes_the_dtype_of_the_tensor_beside_it(
    dtype: str, number: Any, wanted: str
) -> None:
    x = cr.tensor(np.ones(2, dtype))
    with np.errstate(over="ignore"):
        for result in (x + number, number + x, x * number, cr.maximum(number, x)):
            assert result.dtype == wanted


@pytest.mark.parametrize(
    ("dtype", "number"),
    [("uint8", 256), ("uint8", -1), ("int8", 128), ("int64", 2**63), ("bool", 2**63)],
)
def test_an_integer_that_does_not_fit_is_an_error(dtype: str, number: int) -> None:
    with pytest.raises(DTypeError, match=f"{number} does not fit"):
        cr.tensor(np.ones(2, dtype)) + number


def test_python_numbers_have_the_default_dtype() -> None:
    assert cr.tensor(2.5).dtype == "float32"
    assert cr.tensor([1, 2]).dtype == "int64"
    assert cr.tensor(True).dtype == "bool"
    assert cr.tensor([]).dtype == "float32"
    cr.config.dtype = "float64"
    assert cr.tensor(2.5).dtype == "float64"
    assert cr.zeros(3).dtype == cr.eye(2).dtype == cr.arange(0.5).dtype == "float64"
    assert cr.exp(cr.tensor([1, 2])).dtype == "float64"
    assert (cr.tensor([1, 2]) / 2).dtype == "float64"


def test_arrays_and_lists_of_arrays_keep_their_dtype() -> None:
    for dtype in ALL:
        assert cr.tensor(np.zeros(2, dtype)).dtype == dtype
        assert cr.tensor([np.zeros(2, dtype)] * 2).dtype == dtype
    assert cr.tensor(np.arange(3.0).astype(">f4")).numpy().dtype.isnative


@pytest.mark.parametrize("name", ["exp", "log1p", "sqrt", "sigmoid", "mean", "softmax"])
def test_real_functions_turn_integers_and_bools_into_the_default_float(
    name: str,
) -> None:
    for dtype in ("bool", "int8", "int64", "uint64"):
        assert getattr(cr, name)(cr.tensor(np.ones(2, dtype))).dtype == "float32"
    assert getattr(cr, name)(cr.tensor(np.ones(2))).dtype == "float64"


def test_two_integers_divide_into_floats_even_without_a_common_integer() -> None:
    a, b = np.array([3], np.uint64), np.array([2], np.int64)
    assert (cr.tensor(a) / cr.tensor(b)).numpy() == np.float32(1.5)


def test_sums_of_small_integers_are_added_in_64_bits() -> None:
    for dtype, wanted in [("int8", "int64"), ("bool", "int64"), ("uint8", "uint64")]:
        x = cr.tensor(np.ones(300, dtype))
        for total in (x.sum(), x.cumsum()[-1]):
            assert (total.dtype, total.item()) == (wanted, 300)
        assert x.prod().dtype == cr.cumprod(x).dtype == wanted


@pytest.mark.parametrize(
    ("dtype", "found"),
    [("float", "float64"), (float, "float32"), (int, "int64"), (bool, "bool"),
     (">i4", "int32"), (np.dtype("uint16"), "uint16")],
)  # fmt: skip
def test_as_dtype_takes_names_numpy_dtypes_and_python_types(
    dtype: Any, found: str
) -> None:
    assert dtypes.as_dtype(dtype) == found


@pytest.mark.parametrize("dtype", ["float16", "complex64", "U3", "O", "datetime64[s]",
                                   "no such dtype", 3])  # fmt: skip
def test_other_dtypes_are_an_error_that_lists_those_there_are(dtype: Any) -> None:
    with pytest.raises(DTypeError, match="none that a tensor can hold: bool, int8"):
        cr.zeros(2).astype(dtype)
