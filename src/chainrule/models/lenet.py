"""LeNet: convolutions and pooling for handwritten digits, the first of their kind.

Read from top to bottom. Each network is a ``Sequential`` of this package's layers, so
it saves, loads, prints, and can be cut: ``model[:3]`` gives the activations of its
first layer. The shape of an image's values stands at the right of the line that makes
it.
"""

from __future__ import annotations

from .. import nn
from ..foreign import advised


@advised("models.FUNCTION")
def lenet5(num_classes: int = 10, in_channels: int = 1) -> nn.Sequential:
    """LeNet-5, of 61,706 parameters: for images of 28 × 28, padded to 32 × 32.

    Units are tanh and pooling takes the mean, as in 1998; what it had besides (trained
    scales of the pooling, a table of which maps the third layer sees, radial basis
    functions at the end) nobody has used since.

    Shapes: (N, 28, 28, in_channels) → logits (N, num_classes).

    Source: LeCun, Bottou, Bengio & Haffner (1998), section II.B; 99.05 % on MNIST.

    Example:
        >>> from chainrule import models
        >>> models.lenet5().num_parameters
        61706
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, 6, 5, padding=2),  # 28 × 28 × 6
        nn.Tanh(),
        nn.AvgPool2d(2),  # 14 × 14 × 6
        nn.Conv2d(6, 16, 5),  # 10 × 10 × 16
        nn.Tanh(),
        nn.AvgPool2d(2),  # 5 × 5 × 16
        nn.Flatten(),  # 400
        nn.Linear(400, 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, num_classes),
    )


@advised("models.FUNCTION")
def lenet(num_classes: int = 10, in_channels: int = 1) -> nn.Sequential:
    """LeNet as it is trained today: wider, with ReLU and max pooling.

    Shapes: (N, 28, 28, in_channels) → logits (N, num_classes).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import models
        >>> models.lenet()(cr.zeros((2, 28, 28, 1))).shape
        (2, 10)
    """
    he = "he_uniform"
    return nn.Sequential(
        nn.Conv2d(in_channels, 32, 5, weight_init=he),  # 24 × 24 × 32
        nn.ReLU(),
        nn.MaxPool2d(2),  # 12 × 12 × 32
        nn.Conv2d(32, 64, 5, weight_init=he),  # 8 × 8 × 64
        nn.ReLU(),
        nn.MaxPool2d(2),  # 4 × 4 × 64
        nn.Flatten(),  # 1024
        nn.Linear(1024, 256, weight_init=he),
        nn.ReLU(),
        nn.Linear(256, num_classes),
    )
