"""Mixtures of experts: what they compute, how they learn, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import models, nn, optim

RNG = np.random.default_rng(0)


def mixture(answer: str = "mean", dtype: str = "float64") -> Any:
    cr.manual_seed(0)
    experts = [nn.Linear(3, 2, dtype=dtype) for _ in range(4)]
    return nn.MixtureOfExperts(
        *experts, gate=nn.Linear(3, 4, dtype=dtype), answer=answer
    )


def test_the_answer_is_the_sum_of_the_experts_weighed_by_their_gates() -> None:
    layer, x = mixture(), RNG.normal(size=(6, 3))
    z = layer.gate(x).numpy()
    gates = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    assert layer.gates(x).numpy() == pytest.approx(gates)
    parts = [expert(x).numpy() for expert in layer.experts]
    wanted = sum(gates[:, k : k + 1] * part for k, part in enumerate(parts))
    assert layer(x).numpy() == pytest.approx(wanted)


@pytest.mark.parametrize("answer", ["mean", "mixture"])
def test_gradients_reach_every_part(answer: str) -> None:
    layer, x = mixture(answer), cr.tensor(RNG.normal(size=(6, 3)))
    y = RNG.normal(size=(6, 2))

    def loss(x: Any) -> Any:
        if answer == "mean":
            return cr.losses.mse(layer(x), y)
        return models.MixtureDensity(4)(layer(x), y)

    cr.check_gradients(loss, x)
    gradients = cr.backprop(loss(x))
    assert all(np.abs(gradients[p].numpy()).max() > 0 for p in layer.parameters())


def test_a_mixture_is_the_density_of_its_experts() -> None:
    layer, x = mixture("mixture"), RNG.normal(size=(6, 3))
    density = models.MixtureDensity(4)
    outputs = layer(x)
    assert outputs.shape == (6, density.num_outputs(2))
    layer_of_means = nn.MixtureOfExperts(*layer.experts, gate=layer.gate)
    assert density.mean(outputs).numpy() == pytest.approx(layer_of_means(x).numpy())


def test_experts_that_compete_divide_what_no_single_line_fits() -> None:
    """|x| by two lines: each expert has one side, and the gate knows which."""
    x = np.linspace(-1.0, 1.0, 200)[:, None]
    y = np.abs(x)
    cr.manual_seed(1)
    layer = nn.MixtureOfExperts(
        nn.Linear(1, 1), nn.Linear(1, 1), gate=nn.Linear(1, 2), answer="mixture"
    )
    cr.fit(
        layer,
        (x, y),
        loss=models.MixtureDensity(2),
        metrics=[],
        optimizer=optim.Adam(lr=0.02),
        epochs=150,
        progress=False,
    )
    slopes = sorted(expert.weight.numpy().item() for expert in layer.experts)
    assert slopes == pytest.approx([-1.0, 1.0], abs=0.1)
    sides = layer.gates(np.array([[-0.5], [0.5]], "float32")).numpy()
    assert sides.max(axis=1) == pytest.approx([1.0, 1.0], abs=0.05)
    assert sides[0].argmax() != sides[1].argmax()


def test_a_mixture_is_saved_and_loaded(tmp_path: Path) -> None:
    for answer in ("mean", "mixture"):
        layer, x = mixture(answer), RNG.normal(size=(6, 3))
        layer.save(tmp_path / "layer.safetensors")
        loaded: Any = cr.load(tmp_path / "layer.safetensors")
        assert np.array_equal(loaded(x).numpy(), layer(x).numpy())
    assert repr(loaded).startswith("MixtureOfExperts(4 experts, answer='mixture'")


def test_what_is_no_mixture_is_refused() -> None:
    line = nn.Linear(3, 2)
    error = cr.errors.ArgumentError
    with pytest.raises(error, match="there are no experts"):
        nn.MixtureOfExperts(gate=line)
    with pytest.raises(error, match="expert 1 is a int: expected a layer"):
        nn.MixtureOfExperts(line, 3, gate=line)  # type: ignore[arg-type]
    with pytest.raises(error, match="gate is a NoneType: expected a layer"):
        nn.MixtureOfExperts(line, gate=None)  # type: ignore[arg-type]
    with pytest.raises(error, match="answer='best': expected 'mean' or 'mixture'"):
        nn.MixtureOfExperts(line, gate=line, answer="best")
    x = np.zeros((5, 3))
    with pytest.raises(cr.errors.ShapeError, match=r"gate \(5, 2\) for 1 experts"):
        nn.MixtureOfExperts(line, gate=nn.Linear(3, 2))(x)
    with pytest.raises(cr.errors.ShapeError, match=r"experts \(5, 2\), \(5, 4\): exp"):
        nn.MixtureOfExperts(line, nn.Linear(3, 4), gate=nn.Linear(3, 2))(x)
