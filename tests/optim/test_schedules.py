"""Every schedule is its closed formula, is continuous where it should be, compiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.errors import ArgumentError, OptionError, ShapeError
from tests.agreement import assert_agrees, each_engine

STEPS = [*range(130), 999, 1000, 1001, 10**6]


def one_cycle(t: int, steps: int, up: float) -> float:
    """PyTorch's OneCycleLR, anneal_strategy="cos": _annealing_cos over two phases."""
    top, end = up * steps - 1, steps - 1

    def anneal(start: float, stop: float, pct: float) -> float:
        return stop + (start - stop) / 2 * (1 + math.cos(math.pi * pct))

    first, last = 0.5 / 25, 0.5 / 25 / 1e4
    if t <= top:
        return anneal(first, 0.5, t / top)
    return anneal(0.5, last, min((t - top) / (end - top), 1))


FORMULAS: list[tuple[Any, Callable[[int], float]]] = [
    (optim.Constant(0.3), lambda t: 0.3),
    (optim.StepDecay(0.5, every=30), lambda t: 0.5 * 0.1 ** (t // 30)),
    (optim.StepDecay(0.5, every=7, factor=0.8), lambda t: 0.5 * 0.8 ** (t // 7)),
    (optim.Exponential(0.5, factor=0.97), lambda t: 0.5 * 0.97**t),
    (optim.Exponential(0.5, factor=0.5, every=40), lambda t: 0.5 * 2 ** -(t / 40)),
    (
        optim.Piecewise([10, 100, 1000], [0.1, 0.5, 0.01, 0.001]),
        lambda t: 0.1 if t < 10 else 0.5 if t < 100 else 0.01 if t < 1000 else 0.001,
    ),
    (optim.Piecewise([], [0.1]), lambda t: 0.1),
    (
        optim.Cosine(0.5, steps=100),
        lambda t: 0.25 * (1 + math.cos(math.pi * min(t, 100) / 100)),
    ),
    (
        optim.Cosine(0.5, steps=100, final=0.1),
        lambda t: 0.1 + 0.2 * (1 + math.cos(math.pi * min(t, 100) / 100)),
    ),
    (optim.Warmup(10, 0.5), lambda t: 0.05 * min(t, 10)),
    (
        optim.Warmup(10, optim.Cosine(0.5, steps=90), start=0.1),
        lambda t: (
            0.1 + 0.04 * t
            if t < 10
            else 0.25 * (1 + math.cos(math.pi * min(t - 10, 90) / 90))
        ),
    ),
    (
        optim.Warmup(5, lambda t: 1 / (1 + t)),
        lambda t: t / 5 if t < 5 else 1 / (t - 4),
    ),
    (
        optim.Warmup(5, optim.Warmup(5, 0.2, start=0.1)),
        lambda t: 0.02 * min(t, 10),
    ),
    (optim.OneCycle(0.5, steps=100), lambda t: one_cycle(t, 100, 0.3)),
    (
        optim.OneCycle(0.5, steps=120, pct_start=0.5),
        lambda t: one_cycle(t, 120, 0.5),
    ),
]
each_formula = pytest.mark.parametrize(
    ("schedule", "formula"),
    FORMULAS,
    ids=[f"{i}-{type(row[0]).__name__}" for i, row in enumerate(FORMULAS)],
)


@each_formula
def test_a_number_of_steps_gives_the_formulas_number(
    schedule: Any, formula: Any
) -> None:
    for t in STEPS:
        rate = schedule(t)
        assert type(rate) is float
        assert rate == pytest.approx(formula(t), rel=1e-12, abs=1e-16)


@each_formula
def test_an_array_of_steps_gives_an_array_to_plot(schedule: Any, formula: Any) -> None:
    rates = schedule(np.array(STEPS))
    assert isinstance(rates, np.ndarray)
    np.testing.assert_allclose(rates, [schedule(t) for t in STEPS], rtol=1e-14)


@each_engine
@each_formula
@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_it_compiles_over_the_step_count(
    schedule: Any, formula: Any, dtype: str, engine: str
) -> None:
    compiled = cr.compile(lambda t: schedule(t), engine=engine)
    for t in (0, 1, 9, 10, 50, 99, 100, 1000):
        rate = compiled(np.array(t, dtype))
        assert (rate.dtype, rate.shape) == (np.float64, ())
        assert_agrees(rate.numpy(), np.float64(schedule(t)), engine)


@pytest.mark.parametrize(
    ("schedule", "boundaries"),
    [
        (optim.Cosine(0.5, steps=100, final=0.1), [100]),
        (optim.Exponential(0.5, factor=0.5, every=40), [40]),
        (optim.Warmup(10, optim.Cosine(0.5, steps=90), start=0.1), [10, 100]),
        (optim.Warmup(5, optim.Warmup(5, 0.2, start=0.1)), [5, 10]),
        (optim.OneCycle(0.5, steps=100), [29, 99]),
        (optim.OneCycle(0.5, steps=10, pct_start=0.25), [1.5, 9]),
    ],
    ids=repr,
)
def test_it_is_continuous_at_its_boundaries(schedule: Any, boundaries: Any) -> None:
    for t in boundaries:
        left, right = schedule(t - 1e-9), schedule(t + 1e-9)
        assert left == pytest.approx(schedule(t), rel=1e-6)
        assert right == pytest.approx(schedule(t), rel=1e-6)


def test_first_and_last_rates_are_exact() -> None:
    assert optim.Cosine(0.3, steps=7, final=0.1)(0) == 0.3
    assert optim.Cosine(0.3, steps=7, final=0.1)(7) == 0.1
    assert optim.Warmup(3, 0.3, start=0.1)(0) == 0.1
    assert optim.Warmup(3, 0.3, start=0.1)(3) == 0.3
    assert optim.OneCycle(0.3, steps=10)(2) == 0.3
    assert optim.OneCycle(0.3, steps=10)(0) == 0.3 / 25


def test_a_one_cycle_too_short_to_rise_starts_at_its_top() -> None:
    schedule = optim.OneCycle(0.3, steps=2)
    assert schedule(0) == 0.3
    assert schedule(1) == pytest.approx(0.3 / 25e4)


def test_an_optimizer_uses_rate_t_in_step_t() -> None:
    w = cr.parameter(np.float64(0.0))
    optimizer = optim.SGD([w], lr=optim.StepDecay(1.0, every=2, factor=0.5))
    seen = []
    for _ in range(5):
        before = w.item()
        seen.append(optimizer.lr)
        optimizer.step({w: -1.0})
        assert w.item() - before == seen[-1]
    assert seen == [1.0, 1.0, 0.5, 0.5, 0.25]


def test_a_function_may_answer_a_plain_number_with_all_its_digits() -> None:
    optimizer = optim.SGD([cr.parameter(1.0)], lr=lambda t: 0.1)
    assert optimizer.lr == 0.1


MISTAKES = [
    (
        lambda: optim.StepDecay(0.1, every=0),
        "StepDecay: every = 0: every must be a whole number, at least 1",
    ),
    (
        lambda: optim.StepDecay(0.1, every=2.5),
        "StepDecay: every = 2.5: every must be a whole number, at least 1",
    ),
    (
        lambda: optim.Cosine(-0.1, steps=10),
        "Cosine: lr = -0.1: lr must be positive",
    ),
    (
        lambda: optim.Cosine(0.1, steps=10, final=-1),
        "Cosine: final = -1: final must not be negative",
    ),
    (
        lambda: optim.Exponential(0.1, factor=float("nan")),
        "Exponential: factor = nan: factor must be a positive number",
    ),
    (
        lambda: optim.Constant("fast"),
        "Constant: lr = 'fast': str is not a number; lr must be a positive number",
    ),
    (
        lambda: optim.Piecewise([10], [0.1]),
        "Piecewise: 1 boundaries, 1 values: there must be one value more than "
        "boundaries",
    ),
    (
        lambda: optim.Piecewise([10, 5], [0.1, 0.2, 0.3]),
        "Piecewise: boundaries = [10, 5]: boundaries must ascend",
    ),
    (
        lambda: optim.Piecewise(10, [0.1, 0.2]),
        "Piecewise: boundaries = 10: boundaries must be a list",
    ),
    (
        lambda: optim.Warmup(5, "cosine"),
        "Warmup: then = 'cosine': str is not a number; then must be a positive number "
        "or a schedule",
    ),
    (
        lambda: optim.OneCycle(0.1, steps=1),
        "OneCycle: steps = 1: steps must be a whole number, at least 2",
    ),
    (
        lambda: optim.OneCycle(0.1, steps=10, pct_start=1.0),
        "OneCycle: pct_start = 1.0: pct_start must be at least 0 and less than 1",
    ),
]


@pytest.mark.parametrize(("make", "message"), MISTAKES, ids=[m for _, m in MISTAKES])
def test_a_schedule_refuses_what_makes_no_sense(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        make()
    assert caught.value.what == message
    assert not isinstance(caught.value, OptionError)


def test_a_schedule_that_returns_many_rates_is_refused_at_once() -> None:
    with pytest.raises(ShapeError, match=r"returns shape \(2,\) for one step"):
        optim.SGD([cr.parameter(1.0)], lr=lambda t: cr.tensor([0.1, 0.2]))


def test_a_schedule_that_starts_with_nan_is_refused_at_once() -> None:
    with pytest.raises(ArgumentError) as caught:
        optim.SGD([cr.parameter(1.0)], lr=lambda t: 0.1 / t * 0)
    assert caught.value.what == "SGD: lr(0) = nan: lr(0) must be finite"
