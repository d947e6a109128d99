"""Small estimators of every kind, for the checks of scikit-learn and our own."""

from __future__ import annotations

from typing import Any

from chainrule import nn
from chainrule.estimators import (
    AutoencoderTransformer,
    ConvClassifier,
    MLPClassifier,
    MLPRegressor,
    NetworkEstimator,
    RBMTransformer,
    SequenceClassifier,
    VAETransformer,
)


def normalised(inputs: Any, outputs: int) -> nn.Module:
    """A network of one's own, for the factory of ``NetworkEstimator``."""
    return nn.Sequential(nn.Linear(inputs, 16), nn.Tanh(), nn.Linear(16, outputs))


def instances() -> dict[str, Any]:
    """One estimator of each kind, and task; few epochs, as in scikit-learn's tests."""
    return {
        "mlp-classifier": MLPClassifier(max_iter=40),
        "mlp-regressor": MLPRegressor(max_iter=100),
        "convolutions": ConvClassifier(
            (4,), (8,), learning_rate_init=0.02, max_iter=20
        ),
        "sequences": SequenceClassifier(
            8, cell="rnn", learning_rate_init=0.02, max_iter=30
        ),
        "autoencoder": AutoencoderTransformer(2, (16,), max_iter=10),
        "tied-autoencoder": AutoencoderTransformer(
            3, (8,), "tanh", tied=True, max_iter=10
        ),
        "boltzmann-machine": RBMTransformer(8, n_iter=5),
        "real-boltzmann-machine": RBMTransformer(
            8, learning_rate=0.01, n_iter=5, visible="gaussian", persistent=False
        ),
        "vae": VAETransformer(2, (16,), max_iter=10),
        "binary-vae": VAETransformer(3, (8,), likelihood="bernoulli", max_iter=10),
        "own-classifier": NetworkEstimator(
            normalised, learning_rate_init=0.02, max_iter=30
        ),
        "own-regressor": NetworkEstimator(
            normalised, "regression", learning_rate_init=0.02, max_iter=40
        ),
    }
