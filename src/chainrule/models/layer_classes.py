"""Classes of layers that a builder of networks is given: ``activation=nn.Tanh``.

Place on the road: below the builders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import nn
from ..errors import ArgumentError

#: Makes the layer of an activation: a class such as ``nn.ReLU``.
Activation = Callable[[], nn.Module]


def check_layer_class(where: str, name: str, make: Any, optional: bool = False) -> None:
    """That an argument is a class of layers, or a function that makes a layer.

    Arguments:
        where: who asks.
        name: of the argument.
        make: its value.
        optional: whether it may be None.

    Raises:
        ArgumentError: for anything else, as a layer or the name of one.
    """
    if make is None and optional:
        return
    layer = isinstance(make, nn.Module)
    if layer or not callable(make):
        usual = type(make).__name__ if layer else "Tanh"
        raise ArgumentError(
            f"{where}: {name}={make!r}: expected a class of layers",
            fix=f"{name}=nn.{usual}",
        )
