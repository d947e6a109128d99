"""The chain rule: gradients of every kind of node, and of values that have changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.backprop import unbroadcast
from chainrule.errors import GradientError


def both(f: Any) -> list[Any]:
    """A function as it is, and compiled."""
    return [f, cr.compile(f)]


def test_the_example_of_the_lectures() -> None:
    x, y, z = (cr.tensor(v, "float64") for v in (1.0, -3.0, 4.0))
    s = x + y
    f = s * z
    grads = cr.backprop(f)
    assert (s.item(), f.item()) == (-2.0, -8.0)
    assert [grads[node].item() for node in (x, y, z, s, f)] == [
        4.0,
        4.0,
        -2.0,
        4.0,
        1.0,
    ]


def test_every_node_has_its_gradient_also_those_in_between() -> None:
    W = cr.parameter([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], "float64", name="W")
    x = cr.tensor([[0.5, -1.0]], "float64")
    z = x @ W.T
    a = cr.sigmoid(z)
    grads = cr.backprop(0.5 * ((a - 1) ** 2).sum())
    delta_a = a.numpy() - 1
    delta_z = delta_a * a.numpy() * (1 - a.numpy())
    np.testing.assert_allclose(grads[a].numpy(), delta_a)
    np.testing.assert_allclose(grads[z].numpy(), delta_z)
    np.testing.assert_allclose(grads[W].numpy(), delta_z.T @ x.numpy())
    np.testing.assert_allclose(grads[x].numpy(), delta_z @ W.numpy())
    assert grads[W].shape == W.shape
    assert W in grads
    assert W in set(grads)


def test_a_node_that_is_used_several_times_collects_every_gradient() -> None:
    x = cr.tensor([2.0, 3.0], "float64")
    y = x * x
    grads = cr.backprop((y * x + y + x).sum())
    np.testing.assert_allclose(grads[x].numpy(), 3 * x.numpy() ** 2 + 2 * x.numpy() + 1)
    np.testing.assert_allclose(grads[y].numpy(), x.numpy() + 1)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1), (1, 3), (2, 3), (1, 1, 3)])
def test_a_broadcast_operand_gets_the_sum_over_its_copies(shape: Any) -> None:
    a = cr.tensor(np.ones(shape))
    weights = np.arange(12.0).reshape(2, 2, 3)
    grads = cr.backprop((a * weights).sum())
    wanted = np.broadcast_to(np.ones(shape), (2, 2, 3))
    assert grads[a].shape == shape
    np.testing.assert_allclose(
        grads[a].numpy(), unbroadcast(cr.tensor(weights), shape).numpy()
    )
    assert grads[a].numpy().sum() == weights.sum() * wanted[0, 0, 0]


def test_operands_that_are_broadcast_to_nothing_get_zeros() -> None:
    a, b = cr.ones((1, 3), "float64"), cr.ones((0, 1), "float64")
    grads = cr.backprop((a * b).sum())
    np.testing.assert_array_equal(grads[a].numpy(), np.zeros((1, 3)))
    assert grads[b].shape == (0, 1)


def test_integers_and_bools_get_no_gradient() -> None:
    x, i = cr.tensor([1.0, 2.0, 3.0]), cr.tensor([2, 0])
    grads = cr.backprop((x[i] * i).sum())
    assert grads[x].numpy().tolist() == [0.0, 0.0, 2.0]
    assert i not in grads
    with pytest.raises(GradientError, match=r"is int64: only floating-point"):
        grads[i]


def test_a_loss_of_one_element_has_the_shape_it_has() -> None:
    x = cr.tensor([[3.0]])
    assert cr.backprop(x * x)[x].numpy().tolist() == [[6.0]]


def test_a_parameter_itself_can_be_the_loss() -> None:
    w = cr.parameter(3.0)
    assert cr.backprop(w)[w].item() == 1.0


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (
            lambda: cr.tensor([1.0, 2.0]) * 2,
            r"has 2 elements: a gradient is that of one",
        ),
        (lambda: cr.tensor(1) * 2, r"loss of int64: only floating-point"),
        (lambda: cr.tensor(1.0), r"not computed from anything"),
        (lambda: 1.0, r"float is not a tensor"),
        (lambda: cr.compile(lambda x: x * x)(2.0), r"not computed from anything"),
    ],
)
def test_a_loss_without_a_gradient_is_an_error(loss: Any, message: str) -> None:
    with pytest.raises(GradientError, match=message):
        cr.backprop(loss())


def test_a_parameter_that_the_loss_does_not_use_is_an_error() -> None:
    used, unused = cr.parameter(1.0, name="used"), cr.parameter([1.0], name="unused")
    grads = cr.backprop(used * 2)
    with pytest.raises(GradientError, match=r"parameter unused \(1,\) is not reached"):
        grads[unused]
    with pytest.raises(GradientError, match="is not reached"):
        cr.backprop(cr.stop_gradient(unused).sum() + used)[unused]
    assert unused not in grads
    assert grads.get(unused) is None
    with pytest.raises(GradientError, match="str is not a tensor"):
        grads["used"]  # type: ignore[index]


def test_the_mapping_starts_with_the_variables_and_can_be_replaced() -> None:
    w, v, x = cr.parameter(2.0), cr.parameter(3.0), cr.tensor(5.0)
    grads = cr.backprop(w * v * x)
    assert {id(node) for node in list(grads)[:2]} == {id(w), id(v)}
    assert len(grads) == len(list(grads)) > 3
    halved = grads.replaced({w: grads[w] * 0.5})
    assert (halved[w].item(), halved[v].item(), grads[w].item()) == (7.5, 10.0, 15.0)


# Variables that change. ---------------------------------------------------------------


def test_gradients_are_those_at_the_values_of_the_forward_pass() -> None:
    w = cr.parameter(3.0)
    loss = w * w * w
    w.assign(100.0)
    assert cr.backprop(loss)[w].item() == 27.0
    assert cr.backprop(w * w)[w].item() == 200.0


def test_two_steps_in_one_function_are_the_same_compiled() -> None:
    results = []
    for compiled in (False, True):
        w = cr.parameter([1.0, -2.0], "float64")

        def step(x: Any, w: Any = w) -> Any:
            first = ((w * x) ** 2).sum()
            w.assign(w - 0.1 * cr.backprop(first)[w])
            second = ((w * x) ** 2).sum()
            w.assign(w - 0.1 * cr.backprop(second)[w])
            return first, second

        run = cr.compile(step) if compiled else step
        losses = [[each.item() for each in run(np.array([0.5, 2.0]))] for _ in range(3)]
        results.append((losses, w.numpy().tolist()))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-12)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-12)


def adversarial(
    compiled: bool, order: str
) -> tuple[list[list[float]], list[float], list[float]]:
    """Two players with a parameter each, and losses that depend on both."""
    g, d = cr.parameter([0.5, -1.0], "float64"), cr.parameter([1.5, 0.2], "float64")

    def play(x: Any) -> Any:
        def loss_d() -> Any:
            return (cr.tanh(d * x) - cr.sigmoid(d * g)).sum()

        def loss_g() -> Any:
            return (cr.sigmoid(d * g) ** 2).sum()

        if order == "in turn":
            first = loss_d()
            d.assign(d - 0.3 * cr.backprop(first)[d])
            second = loss_g()  # sees the new d
            g.assign(g - 0.3 * cr.backprop(second)[g])
        elif order == "both first":
            first, second = loss_d(), loss_g()
            grads_d, grads_g = cr.backprop(first), cr.backprop(second)
            d.assign(d - 0.3 * grads_d[d])
            g.assign(g - 0.3 * grads_g[g])
        else:  # the graph of the second loss is older than the assignment
            first, second = loss_d(), loss_g()
            d.assign(d - 0.3 * cr.backprop(first)[d])
            g.assign(g - 0.3 * cr.backprop(second)[g])
            d.assign(d - 0.3 * cr.backprop(second)[d])
        return first, second

    run = cr.compile(play) if compiled else play
    losses = [[v.item() for v in run(np.array([1.0, 0.3]))] for _ in range(4)]
    return losses, d.tolist(), g.tolist()


@pytest.mark.parametrize("order", ["in turn", "both first", "interleaved"])
def test_two_players_learn_the_same_eager_and_compiled(order: str) -> None:
    for eager, compiled in zip(adversarial(False, order), adversarial(True, order),
                               strict=True):  # fmt: skip
        np.testing.assert_allclose(eager, compiled, rtol=1e-12)


def test_a_loss_computed_between_two_assignments_finds_its_own_version() -> None:
    def f(w: Any) -> Any:
        w.assign(w * 2)
        loss = w * w
        w.assign(w * 10)
        return cr.backprop(loss)[w]

    for run in both(f):
        assert run(cr.parameter(3.0)).item() == 12.0


# Higher derivatives. ------------------------------------------------------------------


def test_third_derivatives_are_exact() -> None:
    x = cr.tensor([0.3, -1.2, 2.0], "float64")

    def third(f: Any) -> Any:
        def once(f: Any) -> Any:
            return cr.grad(lambda x: f(x).sum())

        return once(once(once(f)))

    t = np.tanh(x.numpy())
    d = 1 - t * t
    for run in both(third(cr.tanh)):
        np.testing.assert_allclose(run(x).numpy(), d * (4 * t * t - 2 * d), rtol=1e-12)
    for run in both(third(lambda x: x**5)):
        np.testing.assert_allclose(run(x).numpy(), 60 * x.numpy() ** 2, rtol=1e-12)
    for run in both(third(lambda x: cr.exp(2 * x))):
        np.testing.assert_allclose(
            run(x).numpy(), 8 * np.exp(2 * x.numpy()), rtol=1e-12
        )


def test_gradients_of_gradients_by_backprop_of_backprop() -> None:
    w = cr.parameter([1.0, 2.0], "float64")

    def penalty() -> Any:
        slope = cr.backprop((w**3).sum())[w]
        return cr.backprop((slope * slope).sum())[w]

    for run in both(penalty):
        np.testing.assert_allclose(run().numpy(), 36 * w.numpy() ** 3)


def test_powers_have_their_gradients_at_zero() -> None:
    x = cr.tensor([0.0, 2.0], "float64")
    for n, wanted in [(1, [1, 1]), (2, [0, 4]), (3, [0, 12]), (1.5, [0, 1.5 * 2**0.5])]:
        found = cr.grad(lambda x, n=n: (x**n).sum())(x)
        np.testing.assert_allclose(found.numpy(), wanted)
    assert cr.grad(lambda x: (x**0).sum())(x).numpy().tolist() == [0, 0]
    n = cr.tensor([0.0, 3.0], "float64")
    by_base, by_exponent = cr.grad(lambda x, n: (x**n).sum(), argnums=(0, 1))(x, n)
    np.testing.assert_allclose(by_base.numpy(), [0, 12])
    np.testing.assert_allclose(by_exponent.numpy(), [0, 8 * np.log(2)])


def test_gradients_say_of_what_they_are() -> None:
    w = cr.parameter([1.0, 2.0], name="w")
    text = repr(cr.backprop((w * w).sum()))
    assert text == "<gradients with respect to w (2,) and 2 tensors>"
    assert "no variable and 2 tensors" in repr(cr.backprop(cr.tensor(1.0) * 2.0))


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_add_up_and_scale_like_the_losses(compiled: bool) -> None:
    W, b = cr.parameter([1.0, -2.0], name="W"), cr.parameter(3.0, name="b")
    x = cr.tensor([4.0, 5.0])

    def first() -> Any:
        return (W * x).sum() ** 2 + b * b

    def second() -> Any:
        return (W * W).sum()  # does not reach b

    def added() -> Any:
        grads = cr.backprop(first()) + cr.backprop(second()) * 0.5
        return grads[W], grads[b]

    def summed() -> Any:
        grads = sum([cr.backprop(first()), 0.5 * cr.backprop(second())])
        return grads[W], grads[b]

    def at_once() -> Any:
        grads = cr.backprop(first() + 0.5 * second())
        return grads[W], grads[b]

    run = cr.compile if compiled else (lambda function: function)
    expected = [each.numpy() for each in run(at_once)()]
    for function in (added, summed):
        got = [each.numpy() for each in run(function)()]
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_sum_of_gradients_keeps_tensors_and_steps_an_optimizer() -> None:
    W = cr.parameter([1.0, -2.0], name="W")
    a = W * 2.0
    total = cr.backprop(a.sum()) + cr.backprop((a * a).sum())
    assert total[a].tolist() == [5.0, -7.0] and total[W].tolist() == [10.0, -14.0]
    assert repr(total).startswith("<gradients with respect to W (2,)")
    assert total.replaced({W: cr.zeros(2)})[W].tolist() == [0.0, 0.0]
    optimizer = cr.optim.SGD([W], lr=1.0)
    optimizer.step(total)
    assert W.numpy().tolist() == [-9.0, 12.0]
    with pytest.raises(TypeError):
        total + 1  # type: ignore[operator]
