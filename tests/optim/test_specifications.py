"""Optimizers without parameters: options that are given to networks, time and again."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from tests.algorithms import TAKE_GRADIENTS

each_algorithm = pytest.mark.parametrize("name", TAKE_GRADIENTS)
X = np.random.default_rng(0).normal(size=(12, 3)).astype(np.float32)


def network() -> nn.Sequential:
    cr.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


def trained(optimizer: optim.Optimizer, model: nn.Module) -> list[Any]:
    """The weights after three steps."""
    for _ in range(3):
        optimizer.step(cr.backprop((model(cr.tensor(X)) ** 2).mean()))
    return [w.numpy().copy() for w in model.parameters()]


def assert_equal(one: list[Any], other: list[Any]) -> None:
    for w, v in zip(one, other, strict=True):
        np.testing.assert_array_equal(w, v)


@each_algorithm
def test_bound_to_parameters_it_is_what_is_made_with_them(name: str) -> None:
    options: Any = {"lr": optim.Cosine(0.1, steps=9), "transforms": [optim.L2(0.1)]}
    model, twin = network(), network()
    specification = optim.by_name(name, **options)
    bound = specification.bound_to(model.parameters())
    usual = optim.by_name(name, twin.parameters(), **options)
    assert repr(bound) == repr(usual)
    assert_equal(trained(bound, model), trained(usual, twin))


@each_algorithm
def test_a_specification_stays_as_it_is_whatever_is_trained_with_it(name: str) -> None:
    specification = optim.by_name(name, lr=0.05)
    before = repr(specification)
    ends = []
    for _ in range(2):
        model = network()
        bound = specification.bound_to(model.parameters())
        ends.append(trained(bound, model))
        bound.lr = 0.5
        assert bound.num_steps == 3
    assert_equal(*ends)
    assert repr(specification) == before
    assert specification.num_steps == 0
    assert not specification.is_bound
    assert specification.parameters == ()


def test_its_options_can_be_set_before_it_is_bound() -> None:
    specification: Any = optim.Adam()
    specification.lr, specification.betas = 0.5, (0.8, 0.9)
    specification.groups[0].transforms = [optim.L2(0.1)]
    w = cr.parameter(1.0)
    wanted = "lr=0.5, betas=(0.8, 0.9), eps=1e-08, transforms=[L2(strength=0.1)]"
    assert wanted in repr(specification.bound_to([w]))
    groups: Any = [{"params": [w], "lr": 0.1, "transforms": []}]
    assert "Adam(lr=0.1, betas=(0.8, 0.9), eps=1e-08; 1" in repr(
        specification.bound_to(groups)
    )


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, copy.copy, lambda each: pickle.loads(pickle.dumps(each))]
)
def test_a_copy_has_the_same_options_and_options_of_its_own(copied: Any) -> None:
    specification: Any = optim.AdamW(lr=optim.Cosine(0.1, steps=5), maximize=True)
    twin = copied(specification)
    assert repr(twin) == repr(specification)
    if copied is not copy.copy:
        twin.weight_decay = 0.5
        assert specification.weight_decay == 0.01


def test_an_algorithm_of_ones_own_can_be_made_without_parameters() -> None:
    class SignDescent(optim.Optimizer):
        def rule(self, w: Any, g: Any, step: optim.Step) -> Any:
            return w - step.lr * cr.sign(g), {}

    w = cr.parameter([1.0, -2.0])
    bound = SignDescent(lr=0.5).bound_to([w])
    bound.step(cr.backprop((w * w).sum()))
    assert w.tolist() == [0.5, -1.5]


def test_what_a_transform_refers_to_is_not_copied() -> None:
    anchor = cr.parameter([1.0])

    def towards(gradients: Any) -> Any:
        return {w: g + (w - anchor) for w, g in gradients.items()}

    w = cr.parameter([0.0])
    bound = optim.SGD(lr=1.0, transforms=[towards]).bound_to([w])
    anchor.assign([3.0])
    bound.step({w: [0.0]})
    assert w.tolist() == [3.0]


# In fit. -----------------------------------------------------------------------------


def fitted(optimizer: Any, **options: Any) -> list[Any]:
    model = network()
    data = X, X[:, :1]
    cr.fit(model, data, optimizer=optimizer, epochs=2, progress=False, **options)
    return [w.numpy().copy() for w in model.parameters()]


def test_fit_trains_each_model_with_a_new_one() -> None:
    specification = optim.Momentum(lr=0.05)
    model = network()
    usual = optim.Momentum(model.parameters(), lr=0.05)
    cr.fit(model, (X, X[:, :1]), optimizer=usual, epochs=2, progress=False)
    wanted = [w.numpy() for w in model.parameters()]
    for _ in range(2):
        assert_equal(fitted(specification), wanted)
    assert repr(specification) == "Momentum(lr=0.05, momentum=0.9; no parameters)"


def test_a_run_with_a_specification_is_resumed_to_the_bit(tmp_path: Any) -> None:
    specification = optim.Adam(lr=0.05)

    class Stop(cr.callbacks.Callback):
        def on_epoch_end(self, run: Any) -> None:
            run.stop("here")

    keep = cr.callbacks.Checkpoint(tmp_path)
    fitted(specification, callbacks=[keep, Stop()])
    resumed = fitted(specification, callbacks=[keep], resume="auto")
    assert_equal(resumed, fitted(specification))
