"""Remainders, floor division and angles: NumPy's to the bit, or within their bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DTypeError


def pairs(dtype: str) -> tuple[Any, Any]:
    """Ordinary numbers, multiples of the divisor, huge quotients, special values."""
    rng = np.random.default_rng(0)
    info = np.finfo(dtype)
    special = np.array(
        [0, 1, 2, 3, 0.5, 0.1, 7, 1e7, 3e7, 1e30, np.inf, info.max, info.tiny,
         info.smallest_subnormal], dtype,
    )  # fmt: skip
    special = np.concatenate([special, -special, [np.nan]])
    first, second = (each.ravel() for each in np.meshgrid(special, special))
    wide = np.exp(rng.uniform(-12, 12, (2, 20_000)))
    a, b = rng.standard_normal((2, 20_000)) * wide
    steps, divisor = np.arange(10_000) * 0.7, np.full(10_000, 0.7)
    x = np.concatenate([a, steps, -steps, first]).astype(dtype)
    y = np.concatenate([b, divisor, divisor, second]).astype(dtype)
    return x, y


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_remainders_and_floor_division_are_numpys_to_the_bit(dtype: str) -> None:
    x, y = pairs(dtype)
    with np.errstate(all="ignore"):
        found = cr.compile(lambda x, y: (x % y, x // y), engine="native")(x, y)
        for each, expected in zip(found, (x % y, x // y), strict=True):
            np.testing.assert_array_equal(each.numpy(), expected)
            number = ~np.isnan(expected)
            signs = np.signbit(each.numpy()), np.signbit(expected)
            np.testing.assert_array_equal(signs[0][number], signs[1][number])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_angles_are_within_three_units_of_the_last_place(dtype: str) -> None:
    y, x = pairs(dtype)
    found = cr.compile(cr.arctan2, engine="native")(y, x).numpy()
    exact = np.arctan2(y.astype(np.longdouble), x.astype(np.longdouble))
    number = ~np.isnan(exact)
    np.testing.assert_array_equal(np.isnan(found), ~number)
    unit = np.spacing(abs(exact[number].astype(dtype)))
    assert (abs(found[number] - exact[number]) <= 3 * unit).all()
    signs = np.signbit(found[number]), np.signbit(exact[number])
    np.testing.assert_array_equal(*signs)


def test_whole_powers_of_whole_numbers_need_no_constant_exponent() -> None:
    power = cr.compile(lambda x, n: x**n, engine="native")
    x, n = np.arange(-5, 6), np.arange(11) % 5
    np.testing.assert_array_equal(power(x, n).numpy(), x**n)
    with pytest.raises(DTypeError, match="negative power"):
        power(x, n - 1)
