"""Networks of a run that say how sure they are: ``chainrule train --bayes``.

Place on the road: beside ``settings``, below ``network``, which builds the layers. It
must not know how they are trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import models, nn
from ..errors import ArgumentError
from ..models.bayesian.likelihoods import ConditionalLikelihood
from .settings import Network

#: What ``--bayes`` may say, and what is said of it.
METHODS: Mapping[str, str] = {
    "ensemble": "a deep ensemble",
    "dropout": "Monte-Carlo dropout",
    "variational": "variational inference of the last layer",
    "laplace": "Laplace's approximation",
}

#: What the settings of such a run say in the place of a loss.
LOSS = "negative log-likelihood"

#: Members of an ensemble, and the dropout of a network without any, unless asked for.
MEMBERS, DROPOUT = 5, 0.1

#: The deviation of the Gaussian prior of all weights.
PRIOR = 1.0

#: The first deviation of the weights of variational inference. By 0.05 their noise
#: hides at first what the layers before them could learn.
FIRST_STD = 0.02


def check_options(asked: Mapping[str, Any], name: str, minimizer: bool) -> None:
    """That options go together with ``--bayes``.

    Arguments:
        asked: options by name, those that were given.
        name: of the network.
        minimizer: whether the optimizer evaluates the loss itself.

    Raises:
        ArgumentError: they do not.
    """
    method = asked["bayes"]
    if name != "mlp":
        raise ArgumentError(
            f"--bayes {method}: it is for fully connected networks, and the model is "
            f"{name}",
            fix="--model mlp; in Python, models.MCDropout(network, …)",
        )
    if "loss" in asked:
        raise ArgumentError(
            f"--loss: with --bayes {method} the loss is the {LOSS}",
            fix="leave --loss out",
        )
    if "members" in asked and method != "ensemble":
        raise ArgumentError(
            f"--members: --bayes {method} is one network",
            fix="--bayes ensemble, or leave --members out",
        )
    if "dropout" in asked and method == "dropout" and not asked["dropout"]:
        raise ArgumentError(
            "--dropout 0: --bayes dropout needs units that are dropped",
            fix="--dropout 0.1, or another method",
        )
    if method == "dropout" and not asked.get("hidden", True):
        raise ArgumentError(
            "--hidden none: --bayes dropout needs units that are dropped",
            fix="--hidden 64, or another method",
        )
    if minimizer:
        raise ArgumentError(
            f"--optimizer {asked['optimizer']}: --bayes {method} is trained by "
            "gradients of batches",
            fix="--optimizer adam",
        )


def dropout(asked: Mapping[str, Any], usual: float) -> float:
    """How much is dropped: nothing unless that is the method, or asked for.

    Arguments:
        asked: options by name.
        usual: what a network without a posterior drops.
    """
    otherwise = (usual or DROPOUT) if asked["bayes"] == "dropout" else 0.0
    share: float = asked.get("dropout", otherwise)
    return share


def likelihood(network: Network) -> ConditionalLikelihood:
    """What the outputs of a network mean: of an ensemble and of variational inference,
    amounts have a variance of their own.

    Example:
        >>> likelihood(Network(4, 1, (8,), bayes="laplace"))
        GaussianLikelihood(precision=1.0, learned=True)
    """
    if network.average == "probabilities":
        return models.CategoricalLikelihood()
    if network.bayes in ("ensemble", "variational"):
        return models.HeteroscedasticLikelihood()
    return models.GaussianLikelihood()


def build(layers: nn.Sequential, network: Network, examples: int) -> models.Posterior:
    """The posterior of a network.

    Arguments:
        layers: the network, with as many outputs as its likelihood needs.
        network: its settings.
        examples: how many are trained on.
    """
    noise, prior = likelihood(network), models.GaussianPrior(PRIOR)
    if network.bayes == "ensemble":
        return models.DeepEnsemble(
            layers, noise, prior, members=network.members, num_examples=examples
        )
    if network.bayes == "dropout":
        return models.MCDropout(layers, noise, prior, num_examples=examples)
    if network.bayes == "variational":
        return models.MeanField(
            layers, noise, prior,
            std=FIRST_STD, uncertain="last_layer", num_examples=examples,
        )  # fmt: skip
    return models.Laplace(layers, noise, prior, num_examples=examples)
