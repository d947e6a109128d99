"""What eager and compiled results have in common, on every engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.compiler.registry import ENGINES

each_engine = pytest.mark.parametrize("engine", sorted(ENGINES))

#: By how many units in the last place another engine's functions may differ, and the
#: products of NumPy, whose order depends on how a matrix lies on some processors.
UNITS, UNITS_OF_PRODUCTS = 16, 2


def assert_agrees(found: Any, wanted: Any, engine: str) -> None:
    """The reference engine gives the eager values, but for the order of sums in a
    product; other engines have functions and orders of their own, and agree to a few
    roundings."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    if wanted.dtype.kind != "f":
        np.testing.assert_array_equal(found, wanted)
    else:
        units = UNITS_OF_PRODUCTS if engine == "numpy" else UNITS
        rtol = units * float(np.finfo(wanted.dtype).eps)
        scale = float(np.max(np.abs(wanted), initial=0.0, where=np.isfinite(wanted)))
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * scale)
