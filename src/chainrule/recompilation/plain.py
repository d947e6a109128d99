"""Plain data as bytes, and back: what entries on disk are written in.

Place on the road: below ``kept``. Text is read back by a parser, not by running
anything, so no entry can do more than be wrong. Numbers come back with their types and
all their bits.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import numpy as np

from ..ops.control import Split

#: The classes of static arguments that are written as their fields, by name.
RECORDS = {"split": Split}

#: The kinds of dtypes whose ``str`` says all of them.
NUMBERS = "biufc"


def written(value: Any) -> bytes:
    """Nested tuples and lists of None, booleans, integers, floats, strings, slices,
    dtypes, arrays, NumPy's scalars and ``RECORDS``.

    Raises:
        TypeError: for anything else.

    Example:
        >>> read(written((1, 1.5, [True, None], np.dtype("float32"), slice(2))))
        (1, 1.5, [True, None], dtype('float32'), slice(None, 2, None))
    """
    return json.dumps(_tagged(value)).encode()


def read(data: bytes) -> Any:
    """What ``written`` was given.

    Raises:
        ValueError: for bytes that it did not make.
    """
    return _tuples(json.loads(data, object_hook=_untagged))


def _tagged(value: Any) -> Any:
    """Made of what JSON has: a list is a tuple, all else an object with one name."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is tuple:
        return [_tagged(each) for each in value]
    if kind is list:
        return {"list": [_tagged(each) for each in value]}
    if kind is float:
        return {"float": value.hex()}
    if value is Ellipsis:
        return {"ellipsis": None}
    if kind is slice:
        return {"slice": [_tagged(e) for e in (value.start, value.stop, value.step)]}
    if isinstance(value, np.dtype) and value.kind in NUMBERS:
        return {"dtype": value.str}
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in NUMBERS:
        data = base64.b64encode(value.tobytes()).decode()
        name = "array" if isinstance(value, np.ndarray) else "scalar"
        return {name: [value.dtype.str, list(value.shape), data]}
    for name, record in RECORDS.items():
        if kind is record:
            return {name: [_tagged(each) for each in dataclasses.astuple(value)]}
    raise TypeError(f"{kind.__name__} is not plain")


def _untagged(found: dict[str, Any]) -> Any:
    ((name, value),) = found.items()
    if name == "list":
        return _List(map(_tuples, value))
    if name == "float":
        return float.fromhex(value)
    if name == "ellipsis":
        return ...
    if name == "slice":
        return slice(*map(_tuples, value))
    if name == "dtype":
        return np.dtype(value)
    if name in RECORDS:
        return RECORDS[name](*map(_tuples, value))
    dtype, shape, data = value
    flat = np.frombuffer(base64.b64decode(data), dtype)
    array = flat.reshape(shape).copy()  # aligned, and its own
    return array if name == "array" else array[()]


class _List(list[Any]):
    """A list that was one, and not a tuple."""


def _tuples(value: Any) -> Any:
    if type(value) is list:
        return tuple([_tuples(each) for each in value])
    return [*value] if type(value) is _List else value
