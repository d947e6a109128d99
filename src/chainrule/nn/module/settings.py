"""A setting of a layer after it was made: what can be changed, and what follows.

Place on the road: below ``Module``, whose assignments come here. A layer is made again
without values, with the one setting changed: its constructor checks the value, and says
what else depends on it. Where the shapes of its values would be others, the change is
refused.
"""

from __future__ import annotations

import sys
from typing import Any

from ...errors import ArgumentError
from ...variable import Variable
from ..arguments import without_values
from .part import Part


def with_setting(module: Part, name: str, value: Any) -> list[tuple[Any, str, Any]]:
    """What changes with a setting, checked by the constructor: (module, name, value) of
    the layer's own attributes and of those of its parts.

    Raises:
        ArgumentError: for a value that the constructor refuses, and for a setting that
            its parameters were made for.

    Example:
        >>> from chainrule import nn
        >>> with_setting(nn.Dropout(0.5), "p", 0)
        [(Dropout(p=0.5), 'p', 0.0)]
    """
    settings, kind = module.settings(), type(module)
    with without_values(sys.maxsize):
        before = kind.from_settings(settings)
        after = kind.from_settings({**settings, name: value})
    if _shapes(after) != _shapes(module):
        held = ", ".join(f"{path} {shape}" for path, shape in _shapes(module)[:3])
        raise ArgumentError(
            f"{kind.__name__}.{name} = {value!r}: its values have their shapes since "
            f"it was made: {held}",
            fix=f"make another layer: {kind.__name__}(…, {name}={value!r})",
        )
    parts = [dict(each.named_modules()) for each in (module, before, after)]
    return [
        (part, attribute, new)
        for path, part in parts[0].items()
        for attribute, new in _differing(parts[1].get(path), parts[2].get(path))
    ]


def _differing(before: object, after: object) -> list[tuple[str, Any]]:
    """The plain attributes that a layer has otherwise than another one."""
    if before is None or after is None or before is after:
        return []
    return [
        (name, new)
        for name, new in vars(after).items()
        if is_plain(new) and repr(vars(before).get(name)) != repr(new)
    ]


def is_plain(value: Any) -> bool:
    """Whether a value is a setting: no parameter or layer, and no list or dict, which
    may hold some.
    """
    held = (Variable, list, dict)
    return not isinstance(value, held) and not hasattr(value, "named_modules")


def _shapes(module: Part) -> list[tuple[str, Any]]:
    return [
        (f"{path}.{name}" if path else name, variable.shape)
        for path, part in module.named_modules()
        for name, variable in part.own_variables()
    ]
