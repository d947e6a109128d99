"""What a convolutional network's first layer looks for and finds, in pictures.

Place on the road: below the commands, above ``pictures``. It finds the layer and lets
it look at images; the drawing is done there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import data, nn, pictures, training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = np.ndarray[Any, np.dtype[Any]]

#: What may stand between a convolution and what its units say.
BEHIND = (
    nn.BatchNorm2d, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh,
    nn.Sigmoid, nn.Softplus, nn.SELU, nn.CELU, nn.Mish, nn.Hardtanh, nn.Softsign,
)  # fmt: skip

#: How many images are searched for the patches that excite a unit.
MOST_IMAGES = 1000
MOST_UNITS = 12
PATCHES = 9


@dataclass(frozen=True)
class FirstLayer:
    """The first convolution of a network.

    Arguments:
        convolution: the layer.
        outputs: the network up to what its units say: with its norm and activation.
    """

    convolution: Any
    outputs: nn.Module

    def __call__(self, images: Array) -> Array:
        """``(N, height, width, units)``: the activations for images."""
        outputs: Any = training.predict(self.outputs, images)
        return np.asarray(outputs)


def find(model: Any) -> FirstLayer | None:
    """The first convolution of a ``Sequential``; None where another layer with weights
    comes before it, or there is none.
    """
    if not isinstance(model, nn.Sequential):
        return None
    for place, layer in enumerate(model):
        if isinstance(layer, nn.Conv2d):
            end = place + 1
            while end < len(model) and isinstance(model[end], BEHIND):
                end += 1
            return FirstLayer(layer, model[:end])
        if layer.parameters():
            return None
    return None


def drawings(model: Any, test: data.Dataset) -> dict[str, Callable[[], Figure]]:
    """File ↦ what draws it: filters, activations, the parts of images that excite."""
    layer = find(model)
    if layer is None:
        return {}
    kernels = np.asarray(layer.convolution.weight.numpy())
    return {
        "first_layer_filters.png": lambda: pictures.filters(kernels),
        "first_layer_activations.png": lambda: activations(layer, test, 0),
        "first_layer_patches.png": lambda: _patches(layer, kernels, test),
    }


def activations(layer: FirstLayer, test: data.Dataset, row: int) -> Figure:
    """The activations for one example."""
    images = test.subset([row]).images()
    name = f"row {row}"
    if test.classes and isinstance(test.targets, np.ndarray):
        name = test.classes[int(test.targets[row])]
    return pictures.activations(images[0], layer(images)[0], name)


def _patches(found: FirstLayer, kernels: Array, test: data.Dataset) -> Figure:
    """The parts of test images that excite the strongest units most."""
    rows = np.unique(np.linspace(0, len(test) - 1, MOST_IMAGES).astype(np.int64))
    images = test.subset(rows).images()
    norms = np.linalg.norm(kernels.reshape(len(kernels), -1), axis=1)
    units = np.argsort(-norms, kind="stable")[:MOST_UNITS].tolist()
    layer = found.convolution
    patches = pictures.strongest_patches(
        images, found(images), layer.kernel_size, layer.stride, units, PATCHES
    )
    return pictures.exciting_patches(patches, units)
