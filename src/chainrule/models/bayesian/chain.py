"""Networks that are a chain of fully connected layers, of which more is known.

Place on the road: beside ``likelihoods``; below the methods that draw, or measure, what
``Linear`` layers make.
"""

from __future__ import annotations

from ... import nn
from ...variable import Parameter


def is_chain_of_linear(network: nn.Module) -> bool:
    """Whether all weights of a network are those of ``Linear`` layers that follow each
    other.

    Example:
        >>> from chainrule import nn
        >>> is_chain_of_linear(nn.Sequential(nn.Linear(2, 3), nn.Tanh()))
        True
        >>> is_chain_of_linear(nn.Sequential(nn.Conv1d(2, 3, 3), nn.Linear(3, 1)))
        False
    """
    return all(
        isinstance(layer, nn.Linear) or not any(layer.named_variables())
        for layer in layers_of(network)
    )


def layers_of(network: nn.Module) -> list[nn.Module]:
    """The layers of a ``Sequential``, those of a ``Sequential`` in it too; any other
    network is one layer.

    Example:
        >>> from chainrule import nn
        >>> layers_of(nn.Sequential(nn.Sequential(nn.Linear(2, 3)), nn.Tanh()))
        [Linear(2 → 3), Tanh()]
    """
    if not isinstance(network, nn.Sequential):
        return [network]
    return [layer for each in network for layer in layers_of(each)]


def weights_of_last_layer(network: nn.Module) -> list[Parameter]:
    """The parameters of the last layer that has any.

    Example:
        >>> from chainrule import nn
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1), nn.Tanh())
        >>> [each.shape for each in weights_of_last_layer(net)]
        [(1, 3), (1,)]
    """
    found: list[Parameter] = []
    for _, part in network.named_modules():
        own = [v for _, v in part.own_variables() if isinstance(v, Parameter)]
        found = own or found
    return found
