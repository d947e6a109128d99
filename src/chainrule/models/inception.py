"""Inception: kernels of several sizes side by side, their channels joined.

Read from top to bottom: a block of GoogLeNet and the network, then the smaller network
for images of 32 × 32. Each is a ``Sequential`` of this package's layers. The shape of
an image's values stands at the right of the line that makes it.
"""

from __future__ import annotations

from .. import nn
from ..foreign import advised

HE = "he_normal"


def unit(
    channels: int, width: int, kernel: int = 1, stride: int = 1
) -> list[nn.Module]:
    """A convolution that keeps the image's size (or divides it by the stride), ReLU.

    Example:
        >>> unit(3, 8, 5)
        [Conv2d(3 → 8, 5×5, padding 2), ReLU()]
    """
    pad = kernel // 2
    layer = nn.Conv2d(channels, width, kernel, stride, pad, weight_init=HE)
    return [layer, nn.ReLU()]


def inception_block(
    channels: int,
    one: int,
    three: tuple[int, int],
    five: tuple[int, int],
    pooled: int,
) -> nn.Branches:
    """1 × 1, 3 × 3 and 5 × 5 convolutions and a pooling side by side; where it would be
    dear, a 1 × 1 convolution in front makes the channels fewer.

    Shapes: (N, H, W, channels) → (N, H, W, one + three[1] + five[1] + pooled).

    Arguments:
        one: the channels of the 1 × 1 branch.
        three, five: the channels in front of the larger kernels, and behind them.
        pooled: the channels behind the pooling.

    Source: Szegedy et al. (2015), figure 2b.

    Example:
        >>> import chainrule as cr
        >>> inception_block(192, 64, (96, 128), (16, 32), 32)(
        ...     cr.zeros((1, 8, 8, 192))).shape
        (1, 8, 8, 256)
    """
    return nn.Branches(
        nn.Sequential(*unit(channels, one)),
        nn.Sequential(*unit(channels, three[0]), *unit(*three, kernel=3)),
        nn.Sequential(*unit(channels, five[0]), *unit(*five, kernel=5)),
        nn.Sequential(nn.MaxPool2d(3, 1, padding=1), *unit(channels, pooled)),
    )


@advised("models.FUNCTION")
def googlenet(num_classes: int = 1000, in_channels: int = 3) -> nn.Sequential:
    """GoogLeNet: 22 layers, 6,998,552 parameters, without its auxiliary classifiers.

    Shapes: (N, H, W, in_channels) → logits (N, num_classes); images of 224 × 224, or
    any size of 32 and more.

    Source: Szegedy et al. (2015), table 1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.googlenet(10)(cr.zeros((1, 32, 32, 3))).shape
        (1, 10)
    """

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, stride=2, ceil_mode=True)

    return nn.Sequential(
        *unit(in_channels, 64, kernel=7, stride=2),  # 112 × 112 × 64
        pool(),
        nn.LocalResponseNorm(5),  # 56 × 56 × 64
        *unit(64, 64),
        *unit(64, 192, kernel=3),
        nn.LocalResponseNorm(5),
        pool(),  # 28 × 28 × 192
        inception_block(192, 64, (96, 128), (16, 32), 32),
        inception_block(256, 128, (128, 192), (32, 96), 64),
        pool(),  # 14 × 14 × 480
        inception_block(480, 192, (96, 208), (16, 48), 64),
        inception_block(512, 160, (112, 224), (24, 64), 64),
        inception_block(512, 128, (128, 256), (24, 64), 64),
        inception_block(512, 112, (144, 288), (32, 64), 64),
        inception_block(528, 256, (160, 320), (32, 128), 128),
        pool(),  # 7 × 7 × 832
        inception_block(832, 256, (160, 320), (32, 128), 128),
        inception_block(832, 384, (192, 384), (48, 128), 128),
        nn.GlobalAvgPool(),  # 1024
        nn.Dropout(0.4),
        nn.Linear(1024, num_classes),
    )


def normed(channels: int, width: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """A convolution, ``BatchNorm2d``, ReLU.

    Example:
        >>> len(normed(3, 8, 3))
        3
    """
    pad = kernel // 2
    layer = nn.Conv2d(channels, width, kernel, stride, pad, bias=False, weight_init=HE)
    return [layer, nn.BatchNorm2d(width), nn.ReLU()]


def small_block(channels: int, one: int, three: int) -> nn.Branches:
    """1 × 1 and 3 × 3 convolutions side by side.

    Example:
        >>> import chainrule as cr
        >>> small_block(8, 4, 6)(cr.zeros((1, 5, 5, 8))).shape
        (1, 5, 5, 10)
    """
    return nn.Branches(
        nn.Sequential(*normed(channels, one, 1)),
        nn.Sequential(*normed(channels, three, 3)),
    )


def halving_block(channels: int, width: int) -> nn.Branches:
    """A 3 × 3 convolution of stride 2 beside a max pooling of stride 2.

    Example:
        >>> import chainrule as cr
        >>> halving_block(8, 4)(cr.zeros((1, 6, 6, 8))).shape
        (1, 3, 3, 12)
    """
    return nn.Branches(
        nn.Sequential(*normed(channels, width, 3, stride=2)),
        nn.MaxPool2d(3, stride=2, padding=1),
    )


@advised("models.FUNCTION")
def inception_small(num_classes: int = 10, in_channels: int = 3) -> nn.Sequential:
    """The small Inception for CIFAR: eight blocks of two branches, two that halve.

    Shapes: (N, H, W, in_channels) → logits (N, num_classes), for images of any size.

    Source: Zhang, Bengio, Hardt, Recht & Vinyals (2017), figure 3. It has 1,651,114
    parameters; without the 1,712 scales of the norms, which theirs leave out, the
    1,649,402 of its table 1.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.inception_small()(cr.zeros((1, 28, 28, 3))).shape
        (1, 10)
    """
    return nn.Sequential(
        *normed(in_channels, 96, 3),  # 28 × 28 × 96
        small_block(96, 32, 32),
        small_block(64, 32, 48),
        halving_block(80, 80),  # 14 × 14 × 160
        small_block(160, 112, 48),
        small_block(160, 96, 64),
        small_block(160, 80, 80),
        small_block(160, 48, 96),
        halving_block(144, 96),  # 7 × 7 × 240
        small_block(240, 176, 160),
        small_block(336, 176, 160),
        nn.GlobalAvgPool(),  # 336
        nn.Linear(336, num_classes),
    )
