"""Runs of variational autoencoders: how one is made, what is measured of it after every
epoch and at the end, and the picture of its codes.

Place on the road: below ``feature_models`` and what stands on that, which call it for
such runs. It must not know where data come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import models, pictures
from ..training import callbacks
from ..wording import signed
from .settings import Network

Array = np.ndarray[Any, np.dtype[Any]]

#: What it may learn by: the likelihood of the data given a code.
LOSSES = ("bernoulli_nll", "gaussian_nll")

#: The least variance of a column of a table, of which the whole is 1, and of pixels.
OF_COLUMNS, OF_PIXELS = 0.01, 1e-3

#: Codes on a side of the picture of codes of two numbers.
GRID = 20


def build(network: Network, activation: Any, images: bool) -> models.VAE:
    """The model, with its first weights: binary data, or real ones whose variances the
    decoder says of each column of a table, and one of all pixels.

    Arguments:
        network: its sizes and likelihood.
        activation: the class of the layer behind hidden ones.
        images: whether the data are pixels from 0 to 1.
    """
    return models.VAE(
        network.inputs,
        network.hidden,
        network.outputs,
        network.visible,
        variance="shared" if images else "network",
        least_variance=OF_PIXELS if images else OF_COLUMNS,
        activation=activation,
    )


class BoundParts(callbacks.Callback):
    """The divergence of codes from their prior, in nats, after every epoch: how much a
    code says of its example. It is part of the loss, and grows as the rest falls.

    Arguments:
        vae: the model.
        inputs: some training examples.
    """

    columns = ("kl",)
    only_observes = True

    def __init__(self, vae: models.VAE, inputs: Any) -> None:
        self.vae, self.inputs = vae, inputs

    def on_epoch_end(self, run: Any) -> None:
        """A number for the row of the epoch."""
        run.row["kl"] = float(self.vae.elbo(self.inputs).kl.mean())


def samples(vae: models.VAE, n: int) -> Array:
    """``(n, D)``: means of binary data, whose pictures are clearer than states, and of
    pixels; drawn values of columns.
    """
    of_columns = vae.variance == "network" and vae.likelihood == "gaussian"
    return np.asarray(vae.sample(n, means=not of_columns).numpy())


def bounds(vae: models.VAE, parts: Mapping[str, Array]) -> dict[str, dict[str, float]]:
    """The evidence lower bound of parts of the data, in nats an example, as in
    ``metrics.json``.
    """
    found = {}
    for name, inputs in parts.items():
        bound = vae.elbo(inputs)
        found[name] = {
            "mean": bound.mean,
            "reconstruction": float(bound.reconstruction.mean()),
            "kl": float(bound.kl.mean()),
        }
    return found


def in_words(found: Mapping[str, Mapping[str, float]]) -> str:
    """The bounds of the parts in a line.

    Example:
        >>> part = {"mean": -22.5, "reconstruction": -15.0, "kl": 7.5}
        >>> in_words({"training": part, "test": {**part, "mean": -23.0}})
        'bound −22.50 nats of training data, −23.00 of test data'
    """
    first, *others = [
        signed(f"{bound['mean']:.2f}") + f"{{}} of {part} data"
        for part, bound in found.items()
    ]
    listed = [first.format(" nats"), *(each.format("") for each in others)]
    return f"bound {', '.join(listed)}"


def draw_codes(vae: models.VAE, shape: tuple[int, ...], values: str) -> Any:
    """What the decoder makes of codes of two numbers, evenly spread over the prior.

    Arguments:
        shape: of an image.
        values: as of ``pictures.image_grid``.
    """
    made = np.asarray(vae.decode(models.latent_grid(GRID)).numpy())
    images = np.clip(made, 0, 1).reshape(-1, *shape)
    return pictures.image_grid(
        images, values=values, columns=GRID, title="images of codes, evenly spread"
    )
