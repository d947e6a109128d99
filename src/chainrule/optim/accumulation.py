"""``Accumulator``: the gradients of several batches, for one step of an optimizer.

Place on the road: between ``backprop`` and an optimizer, where a batch does not fit in
memory. It must not know of optimizers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..foreign import Settled
from ..ops.creation import zeros
from ..public import listing
from ..variable import Parameter, Variable
from .hyperparameters import listed_variables

__all__ = ["Accumulator"]


class Accumulator(Settled):
    """Adds up the gradients of several batches, as if they had been one.

    Formula: g = Σᵢ cᵢ gᵢ. With cᵢ = nᵢ / n, the share of batch i in all n examples, g
    is the gradient of the average loss over all of them. The sums are variables, so
    both methods work at once and in compiled functions, where one adds in every call
    and another makes the step. ``cr.fit(accumulate=4)`` does the same.

    Arguments:
        parameters: those whose gradients are added up.

    Raises:
        ArgumentError: for no parameters, or something that is none.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn, optim
        >>> model = nn.Linear(3, 1)
        >>> optimizer = optim.SGD(model.parameters(), lr=0.1)
        >>> total = optim.Accumulator(model.parameters())
        >>> @cr.compile
        ... def add(x, y):
        ...     loss = cr.losses.mse(model(x, training=True), y)
        ...     total.add(cr.backprop(loss), 1 / 4)  # four batches of one size
        ...     return loss
        >>> @cr.compile
        ... def update():
        ...     optimizer.step(total.take())
        >>> for i in range(4):
        ...     _ = add(cr.ones((8, 3)), cr.ones((8, 1)))
        >>> update()
        >>> optimizer.num_steps
        1
    """

    def __init__(self, parameters: Iterable[Parameter]) -> None:
        words = "parameters", "parameters"
        own = listed_variables("Accumulator", parameters, Parameter, *words)
        self._sums = {w: Variable(np.zeros(w.shape, w.dtype)) for w in own}

    def add(self, gradients: Mapping[Any, Any], weight: Any = 1.0) -> None:
        """Adds gradients, multiplied by a number: s ← s + c g.

        Arguments:
            gradients: what ``cr.backprop(loss)`` returned, or any mapping from
                parameters to gradients.
            weight: c, a number or a tensor of one.

        Raises:
            GradientError: naming a parameter that the loss does not reach.
            ShapeError: when a gradient has another shape than its parameter.
        """
        changes = []
        for w, total in self._sums.items():
            if w.frozen:
                continue
            gradient = gradients[w]
            if gradient.shape != w.shape:
                raise ShapeError(
                    f"Accumulator.add: gradient {gradient.shape} of parameter "
                    f"{w.describe()}: a gradient has the shape of its parameter"
                )
            scale = weight.astype(w.dtype) if hasattr(weight, "astype") else weight
            changes.append((total, total.read() + gradient.astype(w.dtype) * scale))
        for total, value in changes:
            total.assign(value)

    def take(self) -> dict[Parameter, Any]:
        """The sums so far, for ``optimizer.step``; the next begin at 0."""
        taken = {w: total.read() for w, total in self._sums.items()}
        for w, total in self._sums.items():
            total.assign(zeros(w.shape, dtype=w.dtype))
        return taken


__dir__ = listing(__all__)
