"""VGG: nothing but 3 × 3 convolutions and pooling, deeper than anything before it.

Read from top to bottom. Each network is a ``Sequential`` of this package's layers. Two
3 × 3 kernels see as much of the image as one of 5 × 5, with fewer weights and one more
nonlinearity.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import nn
from ..errors import ArgumentError
from ..foreign import advised

#: The channels of the convolutions of each stage; after each stage the image halves.
STAGES: dict[int, Sequence[Sequence[int]]] = {
    11: ((64,), (128,), (256, 256), (512, 512), (512, 512)),
    13: ((64, 64), (128, 128), (256, 256), (512, 512), (512, 512)),
    16: ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3),
    19: ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4),
}


@advised("models.FUNCTION")
def vgg(
    depth: int = 16,
    num_classes: int = 1000,
    image_size: int = 224,
    in_channels: int = 3,
    batch_norm: bool = False,
) -> nn.Sequential:
    """VGG-11, 13, 16 or 19, for square images.

    Shapes: (N, image_size, image_size, in_channels) → logits (N, num_classes).

    Arguments:
        depth: the layers with weights: 11, 13, 16 (configuration D) or 19 (E).
        image_size: a multiple of 32. For images of 32 × 32 the last stage leaves a
            single pixel, and one linear layer takes the place of the three of 4096
            units, as is usual for CIFAR.
        batch_norm: whether every convolution is followed by ``BatchNorm2d``.

    Raises:
        ArgumentError: for another depth or size.

    Source: Simonyan & Zisserman (2015), table 1; VGG-16 has 138,357,544 parameters.

    Example:
        >>> from chainrule import models
        >>> models.vgg(11, num_classes=10, image_size=32).num_parameters
        9225610
    """
    if depth not in STAGES:
        raise ArgumentError(f"vgg: depth={depth!r}: expected one of {list(STAGES)}")
    if image_size < 32 or image_size % 32:
        raise ArgumentError(
            f"vgg: image_size={image_size!r}: expected a multiple of 32, which five "
            "poolings divide"
        )
    layers: list[nn.Module] = []
    channels = in_channels
    for stage in STAGES[depth]:
        for width in stage:
            layers += convolution(channels, width, batch_norm)
            channels = width
        layers.append(nn.MaxPool2d(2))  # half as high and wide
    side = image_size // 32
    layers.append(nn.Flatten())  # side · side · 512
    if side == 1:
        layers.append(nn.Linear(channels, num_classes))
    else:
        layers += classifier(side * side * channels, num_classes)
    return nn.Sequential(*layers)


def convolution(channels: int, width: int, batch_norm: bool) -> list[nn.Module]:
    """A 3 × 3 convolution that keeps the image's size, and ReLU.

    Example:
        >>> len(convolution(3, 64, batch_norm=True))
        3
    """
    layer = nn.Conv2d(channels, width, 3, padding=1, weight_init="he_normal")
    norm: list[nn.Module] = [nn.BatchNorm2d(width)] if batch_norm else []
    return [layer, *norm, nn.ReLU()]


def classifier(features: int, num_classes: int) -> list[nn.Module]:
    """Two layers of 4096 units with dropout, and the logits.

    Example:
        >>> len(classifier(100, 10))
        7
    """
    return [
        nn.Linear(features, 4096, weight_init="he_normal"),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, 4096, weight_init="he_normal"),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(4096, num_classes),
    ]
