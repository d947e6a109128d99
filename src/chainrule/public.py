"""What a module shows of itself: ``dir`` of it, and names that are imported when used.

Place on the road: below everything. A public module calls these functions at its end::

    __dir__ = listing(__all__)
    if not TYPE_CHECKING:  # type checkers read the imports, and still find wrong names
        __getattr__ = missing_names(__name__, advice="nn.NAMES")
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .foreign import no_name


def listing(names: Iterable[str]) -> Callable[[], list[str]]:
    """A module's ``__dir__``: these names, and neither its imports nor its helpers.

    Example:
        >>> listing(["b", "a"])()
        ['a', 'b']
    """
    shown = sorted(names)
    return lambda: list(shown)


def missing_names(
    package: str,
    *,
    advice: str | None = None,
    later: Mapping[str, Iterable[str]] | None = None,
) -> Callable[[str], Any]:
    """A package's ``__getattr__``, which Python calls for a name that is not there yet.

    Arguments:
        advice: the table of ``foreign`` for names that other libraries have.
        later: names that are imported when first used: module → names in it, as in
            ``from module import names``; under ``"."`` modules of the package.

    Example:
        >>> missing_names("chainrule", later={".": ["losses"]})("losses").__name__
        'chainrule.losses'
    """
    origin = {name: module for module, names in (later or {}).items() for name in names}

    def find(name: str) -> Any:
        if name not in origin:
            raise no_name(package, name, advice)
        if origin[name] == ".":
            return importlib.import_module(f".{name}", package)
        module = importlib.import_module(origin[name], package)
        value = getattr(module, name)
        setattr(sys.modules[package], name, value)  # so that it is looked for once
        return value

    return find
