"""The restricted Boltzmann machine against the definition of its distribution."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule import models
from chainrule.errors import ArgumentError, DataError, DTypeError, ShapeError
from chainrule.models import RBM
from tests.models.boltzmann.machines import DISCRETE, REAL, joint, with_values

Make = Callable[[], RBM]
discrete = pytest.mark.parametrize("make", DISCRETE.values(), ids=DISCRETE)
every = pytest.mark.parametrize("make", (DISCRETE | REAL).values(), ids=DISCRETE | REAL)


@discrete
def test_energy_and_free_energy_are_sums_over_states(make: Make) -> None:
    machine = with_values(make())
    v, h, energies = joint(machine)
    for row, state in enumerate(v):
        pairs = machine.energy(np.repeat(state[None], len(h), 0), h).numpy()
        np.testing.assert_allclose(pairs, energies[row], rtol=1e-12)
    free = -np.log(np.exp(-energies).sum(axis=1))
    np.testing.assert_allclose(machine.free_energy(v).numpy(), free, rtol=1e-12)


@discrete
def test_conditional_means_are_those_of_the_joint_distribution(make: Make) -> None:
    machine = with_values(make())
    v, h, energies = joint(machine)
    p = np.exp(-energies)
    of_h = (p / p.sum(axis=1, keepdims=True)) @ h
    of_v = (p / p.sum(axis=0, keepdims=True)).T @ v
    np.testing.assert_allclose(machine.hidden_given(v).numpy(), of_h, rtol=1e-10)
    np.testing.assert_allclose(machine.visible_given(h).numpy(), of_v, rtol=1e-10)


def test_real_visible_units_are_normal_around_their_inputs() -> None:
    """By integration on a grid: p(v | h), its mean, and F of what is summed."""
    machine = with_values(REAL["Gaussian visible"](), 0.5)
    axis = np.linspace(-8, 8, 161)
    v = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    h = machine.hidden.states()
    area = (axis[1] - axis[0]) ** 2
    for state in h:
        energies = machine.energy(v, np.repeat(state[None], len(v), 0)).numpy()
        p = np.exp(-energies) * area
        mean = machine.visible_given(state[None]).numpy()[0]
        np.testing.assert_allclose((p @ v) / p.sum(), mean, atol=1e-9)
        z = machine.visible_inputs(state[None])
        expected = machine.visible.log_partition(z).numpy()[0]
        expected += float(state @ machine.hidden_bias.numpy())
        assert math.isclose(math.log(p.sum()), expected, rel_tol=1e-9)


def test_free_energy_of_real_hidden_units_is_an_integral() -> None:
    machine = with_values(REAL["Gaussian hidden"](), 0.5)
    axis = np.linspace(-9, 9, 181)
    h = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    for v in machine.visible.states():
        energies = machine.energy(np.repeat(v[None], len(h), 0), h).numpy()
        total = np.exp(-energies).sum() * (axis[1] - axis[0]) ** 2
        assert math.isclose(-math.log(total), machine.free_energy(v[None]).item())


@every
def test_samples_have_the_means_of_their_conditionals(make: Make) -> None:
    machine = with_values(make())
    rng = np.random.default_rng(0)
    source = cr.random.Generator(1)
    z = rng.standard_normal(machine.visible.features)
    v = machine.visible.sample(cr.tensor(np.tile(z, (20_000, 1))), source).numpy()
    assert machine.visible.valid(v).all()
    mean = machine.visible.mean(cr.tensor(z)).numpy()
    np.testing.assert_allclose(v.mean(axis=0), mean, atol=0.04)
    z = rng.standard_normal(machine.hidden.features)
    h = machine.hidden.sample(cr.tensor(np.tile(z, (20_000, 1))), source).numpy()
    mean = machine.hidden.mean(cr.tensor(z)).numpy()
    np.testing.assert_allclose(h.mean(axis=0), mean, atol=0.04)


def test_long_chains_forget_their_start() -> None:
    """The shares of states after some steps are their probabilities."""
    machine = with_values(DISCRETE["mixed"](), 0.5)
    v, _, energies = joint(machine)
    p = np.exp(-energies).sum(axis=1)
    drawn = machine.sample(10_000, steps=20, generator=cr.random.Generator(2)).numpy()
    shares = (drawn[:, None] == v[None]).all(axis=-1).mean(axis=0)
    np.testing.assert_allclose(shares, p / p.sum(), atol=0.02)


def test_a_chain_depends_on_its_seed_and_its_start_alone() -> None:
    machine = with_values(DISCRETE["mixed"]())
    first, again, other = (
        machine.sample(50, 3, generator=cr.random.Generator(seed)).numpy()
        for seed in (1, 1, 2)
    )
    assert (first == again).all() and (first != other).any()
    source = cr.random.Generator(1)
    v, h = machine.gibbs(first, 3, source)
    assert v.shape == (50, 5) and h.shape == (50, 5)
    compiled = machine.sample(50, 3, start=first, generator=cr.random.Generator(1))
    assert (compiled.numpy() == v.numpy()).all()


def test_a_hidden_softmax_is_a_mixture() -> None:
    """p(v) = Σ πₖ Π Bernoulli(σ(b + Wₖ)): the machine as a mixture of K parts."""
    machine = with_values(DISCRETE["softmax hidden"]())
    v, _, energies = joint(machine)
    p = np.exp(-energies).sum(axis=1)
    q = machine.visible_given(np.eye(3)).numpy()
    shares = np.exp(-energies).sum(axis=0)
    parts = np.prod(np.where(v[:, None] == 1, q[None], 1 - q[None]), axis=-1)
    mixture = parts @ (shares / shares.sum())
    np.testing.assert_allclose(p / p.sum(), mixture, rtol=1e-10)


def test_biases_fit_the_means_of_data() -> None:
    machine = RBM((2, models.Gaussian(1), models.Softmax(2)), 3)
    x = np.array([[0, 1, 3, 1, 0], [1, 1, 5, 1, 0], [0, 1, 4, 0, 1]], np.float32)
    machine.fit_visible_bias(x)
    means = machine.visible_given(np.zeros((1, 3), "f4")).numpy()[0]
    np.testing.assert_allclose(means, [1 / 3, 0.999, 4, 2 / 3, 1 / 3], rtol=1e-5)


def test_a_machine_is_saved_with_its_units(tmp_path: Path) -> None:
    machine = with_values(DISCRETE["mixed"]())
    machine.save(tmp_path / "machine.safetensors")
    again = cr.load(tmp_path / "machine.safetensors")
    assert (
        repr(again)
        == repr(machine)
        == ("RBM(Binary(3), Softmax(2) ↔ Softmax(3), Binary(2))")
    )
    v = machine.visible.states()
    assert (again.free_energy(v).numpy() == machine.free_energy(v).numpy()).all()


def test_what_is_no_layer_is_refused() -> None:
    with pytest.raises(ArgumentError) as caught:
        RBM(784, 0)
    assert caught.value.what == "RBM: hidden=0: expected a whole number of at least 1"
    with pytest.raises(ArgumentError) as caught:
        RBM((), 5)
    assert caught.value.what == (
        "RBM: visible=(): expected a number of binary units, or units"
    )
    assert caught.value.fix == (
        "500, models.Gaussian(64), or (784, models.Softmax(10)) for both kinds"
    )
    with pytest.raises(ArgumentError) as caught:
        RBM(models.Gaussian(4), (2, models.Gaussian(3)))
    assert caught.value.what == (
        "RBM: visible Gaussian(4) and hidden Binary(2), Gaussian(3): real units in "
        "both layers: the energy may have no smallest value"
    )


def test_data_that_units_cannot_have_is_refused() -> None:
    machine = RBM(3, 2)
    with pytest.raises(DataError) as caught:
        machine.free_energy(np.array([[0, 1, 0], [0, 255, 0]], "f4"))
    assert caught.value.what == (
        "RBM: data (2, 3): 255 at position (1, 1): expected 0 to 1 for binary units"
    )
    assert caught.value.fix == (
        "divide images of 0 … 255 by 255; models.Gaussian(…) for other real values"
    )
    with pytest.raises(DataError) as caught:
        RBM(models.Softmax(3), 2).hidden_given(np.ones((1, 3), "f4"))
    assert caught.value.what == (
        "RBM: data (1, 3): 1 at position (0, 0): expected one number for each class, "
        "0 or more, with the sum 1"
    )
    with pytest.raises(ShapeError) as shape:
        machine.free_energy(np.zeros((5, 4), "f4"))
    assert shape.value.what == (
        "RBM: x (5, 4): 4 ≠ 3; the last axis of data must have one number for each unit"
    )
    assert shape.value.fix == (
        "a machine with 4 units, or give it inputs with 3 features"
    )


def test_inputs_of_another_kind_have_the_advice_they_need() -> None:
    machine = RBM(4, 2)
    with pytest.raises(ShapeError) as caught:
        machine.hidden_given(np.zeros((5, 2, 2, 1), "f4"))
    assert caught.value.what == (
        "RBM: data (5, 2, 2, 1): expected rows of 4 numbers, one for each unit"
    )
    assert caught.value.fix == "x.reshape(len(x), -1)"
    for dtype in ("int64", "bool"):
        with pytest.raises(DTypeError) as refused:
            machine.hidden_given(np.zeros((5, 4), dtype))
        assert refused.value.what == (
            f"RBM: data (5, 4) of {dtype}: states of units are floats"
        )
        assert refused.value.fix == "x.astype('float32')"
    with pytest.raises(ArgumentError) as other:
        machine.sample(3, start=np.zeros((2, 4), "f4"))
    assert other.value.what == (
        "sample: start (2, 4) for 3 chains: expected one row for each"
    )
    with pytest.raises(ShapeError) as caught:
        machine.fit_visible_bias(np.zeros((0, 4), "f4"))
    assert caught.value.what == (
        "fit_visible_bias: data (0, 4): expected (N, 4), one row or more"
    )
    assert (machine.visible_bias.numpy() == 0).all()


def test_values_between_states_are_no_states() -> None:
    units = RBM((2, models.Gaussian(1), models.Softmax(2)), 3).visible
    x = np.array([[0.0, 0.5, 0.5, 1.0, 0.0], [1.0, 1.0, 7.0, 0.25, 0.75]])
    assert units.between(x).tolist() == [
        [False, True, False, False, False],
        [False, False, False, True, True],
    ]


def test_only_few_states_are_enumerated() -> None:
    with pytest.raises(ArgumentError) as caught:
        models.Binary(21).states()
    assert caught.value.what == (
        "states of Binary(21): more than the 1 048 576 that are enumerated"
    )
    with pytest.raises(ArgumentError) as caught:
        models.Gaussian(2).states()
    assert caught.value.what == "states of Gaussian(2): real values are not enumerated"
