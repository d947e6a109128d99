"""Derivatives where a function has none, by the rules of docs/conventions.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn
from chainrule.compiler.registry import ENGINES
from tests.agreement import each_engine

Array = Any
INF = np.inf

#: what → (a function, points, its derivative there)
SLOPES: dict[str, tuple[Callable[[Any], Any], list[float], list[float]]] = {
    # A piecewise function that is constant on one side: 0.
    "relu": (cr.relu, [-1, 0, -0.0, 1], [0, 0, 0, 1]),
    "ReLU": (nn.ReLU(), [-1, 0, 1], [0, 0, 1]),
    "ReLU6": (nn.Hardtanh(0.0, 6.0), [0, 3, 6], [0, 1, 0]),
    "Hardtanh": (nn.Hardtanh(), [-2, -1, 0, 1, 2], [0, 0, 1, 0, 0]),
    "clip": (lambda x: cr.clip(x, -1, 1), [-2, -1, 0, 1, 2], [0, 0, 1, 0, 0]),
    "clip below": (lambda x: x.clip(0.0), [-1, 0, 1], [0, 0, 1]),
    "clip above": (lambda x: x.clip(high=0.0), [-1, 0, 1], [1, 0, 0]),
    "clip to one point": (lambda x: cr.clip(x, 0.5, 0.5), [0, 0.5, 1], [0, 0, 0]),
    "clip, low > high": (lambda x: cr.clip(x, 1, 0), [0, 0.5, 1], [0, 0, 0]),
    "clip to infinity": (lambda x: cr.clip(x, -INF, INF), [-1, 1], [1, 1]),
    "clip by an array": (lambda x: cr.clip(x, [0.0, 1.0]), [0, 2], [0, 1]),
    "hinge": (lambda x: losses.hinge(x, np.ones(3), reduction="sum"),
              [0, 1, 2], [-1, 0, 0]),
    # Slopes on both sides: that of the negative side.
    "leaky_relu": (lambda x: cr.leaky_relu(x, 0.1), [-1, 0, 1], [0.1, 0.1, 1]),
    "LeakyReLU": (nn.LeakyReLU(0.1), [-1, 0, 1], [0.1, 0.1, 1]),
    "PReLU": (nn.PReLU(dtype="float64"), [-1, 0, 1], [0.25, 0.25, 1]),
    "elu": (lambda x: cr.elu(x, 2.0), [0, 1], [2, 1]),
    # Symmetric corners and jumps: 0.
    "abs": (abs, [-1, 0, 1], [-1, 0, 1]),
    "l1": (lambda x: losses.l1(x, np.zeros(3), reduction="sum"),
           [-1, 0, 1], [-1, 0, 1]),
    "sign": (lambda x: x + cr.sign(x), [-1, 0, 1], [1, 1, 1]),
    "floor": (lambda x: x + cr.floor(x), [0, 1], [1, 1]),
    "norm": (cr.norm, [0, 0], [0, 0]),
    "std": (cr.std, [1, 1], [0, 0]),
    # A choice among equals: in equal parts.
    "maximum": (lambda x: cr.maximum(x, 0.0), [-1, 0, 1], [0, 0.5, 1]),
    "minimum": (lambda x: cr.minimum(x, 0.0), [-1, 0, 1], [1, 0.5, 0]),
    "max": (lambda x: x.max(), [1, 1, 0], [0.5, 0.5, 0]),
    "min": (lambda x: x.min(), [1, 1, 1, 1], [0.25] * 4),
    "MaxPool1d": (lambda x: nn.MaxPool1d(2)(x.reshape(1, 4, 1)),
                  [1, 1, 2, 1], [0.5, 0.5, 1, 0]),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SLOPES))
def test_the_derivative_at_a_corner_is_that_of_the_rule(name: str) -> None:
    f, points, slopes = SLOPES[name]
    found = cr.grad(lambda x: f(x).sum())(np.array(points, "float64"))
    assert found.tolist() == slopes


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_compiled_derivatives_at_corners_are_the_same(engine: str) -> None:
    names = sorted(SLOPES)
    points = [np.array(SLOPES[name][1], "float64") for name in names]

    def all_of_them(*xs: Any) -> list[Any]:
        total = sum(SLOPES[name][0](x).sum() for name, x in zip(names, xs, strict=True))
        grads = cr.backprop(total)
        return [grads[x] for x in xs]

    results = cr.compile(all_of_them, engine=engine)(*points)
    for name, found in zip(names, results, strict=True):
        assert found.tolist() == SLOPES[name][2], name


def test_a_bound_that_is_a_tensor_has_the_derivative_that_x_has_not() -> None:
    x, low, high = np.array([0.0, 1.0, 2.0, 3.0, 4.0]), np.ones(5), np.full(5, 3.0)
    grads = cr.grad(lambda *each: cr.clip(*each).sum(), (0, 1, 2))(x, low, high)
    assert [each.tolist() for each in grads] == [
        [0, 0, 1, 0, 0], [1, 1, 0, 0, 0], [0, 0, 0, 1, 1],
    ]  # fmt: skip


@each_engine
@pytest.mark.parametrize("nan", ["x", "a number", "an array"])
def test_clip_hides_no_nan(nan: str, engine: str) -> None:
    low = {"x": 0.0, "a number": np.nan, "an array": np.array(np.nan)}[nan]
    x = cr.tensor([np.nan if nan == "x" else 0.5])
    assert np.isnan(cr.clip(x, low, 1.0).numpy()).all()
    assert np.isnan(cr.clip(x, None, low if nan != "x" else 1.0).numpy()).all()
    assert np.isnan(cr.compile(lambda x: cr.clip(x, low), engine=engine)(x).numpy())
