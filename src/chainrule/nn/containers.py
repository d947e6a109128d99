"""Layers that arrange other layers, or the axes of their input.

``Sequential``, ``Branches`` and ``Residual`` contain layers; ``Flatten``, ``Unflatten``
and ``Subsample`` stand between them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

from ..errors import ArgumentError, BoundsError, ShapeError
from ..ops.arrays import lift
from ..ops.movement import concatenate, pad
from ..shapes import reshaped, sizes
from .arguments import positive_size
from .module import Module
from .module.call import takes


class Sequential(Module):
    """One layer after the other.

    Formula: y = fₙ(… f₂(f₁(x))). Its layers are named "0", "1", …, so its parameters
    are "0.weight", "0.bias" and so on. ``model[0]`` is the first layer, ``model[:-1]``
    a Sequential of the same layers without the last one.

    Shapes: the input of the first layer → the output of the last one.

    For sequences of different lengths, ``model(x, lengths)`` passes ``lengths`` to each
    layer that takes them.

    Raises:
        ArgumentError: for anything that is not a layer; in a call with lengths, if no
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
        """Empty: the layers are printed below it."""
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
                "Sequential: called with a second input, lengths, which none of its "
                "layers takes",
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
        return self.layers[self._position(index)]

    def __setitem__(self, index: int, layer: Module) -> None:
        """Puts another layer in the place of one: ``model[-1] = nn.Linear(8, 2)``.

        Raises:
            ArgumentError: for something that is no layer.
            BoundsError: where there is no such layer.
        """
        if not isinstance(layer, Module):
            raise ArgumentError(
                f"Sequential: [{index!r}] = {type(layer).__name__}: expected a layer",
                fix="model[-1] = nn.Linear(8, 2)",
            )
        layers = [*self.layers]
        layers[self._position(index)] = layer
        self.layers = tuple(layers)  # assigned, so that compiled functions notice

    def _position(self, index: Any) -> int:
        count = len(self.layers)
        if not hasattr(index, "__index__") or not -count <= index < count:
            raise BoundsError(f"Sequential: layer {index!r} of {count}")
        return int(index) % count


class Flatten(Module):
    """Makes every sample one row: all axes but the first become one.

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
        rows: Any = node
        return rows.reshape(node.shape[0], math.prod(node.shape[1:]))


def _take_lengths(layer: Module) -> bool:
    """Whether a layer takes ``lengths``; a Sequential does if one in it does."""
    if isinstance(layer, Sequential):
        return any(_take_lengths(inner) for inner in layer.layers)
    return takes(type(layer).forward, "lengths")


class Unflatten(Module):
    """Gives every sample another shape: rows become images.

    Shapes: (N, …) → (N, *shape); one size of ``shape`` may be -1, which is computed
    from the others.

    Raises:
        ShapeError: if a sample has another number of elements.

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
        samples: Any = node
        return samples.reshape(node.shape[0], *shape)


class Subsample(Module):
    """Every stride-th element of x along its spatial axes, and extra channels of zeros:
    a shortcut without parameters, around layers that make an image smaller and deeper.

    Formula: y[n, i, j, c] = x[n, i·stride, j·stride, c] for the channels of x, else 0.

    Shapes: (N, *S, C) → (N, *⌈S / stride⌉, C + extra_channels).

    Arguments:
        stride: the step, the same along all axes.
        extra_channels: the number of channels of zeros; half of them, rounded down,
            come before those of x.

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
        """Every stride-th element of x, and zeros."""
        (node,) = lift([x])
        if len(node.shape) < 3:
            raise ShapeError(
                f"Subsample: x {node.shape}: expected (samples, …, channels)"
            )
        axes = len(node.shape) - 2
        step = slice(None, None, self.stride)
        every: Any = node
        every = every[(slice(None), *[step] * axes)]
        before = self.extra_channels // 2
        return pad(
            every, [(0, 0)] * (axes + 1) + [(before, self.extra_channels - before)]
        )


class Branches(Module):
    """Several layers side by side: each gets x, and their outputs are concatenated.

    Formula: y = [f₁(x), f₂(x), …] along ``axis``. Branches are named "0", "1", …

    Shapes: the input of the branches → their outputs, concatenated.

    Arguments:
        branches: the layers.
        axis: along which to concatenate; by default the last, of channels.

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
            raise ArgumentError("Branches: no layers: expected at least one")
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
        """Empty for the default axis: the layers are printed below it."""
        return "" if self.axis == -1 else f"axis={self.axis}"

    def children(self) -> Iterator[tuple[str, Module]]:
        """The layers as "0", "1", …"""
        for number, layer in enumerate(self.branches):
            yield str(number), layer

    def forward(self, x: Any, training: bool = False) -> Any:
        """The outputs of all branches, concatenated."""
        outputs = [layer(x, training=training) for layer in self.branches]
        return concatenate(outputs, self.axis)


class Residual(Module):
    """A layer with a shortcut around it.

    Formula: y = x + f(x), or y = s(x) + f(x) with a ``shortcut`` s if f changes the
    shape.

    Shapes: the input of ``inner`` → its output, which has the shape of x, or of the
    output of ``shortcut``.

    Arguments:
        inner: f.
        shortcut: s; the identity if not given.

    Raises:
        ArgumentError: for anything that is not a layer.
        ShapeError: in a call, if the shapes of the two terms differ.

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
        """Empty: the layers are printed below it."""
        return ""

    def forward(self, x: Any, training: bool = False) -> Any:
        """The sum of shortcut and layer."""
        (around,) = lift([x])
        if self.shortcut is not None:
            around = self.shortcut(x, training=training)
        y = self.inner(x, training=training)
        if around.shape != y.shape:
            name = "x" if self.shortcut is None else "the shortcut's"
            raise ShapeError(
                f"Residual: {name} {around.shape} + {y.shape} of inner: both must have "
                "the same shape",
                fix="a shortcut such as Conv2d(in, out, 1, stride=2)",
            )
        return around + y


def _layers(container: str, layers: Sequence[Any]) -> tuple[Module, ...]:
    """The layers, checked."""
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
