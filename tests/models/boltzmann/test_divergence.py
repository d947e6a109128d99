"""Contrastive divergence against its formula and the gradient of the likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, optim
from chainrule.errors import ArgumentError, DataError, NumericsError, ShapeError
from chainrule.graph import Array
from chainrule.models import RBM, ContrastiveDivergence
from tests.models.boltzmann.machines import DISCRETE, REAL, joint, with_values

#: Pairs of bits that are equal, four times; 2⁴ of the 2⁸ rows.
TWINS = np.repeat(models.Binary(4).states(), 2, axis=1).astype("f4")


def gradients(learning: ContrastiveDivergence, v: Any) -> list[Array]:
    found = cr.backprop(learning(v, training=True))
    return [found[p].numpy() for p in learning.machine.parameters()]


def exact_gradients(machine: RBM, x: Array) -> list[Array]:
    """Of −mean log p(x): data's expectations minus the model's, by enumeration."""
    v, h, energies = joint(machine)
    p = np.exp(-energies)
    p /= p.sum()
    q = machine.hidden_given(x).numpy()
    weight = -(q.T @ x / len(x)) + h.T @ p.T @ v
    return [weight, -x.mean(0) + p.sum(1) @ v, -q.mean(0) + p.sum(0) @ h]


@pytest.mark.parametrize("kind", [*DISCRETE, *REAL])
def test_the_gradient_is_the_rule_of_contrastive_divergence(kind: str) -> None:
    """ΔW ∝ ⟨h v⟩ data − ⟨h v⟩ chains, with means of h, for chains that are redrawn."""
    machine = with_values((DISCRETE | REAL)[kind]())
    learning = ContrastiveDivergence(machine, steps=2)
    v = machine.visible.sample(cr.zeros((7, machine.visible.features), "float64"))
    v = v.numpy()
    cr.manual_seed(5)
    weight, visible, hidden = gradients(learning, v)
    cr.manual_seed(5)
    chain, _ = machine.gibbs(v, 2)
    chain = chain.numpy()
    p, q = machine.hidden_given(v).numpy(), machine.hidden_given(chain).numpy()
    np.testing.assert_allclose(weight, (q.T @ chain - p.T @ v) / 7, atol=1e-12)
    np.testing.assert_allclose(visible, (chain - v).mean(0), atol=1e-12)
    np.testing.assert_allclose(hidden, (q - p).mean(0), atol=1e-12)


def test_persistent_chains_lead_to_the_gradient_of_the_likelihood() -> None:
    """With the weights held, its mean over many steps is the exact gradient."""
    machine = with_values(DISCRETE["binary"](), 0.5)
    x = machine.visible.states()[[0, 3, 5, 5, 15]]
    cr.manual_seed(1)
    learning = ContrastiveDivergence(machine, persistent=True, chains=500)

    @cr.compile
    def step(v: Any) -> Any:
        found = cr.backprop(learning(v, training=True))
        return [found[p] for p in machine.parameters()]

    steps = [step(x) for _ in range(300)][20:]
    exact = exact_gradients(machine, x)
    for place, wanted in enumerate(exact):
        mean = np.mean([each[place].numpy() for each in steps], axis=0)
        np.testing.assert_allclose(mean, wanted, atol=0.01)
    many = np.tile(x, (4000, 1))
    drawn = gradients(ContrastiveDivergence(machine), many)[0]
    assert np.abs(drawn - exact[0]).max() > 0.02  # that of CD-1 is another


def exact_log_likelihood(machine: RBM, x: Array) -> float:
    free = machine.free_energy(machine.visible.states()).numpy().astype(float)
    log_z = np.log(np.exp(-free).sum())
    return float(-machine.free_energy(x).numpy().mean() - log_z)


@pytest.mark.parametrize(
    ("options", "momentum"),
    [({"steps": 1}, 0.5), ({"steps": 5}, 0.5), ({"persistent": True}, 0.0)],
)
def test_training_raises_the_likelihood(
    options: dict[str, Any], momentum: float
) -> None:
    cr.manual_seed(0)
    machine = RBM(8, 12)
    learning = ContrastiveDivergence(machine, **options)
    before = exact_log_likelihood(machine, TWINS)
    assert before == pytest.approx(-8 * np.log(2), abs=0.01)
    data = np.tile(TWINS, (25, 1))
    optimizer = optim.Momentum(lr=0.2, momentum=momentum)
    cr.fit(
        learning, data, optimizer=optimizer, epochs=100, batch_size=40, progress=False
    )
    assert exact_log_likelihood(machine, TWINS) > -3.5  # the best is −2.77
    assert learning(TWINS) < 0.5


def test_evaluation_measures_how_well_data_is_reconstructed() -> None:
    machine = with_values(DISCRETE["binary"]())
    v = machine.visible.states()
    p = machine.visible_given(machine.hidden_given(v)).numpy()
    expected = -(v * np.log(p) + (1 - v) * np.log(1 - p)).sum(axis=1).mean()
    learning = ContrastiveDivergence(machine, persistent=True, chains=5)
    chains = learning.chains.numpy()
    assert learning(v).item() == pytest.approx(expected)
    assert learning(v).item() == learning(v).item()
    assert (learning.chains.numpy() == chains).all()
    learning(v, training=True)
    assert (learning.chains.numpy() != chains).any()


def test_grey_values_are_probabilities_where_they_are_binarized() -> None:
    """The mean of F(v) over drawn v, and not F at the mean."""
    machine = with_values(DISCRETE["binary"](), 2.0)
    grey = np.full((20_000, 4), 0.4)
    v, _, energies = joint(machine)
    free = -np.log(np.exp(-energies).sum(axis=1))
    chance = np.prod(np.where(v == 1, 0.4, 0.6), axis=1)
    drawn = machine.visible.sample_with_mean(cr.tensor(grey), cr.random.Generator(0))
    assert set(np.unique(drawn.numpy())) == {0.0, 1.0}
    mean = machine.free_energy(drawn).numpy().mean()
    assert mean == pytest.approx(chance @ free, abs=0.05)
    assert abs(machine.free_energy(grey[:1]).item() - chance @ free) > 0.5
    grey_units = models.RBM((models.Softmax(3), models.Gaussian(1)), 2).visible
    means = np.tile(np.float32([0.2, 0.5, 0.3, 7.0]), (20_000, 1))
    shares = (
        grey_units.sample_with_mean(cr.tensor(means), cr.random.Generator(0))
        .numpy()
        .mean(0)
    )
    np.testing.assert_allclose(shares, means[0], atol=0.02)
    cr.manual_seed(3)
    plain = ContrastiveDivergence(machine)
    drawing = ContrastiveDivergence(machine, binarize=True)
    assert abs((drawing(grey, training=True) - plain(grey, training=True)).item()) > 0.1


@pytest.mark.parametrize("kind", ["RBM", "DBM"])
def test_sparsity_draws_means_towards_a_share(kind: str) -> None:
    cr.manual_seed(0)
    machine = RBM(8, 12) if kind == "RBM" else models.DBM((8, 12, 6))
    learning = ContrastiveDivergence(machine, persistent=True, sparsity=5.0, target=0.2)
    cr.fit(learning, TWINS, optimizer=optim.SGD(lr=0.2), epochs=100, progress=False)
    means = machine.hidden_means(TWINS).numpy().mean(axis=0)
    np.testing.assert_allclose(means, 0.2, atol=0.1)
    plain = learning(TWINS).item()
    learning.sparsity = 0.0
    assert learning(TWINS).item() == plain  # it counts in training alone


def test_data_that_units_cannot_have_stops_training_with_the_first_value() -> None:
    x = np.full((40, 3), 0.5, "f4")
    x[17, 2] = 255
    learning = ContrastiveDivergence(RBM(3, 2))
    before = learning.state_dict()
    with pytest.raises(DataError) as caught:
        cr.fit(learning, x, optimizer=optim.SGD(lr=0.1), progress=False)
    assert caught.value.what.startswith("ContrastiveDivergence: data (")
    assert caught.value.what.endswith("expected 0 to 1 for binary units")
    assert ": 255 at position (" in caught.value.what
    after = learning.state_dict()
    assert all((after[name] == before[name]).all() for name in after)


@pytest.mark.parametrize("binarize", [False, True])
def test_data_that_units_cannot_have_are_found_in_compiled_functions(
    binarize: bool,
) -> None:
    x = np.full((40, 3), 0.5, "f4")
    wrong = x.copy()
    wrong[17, 2] = 255
    learning = ContrastiveDivergence(RBM(3, 2), binarize=binarize)
    with pytest.raises(DataError, match=r"255 at position .* expected 0 to 1"):
        cr.evaluate(learning, wrong)
    options = {"optimizer": optim.SGD(lr=0.1), "validation": wrong, "progress": False}
    with pytest.raises(DataError, match=r"255 at position .* expected 0 to 1"):
        cr.fit(learning, x, **options)
    codes = cr.predict(learning.machine, wrong)
    assert np.isnan(codes[17]).all() and np.isfinite(np.delete(codes, 17, 0)).all()


def test_weights_that_diverge_are_an_error_with_the_step_and_the_cure() -> None:
    cr.manual_seed(0)
    x = np.random.default_rng(0).standard_normal((60, 4)).astype("f4")
    learning = ContrastiveDivergence(RBM(models.Gaussian(4), 3))
    with pytest.raises(NumericsError) as caught:
        cr.fit(learning, x, optimizer=optim.SGD(lr=50.0), batch_size=20, progress=False)
    what = caught.value.what
    assert what.startswith("fit: step ") and "(epoch " in what
    assert "ContrastiveDivergence: the free energy is " in what
    assert "have diverged; the model is as it was after step " in what
    assert caught.value.fix == (
        "a smaller learning rate, less momentum or weight decay; real data needs mean "
        "0 and variance 1"
    )


def test_data_that_are_too_large_are_not_blamed_on_weights() -> None:
    x = np.random.default_rng(0).normal(0, 1e6, (60, 4)).astype("f4")
    learning = ContrastiveDivergence(RBM(models.Gaussian(4), 3))
    with pytest.raises(DataError) as caught:
        cr.fit(learning, x, optimizer=optim.SGD(lr=0.1), progress=False)
    assert "ContrastiveDivergence: ½ ‖x‖² of the data is " in caught.value.what
    assert "a row, beyond 7e+04: real units have variance 1" in caught.value.what
    assert caught.value.fix == (
        "standardise the data: mean 0 and variance 1 for each feature"
    )


def test_it_is_printed_with_all_that_was_set() -> None:
    rbm = RBM(4, 3)
    assert ContrastiveDivergence(rbm, 3).describe_settings() == "CD-3"
    learning = ContrastiveDivergence(
        rbm, persistent=True, chains=1, binarize=True, sparsity=0.1
    )
    assert learning.describe_settings() == (
        "persistent CD-1, 1 chain, binarize, sparsity=0.1 to 0.05"
    )


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError) as caught:
        ContrastiveDivergence(cr.nn.Linear(2, 3))  # type: ignore[arg-type]
    assert caught.value.what == (
        "ContrastiveDivergence: machine=Linear(2 → 3): expected an RBM or "
        "a deep machine"
    )
    with pytest.raises(ArgumentError) as caught:
        ContrastiveDivergence(RBM(2, 3), steps=0)
    assert caught.value.what == (
        "ContrastiveDivergence: steps=0: expected a whole number of at least 1"
    )
    with pytest.raises(ArgumentError) as caught:
        ContrastiveDivergence(RBM(2, 3), sparsity=-1)
    assert caught.value.what == (
        "ContrastiveDivergence: sparsity=-1: expected a number of 0 or more"
    )
    with pytest.raises(ArgumentError) as caught:
        ContrastiveDivergence(RBM(2, models.Gaussian(3)), sparsity=1.0)
    assert caught.value.what == (
        "ContrastiveDivergence: sparsity=1.0 of RBM(Binary(2) ↔ Gaussian(3)): real "
        "hidden units are not active in a share of the rows"
    )
    with pytest.raises(ShapeError) as shape:
        ContrastiveDivergence(RBM(3, 2))(np.zeros((5, 4), "f4"))
    assert shape.value.what.startswith("ContrastiveDivergence: x (5, 4): 4 ≠ 3")


def test_chains_are_saved_with_what_learns(tmp_path: Any) -> None:
    learning = ContrastiveDivergence(RBM(4, 3), persistent=True, chains=6)
    learning.save(tmp_path / "learning.safetensors")
    again = cr.load(tmp_path / "learning.safetensors")
    assert repr(again) == repr(learning)
    assert (again.chains.numpy() == learning.chains.numpy()).all()
