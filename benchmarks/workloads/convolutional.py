"""What the convolutional workloads share: networks as lists of layers, in each library.

Images are (N, H, W, C). A layer is a tuple that begins with its kind:

- ``("conv", filters, kernel, stride, padding, bias)``;
- ``("norm",)`` batch normalisation; ``("relu",)``; ``("flatten",)``;
- ``("pool", size)`` largest of size × size, or ``("pool", size, stride, padding)``;
  ``("mean",)`` over all pixels;
- ``("linear", out)``;
- ``("residual", layers, shortcut)``: relu(layers(x) + shortcut(x)), where an empty
  shortcut is x itself.

Weights are drawn once, convolutions' as (out, height, width, in), dense ones as
(out, in), in the order of the list, residual's layers before its shortcut.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import Work, training

Array = NDArray[np.float32]
Layers = list[tuple[Any, ...]]
Shape = tuple[int, ...]
EPSILON = 1e-5


class Weighted(Protocol):
    """A problem's inputs and weights."""

    @property
    def inputs(self) -> list[NDArray[Any]]:
        """The first tells the images' shape."""

    @property
    def weights(self) -> dict[str, Array]:
        """In the order of the layers."""


@dataclass
class Survey:
    """What one look at a network finds: first weights, and a step's least cost."""

    generator: np.random.Generator
    weights: dict[str, Array] = field(default_factory=dict)
    arithmetic: int = 0
    forward: int = 0
    activations: int = 0

    def of(self, layers: Layers, shape: Shape, first: bool = True) -> Shape:
        """The shape after the layers of an image batch (N, H, W, C)."""
        for layer in layers:
            shape = self.after(layer, shape, first)
            first = False
        return shape

    def after(self, layer: tuple[Any, ...], shape: Shape, first: bool) -> Shape:
        """The shape after one layer."""
        kind, *settings = layer
        if kind == "conv":
            return self.convolution(settings, shape, first)
        if kind == "linear":
            return self.dense(settings[0], shape)
        if kind == "norm":
            channels = shape[-1]
            self.draw(np.ones(channels), np.zeros(channels))
        if kind == "flatten":
            return shape[0], int(np.prod(shape[1:]))
        if kind == "pool":
            size, stride, padding = pooling(settings)
            n, *sides, c = shape
            h, w = ((side + 2 * padding - size) // stride + 1 for side in sides)
            return n, h, w, c
        if kind == "mean":
            return shape[0], shape[-1]
        if kind == "residual":
            after = self.of(settings[0], shape, first=False)
            self.of(settings[1], shape, first=False)
            return after
        return shape

    def convolution(self, settings: list[Any], shape: Shape, first: bool) -> Shape:
        """Weights by He et al. (2015), and 2 operations a weight, pixel and pass."""
        filters, kernel, stride, padding, bias = settings
        n, h, w, c = shape
        inputs = kernel * kernel * c
        deviation = np.sqrt(2 / inputs)
        drawn = self.generator.standard_normal((filters, kernel, kernel, c))
        self.draw(deviation * drawn, *([np.zeros(filters)] if bias else []))
        h, w = ((side + 2 * padding - kernel) // stride + 1 for side in (h, w))
        after = n, h, w, filters
        products = 2 * int(np.prod(after)) * inputs
        self.arithmetic += products * (2 if first else 3)
        self.forward += products
        self.activations += int(np.prod(after))
        return after

    def dense(self, width: int, shape: Shape) -> Shape:
        """The same for z = Wa + b."""
        n, inputs = shape
        deviation = np.sqrt(2 / inputs)
        drawn = self.generator.standard_normal((width, inputs))
        self.draw(deviation * drawn, np.zeros(width))
        self.arithmetic += 3 * 2 * n * inputs * width
        self.forward += 2 * n * inputs * width
        return n, width

    def draw(self, *arrays: NDArray[Any]) -> None:
        """Keep arrays as the next weights."""
        for array in arrays:
            self.weights[str(len(self.weights))] = array.astype(np.float32)


def pooling(settings: list[Any]) -> tuple[int, int, int]:
    """Size, stride and padding of a pool."""
    size, stride, padding = settings if len(settings) > 1 else (*settings * 2, 0)
    return size, stride, padding


def problem(
    layers: Layers, image: Shape, batch: int, rate: float, batches: int = 4
) -> training.Problem:
    """Random images of ten kinds, each a pattern of its own in noise."""
    generator = np.random.default_rng(1)
    patterns = generator.standard_normal((10, *image), dtype=np.float32)
    inputs, targets = [], []
    for _ in range(batches):
        labels = generator.integers(10, size=batch)
        noise = generator.standard_normal((batch, *image), dtype=np.float32)
        inputs.append(0.5 * patterns[labels] + noise)
        targets.append(labels)
    survey = Survey(generator)
    survey.of(layers, (batch, *image))
    return training.Problem(
        inputs,
        targets,
        survey.weights,
        "sgd",
        rate,
        survey.arithmetic,
        survey.activations,
    )


def builders(layers: Layers) -> dict[str, Callable[[training.Problem], Work]]:
    """Each library's way to train the network."""
    return {
        "chainrule": functools.partial(in_chainrule, layers),
        "torch-eager": functools.partial(in_torch, layers),
        "torch-last": functools.partial(in_torch, layers, last=True),
        "torch-compile": functools.partial(in_torch, layers, compiled=True),
        "jax": functools.partial(in_jax, layers),
        "keras-step": functools.partial(in_keras, layers, xla=True),
        "keras-graph": functools.partial(in_keras, layers, xla=False),
    }


def in_chainrule(layers: Layers, problem: training.Problem) -> Work:
    """The compiled step."""
    from chainrule import losses

    model = model_in_chainrule(layers, problem)
    return training.in_chainrule(model, losses.cross_entropy, problem)


def model_in_chainrule(layers: Layers, problem: Weighted) -> Any:
    """``nn.Sequential``, with the given weights."""
    import chainrule as cr

    model = sequential_in_chainrule(layers, problem.inputs[0].shape)
    given = problem.weights.values()
    for parameter, array in zip(model.parameters(), given, strict=True):
        parameter.assign(cr.tensor(array))
    return model


def sequential_in_chainrule(layers: Layers, shape: Shape) -> Any:
    """The layers, with as many inputs as come."""
    from chainrule import nn

    made: list[Any] = []
    for (kind, *settings), before in along(layers, shape):
        if kind == "conv":
            *sizes, bias = settings
            made.append(nn.Conv2d(before[-1], *sizes, bias=bias))
        elif kind == "norm":
            made.append(nn.BatchNorm2d(before[-1]))
        elif kind == "relu":
            made.append(nn.ReLU())
        elif kind == "pool":
            made.append(nn.MaxPool2d(*pooling(settings)))
        elif kind == "mean":
            made.append(nn.GlobalAvgPool())
        elif kind == "flatten":
            made.append(nn.Flatten())
        elif kind == "linear":
            made.append(nn.Linear(before[-1], settings[0]))
        else:
            body, shortcut = (sequential_in_chainrule(s, before) for s in settings)
            made += [nn.Residual(body, shortcut), nn.ReLU()]
    return nn.Sequential(*made)


def along(layers: Layers, shape: Shape) -> Iterator[tuple[tuple[Any, ...], Shape]]:
    """Each layer with the shape before it."""
    survey = Survey(np.random.default_rng(0))
    for layer in layers:
        yield layer, shape
        shape = survey.after(layer, shape, False)


def in_torch(
    layers: Layers,
    problem: training.Problem,
    compiled: bool = False,
    last: bool = False,
) -> Work:
    """Eager or compiled, channels first or last in memory."""
    from torch import nn

    model = model_in_torch(layers, problem)
    return training.in_torch(
        model, nn.functional.cross_entropy, problem, compiled, last
    )


def model_in_torch(layers: Layers, problem: Weighted) -> Any:
    """A module with the given weights."""
    import torch

    model = sequential_in_torch(layers, problem.inputs[0].shape)
    given = problem.weights.values()
    with torch.no_grad():
        for parameter, array in zip(model.parameters(), given, strict=True):
            value = torch.from_numpy(array)
            parameter.copy_(value.permute(0, 3, 1, 2) if value.ndim == 4 else value)
    return model


def sequential_in_torch(layers: Layers, shape: Shape) -> Any:
    """The layers, with as many inputs as come."""
    import torch
    from torch import nn

    class Residual(nn.Module):  # type: ignore[misc]
        """relu(body(x) + shortcut(x))."""

        def __init__(self, body: Any, shortcut: Any) -> None:
            super().__init__()
            self.body, self.shortcut = body, shortcut

        def forward(self, x: Any) -> Any:
            return torch.relu(self.body(x) + self.shortcut(x))

    class Flatten(nn.Module):  # type: ignore[misc]
        """Pixel by pixel, as everybody else; free where channels are last."""

        def forward(self, x: Any) -> Any:
            return x.permute(0, 2, 3, 1).flatten(1)

    class Mean(nn.Module):  # type: ignore[misc]
        """Over all pixels."""

        def forward(self, x: Any) -> Any:
            return x.mean((2, 3))

    made: list[Any] = []
    for (kind, *settings), before in along(layers, shape):
        if kind == "conv":
            *sizes, bias = settings
            made.append(nn.Conv2d(before[-1], *sizes, bias=bias))
        elif kind == "norm":
            made.append(nn.BatchNorm2d(before[-1]))
        elif kind == "relu":
            made.append(nn.ReLU())
        elif kind == "pool":
            made.append(nn.MaxPool2d(*pooling(settings)))
        elif kind == "mean":
            made.append(Mean())
        elif kind == "flatten":
            made.append(Flatten())
        elif kind == "linear":
            made.append(nn.Linear(before[-1], settings[0]))
        else:
            made.append(Residual(*(sequential_in_torch(s, before) for s in settings)))
    return nn.Sequential(*made)


def in_jax(layers: Layers, problem: training.Problem) -> Work:
    """A jitted step; running averages of the normalisation are kept as others do."""
    import jax
    import optax

    forward = forward_in_jax(layers)
    trained = {name: jax.numpy.array(a) for name, a in problem.weights.items()}

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        logits = forward(iter(weights), x)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    return training.in_jax(loss_of, list(trained.values()), problem)


def forward_in_jax(layers: Layers, predicting: bool = False) -> Any:
    """A function of an iterator over weights, and images. When ``predicting``, means
    and variances are the first ones of the running averages, 0 and 1.
    """
    import jax
    from jax import lax
    from jax import numpy as jnp

    def apply(layers: Layers, weights: Any, x: Any) -> Any:
        for kind, *settings in layers:
            if kind == "conv":
                _, _, stride, padding, bias = settings
                sides = [(padding, padding)] * 2
                x = lax.conv_general_dilated(
                    x,
                    next(weights),
                    (stride, stride),
                    sides,
                    dimension_numbers=("NHWC", "OHWI", "NHWC"),
                )
                x = x + next(weights) if bias else x
            elif kind == "norm":
                mean, variance = 0.0, 1.0
                if not predicting:
                    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
                normalized = (x - mean) * lax.rsqrt(variance + EPSILON)
                x = normalized * next(weights) + next(weights)
            elif kind == "relu":
                x = jax.nn.relu(x)
            elif kind == "pool":
                size, stride, side = pooling(settings)
                window, strides = (1, size, size, 1), (1, stride, stride, 1)
                sides = [(0, 0), (side, side), (side, side), (0, 0)]
                x = lax.reduce_window(x, -jnp.inf, lax.max, window, strides, sides)
            elif kind == "mean":
                x = x.mean((1, 2))
            elif kind == "flatten":
                x = x.reshape(len(x), -1)
            elif kind == "linear":
                x = x @ next(weights).T + next(weights)
            else:
                body = apply(settings[0], weights, x)
                x = jax.nn.relu(body + apply(settings[1], weights, x))
        return x

    return functools.partial(apply, layers)


def in_keras(layers: Layers, problem: training.Problem, xla: bool) -> Work:
    """``train_on_batch``."""
    import keras

    model = model_in_keras(layers, problem)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return training.in_keras(model, loss, problem, xla)


def model_in_keras(layers: Layers, problem: training.Problem) -> Any:
    """A functional model with the given weights."""
    import keras

    weighted: list[Any] = []
    images = keras.layers.Input(problem.inputs[0].shape[1:])
    model = keras.Model(images, apply_in_keras(layers, images, weighted))
    given = iter(problem.weights.values())
    for layer in weighted:
        arrays = [next(given) for _ in layer.trainable_weights]
        if isinstance(layer, keras.layers.Conv2D):
            arrays[0] = arrays[0].transpose(1, 2, 3, 0)
        elif isinstance(layer, keras.layers.Dense):
            arrays[0] = arrays[0].T
        else:
            arrays += [a.numpy() for a in layer.non_trainable_weights]
        layer.set_weights(arrays)
    return model


def apply_in_keras(layers: Layers, x: Any, weighted: list[Any]) -> Any:
    """The layers applied; those with weights are noted in their order."""
    from keras import layers as kinds

    for kind, *settings in layers:
        made: Any = None
        if kind == "conv":
            filters, kernel, stride, padding, bias = settings
            x = kinds.ZeroPadding2D(padding)(x) if padding else x
            made = kinds.Conv2D(filters, kernel, stride, use_bias=bias)
        elif kind == "norm":
            made = kinds.BatchNormalization(momentum=0.9, epsilon=EPSILON)
        elif kind == "linear":
            made = kinds.Dense(settings[0])
        elif kind == "residual":
            body = apply_in_keras(settings[0], x, weighted)
            x = kinds.ReLU()(body + apply_in_keras(settings[1], x, weighted))
            continue
        else:
            x = plain_in_keras(kind, settings)(x)
            continue
        weighted.append(made)
        x = made(x)
    return x


def plain_in_keras(kind: str, settings: list[Any]) -> Any:
    """A layer without weights."""
    from keras import layers as kinds

    if kind == "relu":
        return kinds.ReLU()
    if kind == "pool":  # of the sizes that the workloads in Keras have
        return kinds.MaxPooling2D(settings[0])
    return {"mean": kinds.GlobalAveragePooling2D, "flatten": kinds.Flatten}[kind]()
