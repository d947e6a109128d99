"""Inputs of layers with spatial axes, and how their windows are printed.

Place on the road: below convolution, pooling and all other layers for images. Channels
come last: (samples, length, channels), (samples, height, width, channels).
"""

from __future__ import annotations

import math
from typing import Any

from ..arrays.padding import pad
from ..errors import ShapeError, unknown_option
from ..shapes import Shape
from .arguments import floats

#: The axes of an input by its number of spatial axes.
AXES = {
    1: "(samples, length, channels)",
    2: "(samples, height, width, channels)",
    3: "(samples, depth, height, width, channels)",
}


def spatial_input(
    layer: str,
    x: Any,
    axes: int,
    channels: int | None = None,
    rule: str = "",
    instead: str = "",
) -> Any:
    """A layer's input as a tensor of floats with ``axes`` spatial axes.

    Arguments:
        channels: the required size of the last axis; any size if None.
        rule: that requirement in words, for the message.
        instead: a layer that would accept this input, with {} for its channels.

    Raises:
        DTypeError: for integers and bools.
        ShapeError: for another number of axes, and another last axis.

    Example:
        >>> spatial_input("MaxPool2d", [[[[0.5], [1.0]]]], 2).shape
        (1, 1, 2, 1)
    """
    node = floats(layer, x)
    shape = node.shape
    if len(shape) != axes + 2:
        raise ShapeError(
            f"{layer}: x {shape}: {len(shape)} ≠ {axes + 2} axes; expected "
            f"{AXES[axes]}",
            fix=_missing_axes(shape, axes, channels),
        )
    if channels is not None and shape[-1] != channels:
        order = ", ".join(map(str, (0, *range(2, axes + 2), 1)))
        fix = f"{instead.format(shape[-1])}, or give it inputs with {channels} channels"
        raise ShapeError(
            f"{layer}: x {shape}: {shape[-1]} ≠ {channels}; {rule}",
            fix=f"channels come last here: x.transpose({order})"
            if shape[1] == channels
            else fix,
        )
    return node


def _missing_axes(shape: Shape, axes: int, channels: int | None) -> str | None:
    if len(shape) == axes + 1:
        if channels in (None, shape[-1]):
            return "x[None] makes one sample a batch"
        if channels == 1:
            return "x[..., None] adds the axis of one channel"
    if len(shape) == 2 and axes == 2:
        side = math.isqrt(shape[1] // (channels or 1))
        if side * side * (channels or 1) == shape[1]:
            return (
                f"Unflatten(({side}, {side}, {channels or 1})) before it makes images "
                "of rows"
            )
    return None


def sizes_text(sizes: Shape) -> str:
    """``3×3``, or ``3`` for one axis.

    Example:
        >>> sizes_text((3, 5)), sizes_text((7,))
        ('3×5', '7')
    """
    return "×".join(map(str, sizes))


def window_text(
    stride: Shape,
    padding: Any,
    dilation: Shape,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> str:
    """The settings of windows that are not the default: ``, stride 2, padding 1``.

    Example:
        >>> window_text((2, 2), ((1, 1), (1, 1)), (1, 1))
        ', stride 2, padding 1'
    """
    shown = []
    if set(stride) != {1}:
        shown.append(f"stride {_alike(stride)}")
    if isinstance(padding, str) or any(map(any, padding)):
        shown.append(f"padding {padding_text(padding)}")
    if padding_mode != "zeros":
        shown.append(padding_mode)
    if set(dilation) != {1}:
        shown.append(f"dilation {_alike(dilation)}")
    if groups != 1:
        shown.append(f"groups {groups}")
    return "".join(f", {setting}" for setting in shown)


def padding_text(padding: Any) -> str:
    """``1``, ``same``, ``1×0``, or pairs where the sides differ.

    Example:
        >>> padding_text(((1, 1), (1, 1))), padding_text(((2, 0),))
        ('1', '((2, 0),)')
    """
    if isinstance(padding, str):
        return padding
    if all(before == after for before, after in padding):
        return _alike(tuple(before for before, _ in padding))
    return str(padding)


def plain_padding(padding: Any) -> Any:
    """The padding as JSON values.

    Example:
        >>> plain_padding(((2, 0),)), plain_padding("same")
        ([[2, 0]], 'same')
    """
    return padding if isinstance(padding, str) else [list(pair) for pair in padding]


#: What a layer has beyond the edges of its input → the mode of ``cr.pad``.
PADDING_MODES = {
    "zeros": "constant",
    "reflect": "reflect",
    "replicate": "edge",
    "circular": "wrap",
}

#: What NumPy and Keras call them.
_MODES_ELSEWHERE = {
    "constant": "zeros",
    "edge": "replicate",
    "same": "replicate",
    "wrap": "circular",
    "periodic": "circular",
    "symmetric": "reflect",
}


def checked_padding_mode(layer: str, mode: Any) -> str:
    """A layer's ``padding_mode``.

    Raises:
        OptionError: for an unknown one.

    Example:
        >>> checked_padding_mode("Conv2d", "reflect")
        'reflect'
    """
    if not isinstance(mode, str) or mode not in PADDING_MODES:
        ours = _MODES_ELSEWHERE.get(str(mode))
        fix = f"padding_mode={ours!r}" if ours else None
        raise unknown_option(f"padding_mode of {layer}", mode, PADDING_MODES, fix)
    return mode


def surrounded(node: Any, pads: Any, mode: str) -> Any:
    """An input with what ``padding_mode`` says around its spatial axes.

    Example:
        >>> surrounded([[[1.0], [2.0]]], [(1, 0)], "replicate").numpy().ravel()
        array([1., 1., 2.], dtype=float32)
    """
    return pad(node, [(0, 0), *pads, (0, 0)], PADDING_MODES[mode])


def _alike(sizes: Shape) -> str:
    return str(sizes[0]) if len(set(sizes)) == 1 else sizes_text(sizes)
