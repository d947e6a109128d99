"""The models that learn features from data without targets: how each is made, what it
learns by, and what it makes of an example.

Place on the road: below ``plan`` and ``learning``, above ``models``. It must not know
where data come from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import data, models, nn, training
from ..random_numbers import default_generator
from ..wording import counted, spaced
from . import adversarial, variational
from .settings import CODED, GENERATORS, Network, Settings

Array = np.ndarray[Any, np.dtype[Any]]

#: Examples that go through a machine at a time.
ROWS = 1000

#: Steps of an epoch, at least, and images of more numbers than this.
STEPS, LARGE = 40, 500


@dataclass(frozen=True)
class Usual:
    """How a model is usually made and trained.

    Arguments:
        hidden: the sizes of its hidden layers; of a machine or belief net all layers
            but the data.
        epochs, batch_size, lr: of the training, by ``optimizer``.
    """

    hidden: tuple[int, ...]
    epochs: int
    batch_size: int
    lr: float
    optimizer: str = "adam"


@dataclass(frozen=True)
class FeatureModel:
    """A model that learns features.

    Arguments:
        what: in a few words.
        losses: what it may learn by; the first is the default.
        few, many, table: for images, fewer than 5000 or more; for a table.
        generates: whether it has a distribution that samples are drawn from.
        chains: whether a sample is the end of a chain.
    """

    what: str
    losses: tuple[str, ...]
    few: Usual
    many: Usual
    table: Usual
    generates: bool = True
    chains: bool = True

    def usual(self, examples: int, inputs: int, images: bool) -> Usual:
        """The defaults for a number of images, or of rows of a table: of few images
        smaller batches, and of large ones smaller steps.
        """
        if not images:
            return self.table
        if examples >= 5000:
            return self.many
        size = max(8, min(self.few.batch_size, examples // STEPS))
        rate = min(1.0, LARGE / inputs) ** 0.5
        return replace(self.few, batch_size=size, lr=self.few.lr * rate)


MODELS: Mapping[str, FeatureModel] = {
    "autoencoder": FeatureModel(
        "an encoder, a code, a decoder",
        ("mse", "l1", "huber", "binary_cross_entropy"),
        few=Usual((128, 64), 60, 32, 3e-3),
        many=Usual((512, 256), 20, 128, 2e-3),
        table=Usual((64,), 150, 16, 3e-3),
        generates=False,
    ),
    "vae": FeatureModel(
        "a variational autoencoder",
        variational.LOSSES,
        few=Usual((128,), 100, 32, 3e-3),
        many=Usual((400,), 20, 128, 1e-3),
        table=Usual((64,), 200, 32, 3e-3),
        chains=False,
    ),
    "rbm": FeatureModel(
        "a restricted Boltzmann machine",
        ("persistent_contrastive_divergence", "contrastive_divergence"),
        few=Usual((100,), 60, 20, 1e-2),
        many=Usual((500,), 20, 100, 3e-3),
        table=Usual((64,), 100, 16, 2e-2),
    ),
    "dbn": FeatureModel(
        "a deep belief net",
        ("contrastive_divergence",),
        few=Usual((100, 100), 30, 20, 0.1, "momentum"),
        many=Usual((500, 500), 10, 100, 0.1, "momentum"),
        table=Usual((64, 64), 50, 16, 1e-2),
    ),
    "gan": FeatureModel(
        "a generative adversarial network",
        adversarial.LOSSES,
        few=Usual((128, 128), 200, 32, 1e-3),
        many=Usual((512, 512), 30, 128, 2e-4),
        table=Usual((64, 64), 300, 32, 1e-3),
        chains=False,
    ),
    "dcgan": FeatureModel(
        "a convolutional generative adversarial network",
        adversarial.LOSSES,
        few=Usual((32, 64), 60, 32, 1e-3),
        many=Usual((32, 64), 15, 128, 2e-4),
        table=Usual((32, 64), 60, 32, 1e-3),
        chains=False,
    ),
}

#: The losses of data from 0 to 1.
OF_SHARES = ("binary_cross_entropy", "bernoulli_nll")


def usual_code(inputs: int) -> int:
    """How many numbers a code has unless it is said.

    Example:
        >>> usual_code(784), usual_code(64), usual_code(4)
        (30, 10, 2)
    """
    usual = min(30, inputs // 6) if inputs > 12 else 2
    return max(1, min(usual, inputs - 1))


def visible_units(fitted: data.TableTransform | None, inputs: int) -> str:
    """The units that stand for an example of the data, as ``models.RBM`` takes them:
    binary ones for pixels, categories and what is yes or no; real ones for numbers.

    Arguments:
        fitted: how the columns of a table became numbers; None for images.
        inputs: how many numbers there are.

    Example:
        >>> fitted = data.TableTransform.fit({"age": [20, 40], "sex": ["f", "m"]})
        >>> visible_units(fitted, 3)
        'Gaussian(1), Binary(2)'
    """
    if fitted is None:
        return repr(models.Binary(inputs))
    real = [
        rule.kind not in ("categorical", "boolean") and name == rule.name
        for rule in fitted.columns
        for name in rule.features
    ]
    units: list[tuple[type[Any], int]] = []
    for kind in (models.Gaussian if each else models.Binary for each in real):
        before = units.pop() if units and units[-1][0] is kind else (kind, 0)
        units.append((kind, before[1] + 1))
    return ", ".join(repr(kind(size)) for kind, size in units)


def has_real_units(network: Network) -> bool:
    """Whether some visible units are real ones."""
    return "Gaussian" in network.visible


def build(settings: Settings, activations: Mapping[str, Any]) -> nn.Module:
    """The model, with its first weights.

    Arguments:
        settings: its name and sizes, and what the data are.
        activations: name ↦ layer.
    """
    network, images = settings.network, bool(settings.image_shape)
    if network.model in GENERATORS:
        shape, loss = settings.image_shape, settings.training.loss
        return adversarial.build(network, shape, loss)
    if network.model == "vae":
        return variational.build(network, activations[network.activation], images)
    if network.model == "autoencoder":
        return models.deep_autoencoder(
            (network.inputs, *network.hidden, network.outputs),
            activations[network.activation],
            output=nn.Sigmoid if images else None,
        )
    if network.model == "rbm":
        return models.RBM(network.visible, network.outputs)
    sizes = (network.visible, *network.hidden)
    return models.DeepBeliefNet(sizes, labels=network.labels or None)


def learner(model: Any, loss: str) -> nn.Module:
    """What ``fit`` trains: the model with its loss."""
    if isinstance(model, models.RBM):
        persistent = loss == "persistent_contrastive_divergence"
        return models.ContrastiveDivergence(model, persistent=persistent)
    if isinstance(model, models.VAE):
        return model
    return models.Reconstruction(model, loss)


def encode(model: Any, inputs: Any) -> Array:
    """``(N, K)``: the codes of examples, without their classes."""
    if isinstance(model, models.DeepBeliefNet):
        return _in_parts(model.encode, inputs)
    if isinstance(model, models.VAE):
        return np.asarray(training.predict(model.encode, inputs))
    encoder = model.encoder if isinstance(model, models.Autoencoder) else model
    return np.asarray(training.predict(encoder, inputs))


def reconstruct(model: Any, inputs: Any) -> Array:
    """``(N, D)``: what the model makes of the codes of examples, nothing drawn."""
    if isinstance(model, models.Autoencoder):
        return np.asarray(training.predict(model, inputs))
    if isinstance(model, models.VAE):
        return np.asarray(training.predict(model.reconstruct, inputs))
    if isinstance(model, models.RBM):
        return _in_parts(lambda x: model.visible_given(model.hidden_given(x)), inputs)
    return _in_parts(lambda x: _means_down(model, model.encode(x)), inputs)


def free_energy(machine: Any, inputs: Any) -> float:
    """The mean of −log Σₕ exp(−E(v, h)) over examples."""
    return float(_in_parts(machine.free_energy, inputs).mean())


def logits(model: Any, inputs: Any) -> Array:
    """``(N, classes)`` of a belief net with labels."""
    return _in_parts(model.logits, inputs)


def samples(model: Any, n: int, steps: int, label: int | None = None) -> Array:
    """``(n, D)``: examples of the model's own: probabilities of binary units, whose
    pictures are clearer than states; drawn values of real ones.
    """
    if isinstance(model, models.GAN):
        return adversarial.samples(model, n)
    if isinstance(model, models.VAE):
        return variational.samples(model, n)
    if isinstance(model, models.DeepBeliefNet):
        visible = model.units[0]
        means = model.sample(n, label, steps=steps)
    else:
        visible = model.visible
        means = model.visible_given(model.sample_hidden(model.sample(n, steps)))
    real: list[bool] = []
    for part in getattr(visible, "parts", (visible,)):
        real += part.features * [part.is_real]
    noise = default_generator.normal(means.shape, dtype=means.dtype).numpy()
    made: Array = np.where(real, means.numpy() + noise, means.numpy())
    return made


def first_weights(model: Any) -> Array:
    """``(units, inputs)``: the weights of the layer above the data."""
    if isinstance(model, models.Autoencoder | models.VAE):
        return np.asarray(model.encoder.parameters()[0].numpy())
    if isinstance(model, models.RBM):
        return np.asarray(model.weight.numpy())
    if model.recognition:
        return np.asarray(model.recognition[0].weight.numpy())
    inputs = model.units[0].features
    return np.asarray(model.top.weight.numpy())[:, :inputs]


def in_words(network: Network, num_parameters: int) -> str:
    """The model in a line: ``autoencoder, 64 → 32 → 2 → 32 → 64, relu: 4 418 …``"""
    count = spaced(num_parameters)
    down = [network.inputs, *network.hidden]
    if network.model in CODED:
        down.append(network.outputs)
        sizes = " → ".join(map(str, down + down[-2::-1]))
        words = [network.model, sizes, network.activation]
        words += [network.visible] * (network.model == "vae")
    elif network.model in GENERATORS:
        up = [network.outputs, *network.hidden, network.inputs]
        if network.model == "dcgan":
            up[1:-1] = network.hidden[::-1]
        words = [network.model, f"noise {' → '.join(map(str, up))}, and back to 1"]
    else:
        words = [network.model, " ↔ ".join(map(str, down))]
        if has_real_units(network):
            words.append(f"units of the data {network.visible}")
        if network.labels:
            words.append(f"joined by {counted(network.labels, 'class', 'classes')}")
    return f"{', '.join(words)}: {count} parameters"


def _means_down(net: Any, h: Any) -> Any:
    """One pass down a belief net from its top units, (N, H) → (N, D)."""
    n = net.units[-2].features
    below = net.units[-2].mean(net.top.visible_inputs(h)[:, :n])
    for k in reversed(range(len(net.generative))):
        below = net.units[k].mean(net.generative[k](below))
    return below


def _in_parts(function: Callable[[Any], Any], inputs: Any) -> Array:
    """A function of examples on some of them at a time."""
    rows: Sequence[int] = range(0, math.ceil(len(inputs) / ROWS) * ROWS, ROWS)
    parts = [function(np.asarray(inputs[row : row + ROWS])).numpy() for row in rows]
    return np.concatenate(parts)
