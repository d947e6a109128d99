"""``maximize``: ascent is descent of −L, and decay still makes weights small."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from tests.agreement import each_engine
from tests.algorithms import TAKE_GRADIENTS

each_algorithm = pytest.mark.parametrize("name", TAKE_GRADIENTS)
START = np.random.default_rng(1).normal(size=(4, 3))


def height(w: Any) -> Any:
    """A hill, its top at 1."""
    return -((w - 1.0) ** 2).sum() * 0.5


def path(name: str, sign: float, engine: str | None, **options: Any) -> list[Any]:
    """The weights of twenty steps on ± the hill."""
    w = cr.parameter(START)
    optimizer = optim.by_name(name, [w], lr=0.05, **options)

    def step() -> Any:
        optimizer.step(cr.backprop(sign * height(w)))

    run = cr.compile(step, engine=engine) if engine else step
    found = []
    for _ in range(20):
        run()
        found.append(w.numpy().copy())
    return found


@each_algorithm
def test_climbing_is_descending_the_negative_with_every_penalty_kept(name: str) -> None:
    """The negation comes first, so that L2 and weight decay still pull to 0."""
    options: Any = {"transforms": [optim.L2(0.1), optim.ClipNorm(0.5)]}
    up = path(name, 1.0, None, maximize=True, **options)
    np.testing.assert_array_equal(up, path(name, -1.0, None, **options))
    assert height(up[-1]) > height(START)


@each_engine
@each_algorithm
def test_compiled_it_climbs_the_same_way(name: str, engine: str) -> None:
    up = path(name, 1.0, engine, maximize=True)
    np.testing.assert_allclose(up, path(name, 1.0, None, maximize=True), rtol=1e-12)


def test_weight_decay_shrinks_weights_whichever_way_the_step_goes() -> None:
    """As torch.optim: grad = −grad; then θ ← θ − γλθ, or grad ← grad + λθ."""
    for maximize in (False, True):
        w, v = cr.parameter(2.0), cr.parameter(2.0)
        optim.AdamW([w], lr=0.5, weight_decay=0.25, maximize=maximize).step({w: 0.0})
        transforms = [optim.L2(0.25)]
        optim.SGD([v], lr=0.5, transforms=transforms, maximize=maximize).step({v: 0.0})
        assert w.item() == v.item() == 1.75


@each_engine
def test_it_can_be_changed_and_differ_between_groups(engine: str) -> None:
    """Descent in x, ascent in y: the saddle of xy + ½x² − ½y² at 0 is found."""
    x, y = cr.parameter(np.float64(1.0)), cr.parameter(np.float64(1.0))
    groups: Any = [{"params": [x]}, {"params": [y], "maximize": True}]
    optimizer: Any = optim.SGD(groups, lr=0.1)

    @cr.compile(engine=engine)
    def step() -> None:
        optimizer.step(cr.backprop(x * y + 0.5 * x * x - 0.5 * y * y))

    for _ in range(200):
        step()
    assert abs(x.item()) < 1e-6
    assert abs(y.item()) < 1e-6
    x.assign(1.0)
    optimizer.maximize = True
    assert [group.maximize for group in optimizer.groups] == [True, True]
    step()
    assert x.item() > 1.0


def test_rows_of_a_table_are_still_all_that_is_touched() -> None:
    layer = nn.Embedding(50, 3)
    before = layer.weight.numpy().copy()
    optimizer = optim.SparseAdam([layer.weight], lr=0.5, maximize=True)
    optimizer.step(cr.backprop(layer([3, 7]).sum()))
    moved = (layer.weight.numpy() != before).any(axis=1).nonzero()[0]
    assert moved.tolist() == [3, 7]
    assert (layer.weight.numpy()[moved] > before[moved]).all()


def test_fit_maximizes_what_it_is_given() -> None:
    x = np.random.default_rng(0).normal(size=(32, 3)).astype(np.float32)

    def likelihood(outputs: Any) -> Any:
        return -((outputs - 2.0) ** 2).mean()

    history = cr.fit(
        nn.Linear(3, 1),
        x,
        loss=likelihood,
        optimizer=optim.Adam(lr=0.05, maximize=True),
        epochs=60,
        progress=False,
    )
    assert history["loss"][-1] > -0.05 > history["loss"][0]


def test_a_file_says_which_way_it_went(tmp_path: Any) -> None:
    path = tmp_path / "optimizer.safetensors"
    w = cr.parameter(1.0)
    optim.SGD([w], maximize=True).save(path)
    other: Any = optim.SGD([w])
    other.load(path)
    assert other.maximize is True
