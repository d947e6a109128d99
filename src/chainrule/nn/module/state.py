"""Checks that saved values fit a network, in names, shapes and dtypes, before any is
used.

Place on the road: below ``Module``, which loads values, and ``loading``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np

from ...errors import (
    ArgumentError,
    DTypeError,
    FileError,
    ShapeError,
    StateError,
    nearest,
)
from ...graph import Array
from ...shapes import Shape
from ...variable import Variable

#: The most names that a message lists; of the others it gives the number.
MAX_LISTED = 5


@dataclass(frozen=True)
class Loaded:
    """What ``load_state_dict`` and ``load`` have set; printing it says it in words.

    Attributes:
        loaded: the names of the values that were set.
        missing: those of the network that were not given.
        unexpected: those that were given and are not the network's.
        misshapen: name → (the shape that was given, the network's).
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    misshapen: Mapping[str, tuple[Shape, Shape]] = field(default_factory=dict)

    def __str__(self) -> str:
        total = len(self.loaded) + len(self.missing) + len(self.misshapen)
        lines = [f"{len(self.loaded)} of {total} values were loaded"]
        if self.missing:
            lines.append(f"missing, so as they were: {_listed([*self.missing])}")
        if self.unexpected:
            lines.append(f"unexpected, not used: {_listed([*self.unexpected])}")
        shapes = [f"{n} {a} for {b}" for n, (a, b) in self.misshapen.items()]
        if shapes:
            lines.append(f"of another shape, so as they were: {_listed(shapes)}")
        return "\n".join(lines)


def fitting_state(
    operation: str, model: str, own: Mapping[str, Variable], state: Mapping[str, Any]
) -> tuple[dict[str, Array], Loaded]:
    """The values that fit the variables of their names, and what does not.

    Raises:
        ArgumentError: for something that is not a mapping.
        StateError: where nothing fits.
        DTypeError: for values that are not numbers.
    """
    state = _mapping(operation, state)
    shapes = {n: (np.shape(state[n]), v.shape) for n, v in own.items() if n in state}
    wrong = {name: pair for name, pair in shapes.items() if pair[0] != pair[1]}
    chosen = [name for name in shapes if name not in wrong]
    missing = [name for name in own if name not in state]
    extra = [name for name in state if name not in own]
    if not chosen:
        if wrong:
            name = next(iter(wrong))
            _fitting(operation, name, own[name], np.asarray(state[name]))
        raise _name_error(operation, model, missing, extra)
    arrays = {n: _fitting(operation, n, own[n], np.asarray(state[n])) for n in chosen}
    return arrays, Loaded(tuple(chosen), tuple(missing), tuple(extra), wrong)


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
    state = _mapping(operation, state)
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


def _mapping(operation: str, state: Any) -> Mapping[str, Any]:
    if isinstance(state, Mapping):
        return state
    raise ArgumentError(
        f"{operation}: {type(state).__name__}: expected values by name; nothing was "
        "loaded",
        fix="model.load(path) reads a file"
        if isinstance(state, (str, PathLike))
        else "model.load_state_dict(other.state_dict())",
    )


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


def checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names of classes, in the order of the outputs.

    Raises:
        ArgumentError: for anything but two or more different texts.

    Example:
        >>> checked_names(["no", "yes"])
        ('no', 'yes')
    """
    fits = not isinstance(names, str | bytes) and hasattr(names, "__iter__")
    found = tuple(names) if fits else ()
    if len(found) < 2 or not all(isinstance(name, str) for name in found):
        raise ArgumentError(
            f"class_names={names!r:.100}: expected two or more texts, one for each "
            "output",
            fix="model.class_names = ('cat', 'dog'); numbers need no names",
        )
    if len(set(found)) != len(found):
        twice = next(name for name in found if found.count(name) > 1)
        raise ArgumentError(f"class_names: {str(twice)!r} stands there twice")
    return tuple(str(name) for name in found)


def saved_names(operation: str, settings: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The class names in the settings of a file; None where it has none.

    Raises:
        FileError: for something else in their place.
    """
    if settings.get("class_names") is None:
        return None
    try:
        return checked_names(settings["class_names"])
    except ArgumentError as error:
        raise FileError(
            f"{operation}: the file is damaged: {error.what}",
            fix="copy or download it again; nothing was loaded",
        ) from None
