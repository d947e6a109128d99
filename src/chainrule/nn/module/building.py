"""From a description back to a network: the reverse of ``description``.

Place on the road: above ``Module``, below ``cr.load``. ``build`` makes layers of the
closed list in ``registry`` and nothing else: a name in a file is looked up there, never
imported, and only constructors of layers are called.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any, cast

import numpy as np

from ...errors import StateError, nearest
from ...graph import Array
from ..arguments import without_values
from .description import describe, variables_by_path
from .module import Module
from .registry import known_layers, layer_named

#: A file whose layers are nested deeper than this describes no network.
MAX_DEPTH = 100


def build(description: Mapping[str, Any], arrays: Mapping[str, Array]) -> Module:
    """The network of a description, with memory for these arrays but without values.

    No random numbers are drawn, and no more memory is taken than the arrays need.

    Raises:
        StateError: for a layer that this package does not have, or settings that are
            not the layer's.

    Example:
        >>> from chainrule import nn
        >>> from chainrule.nn.module.description import describe
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> build(describe(net), net.state_dict())
        Sequential(
          (0): Linear(2 → 3)
          (1): ReLU()
        )
    """
    shared = _pairs(description.get("shared_values", []))
    sizes = {name: array.size for name, array in arrays.items()}
    allowed = sum(sizes.values()) + sum(sizes.get(first, 0) for first, _ in shared)
    with without_values(allowed):
        model = _layer(description, [], 0)
    _share(model, shared)
    return model


def drawn_anew(model: Module) -> Module:
    """A network of the same layers, with initial values of its own: those that the
    layers have by default, drawn from the default generator.

    Raises:
        StateError: for a network with a layer that is not of this package.

    Example:
        >>> from chainrule import nn
        >>> net = nn.Linear(2, 3)
        >>> other = drawn_anew(net)
        >>> other, bool((other.weight == net.weight).numpy().any())
        (Linear(2 → 3), False)
    """
    description = describe(model)
    if "own_class" in description:
        raise StateError(
            f"{type(model).__name__}: {description['own_class']} is a class of your "
            "own: how its values are drawn is not known",
            fix="a function that makes the network: lambda: MyNetwork(…)",
        )
    other = _layer(description, [], 0)
    _share(other, _pairs(description["shared_values"]))
    return other


def _share(model: Module, shared: list[tuple[str, str]]) -> None:
    """Puts the first of each pair of values in the place of the other, too."""
    variables = dict(variables_by_path(model))
    modules = dict(model.named_modules())
    for first, path in shared:
        owner, _, name = path.rpartition(".")
        if first not in variables or path not in variables or owner not in modules:
            raise StateError(f"load: a value shared between {first!r} and {path!r}")
        setattr(modules[owner], name, variables[first])


def _layer(description: Any, built: list[Any], depth: int) -> Module:
    """The layer of a description.

    Arguments:
        built: the layers so far by number, None for those that are being built.
        depth: how deep the description is nested in others.
    """
    if not isinstance(description, dict) or depth > MAX_DEPTH:
        raise StateError("load: the description of a layer is not a table")
    if "same_as" in description:
        return _built_before(description["same_as"], built)
    name = str(description.get("layer"))
    layer = layer_named(name)
    if layer is None:
        close = nearest(name, known_layers())
        raise StateError(
            f"load: {name!r} is not a layer of this version of chainrule",
            fix=f"it has {close!r}; a newer version may have it" if close else None,
        )
    settings = description.get("settings", {})
    if not isinstance(settings, dict):
        raise StateError(f"load: the settings of {name} are not a table")
    number = len(built)
    built.append(None)
    values = {key: _setting(value, built, depth + 1) for key, value in settings.items()}
    try:
        built[number] = layer.from_settings(values)
    except (TypeError, KeyError) as error:
        raise StateError(
            f"load: {json.dumps(values, default=repr)[:200]} are not settings of "
            f"{name}: {error}"
        ) from None
    return cast(Module, built[number])


def _built_before(number: Any, built: list[Any]) -> Module:
    if not isinstance(number, int) or not 0 <= number < len(built):
        raise StateError(f"load: layer {number!r} is shared but not described")
    if built[number] is None:
        raise StateError(f"load: layer {number} contains itself")
    return cast(Module, built[number])


def _setting(value: Any, built: list[Any], depth: int) -> Any:
    if isinstance(value, dict):
        return _layer(value, built, depth)
    if isinstance(value, list):
        if depth > MAX_DEPTH:
            raise StateError("load: the settings are nested too deeply")
        return [_setting(element, built, depth + 1) for element in value]
    return value


def _pairs(shared: Any) -> list[tuple[str, str]]:
    if not isinstance(shared, list):
        raise StateError(f"load: {shared!r} is not a list of shared values")
    for pair in shared:
        if not isinstance(pair, list) or [type(name) for name in pair] != [str, str]:
            raise StateError(f"load: {pair!r} are not the names of two values")
    return [(first, path) for first, path in shared]


def with_dtypes(model: Module, arrays: Mapping[str, Array]) -> Module:
    """The network with floating-point values of the dtypes that were saved."""
    replaced = {}
    for path, variable in model.named_variables():
        array = arrays.get(path)
        if array is None or array.dtype == variable.dtype:
            continue
        if array.dtype.kind == "f" == variable.dtype.kind:
            blank = np.zeros(variable.shape, array.dtype)
            replaced[id(variable)] = variable.like(blank)
    return copy.deepcopy(model, dict(replaced)) if replaced else model
