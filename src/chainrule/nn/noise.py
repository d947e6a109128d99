"""Noise on inputs, in training alone: what a denoising autoencoder learns to remove.

Place on the road: among the layers. ``Dropout`` is another thing: it divides what it
keeps, so that sums stay as they were.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..errors import ArgumentError
from ..ops.elementwise import where
from ..random_numbers import default_generator
from .arguments import floats, number_within
from .dropout import drop_probability
from .module import Module


class GaussianNoise(Module):
    """In training, y = x + σ ε with ε from N(0, 1). In prediction, y = x.

    Shapes: any → the same; one draw for each element.

    Arguments:
        std: σ, a number from 0.

    Random numbers come from ``random.default_generator``; ``cr.manual_seed`` makes them
    repeatable.

    Raises:
        ArgumentError: for a σ below 0.

    Source: Bishop, Training with noise is equivalent to Tikhonov regularization (1995).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> cr.manual_seed(0)
        >>> noisy = nn.GaussianNoise(0.5)(cr.zeros(10_000), training=True).numpy()
        >>> round(float(noisy.std()), 1)
        0.5
        >>> nn.GaussianNoise(0.5)(cr.ones(2)).numpy()
        array([1., 1.], dtype=float32)
    """

    depends_on_training: ClassVar[bool] = True

    def __init__(self, std: float = 0.1) -> None:
        rule = "a finite number from 0"
        self.std = number_within("GaussianNoise", "std", std, 0, rule=rule)

    def settings(self) -> dict[str, Any]:
        """σ."""
        return {"std": self.std}

    def forward(self, x: Any, training: bool = False) -> Any:
        """Noise in training; x in prediction."""
        node = floats("GaussianNoise", x)
        if not training or self.std == 0:
            return node
        return node + self.std * default_generator.normal(node.shape, dtype=node.dtype)


class ZeroMasking(Module):
    """In training, sets elements to 0 with probability p and leaves the others as they
    are: y = m ⊙ x. In prediction, y = x.

    Shapes: any → the same; one draw for each element.

    Arguments:
        p: the share of elements that is lost, from 0 to less than 1.

    Raises:
        ArgumentError: for p outside of [0, 1).

    Source: Vincent, Larochelle, Bengio & Manzagol, Extracting and composing robust
    features with denoising autoencoders (2008).

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> cr.manual_seed(0)
        >>> masked = nn.ZeroMasking(0.3)(cr.ones(10_000), training=True).numpy()
        >>> round(float(masked.mean()), 1), sorted(set(masked.tolist()))
        (0.7, [0.0, 1.0])
    """

    depends_on_training: ClassVar[bool] = True

    def __init__(self, p: float = 0.3) -> None:
        self.p = drop_probability("ZeroMasking", p)

    def settings(self) -> dict[str, Any]:
        """p."""
        return {"p": self.p}

    def forward(self, x: Any, training: bool = False) -> Any:
        """Noise in training; x in prediction."""
        node = floats("ZeroMasking", x)
        if not training or self.p == 0:
            return node
        return where(default_generator.bernoulli(1.0 - self.p, node.shape), node, 0.0)


class SaltAndPepper(Module):
    """In training, sets elements with probability p to one of two values, by the throw
    of a fair coin: white and black points in an image. In prediction, y = x.

    Shapes: any → the same; one draw for each element.

    Arguments:
        p: the share of elements that is replaced, from 0 to less than 1.
        low, high: the two values.

    Raises:
        ArgumentError: for p outside of [0, 1), and a ``low`` that is not below
            ``high``.

    Source: Vincent, Larochelle, Lajoie, Bengio & Manzagol, Stacked denoising
    autoencoders (2010), section 3.3.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> cr.manual_seed(0)
        >>> spotted = nn.SaltAndPepper(0.4)(0.5 * cr.ones(10_000), training=True)
        >>> [round(float((spotted.numpy() == v).mean()), 1) for v in (0, 0.5, 1)]
        [0.2, 0.6, 0.2]
    """

    depends_on_training: ClassVar[bool] = True

    def __init__(self, p: float = 0.1, low: float = 0.0, high: float = 1.0) -> None:
        self.p = drop_probability("SaltAndPepper", p)
        self.low = number_within("SaltAndPepper", "low", low)
        self.high = number_within("SaltAndPepper", "high", high)
        if self.low >= self.high:
            raise ArgumentError(
                f"SaltAndPepper: low={low!r}, high={high!r}: expected a low below high",
                fix="the least and the largest value of the data, as 0 and 1",
            )

    def settings(self) -> dict[str, Any]:
        """p, and the two values."""
        return {"p": self.p, "low": self.low, "high": self.high}

    def forward(self, x: Any, training: bool = False) -> Any:
        """Noise in training; x in prediction."""
        node = floats("SaltAndPepper", x)
        if not training or self.p == 0:
            return node
        u: Any = default_generator.uniform(node.shape)
        replaced = where(u < self.p / 2, self.low, where(u < self.p, self.high, node))
        return replaced.astype(node.dtype)
