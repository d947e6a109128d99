"""The arguments of a call: their names, for graphs, reports and messages, and whether
they can be told apart from those of another call.

Place on the road: below the compiler, beside ``captured``. It knows Python's functions
and nested containers, and nothing of tensors.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .. import tree
from ..errors import ArgumentError


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


def integers_apart(a: Sequence[Any], b: Sequence[Any]) -> list[int]:
    """Where in two signatures of calls integers differ; nothing where anything else
    does too. A signature has a structure, then two entries for each argument.

    Example:
        >>> integers_apart((None, str, "a", int, 3), (None, str, "a", int, 4))
        [3]
    """
    if len(a) != len(b) or a[0] != b[0]:
        return []
    apart = [i for i in range(1, len(a), 2) if a[i : i + 2] != b[i : i + 2]]
    return apart if all(a[i] is int and b[i] is int for i in apart) else []


def unhashable(
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    is_input: Callable[[Any], bool],
) -> ArgumentError:
    """The error for an argument that cannot be told from another one: one that has no
    hash, and is no input of the program.
    """
    names, leaves = argument_names(f, args, kwargs), tree.flatten((args, kwargs))[0]
    bad = [i for i, leaf in enumerate(leaves) if type(leaf).__hash__ is None]
    which = [i for i in bad if not is_input(leaves[i])] or [0]
    return ArgumentError(
        f"compile: {names[which[0]] or 'an argument'} of "
        f"{getattr(f, '__name__', type(f).__name__)} is of type "
        f"{type(leaves[which[0]]).__name__}, which has no hash: there is no telling "
        "whether a program for it exists",
        fix="pass tensors, numbers, tuples, lists, dicts, or objects with a hash",
    )
