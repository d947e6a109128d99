"""Checks that saved values fit a network, in names, shapes and dtypes, before any is
used.

Place on the road: below ``Module``, which loads values, and ``loading``.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from ...errors import ArgumentError, DTypeError, ShapeError, StateError, nearest
from ...graph import Array
from ...shapes import Shape
from ...variable import Variable

#: The most names that a message lists; of the others it gives the number.
MAX_LISTED = 5


def check_state(
    operation: str, model: str, own: Mapping[str, Variable], state: Mapping[str, Any]
) -> dict[str, Array]:
    """The values for every variable, in its dtype.

    Raises:
        ArgumentError: for something that is not a mapping, such as a path.
        StateError: for missing or extra names.
        ShapeError: for a value of another shape.
        DTypeError: for values that are not numbers.

    Example:
        >>> from chainrule import Variable
        >>> check_state("load", "Net", {"n": Variable(0)}, {"n": 3})
        {'n': array(3)}
    """
    if not isinstance(state, Mapping):
        raise ArgumentError(
            f"{operation}: {type(state).__name__}: expected values by name; nothing "
            "was loaded",
            fix="model.load(path) reads a file"
            if isinstance(state, (str, PathLike))
            else "model.load_state_dict(other.state_dict())",
        )
    missing, extra = (
        sorted(own.keys() - state.keys()),
        sorted(state.keys() - own.keys()),
    )
    if missing or extra:
        raise _name_error(operation, model, missing, extra)
    return {
        path: _fitting(operation, path, variable, np.asarray(state[path]))
        for path, variable in own.items()
    }


def _fitting(operation: str, path: str, variable: Variable, array: Array) -> Array:
    if array.shape != variable.shape:
        raise ShapeError(
            f"{operation}: {path} {array.shape}: expected {variable.shape}; nothing "
            "was loaded",
            fix=_channels_last(array, variable.shape)
            or "build the model with the sizes it was saved with",
        )
    if array.dtype.kind not in "biuf":
        raise DTypeError(
            f"{operation}: {path} {array.shape} of {array.dtype}: expected numbers; "
            "nothing was loaded"
        )
    if variable.dtype.kind in "biu" and array.dtype.kind == "f":
        raise DTypeError(
            f"{operation}: {path} {array.shape} of {array.dtype}: expected "
            f"{variable.dtype}; nothing was loaded"
        )
    return array.astype(variable.dtype)


def _channels_last(array: Array, shape: Shape) -> str | None:
    """The advice for kernels from a library that has channels first."""
    if array.ndim > 2 and np.moveaxis(array, 1, -1).shape == shape:
        return "channels come last here: np.moveaxis(array, 1, -1) moves them"
    return None


def _name_error(
    operation: str, model: str, missing: list[str], extra: list[str]
) -> StateError:
    parts = []
    if missing:
        parts.append(f"missing {_listed(missing)}")
    if extra:
        parts.append(f"unexpected {_listed(extra)}")
    close = nearest(extra[0], missing) if missing and extra else None
    return StateError(
        f"{operation}: {model}: {'; '.join(parts)}; nothing was loaded",
        fix=f"is {extra[0]!r} meant to be {close!r}?"
        if close
        else "build the model as it was when it was saved",
    )


def _listed(names: list[str]) -> str:
    more = len(names) - MAX_LISTED
    return ", ".join(names[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
