"""``Composed``: an objective in its two parts, the network's outputs and their loss.

Place on the road: what is given to a minimizer's ``step``. It must not know of
optimizers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError
from ..foreign import Settled


class Composed(Settled):
    """L = ℓ(z), z = f(w): a loss of outputs, each a function by itself.

    A plain function of the loss is enough for whatever needs gradients alone. Methods
    that look at the curvature Jᵀ H J, with J = ∂z/∂w and H = ∂²ℓ/∂z², as Gauss and
    Newton's, need both parts. ``cr.fit`` makes one of the model and the loss.

    Arguments:
        outputs: f, a function of the data: ``outputs(*data)`` returns z, one tensor or
            several, nested.
        loss: ℓ, a function of z and of the same data: ``loss(z, *data)`` returns one
            floating-point number.
        measure: what else is to be known of the outputs: ``measure(z, *data)`` returns
            tensors, nested, which the iteration has as ``measured``, those of the point
            where it began.

    Raises:
        ArgumentError: for something that is not a function.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import losses, nn, optim
        >>> model = nn.Linear(2, 1)
        >>> objective = optim.Composed(
        ...     lambda x, y: model(x), lambda z, x, y: losses.mse(z, y)
        ... )
        >>> objective(cr.zeros((4, 2)), cr.zeros((4, 1))).shape
        ()
    """

    def __init__(
        self,
        outputs: Callable[..., Any],
        loss: Callable[..., Any],
        measure: Callable[..., Any] | None = None,
    ) -> None:
        parts = {"outputs": outputs, "loss": loss, "measure": measure or loss}
        for name, each in parts.items():
            if not callable(each):
                raise ArgumentError(
                    f"Composed: {name} is a {type(each).__name__}, not a function",
                    fix="optim.Composed(lambda x, y: model(x), "
                    "lambda z, x, y: losses.mse(z, y))",
                )
        self.outputs, self.loss, self.measure = outputs, loss, measure

    def __call__(self, *data: Any) -> Any:
        """The loss."""
        return self.loss(self.outputs(*data), *data)

    def measured(self, *data: Any) -> tuple[Any, Any]:
        """The loss, and what is measured beside it; None where that is nothing."""
        z = self.outputs(*data)
        loss = self.loss(z, *data)
        return loss, self.measure(z, *data) if self.measure is not None else None
