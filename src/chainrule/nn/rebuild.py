"""How a network is built, as plain data, and the network that such data describes.

Place on the road: beside ``Module``, whose ``save`` keeps a description in the file.
``build`` knows the layers of this package and nothing else: a name in a file is looked
up in that closed list, never imported, and only constructors of layers are called.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from ..errors import StateError, nearest
from ..graph import Array
from ..tensor import Variable
from .arguments import without_values
from .module import Module

#: Deeper nesting than this in a file is not a network.
DEEPEST = 100

#: What rooms above ``nn`` have offered: name → class.
_offered: dict[str, type[Module]] = {}


def describe(model: Module) -> dict[str, Any]:
    """A network as JSON values: its layers, their settings, and what they share.

    For a network that contains a class of the user's own, only that class's name.

    Example:
        >>> from chainrule import nn
        >>> describe(nn.Linear(2, 3))["settings"]
        {'in_features': 2, 'out_features': 3, 'bias': True}
    """
    known = layers()
    for _, module in model.named_modules():
        if known.get(type(module).__name__) is not type(module):
            return {"own_class": type(module).__name__}
    description = _description(model, {})
    description["shared_values"] = _shared_values(model)
    return description


def build(description: Mapping[str, Any], arrays: Mapping[str, Array]) -> Module:
    """The network of a description, with room for these arrays and no values yet.

    Nothing is drawn, and no more memory is taken than the arrays need.

    Raises:
        StateError: for a layer that this package does not have, or settings that are
            not the layer's.

    Example:
        >>> from chainrule import nn
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> build(describe(net), net.state_dict())
        Sequential(
          (0): Linear(2 → 3)
          (1): ReLU()
        )
    """
    shared = _pairs(description.get("shared_values", []))
    sizes = {name: array.size for name, array in arrays.items()}
    room = sum(sizes.values()) + sum(sizes.get(first, 0) for first, _ in shared)
    with without_values(room):
        model = _built(description, [], 0)
    variables = dict(_all_variables(model))
    modules = dict(model.named_modules())
    for first, path in shared:
        owner, _, name = path.rpartition(".")
        if first not in variables or path not in variables or owner not in modules:
            raise StateError(f"load: a value shared between {first!r} and {path!r}")
        setattr(modules[owner], name, variables[first])
    return model


def offer(*kinds: type[Module]) -> None:
    """Says of classes of this package above ``nn`` that a file may name them, too.

    Example:
        >>> from chainrule import models
        >>> layers()["GPT"] is models.GPT
        True
    """
    _offered.update({kind.__name__: kind for kind in kinds})


def layers() -> dict[str, type[Module]]:
    """What a file can name: the layers of ``chainrule.nn``, and what was offered."""
    from .. import nn

    found = {name: getattr(nn, name) for name in nn.__all__} | _offered
    return {
        name: each
        for name, each in found.items()
        if issubclass(each, Module) and each is not Module
    }


# Modules to data. --------------------------------------------------------------------


def _description(module: Module, seen: dict[int, int]) -> dict[str, Any]:
    """One layer; a layer that was met before is its number."""
    if id(module) in seen:
        return {"same_as": seen[id(module)]}
    seen[id(module)] = len(seen)
    settings = {
        name: _described(value, seen) for name, value in module.settings().items()
    }
    return {"layer": type(module).__name__, "settings": settings}


def _described(value: Any, seen: dict[int, int]) -> Any:
    if isinstance(value, Module):
        return _description(value, seen)
    if isinstance(value, (list, tuple)):
        return [_described(each, seen) for each in value]
    return value


def _all_variables(model: Module) -> list[tuple[str, Variable]]:
    """Pairs (path, variable), a shared variable under every path of each module."""
    return [
        (f"{path}.{name}" if path else name, variable)
        for path, module in model.named_modules()
        for name, variable in module.own_variables()
    ]


def _shared_values(model: Module) -> list[list[str]]:
    """Pairs (first path, other path) of parameters that several layers hold."""
    first: dict[int, str] = {}
    pairs = []
    for path, variable in _all_variables(model):
        known = first.setdefault(id(variable), path)
        if known != path:
            pairs.append([known, path])
    return pairs


# Data to modules. --------------------------------------------------------------------


def _built(description: Any, made: list[Any], depth: int) -> Module:
    if not isinstance(description, dict) or depth > DEEPEST:
        raise StateError("load: the description of a layer is not a table")
    if "same_as" in description:
        number = description["same_as"]
        if not isinstance(number, int) or not 0 <= number < len(made):
            raise StateError(f"load: layer {number!r} is shared but not described")
        if made[number] is None:
            raise StateError(f"load: layer {number} contains itself")
        return cast(Module, made[number])
    name, known = str(description.get("layer")), layers()
    if name not in known:
        close = nearest(name, known)
        raise StateError(
            f"load: {name!r} is no layer of this chainrule",
            fix=f"it has {close!r}; a newer chainrule may have it" if close else None,
        )
    settings = description.get("settings", {})
    if not isinstance(settings, dict):
        raise StateError(f"load: the settings of {name} are not a table")
    place = len(made)
    made.append(None)
    values = {key: _value(each, made, depth + 1) for key, each in settings.items()}
    try:
        made[place] = known[name].from_settings(values)
    except (TypeError, KeyError) as error:
        raise StateError(
            f"load: {json.dumps(values, default=repr)[:200]} are no settings of "
            f"{name}: {error}"
        ) from None
    return cast(Module, made[place])


def _value(value: Any, made: list[Any], depth: int) -> Any:
    if isinstance(value, dict):
        return _built(value, made, depth)
    if isinstance(value, list):
        if depth > DEEPEST:
            raise StateError("load: the settings are nested too deeply")
        return [_value(each, made, depth + 1) for each in value]
    return value


def _pairs(shared: Any) -> list[tuple[str, str]]:
    if not isinstance(shared, list):
        raise StateError(f"load: {shared!r} is no list of shared values")
    for pair in shared:
        if not isinstance(pair, list) or [type(each) for each in pair] != [str, str]:
            raise StateError(f"load: {pair!r} are not the names of two values")
    return [(first, path) for first, path in shared]


def with_dtypes(model: Module, arrays: Mapping[str, Array]) -> Module:
    """The network with floating-point values of the dtypes that were saved."""
    changed = {}
    for path, variable in model.named_variables():
        array = arrays.get(path)
        if array is None or array.dtype == variable.dtype:
            continue
        if array.dtype.kind == "f" == variable.dtype.kind:
            blank = np.zeros(variable.shape, array.dtype)
            changed[id(variable)] = type(variable)(blank, name=variable.name)
    return copy.deepcopy(model, dict(changed)) if changed else model
