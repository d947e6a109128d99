"""Layers that arrange: in a row, side by side, around, and in other shapes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from ..errors import ArgumentError, BoundsError, ShapeError
from ..ops.movement import concatenate, pad
from ..ops.primitive import lift
from ..shapes import reshaped, sizes
from .arguments import positive_size
from .module import Module
from .module.call import takes


class Sequential(Module):
    """One layer after the other.

    Formula: y = fₙ(… f₂(f₁(x))). Its layers are called "0", "1", …, so its parameters
    are "0.weight", "0.bias" and so on. ``model[0]`` is the first layer, ``model[:-1]``
    a Sequential of all but the last, of the same layers.

    Shapes: what the first layer takes → what the last one gives.

    Sequences of different lengths come with ``lengths``, as ``model(x, lengths)``: each
    layer that takes ``lengths`` is given them.

    Raises:
        ArgumentError: for anything that is not a layer; in a call with lengths, when no
            layer takes them.

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
        self.layers = _layers("Sequential", layers)

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

    def forward(self, x: Any, lengths: Any = None, training: bool = False) -> Any:
        """One after the other."""
        if lengths is not None and not _take_lengths(self):
            raise ArgumentError(
                "Sequential: called with a second input: it would be lengths, and none "
                "of its layers takes them",
                fix="model(x) predicts, model(x, training=True) trains; a loss takes "
                "the targets",
            )
        for layer in self.layers:
            if lengths is not None and _take_lengths(layer):
                x = layer(x, training=training, lengths=lengths)
            else:
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


def _take_lengths(layer: Module) -> bool:
    """Whether a layer takes ``lengths``: a Sequential, where one in it does."""
    if isinstance(layer, Sequential):
        return any(_take_lengths(each) for each in layer.layers)
    return takes(type(layer).forward, "lengths")


class Unflatten(Module):
    """Every sample in another shape: rows become images.

    Shapes: (N, …) → (N, *shape); one size of ``shape`` may be -1, worked out from the
    others.

    Raises:
        ShapeError: when a sample has another number of elements.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Unflatten((28, 28, 1))(cr.zeros((32, 784))).shape
        (32, 28, 28, 1)
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = sizes("Unflatten", shape, least=-1)

    def settings(self) -> dict[str, Any]:
        """The shape."""
        return {"shape": list(self.shape)}

    def describe_settings(self) -> str:
        """``(28, 28, 1)``"""
        return str(self.shape)

    def forward(self, x: Any) -> Any:
        """x with the axes of the shape."""
        (node,) = lift([x])
        if not node.shape:
            raise ShapeError("Unflatten: x (): a single number has no axis of samples")
        shape = reshaped(
            node.shape[1:], self.shape, f"Unflatten: a sample of x {node.shape},"
        )
        found: Any = node
        return found.reshape(node.shape[0], *shape)


class Subsample(Module):
    """Every stride-th place of x, with further channels of zeros: a way around a layer
    that makes an image smaller and deeper, without parameters.

    Formula: y[n, i, j, c] = x[n, i·stride, j·stride, c] for the channels of x, else 0.

    Shapes: (N, *S, C) → (N, *⌈S / stride⌉, C + extra_channels).

    Arguments:
        stride: the step, the same along all axes.
        extra_channels: how many channels of zeros; half of them, rounded down, come
            before those of x.

    Raises:
        ArgumentError: for a stride below 1, or fewer than 0 channels.

    Source: He et al. (2016), shortcut A.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Subsample(2, extra_channels=16)(cr.zeros((2, 9, 9, 16))).shape
        (2, 5, 5, 32)
    """

    def __init__(self, stride: int, extra_channels: int = 0) -> None:
        self.stride = positive_size("Subsample", "stride", stride)
        (self.extra_channels,) = sizes("Subsample", extra_channels)

    def settings(self) -> dict[str, Any]:
        """The step, and the zeros."""
        return {"stride": self.stride, "extra_channels": self.extra_channels}

    def forward(self, x: Any) -> Any:
        """Some places of x, and zeros."""
        (node,) = lift([x])
        if len(node.shape) < 3:
            raise ShapeError(
                f"Subsample: x {node.shape}: expected (samples, …, channels)"
            )
        axes = len(node.shape) - 2
        step = slice(None, None, self.stride)
        seen: Any = node
        seen = seen[(slice(None), *[step] * axes)]
        before = self.extra_channels // 2
        return pad(
            seen, [(0, 0)] * (axes + 1) + [(before, self.extra_channels - before)]
        )


class Branches(Module):
    """Several layers side by side: each sees x, and what they give is joined.

    Formula: y = [f₁(x), f₂(x), …] along ``axis``. Branches are called "0", "1", …

    Shapes: what the branches take → their outputs, joined.

    Arguments:
        branches: the layers.
        axis: along which to join; the last, of channels, when not given.

    Raises:
        ArgumentError: for anything that is not a layer.
        ShapeError: in a call, for outputs that differ along another axis.

    Source: Szegedy et al. (2015), figure 2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> block = nn.Branches(nn.Conv2d(3, 8, 1), nn.Conv2d(3, 4, 5, padding="same"))
        >>> block(cr.zeros((2, 9, 9, 3))).shape
        (2, 9, 9, 12)
    """

    def __init__(self, *branches: Module, axis: int = -1) -> None:
        if not branches:
            raise ArgumentError("Branches: no layers: at least one is needed")
        self.branches = _layers("Branches", branches)
        self.axis = axis

    def settings(self) -> dict[str, Any]:
        """The layers, and the axis."""
        return {"branches": list(self.branches), "axis": self.axis}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """Branches of these layers."""
        return cls(*settings["branches"], axis=settings["axis"])

    def describe_settings(self) -> str:
        """Nothing, as a rule: the layers are shown below it."""
        return "" if self.axis == -1 else f"axis={self.axis}"

    def children(self) -> Iterator[tuple[str, Module]]:
        """The layers as "0", "1", …"""
        for number, layer in enumerate(self.branches):
            yield str(number), layer

    def forward(self, x: Any, training: bool = False) -> Any:
        """All of them, joined."""
        found = [layer(x, training=training) for layer in self.branches]
        return concatenate(found, self.axis)


class Residual(Module):
    """A layer, and a way around it.

    Formula: y = x + f(x), or y = s(x) + f(x) with a ``shortcut`` s, where f changes the
    shape.

    Shapes: what ``inner`` takes → what it gives; x, or what ``shortcut`` makes of it,
    has the same.

    Arguments:
        inner: f.
        shortcut: s; x itself when not given.

    Raises:
        ArgumentError: for anything that is not a layer.
        ShapeError: in a call, when the two ways give different shapes.

    Source: He et al. (2016), equations 1 and 2.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> block = nn.Residual(nn.Sequential(nn.Linear(4, 4), nn.ReLU()))
        >>> block(cr.ones((2, 4))).shape
        (2, 4)
    """

    def __init__(self, inner: Module, shortcut: Module | None = None) -> None:
        (self.inner,) = _layers("Residual", [inner])
        self.shortcut = None
        if shortcut is not None:
            (self.shortcut,) = _layers("Residual", [shortcut])

    def settings(self) -> dict[str, Any]:
        """The layers."""
        return {"inner": self.inner, "shortcut": self.shortcut}

    def describe_settings(self) -> str:
        """Nothing: its layers are shown below it."""
        return ""

    def forward(self, x: Any, training: bool = False) -> Any:
        """Both ways, added."""
        (around,) = lift([x])
        if self.shortcut is not None:
            around = self.shortcut(x, training=training)
        y = self.inner(x, training=training)
        if around.shape != y.shape:
            name = "x" if self.shortcut is None else "the shortcut's"
            raise ShapeError(
                f"Residual: {name} {around.shape} + {y.shape} of inner: both ways must "
                "give the same shape",
                fix="a shortcut such as Conv2d(in, out, 1, stride=2)",
            )
        return around + y


def _layers(container: str, layers: Sequence[Any]) -> tuple[Module, ...]:
    """The layers, after a look at each."""
    for number, layer in enumerate(layers):
        if not isinstance(layer, Module):
            raise ArgumentError(
                f"{container}: layer {number} is {_shown(layer)}: expected a layer",
                fix=_instead(layer, container),
            )
    return tuple(layers)


def _shown(layer: Any) -> str:
    if isinstance(layer, type):
        return f"the class {layer.__name__}"
    if isinstance(layer, (list, tuple)):
        return f"a {type(layer).__name__}"
    name = getattr(layer, "__name__", None)
    return f"the function {name}" if name else repr(layer)


def _instead(layer: Any, container: str) -> str | None:
    if isinstance(layer, type) and issubclass(layer, Module):
        return f"call it: {layer.__name__}(…)"
    if isinstance(layer, (list, tuple)):
        return f"unpack it: {container}(*layers)"
    if callable(layer):
        return "use the layer of that function, such as ReLU(), or write a Module"
    return None
