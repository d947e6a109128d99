"""Floats as integers: NaN is 0, out of range is the nearest end; on every engine."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import dtypes
from chainrule.compiler.registry import ENGINES
from chainrule.config import config
from tests.engines.native.random_networks import available

Array = Any
FLOATS = ("float32", "float64")
INTEGERS = [str(each) for each in dtypes.SUPPORTED if dtypes.is_integer(each)]


def numbers(dtype: str) -> Array:
    """NaN, ±∞, ±0, halves, and both sides of every power of two that ends a range."""
    kind = np.dtype(dtype).type
    found = [np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, -0.5, 1.5, -1.5]
    for bits in (7, 8, 15, 16, 31, 32, 63, 64):
        for end in (kind(2.0**bits), kind(-(2.0**bits))):
            found += [end, np.nextafter(end, kind(0)), np.nextafter(end, 2 * end)]
            found += [end - 1, end + 1, end - 0.5, end + 0.5]
    info = np.finfo(dtype)
    return np.array([*found, info.max, info.min, info.tiny], dtype)


def saturated(x: float, dtype: str) -> int:
    """The rule, in Python's exact integers."""
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    if math.isnan(x):
        return 0
    if math.isinf(x):
        return most if x > 0 else least
    return min(max(int(x), least), most)


def wanted(x: Array, dtype: str) -> list[int]:
    return [saturated(each, dtype) for each in x.tolist()]


@pytest.mark.parametrize("source", FLOATS)
def test_eager_casts_saturate_and_nan_is_0(source: str) -> None:
    x = numbers(source)
    for dtype in INTEGERS:
        assert cr.tensor(x).astype(dtype).tolist() == wanted(x, dtype), dtype
        assert cr.tensor(x, dtype=dtype).tolist() == wanted(x, dtype), dtype
        assert np.asarray(cr.tensor(x), dtype).tolist() == wanted(x, dtype), dtype


@pytest.mark.parametrize("source", FLOATS)
@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_compiled_casts_saturate_and_nan_is_0(engine: str, source: str) -> None:
    x = numbers(source)

    def casts(x: Any) -> list[Any]:
        return [x.astype(dtype) for dtype in INTEGERS]

    whole = cr.compile(casts, engine=engine)
    for dtype, found in zip(INTEGERS, whole(x), strict=True):
        assert found.tolist() == wanted(x, dtype), dtype
    for one in x[:9]:  # scalars
        for dtype, found in zip(INTEGERS, whole(one), strict=True):
            assert found.item() == saturated(float(one), dtype), dtype


@pytest.mark.parametrize("processor", ["baseline", "avx2", "avx512"])
def test_casts_are_the_same_on_every_processor(
    processor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not available(processor):
        pytest.skip("code for it does not run on this one")
    monkeypatch.setattr(config, "processor", processor)
    x = numbers("float32")
    f = cr.compile(lambda x: [x.astype(dtype) for dtype in INTEGERS], engine="native")
    for dtype, found in zip(INTEGERS, f(x), strict=True):
        assert found.tolist() == wanted(x, dtype), dtype


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_constants_are_cast_by_the_same_rule_when_they_are_folded(engine: str) -> None:
    x = numbers("float32")

    def folded(y: Any) -> Any:
        return cr.tensor(x).astype("int16") + y

    found = cr.compile(folded, engine=engine)(np.zeros(x.shape, "int16"))
    assert found.tolist() == wanted(x, "int16")


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_as_bool_everything_but_0_is_true_nan_too(engine: str) -> None:
    x = np.array([np.nan, np.inf, 0.0, -0.0, 1e-45, 2.0], "float32")
    true = [True, True, False, False, True, True]
    assert cr.tensor(x).astype(bool).tolist() == true
    assert cr.compile(lambda x: x.astype(bool), engine=engine)(x).tolist() == true
