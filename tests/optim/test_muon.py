"""Muon: orthogonal steps for matrices, AdamW's for everything else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.errors import ArgumentError, OptionError
from chainrule.optim.muon import orthogonal
from tests.agreement import each_engine
from tests.optim.test_papers import newton_schulz

rng = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(3, 3), (2, 7), (7, 2), (1, 5), (5, 1), (40, 30)])
def test_orthogonal_keeps_the_directions_and_evens_out_their_lengths(
    shape: Any,
) -> None:
    g = rng.normal(size=shape)
    U, S, Vt = np.linalg.svd(g, full_matrices=False)
    x = orthogonal(cr.tensor(g)).numpy()
    inside = U.T @ x @ Vt.T  # diagonal: U and V are the same
    np.testing.assert_allclose(inside, np.diag(np.diag(inside)), atol=1e-12)
    strong = np.diag(inside)[0.02 * S[0] < S]
    assert (strong > 0.6).all()
    assert (strong < 1.25).all()
    np.testing.assert_allclose(x, newton_schulz(g), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(x, newton_schulz(g, 1e-7), rtol=0, atol=1e-6)  # torch's


@each_engine
@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1.0, 1e15, 1e30])
def test_the_size_of_a_gradient_does_not_matter(scale: float, engine: str) -> None:
    g = rng.normal(size=(6, 4)).astype(np.float32)
    found = cr.compile(orthogonal, engine=engine)(g * np.float32(scale)).numpy()
    np.testing.assert_allclose(found, orthogonal(cr.tensor(g)).numpy(), atol=2e-5)


def test_no_gradient_is_no_step() -> None:
    w = cr.parameter(np.ones((2, 3)))
    optim.Muon([w], weight_decay=0.0).step({w: np.zeros((2, 3))})
    assert (w.numpy() == 1).all()


def test_what_is_no_matrix_takes_the_steps_of_adamw() -> None:
    shapes: list[Any] = [(), (3,), (2, 3, 4), (2, 2, 3, 3), (0, 3)]
    ends = []
    for make in (optim.Muon, optim.AdamW):
        weights = [cr.parameter(np.ones(shape)) for shape in shapes]
        optimizer = make(weights, lr=0.1, weight_decay=0.2)
        for i in range(3):
            optimizer.step({w: np.full(w.shape, i - 0.5) for w in weights})
        ends.append([w.numpy() for w in weights])
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_group_of_matrices_can_be_left_to_adamw() -> None:
    table, W = cr.parameter(np.ones((5, 2))), cr.parameter(np.ones((2, 2)))
    groups: Any = [{"params": [W]}, {"params": [table], "use_muon": False}]
    optimizer = optim.Muon(groups, lr=0.1)
    names = set(optimizer.state_dict())
    assert {"0.momentum", "1.m", "1.v"} == {n for n in names if n[0].isdigit()}
    v = cr.parameter(np.ones((5, 2)))
    usual = optim.AdamW([v], lr=0.1, weight_decay=0.1)
    g = rng.normal(size=(5, 2))
    optimizer.step({W: np.eye(2), table: g})
    usual.step({v: g})
    np.testing.assert_array_equal(table.numpy(), v.numpy())


def test_a_group_cannot_change_its_mind() -> None:
    w = cr.parameter(np.ones((2, 2)))
    optimizer: Any = optim.Muon([w])
    optimizer.use_muon = False
    with pytest.raises(ArgumentError) as caught:
        optimizer.step({w: np.ones((2, 2))})
    assert caught.value.what == (
        "Muon.step: use_muon = False: it was set after the optimizer began to remember "
        "what the other way needs"
    )
    assert caught.value.fix == (
        'optim.Muon([{"params": [...], "use_muon": False}, ...])'
    )


def test_an_unknown_scale_is_refused() -> None:
    with pytest.raises(OptionError) as caught:
        optim.Muon(adjust_lr_fn="match_rms_adam")
    assert caught.value.what == (
        "unknown adjust_lr_fn of Muon 'match_rms_adam': expected one of "
        "'match_rms_adamw', 'original'"
    )


def test_it_trains_a_network_as_fast_as_adamw() -> None:
    digits = cr.data.load("digits")
    losses = []
    for specification in (optim.Muon(lr=0.02), optim.AdamW(lr=0.005)):
        cr.manual_seed(0)
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
        history = cr.fit(
            model, digits, optimizer=specification, epochs=3, progress=False
        )
        losses.append(history["loss"][-1])
    assert losses[0] < 1.1 * losses[1] < 0.6
