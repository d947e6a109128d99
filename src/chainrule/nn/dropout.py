"""Dropout: noise that keeps units from relying on each other."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from numpy.typing import DTypeLike

from ..errors import ArgumentError
from ..initializers import Initializer
from ..ops.elementwise import where
from ..random_numbers import default_generator
from ..shapes import Shape
from .arguments import features, floats, new_parameter, number_within, positive_size
from .module import Module
from .spatial import spatial_input


class _Dropping(Module):
    """A layer that drops something with probability p."""

    depends_on_training: ClassVar[bool] = True

    def __init__(self, p: float = 0.5) -> None:
        self.p = drop_probability(type(self).__name__, p)

    def settings(self) -> dict[str, Any]:
        """p."""
        return {"p": self.p}


def drop_probability(layer: str, p: Any) -> float:
    """The probability of dropping, from 0 to less than 1.

    Raises:
        ArgumentError: for anything else.

    Example:
        >>> drop_probability("Dropout", 0.5)
        0.5
    """
    rule = "a probability from 0 to less than 1"
    probability = number_within(layer, "p", p, 0, 1, rule)
    if probability == 1:
        raise ArgumentError(
            f"{layer}: p={p!r}: expected {rule}",
            fix="p is the fraction that is dropped; 1 would drop everything",
        )
    return probability


def dropped(x: Any, p: float, shape: Shape) -> Any:
    """x with elements set to 0 with probability p, the others divided by 1 − p.

    There is one random draw for each element of ``shape``, which broadcasts to x.

    Example:
        >>> import chainrule as cr
        >>> sorted(set(dropped(cr.ones(99), 0.5, (99,)).numpy().tolist()))
        [0.0, 2.0]
    """
    kept = default_generator.bernoulli(1.0 - p, shape)
    return where(kept, x * (1.0 / (1.0 - p)), 0.0)


class Dropout(_Dropping):
    """In training, sets elements to 0 with probability p and divides the others by
    1 − p, so that the expectation stays the same. In prediction, y = x.

    Shapes: any → the same.

    Arguments:
        p: the probability of dropping, from 0 to less than 1.

    Random numbers come from ``random.default_generator``; ``cr.manual_seed`` makes them
    repeatable.

    Raises:
        ArgumentError: for p outside of [0, 1).

    Source: Srivastava et al. (2014); with the division in training ("inverted").

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> cr.manual_seed(0)
        >>> nn.Dropout(0.5)(cr.ones(1000), training=True).numpy().mean().round()
        np.float32(1.0)
        >>> nn.Dropout(0.5)(cr.ones(2)).numpy()
        array([1., 1.], dtype=float32)
    """

    def forward(self, x: Any, training: bool = False) -> Any:
        """Noise in training; x in prediction."""
        node = floats("Dropout", x)
        if not training or self.p == 0:
            return node
        return dropped(node, self.p, node.shape)


class _SpatialDropout(_Dropping):
    """Dropout of whole channels, for any number of axes."""

    axes: ClassVar[int]

    def forward(self, x: Any, training: bool = False) -> Any:
        """Noise in training; x in prediction."""
        node = spatial_input(type(self).__name__, x, self.axes)
        if not training or self.p == 0:
            return node
        shape = (node.shape[0], *[1] * self.axes, node.shape[-1])
        return dropped(node, self.p, shape)


class Dropout1d(_SpatialDropout):
    """In training, sets whole channels of a sequence to 0 with probability p.

    Formula, arguments and errors: those of ``Dropout2d``, for (N, L, C).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Dropout1d(0.5)(cr.ones((2, 9, 4)), training=True).shape
        (2, 9, 4)
    """

    axes: ClassVar[int] = 1


class Dropout2d(_SpatialDropout):
    """In training, sets whole channels of an image to 0 with probability p and divides
    the others by 1 − p ("spatial dropout"): neighbours are so similar that dropping
    single pixels would remove no information. In prediction, y = x.

    Shapes: (N, H, W, C) → the same; one draw for each sample and channel.

    Arguments:
        p: the probability of dropping, from 0 to less than 1.

    Raises:
        ArgumentError: for p outside of [0, 1).
        ShapeError: in a call, for another number of axes.

    Source: Tompson et al. (2015).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> y = nn.Dropout2d(0.5)(cr.ones((2, 3, 3, 4)), training=True).numpy()
        >>> bool((y == y[:, :1, :1]).all())
        True
    """

    axes: ClassVar[int] = 2


class Dropout3d(_SpatialDropout):
    """In training, sets whole channels of a volume to 0 with probability p.

    Formula, arguments and errors: those of ``Dropout2d``, for (N, D, H, W, C).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Dropout3d(0.5)(cr.ones((2, 3, 3, 3, 4)), training=True).shape
        (2, 3, 3, 3, 4)
    """

    axes: ClassVar[int] = 3


class AlphaDropout(_Dropping):
    """Dropout that keeps mean 0 and variance 1, for networks of SELU units.

    Formula: in training y = a (x if kept, else α′) + b, with α′ ≈ −1.7581, the limit of
    SELU at −∞, a = ((1 − p)(1 + p α′²))^−½ and b = −a p α′. In prediction, y = x.

    Shapes: any → the same.

    Arguments:
        p: the probability of dropping, from 0 to less than 1.

    Raises:
        ArgumentError: for p outside of [0, 1).

    Source: Klambauer et al. (2017).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.AlphaDropout(0.5)(cr.ones((2, 3))).shape
        (2, 3)
    """

    #: −λα of SELU.
    FLOOR: ClassVar[float] = -1.7580993408473766

    def forward(self, x: Any, training: bool = False) -> Any:
        """Noise in training; x in prediction."""
        node = floats("AlphaDropout", x)
        if not training or self.p == 0:
            return node
        p, floor = self.p, self.FLOOR
        a = 1 / math.sqrt((1 - p) * (1 + p * floor * floor))
        kept = default_generator.bernoulli(1.0 - p, node.shape)
        return where(kept, node * a, a * floor) - a * p * floor


class DropConnect(_Dropping):
    """A fully connected layer that in training drops weights instead of units.

    Formula: z = (M ⊙ W) a / (1 − p) + b in training, with M 0 where a weight is
    dropped, with probability p, else 1; z = W a + b in prediction. One M is drawn for
    each call, for all rows of the batch.

    Shapes: (…, in_features) → (…, out_features); ``weight`` (out_features,
    in_features), ``bias`` (out_features,).

    Initial values: those of ``Linear``.

    Arguments:
        in_features, out_features: sizes of the last axis before and after.
        p: the probability of dropping a weight, from 0 to less than 1.
        bias: whether there is a b; it is not dropped.

    Raises:
        ArgumentError: for p outside of [0, 1), and sizes below 1.
        ShapeError: in a call, for inputs with another number of features.

    Source: Wan et al. (2013), who draw an M for every row.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.DropConnect(3, 2)(cr.zeros((5, 3)), training=True).shape
        (5, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        p: float = 0.5,
        bias: bool = True,
        *,
        weight_init: Initializer | str = "glorot_uniform",
        bias_init: Initializer | str = "zeros",
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(p)
        self.in_features = positive_size("DropConnect", "in_features", in_features)
        self.out_features = positive_size("DropConnect", "out_features", out_features)
        shape = (self.out_features, self.in_features)
        self.weight = new_parameter("weight", shape, weight_init, dtype)
        self.bias = new_parameter("bias", shape[:1], bias_init, dtype) if bias else None

    def settings(self) -> dict[str, Any]:
        """The sizes, p, and whether there is a bias."""
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            "p": self.p,
            "bias": self.bias is not None,
        }

    def describe_settings(self) -> str:
        """``512 → 10, p=0.5``"""
        return f"{self.in_features} → {self.out_features}, p={self.p}"

    def forward(self, x: Any, training: bool = False) -> Any:
        """x times the weights that are not dropped, + b."""
        rule = "the last axis of x must have in_features elements"
        instead = f"DropConnect({{}}, {self.out_features})"
        node = features("DropConnect", x, self.in_features, rule, instead)
        weight: Any = self.weight
        if training and self.p > 0:
            weight = dropped(weight, self.p, weight.shape)
        z = node @ weight.T
        return z if self.bias is None else z + self.bias
