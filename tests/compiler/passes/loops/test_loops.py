"""The passes on loops: what they do to a graph, and that they keep its meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiler import pipeline
from chainrule.compiler.passes.loops.invariants import move_fixed_values_out_of_loops
from chainrule.compiler.passes.loops.unused import drop_unused_results_of_loops
from chainrule.compiler.passes.products.pads import join_padded_parts
from chainrule.compiler.pipeline import run_passes
from chainrule.graph import Graph, Node

T, B, D, H = 6, 3, 4, 5
rng = np.random.default_rng(7)
XS, H0 = rng.standard_normal((T, B, D)), rng.standard_normal((B, H))
WX, WH = rng.standard_normal((4 * H, D)), rng.standard_normal((4 * H, H)) / 3
BIAS, WO = rng.standard_normal(4 * H), rng.standard_normal((2, H))


@pytest.fixture(autouse=True)
def debugging() -> Iterator[None]:
    """Every graph between two passes is checked against the grammar."""
    cr.config.debug = True
    yield
    cr.config.debug = False


# Bodies: f(carry, x, wx, wh, b, wo) → carry, emitted.
# ------------------------------------------------------------------------------------


def simple(h: Any, x: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
    h = cr.tanh(x @ wx[:H].T + h @ wh[:H].T + b[:H])
    return h, h


def rectified(h: Any, x: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
    h = cr.relu(x @ wx[:H].T + h @ wh[:H].T + b[:H])
    return h, h @ wo.T


def lstm(h: Any, x: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
    h, c = h[:, :H], h[:, H:]
    z = x @ wx.T + h @ wh.T + b
    i, f, g, o = (z[:, k * H : (k + 1) * H] for k in range(4))
    c = cr.sigmoid(f) * c + cr.sigmoid(i) * cr.tanh(g)
    h = cr.sigmoid(o) * cr.tanh(c)
    return cr.concatenate([h, c], axis=1), h


def peepholes(h: Any, x: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
    gate = cr.sigmoid(x @ wx[:H].T + wo[0] * h)
    h = gate * h + (1 - gate) * cr.tanh(h @ wh[:H].T)
    return h, (h * wo[1], gate)


def classified(h: Any, x: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
    h = cr.tanh(x @ wx[:H].T + h @ wh[:H].T)
    logits = h @ wo.T
    return h, cr.logsumexp(logits, axis=1) - logits[:, 0]


def twice(h: Any, x: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
    w = wh[:H] * b[:H]
    h = cr.sin(h @ w + x @ wx[:H].T) @ w
    return h, cr.exp(w).sum() * h[0]


def nested(h: Any, x: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
    def inner(c: Any, row: Any) -> Any:
        return cr.tanh(c @ wh[:H].T + row @ wx[:H].T), c.sum()

    h, sums = cr.scan(inner, h, cr.stack([x, x * 2.0]))
    return h, sums


def linear(h: Any, x: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
    return h * 0.9 + x @ wx[:H].T, None


def summed(h: Any, x: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
    return h + cr.tanh(x @ wx[:H].T) @ wh[:H] + b[:H], x


def masked(h: Any, x: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
    new = cr.tanh(x @ wx[:H].T + h @ wh[:H].T)
    h = cr.where(x[:, :1] > 0, new, h)
    return h, cr.max(h, axis=1, keepdims=True)


def stochastic(h: Any, x: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
    kept = cr.stop_gradient(cr.sin(1e4 * h)) > 0
    return cr.where(kept, cr.tanh(h @ wh[:H].T + x @ wx[:H].T), 0.0), h.argmax(axis=1)


BODIES = [
    simple, rectified, lstm, peepholes, classified, twice, nested, linear, summed,
    masked, stochastic,
]  # fmt: skip
Body = Callable[..., Any]


def looped(body: Body, **options: Any) -> Callable[..., Any]:
    """A number that depends on everything that a loop answers."""

    def f(h: Any, xs: Any, wx: Any, wh: Any, b: Any, wo: Any) -> Any:
        if body is lstm:
            h = cr.concatenate([h, h], axis=1)
        last, emitted = cr.scan(
            lambda h, x: body(h, x, wx, wh, b, wo), h, xs, **options
        )
        found = (last**2).sum()
        for each in emitted if isinstance(emitted, tuple) else [emitted]:
            if each is not None:
                found = found + cr.sin(each).sum()
        return found

    return f


ARGUMENTS = (H0, XS, WX, WH, BIAS, WO)


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize(
    "options", [{}, {"reverse": True}, {"recompute": True}], ids=str
)
@pytest.mark.parametrize("body", BODIES)
def test_compiled_gradients_are_the_eager_ones(
    body: Body, options: dict[str, Any], engine: str
) -> None:
    f = cr.value_and_grad(looped(body, **options), argnums=tuple(range(6)))
    value, wanted = f(*ARGUMENTS)
    found, gradients = cr.compile(f, engine=engine)(*ARGUMENTS)
    np.testing.assert_allclose(found.numpy(), value.numpy(), rtol=1e-10)
    for each, right in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(each.numpy(), right.numpy(), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("engine", ["native", "numpy"])
@pytest.mark.parametrize("length", [0, 1, 2])
@pytest.mark.parametrize("body", [simple, lstm, classified, nested])
def test_short_loops_have_the_same_gradients(
    body: Body, length: int, engine: str
) -> None:
    f = cr.grad(looped(body), argnums=(0, 2, 3))
    arguments = (H0, XS[:length], *ARGUMENTS[2:])
    found = cr.compile(f, engine=engine)(*arguments)
    for each, right in zip(found, f(*arguments), strict=True):
        np.testing.assert_allclose(each.numpy(), right.numpy(), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("body", [simple, lstm, nested, summed])
def test_the_gradient_of_a_gradient_is_kept(body: Body) -> None:
    def f(h: Any, xs: Any, wh: Any) -> Any:
        def g(wh: Any) -> Any:
            return looped(body)(h, xs, WX, wh, BIAS, WO)

        return (cr.grad(g)(wh) ** 2).sum()

    wanted = cr.grad(f, argnums=(0, 2))(H0, XS[:3], WH)
    for engine in ("native", "numpy"):
        found = cr.compile(cr.grad(f, argnums=(0, 2)), engine=engine)(H0, XS[:3], WH)
        for each, right in zip(found, wanted, strict=True):
            np.testing.assert_allclose(each.numpy(), right.numpy(), rtol=1e-7)


@pytest.mark.parametrize("body", [simple, lstm])
def test_gradients_agree_with_finite_differences(body: Body) -> None:
    f = looped(body)
    cr.check_gradients(f, H0, XS[:3], WX, WH, BIAS, WO)


# What is in the graphs.
# ------------------------------------------------------------------------------------


def loops_in(graph: Graph) -> list[Node]:
    """The loops of a graph."""
    return [n for n in graph.operations if n.op is not None and n.op.name == "scan"]


def names_in(loop: Node) -> list[str]:
    """The operations of a loop's body."""
    return [n.op.name for n in loop.params["body"].operations if n.op is not None]


def after_passes(body: Body, argnums: Any = (2, 3, 4), **options: Any) -> list[Node]:
    f = cr.grad(looped(body, **options), argnums=argnums)
    return loops_in(run_passes(cr.trace(f, *ARGUMENTS)))


def test_the_loops_of_an_lstm_have_one_product_each() -> None:
    forward, backward = after_passes(lstm, (1, 2, 3, 4))
    assert names_in(forward).count("matmul") == 1
    assert names_in(backward).count("matmul") == 1
    assert not {"sigmoid", "tanh", "pad"}.intersection(names_in(backward))
    assert "sum" not in names_in(backward)


def test_the_gradient_of_a_part_of_the_weights_is_one_product() -> None:
    f = cr.grad(looped(simple), argnums=(2, 3))
    graph = run_passes(cr.trace(f, *ARGUMENTS))
    products = {n.shape for n in graph.operations if n.op and n.op.name == "matmul"}
    assert {(H, D), (H, H)} <= products
    assert not any(len(shape) > 2 for shape in products)  # none for every step


def attended(h: Any, xs: Any, wx: Any, wh: Any) -> Any:
    """A decoder: what it attends to is masked, and its output is carried for nobody."""
    there = np.arange(D) < np.array([[2], [4], [3]])

    def step(carry: Any, x: Any) -> Any:
        h, _ = carry
        share = cr.softmax(cr.where(there, h @ wx[:H], -1e9), axis=1)
        h = cr.tanh((x * share) @ wx[:H].T + h @ wh[:H].T)
        s = cr.tanh(h @ wh[H : 2 * H].T)
        return (h, s), s

    (h, _), out = cr.scan(step, (h, cr.zeros_like(h)), xs)
    return (h * H0).sum() + (out**2).sum()


def test_what_depends_on_constants_is_kept_for_the_backward_loop() -> None:
    graph = run_passes(cr.trace(cr.grad(attended, argnums=(2, 3)), H0, XS, WX, WH))
    outside = {n.op.name for n in graph.operations if n.op is not None}
    assert "exp" not in outside
    _, backward = loops_in(graph)
    assert not {"exp", "tanh"} & {*names_in(backward)}


def test_a_gradient_that_stays_zero_is_not_carried() -> None:
    graph = run_passes(cr.trace(cr.grad(attended, argnums=(2, 3)), H0, XS, WX, WH))
    forward, backward = loops_in(graph)
    assert [each.params["split"].carry for each in (forward, backward)] == [1, 1]
    # δ of the output layer goes through its weights for all steps at once, and its
    # products are summed over the steps behind the loop: neither is in the loop.
    assert names_in(backward).count("matmul") == 3
    wanted = cr.grad(attended, argnums=(2, 3))(H0, XS, WX, WH)
    for engine in ("native", "numpy"):
        compiled = cr.compile(cr.grad(attended, argnums=(2, 3)), engine=engine)
        for found, right in zip(compiled(H0, XS, WX, WH), wanted, strict=True):
            np.testing.assert_allclose(found.numpy(), right.numpy(), rtol=1e-9)


def test_a_carry_of_zeros_is_no_carry() -> None:
    def f(xs: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            zero, total = carry
            return (cr.zeros(3), total + x + zero), total + zero

        return cr.scan(step, (cr.zeros(3), cr.ones(3)), xs)

    graph = run_passes(cr.trace(f, XS[:, 0, :3].astype("f")))
    (loop,) = loops_in(graph)
    assert loop.params["split"].carry == 1
    (zero, total), found = cr.compile(f)(XS[:, 0, :3].astype("f"))
    np.testing.assert_array_equal(zero.numpy(), np.zeros(3))
    np.testing.assert_allclose(total.numpy(), 1 + XS[:, 0, :3].sum(axis=0), rtol=1e-5)
    assert found.shape == (T, 3)


def test_a_loop_that_recomputes_keeps_its_carries_alone() -> None:
    forward, backward = after_passes(lstm, recompute=True)
    met = forward.params["split"].carry
    emitted = forward.params["body"].outputs[met:]
    inside = set(forward.params["body"].inputs)
    kept = [each for each in emitted if each in inside]
    assert (len(emitted), len(kept)) == (1 + met, met)  # h of every step is an output
    assert {"sigmoid", "tanh"}.issubset(names_in(backward))


def test_nothing_is_kept_where_no_gradient_is_asked_for() -> None:
    graph = run_passes(cr.trace(lambda *a: looped(lstm)(*a), *ARGUMENTS))
    (loop,) = loops_in(graph)
    assert len(loop.params["body"].outputs) == 2  # the carry, and h


def test_an_output_layer_inside_of_a_loop_is_computed_behind_it() -> None:
    def f(h: Any, xs: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            h = cr.tanh(x @ WX[:H].T + h @ WH[:H].T)
            return h, cr.softmax(cr.relu(h @ WO.T))

        return cr.scan(step, h, xs)

    graph = run_passes(cr.trace(f, H0, XS))
    (loop,) = loops_in(graph)
    assert names_in(loop) == ["transpose", "matmul", "add", "tanh"] or (
        sorted(names_in(loop)) == ["add", "matmul", "tanh"]
    )
    for engine in ("native", "numpy"):
        for found, right in zip(
            cr.compile(f, engine=engine)(H0, XS), f(H0, XS), strict=True
        ):
            np.testing.assert_allclose(found.numpy(), right.numpy(), rtol=1e-12)


def test_a_carry_that_nobody_reads_is_dropped() -> None:
    def before(xs: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            total, largest, count = carry
            return (total + x, cr.maximum(largest, x), count + 1), (total, x)

        return cr.scan(step, (0.0, -1.0, 0), xs)[0][0]

    def after(xs: Any) -> Any:
        return cr.scan(lambda c, x: (c + x, None), 0.0, xs)[0]

    found, wanted = (
        drop_unused_results_of_loops(cr.trace(each, XS[:, 0, 0]))
        for each in (before, after)
    )
    assert found == wanted


def test_a_carry_that_stays_as_it_was_is_no_carry() -> None:
    def before(c: Any, xs: Any) -> Any:
        (same, total), (ys, zs) = cr.scan(
            lambda c, x: ((c[0], c[1] + c[0] * x), (x, c[0] * x)), (c, 0.0), xs
        )
        return same, total, ys, zs

    graph = drop_unused_results_of_loops(cr.trace(before, 2.0, XS[:, 0, 0]))
    (loop,) = loops_in(graph)
    assert loop.params["split"].carry == 1
    assert graph.outputs[0] is graph.inputs[0]
    assert graph.outputs[2] is graph.inputs[1]
    for engine in ("native", "numpy"):
        for found, right in zip(
            cr.compile(before, engine=engine)(2.0, XS[:, 0, 0]),
            before(2.0, XS[:, 0, 0]),
            strict=True,
        ):
            np.testing.assert_allclose(found.numpy(), right.numpy(), rtol=1e-6)


def test_what_is_the_same_in_every_step_is_computed_before_the_loop() -> None:
    def f(c: Any, w: Any, xs: Any) -> Any:
        return cr.scan(lambda c, x: (c @ cr.exp(w).T + x, None), c, xs)[0]

    graph = move_fixed_values_out_of_loops(cr.trace(f, H0, WH[:H], XS[:, :, :1]))
    (loop,) = loops_in(graph)
    assert names_in(loop) == ["transpose", "matmul", "add"]
    assert next(n.op.name for n in graph.operations if n.op) == "exp"


SHARES = (((0, 0), (0, 6)), ((0, 0), (2, 3)), ((0, 0), (5, 0)))


def padded(x: Any, widths: Any) -> Any:
    return cr.pad(x[:, : 8 - widths[1][0] - widths[1][1]], widths)


def test_padded_parts_that_fill_an_axis_are_put_side_by_side() -> None:
    def before(x: Any, y: Any) -> Any:
        a, b, c = (padded(x, each) for each in SHARES)
        return b + (y + c) + a

    def after(x: Any, y: Any) -> Any:
        return cr.concatenate([x[:, :2], x[:, :3], x[:, :3]], axis=1) + y

    x, y = rng.standard_normal((2, 3)), rng.standard_normal((2, 8))
    found = join_padded_parts(cr.trace(before, x, y))
    assert found == cr.trace(after, x, y)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: padded(x, SHARES[0]) + padded(x, SHARES[1]),  # a gap
        lambda x: padded(x, SHARES[0]) + padded(x, ((0, 0), (1, 4))),  # an overlap
        lambda x: cr.pad(x, [(0, 2), (0, 0)]) + cr.pad(x.T, [(0, 1), (0, 1)]),
        lambda x: cr.pad(x, [(0, 2), (0, 0)], value=1.0) + cr.pad(x, [(2, 0), (0, 0)]),
    ],
)  # fmt: skip
def test_other_sums_of_pads_stay(f: Any) -> None:
    graph = cr.trace(f, rng.standard_normal((2, 3)))
    assert join_padded_parts(graph) == graph


def test_passes_on_loops_settle() -> None:
    for body in BODIES:
        f = cr.grad(looped(body), argnums=(0, 2, 3))
        once = run_passes(cr.trace(f, *ARGUMENTS))
        for each in pipeline.PASSES:
            assert len(each(once).operations) <= len(once.operations) + 2
