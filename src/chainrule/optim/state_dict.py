"""An optimizer's state as a flat dictionary of arrays, for checkpoints.

Place on the road: beside the optimizer, below ``saving``. It gives every variable its
name and checks what is to be loaded. It must not know of algorithms or files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import FileError, StateError
from ..graph import Array, Node
from ..variable import Parameter, Variable
from .hyperparameters import checked


def state_names(
    count: Variable,
    rates: Sequence[Variable | None],
    state: Mapping[Parameter, Mapping[str, Variable]],
) -> dict[str, Variable]:
    """The variables of an optimizer by name: "step", "group0.lr", "3.W2.m".

    The number comes first, so that names are distinct whatever parameters are called;
    the name comes with it, so that a changed order of parameters is an error.
    """
    names = {"step": count}
    for i, rate in enumerate(rates):
        if rate is not None:
            names[f"group{i}.lr"] = rate
    for i, (w, slots) in enumerate(state.items()):
        label = f"{i}.{w.name}" if w.name else f"{i}"
        for slot, variable in slots.items():
            names[f"{label}.{slot}"] = variable
    return names


def checked_state(
    algorithm: str, variables: Mapping[str, Variable], state: object
) -> dict[str, Array]:
    """The arrays to load, if every one of them fits its variable.

    Raises:
        StateError: for missing or extra names, other shapes or dtypes, or a count or
            learning rate that no optimizer can have.
    """
    what = f"{algorithm}.load_state_dict"
    if not isinstance(state, Mapping):
        raise StateError(
            f"{what}: {type(state).__name__} is not a dictionary of arrays",
            fix="give it what state_dict() returned",
        )
    missing = [name for name in variables if name not in state]
    extra = [name for name in state if name not in variables]
    if missing or extra:
        parts = [f"{word} {listed([repr(name) for name in names])}" for word, names in
                 (("missing", missing), ("not known", extra)) if names]  # fmt: skip
        raise StateError(
            f"{what}: {'; '.join(parts)}: the names must be those of this optimizer",
            fix="build the optimizer as the saved one: algorithm, order and names of "
            "parameters, groups, number or schedule as lr",
        )
    arrays = {name: _array(state[name]) for name in variables}
    for name, variable in variables.items():
        _check_fits(what, name, arrays[name], variable)
    return arrays


def saved_options(
    operation: str,
    kind: str,
    own: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """The hyper-parameters of every group in the settings of a file, checked.

    Raises:
        FileError: for a file that no optimizer has written.
        StateError: for another algorithm, or other groups.
    """
    about = settings.get("optimizer")
    if not isinstance(about, dict):
        raise FileError(
            f"{operation}: no optimizer was saved in it",
            fix="give it a file written by optimizer.save",
        )
    if about.get("algorithm") != kind:
        raise StateError(
            f"{operation}: it is the state of {about.get('algorithm')!s:.40}, and this "
            f"is {kind}",
            fix="build the optimizer as the saved one",
        )
    saved = about.get("options")
    groups = saved if isinstance(saved, list) else []
    names = [sorted(each) if isinstance(each, dict) else [] for each in groups]
    if names != [sorted(each) for each in own]:
        raise StateError(
            f"{operation}: {len(groups)} groups with the options {names!s:.100}, and "
            f"this {kind} has {len(own)}",
            fix="build the optimizer as the saved one",
        )
    return [checked(operation, each) for each in groups]


def _array(value: Any) -> Array:
    return value.numpy() if isinstance(value, Node) else np.asarray(value)  # type: ignore[attr-defined]


def _check_fits(what: str, name: str, array: Array, variable: Variable) -> None:
    if array.shape != variable.shape:
        raise StateError(
            f"{what}: {name} {array.shape}: the optimizer's is {variable.shape}",
            fix="build the optimizer for the parameters it was saved with",
        )
    if array.dtype != variable.dtype:
        raise StateError(
            f"{what}: {name} is {array.dtype}: the optimizer's is {variable.dtype}",
            fix="build the parameters with the dtype they were saved with",
        )
    if name == "step" and array < 0:
        raise StateError(f"{what}: step = {array}: a count is not negative")
    if name.startswith("group") and not (np.isfinite(array) and array > 0):
        raise StateError(f"{what}: {name} = {array}: a learning rate is positive")


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first few names, for a message.

    Example:
        >>> listed("abcdefg", 3)
        'a, b, c and 4 more'
    """
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
