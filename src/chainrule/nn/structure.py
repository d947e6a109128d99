"""Layers that arrange: one after the other, and every sample as one row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Self

from ..errors import ArgumentError, BoundsError, ShapeError
from ..ops.primitive import lift
from .module import Module


class Sequential(Module):
    """One layer after the other.

    Formula: y = fₙ(… f₂(f₁(x))). Its layers are called "0", "1", …, so its parameters
    are "0.weight", "0.bias" and so on. ``model[0]`` is the first layer, ``model[:-1]``
    a Sequential of all but the last, of the same layers.

    Shapes: what the first layer takes → what the last one gives.

    Raises:
        ArgumentError: for anything that is not a layer.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> model(cr.zeros((5, 4))).shape
        (5, 3)
        >>> len(model), model[1], [name for name, _ in model.named_parameters()]
        (3, ReLU(), ['0.weight', '0.bias', '2.weight', '2.bias'])
    """

    def __init__(self, *layers: Module) -> None:
        for number, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise ArgumentError(
                    f"Sequential: layer {number} is {_shown(layer)}: expected a layer",
                    fix=_instead(layer),
                )
        self.layers = layers

    def settings(self) -> dict[str, Any]:
        """The layers."""
        return {"layers": list(self.layers)}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """A Sequential of these layers."""
        return cls(*settings["layers"])

    def describe_settings(self) -> str:
        """Nothing: its layers are shown below it."""
        return ""

    def children(self) -> Iterator[tuple[str, Module]]:
        """The layers as "0", "1", …"""
        for number, layer in enumerate(self.layers):
            yield str(number), layer
        for name, module in super().children():
            if not name.startswith("layers."):
                yield name, module

    def forward(self, x: Any, training: bool = False) -> Any:
        """One after the other."""
        for layer in self.layers:
            x = layer(x, training=training)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Sequential(*self.layers[index])
        try:
            return self.layers[index]
        except IndexError:
            raise BoundsError(
                f"Sequential: layer {index} of {len(self.layers)}"
            ) from None


class Flatten(Module):
    """Every sample as one row: all axes but the first become one.

    Shapes: (N, …) → (N, product of the rest); (N,) → (N, 1).

    Raises:
        ShapeError: for a single number.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Flatten()(cr.zeros((32, 28, 28))).shape
        (32, 784)
    """

    def forward(self, x: Any) -> Any:
        """x with two axes."""
        (node,) = lift([x])
        if not node.shape:
            raise ShapeError("Flatten: x (): a single number has no axis of samples")
        rows = node.shape[0]
        reshaped: Any = node
        return reshaped.reshape(rows, math.prod(node.shape[1:]))


def _shown(layer: Any) -> str:
    if isinstance(layer, type):
        return f"the class {layer.__name__}"
    if isinstance(layer, (list, tuple)):
        return f"a {type(layer).__name__}"
    name = getattr(layer, "__name__", None)
    return f"the function {name}" if name else repr(layer)


def _instead(layer: Any) -> str | None:
    if isinstance(layer, type) and issubclass(layer, Module):
        return f"call it: {layer.__name__}(…)"
    if isinstance(layer, (list, tuple)):
        return "unpack it: Sequential(*layers)"
    if callable(layer):
        return "use the layer of that function, such as ReLU(), or write a Module"
    return None
