"""What is written comes back as it was, to the bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from chainrule.ops.control import Split
from chainrule.recompilation.plain import read, written


def same(a: Any, b: Any) -> bool:
    """Whether nobody can tell two values apart."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (np.ndarray, np.generic)):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if isinstance(a, float):
        return a.hex() == b.hex()
    return bool(a == b)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 1, -1, 1 << 70, "", 'ä"\\\n', 0.1, -0.0, math.inf, -math.inf,
        math.nan, (), (1,), [], [1, (2, [3])], ((1, 2), (True, 1, 1.0)), ...,
        slice(None), slice(1, None, -2), np.dtype("float32"), np.dtype("int64"),
        np.dtype(bool),
        np.float32(0.1), np.int64(-3), np.bool_(True), np.array(1.5), np.zeros((0, 3)),
        np.arange(6, dtype=np.int32).reshape(2, 3).T, np.array([1 + 2j, -0.0]),
        Split(outside=1, carry=2, sequences=3),
    ],
)  # fmt: skip
def test_it_comes_back(value: Any) -> None:
    (found,) = read(written((value,)))
    assert same(found, value)


def test_dtypes_are_the_very_objects_that_engines_compare() -> None:
    for dtype in map(np.dtype, ("float32", "float64", "int64", "bool")):
        assert read(written(dtype)) is dtype


def test_arrays_are_the_readers_own() -> None:
    array = read(written(np.arange(3.0)))
    assert array.flags.writeable and array.flags.aligned and array.flags.owndata


@pytest.mark.parametrize(
    "value",
    [object(), {1: 2}, int, {1}, b"", np.dtype("U3"), np.array(["a"])],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="is not plain"):
        written([value])
