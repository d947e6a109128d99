"""The names of the arguments of a call, for graphs, reports and messages.

Place on the road: below the compiler, beside ``captured``. It knows Python's functions
and nested containers, and nothing of tensors.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import tree


def argument_names(
    f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[str]:
    """A name for every leaf of the arguments: ``x``, or ``batch.0`` inside of a
    container.
    """
    try:
        bound = inspect.signature(f).bind(*args, **kwargs).arguments
        named = [n for n, p in inspect.signature(f).parameters.items() if n in bound]
        kinds = inspect.signature(f).parameters
    except (TypeError, ValueError):
        return [""] * len(tree.flatten((args, kwargs))[0])
    positional = []
    for name in named:
        if kinds[name].kind is inspect.Parameter.VAR_POSITIONAL:
            positional += [f"{name}.{i}" for i in range(len(bound[name]))]
        elif (
            kinds[name].kind is not inspect.Parameter.VAR_KEYWORD and name not in kwargs
        ):
            positional.append(name)
    names: list[str] = []
    for name, value in [*zip(positional, args, strict=True), *sorted(kwargs.items())]:
        count = len(tree.flatten(value)[0])
        names += [name] if count == 1 else [f"{name}.{i}" for i in range(count)]
    return names
