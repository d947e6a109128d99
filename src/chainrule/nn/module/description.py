"""A network as plain data: what a model file says about how to build it again.

Place on the road: below ``Module``, whose ``save`` writes a description; ``loading``
reads it.
"""

from __future__ import annotations

from typing import Any

from ...variable import Variable
from .part import Part
from .registry import is_known


def describe(model: Part) -> dict[str, Any]:
    """A network as JSON values: its layers, their settings, and what they share.

    For a network that contains a class of the user's own, only that class's name.

    Example:
        >>> from chainrule import nn
        >>> describe(nn.Linear(2, 3))["settings"]
        {'in_features': 2, 'out_features': 3, 'bias': True}
    """
    for _, module in model.named_modules():
        if not is_known(module):
            return {"own_class": type(module).__name__}
    description = _layer(model, {})
    description["shared_values"] = _shared_values(model)
    return description


def variables_by_path(model: Part) -> list[tuple[str, Variable]]:
    """Pairs (path, variable); a shared variable under the path of every module that
    holds it.
    """
    return [
        (f"{path}.{name}" if path else name, variable)
        for path, module in model.named_modules()
        for name, variable in module.own_variables()
    ]


def _layer(module: Part, numbers: dict[int, int]) -> dict[str, Any]:
    """A layer; one that was described before is a reference to its number."""
    if id(module) in numbers:
        return {"same_as": numbers[id(module)]}
    numbers[id(module)] = len(numbers)
    settings = {
        name: _setting(value, numbers) for name, value in module.settings().items()
    }
    return {"layer": type(module).__name__, "settings": settings}


def _setting(value: Any, numbers: dict[int, int]) -> Any:
    if is_known(value):
        return _layer(value, numbers)
    if isinstance(value, (list, tuple)):
        return [_setting(element, numbers) for element in value]
    return value


def _shared_values(model: Part) -> list[list[str]]:
    """Pairs (first path, other path) of the variables that several layers hold."""
    first_paths: dict[int, str] = {}
    pairs = []
    for path, variable in variables_by_path(model):
        first = first_paths.setdefault(id(variable), path)
        if first != path:
            pairs.append([first, path])
    return pairs
