"""ResNet: layers that learn what to add to their input, and so can be many.

Read from top to bottom: the two kinds of blocks, the networks for small images (20, 32,
44, 56, 110 layers), and those for ImageNet (18, 34, 50, 101, 152). Each network is a
``Sequential`` of this package's layers. The shape of an image's values stands at the
right of the line that makes it.
"""

from __future__ import annotations

from .. import nn
from ..errors import ArgumentError
from ..foreign import advised

HE = "he_normal"


def basic_block(
    channels: int, width: int, stride: int = 1, projection: bool = True
) -> nn.Sequential:
    """Two 3 × 3 convolutions, and the way around them.

    Shapes: (N, H, W, channels) → (N, H / stride, W / stride, width).

    Arguments:
        projection: whether the way around is a 1 × 1 convolution where the shape
            changes (shortcut B of the paper); else it takes every stride-th place and
            new channels are 0 (shortcut A), which has no parameters.

    Source: He et al. (2016), figure 5 left.

    Example:
        >>> import chainrule as cr
        >>> basic_block(16, 32, stride=2)(cr.zeros((1, 8, 8, 16))).shape
        (1, 4, 4, 32)
    """
    inner = nn.Sequential(
        nn.Conv2d(channels, width, 3, stride, padding=1, bias=False, weight_init=HE),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1, bias=False, weight_init=HE),
        nn.BatchNorm2d(width),
    )
    around = shortcut(channels, width, stride, projection)
    return nn.Sequential(nn.Residual(inner, around), nn.ReLU())


def bottleneck(channels: int, width: int, stride: int = 1) -> nn.Sequential:
    """1 × 1 down to ``width`` channels, 3 × 3, 1 × 1 up to 4 · width; the way around.

    The stride is that of the 3 × 3 convolution, as everywhere since 2016; in the paper
    it was the first one's.

    Shapes: (N, H, W, channels) → (N, H / stride, W / stride, 4 · width).

    Source: He et al. (2016), figure 5 right.

    Example:
        >>> import chainrule as cr
        >>> bottleneck(64, 16)(cr.zeros((1, 8, 8, 64))).shape
        (1, 8, 8, 64)
    """
    inner = nn.Sequential(
        nn.Conv2d(channels, width, 1, bias=False, weight_init=HE),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, stride, padding=1, bias=False, weight_init=HE),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, 4 * width, 1, bias=False, weight_init=HE),
        nn.BatchNorm2d(4 * width),
    )
    around = shortcut(channels, 4 * width, stride, projection=True)
    return nn.Sequential(nn.Residual(inner, around), nn.ReLU())


def shortcut(
    channels: int, width: int, stride: int, projection: bool
) -> nn.Module | None:
    """The way around a block: x itself (None) unless the block changes its shape.

    Example:
        >>> shortcut(16, 16, 1, projection=True), shortcut(16, 32, 2, projection=False)
        (None, Subsample(stride=2, extra_channels=16))
    """
    if stride == 1 and channels == width:
        return None
    if not projection:
        return nn.Subsample(stride, extra_channels=width - channels)
    return nn.Sequential(
        nn.Conv2d(channels, width, 1, stride, bias=False, weight_init=HE),
        nn.BatchNorm2d(width),
    )


@advised("models.FUNCTION")
def resnet_small(
    depth: int = 20,
    num_classes: int = 10,
    in_channels: int = 3,
    projection: bool = False,
) -> nn.Sequential:
    """The ResNets for images of 32 × 32: 6n + 2 layers, n blocks in each of 3 stages.

    Shapes: (N, H, W, in_channels) → logits (N, num_classes), for images of any size.

    Arguments:
        depth: 20, 32, 44, 56 or 110, or any other 6n + 2.
        projection: shortcuts B instead of A, where a stage begins.

    Raises:
        ArgumentError: for a depth that is not 6n + 2.

    Source: He et al. (2016), section 4.2. With shortcuts A, ResNet-20 has 269,722
    parameters and reached 91.25 % on CIFAR-10; ResNet-56 has 853,018, and 93.03 %.

    Example:
        >>> from chainrule import models
        >>> models.resnet_small(20).num_parameters
        269722
    """
    n, rest = divmod(depth - 2, 6)
    if rest or n < 1:
        raise ArgumentError(
            f"resnet_small: depth={depth!r}: expected 6n + 2, such as 20, 32, 44, 56",
            fix="models.resnet(50) is the network for ImageNet"
            if depth in IMAGENET
            else None,
        )
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, 16, 3, padding=1, bias=False, weight_init=HE),
        nn.BatchNorm2d(16),
        nn.ReLU(),  # 32 × 32 × 16
    ]
    channels = 16
    for width in (16, 32, 64):  # 32 × 32 × 16, 16 × 16 × 32, 8 × 8 × 64
        for block in range(n):
            stride = 2 if width > 16 and block == 0 else 1
            layers.append(basic_block(channels, width, stride, projection))
            channels = width
    return nn.Sequential(*layers, nn.GlobalAvgPool(), nn.Linear(64, num_classes))


#: The number of blocks in each stage, and whether they are bottlenecks.
IMAGENET: dict[int, tuple[tuple[int, ...], bool]] = {
    18: ((2, 2, 2, 2), False),
    34: ((3, 4, 6, 3), False),
    50: ((3, 4, 6, 3), True),
    101: ((3, 4, 23, 3), True),
    152: ((3, 8, 36, 3), True),
}


@advised("models.FUNCTION")
def resnet(
    depth: int = 18, num_classes: int = 1000, in_channels: int = 3
) -> nn.Sequential:
    """The ResNets for ImageNet: 18, 34, 50, 101 or 152 layers, shortcuts B.

    Shapes: (N, H, W, in_channels) → logits (N, num_classes); images of 224 × 224, or
    any size of 32 and more.

    Arguments:
        depth: 18 or 34, of basic blocks; 50, 101 or 152, of bottlenecks.

    Raises:
        ArgumentError: for another depth.

    Source: He et al. (2016), table 1. ResNet-18 has 11,689,512 parameters, ResNet-34
    21,797,672, ResNet-50 25,557,032.

    Example:
        >>> from chainrule import models
        >>> models.resnet(18, num_classes=10)[-1]
        Linear(512 → 10)
    """
    if depth not in IMAGENET:
        raise ArgumentError(
            f"resnet: depth={depth!r}: expected one of {list(IMAGENET)}",
            fix=f"models.resnet_small({depth}) is for images of 32 × 32"
            if isinstance(depth, int) and depth % 6 == 2
            else None,
        )
    counts, deep = IMAGENET[depth]
    layers: list[nn.Module] = [
        nn.Conv2d(in_channels, 64, 7, 2, padding=3, bias=False, weight_init=HE),
        nn.BatchNorm2d(64),
        nn.ReLU(),  # 112 × 112 × 64
        nn.MaxPool2d(3, stride=2, padding=1),  # 56 × 56 × 64
    ]
    channels = 64
    for stage, (width, count) in enumerate(
        zip((64, 128, 256, 512), counts, strict=True)
    ):
        for block in range(count):  # 56 × 56, 28 × 28, 14 × 14, 7 × 7
            stride = 2 if stage > 0 and block == 0 else 1
            if deep:
                layers.append(bottleneck(channels, width, stride))
            else:
                layers.append(basic_block(channels, width, stride))
            channels = 4 * width if deep else width
    last = nn.Linear(channels, num_classes)
    return nn.Sequential(*layers, nn.GlobalAvgPool(), last)
