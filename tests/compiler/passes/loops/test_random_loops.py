"""Random loops: their compiled gradients are those of the loop as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr

B, D, H, T = 2, 3, 4, 5


def unary(rng: np.random.Generator, x: Any) -> Any:
    chosen = [
        cr.tanh, cr.sigmoid, cr.relu, cr.sin, lambda x: x * 0.5, lambda x: x[:, ::-1],
        lambda x: x - cr.max(x, axis=1, keepdims=True), lambda x: -x,
        lambda x: cr.concatenate([x[:, 2:], x[:, :2]], axis=1), cr.stop_gradient,
        lambda x: x / (1.0 + x.sum(axis=0) ** 2), lambda x: cr.where(x > 0, x, x * 0.1),
    ]  # fmt: skip
    return chosen[rng.integers(len(chosen))](x)


def binary(rng: np.random.Generator, x: Any, y: Any) -> Any:
    chosen = [
        lambda x, y: x + y, lambda x, y: x * cr.sigmoid(y), cr.maximum,
        lambda x, y: x - y, lambda x, y: cr.where(x > y, x, cr.sin(y)),
        lambda x, y: cr.concatenate([x[:, :1], y[:, 1:]], axis=1),
    ]  # fmt: skip
    return chosen[rng.integers(len(chosen))](x, y)


def product(rng: np.random.Generator, x: Any, weights: Any) -> Any:
    """x (B, H) → (B, H), by one of the ways to multiply."""
    w, v, *_ = weights
    chosen = [
        lambda: x @ w.T, lambda: x @ w, lambda: (x[:, None] @ w)[:, 0],
        lambda: x @ cr.tanh(w), lambda: x * v, lambda: x @ (w * v),
        lambda: (x.T @ cr.sin(x)) [:B] @ w, lambda: cr.softmax(x @ w.T) @ w,
    ]  # fmt: skip
    return chosen[rng.integers(len(chosen))]() / 2.0


def random_step(seed: int) -> Any:
    """A step with two carries, which computes the same each time it is called."""

    def step(carry: Any, x: Any, weights: Any) -> Any:
        rng = np.random.default_rng(seed)
        *_, into = weights
        values = [*carry, x @ into.T]
        for _ in range(rng.integers(3, 9)):
            kind = rng.integers(3)
            x = values[rng.integers(len(values))]
            if kind == 0:
                values.append(unary(rng, x))
            elif kind == 1:
                values.append(binary(rng, x, values[rng.integers(len(values))]))
            else:
                values.append(product(rng, x, weights))
        last = values[-1]
        other = values[rng.integers(len(values))]
        emitted = [product(rng, last, weights), values[rng.integers(len(values))]]
        if rng.integers(2):
            emitted.append((last @ weights[0]).sum(axis=1))
        if rng.integers(3) == 0:  # a carry that only adds up
            other = carry[1] + product(rng, values[rng.integers(len(values))], weights)
        return (cr.tanh(last), other), emitted

    return step


def gradients_of(seed: int) -> Any:
    """The gradient of a number that depends on all that a random loop answers."""
    step = random_step(seed)
    rng = np.random.default_rng(~seed & 0xFFFF)
    options = {
        "reverse": bool(rng.integers(2)),
        "recompute": bool(rng.integers(4) == 0),
    }
    parts = rng.integers(0, 2, 8)

    def f(h: Any, c: Any, xs: Any, *weights: Any) -> Any:
        last, emitted = cr.scan(
            lambda carry, x: step(carry, x, weights), (h, c), xs, **options
        )
        found = cr.sin(last[0]).sum()
        for wanted, each in zip(parts, [last[1], *emitted], strict=False):
            if wanted:
                found = found + (each * cr.cos(each)).mean()
        return found

    return cr.value_and_grad(f, argnums=tuple(range(6)))


def check(seed: int, engine: str) -> None:
    rng = np.random.default_rng(seed)
    shapes = [(B, H), (B, H), (T, B, D), (H, H), (H,), (H, D)]
    arrays = [rng.standard_normal(shape) for shape in shapes]
    f = gradients_of(seed)
    (value, wanted), (found, gradients) = (
        f(*arrays),
        cr.compile(f, engine=engine)(*arrays),
    )
    np.testing.assert_allclose(found.numpy(), value.numpy(), rtol=1e-9)
    for each, right in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(each.numpy(), right.numpy(), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("seed", range(60))
def test_gradients_of_random_loops_survive_the_passes(seed: int) -> None:
    check(seed, "numpy")


@pytest.mark.parametrize("seed", range(100, 116))
def test_gradients_of_random_loops_are_right_in_machine_code(seed: int) -> None:
    check(seed, "native")
