"""The layers that a model file may name: a closed list, filled by the package itself.

Place on the road: below ``Module``. The packages that define layers offer them when
they are imported; this file knows none of them.
"""

from __future__ import annotations

from typing import Any

_known: dict[str, type[Any]] = {}


def offer(*layers: type[Any]) -> None:
    """Adds layers of this package to those that a file may name.

    Example:
        >>> from chainrule import models
        >>> known_layers()["GPT"] is models.GPT
        True
    """
    _known.update({layer.__name__: layer for layer in layers})


def known_layers() -> dict[str, type[Any]]:
    """The layers that have been offered, by name.

    Example:
        >>> from chainrule import nn
        >>> known_layers()["Linear"] is nn.Linear
        True
    """
    return dict(_known)


def is_known(value: object) -> bool:
    """Whether a value is a layer that a file may name, and no subclass of one.

    Example:
        >>> from chainrule import nn
        >>> is_known(nn.ReLU()), is_known("ReLU")
        (True, False)
    """
    return _known.get(type(value).__name__) is type(value)
