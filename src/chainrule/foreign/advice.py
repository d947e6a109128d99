"""The errors for names and options of other libraries, made from the tables.

Place on the road: below everything, beside ``errors``; it knows none of the classes
that the tables are about. Classes and packages call it when Python has not found an
attribute, so the names in the tables cost nothing and do not exist: ``hasattr`` is
False. A table is imported with the first error that needs it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast

from ..errors import ArgumentError, ForeignNameError, OptionError, unknown_option

#: Advice that names one of our options: ``axis=-1``.
_OPTION = re.compile(r"(\w+)=")

#: The end of advice for an option that takes the same value under another name.
SAME_VALUE = "=…"

#: Another library's name → what to write here instead.
Table = Mapping[str, str]


def table(address: str) -> Table:
    """The table of an address: its file in ``tables``, a dot, its name there.

    Example:
        >>> table("data.SPLIT")["test_size"]
        'test=0.2'
    """
    file, _, name = address.partition(".")
    module = importlib.import_module(f"{__package__}.tables.{file}")
    return cast(Table, getattr(module, name))


def loss_called(name: object) -> str | None:
    """Our name of the loss that another library calls ``name``, or None.

    Example:
        >>> loss_called("CrossEntropyLoss"), loss_called("mean_squared_error")
        ('cross_entropy', 'mse')
    """
    plain = str(name).replace("_", "").replace("-", "").lower().removesuffix("loss")
    return table("losses.NAMES").get(plain)


def no_attribute(owner: object, name: str, address: str) -> Exception:
    """The error for an attribute that an object does not have.

    A name in the table at ``address`` gets that table's advice; any other gets Python's
    own error, which suggests the nearest name.

    Example:
        >>> print(no_attribute(object(), "backward", "package.TENSOR").what)
        object.backward: there is no such attribute here
    """
    kind = type(owner)
    if any(name in vars(base) for base in kind.__mro__):
        return _error_inside(owner, name)
    fix = None if name.startswith("_") else table(address).get(name)
    if fix:
        what = f"{kind.__name__}.{name}: there is no such attribute here"
        return ForeignNameError(what, fix=fix)
    text = f"{kind.__name__!r} object has no attribute {name!r}"
    return AttributeError(text, name=name, obj=owner)


def _error_inside(owner: object, name: str) -> Exception:
    """The error that the property ``name`` of an object raises."""
    try:
        object.__getattribute__(owner, name)
    except AttributeError as error:
        return error
    return AttributeError(name)


def no_name(package: str, name: str, address: str | None) -> Exception:
    """The error for a name that a package does not have.

    Names of losses are recognised in every package.

    Arguments:
        address: the table with advice, if the package has one.

    Example:
        >>> print(no_name("chainrule.nn", "MSELoss", "nn.NAMES").fix)
        losses.mse(predictions, targets), a function
    """
    fix = None
    if not name.startswith("_"):
        fix = table(address).get(name) if address else None
        loss = None if fix else loss_called(name)
        fix = f"losses.{loss}(predictions, targets), a function" if loss else fix
    if fix:
        short = package.replace("chainrule", "cr", 1)
        for inside, shown in (("random_numbers", "random"), ("training.", "")):
            short = short.replace(inside, shown)
        return ForeignNameError(f"{short}.{name}: there is no such name here", fix=fix)
    text = f"module {package!r} has no attribute {name!r}"
    return AttributeError(text, name=name, obj=sys.modules.get(package))


P = ParamSpec("P")
R = TypeVar("R")


def advised(address: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: an error for wrong arguments says which are right.

    Arguments:
        address: the table of the options that such functions have elsewhere.

    Example:
        >>> @advised("data.SPLIT")
        ... def split(data, *, test=0.2): ...
        >>> split(1, test_size=0.5)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        chainrule.errors.OptionError: unknown option of split 'test_size': ...
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        name = getattr(function, "__qualname__", "")
        name = name.removesuffix(".__init__").removesuffix(".__call__")

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except TypeError:
                called = name
                if args and function.__name__ == "__init__":  # it may be inherited
                    called = type(args[0]).__qualname__
                refused = wrong_arguments(function, called, address, args, kwargs)
                if refused is not None:
                    raise refused from None
                raise

        return _marked(checked)

    return decorate


def advised_layer(make: Callable[P, None]) -> Callable[P, None]:
    """``advised`` for the ``__init__`` of a layer, whose class names the table.

    The message names the class that was called, also where ``__init__`` is inherited.
    """

    @functools.wraps(make)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            make(*args, **kwargs)
        except TypeError:
            layer: Any = type(args[0])
            name, address = layer.__name__, layer.options_elsewhere
            refused = wrong_arguments(make, name, address, args, kwargs)
            if refused is not None:
                raise refused from None
            raise

    return _marked(checked)


def _marked(checked: Callable[P, R]) -> Callable[P, R]:
    """A function whose wrong arguments get advice, so that it is not given it twice."""
    vars(checked)["__advised__"] = True
    return checked


def wrong_arguments(
    function: Callable[..., Any],
    name: str,
    address: str,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Exception | None:
    """The error for arguments that a function does not take; None when it takes them,
    so that the failure was inside it.
    """
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        known = {
            key: parameter
            for key, parameter in signature.parameters.items()
            if key != "self"
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        }
        for key in kwargs:
            if key not in known and not known:
                what = f"{name}: option {key!r}: it takes none"
                return OptionError(what, fix=_advice(address, name, key, known))
            if key not in known:
                kind, fix = f"option of {name}", _advice(address, name, key, known)
                if fix and fix.endswith(SAME_VALUE):
                    fix = f"{fix.removesuffix('…')}{kwargs[key]!r}"
                return unknown_option(kind, key, known, fix)
        needed = [key for key, p in known.items() if p.default is p.empty]
        usual = f"{name}({', '.join(needed)}, …)" if needed else None
        fix = _advice(address, name, "", known) or usual
        return ArgumentError(f"{name}: {error}", fix=fix)
    return None


def _advice(
    address: str, name: str, key: str, known: Mapping[str, object]
) -> str | None:
    """What is written here instead of an option: by a table's own entry for the
    function, "mean(axes)", its entry for the option, or what is common to all.
    """
    own, short = table(address), name.rpartition(".")[2]
    found = own.get(f"{short}({key})") or own.get(key)
    if not found and key:
        found = table("options.COMMON").get(key)
    option = _OPTION.match(found or "")
    return None if option and option[1] not in known else found
