"""The layers that a model file may name: a closed list, filled by the package itself.

Place on the road: below ``Module``. The packages that define layers offer their names
when they are imported; this file knows none of them, and imports a layer when it is
asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

#: name → the package of ours that has a layer of this name
_packages: dict[str, str] = {}


def offer(package: str, names: Iterable[str]) -> None:
    """Adds layers of a package to those that a file may name.

    Example:
        >>> from chainrule import models
        >>> layer_named("GPT") is models.GPT
        True
    """
    _packages.update(dict.fromkeys(names, package))


def known_layers() -> list[str]:
    """The names of the layers that have been offered.

    Example:
        >>> from chainrule import nn
        >>> "Linear" in known_layers(), "Module" in known_layers()
        (True, False)
    """
    return list(_packages)


def layer_named(name: str) -> type[Any] | None:
    """The layer of a name; None where none has been offered.

    Example:
        >>> from chainrule import nn
        >>> layer_named("Linear") is nn.Linear, layer_named("Module")
        (True, None)
    """
    if name not in _packages:
        return None
    layer: type[Any] = getattr(sys.modules[_packages[name]], name)
    return layer


def is_known(value: object) -> bool:
    """Whether a value is a layer that a file may name, and no subclass of one.

    Example:
        >>> from chainrule import nn
        >>> is_known(nn.ReLU()), is_known("ReLU")
        (True, False)
    """
    return layer_named(type(value).__name__) is type(value)
