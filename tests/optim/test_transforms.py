"""Clipping and penalties: what they do to gradients, alone and composed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.errors import ArgumentError, ShapeError


@pytest.fixture
def weights() -> list[Any]:
    """Two parameters whose gradients in ``loss`` have the common norm 13."""
    return [
        cr.parameter(np.array([3.0, -4.0]), name="W"),
        cr.parameter(np.array([[0.0, 12.0]]), name="b"),
    ]


def loss(weights: list[Any]) -> Any:
    """½‖w‖²: the gradients are the weights."""
    return sum((0.5 * (w * w).sum() for w in weights), cr.tensor(np.float64(0.0)))


def test_the_global_norm_is_that_of_all_gradients_as_one_vector(weights: Any) -> None:
    grads = cr.backprop(loss(weights))
    assert optim.global_norm(grads).item() == pytest.approx(13.0, rel=1e-15)
    assert optim.global_norm({weights[0]: grads[weights[0]]}).item() == 5.0


@pytest.mark.parametrize("size", [1e-30, 1e30], ids=["tiny", "huge"])
def test_the_norm_neither_overflows_nor_vanishes_in_float32(size: float) -> None:
    w = cr.parameter([0.0, 0.0])
    g = cr.tensor([3 * size, 4 * size])
    assert optim.global_norm({w: g}).item() == pytest.approx(5 * size, rel=1e-6)
    clipped = optim.ClipNorm(size)({w: g})[w]
    np.testing.assert_allclose(clipped.numpy() / np.float32(size), [0.6, 0.8], 1e-6)


def test_clipping_keeps_the_bits_of_gradients_within_the_bound(weights: Any) -> None:
    grads = cr.backprop(loss(weights))
    clipped = optim.clip_by_norm(grads, 13.5)
    for w in weights:
        np.testing.assert_array_equal(clipped[w].numpy(), grads[w].numpy())


def test_clipping_by_norm_keeps_the_direction(weights: Any) -> None:
    clipped = optim.clip_by_norm(cr.backprop(loss(weights)), 1.3)
    assert optim.global_norm(clipped).item() == pytest.approx(1.3, rel=1e-14)
    np.testing.assert_allclose(clipped[weights[0]].numpy(), [0.3, -0.4], rtol=1e-14)


def test_zero_gradients_stay_zero() -> None:
    w = cr.parameter([1.0, 2.0])
    clipped = optim.ClipNorm(1.0)({w: cr.zeros(2)})
    np.testing.assert_array_equal(clipped[w].numpy(), [0.0, 0.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_one_gradient_that_is_not_finite_shows_in_all(bad: float) -> None:
    v, w = cr.parameter([1.0]), cr.parameter([1.0])
    clipped = optim.ClipNorm(1.0)({v: cr.tensor([bad]), w: cr.tensor([1.0])})
    assert np.isnan(clipped[v].numpy()).all()
    assert np.isnan(clipped[w].numpy()).all()


def test_an_empty_parameter_does_not_disturb_the_norm() -> None:
    v, w = cr.parameter(np.zeros((0, 3))), cr.parameter(np.array([1.0]))
    clipped = optim.ClipNorm(1.0)({v: cr.tensor(v), w: cr.tensor(np.array([5.0]))})
    assert clipped[w].item() == 1.0
    assert clipped[v].shape == (0, 3)


def test_gradients_of_two_dtypes_have_one_norm_and_keep_their_dtypes() -> None:
    v = cr.parameter(np.zeros(1, "float32"))
    w = cr.parameter(np.zeros(1, "float64"))
    g = {v: cr.tensor(np.array([3.0], "f4")), w: cr.tensor(np.array([4.0], "f8"))}
    clipped = optim.ClipNorm(1.0)(g)
    assert (clipped[v].dtype, clipped[w].dtype) == (np.float32, np.float64)
    assert optim.global_norm(clipped).item() == pytest.approx(1.0, rel=1e-6)


def test_clipping_by_value_limits_each_element(weights: Any) -> None:
    clipped = optim.clip_by_value(cr.backprop(loss(weights)), 3.5)
    np.testing.assert_array_equal(clipped[weights[0]].numpy(), [3.0, -3.5])
    np.testing.assert_array_equal(clipped[weights[1]].numpy(), [[0.0, 3.5]])


@pytest.mark.parametrize(
    ("penalise", "penalty"),
    [
        (optim.l2_penalty, lambda w: 0.25 * (w * w).sum()),
        (optim.l1_penalty, lambda w: 0.5 * abs(w).sum()),
    ],
    ids=["l2", "l1"],
)
def test_a_penalty_adds_the_gradient_of_its_formula(
    weights: Any, penalise: Any, penalty: Any
) -> None:
    """L2(λ) is that of (λ/2)‖w‖², L1(λ) that of λ‖w‖₁; 0 where w is 0."""
    changed = penalise(cr.backprop(loss(weights)), 0.5)
    whole = cr.backprop(loss(weights) + penalty(weights[0]) + penalty(weights[1]))
    for w in weights:
        np.testing.assert_allclose(changed[w].numpy(), whole[w].numpy(), rtol=1e-14)


def test_functions_change_the_named_parameters_only(weights: Any) -> None:
    grads = cr.backprop(loss(weights))
    changed = optim.l2_penalty(grads, 1.0, parameters=weights[:1])
    np.testing.assert_array_equal(changed[weights[0]].numpy(), [6.0, -8.0])
    np.testing.assert_array_equal(changed[weights[1]].numpy(), [[0.0, 12.0]])
    np.testing.assert_array_equal(grads[weights[0]].numpy(), [3.0, -4.0])


def test_functions_and_transforms_are_the_same_step_compiled(weights: Any) -> None:
    twins = [cr.parameter(w.numpy()) for w in weights]
    transforms = [optim.L1(0.1), optim.ClipNorm(1.0), optim.ClipValue(0.4)]
    first = optim.SGD(weights, lr=0.1, transforms=transforms)
    second = optim.SGD(twins, lr=0.1)

    @cr.compile
    def step() -> None:
        first.step(cr.backprop(loss(weights)))
        grads = optim.l1_penalty(cr.backprop(loss(twins)), 0.1)
        grads = optim.clip_by_norm(grads, 1.0)
        second.step(optim.clip_by_value(grads, 0.4))

    for _ in range(5):
        step()
    for w, twin in zip(weights, twins, strict=True):
        np.testing.assert_array_equal(w.numpy(), twin.numpy())


def test_the_optimizers_norm_is_global_and_a_groups_is_its_own(weights: Any) -> None:
    W, b = weights
    groups = [{"params": [W]}, {"params": [b]}]
    optimizer = optim.SGD(groups, lr=1.0, transforms=[optim.ClipNorm(1.3)])
    optimizer.step({W: [3.0, -4.0], b: [[0.0, 12.0]]})
    np.testing.assert_allclose(W.numpy(), [3.0 - 0.3, -4.0 + 0.4], rtol=1e-14)
    groups = [{"params": [W], "transforms": [optim.ClipNorm(1.0)]}, {"params": [b]}]
    before = [w.numpy().copy() for w in weights]
    optim.SGD(groups, lr=1.0).step({W: [3.0, -4.0], b: [[0.0, 12.0]]})
    np.testing.assert_allclose(before[0] - W.numpy(), [0.6, -0.8], rtol=1e-14)
    np.testing.assert_allclose(before[1] - b.numpy(), [[0.0, 12.0]], rtol=1e-14)


def test_any_function_of_gradients_is_a_transform() -> None:
    w = cr.parameter([1.0, 1.0])
    negated = optim.SGD([w], 1.0, transforms=[lambda g: {k: -g[k] for k in g}])
    negated.step({w: [1.0, 2.0]})
    np.testing.assert_array_equal(w.numpy(), [2.0, 3.0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.ClipNorm(0.0), "ClipNorm: max_norm = 0.0: max_norm must be "
         "positive"),
        (lambda: optim.ClipValue(-1), "ClipValue: limit = -1: limit must be positive"),
        (lambda: optim.L2(-1e-4), "L2: strength = -0.0001: strength must not be "
         "negative"),
        (lambda: optim.L1("0.1"), "L1: strength = '0.1': str is not a number; strength "
         "must be 0 or a positive number"),
        (lambda: optim.clip_by_norm([1.0], 1.0), "clip_by_norm: list is not a mapping "  # type: ignore[arg-type]
         "from parameters to gradients"),
        (lambda: optim.clip_by_norm({}, 1.0), "clip_by_norm: the loss reaches no "
         "parameter, so there is no gradient to change"),
        (lambda: optim.global_norm({}), "global_norm: there are no gradients"),
        (
            lambda: optim.clip_by_value(cr.backprop(cr.tensor(1.0) * 2.0), 1.0),
            "clip_by_value: the loss reaches no parameter, so there is no gradient to "
            "change",
        ),
    ],
)  # fmt: skip
def test_a_transform_refuses_what_makes_no_sense(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        make()
    assert caught.value.what == message


def test_a_transform_that_loses_a_gradient_is_named_and_changes_nothing() -> None:
    def lose(gradients: Any) -> Any:
        return {}

    w = cr.parameter([1.0])
    optimizer = optim.SGD([w], 1.0, transforms=[lose])
    with pytest.raises(ArgumentError, match=r"lose.* must return a mapping with"):
        optimizer.step({w: [1.0]})
    assert (w.item(), optimizer.num_steps) == (1.0, 0)


def test_a_transform_that_changes_a_shape_is_named() -> None:
    w = cr.parameter([1.0, 2.0], name="w")
    optimizer = optim.SGD([w], 1.0, transforms=[lambda g: {w: g[w].sum()}])
    with pytest.raises(ShapeError, match=r"returns a gradient \(\) of parameter w \(2"):
        optimizer.step({w: [1.0, 1.0]})


@pytest.mark.parametrize(
    "change",
    [
        lambda g: optim.clip_by_norm(g, 6.5),
        lambda g: optim.clip_by_value(g, 3.5),
        lambda g: optim.l1_penalty(g, 0.1),
        lambda g: optim.l2_penalty(g, 0.1),
    ],
)
def test_accumulated_gradients_are_changed_as_those_of_backprop(
    change: Any, weights: list[Any]
) -> None:
    total = optim.Accumulator(weights)
    for _ in range(4):
        total.add(cr.backprop(loss(weights)), 1 / 4)
    taken = total.take()
    expected, found = change(cr.backprop(loss(weights))), change(taken)
    for w in weights:
        np.testing.assert_allclose(found[w].numpy(), expected[w].numpy(), rtol=1e-12)
        assert not np.array_equal(found[w].numpy(), taken[w].numpy())
    optim.SGD(weights, 0.1).step(found)


def test_gradients_of_some_parameters_alone_are_clipped(weights: list[Any]) -> None:
    total = optim.Accumulator(weights)
    total.add(cr.backprop(loss(weights)))
    taken = total.take()
    found = optim.clip_by_norm(taken, 1.0, [weights[0]])
    np.testing.assert_allclose(found[weights[0]].numpy(), [0.6, -0.8], rtol=1e-12)
    np.testing.assert_array_equal(found[weights[1]].numpy(), [[0.0, 12.0]])
