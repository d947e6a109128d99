"""The networks that ``--model`` names: what each takes, and how it is usually trained.

Place on the road: below the commands, above ``models``. It must not know where images
come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import models, nn
from ..errors import ArgumentError, OptionError, nearest
from .settings import FEATURE_MODELS

#: Height, width and channels of an image.
ImageShape = tuple[int, ...]

#: A name of no network of ``models``: hidden layers of ``--hidden``.
PERCEPTRON = "mlp"

#: Height and width of images from a folder, of which features are learned.
FEATURES_OF = 32


@dataclass(frozen=True)
class Architecture:
    """A network for images.

    Arguments:
        what: in a few words.
        build: (number of classes, image shape) ↦ the network.
        side: the height and width that it takes; None for any of ``least`` and more.
        least: the smallest height and width it is offered for.
        usual: height and width that images from a folder are resized to.
        multiple: what height and width must be a multiple of.
        lr, epochs, batch_size: how it is usually trained.
    """

    what: str
    build: Callable[[int, ImageShape], nn.Module]
    side: int | None = None
    least: int = 8
    usual: int | None = None
    multiple: int = 1
    lr: float = 2e-3
    epochs: int = 30
    batch_size: int = 64


def _residual(depth: int) -> Architecture:
    return Architecture(
        f"{depth} layers with shortcuts, for small images (He et al., 2016)",
        lambda classes, shape: models.resnet_small(depth, classes, shape[2]),
    )


def _deep(depth: int) -> Architecture:
    return Architecture(
        f"{depth} layers with shortcuts, for photographs (He et al., 2016)",
        lambda classes, shape: models.resnet(depth, classes, shape[2]),
        least=32,
        usual=224,
        lr=1e-3,
        batch_size=32,
    )


def _vgg(depth: int) -> Architecture:
    return Architecture(
        f"{depth} layers one after another (Simonyan & Zisserman, 2015)",
        lambda classes, shape: models.vgg(
            depth, classes, shape[0], shape[2], batch_norm=True
        ),
        least=32,
        usual=64,
        multiple=32,
        lr=5e-4,
        batch_size=32,
    )


def _by_rows(classes: int, shape: ImageShape) -> nn.Module:
    height, width, channels = shape
    rows = [nn.Flatten(), nn.Unflatten((height, width * channels))]
    reader = nn.LSTM(width * channels, 128)
    return nn.Sequential(*rows, reader, nn.LastStep(), nn.Linear(128, classes))


ARCHITECTURES: Mapping[str, Architecture] = {
    "lenet": Architecture(
        "two convolutions, two layers; for 28 × 28",
        lambda classes, shape: models.lenet(classes, shape[2]),
        side=28,
        usual=28,
        lr=2e-3,
        epochs=10,
    ),
    "lenet5": Architecture(
        "that of 1998 (LeCun et al.); for 28 × 28",
        lambda classes, shape: models.lenet5(classes, shape[2]),
        side=28,
        usual=28,
        lr=4e-3,
        epochs=15,
    ),
    "resnet": _residual(20),
    **{f"resnet{depth}": _residual(depth) for depth in (20, 32, 44, 56)},
    **{f"resnet{depth}": _deep(depth) for depth in (18, 34, 50)},
    **{f"vgg{depth}": _vgg(depth) for depth in (11, 13, 16)},
    "lstm": Architecture("reads row by row, 128 units", _by_rows, usual=28, epochs=12),
    "inception": Architecture(
        "blocks of two branches, for small images (Zhang et al., 2017)",
        lambda classes, shape: models.inception_small(classes, shape[2]),
    ),
    "googlenet": Architecture(
        "blocks of four branches, for photographs (Szegedy et al., 2015)",
        lambda classes, shape: models.googlenet(classes, shape[2]),
        least=32,
        usual=224,
        lr=1e-3,
        batch_size=32,
    ),
}


def names() -> tuple[str, ...]:
    """What ``--model`` may be."""
    return (PERCEPTRON, *ARCHITECTURES, *FEATURE_MODELS)


def architecture(name: str) -> Architecture:
    """The one with a name.

    Raises:
        OptionError: no such name; the message lists them.
    """
    network = ARCHITECTURES.get(name)
    if network is None:
        close = nearest(name, names())
        raise OptionError(
            f"--model {name!r}: there are {', '.join(names())}",
            fix=f"did you mean {close!r}?" if close else None,
        )
    return network


def usual_size(name: str) -> int | None:
    """Height and width that images from a folder are brought to for a network; None
    for their own, up to a limit."""
    if name in FEATURE_MODELS:
        return FEATURES_OF
    return None if name == PERCEPTRON else architecture(name).usual


def check(name: str, shape: ImageShape, title: str) -> None:
    """An error where images are not what a network takes.

    Arguments:
        name: of the network.
        shape: of the images; empty where the data are no images.
        title: what the data are called.
    """
    if not shape:
        raise ArgumentError(
            f"--model {name}: a network for images, and {title} holds none",
            fix="leave --model out",
        )
    network = architecture(name)
    height, width = shape[:2]
    size = f"{height} × {width}"
    if network.side is not None and {height, width} != {network.side}:
        raise ArgumentError(
            f"--model {name}: it takes images of {network.side} × {network.side}; "
            f"those of {title} are {size}",
            fix="--model resnet takes images of any size",
        )
    if min(height, width) < network.least:
        raise ArgumentError(
            f"--model {name}: it takes images of {network.least} × {network.least} and "
            f"more; those of {title} are {size}",
            fix="--model resnet takes images of 8 × 8 and more",
        )
    wrong = height % network.multiple or width % network.multiple
    if wrong or (network.multiple > 1 and height != width):
        side = max(network.least, height // network.multiple * network.multiple)
        raise ArgumentError(
            f"--model {name}: it takes squares whose side is a multiple of "
            f"{network.multiple}; the images of {title} are {size}",
            fix=f"--size {side}",
        )


def build(name: str, classes: int, shape: ImageShape, scaling: Any) -> nn.Sequential:
    """The network, behind a layer that scales its images.

    Arguments:
        name: of the network.
        classes: how many there are.
        shape: ``(H, W, C)`` of the images.
        scaling: (mean, standard deviation) of each channel of the training images.
    """
    inner: Any = architecture(name).build(classes, tuple(shape))
    return nn.Sequential(nn.Normalization(*scaling), *inner)
