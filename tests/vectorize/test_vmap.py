"""``cr.vmap``: axes, nesting, composition with gradients and compilation, randomness,
and what is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, OptionError, ShapeError, TraceError


def values(*shape: int, seed: int = 0) -> Any:
    """A tensor of float64."""
    return cr.tensor(np.random.default_rng(seed).normal(size=shape))


def same(found: Any, expected: Any) -> None:
    """Equal but for rounding."""
    np.testing.assert_allclose(found.numpy(), np.asarray(expected), rtol=1e-10)


ENGINES: list[Callable[..., Any]] = [
    lambda f: f,
    lambda f: cr.compile(f, engine="numpy"),
    lambda f: cr.compile(f, engine="native"),
]
ways = pytest.mark.parametrize("way", ENGINES, ids=["eager", "numpy", "native"])


@ways
def test_axes_of_arguments_and_results_are_where_they_are_said_to_be(way: Any) -> None:
    x, w = values(3, 5, 2), values(2, 4)
    f = cr.vmap(lambda x, w: cr.tanh(x @ w), in_axes=(1, None), out_axes=-1)
    expected = np.stack([np.tanh(x.numpy()[:, i] @ w.numpy()) for i in range(5)], -1)
    same(way(f)(x, w), expected)


@ways
def test_nested_arguments_take_nested_axes(way: Any) -> None:
    x, b, c = values(4, 3), values(3), values(2, 4)
    f = cr.vmap(
        lambda p, c: {"sum": p["x"] + p["b"], "both": (c.sum(), 1.0)},
        in_axes=({"x": 0, "b": None}, 1),
        out_axes={"sum": 1, "both": 0},
    )
    found = way(f)({"x": x, "b": b}, c)
    same(found["sum"], (x.numpy() + b.numpy()).T)
    same(found["both"][0], c.numpy().sum(0))
    assert found["both"][1].numpy().tolist() == [1.0] * 4


@ways
def test_a_gradient_for_every_example_is_that_of_a_loop(way: Any) -> None:
    params = {"w": values(3, 2), "b": values(2, seed=1)}
    x, y = values(5, 3, seed=2), values(5, 2, seed=3)

    def loss(p: Any, x: Any, y: Any) -> Any:
        return ((cr.tanh(x @ p["w"] + p["b"]) - y) ** 2).sum()

    found = way(cr.vmap(cr.grad(loss), in_axes=(None, 0, 0)))(params, x, y)
    for i in range(5):
        expected = cr.grad(loss)(params, x[i], y[i])
        for name, each in expected.items():
            same(found[name][i], each.numpy())


@ways
def test_vmap_nests_and_mixes_with_grad_in_any_order(way: Any) -> None:
    a, b = values(3, 4), values(5, 4, seed=1)
    table = cr.vmap(cr.vmap(lambda x, y: cr.exp(x @ y), (None, 0)), (0, None))
    same(way(table)(a, b), np.exp(a.numpy() @ b.numpy().T))

    def total(a: Any) -> Any:
        return (cr.vmap(lambda x: (x**3).sum())(a) ** 2).sum()

    cubes = (a.numpy() ** 3).sum(1, keepdims=True)
    same(way(cr.grad(total))(a), 2 * cubes * 3 * a.numpy() ** 2)
    slopes = cr.vmap(cr.vmap(cr.grad(cr.grad(cr.tanh))))
    t = np.tanh(a.numpy())
    same(way(slopes)(a), -2 * t * (1 - t * t))


def test_a_gradient_flows_to_what_f_uses_from_outside() -> None:
    w, x = cr.parameter(values(3)), values(4, 3, seed=1)
    bend = cr.exp(cr.tensor(0.5, "float64"))
    loss = (cr.vmap(lambda row: (w * row).sum() * bend)(x)).sum()
    grads = cr.backprop(loss)
    same(grads[w], x.numpy().sum(0) * bend.item())
    same(grads[bend], (x.numpy() @ w.numpy()).sum())


@ways
def test_a_transposed_product_of_unequal_ranks_is_that_of_a_loop(way: Any) -> None:
    x, v = values(3, 2, 4), values(3, 4, seed=1)
    f = cr.vmap(lambda x, v: (x * v).T)
    same(way(f)(x, v), (x.numpy() * v.numpy()[:, None]).swapaxes(1, 2))
    column, row = values(3, 5, 2, 1), values(3, 5, 1, 4, seed=2)
    f = cr.vmap(lambda c, r: (c @ r).sum(0))
    same(way(f)(column, row), (column.numpy() @ row.numpy()).sum(1))
    f = cr.vmap(lambda c, r: (c @ r).sum(0), in_axes=(None, 0))
    same(way(f)(column[0], row), (column.numpy()[0] @ row.numpy()).sum(1))


@ways
def test_a_loop_whose_carry_starts_alike_may_end_unlike(way: Any) -> None:
    xs = values(4, 6)

    def run(xs: Any) -> Any:
        return cr.scan(lambda c, x: ((c[0] + x, c[1] + 1.0), c[0] * x), (0.0, 0.0), xs)

    (total, count), products = way(cr.vmap(run))(xs)
    sums = np.cumsum(xs.numpy(), 1)
    same(total, sums[:, -1])
    same(count, [6.0] * 4)
    before = np.concatenate([np.zeros((4, 1)), sums[:, :-1]], 1)
    np.testing.assert_allclose(products.numpy(), before * xs.numpy(), atol=1e-12)


@ways
def test_a_batch_inside_a_loop(way: Any) -> None:
    x, xs = values(3, 2), values(5, 2, seed=1)
    f = cr.vmap(lambda row, x: cr.tanh(row) * x.sum(), in_axes=(0, None))
    found = way(lambda x, xs: cr.scan(lambda c, e: (f(c, e), None), x, xs)[0])(x, xs)
    expected = x.numpy()
    for each in xs.numpy():
        expected = np.tanh(expected) * each.sum()
    same(found, expected)


@ways
def test_every_example_has_its_own_random_numbers_unless_asked(way: Any) -> None:
    x = cr.zeros((3, 1000))

    def noisy(row: Any) -> Any:
        return row + cr.random.normal(1000)

    cr.manual_seed(0)
    step, alike = way(cr.vmap(noisy)), way(cr.vmap(noisy, randomness="same"))
    first, second = step(x).numpy(), step(x).numpy()
    assert len(np.unique(np.concatenate([first, second]))) > 5900
    assert abs(np.corrcoef(first)[0, 1]) < 0.15
    shared = alike(x).numpy()
    assert (shared == shared[0]).all()
    assert not (shared[0] == first).any()


def test_the_same_seed_gives_the_same_numbers_eager_and_compiled() -> None:
    f = cr.vmap(lambda x: x * cr.random.uniform(4))
    found = []
    for way in ENGINES:
        cr.manual_seed(7)
        found.append(way(f)(cr.ones((3, 4))).numpy())
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@ways
def test_what_is_assigned_alike_by_all_examples_is_assigned_once(way: Any) -> None:
    calls = cr.Variable(0, name="calls")

    def f(x: Any) -> Any:
        calls.assign(calls + 1)
        return x * calls

    assert way(cr.vmap(f))(cr.ones(3)).numpy().tolist() == [1.0] * 3
    assert calls.item() == 1


def test_an_array_from_outside_is_read_anew_in_every_call() -> None:
    table = np.ones(2, np.float32)
    step = cr.compile(cr.vmap(lambda x: x * table))
    x = cr.ones((3, 2))
    step(x)
    table[:] = 5.0
    assert step(x).numpy().tolist() == [[5.0, 5.0]] * 3


@ways
def test_no_examples_give_no_results_of_the_right_shape(way: Any) -> None:
    x, k = cr.zeros((0, 1, 6, 2)), cr.zeros((0, 3, 2, 2))
    f = cr.vmap(lambda x, k: cr.convolution(x, k).sum(axis=1))
    assert way(f)(x, k).shape == (0, 1, 3)


def test_keyword_arguments_and_other_things_are_shared() -> None:
    f = cr.vmap(lambda x, how, scale=1.0: getattr(x, how)() * scale, in_axes=(0, None))
    assert f(cr.ones((2, 3)), "sum", scale=2.0).numpy().tolist() == [6.0, 6.0]


def test_a_module_is_a_function_too() -> None:
    layer = nn.Linear(3, 2)
    x = cr.ones((4, 3))
    np.testing.assert_allclose(cr.vmap(layer)(x).numpy(), layer(x).numpy(), rtol=1e-6)


def test_an_error_has_the_line_of_the_user() -> None:
    with pytest.raises(TraceError) as error:
        cr.vmap(lambda x: x if x > 0 else -x)(cr.ones(3))
    assert "test_vmap.py" in str(error.value)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: cr.vmap(3), ArgumentError, """
vmap: int is not a function
  fix        cr.vmap(f)(x)"""),
        (lambda: cr.vmap(cr.exp, randomness="differnt"), OptionError, """
unknown randomness 'differnt': expected one of 'different', 'same'
  fix        did you mean 'different'?"""),
        (lambda: cr.vmap(cr.add)(cr.ones((3, 2)), cr.ones(2)), ShapeError, """
vmap: arguments (3, 2), (2,): their first axes, those of the examples, must be equal
  fix        in_axes=None for an argument that all examples share"""),
        (lambda: cr.vmap(cr.add)(cr.ones(3), 2.0), ShapeError, """
vmap: argument (): a single number has no axis of examples
  fix        what all examples share has in_axes=None: cr.vmap(f, (0, None))"""),
        (lambda: cr.vmap(cr.exp, None)(cr.ones(3)), ArgumentError, """
vmap: no argument has an axis of examples: in_axes is None for all
  fix        in_axes=0 for what differs between the examples"""),
        (lambda: cr.vmap(cr.add, (0,))(cr.ones(3), cr.ones(3)), ArgumentError, """
vmap: in_axes=(0,), but the arguments are (*, *): expected a whole number or None for \
all of them, or nested likewise"""),
        (lambda: cr.vmap(cr.exp, 1)(cr.ones(3)), ShapeError, """
vmap: axis=1 of a tensor with 1 axes: expected -1 to 0"""),
        (lambda: cr.vmap(cr.exp, out_axes=None)(cr.ones(3)), ArgumentError, """
vmap: out_axes=None for a result (3,) that differs between the examples
  fix        out_axes=0"""),
        (lambda: cr.vmap(lambda x: cr.backprop(x * x))(cr.ones(3)), ArgumentError, """
vmap: f returned the gradients of backprop, which belong to the nodes of one example
  fix        return what you need of them: {'W': grads[W]}; or use \
cr.per_example_grads"""),
        (lambda: cr.vmap(lambda x: nn.BatchNorm2d(1)(x[None], training=True))(
            cr.ones((3, 2, 2, 1))), TraceError, """
vmap: f assigns running_mean (1,) a value that differs between the examples: one \
variable cannot hold all of them
  fix        return the value; in place of BatchNorm, whose averages couple the \
examples of a batch, GroupNorm or LayerNorm, or call it with training=False"""),
    ],
)  # fmt: skip
def test_a_wrong_use_is_an_error_that_says_so(
    call: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as error:
        call()
    lines = str(error.value).split("\n")
    shown = [each for each in lines if not each.startswith("  called at")]
    assert "\n".join(shown) == message[1:]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(
    "call",
    [
        lambda x: cr.vmap(lambda e: e if e > 0 else -e)(x),
        lambda x: cr.vmap(lambda e: e.item())(x),
        lambda x: cr.vmap(lambda e: e[e > 0])(x[:, None]),
        lambda x: cr.scan(lambda c, e: (c + e if e > 0 else c, e), 0 * x[0], x),
    ],
)
def test_a_value_inside_vmap_or_scan_is_no_matter_of_compile(
    call: Any, compiled: bool
) -> None:
    with pytest.raises(TraceError) as caught:
        (cr.compile(call) if compiled else call)(cr.ones(3))
    assert "cr.where" in str(caught.value.fix)
    assert "compile" not in str(caught.value.fix)
