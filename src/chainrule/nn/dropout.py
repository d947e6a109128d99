"""Dropout: noise that keeps units from relying on each other."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import random
from ..errors import ArgumentError
from ..ops.elementwise import where
from .arguments import floats, number_within
from .module import Module


class Dropout(Module):
    """In training, each element is 0 with probability p, else divided by 1 − p; the
    expectation stays the same. In prediction, y = x.

    Shapes: any → the same.

    Arguments:
        p: the probability of dropping, from 0 to less than 1.

    Random numbers come from ``random.default_generator``: ``cr.manual_seed`` repeats
    them.

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

    depends_on_training: ClassVar[bool] = True

    def __init__(self, p: float = 0.5) -> None:
        rule = "a probability from 0 to less than 1"
        self.p = number_within("Dropout", "p", p, 0, 1, rule)
        if self.p == 1:
            raise ArgumentError(
                f"Dropout: p={p!r}: expected {rule}",
                fix="p is the share that is dropped; 1 would drop everything",
            )

    def settings(self) -> dict[str, Any]:
        """p."""
        return {"p": self.p}

    def forward(self, x: Any, training: bool = False) -> Any:
        """Noise in training; x in prediction."""
        node = floats("Dropout", x)
        if not training or self.p == 0:
            return node
        kept = random.default_generator.bernoulli(1.0 - self.p, node.shape)
        return where(kept, node * (1.0 / (1.0 - self.p)), 0.0)
