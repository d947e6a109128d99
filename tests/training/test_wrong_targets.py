"""Targets that a loss cannot be of: an error in training and in evaluation, though a
compiled step does not know its values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import data, losses, models, nn, optim
from chainrule.errors import DataError

rng = np.random.default_rng(0)
x = rng.random((60, 3), dtype=np.float32)


def network() -> nn.Module:
    """One layer of as many outputs as inputs."""
    cr.manual_seed(0)
    return nn.Linear(3, 3)


def own_loss(outputs: Any, targets: Any) -> Any:
    """A loss of somebody's own, made of one that has a rule."""
    return 2.0 * losses.bernoulli_nll(outputs, targets)


#: Loss, a target that is none, and what is said of it.
WRONG = [
    ("binary_cross_entropy", 2.0, "binary_cross_entropy: targets", "from 0 to 1"),
    ("bernoulli_nll", -1.0, "binary_cross_entropy: targets", "from 0 to 1"),
    (own_loss, 255.0, "binary_cross_entropy: targets", "from 0 to 1"),
    ("focal", 2.0, "focal: targets", "from 0 to 1"),
    ("poisson_nll", -1.0, "poisson_nll: targets", "a count, 0 or more"),
    ("kl_divergence", -0.5, "kl_divergence: targets", "probabilities, 0 or more"),
]


@pytest.mark.parametrize(("loss", "value", "what", "rule"), WRONG)
def test_a_wrong_target_is_an_error_of_the_step(
    loss: Any, value: float, what: str, rule: str
) -> None:
    y = np.full((60, 3), 1 / 3, np.float32)
    options = {"loss": loss, "batch_size": 60, "epochs": 1, "progress": False}
    assert cr.fit(network(), (x, y), **options).last["loss"] > 0
    y[40, 1] = value
    for optimizer in (optim.SGD(lr=0.1), optim.LBFGS()):
        with pytest.raises(DataError) as caught:
            cr.fit(network(), (x, y), optimizer=optimizer, **options)
        assert caught.value.what.startswith(f"{what} (60, 3): {value:g} at position (")
        assert caught.value.what.endswith(f"): expected {rule}")


def test_in_evaluation_too() -> None:
    y = np.full((60, 3), 0.5, np.float32)
    y[40, 1] = 25.0
    said = "at position \\(40, 1\\): expected from 0 to 1"
    with pytest.raises(DataError, match=said):
        cr.evaluate(network(), (x, y), loss="binary_cross_entropy")
    right = (x, np.full((60, 3), 0.5, np.float32))
    with pytest.raises(DataError, match=said):
        cr.fit(
            network(), right, loss="bernoulli_nll", validation=(x, y), progress=False
        )


def test_weights_below_0_are_an_error_too() -> None:
    weights = np.ones(60)
    weights[7] = -1.0
    given = data.Dataset(x, x, sample_weight=np.ones(60))
    given.sample_weight = weights
    with pytest.raises(DataError, match="expected 0 or more"):
        cr.fit(network(), given, loss="mse", progress=False)


def test_images_of_255_are_not_reconstructed_as_probabilities() -> None:
    cr.manual_seed(0)
    ae = models.deep_autoencoder((3, 2), output=nn.Sigmoid)
    model = models.Reconstruction(ae, "bernoulli_nll")
    for go in (lambda: cr.fit(model, 255 * x, progress=False),
               lambda: cr.evaluate(model, 255 * x)):  # fmt: skip
        with pytest.raises(DataError) as caught:
            go()
        assert "expected from 0 to 1" in caught.value.what
        assert caught.value.fix == ("for −1 and 1 use hinge; divide images by 255.0")
