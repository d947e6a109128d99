"""What eager and compiled results have in common, on every engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.compiler.registry import ENGINES

each_engine = pytest.mark.parametrize("engine", sorted(ENGINES))

#: By how many units in the last place another engine's functions may differ.
UNITS = 16


def assert_agrees(found: Any, wanted: Any, engine: str) -> None:
    """The reference engine gives the eager values to the bit; other engines have
    functions and summation orders of their own, and agree to a few roundings."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    if engine == "numpy" or wanted.dtype.kind != "f":
        np.testing.assert_array_equal(found, wanted)
    else:
        rtol = UNITS * float(np.finfo(wanted.dtype).eps)
        scale = float(np.max(np.abs(wanted), initial=0.0, where=np.isfinite(wanted)))
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * scale)
