"""The fingerprint of a plan: equal for schedules that become the same machine code.

Place on the road: beside the kernels; the cache of machine code is looked up by it. It
covers every field of every dataclass that it meets, so that a new field is part of it
without being mentioned here. A field that the code does not depend on is listed in
``IRRELEVANT``, with the reason. What it cannot read in full is refused, not skipped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from operator import attrgetter
from typing import Any

import numpy as np

#: (class, field) → why the machine code does not depend on it.
IRRELEVANT: Mapping[tuple[str, str], str] = {
    ("Schedule", "constants"): "code reads them through the call table; their sizes "
    "and dtypes are those of their buffers",
    ("Callback", "node"): "Python runs it; code hands over its number and buffers",
}
#: Types whose ``repr`` says all of a value.
PLAIN = (type(None), bool, int, float, complex, str, bytes, np.generic)

Writer = Callable[[Any], str]
#: The writers of the classes met so far.
_WRITERS: dict[type, Writer] = {}


def fingerprint(plan: object) -> str:
    """A hash of all that a plan says.

    Raises:
        TypeError: where it has a value that no writer here reads in full.
    """
    return hashlib.sha256(_text(plan).encode()).hexdigest()


def _text(value: Any) -> str:
    kind = type(value)
    writer = _WRITERS.get(kind)
    if writer is None:
        writer = _WRITERS[kind] = _writer(kind)
    return writer(value)


def _writer(kind: type) -> Writer:
    """What turns values of this class into text."""
    if issubclass(kind, PLAIN):
        return repr
    if issubclass(kind, Enum):
        return str
    if issubclass(kind, np.dtype):
        return attrgetter("str")
    if is_dataclass(kind):
        return _record(kind)
    if issubclass(kind, (tuple, list)):
        return _series(kind)
    if issubclass(kind, (set, frozenset)):
        return lambda value: f"{{{','.join(sorted(map(_text, value)))}}}"
    if issubclass(kind, Mapping):
        return lambda value: f"{{{','.join(map(_text, value.items()))}}}"
    raise TypeError(f"fingerprint: a {kind.__qualname__} is not read in full")


def _series(kind: type) -> Writer:
    # A named tuple says which it is.
    name = "" if kind in (tuple, list) else kind.__qualname__
    return lambda value: f"{name}({','.join(map(_text, value))})"


def _record(kind: type) -> Writer:
    name = kind.__qualname__
    names = [each.name for each in fields(kind) if (name, each.name) not in IRRELEVANT]
    if len(names) < 2:
        return lambda value: (
            f"{name}({','.join(_text(getattr(value, each)) for each in names)})"
        )
    values = attrgetter(*names)
    return lambda value: f"{name}({','.join(map(_text, values(value)))})"
