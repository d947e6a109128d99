"""One huge gradient, finite, stops no rule for good; one that is not finite shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.optim.squarable import largest, squarable
from tests.agreement import each_engine

Make = Callable[..., optim.Optimizer]
ADAPTIVE: list[type[Any]] = [
    optim.Adam,
    optim.AdamW,
    optim.RMSProp,
    optim.Adagrad,
    optim.SparseAdam,
    optim.Adadelta,
    optim.Nadam,
    optim.AMSGrad,
    optim.LAMB,
    optim.Lion,
    optim.Muon,
]
#: Averages as short as these forget in 1000 steps.
SHORT: dict[Any, dict[str, Any]] = {
    optim.RMSProp: {"alpha": 0.5},
    optim.Adadelta: {"rho": 0.5},
    optim.Adagrad: {},
    optim.AdamW: {"betas": (0.5, 0.5), "weight_decay": 0.0},
    optim.LAMB: {"betas": (0.5, 0.5), "weight_decay": 0.0},
    optim.Muon: {"betas": (0.5, 0.5), "weight_decay": 0.0},
}
#: A gradient whose square is too large for its dtype, and the largest of all.
HUGE = [
    ("float32", 1e20),
    ("float32", 3.4e38),
    ("float64", 1e160),
    ("float64", 1.7e308),
]


def steps(make: Make, dtype: str, gradients: list[float], engine: str | None) -> Any:
    """A weight of 5 after steps with these gradients, and the optimizer."""
    w = cr.parameter(np.array([5.0], dtype))
    optimizer = make([w], lr=0.1)

    def step(g: Any) -> None:
        optimizer.step({w: g})

    run = cr.compile(step, engine=engine) if engine else step
    for g in gradients:
        run(np.array([g], dtype))
    return w.item(), optimizer


@pytest.mark.parametrize(("dtype", "huge"), HUGE)
@pytest.mark.parametrize("make", ADAPTIVE)
def test_a_step_of_a_huge_gradient_is_that_of_any_large_one(
    make: Make, dtype: str, huge: float
) -> None:
    for g in (huge, -huge):
        found, optimizer = steps(make, dtype, [g], None)
        wanted, _ = steps(make, dtype, [np.copysign(1e6, g)], None)
        assert found == pytest.approx(wanted, rel=1e-6)
        for array in optimizer.state_dict().values():
            assert np.isfinite(array).all()


@each_engine
@pytest.mark.parametrize("make", ADAPTIVE)
def test_after_a_huge_gradient_the_averages_forget_it(make: Make, engine: str) -> None:
    short = SHORT.get(make, {"betas": (0.5, 0.5)})
    after = [1e20] + [1.0] * 1000

    def shorter(params: Any, lr: float) -> optim.Optimizer:
        return make(params, lr=lr, **short)

    found, optimizer = steps(shorter, "float32", after, engine)
    if make in (optim.Adagrad, optim.AMSGrad):  # which forget nothing, as they say
        assert 4 < found < 5
        return
    state = optimizer.state_dict()
    if make is optim.Adadelta:  # its steps begin small again
        assert state["0.mean_square"] == pytest.approx(1.0)
        assert found < 4
        return
    assert found < 5 - 0.1 * 800
    last = {name: a for name, a in state.items() if a.shape == (1,)}
    assert all(array == pytest.approx(1.0) for array in last.values())


@pytest.mark.parametrize(("dtype", "huge"), HUGE)
def test_the_sum_of_adagrad_stays_finite_after_many_huge_gradients(
    dtype: str, huge: float
) -> None:
    found, optimizer = steps(optim.Adagrad, dtype, [huge] * 600, None)
    assert np.isfinite(optimizer.state_dict()["0.sum_of_squares"]).all()
    assert found < 5 - 0.1


@each_engine
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("make", ADAPTIVE)
def test_a_gradient_that_is_not_finite_shows_in_the_weight(
    make: Make, bad: float, engine: str
) -> None:
    for each in (None, engine):
        found, _ = steps(make, "float32", [1.0, bad, 1.0], each)
        assert np.isnan(found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_gradient_within_the_limit_keeps_its_bits(dtype: str) -> None:
    limit = largest(np.dtype(dtype))
    x = np.array([0.0, 1e-45, -1.5, limit, -limit, 0.999 * limit], dtype)
    np.testing.assert_array_equal(squarable(cr.tensor(x)).numpy(), x)
    assert np.isfinite(x * x).all()
    beyond = np.array([2.0, -2.0], dtype) * np.array(limit, dtype)
    assert squarable(cr.tensor(beyond)).tolist() == [limit, -limit]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_clipping_by_norm_works_where_the_norm_is_no_number_of_the_dtype(
    dtype: str, compiled: bool
) -> None:
    most = float(np.finfo(dtype).max)
    w = cr.parameter(np.zeros(100, dtype))

    def clipped(g: Any) -> Any:
        return optim.ClipNorm(2.0)({w: g})[w]

    run = cr.compile(clipped) if compiled else clipped
    g = np.full(100, most, dtype)
    g[::2] *= -1
    assert np.isinf(optim.global_norm({w: cr.tensor(g)}).item())
    np.testing.assert_allclose(run(cr.tensor(g)).numpy(), 0.2 * np.sign(g), rtol=1e-6)


@pytest.mark.parametrize(("dtype", "huge"), HUGE)
def test_a_matrix_of_huge_gradients_takes_a_step_of_the_usual_size(
    dtype: str, huge: float
) -> None:
    """Norms of matrices, where the sum of all squares is no number."""
    for make in (optim.Muon, optim.LAMB):
        moves = []
        for size in (huge, 1.0):
            w = cr.parameter(np.ones((20, 30), dtype))
            g = np.full((20, 30), size, dtype)
            g[::2] *= -1
            make([w], lr=0.1, weight_decay=0.0).step({w: g})
            moves.append(1 - w.numpy())
        np.testing.assert_allclose(*moves, rtol=1e-4, atol=1e-6)
        assert np.abs(moves[0]).max() > 1e-3


def test_clipping_by_norm_still_finds_the_rows_of_a_table() -> None:
    table = cr.parameter(np.ones((50, 2), "float32"))
    grads = cr.backprop((cr.take(table, [3, 3, 7]) * 1e30).sum())
    sgd = optim.SparseAdam([table], lr=0.5, transforms=[optim.ClipNorm(1.0)])
    sgd.step(grads)
    moved = (table.numpy() != 1).any(axis=1).nonzero()[0]
    assert moved.tolist() == [3, 7]


@pytest.mark.parametrize("size", [1e-30, 1e-23, 1.0, 1e19, 1e30])
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_the_trust_ratio_of_lamb_is_that_of_weights_of_any_size(
    size: float, decay: float
) -> None:
    w = cr.parameter(np.full((2, 3), size, np.float32))
    optimizer = optim.LAMB([w], lr=0.1, weight_decay=decay)
    optimizer.step({w: np.ones((2, 3))})
    np.testing.assert_allclose(w.numpy(), 0.9 * size, rtol=1e-5)
