"""The network of a run, and the defaults of its training.

Place on the road: below the commands, above ``nn`` and ``optim``. It must not know
where data come from.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import nn, optim
from ..models.bayesian.posterior import Posterior
from ..wording import spaced
from . import architectures, feature_models, posteriors
from .settings import Network, Settings, Training

#: name ↦ the layer after each hidden layer
ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}

#: task ↦ the losses it can be trained with; the first is the default
LOSSES: Mapping[str, tuple[str, ...]] = {
    "classification": ("cross_entropy", "hinge"),
    "regression": ("mse", "huber", "l1", "half_squared_error"),
}

#: optimizer ↦ the learning rate that suits it here. Adam's, and those of its nearest
#: relatives, depend on the data.
LEARNING_RATES: Mapping[str, float] = {
    "rmsprop": 1e-3,
    "adagrad": 2e-2,
    "adadelta": 3.0,
    "lamb": 1e-2,
    "lion": 1e-3,
    "muon": 1e-2,
    "sgd": 0.1,
    "momentum": 0.05,
    "nesterov": 0.05,
}

#: optimizer ↦ its default weight decay
WEIGHT_DECAY: Mapping[str, float] = {"adamw": 0.01, "lamb": 0.01, "muon": 0.1}

#: The optimizers that train one network unless more are asked for. The matrix of the
#: first three has a block for every member, and a step is of one length for all; Muon
#: is for matrices, and members are stacks of them.
BEST_ALONE = ("gaussnewton", "levenbergmarquardt", "hessianfree", "muon")

#: What the settings of a minimizer say in the place of a schedule.
LINE_SEARCH = "line_search"

#: How many iterations a minimizer makes at most, and how many it may go on without
#: improvement on the validation data.
ITERATIONS, ITERATIONS_WITHOUT = 300, 30

SCHEDULES = ("one_cycle", "cosine", "constant")


@dataclass(frozen=True)
class Defaults:
    """Defaults that depend on the kind and number of examples.

    Arguments:
        hidden, dropout: of the network.
        epochs, batch_size: of the training.
        lr: the learning rate of Adam and AdamW.
        patience: epochs without improvement before training stops; None for never.
        members: networks that are trained side by side and answer together.
    """

    hidden: tuple[int, ...]
    dropout: float
    epochs: int
    batch_size: int
    lr: float
    patience: int | None
    members: int = 1

    def for_optimizer(self, optimizer: str, examples: int) -> Defaults:
        """The defaults for an optimizer; for a minimizer no dropout, which would make
        another function of the loss in every iteration.
        """
        if not is_minimizer(optimizer):
            return replace(self, lr=self._learning_rate(optimizer))
        return replace(
            self,
            dropout=0.0,
            epochs=ITERATIONS,
            batch_size=examples,
            lr=0.0,
            patience=ITERATIONS_WITHOUT,
        )

    def _learning_rate(self, optimizer: str) -> float:
        return LEARNING_RATES.get(optimizer, self.lr)


#: Images: the rate falls to nothing by the last epoch, so all epochs are run.
FEW_IMAGES = Defaults((256,), 0.3, 30, 32, 5e-3, None)
MANY_IMAGES = Defaults((256, 128), 0.3, 15, 128, 2e-3, None)

#: Tables: of a few hundred rows, many epochs; of many thousands, few. Nothing helped
#: them more than an ensemble (docs/decisions/0160), whose members cost what they are.
FEW_ROWS = Defaults((256, 128), 0.2, 100, 16, 3e-3, 30, 8)
SOME_ROWS = Defaults((256, 128), 0.3, 60, 64, 3e-3, 20, 8)
MORE_ROWS = Defaults((256, 128), 0.1, 60, 64, 3e-3, 20, 8)
MANY_ROWS = Defaults((256, 128), 0.0, 30, 128, 3e-3, 10, 4)
ENDLESS_ROWS = Defaults((128, 64), 0.0, 30, 256, 3e-3, 10)


def defaults(examples: int, images: bool, model: str = "mlp") -> Defaults:
    """The defaults for a number of images, or of rows of a table.

    Example:
        >>> defaults(500, images=False).hidden
        (256, 128)
    """
    if model != architectures.PERCEPTRON:
        known = architectures.architecture(model)
        return Defaults((), 0.0, known.epochs, known.batch_size, known.lr, None)
    if images:
        return FEW_IMAGES if examples < 5000 else MANY_IMAGES
    if examples < 1000:
        return FEW_ROWS
    if examples < 5000:
        return SOME_ROWS
    if examples < 10_000:
        return MORE_ROWS
    return MANY_ROWS if examples < 50_000 else ENDLESS_ROWS


def build(network: Network, image_shape: Sequence[int] = ()) -> nn.Sequential:
    """The layers: Linear, activation and dropout for each hidden layer; Linear. Or
    those of several such networks side by side, or of a network for images.

    Arguments:
        network: its sizes, or its name. Weights are drawn from the default generator.
        image_shape: ``(H, W, C)``, for a network for images.

    Example:
        >>> len(build(Network(4, 3, (8,), "tanh", 0.0)))
        3
    """
    if not network.flat:
        scaling = (network.mean, network.std)
        shape = tuple(image_shape)
        return architectures.build(network.model, network.outputs, shape, scaling)
    layers = _perceptron(network)
    if network.members > 1:
        return nn.Ensemble(*layers, average=network.average)
    return nn.Sequential(*layers)


def build_posterior(network: Network, examples: int) -> Posterior:
    """A perceptron that says how sure it is.

    Arguments:
        network: its sizes, and by which method.
        examples: how many it is trained on.

    Example:
        >>> type(build_posterior(Network(4, 1, (8,), bayes="laplace"), 100)).__name__
        'Laplace'
    """
    outputs = posteriors.likelihood(network).num_outputs(network.outputs)
    layers = _perceptron(replace(network, outputs=outputs, members=1))
    return posteriors.build(nn.Sequential(*layers), network, examples)


def _perceptron(network: Network) -> list[nn.Module]:
    """The layers of a multilayer perceptron, or of several side by side."""
    members = network.members
    linear = functools.partial(nn.EnsembleLinear, members) if members > 1 else nn.Linear
    layers: list[nn.Module] = []
    width = network.inputs
    for size in network.hidden:
        layers += [linear(width, size), ACTIVATIONS[network.activation]()]
        if network.dropout:
            layers.append(nn.Dropout(network.dropout))
        width = size
    layers.append(linear(width, network.outputs))
    return layers


def loss_of(settings: Settings) -> str | None:
    """The loss that ``fit`` is told; None for a network that returns its own."""
    return None if settings.network.bayes else settings.training.loss


def average(loss: str) -> str:
    """How members trained with a loss answer together; see ``nn.Ensemble``."""
    return "probabilities" if loss == "cross_entropy" else "values"


def is_minimizer(optimizer: str) -> bool:
    """Whether an optimizer evaluates the loss itself, on all examples at once."""
    return issubclass(optim.ALGORITHMS[optimizer], optim.Minimizer)


def has_line_search(minimizer: str) -> bool:
    """Whether a line search finds the length of a minimizer's steps."""
    return "line_search" in inspect.signature(optim.ALGORITHMS[minimizer]).parameters


def steps_in_words(training: Training, rate: str = "") -> str:
    """The optimizer, and how long its steps are.

    Arguments:
        training: its settings.
        rate: the learning rate in words, where there is one to be said.
    """
    name = training.optimizer
    if not is_minimizer(name):
        return ", ".join(filter(None, (name, rate, training.schedule)))
    return f"{name}, steps " + (
        "by line search" if has_line_search(name) else "of lengths that it finds itself"
    )


def make_optimizer(
    model: nn.Module, training: Training, steps_per_epoch: int
) -> optim.Optimizer | optim.Minimizer:
    """The optimizer of a run, with its learning-rate schedule where it has one.

    Arguments:
        model: whose parameters it changes.
        training: its name, learning rate and schedule.
        steps_per_epoch: batches in an epoch.
    """
    if is_minimizer(training.optimizer):
        penalty = {"l2": training.weight_decay}
        return optim.by_name(training.optimizer, model.parameters(), **penalty)
    bound: optim.Optimizer = unbound_optimizer(training, steps_per_epoch).bound_to(
        model.parameters()
    )
    return bound


def unbound_optimizer(training: Training, steps_per_epoch: int) -> Any:
    """The optimizer of a run that has a learning rate, without parameters.

    Arguments:
        training, steps_per_epoch: as for ``make_optimizer``.
    """
    steps = max(2, training.epochs * steps_per_epoch)
    rate: Any = training.lr
    if training.schedule == "one_cycle":
        rate = optim.OneCycle(training.lr, steps)
    elif training.schedule == "cosine":
        rate = optim.Cosine(training.lr, steps)
    optimizer: Any = optim.by_name(training.optimizer, lr=rate)
    if "weight_decay" in optimizer.groups[0].options:
        optimizer.weight_decay = training.weight_decay
    elif training.weight_decay:
        optimizer.transforms = [optim.L2(training.weight_decay)]
    return optimizer


def in_words(network: Network, num_parameters: int) -> str:
    """The network in a line: ``64 → 32 → 10, relu: 2 410 parameters``."""
    if network.learns_features:
        return feature_models.in_words(network, num_parameters)
    count = spaced(num_parameters)
    if not network.flat:
        what = architectures.architecture(network.model).what
        return f"{network.model}, {what}: {count} parameters"
    sizes = " → ".join(map(str, (network.inputs, *network.hidden, network.outputs)))
    words = [f"{network.members} × ({sizes})" if network.members > 1 else sizes]
    if network.hidden:
        words.append(network.activation)
        if network.dropout:
            words.append(f"dropout {network.dropout:g}")
    if network.bayes:
        words.append(posteriors.METHODS[network.bayes])
    return f"{', '.join(words)}: {count} parameters"
