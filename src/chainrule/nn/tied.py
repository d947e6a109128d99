"""``Tied``: a layer with the transposed weights of another one.

Place on the road: among the layers, above ``Linear``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from ..errors import ArgumentError
from ..initializers import Initializer
from .arguments import features, new_parameter
from .linear import Linear
from .module import Module


class Tied(Module):
    """The way back through a ``Linear``, with its weights: each unit gives to what it
    takes from.

    Formula: x = Wᵀ z + c for every row z, W being ``linear.weight``; for a batch,
    X = Z W + c. ∂L/∂W is the sum of what both layers say.

    Shapes: (…, linear.out_features) → (…, linear.in_features); ``weight`` is that of
    ``linear``, (linear.out_features, linear.in_features); ``bias``
    (linear.in_features,).

    ``parameters`` and ``state_dict`` of a network have the shared weight once, under
    its first path; so have files, and a loaded network shares it again.

    Initial values: ``bias`` 0.

    Arguments:
        linear: the layer whose weights are shared.
        bias: whether there is a c.
        bias_init: an initializer, or its name.

    Raises:
        ArgumentError: for anything but a ``Linear``.
        ShapeError: in a call, for inputs with another number of features.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> there = nn.Linear(3, 2)
        >>> back = nn.Tied(there)
        >>> back(there(cr.zeros((5, 3)))).shape, back.weight is there.weight
        ((5, 3), True)
        >>> list(nn.Sequential(there, back).state_dict())
        ['0.weight', '0.bias', '1.bias']
    """

    def __init__(
        self,
        linear: Linear,
        bias: bool = True,
        *,
        bias_init: Initializer | str = "zeros",
    ) -> None:
        if not isinstance(linear, Linear):
            shown = f"the class {linear.__name__}" if isinstance(linear, type) else None
            raise ArgumentError(
                f"Tied: linear is {shown or repr(linear)}: expected a Linear",
                fix="layer = nn.Linear(784, 30); nn.Tied(layer)",
            )
        self.in_features = linear.out_features
        self.out_features = linear.in_features
        shape, dtype = (self.out_features,), linear.weight.dtype
        self.bias = new_parameter("bias", shape, bias_init, dtype) if bias else None
        self.weight = linear.weight

    def settings(self) -> dict[str, Any]:
        """The sizes, and whether there is a bias: a file says by itself whose the
        weight is.
        """
        return {
            "in_features": self.in_features,
            "out_features": self.out_features,
            "bias": self.bias is not None,
        }

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """A layer with weights of its own, until it is given those that it shares."""
        linear = Linear(settings["out_features"], settings["in_features"], bias=False)
        return cls(linear, bias=settings["bias"])

    def describe_settings(self) -> str:
        """``10 → 512``"""
        sizes = f"{self.in_features} → {self.out_features}"
        return sizes if self.bias is not None else f"{sizes}, bias=False"

    def forward(self, x: Any) -> Any:
        """x W + c."""
        node = features(
            "Tied",
            x,
            self.in_features,
            "the last axis of x must have linear.out_features elements",
            f"Tied(Linear({self.out_features}, {{}}))",
        )
        z = node @ self.weight
        return z if self.bias is None else z + self.bias
