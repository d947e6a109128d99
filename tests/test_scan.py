"""``scan``: loops of any length, nested values, captured tensors, two derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, DTypeError, ShapeError, TraceError
from tests.contracts.samples import Array

rng = np.random.default_rng(3)
W = rng.standard_normal((3, 3)) / 2
XS = rng.standard_normal((5, 2, 3))
H = rng.standard_normal((2, 3))


def both(f: Any) -> list[Any]:
    """A function as it is, and compiled."""
    return [f, cr.compile(f)]


def recurrent(h: Any, xs: Any, w: Any, **options: Any) -> Any:
    """A recurrent network: the last state, and every state."""
    return cr.scan(lambda h, x: (cr.tanh(h @ w + x),) * 2, h, xs, **options)


def by_hand(
    h: Array, xs: Array, w: Array, reverse: bool = False
) -> tuple[Array, Array]:
    """The same loop in NumPy."""
    states = np.zeros((len(xs), *h.shape))
    for t in range(len(xs))[:: -1 if reverse else 1]:
        h = states[t] = np.tanh(h @ w + xs[t])
    return h, states


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 5])
def test_a_loop_is_the_python_loop(length: int, reverse: bool) -> None:
    wanted = by_hand(H, XS[:length], W, reverse)
    for run in both(lambda h, xs, w: recurrent(h, xs, w, reverse=reverse)):
        for found, each in zip(run(H, XS[:length], W), wanted, strict=True):
            np.testing.assert_allclose(found.numpy(), each, rtol=1e-13)


def test_backpropagation_through_time_is_that_through_the_unrolled_loop() -> None:
    def unrolled(h: Any, xs: Any, w: Any) -> Any:
        states = []
        for t in range(5):
            h = cr.tanh(h @ w + xs[t])
            states.append(h)
        return (cr.stack(states) ** 2).sum() + h.sum()

    def scanned(h: Any, xs: Any, w: Any) -> Any:
        last, states = recurrent(h, xs, w)
        return (states**2).sum() + last.sum()

    wanted = cr.grad(unrolled, argnums=(0, 1, 2))(H, XS, W)
    for run in both(cr.grad(scanned, argnums=(0, 1, 2))):
        for found, each in zip(run(H, XS, W), wanted, strict=True):
            np.testing.assert_allclose(found.numpy(), each.numpy(), rtol=1e-10)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 4])
def test_two_derivatives_agree_with_finite_differences(
    length: int, reverse: bool
) -> None:
    def f(h: Any, xs: Any, w: Any) -> Any:
        return recurrent(h, xs, w, reverse=reverse)

    cr.check_gradients(f, H, XS[:length], W)


def nodes_in(graph: cr.Graph) -> int:
    """The number of nodes, those inside of loops included."""
    inside = [
        nodes_in(node.params["body"]) for node in graph.nodes if "body" in node.params
    ]
    return len(graph.nodes) + sum(inside)


def test_the_graph_of_a_loop_does_not_grow_with_its_length() -> None:
    def gradient(h: Any, xs: Any, w: Any) -> Any:
        return cr.grad(lambda w: recurrent(h, xs, w)[1].sum())(w)

    sizes = set()
    for length in (10, 10_000):
        graph = cr.trace(gradient, H, np.zeros((length, 2, 3)), W)
        sizes.add((nodes_in(graph), str(graph).count("\n")))
    assert len(sizes) == 1


def test_a_loop_of_ten_thousand_steps_has_the_right_gradient() -> None:
    def f(a: Any) -> Any:
        return cr.scan(lambda c, _: (a * c, None), 1.0, length=10_000)[0]

    a = 1 - 1e-5
    for run in both(cr.grad(f)):
        found = run(cr.tensor(a, "float64")).item()
        np.testing.assert_allclose(found, 10_000 * a**9_999, rtol=1e-9)


def test_carry_inputs_and_outputs_are_nested_as_they_are_given() -> None:
    def step(carry: Any, x: Any) -> Any:
        total = carry["total"] + x["a"] * x["b"][0]
        return {"total": total, "count": carry["count"] + 1}, (total, [x["a"], None])

    init = {"total": cr.tensor(0.0), "count": 0}
    xs = {"a": cr.arange(4).astype("float32"), "b": (cr.ones(4) * 2,)}
    for run in both(lambda init, xs: cr.scan(step, init, xs)):
        carry, (totals, (a, none)) = run(init, xs)
        assert carry["total"].item() == 12.0
        assert carry["count"].item() == 4
        assert carry["count"].dtype == "int64"
        assert totals.numpy().tolist() == [0.0, 2.0, 6.0, 12.0]
        assert a.numpy().tolist() == [0.0, 1.0, 2.0, 3.0]
        assert none is None


def test_integer_carries_count_and_the_rest_still_has_gradients() -> None:
    def f(x: Any) -> Any:
        def step(carry: Any, _: Any) -> Any:
            i, total = carry
            return (i + 1, total + x[i] * i), i

        (count, total), seen = cr.scan(step, (0, 0.0), length=3)
        return total, (count, seen)

    x = cr.tensor([5.0, 6.0, 7.0])
    for run in both(cr.value_and_grad(f, has_aux=True)):
        (total, (count, seen)), g = run(x)
        assert (total.item(), count.item(), seen.tolist()) == (20.0, 3, [0, 1, 2])
        assert g.numpy().tolist() == [0.0, 1.0, 2.0]


def test_tensors_and_parameters_from_outside_are_captured() -> None:
    w, scale = cr.parameter([2.0, 3.0], name="w"), cr.tensor(10.0)

    def f(xs: Any) -> Any:
        total, _ = cr.scan(lambda c, x: (c + x * w * scale, None), cr.zeros(2), xs)
        grads = cr.backprop(total.sum())
        return total, grads[w]

    xs = np.array([1.0, 2.0, 3.0], np.float32)
    for run in both(f):
        total, g = run(xs)
        assert total.numpy().tolist() == [120.0, 180.0]
        assert g.numpy().tolist() == [60.0, 60.0]
    w.assign([1.0, 1.0])
    assert run(xs)[0].numpy().tolist() == [60.0, 60.0]


def test_a_parameter_assigned_before_the_loop_is_seen_inside_it() -> None:
    w = cr.Variable(1.0)

    def f() -> Any:
        w.assign(w * 3)
        return cr.scan(lambda c, _: (c * w, w + c), 1.0, length=2)

    last, seen = cr.compile(f)()
    assert (last.item(), seen.tolist(), w.item()) == (9.0, [4.0, 6.0], 3.0)


def test_loops_nest() -> None:
    def f(x: Any) -> Any:
        def outer(c: Any, row: Any) -> Any:
            inner, _ = cr.scan(lambda d, e: (d * cr.sin(e) + c, None), x[0, 0], row)
            return c + inner, inner

        return cr.scan(outer, x.sum(), x)

    x = rng.standard_normal((3, 4))
    c, wanted = x.sum(), []
    for row in x:
        d = x[0, 0]
        for e in row:
            d = d * np.sin(e) + c
        wanted.append(d)
        c = c + d
    for run in both(f):
        last, emitted = run(x)
        np.testing.assert_allclose(last.numpy(), c)
        np.testing.assert_allclose(emitted.numpy(), wanted)
    cr.check_gradients(f, x)


def test_gradients_inside_the_body_are_those_of_the_body() -> None:
    def newton(c: Any, _: Any) -> Any:
        f = c * c - 2.0
        return c - f / cr.grad(lambda x: x * x - 2.0)(c), None

    for run in both(lambda: cr.scan(newton, 1.0, length=6)[0]):
        np.testing.assert_allclose(run().item(), np.sqrt(2), rtol=1e-6)


def test_a_number_to_start_from_takes_the_dtype_of_the_step() -> None:
    xs = cr.tensor([1.5, 2.0], "float64")
    for start in (0, 0.0, cr.tensor(0.0, "float64")):
        last, sums = cr.scan(lambda c, x: (c + x, c), start, xs)
        assert (last.dtype, sums.dtype) == ("float64", "float64")
        assert (last.item(), sums.tolist()) == (3.5, [0.0, 1.5])
    last, emitted = cr.scan(lambda c, x: (0, (1, x)), 5, xs)
    assert (last.dtype, emitted[0].dtype) == ("int64", "int64")


def test_a_loop_without_a_carry_is_a_map() -> None:
    nothing, ys = cr.scan(lambda _, x: (None, x * x), None, cr.tensor([1.0, 2.0]))
    assert nothing is None
    assert ys.tolist() == [1.0, 4.0]
    assert cr.scan(lambda _, x: (None, 1.0), None, length=2)[1].tolist() == [1.0, 1.0]


def test_an_unchanged_carry_and_an_emitted_input_have_their_gradients() -> None:
    def f(c: Any, xs: Any) -> Any:
        last, ys = cr.scan(lambda c, x: (c, x), c, xs)
        return 2.0 * last + (ys * ys).sum()

    by_carry, by_xs = cr.grad(f, argnums=(0, 1))(1.0, cr.tensor([1.0, 2.0]))
    assert (by_carry.item(), by_xs.tolist()) == (2.0, [2.0, 4.0])


def test_the_result_of_no_steps_is_not_the_first_carry_itself() -> None:
    x = np.ones(2)
    result = cr.compile(lambda x: cr.scan(lambda c, _: (c + 1, None), x, length=0)[0])(
        x
    )
    x[:] = 7
    assert result.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: cr.scan(lambda c, x: (cr.stack([c, c]), None), 0.0, XS[:, 0, 0]),
         ShapeError, r"scan: carry \(\) became \(2,\) after one step"),
        (lambda: cr.scan(lambda c, x: (c > 0, None), cr.tensor(0.0), XS[:, 0, 0]),
         DTypeError, r"scan: carry \(\) of float32 became bool"),
        (lambda: cr.scan(lambda c, x: (x, None), cr.tensor(0), XS[:, 0, 0]),
         DTypeError, r"scan: carry \(\) of int64 became float64 after one step"),
        (lambda: cr.scan(lambda c, x: ((c[0], 2.5), None), (0.0, cr.tensor(1)), XS),
         DTypeError, r"scan: carry\.1 \(\) of int64 became float32 after one step"),
        (lambda: cr.scan(lambda c, x: ((c, c), None), 0.0, XS),
         ArgumentError, r"was given the carry \* and returned \(\*, \*\)"),
        (lambda: cr.scan(lambda c, x: c, cr.zeros(2), XS),
         ArgumentError, r"f returned Tensor: expected a pair"),
        (lambda: cr.scan(lambda c, x: (c, None), 0.0), ArgumentError, "without xs"),
        (lambda: cr.scan(lambda c, x: (c, None), 0.0, length=-1),
         ArgumentError, "length=-1: expected a whole"),
        (lambda: cr.scan(lambda c, x: (c, None), 0.0, length=2.5),
         ArgumentError, "length=2.5: expected a whole number"),
        (lambda: cr.scan(lambda c, x: (c, None), 0.0, XS, length=4),
         ShapeError, r"sequences \(5, 2, 3\) with length=4: all must have the same"),
        (lambda: cr.scan(lambda c, x: (c, None), 0.0, (XS, XS[1:])),
         ShapeError, r"sequences \(5, 2, 3\), \(4, 2, 3\): all must have the same"),
        (lambda: cr.scan(lambda c, x: (c, None), 0.0, cr.tensor(1.0)),
         ShapeError, "a sequence needs a first axis"),
        (lambda: cr.scan(lambda c, x: (c if c > 0 else -c, None), 0.0, length=2),
         TraceError, "the body of scan"),
    ],
)  # fmt: skip
def test_wrong_uses_are_errors_that_say_why(
    call: Any, error: Any, message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


def test_the_body_may_not_assign_to_variables() -> None:
    w = cr.Variable(0.0, name="w")

    def step(c: Any, _: Any) -> Any:
        w.assign(w + 1)
        return c, None

    for run in both(lambda: cr.scan(step, 0.0, length=2)):
        with pytest.raises(TraceError, match=r"w .* inside the body of a scan"):
            run()
    assert w.item() == 0.0
