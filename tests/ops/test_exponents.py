"""Powers whose exponents have a form of their own: values, slopes, special values."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.registry import ENGINES

EXPONENTS = [3, 2, 1, 0.5, -0.5, -1, -2, -1.5, 0.25, 1.7]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("exponent", EXPONENTS)
def test_values_and_slopes_are_those_of_the_power(exponent: float, engine: str) -> None:
    points = np.array([1e-3, 0.3, 1.0, 2.5, 40.0])
    x = cr.parameter(points, dtype="float64")

    def f() -> tuple[object, object]:
        y = x**exponent
        return y, cr.backprop(y.sum())[x]

    y, slope = (each.numpy() for each in cr.compile(f, engine=engine)())  # type: ignore[attr-defined]
    np.testing.assert_allclose(y, points**exponent, 1e-14)
    np.testing.assert_allclose(slope, exponent * points ** (exponent - 1.0), 1e-13)


@pytest.mark.parametrize("exponent", [2, 3, 0.5, -0.5, -1])
def test_special_values(exponent: float) -> None:
    points = np.array([0.0, np.inf, np.nan])
    with np.errstate(divide="ignore"):
        expected = points**exponent
    found = cr.compile(lambda x: x**exponent)(points.astype(np.float32)).numpy()
    np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_a_root_in_a_denominator_takes_no_logarithm() -> None:
    """A user's own layer normalisation is written so, and was twice as slow."""
    traced = cr.trace(
        lambda x: (x * x).mean(-1, keepdims=True) ** -0.5, np.ones((3, 4))
    )
    names = {each.op.name for each in traced.operations if each.op is not None}
    assert "power" not in names
    assert "sqrt" in names
