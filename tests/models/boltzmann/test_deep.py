"""Deep Boltzmann machines against the definition of their distribution."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, optim
from chainrule.errors import ArgumentError, DataError
from chainrule.graph import Array
from chainrule.models import DBM, RBM, ContrastiveDivergence
from chainrule.models.boltzmann.deep import Doubled
from tests.models.boltzmann.machines import with_values
from tests.models.boltzmann.test_divergence import TWINS

SIZES = {
    "two layers": (4, 3, 2),
    "three layers": (3, 3, 2, 2),
    "softmax": ((2, models.Softmax(3)), 3, models.Softmax(3)),
}
every = pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)


def machine(sizes: Any, scale: float = 0.8) -> DBM:
    return with_values(DBM(sizes, 30, dtype="float64"), scale)


def joint(dbm: DBM) -> tuple[list[Array], Array]:
    """All states, layer by layer, (states, features), and E of each."""
    rows = list(itertools.product(*(units.states() for units in dbm.units)))
    states = [np.array([row[k] for row in rows]) for k in range(len(dbm.units))]
    energies = -states[0] @ dbm.visible_bias.numpy()
    for below, above, weight, bias in zip(
        states, states[1:], dbm.weights, dbm.hidden_biases, strict=False
    ):
        z = below @ weight.numpy().T + bias.numpy()
        energies = energies - (above * z).sum(axis=1)
    return states, energies


def exact_log_weight(dbm: DBM, v: Array) -> Array:
    """log p(v) + log Z of these rows, by enumeration."""
    states, energies = joint(dbm)
    same = (states[0][None] == v[:, None]).all(axis=-1)
    return np.array([np.log(np.exp(-energies[rows]).sum()) for rows in same])


@every
def test_energy_and_partition_function_are_those_of_the_definition(sizes: Any) -> None:
    dbm = machine(sizes)
    states, energies = joint(dbm)
    np.testing.assert_allclose(dbm.energy(*states).numpy(), energies, atol=1e-12)
    total = np.log(np.exp(-energies).sum())
    assert models.exact_log_partition(dbm) == pytest.approx(total, rel=1e-12)


@every
def test_annealed_importance_sampling_finds_the_exact_value(sizes: Any) -> None:
    dbm = machine(sizes, 1.2)
    exact = models.exact_log_partition(dbm)
    x = dbm.visible.states()[1:]
    found = models.annealed_importance_sampling(dbm, x, chains=400, temperatures=200)
    assert abs(found.value - exact) < 0.05
    assert found.low <= exact <= found.high


@every
def test_mean_field_bounds_the_likelihood_from_below(sizes: Any) -> None:
    dbm = machine(sizes)
    v = dbm.visible.states()
    exact, bound = exact_log_weight(dbm, v), dbm.unnormalized_log_prob(v).numpy()
    assert (bound <= exact + 1e-12).all()
    assert (exact - bound).max() < 0.5
    dbm.mean_field_steps = 1
    assert dbm.unnormalized_log_prob(v).numpy().mean() <= bound.mean() + 1e-9
    dbm.weights[1].assign(np.zeros(dbm.weights[1].shape))  # now it is exact
    if len(dbm.weights) == 2:
        exact = exact_log_weight(dbm, v)
        np.testing.assert_allclose(
            dbm.unnormalized_log_prob(v).numpy(), exact, rtol=1e-12
        )


def test_mean_field_ends_where_every_mean_follows_from_its_neighbours() -> None:
    dbm = machine(SIZES["two layers"])
    v = dbm.visible.states()
    first, second = (mean.numpy() for mean in dbm.hidden_given(v))
    w1, w2 = (weight.numpy() for weight in dbm.weights)
    c1, c2 = (bias.numpy() for bias in dbm.hidden_biases)

    def sigma(z: Array) -> Array:
        return 1 / (1 + np.exp(-z))

    np.testing.assert_allclose(first, sigma(v @ w1.T + second @ w2 + c1), atol=1e-6)
    np.testing.assert_allclose(second, sigma(first @ w2.T + c2), atol=1e-12)


def test_long_chains_forget_their_start() -> None:
    dbm = machine(SIZES["three layers"], 0.5)
    v = dbm.visible.states()
    p = np.exp(exact_log_weight(dbm, v))
    drawn = dbm.sample(10_000, steps=20, generator=cr.random.Generator(2)).numpy()
    shares = (drawn[:, None] == v[None]).all(axis=-1).mean(axis=0)
    np.testing.assert_allclose(shares, p / p.sum(), atol=0.02)
    grey = dbm.sample(10, 3, start=v[[1] * 10], means=True).numpy()
    assert grey.shape == (10, v.shape[1]) and ((grey > 0) & (grey < 1)).all()


def test_learning_follows_the_gradient_of_the_bound() -> None:
    """⟨hˡ hˡ⁻¹⟩ by mean field, minus the same of the model by enumeration."""
    dbm = machine(SIZES["two layers"], 0.5)
    x = dbm.visible.states()[[0, 3, 5, 5, 15]]
    states, energies = joint(dbm)
    p = np.exp(-energies)
    p /= p.sum()
    layers = [x, *(mean.numpy() for mean in dbm.hidden_given(x))]
    cr.manual_seed(1)
    learning = ContrastiveDivergence(dbm, persistent=True, chains=500)

    @cr.compile
    def step(v: Any) -> Any:
        found = cr.backprop(learning(v, training=True))
        return [found[w] for w in (*dbm.weights, dbm.visible_bias)]

    steps = [step(x) for _ in range(150)][20:]
    for k in (0, 1):
        wanted = (states[k + 1] * p[:, None]).T @ states[k]
        wanted = wanted - layers[k + 1].T @ layers[k] / len(x)
        mean = np.mean([each[k].numpy() for each in steps], axis=0)
        np.testing.assert_allclose(mean, wanted, atol=0.01)
    mean = np.mean([each[2].numpy() for each in steps], axis=0)
    np.testing.assert_allclose(mean, p @ states[0] - x.mean(axis=0), atol=0.01)


def test_pretraining_and_training_raise_the_likelihood() -> None:
    cr.manual_seed(0)
    dbm = DBM((8, 10, 6))
    data = np.tile(TWINS, (25, 1))

    def exact() -> float:
        z = models.exact_log_partition(dbm)
        return models.log_likelihood(dbm, TWINS, log_partition=z).mean

    assert exact() == pytest.approx(-8 * np.log(2), abs=0.05)
    how: dict[str, Any] = {"batch_size": 40, "progress": False}
    histories = dbm.pretrain(data, optimizer=optim.SGD(lr=0.2), epochs=20, **how)
    assert list(histories) == ["weights.0", "weights.1"]
    assert [len(history) for history in histories.values()] == [20, 20]
    pretrained = exact()
    assert pretrained > -5.2
    learning = ContrastiveDivergence(dbm, persistent=True)
    cr.fit(learning, data, optimizer=optim.SGD(lr=0.1), epochs=60, **how)
    assert exact() > max(pretrained, -3.9)  # a bound; the best is −2.77
    assert learning(TWINS) < 1.0


def test_ctrl_c_ends_pretraining_with_what_was_learned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def stop(self: Any, run: Any) -> None:
        run.stop("interrupted")

    monkeypatch.setattr(cr.callbacks.Checkpoint, "on_epoch_end", stop)
    dbm = DBM((8, 5, 4))
    second = dbm.weights[1].numpy()
    found = dbm.pretrain(TWINS, checkpoints=tmp_path, progress=False)
    assert [history.stopped for history in found.values()] == ["interrupted"]
    assert dbm.visible_bias.numpy().any() and dbm.hidden_biases[0].numpy().any()
    assert (dbm.weights[1].numpy() == second).all()


def test_frozen_parameters_are_not_pretrained() -> None:
    dbm = DBM((8, 5, 4))
    dbm.weights[1].freeze()
    with pytest.raises(ArgumentError) as caught:
        dbm.pretrain(TWINS, progress=False)
    assert caught.value.what == (
        "DBM.pretrain: weights.1 is frozen, and every layer is trained"
    )


def test_a_layer_that_is_there_twice_sees_its_inputs_twice() -> None:
    rbm = with_values(RBM(3, 2, dtype="float64"))
    v, h = rbm.visible.states(), rbm.hidden.states()
    weight, b, c = (p.numpy() for p in rbm.parameters())
    doubled = Doubled(rbm, 2, 1)
    expected = 1 / (1 + np.exp(-(2 * v @ weight.T + c)))
    np.testing.assert_allclose(doubled(v).numpy(), expected, rtol=1e-12)
    pairs = list(itertools.product(v, v, h))
    energies = [-(v1 + v2) @ b - hh @ (weight @ (v1 + v2) + c) for v1, v2, hh in pairs]
    total = np.log(np.exp(-np.array(energies)).sum())
    assert models.exact_log_partition(doubled) == pytest.approx(total, rel=1e-12)
    other = Doubled(rbm, 1, 2)
    pairs = list(itertools.product(v, h, h))
    energies = [-vv @ b - (h1 + h2) @ (weight @ vv + c) for vv, h1, h2 in pairs]
    total = np.log(np.exp(-np.array(energies)).sum())
    assert models.exact_log_partition(other) == pytest.approx(total, rel=1e-12)
    z = other.reconstruction_inputs(v).numpy()
    np.testing.assert_allclose(z, 2 * other(v).numpy() @ weight + b, rtol=1e-12)


def test_a_layers_bias_is_the_mean_of_what_two_machines_found() -> None:
    dbm = DBM((4, 3, 2))
    machines = [with_values(RBM(4, 3)), with_values(RBM(3, 2), 0.3)]
    dbm._take(machines)
    below, above = machines
    expected = 0.5 * (below.hidden_bias.numpy() + above.visible_bias.numpy())
    np.testing.assert_allclose(dbm.hidden_biases[0].numpy(), expected)
    np.testing.assert_allclose(dbm.weights[1].numpy(), above.weight.numpy())


def test_the_network_computes_what_mean_field_does() -> None:
    dbm = machine(SIZES["two layers"])
    network = dbm.to_sequential(3)
    v = dbm.visible.states()
    inputs = dbm.augmented(v)
    first, second = dbm.hidden_given(v)
    assert inputs.shape == (16, 6)
    np.testing.assert_allclose(network[:2](inputs).numpy(), first.numpy(), atol=1e-6)
    np.testing.assert_allclose(network[:4](inputs).numpy(), second.numpy(), atol=1e-6)
    assert network(inputs).shape == (16, 3)


def test_a_machine_is_saved_with_its_units(tmp_path: Path) -> None:
    dbm = machine(SIZES["softmax"])
    dbm.save(tmp_path / "machine.safetensors")
    again = cr.load(tmp_path / "machine.safetensors")
    assert (
        repr(again)
        == repr(dbm)
        == ("DBM(Binary(2), Softmax(3) ↔ Binary(3) ↔ Softmax(3))")
    )
    v = dbm.visible.states()
    assert (
        again.unnormalized_log_prob(v).numpy() == dbm.unnormalized_log_prob(v).numpy()
    ).all()


def test_what_is_no_deep_machine_is_refused() -> None:
    with pytest.raises(ArgumentError) as caught:
        DBM((784, 500))
    assert caught.value.what == (
        "DBM: sizes=(784, 500): expected visible units and two hidden layers or more"
    )
    with pytest.raises(ArgumentError) as caught:
        DBM((784, 500, models.Gaussian(30)))
    assert caught.value.what == (
        "DBM: sizes[2]=Gaussian(30): hidden units are binary or softmax"
    )
    with pytest.raises(ArgumentError) as caught:
        DBM((784, 500, 0))
    assert caught.value.what == "DBM: sizes[2]=0: expected a whole number of at least 1"
    with pytest.raises(ArgumentError) as caught:
        ContrastiveDivergence(DBM((4, 3, 2)))
    assert caught.value.what == (
        "ContrastiveDivergence: DBM(Binary(4) ↔ Binary(3) ↔ Binary(2)): chains of a "
        "deep machine go on"
    )
    assert caught.value.fix == "persistent=True"
    with pytest.raises(ArgumentError) as caught:
        DBM((4, 3, 2, 2)).to_sequential(10)
    assert caught.value.what.endswith("expected two hidden layers of binary units")
    with pytest.raises(ArgumentError) as caught:
        DBM((4, 3, 2)).energy(np.zeros((1, 4)), np.zeros((1, 3)))
    assert caught.value.what == (
        "DBM: energy of 2 layers: expected the states of all 3, from the visible one on"
    )
    with pytest.raises(DataError) as data:
        DBM((2, 3, 2)).unnormalized_log_prob(np.full((1, 2), 3.0, "f4"))
    assert data.value.what == (
        "DBM: data (1, 2): 3 at position (0, 0): expected 0 to 1 for binary units"
    )
