"""Activations over the whole range of floats: no NaN, and the right value and slope.

The reference is the textbook's formula, arranged so that nothing cancels, in
``np.longdouble``, which has more range and precision than either dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

import chainrule as cr
from chainrule import nn
from tests.contracts.samples import Array

Wide = np.longdouble
PI = Wide("3.14159265358979323846264338327950288")


def whole_range(dtype: str) -> Array:
    """±0, subnormal numbers, every magnitude up to the largest, and the middle."""
    info = np.finfo(dtype)
    exponents = np.linspace(info.minexp - info.nmant, info.maxexp - 0.001, 400)
    magnitudes = np.exp2(exponents.astype(Wide)).astype(dtype)
    middle = np.linspace(-120, 120, 4001).astype(dtype)
    special_values = np.array(
        [0, info.tiny, info.smallest_subnormal, info.max, 1], dtype
    )
    positive = np.concatenate([special_values, magnitudes])
    return np.concatenate([positive, -positive, middle])


def sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def normal_cdf(x: Array) -> Array:
    """Φ(x); erfc keeps its precision in the tail. Float64 is all that SciPy has."""
    return (special.erfc(-(x / np.sqrt(Wide(2))).astype(np.float64)) / 2).astype(Wide)


def normal_pdf(x: Array) -> Array:
    return np.exp(-x * x / 2) / np.sqrt(2 * PI)


#: name → (the function of the library, its value, its slope)
ACTIVATIONS: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "sigmoid": (cr.sigmoid, sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    "log_sigmoid": (
        cr.log_sigmoid,
        lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))),
        lambda x: sigmoid(-x),
    ),
    "tanh": (cr.tanh, np.tanh, lambda x: 4 * sigmoid(2 * x) * sigmoid(-2 * x)),
    "relu": (cr.relu, lambda x: np.where(x > 0, x, 0), lambda x: np.where(x > 0, 1, 0)),
    "leaky_relu": (
        lambda x: cr.leaky_relu(x, 0.5),
        lambda x: np.where(x > 0, x, 0.5 * x),
        lambda x: np.where(x > 0, 1, 0.5),
    ),
    "elu": (
        cr.elu,
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x: np.where(x > 0, 1, np.exp(np.minimum(x, 0))),
    ),
    "softplus": (
        cr.softplus,
        lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
        sigmoid,
    ),
    "silu": (
        cr.silu,
        lambda x: x * sigmoid(x),
        lambda x: sigmoid(x) + x * sigmoid(x) * sigmoid(-x),
    ),
    "gelu": (
        cr.gelu,
        lambda x: x * normal_cdf(x),
        lambda x: normal_cdf(x) + x * normal_pdf(x),
    ),
}


def slope(f: Callable[..., Any]) -> Callable[..., Any]:
    return cr.grad(lambda x: f(x).sum())


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_value_and_slope_are_right_for_every_finite_float(
    name: str, dtype: str, compiled: bool
) -> None:
    f, value, derivative = ACTIVATIONS[name]
    x = whole_range(dtype)
    eps = np.finfo(dtype).eps
    for found, reference in ((f, value), (lambda x: elementwise(f, x), derivative)):
        run = cr.compile(found) if compiled else found
        result = run(cr.tensor(x)).numpy()
        with np.errstate(all="ignore"):
            wanted = reference(x.astype(Wide)).astype(dtype)
        assert np.isfinite(result).all()
        # Where a difference of numbers near 1 is taken, its rounding is all there is.
        np.testing.assert_allclose(result, wanted, rtol=8 * eps, atol=32 * eps)


def elementwise(f: Callable[..., Any], x: Any) -> Any:
    """f′ at every element: the gradient of a sum would overflow in its value alone."""
    y, back = cr.vjp(f, x)
    return back(cr.ones(y.shape, y.dtype))[0]


ROWS = [
    [0.0, -0.0, 0.0],
    [1.0, 2.0, 3.0],
    [-1e30, 0.0, 1e30],
    ["max", "max", "max"],
    ["max", "-max", 0.0],
    ["-max", "-max", "-max"],
    ["tiny", "subnormal", "-subnormal"],
    [-90.0, 90.0, 89.0],
    [-745.0, 0.0, -104.0],
]


def rows(dtype: str) -> Array:
    info = np.finfo(dtype)
    names = {"max": info.max, "-max": -info.max, "tiny": info.tiny,
             "subnormal": info.smallest_subnormal,
             "-subnormal": -info.smallest_subnormal}  # fmt: skip
    return np.array([[names.get(v, v) for v in row] for row in ROWS], dtype)


def shares(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def total(x: Array) -> Array:
    largest = x.max(axis=-1)
    return largest + np.log(np.exp(x - largest[:, None]).sum(axis=-1))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_and_its_relatives_are_right_for_every_finite_float(
    dtype: str, compiled: bool
) -> None:
    x = rows(dtype)
    eps = np.finfo(dtype).eps
    wide = x.astype(Wide)
    p = shares(wide)
    shifted = wide - wide.max(axis=-1, keepdims=True)
    with np.errstate(over="ignore"):  # a difference of two largest numbers is −∞
        logs = (shifted - total(shifted)[:, None]).astype(dtype)
    cases: list[tuple[Any, Any]] = [
        (cr.softmax, p),
        (cr.log_softmax, logs),
        (lambda x: cr.logsumexp(x, -1), total(wide)),
        (lambda x: elementwise(lambda x: cr.logsumexp(x, -1), x), p),
        (lambda x: elementwise(lambda x: cr.softmax(x)[:, 0], x),
         p[:, :1] * (np.eye(3)[0] - p)),
        (lambda x: elementwise(lambda x: cr.log_softmax(x)[:, 0], x), np.eye(3)[0] - p),
    ]  # fmt: skip
    for f, wanted in cases:
        result = (cr.compile(f) if compiled else f)(cr.tensor(x)).numpy()
        assert not np.isnan(result).any()
        np.testing.assert_allclose(
            result, np.asarray(wanted).astype(dtype), rtol=8 * eps, atol=8 * eps
        )


def test_infinite_logits_keep_their_meaning() -> None:
    x = cr.tensor([[-np.inf, 0.0, 0.0], [-np.inf, -np.inf, 3.0]], "float64")
    np.testing.assert_array_equal(cr.softmax(x).numpy(), [[0, 0.5, 0.5], [0, 0, 1]])
    assert cr.logsumexp(x, -1).numpy()[1] == 3.0
    assert cr.logsumexp(cr.tensor([-np.inf, -np.inf])).item() == -np.inf
    for f in (cr.softmax, lambda x: cr.logsumexp(x, -1)):
        assert np.isfinite(elementwise(f, x).numpy()).all()


#: the activations' values at −∞ and ∞, and their slopes there
ENDS: dict[str, tuple[Callable[..., Any], tuple[float, float], tuple[float, float]]] = {
    "gelu": (cr.gelu, (0, np.inf), (0, 1)),
    "silu": (cr.silu, (0, np.inf), (0, 1)),
    "elu": (cr.elu, (-1, np.inf), (0, 1)),
    "sigmoid": (cr.sigmoid, (0, 1), (0, 0)),
    "softplus": (cr.softplus, (0, np.inf), (0, 1)),
    "mish": (nn.Mish(), (0, np.inf), (0, 1)),
    "gelu of GPT-2": (nn.GELU("tanh"), (0, np.inf), (0, 1)),
    "softsign": (nn.Softsign(), (-1, 1), (0, 0)),
    "hardtanh": (nn.Hardtanh(), (-1, 1), (0, 0)),
    "celu": (nn.CELU(2.0), (-2, np.inf), (0, 1)),
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", sorted(ENDS))
def test_infinite_inputs_have_the_limit_and_nan_stays(
    name: str, dtype: str, compiled: bool
) -> None:
    f, values, slopes = ENDS[name]
    x = cr.tensor([-np.inf, np.inf, np.nan], dtype)
    for run, wanted in ((f, values), (lambda x: elementwise(f, x), slopes)):
        found = (cr.compile(run) if compiled else run)(x).numpy()
        np.testing.assert_array_equal(found[:2], wanted)
    assert np.isnan(f(x).numpy()[2])
