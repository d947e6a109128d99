"""Normalisation by known numbers: the first layer of networks for images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ArgumentError, ShapeError
from ..arguments import floats
from ..module import Module


class Normalization(Module):
    """Subtracts a mean and divides by a standard deviation, channel by channel.

    The numbers are those of the training data. As part of the network they are saved
    with it, so that it takes images as they are.

    Formula: y[…, c] = (x[…, c] − mean[c]) / std[c].

    Shapes: (…, channels) → the same.

    Arguments:
        mean, std: one number for each channel.

    Raises:
        ArgumentError: for different lengths, or a deviation that is not above 0.
        ShapeError: in a call, for other channels.

    Example:
        >>> import chainrule as cr
        >>> from chainrule import nn
        >>> nn.Normalization([0.5], [0.25])(cr.tensor([[1.0], [0.0]])).numpy().tolist()
        [[2.0], [-2.0]]
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = _numbers("mean", mean), _numbers("std", std)
        if len(self.mean) != len(self.std):
            raise ArgumentError(
                f"Normalization: mean of {len(self.mean)} channels, std of "
                f"{len(self.std)}: expected one number for each channel in both"
            )
        if not all(0 < deviation < np.inf for deviation in self.std):
            raise ArgumentError(
                f"Normalization: std={list(self.std)}: expected numbers above 0",
                fix="1.0 for a channel that is constant",
            )

    def settings(self) -> dict[str, Any]:
        """Both lists."""
        return {"mean": list(self.mean), "std": list(self.std)}

    def describe_settings(self) -> str:
        """``3 channels``"""
        return f"{len(self.mean)} channel" + "s" * (len(self.mean) > 1)

    def forward(self, x: Any) -> Any:
        """(x − mean) / std."""
        node = floats("Normalization", x)
        if not node.shape or node.shape[-1] != len(self.mean):
            raise ShapeError(
                f"Normalization: x {node.shape}: expected (…, {len(self.mean)}); the "
                "last axis holds the channels"
            )
        mean = np.asarray(self.mean, node.dtype)
        return (node - mean) * (1 / np.asarray(self.std, node.dtype))


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        numbers = ()
    if not numbers or not np.isfinite(numbers).all():
        raise ArgumentError(
            f"Normalization: {name}={values!r}: expected one number for each channel"
        )
    return numbers
