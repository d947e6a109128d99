"""Random programs over the primitives: compiled, they answer what they do without.

A program is a list of steps; each applies an operation to values made before. The NumPy
engine must answer the very same bits as eager mode, gradients and updates included,
but for the one pass that rounds sums otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.compiler import pipeline
from chainrule.compiler.engine import Engine
from chainrule.compiler.registry import ENGINES

#: Operations whose values stay between −3 and 3, so that long programs stay finite.
ONE: tuple[Callable[[Any], Any], ...] = (
    cr.tanh,
    cr.sin,
    cr.sigmoid,
    lambda x: cr.relu(x) * 0.5,
    lambda x: cr.exp(-x * x),
    lambda x: cr.log1p(x * x),
    lambda x: cr.softmax(x) if x.ndim else x * 1,
    lambda x: x.sum(axis=0, keepdims=True) * 0.2 if x.ndim else cr.negative(-x),
    lambda x: x.mean() + 0.0,
    lambda x: x.max(axis=-1) if x.ndim else x + 0,
    lambda x: x.T,
    lambda x: x.reshape(-1),
    lambda x: x[::-1] if x.ndim else x[None],
    lambda x: x[..., None, :1] if x.ndim else x,
    lambda x: cr.where(x > 0, x, 0.1 * x),
    lambda x: cr.stop_gradient(x) * 1,
    lambda x: x.cumsum(0) * 0.3 if x.ndim else x,
    lambda x: cr.sort(x) if x.ndim else x,
    lambda x: cr.floor(x) * 0.5 + cr.exp(cr.zeros(())),
    lambda x: cr.take(x, [0, 0]) if x.ndim and len(x) else x,
    lambda x: cr.pad(x, [(1, 0)] * x.ndim, value=0.5),
    lambda x: (
        cr.tanh(cr.scan(lambda c, r: (c * 0.5 + r, c), x[0] * 0, x)[1])
        if x.ndim and len(x)
        else x
    ),
)

TWO: tuple[Callable[[Any, Any], Any], ...] = (
    lambda x, y: x * 0.5 + y * 0.5,
    lambda x, y: cr.tanh(x) * y,
    lambda x, y: (x - y) / (1 + x * x),
    cr.maximum,
    cr.minimum,
    lambda x, y: x.reshape(-1, 1) @ y.reshape(1, -1)[:, :3] * 0.3,
    lambda x, y: cr.concatenate([x.reshape(-1), y.reshape(-1)])[:7],
    lambda x, y: cr.where(x > y, x, y * 0.5),
)

step = st.tuples(
    st.integers(0, len(ONE) + len(TWO) - 1), st.integers(0), st.integers(0)
)
programs = st.lists(step, min_size=1, max_size=14)
shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)


def small(values: list[Any]) -> list[Any]:
    """Values that are not too large to go on with."""
    return [each for each in values if each.size <= 300 and each.ndim <= 4]


def run_steps(program: Any, values: list[Any]) -> list[Any]:
    """All values that a program makes; steps that do not broadcast are left out."""
    for operation, a, b in program:
        usable = small(values)
        x, y = usable[a % len(usable)], usable[b % len(usable)]
        if operation < len(ONE):
            values.append(ONE[operation](x))
            continue
        try:
            values.append(TWO[operation - len(ONE)](x, y))
        except cr.errors.ShapeError:
            continue
    return values


def training_step(program: Any, w: Any) -> Callable[..., Any]:
    """A program as a function: its values, a loss, and an update of a variable."""

    def f(x: Any, y: Any) -> Any:
        values = run_steps(program, [x * 1.0, y + 0.0, w.read()])
        loss = sum(each.mean() for each in values)
        gradients = cr.backprop(loss)
        w.assign(w - 0.1 * gradients[w])
        return values[-1], loss, gradients[values[0]], gradients[values[-1]]

    return f


#: How many programs are tried. An engine that generates code takes longer for each.
EXAMPLES = {"numpy": 60}
FEW_EXAMPLES = 12

#: The pass that takes factors out of sums.
ROUNDS_OTHERWISE = "share_sums_of_multiples"
EXACT = {"rtol": 0.0, "atol": 0.0}
CLOSE = {"rtol": 1e-5, "atol": 1e-6}  # in float64 too: some steps are in float32


def agree_with_eager(engine: str, dtype: str, close: dict[str, float]) -> None:
    """Tries programs on an engine."""
    cr.config.debug = True

    @settings(max_examples=EXAMPLES.get(engine, FEW_EXAMPLES))
    @given(programs, shapes, shapes, st.integers(0, 99))
    def agree(program: Any, a: Any, b: Any, seed: int) -> None:
        rng = np.random.default_rng(seed)
        x, y = (cr.tensor(rng.uniform(-1, 1, s).astype(dtype)) for s in (a, b))
        w, v = cr.parameter(x), cr.parameter(x)
        eager = training_step(program, w)
        compiled = cr.compile(training_step(program, v), engine=engine)
        for _ in range(2):
            for found, wanted in zip(compiled(x, y), eager(x, y), strict=True):
                assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
                np.testing.assert_allclose(found.numpy(), wanted.numpy(), **close)
            np.testing.assert_allclose(v.numpy(), w.numpy(), **close)

    agree()


@pytest.mark.parametrize("engine", sorted(ENGINES))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_compiled_programs_answer_what_eager_ones_do(engine: str, dtype: str) -> None:
    agree_with_eager(engine, dtype, CLOSE)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_passes_that_move_no_factors_keep_every_bit(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tuple(p for p in pipeline.PASSES if p.__name__ != ROUNDS_OTHERWISE)
    assert len(kept) == len(pipeline.PASSES) - 1
    monkeypatch.setattr(Engine, "passes", kept)
    agree_with_eager("numpy", dtype, EXACT)
