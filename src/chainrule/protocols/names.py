"""Functions of the package by the names that NumPy has for them.

Place on the road: below the tensors. Names are looked up in the package when somebody
calls them, so that no table has to follow what is added there.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import ChainruleError, DTypeError
from ..foreign import table

#: NumPy's module → ours with the same names, and the table of advice for others.
MODULES: Mapping[str, tuple[str, str]] = {
    "numpy": ("chainrule", "package.NAMES"),
    "numpy.linalg": ("chainrule.linalg", "linalg.NAMES"),
}

#: Where functions of tensors are; other public names, such as ``trace``, mean something
#: else than NumPy's.
ROOMS = ("chainrule.ops.", "chainrule.arrays.", "chainrule.linalg.")


def package() -> Any:
    """The public package, whose names are looked up when they are needed."""
    return importlib.import_module("chainrule")


@functools.cache
def own(module: str, name: str) -> Callable[..., Any] | None:
    """Our function of tensors that NumPy has under this name, or None.

    Example:
        >>> own("numpy", "mean").__module__
        'chainrule.ops.composed'
        >>> own("numpy", "trace") is None  # ours traces a graph
        True
    """
    if module not in MODULES:
        return None
    home = importlib.import_module(MODULES[module][0])
    if name not in home.__all__:
        return None
    found: Any = getattr(home, name)
    where = str(getattr(found, "__module__", ""))
    return found if callable(found) and where.startswith(ROOMS) else None


@functools.cache
def parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a function by name."""
    return inspect.signature(function).parameters


def no_function(called: str, tensors: list[Any]) -> ChainruleError:
    """The error for a function that tensors do not have.

    Arguments:
        called: what was called, ``np.fft.fft``.
        tensors: those among its arguments.
    """
    module, _, name = called.rpartition(".")
    module = module.replace("np", "numpy", 1)
    shown = " and ".join(dict.fromkeys(each.describe() for each in tensors)) or "()"
    advice = table(MODULES[module][1]).get(name) if module in MODULES else None
    return DTypeError(
        f"{called}: {shown}: there is no such function of tensors",
        fix=advice or f"{called}(x.numpy()) is an array, without a gradient",
    )
