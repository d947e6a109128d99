"""NumPy's functions of tensors: ``np.mean(x)``, ``np.concatenate([x, y])``.

Place on the road: below the tensors. NumPy asks a tensor among the arguments what to do
(NEP 18), and the answer is one of three: our function of that name, with NumPy's
arguments translated, gives a tensor; what writes, prints or compares arrays is NumPy's
own, of the values; anything else is one error. Never does a function of numbers return
a plain array, whose gradient would be lost in silence.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..graph import Node
from ..ops.arrays import constant
from .names import no_function, own, parameters
from .translations import (
    ALIASES,
    CONVERTING,
    HARMLESS,
    RENAMED,
    TRANSLATIONS,
    converted,
)

_TEXT_AND_FILES = (
    "array2string array_repr array_str save savetxt savez savez_compressed"
)
_QUESTIONS = (
    "allclose array_equal array_equiv can_cast common_type einsum_path "
    "may_share_memory min_scalar_type shares_memory"
)
_COUNTING = (
    "histogram2d histogramdd histogram_bin_edges isin lexsort nanargmax nanargmin"
)
_WRITING = "copyto fill_diagonal place put put_along_axis putmask"

#: What NumPy does with the values: files, text, and questions about arrays.
OF_ARRAYS = frozenset([*_TEXT_AND_FILES.split(), *_QUESTIONS.split()])
#: What counts or looks up, and has no gradient: NumPy's own, of the values.
COUNTING = frozenset(_COUNTING.split())
#: What writes into its first argument.
WRITING = frozenset(_WRITING.split())


def function(
    called: Callable[..., Any],
    types: Iterable[type],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    """What a function of NumPy is of arguments with a tensor among them.

    Raises:
        DTypeError: where there is no such function of tensors.
        ArgumentError: for an argument that ours does not take.
    """
    if not all(issubclass(each, (Node, np.ndarray)) for each in types):
        return NotImplemented
    module, name = called.__module__, called.__name__
    shown = f"{module.replace('numpy', 'np', 1)}.{name}"
    if module == "numpy" and name in WRITING:
        return _written(called, shown, args, kwargs)
    if module == "numpy" and name in OF_ARRAYS:
        return called(*as_arrays(args), **as_arrays(kwargs))
    if module == "numpy" and name in COUNTING:
        return as_tensors(called(*as_arrays(args), **as_arrays(kwargs)))
    ours = TRANSLATIONS.get((module, name))
    if ours is None:
        alias = ALIASES.get((module, name))
        ours = own("numpy", alias) if alias else own(module, name)
    if ours is None:
        raise no_function(shown, tensors_in([args, kwargs]))
    operands, options = translated(called, ours, shown, args, kwargs)
    return ours(*operands, **options)


def tensors_in(value: Any) -> list[Any]:
    """The tensors in nested arguments."""
    if isinstance(value, Node):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [node for each in value for node in tensors_in(each)]
    return []


def as_arrays(value: Any) -> Any:
    """Nested arguments with arrays in the place of tensors."""
    if isinstance(value, Node):
        return np.asarray(value)
    if isinstance(value, Mapping):
        return {key: as_arrays(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(as_arrays(each) for each in value)
    return value


def as_tensors(value: Any) -> Any:
    """Results with tensors in the place of arrays."""
    if isinstance(value, (list, tuple)):
        return type(value)(as_tensors(each) for each in value)
    return constant(value)


def _written(
    called: Callable[..., Any],
    shown: str,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Any:
    """Into an array, values of tensors are written; a tensor is not written to."""
    first = [*args, *kwargs.values()][0]
    if isinstance(first, Node):
        raise ArgumentError(
            f"{shown}: {first.describe()}: a tensor's value never changes",
            fix="make a new one with cr.where(condition, value, x) or cr.put; "
            "parameters have .assign()",
        )
    return called(*as_arrays(args), **as_arrays(kwargs))


# Arguments. ---------------------------------------------------------------------------


def translated(
    called: Callable[..., Any],
    ours: Callable[..., Any],
    shown: str,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> tuple[list[Any], dict[str, Any]]:
    """Operands and options of our function that mean NumPy's arguments.

    What NumPy requires are the operands, in order. An option is ours of the same name,
    or of the name that ``RENAMED`` has for it; where it is not given and the defaults
    differ, NumPy's default is passed on.

    Raises:
        ArgumentError: for an option that ours does not have.
    """
    theirs = _signature(called, ours)
    bound = theirs.bind(*args, **kwargs).arguments
    known = parameters(ours)
    names = RENAMED.get(called.__name__, {})
    operands: list[Any] = []
    options: dict[str, Any] = {}
    for key, parameter in theirs.parameters.items():
        given, default = bound.get(key, parameter.default), parameter.default
        if parameter.kind is parameter.VAR_POSITIONAL:
            operands += given if key in bound else ()
        elif parameter.kind is parameter.VAR_KEYWORD:
            for each, value in (given if key in bound else {}).items():
                _option(each, value, names, known, shown, options)
        elif default is parameter.empty:
            operands.append(given)
        elif key in bound and not _same(given, default):
            if key == "dtype" and given is not None and called.__name__ in CONVERTING:
                operands[0] = converted(operands[0], given)
            else:
                _option(key, given, names, known, shown, options)
        elif not _absent(default) and key in known and known[key].default != default:
            options[key] = default
    return operands, options


def _signature(
    called: Callable[..., Any], ours: Callable[..., Any]
) -> inspect.Signature:
    """What NumPy's function takes. Those written in C say so from NumPy 2.4 on; before,
    ours stands for it.
    """
    try:
        return inspect.signature(called)
    except ValueError:
        return inspect.signature(ours)


def _option(
    key: str,
    value: Any,
    names: Mapping[str, str],
    known: Mapping[str, inspect.Parameter],
    shown: str,
    options: dict[str, Any],
) -> None:
    """Adds an argument under our name; refuses one that ours does not have."""
    name = names.get(key, key)
    open_ended = any(each.kind is each.VAR_KEYWORD for each in known.values())
    if name in known or open_ended:
        options[name] = value
    elif not (key in HARMLESS and _among(value, HARMLESS[key])):
        taken = ", ".join(known)
        raise ArgumentError(
            f"{shown}: {key}={value!r}: of a tensor it has no such argument",
            fix="out= makes no sense: a tensor's value never changes"
            if key == "out"
            else f"it takes {taken}",
        )


def _absent(default: Any) -> bool:
    return default is np._NoValue


def _same(value: Any, default: Any) -> bool:
    return value is default or _among(value, (default,))


def _among(value: Any, values: tuple[Any, ...]) -> bool:
    """Whether a plain value is one of some."""
    plain = isinstance(value, (str, int, float, bool, tuple, type(None)))
    return plain and any(type(value) is type(each) and value == each for each in values)
