"""Loops in machine code: where carries live, prepared factors, threads, long ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler.pipeline import run_passes
from chainrule.compiler.program import plan
from chainrule.engines.native.choose.factors import with_factors
from chainrule.engines.native.choose.processor import host
from chainrule.engines.native.choose.task import Chooser
from chainrule.engines.native.plan.carries import EMITTED, HISTORY, TURNS, carry_slots
from chainrule.engines.native.plan.fuse import fuse
from chainrule.engines.native.plan.kernels import Product, Scan

rng = np.random.default_rng(11)


@pytest.fixture
def threads() -> Iterator[None]:
    """The number of threads afterwards is that before."""
    before = cr.config.threads
    yield
    cr.config.threads = before


def same_as_eager(f: Any, *arrays: Any, close: float = 1e-12) -> None:
    wanted, found = f(*arrays), cr.compile(f, engine="native")(*arrays)
    for each, right in zip(found, wanted, strict=True):
        np.testing.assert_allclose(each.numpy(), right.numpy(), rtol=close, atol=close)


CARRIED = {
    # f(carries, x) → carries, emitted; where each of the two carries lives
    "in turns": (lambda a, b, x: ((a + b, b * x), None), [TURNS, TURNS]),
    "history": (lambda a, b, x: ((a + b, b * x), (a, b)), [HISTORY, HISTORY]),
    "emitted": (
        lambda a, b, x: (lambda c, d: ((c, d), (c, d)))(a + b, b * x),
        [EMITTED, EMITTED],
    ),
    "one of each": (
        lambda a, b, x: (lambda c: ((c, b * x), (c, c * 2.0, b)))(a + b),
        [EMITTED, HISTORY],
    ),
    "exchanged": (lambda a, b, x: ((b, a * x), None), [TURNS, TURNS]),
    "exchanged, emitted": (lambda a, b, x: ((b, a * x), (a, b)), [HISTORY, HISTORY]),
    "the same twice": (
        lambda a, b, x: (lambda c: ((c, c), c))(a + b * x), [EMITTED, TURNS],
    ),
    "replaced": (lambda a, b, x: ((x, a + b), (x, a)), [HISTORY, TURNS]),
}  # fmt: skip


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("name", CARRIED)
def test_carries_live_where_no_step_copies_them(
    name: str, length: int, reverse: bool
) -> None:
    step, buffers = CARRIED[name]

    def f(a: Any, b: Any, xs: Any) -> Any:
        (a, b), emitted = cr.scan(lambda c, x: step(*c, x), (a, b), xs, reverse=reverse)
        emitted = () if emitted is None else emitted
        return a, b, *(emitted if isinstance(emitted, tuple) else (emitted,))

    a, b, xs = (rng.standard_normal(shape) for shape in ((3,), (3,), (length, 3)))
    graph = run_passes(cr.trace(f, a, b, xs))
    (loop,) = [n for n in graph.operations if n.op and n.op.name == "scan"]
    _, found = carry_slots(loop.params["body"], loop.params["split"])
    assert [each.kind for each in found.carries] == buffers
    same_as_eager(f, a, b, xs)


def recurrent(h: Any, xs: Any, w: Any, v: Any) -> Any:
    """A loop with two factors from outside, one of them as it is and transposed."""

    def step(h: Any, x: Any) -> Any:
        h = cr.tanh(h @ w.T + cr.sin(h @ v) @ w + x)
        return h, h

    return cr.scan(step, h, xs)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "width"), [(1, 33), (7, 40), (32, 65), (20, 128)])
def test_factors_that_no_step_changes_are_prepared_once(
    rows: int, width: int, dtype: str
) -> None:
    shapes = ((rows, width), (9, rows, width), (width, width), (width, width))
    arrays = [(rng.standard_normal(s) / 16).astype(dtype) for s in shapes]
    graph = run_passes(cr.trace(recurrent, *arrays))
    (loop,) = [k for k in fuse(plan(graph)).kernels if isinstance(k, Scan)]
    outside, inputs = loop.split.outside, len(loop.inputs)
    chooser = Chooser(host(), {})
    body, factors = with_factors(loop.body, outside, inputs, loop.length, chooser)
    products = [k for k in body.kernels if isinstance(k, Product)]
    assert sum(each.in_panels for each in products) == len(factors) >= 2
    if width > 40:  # small ones may be products of rows, which need no panels
        assert len(factors) == 3
    same_as_eager(recurrent, *arrays, close=1e-5 if dtype == "float32" else 1e-13)


def test_results_do_not_depend_on_the_number_of_threads(threads: None) -> None:
    def gradients(h: Any, xs: Any, w: Any, v: Any) -> Any:
        def f(xs: Any, w: Any, v: Any) -> Any:
            return (recurrent(h, xs, w, v)[1] ** 2).sum()

        return cr.grad(f, argnums=(0, 1, 2))(xs, w, v)

    shapes = ((32, 256), (12, 32, 256), (256, 256), (256, 256))
    arrays = [(rng.standard_normal(s) / 16).astype("float32") for s in shapes]
    found = []
    for number in (1, 2, 3):
        cr.config.threads = number
        run = cr.compile(gradients, engine="native")
        found += [[each.numpy() for each in run(*arrays)] for _ in range(2)]
    for other in found[1:]:
        for each, first in zip(other, found[0], strict=True):
            np.testing.assert_array_equal(each, first)


def test_a_step_of_a_small_loop_costs_less_than_a_microsecond() -> None:
    run = cr.compile(lambda a, xs: cr.scan(lambda c, x: (a * c + x, c), 0.0, xs)[1])
    xs = rng.standard_normal(10_000).astype("float32")
    run(0.5, xs)
    times = []
    for _ in range(20):
        start = time.thread_time()
        run(0.5, xs)
        times.append(time.thread_time() - start)
    assert min(times) < 10_000 * 1e-6


def test_a_long_loop_has_the_right_gradient() -> None:
    def f(w: Any, xs: Any) -> Any:
        last, _ = cr.scan(lambda h, x: (cr.tanh(h @ w + x), None), xs[0] * 0.0, xs)
        return (last**2).sum()

    w, xs = rng.standard_normal((3, 3)), rng.standard_normal((10_000, 2, 3))
    found = cr.compile(cr.grad(f))(w, xs).numpy()
    recent = cr.grad(f)(cr.tensor(w), xs[-400:]).numpy()  # the rest is forgotten
    np.testing.assert_allclose(found, recent, rtol=1e-8, atol=1e-12)


def test_an_operation_without_a_lowering_runs_inside_of_a_loop() -> None:
    def f(xs: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            order = cr.argsort(x + c)
            return cr.take(x, order), (order, cr.prod(x.reshape((2, 2)), axis=0))

        last, (orders, products) = cr.scan(step, cr.zeros(4, "float64"), xs)
        return last, orders, products

    same_as_eager(f, rng.standard_normal((5, 4)))


def test_an_index_out_of_bounds_inside_of_a_loop_is_the_users_error() -> None:
    def f(x: Any, places: Any) -> Any:
        return cr.scan(lambda c, i: (c + x[i], c), 0.0, places)[1]

    run = cr.compile(f, engine="native")
    x = np.arange(3.0, dtype="float32")
    assert run(x, np.array([0, 2, 1])).tolist() == [0.0, 0.0, 2.0]
    with pytest.raises(cr.errors.BoundsError):
        run(x, np.array([0, 3, 1]))


def test_random_numbers_drawn_step_by_step_are_the_eager_ones() -> None:
    def f(xs: Any) -> Any:
        noise = cr.random.Generator(5).normal((6, 3))
        return cr.scan(lambda c, e: (c * 0.5 + e[0] * e[1], c), xs[0], (xs, noise))

    same_as_eager(f, rng.standard_normal((6, 3)).astype("float32"), close=1e-5)
