"""Elementary functions: their errors in units of the last place, and special values.

References are computed in wider precision: float64 for float32, long double for
float64. What is asserted are the bounds that the functions' descriptions state.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from chainrule.engines.native.write import ir
from chainrule.engines.native.write.arithmetic.functions import (
    BINARY,
    SINE_LIMIT,
    UNARY,
)
from tests.engines.native.jit import I64, POINTER, VOID, Compiled, new_module

Array = Any
WIDE = {"float32": np.float64, "float64": np.longdouble}
DTYPES = tuple(WIDE)
LANES = (0, 4, 8, 16)
PRECISE = np.finfo(np.longdouble).nmant > 60


def erf(x: Array) -> Array:
    """2x/√π · exp(−x²) · Σ (2x²)ⁿ / (1·3·5···(2n+1)): no term is negative."""
    t = np.clip(x, -7, 7)
    term = total = np.ones_like(t)
    for n in range(1, 200):
        term = term * 2 * t * t / (2 * n + 1)
        total = total + term
    pi = 4 * np.arctan(np.ones((), t.dtype))
    found = 2 * t / np.sqrt(pi) * np.exp(-t * t) * total
    return np.where(np.isnan(x), x, np.where(abs(x) < 7, found, np.sign(x)))


def sigmoid(x: Array) -> Array:
    return np.where(x < 0, np.exp(x) / (1 + np.exp(x)), 1 / (1 + np.exp(-x)))


def softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))


#: function → (reference, bound in ulp)
REFERENCES: dict[str, tuple[Callable[[Array], Array], float]] = {
    "exp": (np.exp, 1.5),
    "expm1": (np.expm1, 2.5),
    "log": (np.log, 1.5),
    "log1p": (np.log1p, 2.5),
    "tanh": (np.tanh, 4.0),
    "sigmoid": (sigmoid, 3.0),
    "softplus": (softplus, 3.0),
    "erf": (erf, 3.0),
    "sin": (np.sin, 2.0),
    "cos": (np.cos, 2.0),
    "sqrt": (np.sqrt, 0.501),
    "floor": (np.floor, 0.0),
    "ceil": (np.ceil, 0.0),
    "round": (np.rint, 0.0),
    "abs": (np.abs, 0.0),
}
#: Bounds that are others in single precision.
IN_SINGLE = {"tanh": 5.5}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


@functools.cache
def library(dtype: str, lanes: int, generic: bool = False) -> Compiled:
    """All functions as loops over arrays, ``lanes`` numbers at a time."""
    module = new_module()
    element = ir.FloatType() if dtype == "float32" else ir.DoubleType()
    kind = ir.VectorType(element, lanes) if lanes else element
    size = np.dtype(dtype).itemsize
    for count, table in ((1, UNARY), (2, BINARY)):
        for name, emit in table.items():
            signature = ir.FunctionType(VOID, [POINTER] * (count + 1) + [I64])
            function = ir.Function(module, signature, f"array.{name}")
            *pointers, stop = function.args
            entry, body, end = (function.append_basic_block() for _ in range(3))
            ir.IRBuilder(entry).branch(body)
            b = ir.IRBuilder(body)
            i = b.phi(I64)
            i.add_incoming(ir.Constant(I64, 0), entry)
            places = [b.gep(p, i, element) for p in pointers]
            values = [b.load(p, kind, align=size) for p in places[:-1]]
            b.store(emit(b, *values), places[-1], align=size)
            following = b.add(i, ir.Constant(I64, max(lanes, 1)))
            i.add_incoming(following, b.block)
            b.cbranch(b.icmp_signed("<", following, stop), body, end)
            ir.IRBuilder(end).ret_void()
    return Compiled(module, generic)


def run(name: str, lanes: int, *inputs: Array, generic: bool = False) -> Array:
    """The function's values; the inputs have multiples of 16 elements."""
    pointer, count = ctypes.c_void_p, ctypes.c_int64
    compiled = library(inputs[0].dtype.name, lanes, generic)
    kinds = [pointer] * (len(inputs) + 1) + [count]
    result = np.full_like(inputs[0], np.nan)
    places = [each.ctypes.data for each in (*inputs, result)]
    compiled.function(f"array.{name}", *kinds)(*places, len(result))
    return result


def specials(dtype: str) -> Array:
    """Zeros, infinities, NaN, limits of the type, and where functions change."""
    info = np.finfo(dtype)
    ends = [info.max, info.tiny, info.smallest_subnormal, info.eps, info.epsneg, np.inf]
    turns = [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 4.0, 6.0, 7.0, 10.0, 20.0, 40.0, 1e30]
    turns += [2.0**-14, 2.0**-25, 2.0**-26, 2.0**-28, 2.0**-54, 2.0**23, 2.0**52]
    turns += [np.sqrt(0.5), np.sqrt(2), np.log(2), *np.arange(1, 9) * np.pi / 4]
    turns += [88.7228, 87.3365, 103.972, 709.7827, 708.3964, 745.1332, 8192.0, 1.0e6]
    points = np.array([*ends, *turns], dtype)
    points = np.concatenate(
        [points, np.nextafter(points, 0), np.nextafter(points, 9e9)]
    )
    return np.concatenate([points, -points, [np.nan]]).astype(dtype)


@functools.cache
def inputs(dtype: str) -> Array:
    """Random bit patterns, all magnitudes, the dense middle, and the special ones."""
    r = np.random.default_rng(7)
    bits = {"float32": np.uint32, "float64": np.uint64}[dtype]
    patterns = r.integers(0, np.iinfo(bits).max, 12_000, bits, endpoint=True)
    powers = r.standard_normal(8_000) * np.exp(r.uniform(-40, 6, 8_000))
    middle = np.concatenate([r.uniform(-w, w, 6_000) for w in (0.5, 1.6, 9, 110, 760)])
    near_one = 1 + r.standard_normal(3_000) * np.exp(r.uniform(-16, 0, 3_000))
    subnormal = r.uniform(-1, 1, 2_000) * float(np.finfo(dtype).tiny)
    quarters = np.concatenate([np.arange(5000), r.integers(5000, 600_000, 5000)])
    parts = [patterns.view(dtype), powers, middle, near_one, subnormal]
    parts += [quarters * (np.pi / 2), specials(dtype)]
    found = np.concatenate([np.asarray(part).astype(dtype) for part in parts])
    found = np.concatenate([found, np.zeros(-len(found) % 16, dtype)])
    found.flags.writeable = False
    return found


def assert_close(y: Array, exact: Array, bound: float, x: Array) -> None:
    """Every y is within ``bound`` ulp; special values and signs of zero are right."""
    want = exact.astype(y.dtype)
    slack = 0.5 if y.dtype == np.float64 and not PRECISE else 0.0
    same_kind = (np.isnan(want) == np.isnan(y)) & (np.isinf(want) == np.isinf(y))
    finite = np.isfinite(want) & np.isfinite(y)
    # A result beside infinity may fall on either side of it.
    top = np.finfo(y.dtype).max
    beside = np.isfinite(exact) & (abs(exact) > top * (1 - 4 * np.finfo(y.dtype).eps))
    wrong = ~(same_kind | beside)
    assert not wrong.any(), (x[wrong][:5], y[wrong][:5], want[wrong][:5])
    unit = np.spacing(np.abs(want[finite]))
    errors = np.abs(y[finite].astype(exact.dtype) - exact[finite]) / unit
    worst = errors.argmax()
    where = (x[finite][worst], y[finite][worst], want[finite][worst])
    assert errors[worst] <= bound + slack, (float(errors[worst]), *where)
    infinite = np.isinf(want) & np.isinf(y)
    assert (y[infinite] == want[infinite]).all()
    sign = (np.signbit(y) != np.signbit(want)) & finite & (want == 0)
    assert not sign.any(), (x[sign][:5], y[sign][:5])


def same(x: Array, y: Array) -> bool:
    """Equal bit for bit, but any NaN equals any."""
    kind = np.uint32 if x.dtype == np.float32 else np.uint64
    return bool(((x.view(kind) == y.view(kind)) | (np.isnan(x) & np.isnan(y))).all())


def test_every_function_has_a_reference() -> None:
    assert set(REFERENCES) == set(UNARY)
    assert set(BINARY) == {"power"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REFERENCES)
def test_errors_are_below_the_stated_bounds(name: str, dtype: str) -> None:
    reference, bound = REFERENCES[name]
    if dtype == "float32":
        bound = IN_SINGLE.get(name, bound)
    x = inputs(dtype)
    exact = reference(x.astype(WIDE[dtype]))
    assert_close(run(name, 16, x), exact, bound, x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REFERENCES)
def test_the_result_does_not_depend_on_the_number_of_lanes(
    name: str, dtype: str
) -> None:
    x = inputs(dtype)
    wide = run(name, 16, x)
    assert all(same(run(name, lanes, x), wide) for lanes in LANES[:-1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REFERENCES)
def test_code_for_any_processor_gives_the_same_bits(name: str, dtype: str) -> None:
    x = inputs(dtype)[::37]
    x = np.ascontiguousarray(x[: len(x) // 16 * 16])
    assert same(run(name, 4, x, generic=True), run(name, 4, x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_sine_and_cosine_of_large_numbers_are_those_of_the_c_library(
    dtype: str,
) -> None:
    limit = SINE_LIMIT[np.dtype(dtype).itemsize * 8]
    x = (np.random.default_rng(3).uniform(1, 1e6, 4096) * limit).astype(dtype)
    for name in ("sin", "cos"):
        exact = REFERENCES[name][0](x.astype(WIDE[dtype]))
        assert_close(run(name, 8, x), exact, 1.0, x)


def test_tanh_and_erf_reach_one_and_never_exceed_it() -> None:
    x = np.linspace(-12, 12, 1 << 16).astype(np.float32)
    for name, end in (("tanh", 9.1), ("erf", 4.0)):
        y = run(name, 16, x)
        assert abs(y).max() == 1
        np.testing.assert_array_equal(y[abs(x) > end], np.sign(x[abs(x) > end]))


@functools.cache
def pairs(dtype: str) -> tuple[Array, Array]:
    """Bases and exponents: ordinary ones, whole exponents, all pairs of specials."""
    r = np.random.default_rng(11)
    base = np.exp(r.uniform(-20, 20, 20_000))
    exponent = r.uniform(-12, 12, 20_000)
    whole = np.round(r.uniform(-30, 30, 6_000))
    signed = r.standard_normal(6_000) * 5
    any_base, any_exponent = (r.permutation(inputs(dtype))[:8_000] for _ in range(2))
    grid = np.array([0, 0.5, 1, 2, 3, 1e30, np.inf, np.finfo(dtype).max], dtype)
    grid = np.concatenate([grid, -grid, [np.nan]])
    left, right = (each.ravel() for each in np.meshgrid(grid, grid))
    x = np.concatenate([base, signed, any_base, left]).astype(dtype)
    y = np.concatenate([exponent, whole, any_exponent, right]).astype(dtype)
    keep = len(x) // 16 * 16
    return x[:keep].copy(), y[:keep].copy()


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_are_right_to_one_ulp_with_the_special_values_of_c(dtype: str) -> None:
    x, y = pairs(dtype)
    exact = np.power(x.astype(WIDE[dtype]), y.astype(WIDE[dtype]))
    found = run("power", 16, x, y)
    assert_close(found, exact, 1.0, x)
    assert all(same(run("power", lanes, x, y), found) for lanes in LANES[:-1])
