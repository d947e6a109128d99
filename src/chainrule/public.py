"""What a module shows of itself: ``dir`` of it, and names that are imported when used.

Place on the road: below everything. A public module calls these functions at its end::

    advise(__name__, __all__, "nn.OPTIONS")
    __dir__ = listing(__all__)
    if not TYPE_CHECKING:  # type checkers read the imports, and still find wrong names
        __getattr__ = missing_names(__name__, advice="nn.NAMES")
"""

from __future__ import annotations

import gc
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any

from .collector import collector_paused
from .foreign import advised, no_name

#: The modules of the package are called so.
_OURS = __name__.split(".")[0]


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
    options: str | None = None,
    later: Mapping[str, Iterable[str]] | None = None,
) -> Callable[[str], Any]:
    """A package's ``__getattr__``, which Python calls for a name that is not there yet.

    Arguments:
        advice: the table of ``foreign`` for names that other libraries have.
        options: that for options of functions which are imported when first used.
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
        with collector_paused:
            if origin[name] == ".":
                return importlib.import_module(f".{name}", package)
            module = importlib.import_module(origin[name], package)
        _grow_old()
        value = getattr(module, name)
        setattr(sys.modules[package], name, value)  # so that it is looked for once
        if options is not None:
            advise(package, [name], options)
        return getattr(sys.modules[package], name)

    return find


def _grow_old() -> None:
    """Whatever is there is old to the garbage collector, which would otherwise look
    through all that was imported once more, as soon as it wakes up: 0.1 s for
    scikit-learn and what that imports. Full collections look at it as before.
    """
    if gc.isenabled() and not gc.get_freeze_count():  # what is frozen would thaw
        gc.freeze()
        gc.unfreeze()


def advise(module: str, names: Iterable[str], address: str) -> None:
    """Gives what a module offers errors with advice for wrong arguments, as ``advised``
    does: its functions, and the public methods of its classes.

    Arguments:
        module: its name.
        names: its public names; those that are not there yet are left out.
        address: the table of the options that such functions have elsewhere.

    Example:
        >>> from chainrule import losses
        >>> losses.mse([1.0], [1.0], size_average=True)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        chainrule.errors.OptionError: unknown option of mse 'size_average': ...
    """
    found = vars(sys.modules[module])
    for name in names:
        value = found.get(name)
        if isinstance(value, FunctionType):
            found[name] = _advised_function(value, address)
        elif isinstance(value, type) and not issubclass(value, Exception):
            for base in value.__mro__:
                if base.__module__.startswith(_OURS) and base.__name__ != "Node":
                    _advise_methods(base, address)
            if value.__init__ is object.__init__ and value.__new__ is object.__new__:
                _take_nothing(value, address)


def _take_nothing(kind: type, address: str) -> None:
    """Gives a class that has none a constructor, so that its name is in the error."""

    def __init__(self: object) -> None: ...

    __init__.__annotations__ = {}  # as the signature is of a class without one
    __init__.__qualname__ = f"{kind.__name__}.__init__"
    type.__setattr__(kind, "__init__", advised(address)(__init__))


def _advised_function(function: FunctionType, address: str) -> Callable[..., Any]:
    """The function with advice, in the module that defines it too."""
    if _is_advised(function) or not function.__module__.startswith(_OURS):
        return function
    checked = advised(address)(function)
    home = vars(sys.modules[function.__module__])
    if home.get(function.__name__) is function:
        home[function.__name__] = checked
    return checked


def _advise_methods(kind: type, address: str) -> None:
    """Gives the constructor and the public methods that a class defines advice.

    Of a layer not what is called to make and to use it: it says itself whose table its
    options have, and its call checks the arguments of ``forward``.
    """
    layer = hasattr(kind, "options_elsewhere")
    for name, method in list(vars(kind).items()):
        public = name in ("__init__", "__call__") or not name.startswith("_")
        if not (public and isinstance(method, FunctionType)) or _is_advised(method):
            continue
        if layer and name in ("__init__", "__call__", "forward"):
            continue
        if _takes_some(method) or layer or name == "__init__":
            type.__setattr__(kind, name, advised(address)(method))


def _takes_some(method: FunctionType) -> bool:
    """Whether a method takes arguments besides ``self``."""
    code = method.__code__
    any_number = bool(code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS))
    return code.co_argcount + code.co_kwonlyargcount + any_number > 1


def _is_advised(function: FunctionType) -> bool:
    return "__advised__" in vars(function)
