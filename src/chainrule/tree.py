"""Nested containers as a flat list of leaves and a hashable structure, and back.

Place on the road: below the graph. ``compile`` and ``scan`` take and return arguments
nested in tuples, named tuples, lists and dicts; everything else is a leaf. ``None``
holds no leaf. A ``defaultdict`` comes back as a plain dict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

#: ``None`` for a leaf; else (the container's type, its keys, the structures inside).
Structure = Any

#: What is taken apart, besides ``None``; their subclasses too.
CONTAINERS = (dict, tuple, list)


def flatten(value: Any) -> tuple[list[Any], Structure]:
    """The leaves in order, and the structure that ``unflatten`` puts them back into.

    Example:
        >>> leaves, structure = flatten({"b": (1, 2), "a": [3]})
        >>> leaves
        [3, 1, 2]
        >>> unflatten(structure, leaves)
        {'a': [3], 'b': (1, 2)}
    """
    leaves: list[Any] = []
    return leaves, _structure(value, leaves.append)


def _structure(value: Any, add: Callable[[Any], None]) -> Structure:
    if isinstance(value, dict):
        keys = tuple(sorted(value, key=_text))
        kind = dict if isinstance(value, defaultdict) else type(value)
        return kind, keys, tuple(_structure(value[key], add) for key in keys)
    if isinstance(value, (tuple, list)):
        return type(value), None, tuple(_structure(each, add) for each in value)
    if value is None:
        return type(None), None, ()
    add(value)
    return None


def _text(key: Any) -> str:
    """What keys are sorted by. Parameters stay as they come: the text of one is its
    value, and the order of a sum must not depend on that.
    """
    return "" if hasattr(key, "assign") else str(key)


def unflatten(structure: Structure, leaves: list[Any]) -> Any:
    """The nested containers with these leaves."""
    return _build(structure, iter(leaves))


def _build(structure: Structure, leaves: Iterator[Any]) -> Any:
    if structure is None:
        return next(leaves)
    kind, keys, inside = structure
    if kind is type(None):
        return None
    parts = [next(leaves) if each is None else _build(each, leaves) for each in inside]
    if kind is list:
        return parts
    if keys is not None:
        return kind(zip(keys, parts, strict=True))
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def describe(structure: Structure) -> str:
    """The structure as text, leaves as ``*``: ``(*, {'a': *})``."""
    if structure is None:
        return "*"
    kind, keys, inside = structure
    parts = [describe(each) for each in inside]
    if kind is type(None):
        return "None"
    if keys is not None:
        pairs = zip(keys, parts, strict=True)
        return "{" + ", ".join(f"{key!r}: {part}" for key, part in pairs) + "}"
    if issubclass(kind, list):
        return f"[{', '.join(parts)}]"
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
