"""Networks made wider and deeper that start from what they already are.

Place on the road: beside the trials. It must not know of data or searches.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import nn
from ..errors import ArgumentError, ChainruleError


def widened(model: nn.Sequential, hidden: Sequence[int]) -> nn.Sequential:
    """The same function with more units in its hidden layers.

    New units have new weights for what they take, as in a new network, and weights of
    zero where they are taken: so the outputs are those of the old network, up to
    rounding, and yet training moves all of them.

    Arguments:
        model: ``Linear`` layers with functions of single numbers between them.
        hidden: the new sizes of its hidden layers, none smaller than before.

    Returns:
        A new network; the old one stays as it was.

    Raises:
        ArgumentError: other layers with weights, or sizes that do not fit.

    Source:
        Chen, Goodfellow and Shlens, "Net2Net: accelerating learning via knowledge
        transfer", 2016, whose new units are copies of old ones instead.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn, tuning
        >>> small = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
        >>> large = tuning.widened(small, [6])
        >>> x = cr.tensor([[0.5, -1.0]])
        >>> large.num_parameters, bool(abs(small(x) - large(x)).max() < 1e-6)
        (25, True)
    """
    layers = _layers("widened", model)
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    old = [layer.out_features for layer in linear[:-1]]
    sizes = [int(size) for size in hidden]
    if len(sizes) != len(old) or any(new < now for now, new in zip(old, sizes)):  # noqa: B905
        raise ArgumentError(
            f"widened: hidden {sizes} of a network with hidden layers of {old}: "
            "expected a size for each of them, none smaller"
        )
    widths = iter([*sizes, linear[-1].out_features])
    made: list[nn.Module] = []
    taken = linear[0].in_features
    for layer in layers:
        if isinstance(layer, nn.Linear):
            width = next(widths)
            made.append(_widened(layer, taken, width))
            taken = width
        else:
            made.append(copy.deepcopy(layer))
    return nn.Sequential(*made)


def deepened(model: nn.Sequential) -> nn.Sequential:
    """The same network with one more hidden layer, before the last layer.

    The new layer is of the size of the last hidden one and is the identity, W = I and b
    = 0, followed by the same activation (and dropout). Where applying the activation
    twice is applying it once, as for ReLU, the outputs are those of the old network;
    for others, such as tanh, training starts near them.

    Arguments:
        model: ``Linear`` layers with functions of single numbers between them, of which
            one at least is hidden.

    Returns:
        A new network; the old one stays as it was.

    Raises:
        ArgumentError: other layers with weights, or no hidden layer.

    Source:
        Chen, Goodfellow and Shlens, "Net2Net: accelerating learning via knowledge
        transfer", 2016, section 2.3.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn, tuning
        >>> small = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> deep = tuning.deepened(small)
        >>> x = cr.tensor([[0.5, -1.0]])
        >>> len(deep), bool(abs(small(x) - deep(x)).max() < 1e-6)
        (5, True)
    """
    layers = _layers("deepened", model)
    places = [n for n, layer in enumerate(layers) if isinstance(layer, nn.Linear)]
    if len(places) < 2:
        raise ArgumentError(
            "deepened: a network without a hidden layer: there is no activation to "
            "put behind a new one",
            fix="nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))",
        )
    before, last = places[-2], places[-1]
    width = layers[before].out_features
    new = nn.Linear(width, width, weight_init="zeros", dtype=_dtype(layers[before]))
    new.weight.assign(np.eye(width, dtype=_dtype(layers[before])))
    between = layers[before + 1 : last]
    made = [*layers[:last], new, *between, layers[last]]
    return nn.Sequential(*(copy.deepcopy(layer) for layer in made))


def grown(model: nn.Sequential, hidden: Sequence[int]) -> nn.Sequential:
    """The network with these hidden layers: deeper first, then wider."""
    while sum(isinstance(layer, nn.Linear) for layer in model) <= len(hidden):
        model = deepened(model)
    return widened(model, hidden)


def _layers(what: str, model: Any) -> list[Any]:
    if not isinstance(model, nn.Sequential):
        raise ArgumentError(
            f"{what}: {type(model).__name__}: expected a Sequential of Linear layers "
            "with functions of single numbers between them"
        )
    for layer in model:
        if layer.parameters() and not isinstance(layer, nn.Linear):
            raise ArgumentError(
                f"{what}: {layer!r}: expected Linear layers, with functions of single "
                "numbers between them"
            )
        if not isinstance(layer, nn.Linear) and not _of_single_numbers(layer):
            raise ArgumentError(
                f"{what}: {layer!r} makes of a unit what depends on its neighbours, so "
                "new units would change the old ones",
                fix="a function of single numbers: nn.ReLU(), nn.Tanh(), nn.GELU()",
            )
    return list(model)


def _of_single_numbers(layer: nn.Module) -> bool:
    """Whether a layer's outputs depend on one input each: tried on a few numbers."""
    x = np.array([[0.3, -1.2, 0.8, 2.1]], np.float32)
    try:
        whole, part = layer(x).numpy(), layer(x[:, :2]).numpy()
    except ChainruleError:
        return False
    return whole.shape == x.shape and np.array_equal(whole[:, :2], part)


def _dtype(layer: nn.Linear) -> Any:
    return layer.weight.numpy().dtype


def _widened(layer: nn.Linear, taken: int, width: int) -> nn.Linear:
    """A layer with more units and inputs; new inputs have weights of zero for the old
    units.
    """
    has_bias = layer.bias is not None
    new = nn.Linear(taken, width, bias=has_bias, dtype=_dtype(layer))
    weight, old = new.weight.numpy().copy(), layer.weight.numpy()
    weight[: len(old)] = 0.0
    weight[: len(old), : old.shape[1]] = old
    new.weight.assign(weight)
    if layer.bias is not None and new.bias is not None:
        bias = new.bias.numpy().copy()
        bias[: len(old)] = layer.bias.numpy()
        new.bias.assign(bias)
    return new
