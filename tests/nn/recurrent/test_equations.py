"""A batch is the equations of each sequence alone: values, lengths, gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from tests.agreement import each_engine
from tests.nn.recurrent.reference import (
    FAMILIES,
    LENGTHS,
    Array,
    D,
    H,
    N,
    T,
    X,
    as_list,
    as_state,
    each_family,
    each_form,
    make,
    reference,
    rng,
    some_states,
)


@each_form
@each_family
def test_a_batch_is_the_equations_of_each_sequence_alone(
    family: str, layers: int, both: bool, bias: bool
) -> None:
    layer = make(family, D, H, layers, bias, bidirectional=both)
    states = some_states(layer, family)
    wanted, finals = reference(layer, family, X, states, np.full(N, T))
    output, state = layer(X, as_state(states))
    np.testing.assert_allclose(output.numpy(), wanted, rtol=1e-12, atol=1e-13)
    for found, each in zip(as_list(state), finals, strict=True):
        np.testing.assert_allclose(found.numpy(), each, rtol=1e-12, atol=1e-13)


@each_engine
@each_family
def test_sequences_of_different_lengths_are_as_if_each_were_alone(
    family: str, engine: str
) -> None:
    layer = make(family, D, H, 2, bidirectional=True)
    states = some_states(layer, family)
    wanted, finals = reference(layer, family, X, states, LENGTHS)
    read = cr.compile(lambda x, s, n: layer(x, s, lengths=n), engine=engine)
    for run in (lambda x, s, n: layer(x, s, lengths=n), read):
        output, state = run(X, as_state(states), LENGTHS)
        np.testing.assert_allclose(output.numpy(), wanted, rtol=1e-12, atol=1e-13)
        for found, each in zip(as_list(state), finals, strict=True):
            np.testing.assert_allclose(found.numpy(), each, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("filling", [1e30, np.inf, np.nan])
@each_family
def test_nothing_after_the_end_reaches_values_or_gradients(
    family: str, filling: float
) -> None:
    layer = make(family, D, H, 2, bidirectional=True)
    behind = np.arange(T) >= LENGTHS[:, None]
    filled = np.where(behind[:, :, None], filling, X)
    zero = np.where(behind[:, :, None], 0, X)

    def found(x: Array) -> list[Array]:
        leaf = cr.tensor(x)
        output, state = layer(leaf, lengths=LENGTHS)
        loss = (output**2).sum() + sum((each**2).sum() for each in as_list(state))
        grads = cr.backprop(loss)
        gradients = [grads[each].numpy() for each in (leaf, *layer.parameters())]
        return [output.numpy(), *gradients]

    for one, other in zip(found(filled), found(zero), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (found(filled)[0][behind] == 0).all()
    assert (found(filled)[1][behind] == 0).all()


@each_family
def test_the_gradients_are_those_of_finite_differences(family: str) -> None:
    layer = make(family, 2, 3, 2, bidirectional=True)
    if family == "RNN of ReLUs":  # away from the corner
        for _, each in layer.named_parameters():
            each.assign(cr.abs(each) + 0.1)
    names = [name for name, _ in layer.named_parameters()]
    weights = [each.array for each in layer.parameters()]
    x = abs(rng.normal(size=(2, 3, 2)))
    states = [abs(rng.normal(size=(4, 2, 3))) for _ in range(FAMILIES[family][2])]
    own = dict(vars(layer))

    def run(x: Any, states: Any, weights: Any) -> Any:
        vars(layer).update(zip(names, weights, strict=True))
        output, state = layer(x, as_state(list(states)), lengths=[3, 2])
        return (cr.sin(output).sum(), *((each**2).sum() for each in as_list(state)))

    count = len(states)

    def flat(x: Any, *rest: Any) -> Any:
        return run(x, rest[:count], rest[count:])

    try:
        cr.check_gradients(flat, x, *states, *weights, order=1)
    finally:
        vars(layer).update(own)


def test_the_gradient_of_the_gradient_is_that_of_finite_differences() -> None:
    layer = make("LSTM", 2, 2)
    cr.check_gradients(lambda x: layer(x, lengths=[3, 1])[0], X[:2, :3, :2], order=2)


@each_engine
@each_family
def test_compiled_gradients_are_the_eager_ones(family: str, engine: str) -> None:
    layer = make(family, D, H, 2, bidirectional=True)

    def gradients(x: Any) -> Any:
        output, state = layer(x, lengths=LENGTHS)
        loss = (output**2).sum() + sum(each.sum() for each in as_list(state))
        grads = cr.backprop(loss)
        return [grads[each] for each in layer.parameters()]

    compiled = cr.compile(gradients, engine=engine)(X)
    for found, wanted in zip(compiled, gradients(cr.tensor(X)), strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-9, atol=1e-11)
